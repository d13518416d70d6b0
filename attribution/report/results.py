"""`results.json`: public, versioned, with a schema."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from attribution.balance import baseline_balance
from attribution.core.estimate import Estimate, Percent
from attribution.core.finding import Finding
from attribution.core.flow import ArmCount
from attribution.core.interval import Interval
from attribution.finance.costs import CostLine
from attribution.finance.roi import Amount, Roi
from attribution.inference.factor import AttributionFactor
from attribution.report.claims import Claim
from attribution.report.words import primary_kpi
from attribution.study.manifest import Manifest
from attribution.study.result import StudyResult

VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TermRow(_Record):
    """One term of one analysis; null where it is undefined."""

    term: str
    estimate: float | None
    std_error: float | None
    statistic: float | None
    p_value: float | None
    conf_low: float | None
    conf_high: float | None


class SetRecord(_Record):
    """A confidence set; `disjoint` is everything up to low and from high on."""

    low: float | None
    high: float | None
    kind: str
    level: float
    method: str


class FactorRecord(_Record):
    """The share of the change, its headline set, and the other intervals, told apart by `method`."""

    share: float | None
    interval: SetRecord
    others: tuple[SetRecord, ...]
    reason: str


class PercentRecord(_Record):
    """A term relative to the level without training; 0.1 is 10%."""

    estimate: float | None
    low: float | None
    high: float | None
    kind: str
    reason: str


class AmountRecord(_Record):
    """A quantity with the ends of its interval from joint draws."""

    estimate: float | None
    low: float | None
    high: float | None
    reason: str


class ScenarioRecord(_Record):
    """A corner case, without a confidence level."""

    name: str
    effect: float | None
    attributed_benefit: float | None
    total_cost: float | None
    net_benefit: float | None
    roi: float | None


class RoiRecord(_Record):
    """Money; every quantity is null, with the reason, where it is not allowed."""

    reason: str = ""
    currency: str | None = None
    attributed_benefit: AmountRecord | None = None
    total_cost: AmountRecord | None = None
    net_benefit: AmountRecord | None = None
    roi: AmountRecord | None = None
    bcr: AmountRecord | None = None
    payback_periods: AmountRecord | None = None
    npv: AmountRecord | None = None
    break_even_effect: AmountRecord | None = None
    break_even_factor: AmountRecord | None = None
    probability_net_positive: float | None = None
    probability_above_hurdle: float | None = None
    scenarios: tuple[ScenarioRecord, ...] = ()
    units_represented: int | None = None
    units_trained: int | None = None
    periods: int | None = None
    costs: tuple[CostLine, ...] = ()


class ClaimRecord(_Record):
    """The allowed claim: evidence grade, verdict and sentence; `others`, the sentences of further primary KPIs."""

    grade: str
    verdict: str
    sentence: str
    others: tuple[str, ...]


class FlowRecord(_Record):
    """Units and rows by arm and fate; rows add up to all rows read."""

    arm: str
    fate: str
    reason: str
    units: int
    rows: int


class CoverageRecord(_Record):
    """The share of each arm observed in one period; `control` is null where nobody was compared."""

    period: str
    trained: float | None
    control: float | None


class BalanceRecord(_Record):
    """One variable before the training: the arms' means, and their difference in standard deviations (Hedges' g)."""

    variable: str
    trained: float | None
    control: float | None
    difference: float | None
    g: float | None
    missing: int


class LaterRecord(_Record):
    """How many of those compared are trained later, in one period."""

    period: str
    units: int


class CohortRecord(_Record):
    """Who was compared in the headline analysis."""

    trained: ArmCount
    control: ArmCount
    trained_in_window: int
    later: tuple[LaterRecord, ...]
    coverage: tuple[CoverageRecord, ...]
    balance: tuple[BalanceRecord, ...]


class ManifestRecord(_Record):
    """Digests, seed and versions; `previous` are the digests of the run this one replaced."""

    study: str
    as_of: str
    design: str
    design_digest: str
    data: str
    data_digest: str
    rows: int
    seed: int
    draws: int
    level: float
    versions: dict[str, str]
    previous: dict[str, str] | None = None


class Results(_Record):
    """All numbers of one run. `terms`, `factors`, `percent` and `flow` are keyed by analysis id."""

    schema_version: int = Field(alias="schema")
    claim: ClaimRecord
    terms: dict[str, tuple[TermRow, ...]]
    percent: dict[str, dict[str, PercentRecord]]
    factor: FactorRecord
    factors: dict[str, FactorRecord]
    roi: RoiRecord
    findings: tuple[Finding, ...]
    flow: dict[str, tuple[FlowRecord, ...]]
    cohort: CohortRecord
    manifest: ManifestRecord


def results(result: StudyResult, claim: Claim, previous: dict[str, str] | None) -> Results:
    """Return a run's numbers as the record that `results.json` holds."""
    level = result.manifest.level
    return Results(
        schema=VERSION,
        claim=ClaimRecord(grade=claim.grade, verdict=claim.verdict, sentence=claim.sentence, others=claim.others),
        terms={name: _terms(estimate, level) for name, estimate in result.estimates.items()},
        percent={name: _percents(estimate, level) for name, estimate in result.estimates.items()},
        factor=_factor(result.factor),
        factors={name: _factor(factor) for name, factor in result.factors.items()},
        roi=_roi(result.roi, result.roi_reason),
        findings=result.findings,
        flow={name: _flow(estimate) for name, estimate in result.estimates.items()},
        cohort=_cohort(result),
        manifest=_manifest(result.manifest, previous),
    )


def results_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `results.json`."""
    return Results.model_json_schema(mode="serialization")


def _or_null(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _terms(estimate: Estimate, level: float) -> tuple[TermRow, ...]:
    frame = estimate.tidy(level)
    return tuple(
        TermRow.model_validate(
            {name: value if name == "term" else _or_null(value) for name, value in zip(frame.columns, row, strict=True)}
        )
        for row in frame.itertuples(index=False)
    )


def _percents(estimate: Estimate, level: float) -> dict[str, PercentRecord]:
    def record(found: Percent) -> PercentRecord:
        interval = found.interval
        return PercentRecord(
            estimate=_or_null(found.estimate),
            low=_or_null(interval.low),
            high=_or_null(interval.high),
            kind=interval.kind,
            reason=found.reason,
        )

    return {term: record(estimate.percent(level, term=term)) for term in estimate.shown_terms}


def _set(interval: Interval) -> SetRecord:
    return SetRecord(
        low=_or_null(interval.low),
        high=_or_null(interval.high),
        kind=interval.kind,
        level=interval.level,
        method=interval.method,
    )


def _factor(factor: AttributionFactor) -> FactorRecord:
    return FactorRecord(
        share=_or_null(factor.share),
        interval=_set(factor.interval),
        others=tuple(_set(one) for one in factor.others),
        reason=factor.reason,
    )


def _amount(amount: Amount) -> AmountRecord:
    return AmountRecord(
        estimate=_or_null(amount.estimate),
        low=_or_null(amount.low),
        high=_or_null(amount.high),
        reason=amount.reason,
    )


def _roi(money: Roi | None, reason: str) -> RoiRecord:
    if money is None:
        return RoiRecord(reason=reason)
    scenarios = tuple(
        ScenarioRecord(
            name=one.name,
            effect=_or_null(one.effect),
            attributed_benefit=_or_null(one.attributed_benefit),
            total_cost=_or_null(one.total_cost),
            net_benefit=_or_null(one.net_benefit),
            roi=_or_null(one.roi),
        )
        for one in money.scenarios
    )
    return RoiRecord(
        currency=money.currency,
        attributed_benefit=_amount(money.attributed_benefit),
        total_cost=_amount(money.total_cost),
        net_benefit=_amount(money.net_benefit),
        roi=_amount(money.roi),
        bcr=_amount(money.bcr),
        payback_periods=_amount(money.payback_periods),
        npv=_amount(money.npv),
        break_even_effect=_amount(money.break_even_effect),
        break_even_factor=_amount(money.break_even_factor),
        probability_net_positive=_or_null(money.probability_net_positive),
        probability_above_hurdle=_or_null(money.probability_above_hurdle),
        scenarios=scenarios,
        units_represented=money.plan.units,
        units_trained=money.trained_in_window,
        periods=money.plan.periods,
        costs=money.costs.lines,
    )


def _flow(estimate: Estimate) -> tuple[FlowRecord, ...]:
    rows = estimate.n.tidy().to_dict("records")
    return tuple(FlowRecord(**{str(name): value for name, value in row.items()}) for row in rows)


def _cohort(result: StudyResult) -> CohortRecord:
    flow, coverage = result.estimate.n, result.estimate.n.coverage
    balance = []
    if flow.control.units:
        frame = baseline_balance(result.linked.panels[primary_kpi(result).id], result.estimate)
        for row in frame.itertuples(index=False):
            found = dict(zip(frame.columns, row, strict=True))
            balance.append(
                BalanceRecord.model_validate(
                    {name: _or_null(one) if isinstance(one, float) else one for name, one in found.items()}
                )
            )
    return CohortRecord(
        trained=flow.trained,
        control=flow.control,
        trained_in_window=flow.trained_in_window,
        later=tuple(LaterRecord(period=period, units=units) for period, units in flow.later),
        coverage=tuple(
            CoverageRecord(period=period, trained=_or_null(trained), control=_or_null(control))
            for period, trained, control in zip(coverage.periods, coverage.trained, coverage.control, strict=True)
        ),
        balance=tuple(balance),
    )


def _manifest(manifest: Manifest, previous: dict[str, str] | None) -> ManifestRecord:
    return ManifestRecord(
        study=manifest.study,
        as_of=manifest.as_of,
        design=manifest.design,
        design_digest=manifest.design_digest,
        data=manifest.data,
        data_digest=manifest.data_digest,
        rows=manifest.rows,
        seed=manifest.seed,
        draws=manifest.draws,
        level=manifest.level,
        versions=dict(manifest.versions),
        previous=previous,
    )
