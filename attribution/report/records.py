"""The records of `results.json`, from which its schema is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from attribution.core.finding import Finding
from attribution.core.flow import ArmCount
from attribution.design.schema import Assignment, Kpi, Program
from attribution.finance.costs import CostLine
from attribution.report.cohort_records import MadeRecord
from attribution.report.doubt_records import DoubtRecord
from attribution.report.record import Record
from attribution.study.manifest import Manifest


class TermRow(Record):
    """One term of one analysis; null where it is undefined."""

    term: str
    estimate: float | None
    std_error: float | None
    statistic: float | None
    p_value: float | None
    conf_low: float | None
    conf_high: float | None


class SetRecord(Record):
    """A confidence set; `disjoint` is everything up to low and from high on."""

    low: float | None
    high: float | None
    kind: str
    level: float
    method: str


class FactorRecord(Record):
    """The share of the change, its headline set, and the other intervals, told apart by `method`."""

    share: float | None
    interval: SetRecord
    others: tuple[SetRecord, ...]
    reason: str


class PercentRecord(Record):
    """A term relative to a level of the trained: the effect to that without training, others to the baseline.

    0.1 is 10%.
    """

    estimate: float | None
    low: float | None
    high: float | None
    kind: str
    reason: str


class AmountRecord(Record):
    """A quantity with the ends of its interval from joint draws."""

    estimate: float | None
    low: float | None
    high: float | None
    reason: str


class ScenarioRecord(Record):
    """A corner case, without a confidence level."""

    name: str
    effect: float | None
    attributed_benefit: float | None
    total_cost: float | None
    net_benefit: float | None
    roi: float | None


class RoiRecord(Record):
    """Money; every quantity is null, with the reason, where it is not allowed.

    `value` is the declared price, per trained unit and period, of one KPI unit or of the whole untrained level, as
    `value_kind` says; `discount_rate` is a year's. `exposure` counts the units in training in each of the `periods`,
    `unit_periods` is their sum.
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
    unit_periods: float | None = None
    exposure: tuple[float, ...] = ()
    costs: tuple[CostLine, ...] = ()


class ClaimRecord(Record):
    """The claim: grade with its reason, verdict and sentence; `others`, the sentences of further primary KPIs."""

    grade: str
    grade_reason: str
    verdict: str
    sentence: str
    others: tuple[str, ...]


class FlowRecord(Record):
    """Units and rows by arm and fate; rows add up to all rows read."""

    arm: str
    fate: str
    reason: str
    units: int
    rows: int


class CoverageRecord(Record):
    """The share of all units of an arm, measured or not, with a KPI value in one period; null without such an arm."""

    period: str
    trained: float | None
    control: float | None


class BalanceRecord(Record):
    """One variable before the training: the arms' means, and their difference in standard deviations (Hedges' g)."""

    variable: str
    trained: float | None
    control: float | None
    difference: float | None
    g: float | None
    missing: int


class LaterRecord(Record):
    """How many of those compared are trained later, in one period."""

    period: str
    units: int


class WrittenRecord(Record):
    """How never-trained was written in the data, and for how many units."""

    written: str
    units: int


class WithoutRecord(Record):
    """How many units have no value of a covariate."""

    variable: str
    units: int


class ReadRecord(Record):
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


class CohortRecord(Record):
    """Who was compared in the headline analysis, what was read, and how many rows are of periods that were not over."""

    trained: ArmCount
    control: ArmCount
    trained_in_window: int
    later: tuple[LaterRecord, ...]
    coverage: tuple[CoverageRecord, ...]
    balance: tuple[BalanceRecord, ...]
    read: ReadRecord
    rows_not_over: int = 0
    made: MadeRecord | None = None


class EventRecord(Record):
    """One period of the headline analysis, counted from the first in training (0): effect, change and share.

    `low` and `high` hold this period alone, `band_low` and `band_high` all at once.
    """

    event: int
    effect: float | None
    low: float | None
    high: float | None
    band_low: float | None
    band_high: float | None
    change: float | None
    share: float | None
    interval: SetRecord
    reason: str


class ProjectedRecord(Record):
    """One period of a trend: what was observed, and what the trend of before projected, with its interval."""

    period: str
    observed: float | None
    projected: float | None
    low: float | None
    high: float | None


class RobustRecord(Record):
    """The interval of an effect that allows trends to part by a magnitude."""

    magnitude: float
    low: float | None
    high: float | None


class TrendsRecord(Record):
    """What the periods before the start show of trends; null, with the reason, where they show nothing.

    `slope` is fitted to the pre-periods, `detectable_slope` the one that they would have shown with `power`,
    `detectable_bias` what it would add to the effect; `breakdown` is the magnitude (multiples of the largest step
    before the start) from which on the effect is not told from 0, null where it always is told.
    """

    analysis: str | None = None
    reason: str = ""
    slope: float | None = None
    slope_error: float | None = None
    p_value: float | None = None
    power: float | None = None
    detectable_slope: float | None = None
    detectable_bias: float | None = None
    target: str | None = None
    effect: float | None = None
    breakdown: float | None = None
    robust: tuple[RobustRecord, ...] = ()


class DeclaredRecord(Record):
    """What the design declares about the program, its KPIs and the assignment."""

    program: Program
    kpi: tuple[Kpi, ...]
    assignment: Assignment


class ChangeRecord(Record):
    """One field of the design that changed; `old` or `new` is null where it is not set, `decides` can be the claim."""

    field: str
    old: Any
    new: Any
    words: str
    decides: bool


class AmendmentRecord(Record):
    """A declared change, `told` in words; `later_rows` are measured rows from the launch on that were there by then."""

    time: str
    time_from: str
    name: str
    reason: str
    kind: Literal["minor", "major"]
    data_seen: bool
    later_rows: int
    changes: tuple[ChangeRecord, ...]
    told: str


class PrespecifiedRecord(Record):
    """Whether the study is what was decided before its launch; `holds` where it may be called pre-specified.

    `late` says why it was frozen, or amended, too late for that; `deviations` are changes that nobody declared.
    """

    state: Literal["frozen", "amended", "departed", "not_frozen", "broken"]
    holds: bool
    sentence: str
    late: str
    time: str | None
    time_from: str
    reviewers: tuple[str, ...]
    deviations: tuple[ChangeRecord, ...]
    amendments: tuple[AmendmentRecord, ...]


@dataclass(frozen=True, slots=True)
class ManifestRecord(Manifest):
    """Digests, seed and versions; `previous` are the digests of the run this one replaced.

    `prespecified` says what was frozen before the launch, and what has changed since.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    previous: Mapping[str, str] | None
    prespecified: PrespecifiedRecord


class Results(Record):
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
    events: tuple[EventRecord, ...] = ()
    projection: tuple[ProjectedRecord, ...] = ()
    trends: TrendsRecord = TrendsRecord()
    unmeasured: DoubtRecord = DoubtRecord()
    declared: DeclaredRecord
    manifest: ManifestRecord
