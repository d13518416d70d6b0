"""Rosenbaum's bounds for matched pairs: what a hidden bias of a given size could do to a signed-rank test.

With a bias of Γ, the odds that it is the trained one of a pair who would be trained lie between 1/Γ and Γ; without any
Γ is 1. Differences are trained less control, one for each pair.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SignedRank:
    """Wilcoxon's signed-rank statistic: the sum of ranks of the positive differences, and all ranks.

    Differences of 0 are left out; ties share their mean rank.
    """

    statistic: float
    ranks: Floats = field(repr=False)


def signed_rank(differences: Floats) -> SignedRank:
    """Return the signed-rank statistic of `differences[n_pairs]`.

    Examples
    --------
    >>> signed_rank(np.array([3.0, -1.0, 0.0, 2.0])).statistic
    5.0
    """
    moved = differences[differences != 0]
    ranks = _mean_ranks(np.abs(moved))
    return SignedRank(float(ranks[moved > 0].sum()), ranks)


def p_value_bounds(differences: Floats, gammas: ArrayLike) -> tuple[Floats, Floats]:
    """Return the smallest and the largest one-sided p value (effect above 0) under each bias Γ, `[n_gammas]` each.

    Normal approximation, no continuity correction: under Γ a rank is positive with a probability p between 1/(1 + Γ)
    and Γ/(1 + Γ), so that the statistic has mean pΣr and variance p(1 − p)Σr².

    Examples
    --------
    >>> low, high = p_value_bounds(np.array([5.0, 4.0, 7.0, -1.0, 3.0, 6.0, 2.0, 8.0]), [1, 2])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.009, 0.0], [0.009, 0.051])

    Source: Rosenbaum (2002), Observational Studies, section 4.3.3.
    """
    found, gamma = signed_rank(differences), np.asarray(gammas, dtype=float)
    bounds = []
    for chance in (1 / (1 + gamma), gamma / (1 + gamma)):
        spread = np.sqrt(chance * (1 - chance) * float((found.ranks**2).sum()))
        with np.errstate(divide="ignore", invalid="ignore"):
            bounds.append(ndtr((chance * float(found.ranks.sum()) - found.statistic) / spread))
    return bounds[0], bounds[1]


def critical_gamma(differences: Floats, alpha: float) -> float:
    """Return the bias Γ from which on the largest p value is above `alpha`; 1 where it is so without any bias.

    Infinite where no bias could do it, NaN without a difference other than 0.
    """
    found = signed_rank(differences)
    total, squares = float(found.ranks.sum()), float((found.ranks**2).sum())
    if total == 0:
        return float("nan")
    share, wide = found.statistic / total, float(ndtri(1 - alpha)) ** 2 * squares / total**2
    # (share − p)² = wide · p(1 − p), the root below the share observed.
    half = share + wide / 2
    chance = (half - np.sqrt(half**2 - (1 + wide) * share**2)) / (1 + wide)
    if chance >= 1:
        return float("inf")
    return max(1.0, float(chance / (1 - chance)))


def effect_bounds(differences: Floats, gammas: ArrayLike, *, step: float | None = None) -> tuple[Floats, Floats]:
    """Return the smallest and the largest Hodges–Lehmann estimate of the effect under each bias Γ, `[n_gammas]` each.

    The shift τ at which the statistic of the differences less τ is what Γ expects at most, and at least: quantiles of
    the means of any two differences (Walsh averages, each with itself too). Without bias both are their median. With
    `step` the search walks from the estimate in steps until it is past the bound, as R's rbounds does (.1 unless
    told), so that a bound lies up to a step too far out; differences of 0 are left out of the estimate it starts from.

    Examples
    --------
    >>> low, high = effect_bounds(np.array([5.0, 4.0, 7.0, -1.0, 3.0, 6.0, 2.0, 8.0]), [1, 2])
    >>> low.tolist(), high.tolist()
    ([4.5, 3.5], [4.5, 5.25])

    Source: Rosenbaum (2002), section 4.3.5; Rosenbaum (1993), Hodges–Lehmann point estimates of treatment effect in
    observational studies, JASA 88.
    """
    gamma = np.atleast_1d(np.asarray(gammas, dtype=float))
    if step is not None:
        return _walked(differences, gamma, step)
    ordered = np.sort(differences)
    means = WalshMeans(ordered)
    low = np.array([means.quantile(one / (1 + one)) for one in 1 / gamma])
    return low, np.array([means.quantile(one / (1 + one)) for one in gamma])


@dataclass(frozen=True, slots=True, eq=False)
class WalshMeans:
    """The means of any two of `ordered[n]` values, each with itself too, counted without making all n(n + 1)/2."""

    ordered: Floats

    @property
    def count(self) -> int:
        n = len(self.ordered)
        return n * (n + 1) // 2

    def at_most(self, value: float) -> int:
        """Return how many means are at most `value`."""
        n = len(self.ordered)
        ends = np.searchsorted(self.ordered, 2 * value - self.ordered, side="right")
        return int(np.maximum(ends - np.arange(n), 0).sum())

    def smallest_above(self, value: float) -> float:
        """Return the smallest mean above `value`."""
        n = len(self.ordered)
        place = np.maximum(np.searchsorted(self.ordered, 2 * value - self.ordered, side="right"), np.arange(n))
        inside = place < n
        return float(((self.ordered[inside] + self.ordered[place[inside]]) / 2).min())

    def ranked(self, rank: int) -> float:
        """Return the mean of a rank, from 1."""
        low, high = float(self.ordered[0]), float(self.ordered[-1])
        if self.at_most(low) >= rank:
            return low
        while True:
            middle = (low + high) / 2
            if not low < middle < high:
                return self.smallest_above(low)
            if self.at_most(middle) >= rank:
                high = middle
            else:
                low = middle

    def quantile(self, share: float) -> float:
        """Return where the means at most a value come to be this share; between two of them, their middle."""
        wanted = share * self.count
        nearest = round(wanted)
        if abs(wanted - nearest) < 1e-9 * self.count and 0 < nearest < self.count:
            return (self.ranked(nearest) + self.ranked(nearest + 1)) / 2
        return self.ranked(min(max(int(np.ceil(wanted)), 1), self.count))


def _walked(differences: Floats, gamma: Floats, step: float) -> tuple[Floats, Floats]:
    start = _searched(differences[differences != 0])
    total = len(differences) * (len(differences) + 1) / 2
    low, high = np.full(len(gamma), start), np.full(len(gamma), start)
    close = 1e-8
    for place, one in enumerate(gamma):
        least, most = total / (1 + one), total * one / (1 + one)
        if most - least <= close:
            continue
        while True:
            high[place] += step
            if _statistic_at(differences, float(high[place])) <= least + close:
                break
        while True:
            low[place] -= step
            if _statistic_at(differences, float(low[place])) >= most - close:
                break
    return low, high


def _searched(moved: Floats) -> float:
    """Return the estimate without bias as R's `wilcox.test` finds it: by root search to .0001, on either side."""
    if not len(moved) or moved.min() == moved.max():
        return float(moved[0]) if len(moved) else 0.0

    def standardised(shift: float) -> float:
        found = signed_rank(moved - shift)
        return (found.statistic - float(found.ranks.sum()) / 2) / float(np.sqrt((found.ranks**2).sum() / 4))

    return float(brentq(standardised, float(moved.min()), float(moved.max()), xtol=1e-4))


def _statistic_at(differences: Floats, shift: float) -> float:
    """Return the sum of ranks of the positive differences less a shift; those of 0 keep their ranks."""
    moved = differences - shift
    return float(_mean_ranks(np.abs(moved))[moved > 0].sum())


def _mean_ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place])
