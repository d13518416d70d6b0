"""Is there somebody to compare every unit with, and how few units carry the comparison?"""

from __future__ import annotations

from attribution.checks.evidence import Evidence, Rule
from attribution.core.arms import CONTROL, TRAINED
from attribution.core.finding import Finding
from attribution.diagnostics.comparison import comparison
from attribution.diagnostics.overlap import Outside, overlap
from attribution.diagnostics.weights import ArmWeights, arm_weights
from attribution.errors import MethodError

OVERLAP = Rule(
    "overlap",
    "ATT: no trained unit above .9 or beyond the controls; ATE: propensities within .1 to .9",
    "Crump, Hotz, Imbens & Mitnik (2009), Biometrika 96; for the ATT, house rule",
)

SIZE = Rule(
    "effective_sample_size",
    "weights leave at least half as many effective units as there are trained, and no unit more than 10% of its arm",
    "Kish (1965), Survey Sampling; thresholds, house rule",
)

NAMED = 5
"""How many units a finding names."""


def common_support(evidence: Evidence) -> Finding:
    """Name the units of the cohort that have nobody like them in the other arm."""
    on = OVERLAP.with_cohort(evidence)
    if isinstance(on, Finding):
        return on
    panel, cohort = on
    if cohort.propensity is None and not cohort.labels:
        return OVERLAP.skipped("the weights are given, without covariates whose overlap could be looked at")
    try:
        found = overlap(panel, cohort)
    except MethodError as error:
        return OVERLAP.finding(
            "warn",
            "no propensity",
            f"{error.what}; only the cohort’s own rule says who is alike",
            error.remedy,
        )
    low, high = found.common
    observed = f"common range {low:.3f} to {high:.3f}" if low <= high else "no common range of propensities"
    observed += f"; {len(found.outside)} of {int((found.weights > 0).sum()):,} units outside"
    if cohort.estimand == "ATO":
        return OVERLAP.finding("pass", observed, "overlap weights fade out whoever has no counterpart")
    if not found.outside:
        return OVERLAP.finding("pass", observed, "everybody has somebody to be compared with")
    count = len(found.outside)
    who = "trained" if cohort.estimand != "ATE" else "unit" if count == 1 else "units"
    return OVERLAP.finding(
        "warn",
        observed,
        f"{count:,} {who} {'has' if count == 1 else 'have'} hardly anybody like them in the other arm: "
        + _named(found.outside),
        "restate the effect for those within .1 to .9, or weight for the overlap (ATO)"
        if cohort.estimand == "ATE"
        else "leave them out by a caliper and say whom the effect then speaks for, or weight for the overlap (ATO)",
    )


def _named(outside: tuple[Outside, ...]) -> str:
    said = ", ".join(f"{one.unit} ({one.propensity:.3f}, {one.why})" for one in outside[:NAMED])
    return said + (f" and {len(outside) - NAMED:,} more" if len(outside) > NAMED else "")


def effective_sample_size(evidence: Evidence) -> Finding:
    """Count the effective units of the weighted comparison, and look for units that carry it alone."""
    on = SIZE.with_cohort(evidence)
    if isinstance(on, Finding):
        return on
    panel, cohort = on
    arms = comparison(panel, cohort)
    trained, control = arm_weights(arms, TRAINED), arm_weights(arms, CONTROL)
    # The trained stand for themselves in an effect on the trained; in all others both arms are a weighted comparison.
    weighted = (control,) if cohort.estimand == "ATT" else (trained, control)
    observed = "; ".join(
        f"{one.arm}: {one.effective:,.1f} effective of {one.weighted:,}, largest share {one.heaviest[0][1]:.1%}"
        for one in (trained, control)
    )
    half = 0.5 * trained.weighted
    small = [one for one in weighted if one.effective < half]
    if small:
        one = min(small, key=lambda arm: arm.effective)
        return SIZE.finding(
            "warn",
            observed,
            f"the {one.weighted:,} {_plural(one)} with a weight tell as much as {one.effective:,.1f} would, fewer than "
            f"half of the {trained.weighted:,} trained",
            "the interval counts it; find more units like the trained, or weight for the overlap (ATO)",
        )
    heavy = [one for one in (trained, control) if one.heaviest[0][1] > 0.10 and not one.even]
    if heavy:
        one = max(heavy, key=lambda arm: arm.heaviest[0][1])
        label, share = one.heaviest[0]
        return SIZE.finding(
            "warn",
            observed,
            f"{label} alone is {share:.0%} of the weight of the {_plural(one)}: the result leans on one unit",
            "look at its data, and repeat the analysis without it",
        )
    return SIZE.finding("pass", observed, "no few units carry the comparison")


def _plural(one: ArmWeights) -> str:
    return "controls" if one.arm == "control" else "trained"
