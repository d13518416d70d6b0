"""Did the cohort make the arms alike, whom did it leave out, and were its covariates known before the training?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.checks.evidence import Evidence, Rule
from attribution.core.arms import CONTROL, TRAINED, adoption_arms
from attribution.core.display import number
from attribution.core.finding import Finding
from attribution.diagnostics.balance import CLOSE, FAR, Balance, BalanceRow, balance
from attribution.diagnostics.lost import lost

BALANCE = Rule(
    "cohort_balance",
    "after the cohort |SMD| < .1; to .25 warn; above fail; variance ratios .5 to 2",
    "Austin (2009), Statistics in Medicine 28; Stuart (2010), Statistical Science 25; Rubin (2001)",
)

DROPPED = Rule(
    "trained_dropped",
    "every trained unit that has a KPI is in the cohort",
    "house rule: the effect speaks for the trained that are compared",
)

BEFORE = Rule(
    "measured_before",
    "covariates known before adoption, of the trained as often as of the controls (within 10 points)",
    "Rosenbaum (1984), Journal of the Royal Statistical Society A 147; the 10 points: house rule",
)

RATIOS = (0.5, 2.0)

MOST = 6
"""How many variables or units a finding names."""


def cohort_balance(evidence: Evidence) -> Finding:
    """Judge how alike the arms are after the cohort, by every covariate that it used and its propensity."""
    on = BALANCE.with_cohort(evidence)
    if isinstance(on, Finding):
        return on
    panel, cohort = on
    found = balance(panel, cohort)
    if not found.rows:
        return BALANCE.skipped("the weights are given, and the panel has no covariates to judge them by")
    known = [row for row in found.rows if np.isfinite(row.after.smd)]
    if not known:
        return BALANCE.finding(
            "warn",
            "no difference can be computed",
            "no covariate varies enough to say how alike the arms are",
            "name covariates that differ between people, measured before the training",
        )
    observed = _observed(found, known)
    worst = max(known, key=lambda row: abs(row.after.smd))
    size = abs(worst.after.smd)
    if size > FAR:
        return BALANCE.finding(
            "fail",
            observed,
            f"after the cohort the arms still differ by {size:.2f} standard deviations in {worst.variable}"
            + _before(worst),
            "match within a caliper or with replacement, exactly on what differs, or weight (entropy balancing makes "
            "means equal); where nobody is alike, choose another comparison",
        )
    far = [row.variable for row in known if abs(row.after.smd) >= CLOSE]
    if far:
        adjusted = set() if evidence.estimate is None else set(evidence.estimate.adjusted)
        closer = "make the cohort closer: a narrower caliper, replacement, or weights"
        return BALANCE.finding(
            "warn",
            observed,
            f"after the cohort the arms differ by up to {size:.2f} standard deviations in {_listed(far)}; "
            + ("the regression takes out what is linear in that" if adjusted else "nothing adjusts for what is left"),
            closer if adjusted else f"adjust for it as well, by regression, or {closer}",
        )
    spread = [row.variable for row in found.rows if _apart(row.after.variance_ratio)]
    if spread:
        return BALANCE.finding(
            "warn",
            observed,
            f"means are alike, but not the spread of {_listed(spread)}: the tails of the arms are not compared with "
            "each other",
            "balance squares too (entropy with moments = 2), or match on what differs",
        )
    return BALANCE.finding("pass", observed, f"the arms are alike in all {len(known)} columns of the cohort")


def _apart(ratio: float) -> bool:
    return bool(np.isfinite(ratio)) and not RATIOS[0] <= ratio <= RATIOS[1]


def _before(row: BalanceRow) -> str:
    return f" ({abs(row.before.smd):.2f} before)" if np.isfinite(row.before.smd) else ""


def _observed(found: Balance, known: list[BalanceRow]) -> str:
    """Return the largest differences, those beyond the threshold or else the largest alone, and the variance ratios."""
    order = sorted(known, key=lambda row: -abs(row.after.smd))
    beyond = [row for row in order if abs(row.after.smd) >= CLOSE]
    shown = beyond[:MOST] or order[:1]
    said = "; ".join(f"{row.variable} {_signed(row.after.smd)}" for row in shown)
    more = f"; {len(beyond) - MOST} more beyond {CLOSE:g}" if len(beyond) > MOST else ""
    ratios = [row.after.variance_ratio for row in found.rows if np.isfinite(row.after.variance_ratio)]
    between = f"; variance ratios {min(ratios):.2f} to {max(ratios):.2f}" if ratios else ""
    return f"SMD after: {said}{more}{between}"


def trained_dropped(evidence: Evidence) -> Finding:
    """Count the trained whom the cohort left out, and say what differs most between them and those kept."""
    on = DROPPED.with_cohort(evidence)
    if isinstance(on, Finding):
        return on
    panel, cohort = on
    found = lost(panel, cohort)
    silent = sum(one.units for one in found.reasons if "KPI value" in one.reason)
    count, everyone = found.lost - silent, found.kept + found.lost - silent
    observed = f"{count:,} of {everyone:,} trained left out"
    if silent:
        observed += f", beside {silent:,} without a KPI value"
    if not count:
        return DROPPED.finding("pass", observed, "the effect speaks for all trained that were measured")
    reasons = [one for one in found.reasons if "KPI value" not in one.reason]
    if reasons:
        observed += ": " + "; ".join(f"{one.units:,} {one.reason}" for one in reasons)
    message = f"the effect speaks for {found.kept:,} of {everyone:,} trained ({found.kept / everyone:.0%})"
    most = found.most
    if most is not None:
        message += (
            f"; those left out differ most in {most.variable}, by {_signed(most.smd)} standard deviations "
            f"({number(most.lost, 4)} against {number(most.kept, 4)})"
        )
    return DROPPED.finding(
        "warn",
        observed,
        message,
        "say whom the effect speaks for; a wider caliper, replacement or weights keep more of the trained",
    )


def measured_before(evidence: Evidence) -> Finding:
    """Look whether the covariates used were known before adoption, as far as the data can tell."""
    panel, cohort, estimate = evidence.panel, evidence.made_with, evidence.estimate
    if panel is None:
        return BEFORE.skipped("no data to read covariates from")
    named = [*(() if cohort is None else cohort.covariates), *(() if estimate is None else estimate.adjusted)]
    parts = dict.fromkeys(
        part for name in named for part in ([name] if name in panel.units.covariates else name.split(":"))
    )
    names = [name for name in parts if name in panel.units.covariates]
    if not names:
        # A cohort that is declared and not made yet will use some.
        declared = evidence.design is not None and len(evidence.design.cohort) > 0
        early = declared and cohort is None and estimate is None
        return BEFORE.skipped("the follow-up is not over" if early else "no covariate is used")
    if panel.kind == "cross_section":
        return BEFORE.skipped(
            f"one row per unit: nothing in the data says when {_listed(names)} was measured; say it in the limits"
        )
    if panel.kind != "panel":
        return BEFORE.skipped("every row is somebody else, whose covariates are of its own period")
    # Everyone of an arm, whatever is missing: who lacks a value may be no candidate for that very reason.
    code = adoption_arms(panel) if cohort is None or cohort.arms is None else cohort.arms
    shares = {name: _known(panel.units.covariates[name], code) for name in names}
    worst = max(shares, key=lambda name: shares[name][1] - shares[name][0])
    trained, control = shares[worst]
    observed = f"known before adoption: {worst}, of {trained:.0%} of the trained and {control:.0%} of the controls"
    if control - trained > 0.10 + 1e-9:
        return BEFORE.finding(
            "warn",
            observed,
            f"{worst} is known before adoption of {trained:.0%} of the trained and {control:.0%} of the controls: it "
            "may have been recorded after the training, which can move it",
            "use what was recorded before the training for everybody, or leave the covariate out",
        )
    return BEFORE.finding(
        "pass",
        observed,
        "covariates are read from periods before each unit’s adoption; what the file wrote back into earlier rows "
        "cannot be told",
    )


def _known(values: NDArray[Any], code: NDArray[np.int8]) -> tuple[float, float]:
    """Return the shares of the trained and of the controls with a value; 1 for an arm without units."""
    known = ~np.asarray(pd.isna(values))
    arms = [known[code == arm] for arm in (TRAINED, CONTROL)]
    trained, control = (float(arm.mean()) if len(arm) else 1.0 for arm in arms)
    return trained, control


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
