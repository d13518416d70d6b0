"""What `results.json` says of the cohort of the headline analysis."""

from __future__ import annotations

from attribution.report.record import Record


class ContrastRecord(Record):
    """One variable in both arms: means, and how far apart they are; null where a number does not exist."""

    trained: float | None
    control: float | None
    smd: float | None
    variance_ratio: float | None
    cox: float | None
    ks: float | None
    ecdf: float | None


class AlikeRecord(Record):
    """One variable before and after the cohort; `deviation` is what both differences are measured in."""

    variable: str
    kind: str
    deviation: float | None
    before: ContrastRecord
    after: ContrastRecord
    missing: int


class WeighedRecord(Record):
    """What a cohort's weights leave of an arm; `effective` is Kish's number of units."""

    arm: str
    units: int
    weighted: int
    effective: float
    largest_share: float | None


class DroppedRecord(Record):
    """Units of one arm without a weight for one reason."""

    arm: str
    reason: str
    units: int


class LostRowRecord(Record):
    """One variable among the trained with a weight and those without."""

    variable: str
    kept: float | None
    lost: float | None
    smd: float | None
    missing: int


class LostRecord(Record):
    """The trained whom a cohort left out, beside those it kept."""

    kept: int
    lost: int
    rows: tuple[LostRowRecord, ...]


class PropensitiesRecord(Record):
    """The propensities of one arm; `outside` have nobody like them in the other one."""

    arm: str
    units: int
    lowest: float
    quarter: float
    median: float
    three_quarters: float
    highest: float
    weighted: int
    outside: int


class OverlapRecord(Record):
    """The propensities of both arms and their common range; `own` is whether they are those of the cohort."""

    own: bool
    low: float
    high: float
    arms: tuple[PropensitiesRecord, ...]


class MadeRecord(Record):
    """The cohort of the headline analysis, how alike it made the arms, and whom it left out."""

    id: str
    method: str
    estimand: str
    notes: tuple[str, ...]
    denominator: str
    balance: tuple[AlikeRecord, ...]
    arms: tuple[WeighedRecord, ...]
    dropped: tuple[DroppedRecord, ...]
    lost: LostRecord
    overlap: OverlapRecord | None
    no_overlap: str
