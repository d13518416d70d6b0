"""The design file, version 1: a model per table, values strict, unknown keys refused.

Each field's docstring is its description in the JSON Schema and says what was expected where it is missing. Rules that
look at several keys are in `rules`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from attribution.core.panel import Direction, Scale
from attribution.core.periods import PeriodLength
from attribution.design.fields import (
    Arrows,
    Id,
    Label,
    Names,
    Period,
    Share,
    Slug,
    Steps,
    Text,
    UnitText,
    Window,
    refuse,
)
from attribution.design.money_tables import Cost, Finance, Valuation
from attribution.design.review_tables import PowerTable, Waiver
from attribution.design.table import Table, one_of

Frame: TypeAlias = Literal["roi", "outcomes"]
DataKind: TypeAlias = Literal["panel", "repeated_cross_sections", "series"]
Mechanism: TypeAlias = Literal["random", "waitlist", "threshold", "manager", "voluntary", "performance", "first_come"]


def _version_1(value: int) -> int:
    if value != 1:
        raise refuse("1, the version that this toolkit reads", "write schema = 1")
    return value


def _as_lines(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Study(Table):
    """What is studied, and for which kind of report."""

    id: Slug
    """the name of the study's folder of runs, such as michigan-grants"""
    title: Text
    """the title of the report"""
    question: Text
    """the question that the study answers, in one sentence"""
    frame: Frame
    """roi (effect, share and money) or outcomes (effect and share, no money asked for)"""
    as_of: datetime.date | None = None
    """the date of the report, without quotes; by default the end of the last follow-up period"""


class Program(Table):
    """The training program."""

    name: Text
    """the program's name"""
    kind: Text | None = None
    """the kind of program, such as onboarding, sales or leadership"""


class Kpi(Table):
    """A key performance indicator, and what is expected of it."""

    id: Id
    """a short name for other tables to refer to"""
    column: Text
    """the column of the data that holds the KPI"""
    label: Label
    """the KPI's name in the report"""
    unit: UnitText
    """the unit of one step of the KPI, such as days or log points"""
    direction: Direction
    """higher or lower: which is better"""
    scale: Scale = "linear"
    """log where the column holds a logarithm"""
    role: Literal["primary", "secondary", "intangible", "untouched"] = "primary"
    """primary (priced and claimed), secondary, intangible (never priced), or untouched (training cannot move it)"""
    owner: Text | None = None
    """who answers for the KPI"""
    baseline_source: Text | None = None
    """where the KPI's baseline stands, recorded before launch"""
    expected_effect: float | None = None
    """the effect expected before launch, in KPI units; needs effect_source"""
    minimum_worthwhile_effect: float | None = None
    """the smallest effect worth having, in KPI units"""
    effect_source: Text | None = None
    """where the expected effect comes from"""


class Data(Table):
    """Where the data are: a file beside the design, or one of the toolkit's data sets."""

    model_config = ConfigDict(json_schema_extra=one_of("path", "name"))

    source: Literal["file", "dataset"]
    """file (with path) or dataset (with name)"""
    path: Text | None = None
    """the file's path, relative to the design file"""
    name: Text | None = None
    """the data set's name in the toolkit"""
    kind: DataKind = "panel"
    """panel (the same units over periods), repeated_cross_sections (other people each period) or series (one KPI)"""


class Columns(Table):
    """Which column of the data says what."""

    model_config = ConfigDict(json_schema_extra=one_of("adopted", "trained"))

    unit: Text | None = None
    """the column of the unit: person, team, site or firm; a panel needs it"""
    period: Text
    """the column of the period"""
    adopted: Text | None = None
    """the column of the period in which the unit was first trained, empty for never"""
    trained: Text | None = None
    """a column of 0 and 1 per period; the first 1 is the adoption"""
    assigned: Text | None = None
    """a column of 0 and 1 per unit: assigned to training"""
    cluster: Text | None = None
    """the column of the cluster of assignment (team, site); by default the unit"""
    weight: Text | None = None
    """the column of the unit's weight"""
    covariates: Names = ()
    """columns known before adoption"""
    groups: Names = ()
    """columns of groups, such as site and manager"""


class Assignment(Table):
    """How it was decided who is trained.

    `first_come` (first come, first served) is a mechanism of its own because training is often given so, as the
    Michigan grants are said to have been: not random, and those who come early may differ.
    """

    mechanism: Mechanism
    """random, waitlist, threshold, manager, voluntary, performance or first_come (first come, first served)"""
    level: Text
    """what was assigned: person, team, site or firm"""
    date: datetime.date | None = None
    """the date of the assignment, without quotes"""
    contamination: Share | None = None
    """the share of the comparison that was trained or helped all the same, 0 to 1"""
    source: Text | None = None
    """where it is written how the assignment was made"""
    roster_frozen: datetime.date | None = None
    """the date on which the list of everybody assigned, to training or not, was frozen, without quotes"""
    reliability: Share | None = None
    """the correlation of the KPI with itself, measured again without training: where people were picked by it"""
    selected_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """the share that was picked, such as 0.3 for the bottom 30 percent: where people were picked by the KPI"""


class Graph(Table):
    """The causal graph that is assumed: what moves the training, the KPI, and what is measured of the units."""

    edges: Arrows
    """the arrows, an array such as ["tenure -> training", "tenure -> sales", "training -> sales"]"""
    unmeasured: Names = ()
    """names in the arrows that no column holds, such as motivation"""


class OtherIntervention(Table):
    """Something else that happened to an arm in the same time."""

    name: Text
    """what it was"""
    arm: Literal["trained", "control", "both"]
    """the arm that had it: trained, control or both"""
    share: Share
    """the share of that arm that had it, 0 to 1"""


class Timing(Table):
    """The calendar: which periods are compared."""

    period: PeriodLength
    """the length of a period: year, quarter, month, week or day"""
    launch: Period
    """the period in which training began, written as in the data"""
    baseline: Window
    """the periods before, as an array such as [1987]"""
    followup: Window
    """the periods after, as an array such as [1988]"""
    washout: Steps = 0
    """the number of periods from the launch on that are left out"""
    anticipation: Steps = 0
    """the number of periods before the launch in which the KPI may already react"""


class CohortTable(Table):
    """Who stands for the untrained. In the file the method's options stand beside its other keys.

    One cohort is written [cohort], and every analysis is on it that does not say cohort = "none"; several are written
    [[cohort]], each with its id, which an analysis names.
    """

    id: Id
    """a short name; may be left out where there is one, written [cohort]"""
    method: Text
    """the name of a cohort method"""
    options: dict[str, Any] = Field(default_factory=dict)
    """the method's options"""


class Analysis(Table):
    """One analysis. In the file the method's options stand beside its other keys."""

    id: Id
    """a short name, the key of its terms in results.json"""
    kpi: Id
    """the id of its KPI; may be left out where there is one"""
    method: Text
    """the name of an estimator"""
    role: Literal["primary", "reference", "sensitivity"]
    """primary (one for each primary KPI), reference or sensitivity"""
    cohort: Id | None = None
    """the id of its cohort, or none; may be left out where there is one, written [cohort]"""
    options: dict[str, Any] = Field(default_factory=dict)
    """the method's options"""


class Inference(Table):
    """Level, draws, seed and variance of every analysis that does not state its own."""

    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """the confidence level"""
    draws: Annotated[int, Field(ge=99, le=1_000_000)] = 1999
    """the number of draws"""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    """the seed of the draws"""
    variance: Text = "default"
    """the variance, by name"""


class Limits(Table):
    """What the study cannot say, in the words of its design."""

    text: Annotated[tuple[Text, ...], Field(max_length=50), BeforeValidator(_as_lines)] = ()
    """a sentence, or an array of sentences"""


class DesignFile(Table):
    """The tables of a design file."""

    schema_version: Annotated[int, AfterValidator(_version_1)] = Field(alias="schema", json_schema_extra={"const": 1})
    """the version of the design file; write schema = 1"""
    study: Study
    """what is studied"""
    program: Program
    """the training program"""
    kpi: Annotated[tuple[Kpi, ...], Field(min_length=1, max_length=20)]
    """the KPIs"""
    data: Data
    """where the data are"""
    columns: Columns
    """which column says what"""
    assignment: Assignment
    """how it was decided who is trained"""
    graph: Graph | None = None
    """the causal graph that is assumed"""
    other_intervention: Annotated[tuple[OtherIntervention, ...], Field(max_length=50)] = ()
    """what else happened in the same time"""
    timing: Timing
    """which periods are compared"""
    cohort: Annotated[tuple[CohortTable, ...], Field(max_length=20)] = ()
    """who stands for the untrained"""
    analysis: Annotated[tuple[Analysis, ...], Field(min_length=1, max_length=100)]
    """the analyses"""
    inference: Inference = Inference()
    """level, draws, seed and variance"""
    valuation: Annotated[tuple[Valuation, ...], Field(max_length=20)] = ()
    """what a KPI is worth"""
    cost: Annotated[tuple[Cost, ...], Field(max_length=200)] = ()
    """what the program cost"""
    finance: Finance | None = None
    """currency, horizon and rates"""
    power: PowerTable = PowerTable()
    """what the power of the study is judged with"""
    waiver: Annotated[tuple[Waiver, ...], Field(max_length=20)] = ()
    """gates that are waived"""
    limits: Limits = Limits()
    """what the study cannot say"""


class DesignSource(Table):
    """The file that a design was read from, and the SHA-256 of its bytes."""

    path: Path | None
    digest: str


class StudyDesign(DesignFile):
    """A design file that holds to every rule, and where it was read from. `load_design` makes it."""

    source: DesignSource

    @property
    def primary(self) -> tuple[Analysis, ...]:
        """The primary analyses, the first being the headline's."""
        return tuple(one for one in self.analysis if one.role == "primary")

    def analysis_of(self, name: str) -> Analysis:
        """Return the analysis of an id that the design has."""
        return next(one for one in self.analysis if one.id == name)

    def kpi_of(self, analysis: Analysis) -> Kpi:
        """Return the KPI of one of the design's analyses."""
        return next(one for one in self.kpi if one.id == analysis.kpi)


TABLES: Mapping[str, type[Table]] = {
    "study": Study,
    "program": Program,
    "kpi": Kpi,
    "data": Data,
    "columns": Columns,
    "assignment": Assignment,
    "graph": Graph,
    "other_intervention": OtherIntervention,
    "timing": Timing,
    "cohort": CohortTable,
    "analysis": Analysis,
    "inference": Inference,
    "valuation": Valuation,
    "cost": Cost,
    "finance": Finance,
    "power": PowerTable,
    "waiver": Waiver,
    "limits": Limits,
}
ARRAYS = ("kpi", "other_intervention", "cohort", "analysis", "valuation", "cost", "waiver")
"""Tables of which there can be several, written [[name]]."""
