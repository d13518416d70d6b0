"""What `results.json` says of what was not measured."""

from __future__ import annotations

from attribution.report.record import Record


class BoundRecord(Record):
    """What something so many times as strong as a covariate would leave; null where training has no room for it."""

    times: float
    strength_trained: float | None
    strength_outcome: float | None
    effect: float | None
    std_error: float | None
    conf_low: float | None
    conf_high: float | None


class BenchmarkRecord(Record):
    """A measured covariate as a yardstick; the multiples are null where none leads there."""

    covariate: str
    columns: int
    strength_trained: float
    strength_outcome: float
    times: float | None
    times_of_interval: float | None
    roi_times: float | None
    bounds: tuple[BoundRecord, ...]


class HiddenBiasRecord(Record):
    """The largest and the smallest that a hidden bias `gamma` between matched people makes of test and estimate."""

    gamma: float
    p_low: float
    p_high: float
    estimate_low: float
    estimate_high: float


class PairsRecord(Record):
    """Rosenbaum's bounds of a cohort of pairs; `critical` is null where no bias, or no difference, decides."""

    pairs: int
    estimate: float
    critical: float | None
    bounds: tuple[HiddenBiasRecord, ...]


class DoubtRecord(Record):
    """How strong something unmeasured would have to be to undo the headline effect; null with the `reason`.

    `benchmarks` are the measured covariates, the strongest first. `roi_value` is what takes the ROI to zero.
    """

    reason: str = ""
    robustness_value: float | None = None
    robustness_value_of_interval: float | None = None
    extreme_robustness_value: float | None = None
    e_value: float | None = None
    e_value_of_interval: float | None = None
    roi_value: float | None = None
    benchmarks: tuple[BenchmarkRecord, ...] = ()
    pairs: PairsRecord | None = None
