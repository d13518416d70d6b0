"""`results.json`: public, versioned, with a schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from attribution.balance import baseline_balance
from attribution.core.estimate import Estimate
from attribution.core.interval import Interval
from attribution.core.panel import NEVER, Panel
from attribution.finance.roi import QUANTITIES
from attribution.inference.factor import AttributionFactor
from attribution.report.claims import Claim
from attribution.report.records import (
    AmountRecord,
    BalanceRecord,
    ClaimRecord,
    CohortRecord,
    CoverageRecord,
    DeclaredRecord,
    FactorRecord,
    FlowRecord,
    LaterRecord,
    ManifestRecord,
    PercentRecord,
    ReadRecord,
    Record,
    Results,
    RoiRecord,
    ScenarioRecord,
    SetRecord,
    TermRow,
    WithoutRecord,
    WrittenRecord,
)
from attribution.report.words import primary_kpi
from attribution.study.result import StudyResult

VERSION = 1

R = TypeVar("R", bound=Record)


def results(result: StudyResult, claim: Claim, previous: dict[str, str] | None) -> Results:
    """Return a run's numbers as the record that `results.json` holds."""
    level, design = result.manifest.level, result.design
    return Results(
        schema=VERSION,
        claim=ClaimRecord(
            grade=claim.grade,
            grade_reason=claim.grade_reason,
            verdict=claim.verdict,
            sentence=claim.sentence,
            others=claim.others,
        ),
        terms={name: _terms(estimate, level) for name, estimate in result.estimates.items()},
        percent={name: _percents(estimate, level) for name, estimate in result.estimates.items()},
        factor=_factor(result.factor),
        factors={name: _factor(factor) for name, factor in result.factors.items()},
        roi=_roi(result),
        findings=result.findings,
        flow={name: _flow(estimate) for name, estimate in result.estimates.items()},
        cohort=_cohort(result),
        declared=DeclaredRecord(program=design.program, kpi=design.kpi, assignment=design.assignment),
        manifest=ManifestRecord(**asdict(result.manifest), previous=previous),
    )


def results_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `results.json`."""
    return Results.model_json_schema(mode="serialization")


def _or_null(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _from(kind: type[R], values: Mapping[str, Any]) -> R:
    """Return a record of values that bear its fields' names, numbers that are not finite as null."""
    return kind.model_validate(
        {name: _or_null(value) if isinstance(value, float) else value for name, value in values.items()}
    )


def _terms(estimate: Estimate, level: float) -> tuple[TermRow, ...]:
    return tuple(_from(TermRow, _named(row)) for row in estimate.tidy(level).to_dict("records"))


def _percents(estimate: Estimate, level: float) -> dict[str, PercentRecord]:
    records = {}
    for term in estimate.shown_terms:
        found = estimate.percent(level, term=term)
        ends = {"low": found.interval.low, "high": found.interval.high, "kind": found.interval.kind}
        records[term] = _from(PercentRecord, {"estimate": found.estimate, **ends, "reason": found.reason})
    return records


def _set(interval: Interval) -> SetRecord:
    return _from(SetRecord, asdict(interval))


def _factor(factor: AttributionFactor) -> FactorRecord:
    return FactorRecord(
        share=_or_null(factor.share),
        interval=_set(factor.interval),
        others=tuple(_set(one) for one in factor.others),
        reason=factor.reason,
    )


def _roi(result: StudyResult) -> RoiRecord:
    money, finance = result.roi, result.design.finance
    if money is None or finance is None:
        return RoiRecord(reason=result.roi_reason)
    valuation = result.design.valuation[0]
    declared = {
        "value": money.plan.value,
        "value_kind": "value_of_untrained_level" if money.plan.log else "value_per_unit",
        "value_source": valuation.source,
        "value_illustrative": valuation.illustrative,
        "approver": valuation.approver,
        "hurdle": money.hurdle,
        "discount_rate": finance.discount_rate,
    }
    return _from(
        RoiRecord,
        {
            "currency": money.currency,
            **declared,
            **{name: _from(AmountRecord, asdict(getattr(money, name))) for name in QUANTITIES},
            "probability_net_positive": money.probability_net_positive,
            "probability_above_hurdle": money.probability_above_hurdle,
            "scenarios": tuple(_from(ScenarioRecord, asdict(one)) for one in money.scenarios),
            "units_represented": money.plan.units,
            "units_trained": money.trained_in_window,
            "periods": money.plan.periods,
            "costs": money.costs.lines,
        },
    )


def _flow(estimate: Estimate) -> tuple[FlowRecord, ...]:
    return tuple(_from(FlowRecord, _named(row)) for row in estimate.n.tidy().to_dict("records"))


def _cohort(result: StudyResult) -> CohortRecord:
    flow, coverage = result.estimate.n, result.estimate.n.coverage
    panel = result.linked.panels[primary_kpi(result).id]
    frame = baseline_balance(panel, result.estimate).to_dict("records") if flow.control.units else []
    return CohortRecord(
        trained=flow.trained,
        control=flow.control,
        trained_in_window=flow.trained_in_window,
        later=tuple(LaterRecord(period=period, units=units) for period, units in flow.later),
        coverage=tuple(
            CoverageRecord(period=period, trained=_or_null(trained), control=_or_null(control))
            for period, trained, control in zip(coverage.periods, coverage.trained, coverage.control, strict=True)
        ),
        balance=tuple(_from(BalanceRecord, _named(row)) for row in frame),
        read=_read(panel),
    )


def _read(panel: Panel) -> ReadRecord:
    counts = panel.counts
    return ReadRecord(
        rows=counts.rows,
        units=counts.units,
        rows_missing_outcome=counts.rows_missing_outcome,
        units_without_outcome=counts.units_without_outcome,
        rows_absent=counts.rows_absent,
        switched_off=counts.switched_off,
        never_trained=int((panel.units.adopted == NEVER).sum()),
        never_read_as=tuple(WrittenRecord(written=one, units=units) for one, units in counts.never_read_as.items()),
        covariates_missing=tuple(
            WithoutRecord(variable=name, units=units) for name, units in counts.covariates_missing.items()
        ),
    )


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}
