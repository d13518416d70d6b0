"""A plan with a known covariance of its KPI, and its test on cluster means for all replications at once.

That the test is the estimator's own is checked by `furthest`, on units. Used by power_study.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel
from attribution.diagnostics.baseline import ROLLOUTS
from attribution.numerics.variance import JACKKNIFE_LIMIT, welch_df
from attribution.planning.history import declared_noise
from attribution.planning.records import Noise, Plan, PlannedCohort
from attribution.planning.simulated import Draws, path_model
from attribution.planning.skeleton import apply_method, code_of, path_weights, without_one

Floats = NDArray[np.float64]

SEED, BATCH = 20261125, 1_000
UNITS, UNEQUAL = 12, (4.0, 8.0, 12.0, 24.0)
BEFORE, AFTER = 4, 4
CHECKED, EXACT = 20, 1e-10

Starts = tuple[tuple[int | None, int], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One row: a method, the clusters of each start (None: not trained), and how the KPI varies."""

    method: str
    starts: Starts
    icc: float
    keeps: float
    unequal: bool = False
    outcome: str = ""
    after: int = AFTER

    @property
    def span(self) -> int:
        """The periods of the plan."""
        return BEFORE + self.after

    @property
    def plan(self) -> Plan:
        """The plan of the cell."""
        cohorts = tuple(PlannedCohort(start, self._sizes(count)) for start, count in self.starts)
        return Plan(
            self.method,
            {"outcome": self.outcome} if self.outcome else {},
            cohorts,
            tuple(range(BEFORE)),
            tuple(range(BEFORE, self.span)),
        )

    @property
    def noise(self) -> Noise:
        """The true covariance of the KPI."""
        return declared_noise(sd=1.0, icc=self.icc, autocorrelation=self.keeps, span=self.span)

    @property
    def clusters(self) -> str:
        """The clusters in words, those that are not trained last."""
        return " + ".join(str(count) for _, count in self.starts) + (" unequal" if self.unequal else "")

    @property
    def name(self) -> str:
        """The method, with what the outcome is where that is not the plain one."""
        return f"{self.method}, {self.outcome}" if self.outcome else self.method

    def _sizes(self, count: int) -> Floats:
        return np.resize(UNEQUAL, count) if self.unequal else np.full(count, float(UNITS))

    def rng(self, purpose: int) -> np.random.Generator:
        """Return the generator of the cell for one purpose, whatever other cells there are."""
        key = [ord(letter) for letter in f"{self.name} {self.clusters} {self.icc:g} {self.keeps:g}"]
        return np.random.default_rng([SEED, purpose, *key])


@dataclass(frozen=True, slots=True, eq=False)
class FastTest:
    """The estimator and its default variance on cluster means, for many replications at once.

    `weights[n_cohorts, span]` are the estimator's; `left` holds, for each kind of cluster (its cohort and size), the
    weights when one of them is gone.
    """

    plan: Plan
    weights: Floats
    stratum: NDArray[np.int64]
    cohort: NDArray[np.int64]
    size: Floats
    left: dict[tuple[int, float], Floats]

    def __call__(self, means: Floats) -> Draws:
        """Return the test on each of `means[n, n_clusters, span]`."""
        cohorts = range(len(self.plan.cohorts))
        units = np.array([one.units for one in self.plan.cohorts])
        share = self.size / units[self.cohort]
        of_cohort = np.stack(
            [np.einsum("rgt,g->rt", means[:, self.cohort == c], share[self.cohort == c]) for c in cohorts], axis=1
        )
        effect = np.einsum("rct,ct->r", of_cohort, self.weights)
        moved = np.empty(means.shape[:2])
        for (cohort, size), left in self.left.items():
            own = np.flatnonzero((self.cohort == cohort) & (self.size == size))
            # The mean of its cohort without the cluster: what leaves the cohort with the mean is away from it.
            away = of_cohort[:, None, cohort] - means[:, own]
            shift = np.einsum("rct,ct->r", of_cohort, left - self.weights)
            moved[:, own] = shift[:, None]
            if units[cohort] > size:
                moved[:, own] += away @ left[cohort] * size / (units[cohort] - size)
        strata = np.unique(self.stratum)
        layers, df = np.empty((len(means), len(strata))), np.empty(len(strata))
        for place, one in enumerate(strata):
            members = self.stratum[self.cohort] == one
            count, sizes = int(members.sum()), self.size[members]
            df[place] = max(float(sizes.sum() ** 2 / np.sum(sizes**2)) - 1.0, 1.0)
            deviations = moved[:, members]
            if count <= JACKKNIFE_LIMIT:
                layers[:, place] = (count - 1) / count * np.sum(deviations**2, axis=1)
            else:
                # Of a mean the influence is the jackknife's deviation without what leaving out makes of the others.
                share_of = sizes / sizes.sum()
                layers[:, place] = count / (count - 1) * np.sum((deviations * (1.0 - share_of)) ** 2, axis=1)
        return Draws(effect, np.sqrt(layers.sum(axis=1)), welch_df(layers, df))


def fast_test(plan: Plan) -> FastTest:
    """Return the fast equivalent of a plan's estimator: of `did`, or of a rollout whose strata are its cohorts."""
    weights = path_weights(plan)
    left = {}
    for cohort, one in enumerate(plan.cohorts):
        for size in np.unique(one.sizes):
            gone = without_one(plan, cohort, float(size)) if plan.method in ROLLOUTS else weights.weights
            left[cohort, float(size)] = gone
    return FastTest(
        plan=plan,
        weights=weights.weights,
        stratum=weights.stratum,
        cohort=np.repeat(np.arange(len(plan.cohorts)), [one.clusters for one in plan.cohorts]),
        size=np.concatenate([one.sizes for one in plan.cohorts]),
        left=left,
    )


def draw_means(cell: Cell, rng: np.random.Generator, count: int) -> Floats:
    """Return Gaussian paths `[count, n_clusters, span]` of cluster means, without effect."""
    noise, size = cell.noise, np.concatenate([one.sizes for one in cell.plan.cohorts])
    means = rng.standard_normal((count, len(size), cell.span))
    for one in np.unique(size):
        own = size == one
        means[:, own] = means[:, own] @ np.linalg.cholesky(noise.of_mean(float(one))).T
    return means


def with_effect(plan: Plan, means: Floats, effect: float) -> Floats:
    """Return the paths with the effect from each cluster's start on."""
    start = np.concatenate([np.full(one.clusters, code_of(one), dtype=np.int64) for one in plan.cohorts])
    return means + effect * (np.arange(plan.span) >= start[:, None])


def on_units(cell: Cell, means: Floats, rng: np.random.Generator) -> Panel:
    """Return a panel of units whose clusters have these means."""
    model = path_model(cell.plan, cell.noise)
    panel, cluster = model.panel, model.panel.units.cluster
    away = rng.standard_normal((len(cluster), cell.span)) @ model.within.T
    sums = np.stack([np.bincount(cluster, weights=column) for column in away.T], axis=1)
    value = means[cluster] + away - (sums / model.sizes[:, None])[cluster]
    return replace(panel, observations=replace(panel.observations, outcome=value.ravel()))


def furthest(cell: Cell, checked: int = CHECKED) -> float:
    """Return how far the fast test is from the estimator on units, at most, in effect, standard error and df."""
    plan, rng = cell.plan, cell.rng(1)
    means = with_effect(plan, draw_means(cell, rng, checked), 0.7)
    fast = fast_test(plan)(means)
    worst = 0.0
    for number in range(checked):
        made = apply_method(plan, on_units(cell, means[number], rng))
        test = made.contrast({made.main: 1.0})
        mine = np.array([fast.effect[number], fast.std_error[number], fast.df[number]])
        own = np.array([test.value, test.std_error, test.df])
        worst = max(worst, float(np.max(np.abs(mine - own) / np.maximum(np.abs(own), 1.0))))
    return worst


def fast_draws(cell: Cell, replications: int) -> Draws:
    """Return the test on histories without effect; a common effect moves the estimate and nothing else."""
    test, rng = fast_test(cell.plan), cell.rng(2)
    parts = [test(draw_means(cell, rng, min(BATCH, replications - done))) for done in range(0, replications, BATCH)]
    return Draws(*(np.concatenate([getattr(one, name) for one in parts]) for name in ("effect", "std_error", "df")))
