"""A study's whole journey on one screen: design, data, panels, estimates, shares, money, findings."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attribution.core.estimate import Estimate
from attribution.design.schema import Analysis, StudyDesign
from attribution.errors import DataError, MethodError, require_type
from attribution.finance.benefits import PRICED
from attribution.finance.costs import CostLedger
from attribution.finance.roi import Roi, roi
from attribution.inference.factor import AttributionFactor, attribution_factor
from attribution.inference.look_back import LookBack, look_back
from attribution.registry import ESTIMATORS, load, options
from attribution.study.cohorts import with_cohorts
from attribution.study.findings import findings_of
from attribution.study.ledger import ledger_of
from attribution.study.link import FIRST_CLAIM_DAY, Linked, link, own_options
from attribution.study.manifest import build_manifest
from attribution.study.power import powers_of
from attribution.study.prespecified import prespecified
from attribution.study.result import StudyResult
from attribution.study.sources import Source, read

NOT_OF_THE_TRAINED = {
    "ATE": "all, trained or not (ATE)",
    "ATO": "those who could as well have been in either arm (ATO)",
}

PERIODS_PER_YEAR = {"year": 1.0, "quarter": 4.0, "month": 12.0, "week": 52.1775, "day": 365.2425}


def run(design: StudyDesign, *, as_of: datetime.date | None = None, workers: int = 1) -> StudyResult:
    """Run a study: estimates, shares with their sets, money from joint draws, findings, manifest.

    `as_of` is the date of the evaluation; follow-up periods that end later wait. The same design, data and date give
    the same bits for any number of `workers`. Raises `AttributionError` for unusable input; a gate that fails is
    a finding, not an error. A date before any follow-up period is over is unusable; `review` then judges what is known.

    Examples
    --------
    >>> import attribution as at
    >>> result = at.run(at.load_design("designs/michigan-grants.toml"))
    >>> round(result.factor.share, 5)
    0.84663
    """
    require_type(design, StudyDesign, name="design", remedy="load the file first: at.load_design(path)")
    require_date(as_of)
    source = read(design)
    linked = link(design, source, as_of)
    if linked.not_begun:
        raise DataError(
            linked.not_begun,
            where="timing.followup",
            remedy="run the study later, or give a later --as-of; until then, review it: attribution check",
        )
    return run_linked(design, source, linked, workers=workers)


def run_linked(
    design: StudyDesign, source: Source, linked: Linked, *, workers: int = 1, simulate: int = 0
) -> StudyResult:
    """Run a study whose follow-up has begun on its panels; see `run`."""
    linked = with_cohorts(design, linked)
    estimates = {analysis.id: estimate_of(analysis, design, linked) for analysis in design.analysis}
    if linked.too_early:
        estimates = _progress(estimates, design, linked)
    inference = design.inference
    factors = {
        name: attribution_factor(
            estimate, draws=inference.draws, seed=inference.seed, level=inference.level, workers=workers
        )
        for name, estimate in estimates.items()
    }
    if linked.too_early:
        factors = {name: replace(factor, reason=_too_early(linked)) for name, factor in factors.items()}
    primary = tuple(one.id for one in design.primary)
    ledger = ledger_of(design)
    money, reason = money_of(design, linked, factors, ledger)
    looks_back = {name: _look_back(design, estimates, name) for name in primary}
    powers = powers_of(design, linked, source, replications=simulate)
    known = prespecified(design, source)
    return StudyResult(
        design=design,
        linked=linked,
        estimates=estimates,
        factors=factors,
        primary=primary,
        roi=money,
        roi_reason=reason,
        findings=findings_of(design, linked, estimates, factors, looks_back, powers, prespecified=known),
        manifest=build_manifest(design, source, linked),
        looks_back=looks_back,
        powers=powers,
        prespecified=known,
    )


def estimate_of(analysis: Analysis, design: StudyDesign, linked: Linked) -> Estimate:
    """Return the estimate of one analysis on its panel; raises as the method, naming the analysis."""
    method = load(ESTIMATORS, analysis.method, kind="method")
    filled: dict[str, Any] = {
        "baseline": list(linked.baseline),
        "followup": list(linked.followup),
        "washout": design.timing.washout,
        "anticipation": design.timing.anticipation,
        "variance": design.inference.variance,
    }
    known = {option.name for option in options(method)}
    keywords = {name: value for name, value in filled.items() if name in known} | own_options(analysis, linked)
    try:
        estimate: Estimate = method(linked.panel_of(analysis), **keywords)
    except (DataError, MethodError) as error:
        raise type(error)(error.what, where=f"analysis {analysis.id!r}, {error.where}", remedy=error.remedy) from error
    return estimate


def _progress(estimates: Mapping[str, Estimate], design: StudyDesign, linked: Linked) -> dict[str, Estimate]:
    """Return the observed changes alone: too early after launch there is no effect to quote.

    An analysis that does not give the change waits; a primary one cannot.
    """
    found = {name: one.combine({"change": {"change": 1.0}}) for name, one in estimates.items() if "change" in one.terms}
    for analysis in design.analysis:
        if analysis.role == "primary" and analysis.id not in found:
            raise MethodError(
                f"{_too_early(linked)}, and {analysis.method} does not give the observed change alone",
                where=f"analysis {analysis.id!r}",
                remedy="run the study later",
            )
    return found


def _look_back(design: StudyDesign, estimates: Mapping[str, Estimate], primary: str) -> LookBack:
    """Return what the periods before the start show: of the primary analysis, else of another one of its KPI."""
    kpis = {one.id: one.kpi for one in design.analysis}
    others = [name for name in estimates if name != primary and kpis[name] == kpis[primary]]
    inference = design.inference
    return look_back({name: estimates[name] for name in (primary, *others)}, level=inference.level, seed=inference.seed)


def money_of(
    design: StudyDesign, linked: Linked, factors: Mapping[str, AttributionFactor], ledger: CostLedger | None
) -> tuple[Roi | None, str]:
    """Return the money of the valued KPI, or None with the reason why there is none."""
    if ledger is None or not design.valuation or design.finance is None:
        return None, "the design declares no value and no costs"
    if linked.too_early:
        return None, _too_early(linked)
    (valuation,) = design.valuation
    priced = [one.id for one in design.primary if one.kpi == valuation.kpi]
    if not priced or "effect" not in factors[priced[0]].estimate.terms:
        return None, f"no primary analysis of {valuation.kpi} estimates an effect"
    factor = factors[priced[0]]
    estimand = factor.estimate.estimand
    if estimand not in PRICED:
        whose = NOT_OF_THE_TRAINED.get(estimand, f"the {estimand}")
        return None, f"the effect is that of {whose}, and costs are those of the trained"
    measured = len(factor.estimate.n.exposure or factor.estimate.n.followup)
    finance = design.finance
    return (
        roi(
            factor,
            costs=ledger,
            value_per_unit=valuation.value_per_unit,
            value_of_untrained_level=valuation.value_of_untrained_level,
            periods=measured if finance.horizon is None else min(measured, finance.horizon),
            hurdle=finance.hurdle,
            discount_rate=(1 + finance.discount_rate) ** (1 / PERIODS_PER_YEAR[design.timing.period]) - 1,
        ),
        "",
    )


def require_date(as_of: object) -> None:
    """Raise `MethodError` unless the date of an evaluation is a date without a time, or None."""
    if as_of is not None and (not isinstance(as_of, datetime.date) or isinstance(as_of, datetime.datetime)):
        raise MethodError(
            f"as_of is {as_of!r}, not a date",
            where="as_of",
            remedy="pass a datetime.date, such as datetime.date(2026, 9, 30)",
        )


def _too_early(linked: Linked) -> str:
    return f"day {linked.days_since_launch} after launch: nothing is attributed before day {FIRST_CLAIM_DAY}"
