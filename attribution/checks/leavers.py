"""Was the list of people fixed before anybody could drop off it, and what could those who left hide?"""

from __future__ import annotations

import datetime

import numpy as np

from attribution.checks.attrition import boundaries
from attribution.checks.effects import ends_said, level_of
from attribution.checks.evidence import Evidence, Rule
from attribution.core.display import signed
from attribution.core.finding import Finding
from attribution.core.periods import PeriodLength, period_end, period_start
from attribution.diagnostics.leavers import Leavers, leavers_of
from attribution.errors import DataError, MethodError
from attribution.inference.lee import LeeBounds, lee_bounds

ROSTER = Rule(
    "roster_frozen",
    "the list of everybody assigned is frozen by the launch",
    "Schulz, Altman & Moher (2010), CONSORT 2010: flow of participants; Hollis & Campbell (1999): intention to treat",
)

LEAVERS = Rule(
    "leavers",
    "leavers differ between arms by no more than WWC's cautious boundary; Lee's bounds tell the effect from 0 as well",
    "Lee (2009), Rev. Econ. Stud. 76; What Works Clearinghouse (2022), Handbook 5.0",
)

FIND = "find the KPI of those who left; else claim the effect on those who stay alone, with its bounds"


def roster_frozen(evidence: Evidence) -> Finding:
    """Ask when the list of people was frozen: whoever drops off before that is in no count."""
    design = evidence.design
    if design is None:
        return ROSTER.skipped("no design says who was on the list")
    frozen, launch, length = design.assignment.roster_frozen, design.timing.launch, design.timing.period
    if frozen is None:
        return ROSTER.finding(
            "warn",
            "not declared",
            "nothing says when the list of those to be trained, and of those not, was frozen: who drops off it in time "
            "is in no count",
            "freeze the list at assignment, keep it, and write its date: roster_frozen in [assignment]",
        )
    try:
        first, last = _days(launch, length)
    except DataError:
        return ROSTER.skipped(f"the launch is {launch}, a counter without a date to compare {frozen} with")
    observed = f"frozen {frozen}, launch {launch}"
    if frozen <= first:
        return ROSTER.finding("pass", observed, "the list was frozen by the launch: whoever leaves later is counted")
    if frozen <= last:
        return ROSTER.finding(
            "warn",
            observed,
            "the list was frozen within the period of the launch: who dropped off in its first days may be missing",
            "write the launch as a date, or rebuild the list as it stood on the day before",
        )
    return ROSTER.finding(
        "fail",
        observed,
        "the list was frozen after the launch: who gave up early is not on it, so that those on it are picked by what "
        "came of the training",
        "rebuild the list as it stood at assignment, from the invitations or the payroll of that day",
    )


def _days(launch: int | datetime.date | str, length: PeriodLength) -> tuple[datetime.date, datetime.date]:
    if type(launch) is datetime.date:
        return launch, launch
    return period_start(launch, length), period_end(launch, length)


def leavers(evidence: Evidence) -> Finding:
    """Compare who left each arm, and bound the effect on those who stay (Lee)."""
    estimate, panel = evidence.estimate, evidence.panel
    if estimate is None or panel is None:
        return LEAVERS.waits(evidence, "no data to see in who left")
    if estimate.rows == "periods" or not estimate.n.control.units:
        return LEAVERS.skipped(f"{estimate.method} compares no two arms")
    found = leavers_of(panel, estimate)
    if found is None:
        return LEAVERS.skipped("the data follow nobody from before the training until after it")
    overall = 100 * sum(found.gone) / sum(found.sizes)
    apart = 100 * abs(found.rates[0] - found.rates[1])
    allowed = boundaries(overall)[0]
    arms = ("assigned", "not assigned") if estimate.estimand == "ITT" else ("trained", "others")
    observed = ", ".join(
        f"{gone} of {size} {arm} left" for arm, gone, size in zip(arms, found.gone, found.sizes, strict=True)
    )
    observed += f": {apart:.1f} points apart, " + ("none allowed" if np.isnan(allowed) else f"{allowed:.1f} allowed")
    if not sum(found.gone):
        return LEAVERS.finding("pass", observed, "everybody who was measured before was measured after")
    bounds = _bounds(evidence, found)
    undone = False
    if not isinstance(bounds, str):
        level, effect = level_of(evidence), estimate.interval(level_of(evidence))
        ends = bounds.interval(level)
        observed += f"; bounds {signed(bounds.low)} to {signed(bounds.high)}, with their interval {ends_said(ends)}"
        undone = effect.kind == "bounded" and 0.0 not in effect and (ends.kind == "undefined" or 0.0 in ends)
    else:
        observed += f"; no bounds: {bounds}"
    if undone:
        return LEAVERS.finding(
            "warn",
            observed,
            "the effect is told from 0 only if those who left were like those who stayed: if they were the best or the "
            "worst of their arm, it may be none",
            FIND,
        )
    if np.isnan(allowed) or apart > allowed:
        more, fewer = arms if found.rates[0] > found.rates[1] else arms[::-1]
        return LEAVERS.finding(
            "warn",
            observed,
            f"more of the {more} left than of the {fewer}, by {apart:.1f} points: those who stayed are less alike",
            FIND,
        )
    return LEAVERS.finding("pass", observed, "few left, and about as many of both arms")


def _bounds(evidence: Evidence, found: Leavers) -> LeeBounds | str:
    """Return the bounds of the plain comparison of changes, or why there are none."""
    panel, estimate = evidence.panel, evidence.estimate
    assert panel is not None
    assert estimate is not None
    if found.change is None:
        return "a rollout has no one window after"
    if evidence.made_with is not None:
        return "the cohort was made of those who stayed"
    if "effect" not in estimate.terms:
        return "there is no effect to bound"
    everybody = found.trained | found.control
    try:
        return lee_bounds(
            np.nan_to_num(found.change[everybody]),
            trained=found.trained[everybody],
            stayed=found.stayed[everybody],
            clusters=panel.units.cluster[everybody],
            weights=panel.units.weight[everybody],
        )
    except MethodError as error:
        return error.what
