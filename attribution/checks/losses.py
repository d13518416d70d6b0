"""Who is missing from the comparison, and is anybody missing more from one arm?"""

from __future__ import annotations

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding

LOST = Rule(
    "units_lost",
    "at most 5% of the trained without a KPI in both windows",
    "house rule: the effect speaks for the measured units alone",
)

GAP = Rule(
    "observation_gap",
    "arms observed within 10 points of each other in every period",
    "docs/methods/did.md: absent months",
)


def units_lost(evidence: Evidence) -> Finding:
    """Count trained units that were not measured in both windows, and everybody else left out."""
    estimate = evidence.estimate
    if estimate is None:
        return LOST.skipped("no data to count units in")
    flow = estimate.n
    measured, trained = flow.trained.units, flow.trained_in_window
    lost = trained - measured
    compared = f"{flow.control.units} compared, {flow.units_left_out} left out in all"
    observed = f"{measured} of {trained} trained measured, {compared}"
    if lost > 0.05 * trained:
        return LOST.finding(
            "warn",
            observed,
            f"the effect speaks for {measured} of the {trained} trained; nothing is known about the other {lost}",
            "find the missing KPI values, or say whom the result speaks for",
        )
    return LOST.finding(
        "pass", observed, "nearly all trained units are measured" if lost else "all trained are measured"
    )


def observation_gap(evidence: Evidence) -> Finding:
    """Compare the share of units observed by arm, period by period."""
    estimate = evidence.estimate
    if estimate is None:
        return GAP.skipped("no data to compare observation in")
    if not estimate.n.control.units:
        return GAP.skipped(f"{estimate.method} has no comparison")
    gap, period = estimate.n.coverage.largest_gap()
    observed = f"largest gap {100 * gap:.0f} points" + (f", in {period}" if gap else "")
    if gap > 0.10 + 1e-9:
        return GAP.finding(
            "warn",
            observed,
            "one arm is missing more often than the other in a period; the effect takes it as missing at random",
            "find out who is missing and why; leave the period out if it cannot be mended",
        )
    return GAP.finding("pass", observed, "both arms are observed alike")
