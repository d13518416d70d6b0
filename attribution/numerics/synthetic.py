"""Synthetic control and synthetic difference-in-differences on a table of sites by periods, with their replicates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations
from math import comb, perm
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.simplex import simplex_least_squares

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Kind = Literal["did", "control"]

NEAR_ZERO_RIDGE = 1e-6
"""ζ in units of the noise where the weights are not shrunk: it only makes them unique (synthdid's own number)."""
ROUNDING = 1e-8
"""What stands for the noise where the donors' paths have none, in units of the KPI's spread: ties are then broken."""

EFFECT, CHANGE, CURVE = 0, 1, 2
"""Places in the vector of `Fit.values`: effect, change, then the effect of each period."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Weights of donors and of baseline periods.

    `unit[n_donors]` and `baseline[n_pre]` sum to 1; `shift[n_pre]` is what the gap is measured from: `baseline` for
    `did`, 0 for `control`. `noise` is the SD of the donors' first differences, `zeta` the ridge of `unit`.
    """

    unit: Floats
    baseline: Floats
    shift: Floats
    noise: float
    zeta: float

    def values(self, path: Floats, donors: Floats) -> Floats:
        """Return effect, observed change and the effect of each period, `[2 + n_periods]`.

        `path[n_periods]` of the trained, `donors[n_donors, n_periods]`.
        """
        n_pre = len(self.baseline)
        gap = path - self.unit @ donors
        curve = gap - self.shift @ gap[:n_pre]
        change = path[n_pre:].mean() - self.baseline @ path[:n_pre]
        return np.concatenate([[curve[n_pre:].mean(), change], curve])


def fit_weights(path: Floats, donors: Floats, n_pre: int, n_trained: int, kind: Kind) -> Fit:
    """Fit the weights of donors and, for `did`, of baseline periods.

    `did`: ω with an intercept and the ridge ζ² n_pre, ζ = (n_trained n_post)^¼ σ̂; λ with an intercept and a ridge that
    only makes it unique. `control`: ω without an intercept, the plain baseline mean. σ̂ is the SD (n − 1) of the
    donors' first differences in the baseline, at least two periods.

    Source: Arkhangelsky et al. (2021), eqs. 4–6, Algorithm 1; Abadie, Diamond & Hainmueller (2010), without covariates.
    """
    table = _Table.of(donors, n_pre, kind)
    steps = np.diff(table.before, axis=1)
    noise = float(np.std(steps, ddof=1)) if steps.size > 1 else 0.0
    everyone = np.arange(len(donors))
    unit, baseline, zeta = table.weights(everyone, path[:n_pre], noise, n_trained, donors.shape[1] - n_pre)
    return Fit(unit, baseline, baseline if kind == "did" else np.zeros(n_pre), noise, zeta)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Donors' paths, made ready once for any choice of them: `before[n_donors, n_pre]`, their own deviations from their
    mean there (`did`; themselves for `control`), their mean after."""

    before: Floats
    moves: Floats
    after: Floats
    kind: Kind

    @classmethod
    def of(cls, donors: Floats, n_pre: int, kind: Kind) -> _Table:
        before = donors[:, :n_pre]
        moves = before - before.mean(axis=1, keepdims=True) if kind == "did" else before
        return cls(before, moves, donors[:, n_pre:].mean(axis=1), kind)

    def weights(
        self, chosen: Integers, target: Floats, noise: float, n_trained: int, n_post: int
    ) -> tuple[Floats, Floats, float]:
        """Return the weights of the chosen donors, those of the baseline periods, and ζ."""
        before, n_pre = self.before[chosen], self.before.shape[1]
        size = noise or ROUNDING * float(np.ptp(np.append(before, target)))
        zeta = NEAR_ZERO_RIDGE * size
        if self.kind == "control":
            unit = simplex_least_squares(before.T, target, ridge=zeta**2 * n_pre)
            return unit, np.full(n_pre, 1.0 / n_pre), zeta
        across, after = before - before.sum(axis=0) / len(chosen), self.after[chosen]
        baseline = simplex_least_squares(across, after - after.sum() / len(chosen), ridge=zeta**2 * len(chosen))
        zeta = (n_trained * n_post) ** 0.25 * size
        moved = target - target.sum() / n_pre
        return simplex_least_squares(self.moves[chosen].T, moved, ridge=zeta**2 * n_pre), baseline, zeta


def placebo_sets(
    n_donors: int, n_trained: int, limit: int, *, ordered: bool, rng: np.random.Generator
) -> tuple[Integers, bool]:
    """Return sets of donors that stand in for the trained, `[n_sets, n_trained]`, and whether they were drawn.

    They are all the sets there are where these are at most `limit`, else `limit` drawn at random. `ordered` tells apart
    who stands for whom, which matters where the trained differ in weight.
    """
    count = perm(n_donors, n_trained) if ordered else comb(n_donors, n_trained)
    if count <= limit:
        each = (permutations if ordered else combinations)(range(n_donors), n_trained)
        return np.array(list(each), dtype=np.intp), False
    drawn = rng.permuted(np.tile(np.arange(n_donors), (limit, 1)), axis=1)
    return np.asarray(drawn[:, :n_trained], dtype=np.intp), True


def placebo_values(donors: Floats, sets: Integers, share: Floats, n_pre: int, kind: Kind) -> Floats:
    """Return `Fit.values` of every set as if it had been trained, `[n_sets, 2 + n_periods]`; all weights are refitted.

    `share[n_trained]` are the trained sites' shares of the mean. The change of a set is given less that of all donors
    over the same baseline weights, which did not see the set: weights that did would make it look too small, and the
    donors' common path would enter with every change of the weights.

    Source: Arkhangelsky et al. (2021), Algorithm 4.
    """
    n_donors, n_periods = donors.shape
    n_sets, n_trained = sets.shape
    table = _Table.of(donors, n_pre, kind)
    paths = np.einsum("m,smt->st", share, donors[sets])
    noise = _noise_without(np.diff(table.before, axis=1), sets)
    units, baselines = np.zeros((n_sets, n_donors)), np.empty((n_sets, n_pre))
    left = np.ones((n_sets, n_donors), dtype=bool)
    np.put_along_axis(left, sets, False, axis=1)
    for row in range(n_sets):
        rest = np.flatnonzero(left[row])
        target = paths[row, :n_pre]
        units[row, rest], baselines[row], _ = table.weights(rest, target, noise[row], n_trained, n_periods - n_pre)
    gap = paths - units @ donors
    shift = np.einsum("st,st->s", baselines, gap[:, :n_pre]) if kind == "did" else np.zeros(n_sets)
    curve = gap - shift[:, None]
    apart = paths - donors.mean(axis=0)
    change = apart[:, n_pre:].mean(axis=1) - np.einsum("st,st->s", baselines, apart[:, :n_pre])
    return np.concatenate([curve[:, n_pre:].mean(axis=1)[:, None], change[:, None], curve], axis=1)


def _noise_without(steps: Floats, sets: Integers) -> Floats:
    """Return the SD (n − 1) of the donors' first differences, each set of donors left out in turn."""
    centred = steps - steps.mean()
    count = steps.shape[1] * (len(steps) - sets.shape[1])
    if count < 2:
        return np.zeros(len(sets))
    total, squares = centred.sum(axis=1), (centred**2).sum(axis=1)
    mean = (total.sum() - total[sets].sum(axis=1)) / count
    spread = squares.sum() - squares[sets].sum(axis=1) - count * mean**2
    # Where what is left has no noise, the difference of sums leaves a trace of rounding.
    return np.asarray(np.sqrt(np.where(spread > 1e-12 * squares.sum(), spread, 0.0) / (count - 1)))


def placebo_covariance(values: Floats, share: Floats, n_donors: int) -> Floats:
    """Return the covariance of `Fit.values` from its replicates: deviations from their mean, divided by their number.

    A set drawn without replacement is compared with the donors that are left, and moves them the other way: for
    equal weights the variance of its effect is exact as it stands, while that of its own change lacks the factor
    Σp²/(Σp² − 1/n_donors), p the shares.

    Source: Arkhangelsky et al. (2021), Algorithm 4; Cochran (1977), Sampling Techniques, eq. 2.8.
    """
    moved = values - values.mean(axis=0)
    covariance = moved.T @ moved / len(values)
    size = float(share @ share)
    covariance[CHANGE, CHANGE] *= size / (size - 1.0 / n_donors)
    return np.asarray(covariance)


def jackknife_layers(trained: Floats, share: Floats, donors: Floats, fit: Fit) -> Floats:
    """Return the covariance of `Fit.values` by leaving out one site at a time, `[2, 2 + n_periods, 2 + n_periods]`.

    One layer for the trained sites left out, one for the donors. The weights stay as they are, but for being scaled to
    sum to 1; equal weights stand in where the only weighted donor is left out.

    Source: Arkhangelsky et al. (2021), Algorithm 3.
    """
    whole = fit.values(share @ trained, donors)
    n_trained, n_donors = len(trained), len(donors)
    moved = [np.empty((n_trained, len(whole))), np.empty((n_donors, len(whole)))]
    for site in range(n_trained):
        rest = np.delete(share, site)
        moved[0][site] = fit.values(rest / rest.sum() @ np.delete(trained, site, axis=0), donors) - whole
    for site in range(n_donors):
        unit = np.delete(fit.unit, site)
        total = unit.sum()
        unit = unit / total if total > 0 else np.full(len(unit), 1.0 / len(unit))
        less = Fit(unit, fit.baseline, fit.shift, fit.noise, fit.zeta)
        moved[1][site] = less.values(share @ trained, np.delete(donors, site, axis=0)) - whole
    factor = 1.0 - 1.0 / (n_trained + n_donors)
    return np.stack([factor * one.T @ one for one in moved])


def fit_error(curve: Floats, n_pre: int, *, intercept: bool) -> float:
    """Return the root mean squared gap before training, free of its mean with `intercept`."""
    before = curve[..., :n_pre]
    if intercept:
        before = before - before.mean(axis=-1, keepdims=True)
    return float(np.sqrt(np.mean(before**2)))


def error_ratio(curves: Floats, n_pre: int) -> Floats:
    """Return the root mean squared gap after training over that before, of each row of `curves[..., n_periods]`.

    Without a gap before it is infinite, without any gap at all 0.
    """
    after, before = np.mean(curves[..., n_pre:] ** 2, axis=-1), np.mean(curves[..., :n_pre] ** 2, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(np.where(after > 0, after / before, 0.0)))
