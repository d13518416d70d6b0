"""What several rules ask of their evidence: the KPI, the baseline, the comparison, and the effect looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attribution.checks.evidence import Evidence
from attribution.core.display import signed
from attribution.core.interval import Interval
from attribution.design.schema import Kpi, StudyDesign
from attribution.diagnostics.baseline import ALONE


def primary_kpis(design: StudyDesign) -> list[Kpi]:
    """Return the KPIs that the claim rests on."""
    return [kpi for kpi in design.kpi if kpi.role == "primary"]


def kpi_of(evidence: Evidence) -> Kpi | None:
    """Return the KPI of the primary analysis at hand; None without a design that names it."""
    analysis = evidence.primary
    if evidence.design is None or analysis is None:
        return None
    return evidence.design.kpi_of(analysis)


def options_of(evidence: Evidence) -> Mapping[str, Any]:
    """Return the options that the design states for the primary analysis at hand."""
    return {} if evidence.primary is None else evidence.primary.options


def baseline_of(evidence: Evidence) -> Sequence[Any]:
    """Return the periods before the training: those of the estimate, of its analysis, or of the design."""
    if evidence.estimate is not None:
        return evidence.estimate.n.baseline
    if evidence.design is None:
        return ()
    found: Sequence[Any] = options_of(evidence).get("baseline", evidence.design.timing.baseline)
    return found


def level_of(evidence: Evidence) -> float:
    """Return the confidence level of the design, .95 without one."""
    return 0.95 if evidence.design is None else evidence.design.inference.level


def seed_of(evidence: Evidence) -> int:
    """Return the seed of the design, 0 without one."""
    return 0 if evidence.design is None else evidence.design.inference.seed


def method_of(evidence: Evidence) -> str:
    """Return the method of the primary analysis at hand, "" where it is not known."""
    if evidence.estimate is not None:
        return evidence.estimate.method
    return "" if evidence.primary is None else evidence.primary.method


def is_compared(evidence: Evidence) -> bool:
    """Say whether the primary analysis compares the trained with anybody or anything untrained."""
    if evidence.estimate is not None and evidence.estimate.n.control.units:
        return True
    method, stated = method_of(evidence), options_of(evidence)
    if method == "trend":
        return "controls" in stated and stated["controls"] != "none"
    return method not in ALONE


def effect_looked_for(evidence: Evidence) -> tuple[float, str] | None:
    """Return the size of the effect that the study looks for and in words where it comes from; None without any.

    The expected effect that the design declares, else the smallest worthwhile one (decision 38), else the smallest that
    the study could see, else the one that it found.
    """
    kpi, power, estimate = kpi_of(evidence), evidence.power, evidence.estimate
    if kpi is not None and kpi.expected_effect:
        return abs(kpi.expected_effect), "the expected effect"
    if kpi is not None and kpi.minimum_worthwhile_effect:
        return abs(kpi.minimum_worthwhile_effect), "the smallest worthwhile effect"
    if power is not None and power.best.mde > 0:
        return power.best.mde, "the smallest effect that the study could see"
    if estimate is not None and "effect" in estimate.terms and estimate.value("effect"):
        return abs(estimate.value("effect")), "the estimated effect"
    return None


def ends_said(ends: Interval) -> str:
    """Return the ends of an interval in words, with their signs."""
    return "undefined" if ends.kind == "undefined" else f"{signed(ends.low)} to {signed(ends.high)}"
