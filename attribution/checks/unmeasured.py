"""How strong something that nobody measured would have to be, beside what was measured."""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.display import number
from attribution.core.finding import Finding
from attribution.core.panel import Panel
from attribution.errors import AttributionError
from attribution.inference.robustness import robustness
from attribution.inference.rosenbaum import RosenbaumBounds, pairs_of, rosenbaum
from attribution.inference.unmeasured import Robustness

UNMEASURED = Rule(
    "unmeasured_confounding",
    "something as strong as the strongest measured covariate leaves an effect that is told from 0 (warn otherwise)",
    "Cinelli & Hazlett (2020); VanderWeele & Ding (2017); Rosenbaum (2002); once the strongest: house rule",
)

REMEDY = "measure what could be so strong and adjust for it, or name in the limits what it may be"


def unmeasured_confounding(evidence: Evidence) -> Finding:
    """Compare what would undo the effect with the strongest covariate that was measured.

    Nothing here shows that no such influence exists: passing says how strong it would have to be.
    """
    estimate, panel = evidence.estimate, evidence.panel
    if estimate is None:
        return UNMEASURED.waits(evidence, "no data to look at")
    found = doubted(evidence)
    if isinstance(found, str) or panel is None:
        return UNMEASURED.skipped(str(found))
    pairs = hidden_bias(evidence)
    observed = _observed(found, float("nan") if pairs is None else pairs.critical)
    if 0.0 in found.interval:
        return UNMEASURED.skipped(
            f"the effect is not told from 0 even without anything unmeasured: there is nothing to undo ({observed})"
        )
    one = found.strongest
    if one is None:
        return UNMEASURED.skipped(
            f"nothing measured is adjusted for: no covariate says how strong an influence is likely ({observed})"
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
            f"the regression that gives the scale has an effect of {number(found.fitted.coefficient, 4)}, the estimate "
            f"one of {number(found.effect, 4)}"
        )
    return "; ".join(parts)


def doubted(evidence: Evidence) -> Robustness | str:
    """Return how robust an effect is to what was not measured, at the design's level; or why that is no question."""
    estimate, panel, design = evidence.estimate, evidence.panel, evidence.design
    if estimate is None or panel is None:
        return "no data to compare what was measured with"
    if "effect" not in estimate.terms:
        return "there is no effect to doubt"
    at_random = design is not None and design.assignment.mechanism == "random"
    if at_random and (estimate.estimand == "ITT" or panel.units.assigned is None):
        return "assigned at random: what nobody measured differs between the arms by chance alone"
    try:
        return robustness(estimate, _with_cohort(evidence, panel), level=_level(evidence))
    except AttributionError as error:
        return error.what


def hidden_bias(evidence: Evidence) -> RosenbaumBounds | None:
    """Return the bounds of matched pairs; None where there are none, or clusters of them were assigned."""
    estimate, panel = evidence.estimate, evidence.panel
    if estimate is None or panel is None:
        return None
    panel = _with_cohort(evidence, panel)
    pairs = pairs_of(panel)
    if pairs is None:
        return None
    inside = np.concatenate(pairs)
    if len(np.unique(panel.units.cluster[inside])) < len(inside):
        return None
    return rosenbaum(panel, baseline=estimate.n.baseline, followup=estimate.n.followup, level=_level(evidence))


def _with_cohort(evidence: Evidence, panel: Panel) -> Panel:
    if evidence.cohort is None or panel.cohort is not None:
        return panel
    return panel.with_cohort(evidence.cohort)


def _level(evidence: Evidence) -> float:
    return 0.95 if evidence.design is None else evidence.design.inference.level
