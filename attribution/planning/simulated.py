"""The minimum detectable effect by simulation: the very test of a design, on histories without effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.diagnostics.baseline import ALONE
from attribution.errors import require_counts
from attribution.numerics.power import root_of
from attribution.planning.mde import POINTS, REACH, no_mde, require_shares, require_span
from attribution.planning.records import Mde, Noise, Plan
from attribution.planning.skeleton import code_of, plain_panel

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

FEWEST = 20
"""Histories that are drawn, at least."""

MANY_WITHOUT = 0.05
"""The share of draws without a standard error above which the simulation says so first."""


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What a test said of each history without effect, `[n]`: estimate, standard error and degrees of freedom."""

    effect: Floats
    std_error: Floats
    df: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PathModel:
    """What histories of a plan are drawn from: the panel without values, and the roots of the covariances.

    `roots` are of cluster means, one for each distinct size, `size_of[n_clusters]` says which; `within` is of units.
    """

    panel: Panel
    span: int
    size_of: NDArray[np.intp]
    roots: Floats
    within: Floats
    sizes: NDArray[np.int64]
    level: float

    def draw(self, rng: np.random.Generator) -> Panel:
        """Return the panel with values: Gaussian cluster means, and units around them that add up to 0."""
        means = np.einsum("gj,gij->gi", rng.standard_normal((len(self.sizes), self.span)), self.roots[self.size_of])
        cluster = self.panel.units.cluster
        value = means[cluster]
        if len(cluster) > len(self.sizes):
            away = rng.standard_normal((len(cluster), self.span)) @ self.within.T
            starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
            away -= (np.add.reduceat(away, starts, axis=0) / self.sizes[:, None])[cluster]
            value = value + away
        observations = replace(self.panel.observations, outcome=(value + self.level).ravel())
        return replace(self.panel, observations=observations)


def path_model(plan: Plan, noise: Noise) -> PathModel:
    """Return what Gaussian histories of a plan are drawn from; the units of a cluster are its size, rounded."""
    require_span(plan, noise)
    span = plan.span
    sizes = np.maximum(np.rint(np.concatenate([one.sizes for one in plan.cohorts])), 1).astype(np.int64)
    adopted = np.concatenate([np.full(one.clusters, code_of(one)) for one in plan.cohorts])
    cluster = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    panel = plain_panel(
        adopted[cluster].astype(np.int32), cluster, np.ones(len(cluster)), np.zeros((len(cluster), span)), len(sizes)
    )
    distinct, size_of = np.unique(sizes, return_inverse=True)
    roots = np.array([root_of(noise.of_mean(float(size))[:span, :span]) for size in distinct])
    level = noise.level if np.isfinite(noise.level) else 0.0
    return PathModel(panel, span, size_of, roots, root_of(noise.within[:span, :span]), sizes, level)


def simulated_mde(
    plan: Plan,
    noise: Noise,
    *,
    estimate: Callable[[Panel], Estimate],
    level: float = 0.95,
    power: float = 0.8,
    replications: int = 500,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Mde:
    """Return the minimum detectable effect of the very test that `estimate` makes, on drawn histories without effect.

    Histories are Gaussian paths with the noise's covariances, units and clusters as planned, over periods 0 to
    span − 1. An effect that is the same for all moves the estimate and leaves its standard error, so that the chance to
    see it is the share of histories in which (estimate ± effect)/SE is beyond t of the test's own degrees of freedom;
    `size` is that share without effect. A history without a standard error does not see anything, and is counted. The
    same seed gives the same bits for any number of `workers`. Raises `MethodError` for fewer than 20 replications.

    Source: Burlig, Preonas & Woerman (2020), who simulate with the estimator itself.
    """
    require_shares(level=level, power=power)
    model = path_model(plan, noise)
    draws = drawn(
        lambda number: estimate(model.draw(_rng(seed, number))), replications, workers=workers, progress=progress
    )
    caveats = []
    # Without a comparison what all clusters share in a period is noise, and the model draws none.
    if plan.method in ALONE:
        caveats.append(
            "what all clusters share in a period is not drawn, though without a comparison it is part of the error"
        )
    return mde_of_draws(draws, level=level, power=power, caveats=tuple(caveats))


def drawn(
    one: Callable[[int], Estimate], replications: int, *, workers: int = 1, progress: Progress | None = None
) -> Draws:
    """Return what the test says of each of `replications` histories, numbered from 0, in their order."""
    require_counts(replications=(replications, FEWEST))
    found = np.empty((replications, 3))

    def fill(number: int) -> None:
        made = one(number)
        test = made.contrast({made.main: 1.0})
        found[number] = test.value, test.std_error, test.df

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for done, _ in enumerate(pool.map(fill, range(replications)), start=1):
            if progress is not None:
                progress(done, replications)
    return Draws(found[:, 0], found[:, 1], found[:, 2])


def mde_of_draws(draws: Draws, *, level: float, power: float, caveats: Sequence[str] = ()) -> Mde:
    """Return the MDE of tests on histories without effect, with its curve; an effect of either sign counts alike.

    Examples
    --------
    >>> draws = Draws(np.array([-1.0, 0.0, 1.0]), np.ones(3), np.full(3, 1e9))
    >>> round(mde_of_draws(draws, level=0.95, power=0.5).mde, 2)
    1.96
    """
    critical = stdtrit(draws.df, (1 + level) / 2) * draws.std_error
    without = int(np.isnan(critical).sum())
    count = len(critical)
    bound = np.where(np.isnan(critical), np.inf, critical)
    effect = np.where(np.isnan(draws.effect), 0.0, draws.effect)
    # The effect from which on a history is significant, if it is added, or taken away.
    needed = np.sort(np.concatenate([bound - effect, bound + effect]))
    place = power * (len(needed) - 1)
    low, high = needed[int(np.floor(place))], needed[int(np.ceil(place))]
    lacking = f"simulated histories without a standard error: {without:,} of {count:,}"
    if not np.isfinite(high):
        return replace(no_mde(lacking, level, power, "simulated"), replications=count)
    notes = list(caveats)
    if without:
        place_of = 0 if without > MANY_WITHOUT * count else len(notes)
        notes.insert(place_of, f"{lacking}, which count as seeing nothing")
    mde = float(low + (place - np.floor(place)) * (high - low))
    effects = np.linspace(0.0, REACH * max(mde, 0.0), POINTS)
    either = np.stack([effect, -effect])
    powers = np.array([np.mean(np.abs(either + one) > bound) for one in effects])
    usable = ~np.isnan(critical)
    return Mde(
        mde=mde,
        std_error=float(np.sqrt(np.mean(draws.std_error[usable] ** 2))),
        df=float(np.median(draws.df[usable])),
        level=level,
        power=power,
        how="simulated",
        effects=effects,
        powers=powers,
        size=float(np.mean(np.abs(effect) > bound)),
        replications=count,
        caveats=tuple(notes),
    )


def _rng(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
