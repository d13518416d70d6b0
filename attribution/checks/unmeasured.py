"""How strong something that nobody measured would have to be, beside what was measured."""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.core.panel import Panel
from attribution.errors import AttributionError
from attribution.inference.robustness import robustness
from attribution.inference.rosenbaum import pairs_of, rosenbaum
from attribution.inference.unmeasured import Robustness

UNMEASURED = Rule(
    "unmeasured_confounding",
    "something as strong as the strongest measured covariate leaves an effect that is told from 0 (warn otherwise)",
    "Cinelli & Hazlett (2020); VanderWeele & Ding (2017); Rosenbaum (2002)",
)

REMEDY = "measure what could be so strong and adjust for it, or name in the limits what it may be"


def unmeasured_confounding(evidence: Evidence) -> Finding:
    """Compare what would undo the effect with the strongest covariate that was measured.

    Nothing here shows that no such influence exists: passing says how strong it would have to be.
    """
    estimate, panel = evidence.estimate, evidence.panel
    if estimate is None:
        return UNMEASURED.waits(evidence, "no data to look at")
    if panel is None:
        return UNMEASURED.skipped("no data to compare what was measured with")
    if "effect" not in estimate.terms:
        return UNMEASURED.skipped("there is no effect to doubt")
    at_random = evidence.design is not None and evidence.design.assignment.mechanism == "random"
    if at_random and (estimate.estimand == "ITT" or panel.units.assigned is None):
        return UNMEASURED.skipped("assigned at random: what nobody measured differs between the arms by chance alone")
    if evidence.cohort is not None and panel.cohort is None:
        panel = panel.with_cohort(evidence.cohort)
    try:
        found = robustness(estimate, panel)
    except AttributionError as error:
        return UNMEASURED.skipped(error.what)
    observed = _observed(found, _gamma(estimate, panel))
    if 0.0 in found.interval:
        return UNMEASURED.finding(
            "skipped",
            observed,
            "the effect is not told from 0 even without anything unmeasured: there is nothing to undo",
        )
    one = found.strongest
    if one is None:
        return UNMEASURED.finding(
            "skipped",
            observed,
            "nothing measured is adjusted for, so that no covariate says how strong an influence is likely",
        )
    times, untold = found.times(), found.times_of_interval()
    if times <= 1:
        return UNMEASURED.finding(
            "warn",
            observed,
            f"something unmeasured as strong as {one.covariate} would undo the effect ({times:.2g} times is enough)",
            REMEDY,
        )
    if untold <= 1:
        return UNMEASURED.finding(
            "warn",
            observed,
            f"with something unmeasured as strong as {one.covariate} the effect would no longer be told from 0 "
            f"({untold:.2g} times is enough)",
            REMEDY,
        )
    if not np.isfinite(times):
        return UNMEASURED.finding(
            "pass", observed, f"no multiple of {one.covariate}, the strongest measured covariate, would undo the effect"
        )
    until = f" and {untold:.2g} times as strong for it not to be told from 0" if np.isfinite(untold) else ""
    return UNMEASURED.finding(
        "pass",
        observed,
        f"something unmeasured would have to be {times:.2g} times as strong as {one.covariate}, the strongest measured "
        f"covariate, to undo the effect{until}; that nothing is, this does not show",
    )


def _observed(found: Robustness, gamma: float) -> str:
    parts = [f"robustness value {found.value:.1%}"]
    if np.isfinite(found.value_of_interval):
        parts[0] += f" ({found.value_of_interval:.1%} of the interval)"
    e_value = found.e_value
    if np.isfinite(e_value.point):
        parts.append(f"E-value {e_value.point:.2f}")
        if np.isfinite(e_value.limit):
            parts[-1] += f" ({e_value.limit:.2f} of the interval)"
    if np.isfinite(gamma):
        parts.append(f"pairs stand a hidden bias of {gamma:.2f}")
    one = found.strongest
    if one is not None:
        parts.append(
            f"strongest measured: {one.covariate}, {one.strength_trained:.1%} of training and "
            f"{one.strength_outcome:.1%} of the KPI"
        )
    if abs(found.fitted.coefficient - found.effect) > found.std_error:
        parts.append(
            f"the regression that gives the scale has an effect of {found.fitted.coefficient:.4g}, the estimate one of "
            f"{found.effect:.4g}"
        )
    return "; ".join(parts)


def _gamma(estimate: Estimate, panel: Panel) -> float:
    """Return the bias that matched pairs stand; NaN where there are no pairs, or clusters of them were assigned."""
    pairs = pairs_of(panel)
    if pairs is None:
        return float("nan")
    inside = np.concatenate(pairs)
    if len(np.unique(panel.units.cluster[inside])) < len(inside):
        return float("nan")
    return rosenbaum(panel, baseline=estimate.n.baseline, followup=estimate.n.followup).critical
