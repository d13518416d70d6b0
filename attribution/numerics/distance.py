"""Points whose Euclidean distance is the one that is asked for: Mahalanobis, or each column by its own spread."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RANK = 1.5e-8
"""Singular values of a covariance below this part of the largest count as 0: the square root of double precision."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """`at[n, k]`, whose Euclidean distances count; `along[n]`, one direction, by which equal distances are told apart.

    `along` is None where the order of the units does that.
    """

    at: Floats = field(repr=False)
    along: Floats | None = field(repr=False)


def mahalanobis(columns: Floats, trained: Bools, weight: Floats) -> Points:
    """Return points at Mahalanobis distance under the covariance within the arms, pooled, weighted by `weight[n]`.

    Columns may depend on each other: all 0/1 columns of a category give the same distances as all but one. `along` is
    the first coordinate of the root that a Cholesky decomposition with pivots makes.

    Examples
    --------
    >>> import numpy as np
    >>> columns = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0], [5.0, 5.0], [7.0, 5.0]])
    >>> arms = np.array([False, False, False, False, True, True])
    >>> points = mahalanobis(columns, arms, np.ones(6))
    >>> squared = ((points.at[4] - points.at[:4]) ** 2).sum(axis=1)
    >>> squared.round(6).tolist()
    [41.666667, 31.0, 25.666667, 15.0]

    Source: Rubin (1980), Bias reduction using Mahalanobis-metric matching; columns scaled first and the pivot as in
    MatchIt 4.7.1.
    """
    spread = columns.std(axis=0, ddof=1)
    scaled = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    centred = scaled.copy()
    for arm in (trained, ~trained):
        centred[arm] -= np.average(scaled[arm], axis=0, weights=weight[arm])
    covariance = (centred * weight[:, None]).T @ centred / weight.sum() * (len(columns) / max(1, len(columns) - 2))
    inverse = np.linalg.pinv(covariance, rcond=RANK, hermitian=True)
    values, vectors = np.linalg.eigh(inverse)
    kept = values > RANK * values[-1]
    pivot = int(np.argmax(np.diag(inverse)))
    return Points(
        at=scaled @ (vectors[:, kept] * np.sqrt(values[kept])),
        along=scaled @ inverse[pivot] / np.sqrt(inverse[pivot, pivot]),
    )


def standardised(columns: Floats) -> Points:
    """Return points in standard deviations of each column, both arms together.

    Examples
    --------
    >>> import numpy as np
    >>> standardised(np.array([[0.0], [2.0], [4.0]])).at.tolist()
    [[0.0], [1.0], [2.0]]

    Source: Abadie & Imbens (2006), the inverse variances of `Weight = 1` in R's Matching.
    """
    return Points(columns / columns.std(axis=0, ddof=1), None)
