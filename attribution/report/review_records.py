"""The records of a review's JSON file, from which its schema is made."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from attribution.core.finding import Finding
from attribution.report.record import Record
from attribution.report.records import DeclaredRecord, PrespecifiedRecord

Judged: TypeAlias = Literal["analytic", "simulated", "measured"]
"""Where an MDE comes from: the formula, simulation, or the standard error of the estimate."""


class DecisionRecord(Record):
    """Go, change or no, in one sentence, and why."""

    verdict: Literal["go", "change", "no"]
    sentence: str
    reasons: tuple[str, ...]


class CurveRecord(Record):
    """The chance to see an effect, by its size in KPI units."""

    effects: tuple[float, ...]
    powers: tuple[float, ...]


class MdeRecord(Record):
    """A minimum detectable effect in KPI units, always positive; null with a `reason` where there is none.

    `percent` is the MDE relative to the level before the training (0.1 is 10%), `size` how often the test rejects
    without any effect, where it was simulated.
    """

    mde: float | None
    percent: float | None
    std_error: float | None
    df: float | None
    level: float
    power: float
    how: Literal["analytic", "simulated"]
    size: float | None
    replications: int
    reason: str
    caveats: tuple[str, ...]
    curve: CurveRecord


class StartRecord(Record):
    """Clusters that start in one period; `start` and `period` are null for those not trained by the end."""

    start: int | None
    period: str | None
    clusters: int
    units: float


class PlanRecord(Record):
    """An analysis as it is planned. `baseline` and `followup` are places in `periods`, counted from 0."""

    method: str
    source: str
    periods: tuple[str, ...]
    baseline: tuple[int, ...]
    followup: tuple[int, ...]
    trained_clusters: int
    control_clusters: int
    starts: tuple[StartRecord, ...]


class NoiseRecord(Record):
    """How the KPI varies without training, where that comes from, and what was assumed beyond it."""

    level: float | None
    sd: float | None
    icc: float | None
    source: str
    assumed: tuple[str, ...]


class FixRecord(Record):
    """One change of the plan: the MDE that it would give, whether that is enough, and what it costs."""

    name: str
    change: str
    mde: float | None
    percent: float | None
    power: float | None
    enough: bool
    cost: float | None
    cost_told: str


class PowerRecord(Record):
    """What one analysis could see, against what it must see; effects are improvements, in KPI units.

    `must_see` is the expected effect, or else the worthwhile one; `power` the chance to see it. `measured` is by the
    standard error of the estimate, where there is one; `judged` says which MDE counts. Percents are relative to the
    level before (0.1 is 10%). `currency` is that of `benefit_at_mde`, `total_cost` and the fixes.
    """

    analysis: str
    kpi: str
    unit: str
    direction: Literal["higher", "lower"]
    scale: Literal["linear", "log"]
    plan: PlanRecord
    noise: NoiseRecord
    analytic: MdeRecord
    simulated: MdeRecord | None
    measured: MdeRecord | None
    judged: Judged
    expected: float | None
    worthwhile: float | None
    must_see: float | None
    must_see_percent: float | None
    power: float | None
    break_even: float | None
    break_even_percent: float | None
    power_at_break_even: float | None
    currency: str
    benefit_at_mde: float | None
    total_cost: float | None
    fixes: tuple[FixRecord, ...]
    notes: tuple[str, ...]


class ReadRecord(Record):
    """What was read: the data's name, their digest (SHA-256) and rows; null where there are none yet."""

    name: str
    digest: str
    rows: int


class ReviewRecord(Record):
    """All that a review says. `powers` are keyed by analysis id; `kind` tells the file from others."""

    schema_version: int = Field(alias="schema")
    kind: Literal["review"] = "review"
    study: str
    title: str
    question: str
    stage: Literal["file", "history", "followup"]
    as_of: str | None
    decision: DecisionRecord
    powers: dict[str, PowerRecord]
    findings: tuple[Finding, ...]
    prespecified: PrespecifiedRecord
    limits: tuple[str, ...]
    declared: DeclaredRecord
    design: str
    design_digest: str
    data: ReadRecord | None
    version: str
