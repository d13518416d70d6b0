"""`results.json`: public, versioned, with a schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from attribution.balance import baseline_balance
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.core.flow import ArmCount
from attribution.core.interval import Interval
from attribution.core.panel import NEVER, Panel
from attribution.design.schema import Assignment, Kpi, Program
from attribution.finance.costs import CostLine
from attribution.finance.roi import QUANTITIES
from attribution.inference.factor import AttributionFactor
from attribution.report.claims import Claim
from attribution.report.words import primary_kpi
from attribution.study.manifest import Manifest
from attribution.study.result import StudyResult

VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


R = TypeVar("R", bound=_Record)


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
    """A term relative to a level of the trained: the effect to that without training, others to the baseline.

    0.1 is 10%.
    """

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
    """Money; every quantity is null, with the reason, where it is not allowed.

    `value` is the declared price, per trained unit and period, of one KPI unit or of the whole untrained level, as
    `value_kind` says; `discount_rate` is a year's.
    """

    reason: str = ""
    currency: str | None = None
    value: float | None = None
    value_kind: Literal["value_per_unit", "value_of_untrained_level"] | None = None
    value_source: str | None = None
    value_illustrative: bool | None = None
    approver: str | None = None
    hurdle: float | None = None
    discount_rate: float | None = None
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
    """The claim: grade with its reason, verdict and sentence; `others`, the sentences of further primary KPIs."""

    grade: str
    grade_reason: str
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
    """The share of all units of an arm, measured or not, with a KPI value in one period; null without such an arm."""

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


class WrittenRecord(_Record):
    """How never-trained was written in the data, and for how many units."""

    written: str
    units: int


class WithoutRecord(_Record):
    """How many units have no value of a covariate."""

    variable: str
    units: int


class ReadRecord(_Record):
    """What was read of the headline KPI, before anybody was left out.

    `rows_absent` are pairs of unit and period without a row; `switched_off` are units whose mark of training ends.
    """

    rows: int
    units: int
    rows_missing_outcome: int
    units_without_outcome: int
    rows_absent: int
    switched_off: int
    never_trained: int
    never_read_as: tuple[WrittenRecord, ...]
    covariates_missing: tuple[WithoutRecord, ...]


class CohortRecord(_Record):
    """Who was compared in the headline analysis, and what was read."""

    trained: ArmCount
    control: ArmCount
    trained_in_window: int
    later: tuple[LaterRecord, ...]
    coverage: tuple[CoverageRecord, ...]
    balance: tuple[BalanceRecord, ...]
    read: ReadRecord


class DeclaredRecord(_Record):
    """What the design declares about the program, its KPIs and the assignment."""

    program: Program
    kpi: tuple[Kpi, ...]
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class ManifestRecord(Manifest):
    """Digests, seed and versions; `previous` are the digests of the run this one replaced."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    previous: Mapping[str, str] | None


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
    declared: DeclaredRecord
    manifest: ManifestRecord


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
