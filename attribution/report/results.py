"""`results.json`: public, versioned, with a schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from attribution.core.estimate import Estimate
from attribution.core.interval import Interval
from attribution.core.panel import NEVER, Panel
from attribution.design.prespecified import Prespecified
from attribution.diagnostics.baseline import baseline_balance
from attribution.finance.roi import QUANTITIES
from attribution.inference.factor import AttributionFactor
from attribution.report.banner import amendment_told
from attribution.report.claims import Claim
from attribution.report.cohort_results import made_record
from attribution.report.doubt import doubt_record
from attribution.report.events import event_rows
from attribution.report.made import made
from attribution.report.projection import projection, projects
from attribution.report.record import or_null, record_from
from attribution.report.records import (
    AmendmentRecord,
    AmountRecord,
    BalanceRecord,
    ChangeRecord,
    ClaimRecord,
    CohortRecord,
    CoverageRecord,
    DeclaredRecord,
    EventRecord,
    FactorRecord,
    FlowRecord,
    LaterRecord,
    ManifestRecord,
    PercentRecord,
    PrespecifiedRecord,
    ProjectedRecord,
    ReadRecord,
    Results,
    RobustRecord,
    RoiRecord,
    ScenarioRecord,
    SetRecord,
    TermRow,
    TrendsRecord,
    WithoutRecord,
    WrittenRecord,
)
from attribution.report.tables import NOT_OVER
from attribution.study.result import StudyResult
from attribution.study.verdict import primary_kpi

VERSION = 1


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
        flow={name: _flow(result, name) for name in result.estimates},
        cohort=_cohort(result),
        events=_events(result),
        projection=_projection(result),
        trends=_trends(result),
        unmeasured=doubt_record(result),
        declared=DeclaredRecord(program=design.program, kpi=design.kpi, assignment=design.assignment),
        manifest=ManifestRecord(
            **asdict(result.manifest), previous=previous, prespecified=prespecified_record(result.prespecified)
        ),
    )


def results_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `results.json`."""
    return Results.model_json_schema(mode="serialization")


def prespecified_record(known: Prespecified) -> PrespecifiedRecord:
    """Return whether a study is what was decided before its launch, as JSON holds it."""
    return PrespecifiedRecord(
        state=known.state,
        holds=known.holds,
        sentence=known.sentence,
        late=known.late,
        time=None if known.time is None else known.time.isoformat(),
        time_from=known.time_from,
        reviewers=known.reviewers,
        deviations=tuple(ChangeRecord(**asdict(one)) for one in known.deviations),
        amendments=tuple(
            AmendmentRecord(**(asdict(one) | {"time": one.time.isoformat(), "told": amendment_told(one)}))
            for one in known.amendments
        ),
    )


def _terms(estimate: Estimate, level: float) -> tuple[TermRow, ...]:
    return tuple(record_from(TermRow, _named(row)) for row in estimate.tidy(level).to_dict("records"))


def _percents(estimate: Estimate, level: float) -> dict[str, PercentRecord]:
    records = {}
    for term in estimate.shown_terms:
        found = estimate.percent(level, term=term)
        ends = {"low": found.interval.low, "high": found.interval.high, "kind": found.interval.kind}
        records[term] = record_from(PercentRecord, {"estimate": found.estimate, **ends, "reason": found.reason})
    return records


def _set(interval: Interval) -> SetRecord:
    return record_from(SetRecord, asdict(interval))


def _factor(factor: AttributionFactor) -> FactorRecord:
    return FactorRecord(
        share=or_null(factor.share),
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
    return record_from(
        RoiRecord,
        {
            "currency": money.currency,
            **declared,
            **{name: record_from(AmountRecord, asdict(getattr(money, name))) for name in QUANTITIES},
            "probability_net_positive": money.probability_net_positive,
            "probability_above_hurdle": money.probability_above_hurdle,
            "scenarios": tuple(record_from(ScenarioRecord, asdict(one)) for one in money.scenarios),
            "units_represented": money.plan.units,
            "units_trained": money.trained_in_window,
            "periods": money.plan.periods,
            "unit_periods": money.plan.unit_periods,
            "exposure": money.plan.exposure,
            "costs": money.costs.lines,
        },
    )


def _flow(result: StudyResult, name: str) -> tuple[FlowRecord, ...]:
    found = [record_from(FlowRecord, _named(row)) for row in result.estimates[name].n.tidy().to_dict("records")]
    units, rows = result.not_over(name)
    if rows:
        found.append(FlowRecord(arm="all", fate="left out", reason=NOT_OVER, units=units, rows=rows))
    return tuple(found)


def _events(result: StudyResult) -> tuple[EventRecord, ...]:
    level, seed = result.manifest.level, result.manifest.seed
    return tuple(
        record_from(
            EventRecord,
            {
                "event": row.event,
                "effect": row.effect,
                "low": row.low,
                "high": row.high,
                "band_low": row.band_low,
                "band_high": row.band_high,
                "change": row.change,
                "share": row.share,
                "interval": _set(row.interval),
                "reason": row.reason,
            },
        )
        for row in event_rows(result.estimate, level, seed=seed)
    )


def _projection(result: StudyResult) -> tuple[ProjectedRecord, ...]:
    if not projects(result.estimate):
        return ()
    found = projection(result.estimate, result.panel, result.manifest.level)
    numbers = {"observed": found.observed, "projected": found.projected, "low": found.low, "high": found.high}
    return tuple(
        record_from(ProjectedRecord, {"period": period} | {name: float(one[place]) for name, one in numbers.items()})
        for place, period in enumerate(found.periods)
    )


def _trends(result: StudyResult) -> TrendsRecord:
    looked = result.looks_back.get(result.primary[0])
    if looked is None or looked.pretrends is None:
        return TrendsRecord(reason="" if looked is None else looked.reason)
    shown, tested = looked.pretrends, looked.sensitivity
    values: dict[str, Any] = {
        "analysis": looked.name,
        "reason": looked.reason,
        "slope": shown.slope,
        "slope_error": shown.slope_error,
        "p_value": shown.p_value,
        "power": shown.power,
        "detectable_slope": shown.detectable.slope,
        "detectable_bias": shown.average_bias,
    }
    if tested is not None:
        pairs = zip(tested.magnitudes, tested.intervals, strict=True)
        values |= {
            "target": tested.target,
            "effect": tested.estimate,
            "breakdown": tested.breakdown,
            "robust": tuple(
                record_from(RobustRecord, {"magnitude": size, "low": one.low, "high": one.high}) for size, one in pairs
            ),
        }
    return record_from(TrendsRecord, values)


def _cohort(result: StudyResult) -> CohortRecord:
    flow, coverage = result.estimate.n, result.estimate.n.coverage
    frame = baseline_balance(result.panel, result.estimate).to_dict("records")
    return CohortRecord(
        trained=flow.trained,
        control=flow.control,
        trained_in_window=flow.trained_in_window,
        later=tuple(LaterRecord(period=period, units=units) for period, units in flow.later),
        coverage=tuple(
            CoverageRecord(period=period, trained=or_null(trained), control=or_null(control))
            for period, trained, control in zip(coverage.periods, coverage.trained, coverage.control, strict=True)
        ),
        balance=tuple(record_from(BalanceRecord, _named(row)) for row in frame),
        read=_read(result.linked.panels[primary_kpi(result).id]),
        rows_not_over=result.not_over(result.primary[0])[1],
        made=made_record(made(result)),
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
