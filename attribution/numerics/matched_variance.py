"""Variance of matched comparisons: controls that serve several trained units, an estimated propensity, two clusters.

Everything is in influence form: `influence[n_units, m]` is the derivative of m values by each unit's weight, in sum
form. A control's influence divided by its weight is minus its outcome, so that no outcome needs to be known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.variance import cluster_sums

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]

NEIGHBOURS = 2
"""Units of the same arm that an outcome is compared with, to learn how much outcomes of like units vary."""


@dataclass(frozen=True, slots=True, eq=False)
class Reuse:
    """Matches with the influence that runs along them.

    `rows[n_matched, m]` is the influence of each trained unit in `trained[n_matched]` with its part of its controls;
    `unit[n_units, m]` the influence of a unit by weight, 0 where it is in no match; `used[n_units]` a control's weight
    K, `squares[n_units]` the sum of the squares of the parts K is made of.
    """

    trained: NDArray[np.int64] = field(repr=False)
    rows: Floats = field(repr=False)
    unit: Floats = field(repr=False)
    used: Floats = field(repr=False)
    squares: Floats = field(repr=False)
    link_trained: NDArray[np.int64] = field(repr=False)
    link_control: NDArray[np.int64] = field(repr=False)
    flow: Floats = field(repr=False)

    @property
    def extra(self) -> Floats:
        """How much more a control counts than the squares of its parts: K² − ΣK_i², 0 where it serves one unit."""
        return np.asarray(np.maximum(self.used**2 - self.squares, 0.0))


def reuse(influence: Floats, trained: Codes, control: Codes, flow: Floats) -> Reuse:
    """Return the influence along links: link l gives the part `flow[l]` of the weight of trained unit `trained[l]`.

    `influence[n_units, m]` in sum form; each trained unit's flows sum to its weight, and a control's weight is
    proportional to the sum of its own.
    """
    n_units = len(influence)
    weight: Floats = np.bincount(trained, weights=flow, minlength=n_units).astype(float)
    used: Floats = np.bincount(control, weights=flow, minlength=n_units).astype(float)
    squares: Floats = np.bincount(control, weights=flow**2, minlength=n_units).astype(float)
    total = weight + used
    unit = np.where(total[:, None] > 0, influence / np.where(total > 0, total, 1.0)[:, None], 0.0)
    matched = np.flatnonzero(weight > 0)
    place = np.zeros(n_units, dtype=np.int64)
    place[matched] = np.arange(len(matched))
    rows = influence[matched] + cluster_sums(flow[:, None] * unit[control], place[trained], len(matched))
    return Reuse(matched, rows, unit, used, squares, np.asarray(trained), np.asarray(control), flow)


def common_spread(found: Reuse) -> Floats:
    """Return the layer `[m, m]` that reused controls add where all outcomes vary alike given the covariates.

    The variance is half the mean square of the differences within matches, as in `Match(Var.calc = 0)` of R's Matching.

    Source: Abadie & Imbens (2006), section 4.3; Sekhon (2011), Matching, Journal of Statistical Software 42(7).
    """
    moved = found.unit[found.link_trained] + found.unit[found.link_control]
    spread = 0.5 * (moved * found.flow[:, None]).T @ moved / found.flow.sum()
    return np.asarray(spread * found.extra.sum())


def own_spread(found: Reuse, points: Floats, neighbours: int = NEIGHBOURS) -> Floats:
    """Return the layer `[m, m]` that reused controls add, each by what its outcome differs from its neighbours'.

    `points[n_units, k]` say how near units are; neighbours are controls that serve as matches too. NaN where there is
    only one such control: nothing says how much its outcome varies.

    Source: Abadie & Imbens (2006), eq. 14 and theorem 7: σ²(x) is J/(J+1) (Y − mean of the J nearest of its arm)².
    """
    inside = np.flatnonzero(found.used > 0)
    if len(inside) < 2:
        return np.full((found.unit.shape[1],) * 2, np.nan)
    near = nearest(points[inside], points[inside], min(neighbours, len(inside) - 1), itself=False)
    own = found.unit[inside]
    apart = own - own[near].mean(axis=1)
    size = near.shape[1]
    scaled = apart * np.sqrt(size / (size + 1) * found.extra[inside])[:, None]
    return np.asarray(scaled.T @ scaled)


def estimated_propensity(
    found: Reuse, design: Floats, probability: Floats, information: Floats, neighbours: int = NEIGHBOURS
) -> tuple[Floats, Floats]:
    """Return what an estimated propensity takes from the variance of the effect on the trained, and what it adds.

    Both `[m, m]`. A logit of `design[n_units, k]` gave `probability[n_units]`; `information[k, k]` is that of its
    coefficients. What it takes, c'I⁻¹c, has c = Σ_T w ((1 − p) x (y₁ − y₀(p) − τ) + p cov(x, y₀ | p)), y₀(p) being the
    match and the covariance that of the nearest controls by propensity; what it adds, g'I⁻¹g, has g = Σ_T w (1 − p) x
    (y₁ − y₀(x) − τ), with y₀(x) by the control nearest in the covariates. Where y₀ plays no part, in the change of the
    trained, both are the same.

    Source: Abadie & Imbens (2016), Matching on the estimated propensity score, Econometrica 84, theorem 2, section 4.
    """
    trained, control = found.trained, np.flatnonzero(found.used > 0)
    weight = np.bincount(found.link_trained, weights=found.flow, minlength=len(found.used))[trained]
    score = probability[trained]
    leave = design[trained] * (1 - score)[:, None]
    # Minus a control's influence by weight is its outcome.
    within = -_covariance(design, found.unit, score, control, probability, neighbours)
    takes = leave.T @ found.rows + ((weight * score)[:, None, None] * within).sum(axis=0)
    columns = design[:, np.ptp(design[np.append(trained, control)], axis=0) > 0]
    match = control[
        nearest(whitened(columns[control], columns[control]), whitened(columns[trained], columns[control]), 1)[:, 0]
    ]
    adds = (leave * weight[:, None]).T @ (found.unit[trained] + found.unit[match])
    return np.asarray(takes.T @ np.linalg.solve(information, takes)), np.asarray(
        adds.T @ np.linalg.solve(information, adds)
    )


def between(rows: Floats, one: Codes, other: Codes) -> Floats:
    """Return what sums by `one[n]` add to a variance by `other[n]`: products of rows of one group and two others.

    V(one) − V(both) of Cameron, Gelbach & Miller (2011), eq. 2.13, in which V(other) is a third term.
    """
    n_groups, n_others = int(one.max()) + 1, int(other.max()) + 1
    cells = np.unique(one.astype(np.int64) * n_others + other, return_inverse=True)[1]
    sums, cell = cluster_sums(rows, one, n_groups), cluster_sums(rows, cells, int(cells.max()) + 1)
    return np.asarray(sums.T @ sums - cell.T @ cell)


def _covariance(
    design: Floats, unit: Floats, at: Floats, arm: NDArray[np.int64], probability: Floats, neighbours: int
) -> Floats:
    """Return the covariance `[n, k, m]` of columns with others among the nearest of an arm, at each propensity."""
    size = min(neighbours, len(arm))
    if size < 2:
        return np.zeros((len(at), design.shape[1], unit.shape[1]))
    near = arm[nearest(probability[arm][:, None], at[:, None], size)]
    x, y = design[near], unit[near]
    x = x - x.mean(axis=1, keepdims=True)
    return np.asarray(np.einsum("ilk,ilm->ikm", x, y) / (size - 1))


def nearest(points: Floats, at: Floats, size: int, *, itself: bool = True) -> NDArray[np.int64]:
    """Return the places `[n_at, size]` of the nearest of `points[n, k]`; with `itself=False`, `at` are the points.

    Among equally near ones any may stand, the same in every run.
    """
    if points.shape[1] == 1:
        return _along(points[:, 0], at[:, 0], size, itself=itself)
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    if itself:
        return np.asarray(tree.query(at, k=[*range(1, size + 1)])[1], dtype=np.int64)
    found = np.asarray(tree.query(at, k=[*range(1, size + 2)])[1], dtype=np.int64)
    own = found == np.arange(len(at))[:, None]
    # Where units stand at one place, the unit itself may be missing among its nearest: then the last is left out.
    own[~own.any(axis=1), -1] = True
    return np.asarray(found[~own].reshape(len(at), size))


def _along(points: Floats, at: Floats, size: int, *, itself: bool) -> NDArray[np.int64]:
    """Return the nearest on a line: they are among the `size` on either side, however many are alike."""
    order = np.argsort(points, kind="stable")
    line = points[order]
    if itself:
        place = np.searchsorted(line, at)[:, None] + np.arange(-size, size)
    else:
        rank = np.empty(len(points), dtype=np.int64)
        rank[order] = np.arange(len(points))
        place = rank[:, None] + np.append(np.arange(-size, 0), np.arange(1, size + 1))
    inside = (place >= 0) & (place < len(line))
    place = np.clip(place, 0, len(line) - 1)
    distance = np.where(inside, np.abs(line[place] - at[:, None]), np.inf)
    best = np.argsort(distance, axis=1, kind="stable")[:, :size]
    return np.asarray(order[np.take_along_axis(place, best, axis=1)])


def whitened(points: Floats, among: Floats) -> Floats:
    """Return points on axes that are uncorrelated and of variance 1 in `among[n, k]`; axes on which
    nothing varies are left out.

    Columns are first brought to one scale: which axes hold anything does not depend on the units of measurement.
    """
    varies = np.ptp(among, axis=0) > 0
    if not varies.any():
        return np.zeros((len(points), 1))
    inside, spread = among[:, varies], among[:, varies].std(axis=0)
    centre = inside.mean(axis=0)
    centred = (inside - centre) / spread
    values, vectors = np.linalg.eigh(centred.T @ centred / max(len(among) - 1, 1))
    kept = values > 1e-10 * float(values[-1])
    return np.asarray((points[:, varies] - centre) / spread @ (vectors[:, kept] / np.sqrt(values[kept])))
