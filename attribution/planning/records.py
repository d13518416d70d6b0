"""The nouns of planning: who is to be compared when, how the KPI varies, what a study could see, what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Direction, Scale
from attribution.numerics.power import nearest_covariance

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedCohort:
    """Clusters that start in one period of the plan, or are not trained by its end.

    `start` counts periods from the plan's first one, 0; None is not trained by the end of the follow-up.
    `sizes[n_clusters]` holds the units of each cluster.
    """

    start: int | None
    sizes: Floats

    @property
    def clusters(self) -> int:
        """The number of clusters."""
        return len(self.sizes)

    @property
    def units(self) -> float:
        """The number of units."""
        return float(self.sizes.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An analysis as it is planned: its method and options, its clusters by their start, its two windows.

    `baseline` and `followup` are places in the plan's periods, 0 to `span` − 1, of which `labels` are the names where
    they are known. `source` says in words where the arms come from: the data, or the design file.
    """

    method: str
    options: Mapping[str, Any]
    cohorts: tuple[PlannedCohort, ...]
    baseline: tuple[int, ...]
    followup: tuple[int, ...]
    labels: tuple[str, ...] = ()
    source: str = ""

    @property
    def span(self) -> int:
        """The number of periods from the first to the last that is looked at."""
        return max((*self.baseline, *self.followup)) + 1

    @property
    def trained(self) -> tuple[PlannedCohort, ...]:
        """The cohorts that are trained by the end of the follow-up."""
        return tuple(one for one in self.cohorts if one.start is not None)

    @property
    def trained_clusters(self) -> int:
        """The number of clusters that are trained by the end of the follow-up."""
        return sum(one.clusters for one in self.trained)

    @property
    def control_clusters(self) -> int:
        """The number of clusters that are not."""
        return sum(one.clusters for one in self.cohorts if one.start is None)


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """How the KPI varies without training, over as many periods as a plan looks at.

    `between[span, span]` is the covariance over periods of what the units of a cluster share, `within[span, span]` that
    of a unit around its cluster; what all clusters share in a period is taken out of both. The mean of a cluster of n
    units varies as between + within / n. `level` is the mean KPI before the training (NaN: not known). `source` says in
    words where it comes from, `assumed` what had to be assumed beyond it.
    """

    between: Floats
    within: Floats
    level: float
    source: str
    assumed: tuple[str, ...] = ()

    def of_mean(self, size: float) -> Floats:
        """Return the covariance over periods of the mean of a cluster of so many units, none negative."""
        return nearest_covariance(np.asarray(self.between + self.within / size))

    @property
    def sd(self) -> float:
        """The standard deviation of the KPI between units in one period."""
        return float(np.sqrt(np.mean(np.diag(self.between + self.within))))

    @property
    def icc(self) -> float:
        """The share of that variance that lies between clusters."""
        return float(np.trace(self.between) / np.trace(self.between + self.within))


@dataclass(frozen=True, slots=True, eq=False)
class Mde:
    """The minimum detectable effect of a plan, in KPI units, always positive; NaN with a `reason` where there is none.

    `std_error` and `df` are those of the test that the design names; `size` is how often that test rejects without any
    effect, where it was simulated (NaN where not). `caveats` say where the number is not to be trusted.
    `effects[n]`, `powers[n]` are its power curve.
    """

    mde: float
    std_error: float
    df: float
    level: float
    power: float
    how: Literal["analytic", "simulated"]
    effects: Floats = field(repr=False)
    powers: Floats = field(repr=False)
    size: float = float("nan")
    replications: int = 0
    reason: str = ""
    caveats: tuple[str, ...] = ()

    def power_at(self, effect: float) -> float:
        """Return the chance to see an effect of this size, whatever its sign, from the curve."""
        return float(np.interp(abs(effect), self.effects, self.powers))


@dataclass(frozen=True, slots=True, eq=False)
class Fix:
    """One change of the plan, what it would let the study see, and what it costs (None: the design does not say)."""

    name: str
    words: str
    plan: Plan
    mde: Mde
    enough: bool
    cost: float | None
    cost_words: str


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a plan could see by formula and, where it was asked for, by simulation with the very test.

    `plan` says who is compared when, `noise` how the KPI varies and where that comes from.
    """

    plan: Plan
    noise: Noise = field(repr=False)
    analytic: Mde
    simulated: Mde | None

    @property
    def best(self) -> Mde:
        """The MDE that counts: the simulated one where there is one, since it tries the very test."""
        return self.analytic if self.simulated is None else self.simulated


@dataclass(frozen=True, slots=True, eq=False)
class DesignPower(Seen):
    """What one analysis of a design could see, against what it must see; effects are improvements, in KPI units.

    `expected` and `worthwhile` are those that the design declares, `break_even` the effect at which the measured
    benefit pays for the costs; None where there is none. `benefit_at_mde` is what the MDE would be worth over the
    plan's trained units and follow-up, in `currency`. `fixes` are the changes that would mend too little power, the
    cheapest first.
    """

    analysis: str
    kpi: str
    unit: str
    direction: Direction
    scale: Scale
    expected: float | None
    worthwhile: float | None
    break_even: float | None
    currency: str
    benefit_at_mde: float | None
    total_cost: float | None
    fixes: tuple[Fix, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def must_see(self) -> float | None:
        """The effect that the study must be able to see: the expected one, or else the worthwhile one (decision 38)."""
        return self.worthwhile if self.expected is None else self.expected
