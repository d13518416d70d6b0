"""What the primary interval says, before any word is chosen: it works, it does not, or we cannot tell."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attribution.core.estimate import Estimate
from attribution.core.interval import Interval
from attribution.design.schema import Kpi
from attribution.finance.benefits import PRICED
from attribution.study.result import StudyResult

Verdict: TypeAlias = Literal["works", "does_not", "cannot_tell", "too_early"]

JUDGED = (*PRICED, "ATE", "ATO")
"""The estimands that a verdict speaks of. Others mix effects in a way that no group of people has."""


def verdict_of(result: StudyResult) -> Verdict:
    """Return what the primary interval of the effect says: it works, it does not, or we cannot tell.

    "Does not" is an effect in the wrong direction, or one that the interval keeps below the smallest
    worthwhile effect that the design declared.
    """
    if result.linked.too_early:
        return "too_early"
    return verdict_on(result.estimate, primary_kpi(result), result.manifest.level)


def verdict_on(estimate: Estimate, kpi: Kpi, level: float) -> Verdict:
    """Return what an estimate's interval says of its KPI, once it is time to say anything; see `verdict_of`."""
    if "effect" not in estimate.terms or estimate.estimand not in JUDGED:
        return "cannot_tell"
    worst, best = improvement_ends(estimate, estimate.interval(level))
    smallest = kpi.minimum_worthwhile_effect
    if best < 0 or (smallest is not None and best < abs(smallest)):
        return "does_not"
    return "works" if worst > 0 else "cannot_tell"


def improvement_ends(estimate: Estimate, interval: Interval) -> tuple[float, float]:
    """Return an interval's ends signed as improvement, the worse one first; NaN where it is undefined."""
    if estimate.direction == "higher":
        return interval.low, interval.high
    return -interval.high, -interval.low


def primary_kpi(result: StudyResult) -> Kpi:
    """Return the KPI of the headline analysis."""
    return result.design.kpi_of(result.design.analysis_of(result.primary[0]))
