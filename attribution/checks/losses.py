"""Who is missing from the comparison, and is anybody missing more from one arm?"""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.display import number, signed
from attribution.core.finding import Finding
from attribution.core.flow import Flow

LOST = Rule(
    "units_lost",
    "at most 5% of either arm without a KPI in both windows",
    "house rule: the effect speaks for the measured units alone",
)

GAP = Rule(
    "observation_gap",
    "arms observed within 10 points of each other in every period, and composition below .25 SE of the effect",
    "docs/methods/did.md: absent months",
)


def units_lost(evidence: Evidence) -> Finding:
    """Count the units of each arm that were not measured in both windows, and everybody else left out."""
    estimate = evidence.estimate
    if estimate is None:
        return LOST.waits(evidence, "no data to count units in")
    flow = estimate.n
    offered = estimate.estimand == "ITT"
    who = "assigned" if offered else "trained"
    measured, compared = flow.trained.units, flow.control.units
    lost = without_kpi(flow, who)
    silent = without_kpi(flow, *(("not assigned",) if offered else ("never trained", "trained later")))
    trained, others = measured + lost, compared + silent
    arms = f"{measured} of {trained} {who}" + (f" and {compared} of {others} compared" if others else "")
    observed = f"{arms} measured, {flow.units_left_out} left out in all"
    if evidence.panel is not None and evidence.panel.counts.switched_off:
        observed += f"; {evidence.panel.counts.switched_off} stop being marked as trained after they started"
    thin, few = lost > 0.05 * trained, silent > 0.05 * others
    if thin or few:
        message = f"the comparison is {compared} of {others} units; the other {silent} have no KPI in both windows"
        if thin:
            beside = f", compared with {compared} of {others} not {who}" if few else ""
            rest = "the others" if few else f"the other {lost}"
            message = f"the effect speaks for {measured} of the {trained} {who}{beside}; nothing is known about {rest}"
        return LOST.finding("warn", observed, message, "find the missing KPI values, or say whom the result speaks for")
    everyone = "all units are measured" if not lost + silent else "nearly all units are measured"
    return LOST.finding("pass", observed, f"{everyone} in both windows")


def without_kpi(flow: Flow, *arms: str) -> int:
    """Return how many units of an arm did not enter for want of KPI values, whatever else left others out."""
    return sum(part.units for part in flow.left_out if part.arm in arms and "KPI value" in part.reason)


def observation_gap(evidence: Evidence) -> Finding:
    """Compare the share of units observed by arm, period by period."""
    estimate = evidence.estimate
    if estimate is None:
        return GAP.waits(evidence, "no data to compare observation in")
    if not estimate.n.control.units:
        return GAP.skipped(f"{estimate.method} has no comparison")
    coverage = estimate.n.coverage
    if np.isnan(coverage.trained).all() or np.isnan(coverage.control).all():
        return GAP.skipped("every row is somebody else, so that nobody can be missing from a period")
    gap, period = coverage.largest_gap()
    observed = f"largest gap {100 * gap:.0f} points" + (f", in {period}" if gap else "")
    if gap > 0.10 + 1e-9:
        place = coverage.periods.index(period)
        return GAP.finding(
            "warn",
            observed,
            f"the KPI of {period} is known for {coverage.trained[place]:.0%} of the trained and "
            f"{coverage.control[place]:.0%} of the comparison; the effect takes the rest as missing at random",
            "find out who is missing and why; leave the period out if it cannot be mended",
        )
    moved = estimate.n.composition
    error = estimate.std_error("effect") if "effect" in estimate.terms else float("nan")
    if abs(moved) > 0.25 * error:
        return GAP.finding(
            "warn",
            f"{observed}; composition {signed(moved)}",
            f"about {number(abs(moved))} of the effect, in KPI units, comes from who of the comparison was observed "
            "when: those absent in a period differ in level from those seen",
            "find out who is missing and why; leave the period out, or compare with units that were always observed",
        )
    return GAP.finding("pass", observed, "both arms are observed alike")
