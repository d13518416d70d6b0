"""Power of a t test: what can be seen, how likely it is to be seen; covariances over periods and groups."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, stdtrit

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]

NODES = 200
"""Places at which the chance of a rejection is averaged over standard errors; it is then exact to 1e-9."""


def minimum_detectable(std_error: float, df: float, level: float = 0.95, power: float = 0.8) -> float:
    """Return the smallest effect that a two-sided t test at `level` sees with the chance `power`, always positive.

    (t_power + t_(1+level)/2)·SE, both of the test's own degrees of freedom. NaN where the standard error is.

    Examples
    --------
    >>> round(minimum_detectable(1.0, 10.0), 4), round(minimum_detectable(1.0, 1e9), 4)
    (3.1072, 2.8016)

    Source: Bloom (1995), Minimum detectable effects, Evaluation Review 19.
    """
    return float((stdtrit(df, power) + stdtrit(df, (1 + level) / 2)) * std_error)


def power_at(effect: Any, std_error: float, df: float, level: float = 0.95) -> Floats:
    """Return the chance that a two-sided t test at `level` rejects, for each of `effect[...]`.

    The effect over the standard error is the noncentrality of t. A rejection on the wrong side counts as well, so
    that at no effect the chance is 1 − level.

    Examples
    --------
    >>> power_at([0.0, 3.1072], 1.0, 10.0).round(3).tolist()
    [0.05, 0.799]

    Source: noncentral t as the normal distribution averaged over the chi distribution of the standard error.
    """
    critical = stdtrit(df, (1 + level) / 2)
    middle = np.asarray(effect, dtype=float)[..., None] / std_error
    scale, weight = _chi_nodes(df)
    return np.asarray((ndtr(middle - critical * scale) + ndtr(-middle - critical * scale)) @ weight)


def _chi_nodes(df: float) -> tuple[Floats, Floats]:
    """Return places and weights that average over s, where df·s² is chi-squared with df degrees of freedom."""
    if np.isnan(df):
        return np.ones(1), np.full(1, np.nan)
    reach = 9.0 / np.sqrt(2.0 * df)
    low, high = max(0.0, 1.0 - reach), 1.0 + reach
    # Squares of the nodes: the density goes to 0 as a power of s that need not be whole.
    root, weight = _nodes()
    s = low + (high - low) * root**2
    half = df / 2.0
    log_density = np.log(2.0) + half * np.log(half) - gammaln(half) + (df - 1.0) * np.log(s) - half * s**2
    chance = np.exp(log_density) * weight * root * (high - low)
    return s, chance / chance.sum()


@cache
def _nodes() -> tuple[Floats, Floats]:
    """Return the places in (0, 1) and weights of Gauss and Legendre."""
    x, weight = np.polynomial.legendre.leggauss(NODES)
    return (x + 1.0) / 2.0, weight


def path_covariance(sd: float, correlation: float, span: int) -> Floats:
    """Return the covariance `[span, span]` of a stationary AR(1) path with a standard deviation per period.

    Examples
    --------
    >>> path_covariance(2.0, 0.5, 3)[0].tolist()
    [4.0, 2.0, 1.0]
    """
    lag = np.abs(np.subtract.outer(np.arange(span), np.arange(span)))
    # 0⁰ is 1: without correlation each period is itself.
    return np.asarray(sd**2 * np.power(float(correlation), lag))


def sliding(covariance: Floats, span: int) -> Floats:
    """Return the mean of all blocks of `span` periods next to each other on the diagonal of a covariance.

    Examples
    --------
    >>> sliding(np.diag([1.0, 2.0, 6.0]), 2).tolist()
    [[1.5, 0.0], [0.0, 4.0]]
    """
    starts = range(len(covariance) - span + 1)
    return np.asarray(np.mean([covariance[s : s + span, s : s + span] for s in starts], axis=0))


def pooled_covariance(values: Floats, groups: Codes) -> tuple[Floats, Floats]:
    """Return the covariance over columns of `values[n, k]` within groups, and how many differences each rests on.

    A pair of columns takes the rows that have both (NaN: missing), around the means of these very rows in each group,
    and is divided by their number less that of the groups that have any: unbiased, whatever is missing. NaN where that
    leaves none.

    Examples
    --------
    >>> values = np.array([[0.0, 0.0], [2.0, 2.0], [10.0, np.nan], [14.0, 1.0]])
    >>> [part.tolist() for part in pooled_covariance(values, np.array([0, 0, 1, 1]))]
    [[[5.0, 2.0], [2.0, 2.0]], [[2.0, 1.0], [1.0, 1.0]]]
    """
    width = values.shape[1]
    total, left = np.zeros((width, width)), np.zeros((width, width))
    for own in of_several(groups):
        mine = values[own]
        present = ~np.isnan(mine)
        if present.all():
            away = mine - mine.mean(axis=0)
            total += away.T @ away
            left += len(own) - 1
            continue
        # Around a middle of their own, so that no precision is lost on values far from 0.
        middle = np.nanmean(np.where(present.any(axis=0), mine, 0.0), axis=0)
        away, seen = np.where(present, mine - middle, 0.0), present.astype(float)
        count, sums = seen.T @ seen, away.T @ seen
        total += away.T @ away - sums * sums.T / np.maximum(count, 1.0)
        left += np.maximum(count - 1.0, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(left > 0, total / left, np.nan), left


def of_several(groups: Codes) -> list[NDArray[np.intp]]:
    """Return the places of the members of each group that has more than one, the groups in order.

    Examples
    --------
    >>> [part.tolist() for part in of_several(np.array([2, 0, 2, 1, 0]))]
    [[1, 4], [0, 2]]
    """
    several = np.flatnonzero(np.bincount(groups)[groups] > 1)
    order = several[np.argsort(groups[several], kind="stable")]
    edges = np.flatnonzero(np.diff(groups[order])) + 1
    return np.split(order, edges) if len(order) else []


def root_of(covariance: Floats) -> Floats:
    """Return a matrix whose product with its transpose is the covariance, negative eigenvalues taken for 0.

    Examples
    --------
    >>> root = root_of(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> (root @ root.T).round(12).tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def nearest_covariance(matrix: Floats) -> Floats:
    """Return the matrix with its negative eigenvalues set to 0, itself where it has none.

    Examples
    --------
    >>> nearest_covariance(np.array([[0.0, 1.0], [1.0, 0.0]])).round(12).tolist()
    [[0.5, 0.5], [0.5, 0.5]]

    Source: Higham (1988), Computing a nearest symmetric positive semidefinite matrix, Linear Algebra Appl. 103.
    """
    values, vectors = np.linalg.eigh(matrix)
    if values[0] >= -1e-12 * max(float(values[-1]), 0.0):
        return matrix
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
