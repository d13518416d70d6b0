"""Cell means: per-cluster sums of each cohort, and the group-time terms that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.estimators.rollouts.cells import Cells

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

CHUNK = 4_000_000
"""Cohort totals held at a time, whatever the number of draws."""


@dataclass(frozen=True, slots=True, eq=False)
class CellValues:
    """Terms of each cell, `[n_draws, n_cells]`, and the weight of each cohort, `[n_draws, n_cohorts]`.

    `level` is the trained cohort's own mean in the cell's period. NaN where a side of a cell is empty; `failed` marks
    cells whose sides have units and whose adjustment has no fit.
    """

    effect: Floats
    change: Floats
    level: Floats
    mass: Floats
    failed: Mask | None = None


def joined(blocks: Sequence[CellValues]) -> CellValues:
    """Return the values of blocks of draws as one."""
    if len(blocks) == 1:
        return blocks[0]
    return CellValues(
        np.concatenate([one.effect for one in blocks]),
        np.concatenate([one.change for one in blocks]),
        np.concatenate([one.level for one in blocks]),
        np.concatenate([one.mass for one in blocks]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which columns of the sums make a cell's mean: sum(plus)/sum(mass_plus) − sum(minus)/sum(mass_minus).

    `minus` is −1 where the column `plus` already holds differences. `level` over `mass_plus` is the mean level.
    """

    plus: Codes
    minus: Codes
    mass_plus: Codes
    mass_minus: Codes
    level: Codes


@dataclass(frozen=True, slots=True, eq=False)
class CellMeans:
    """The map from cluster weights to cell terms: sums of each (cohort, cluster), small and without the data.

    `sums[n_segments, n_columns]`, segments sorted by cohort with `bounds[n_cohorts + 1]`; column 0 is the cohort's
    weight. `center` was subtracted from the KPI.
    """

    sums: Floats
    cluster: NDArray[np.int32]
    bounds: Codes
    layout: Layout
    cohort: Codes
    pool: Mask
    center: float

    def __call__(self, weights: Floats) -> CellValues:
        """Return the cell terms for each row of weights `[n_draws, n_clusters]`."""
        weights = np.asarray(weights, dtype=float)
        n_cohorts, width = len(self.bounds) - 1, self.sums.shape[1]
        step = max(1, CHUNK // (n_cohorts * width))
        return joined([self._block(weights[start : start + step]) for start in range(0, len(weights), step)])

    def totals(self, weights: Floats) -> Floats:
        """Return the sums of each cohort, `[n_draws, n_cohorts, n_columns]`."""
        n_cohorts = len(self.bounds) - 1
        found = np.empty((len(weights), n_cohorts, self.sums.shape[1]))
        for one in range(n_cohorts):
            segment = slice(self.bounds[one], self.bounds[one + 1])
            found[:, one] = weights[:, self.cluster[segment]] @ self.sums[segment]
        return found

    def _block(self, weights: Floats) -> CellValues:
        totals = self.totals(weights)
        layout, own = self.layout, self.cohort
        with np.errstate(invalid="ignore", divide="ignore"):
            change = totals[:, own, layout.plus] / totals[:, own, layout.mass_plus]
            level = totals[:, own, layout.level] / totals[:, own, layout.mass_plus] + self.center
            compared = self._pooled(totals, layout.plus) / self._pooled(totals, layout.mass_plus)
            direct = layout.minus >= 0
            if direct.any():
                minus, mass = layout.minus[direct], layout.mass_minus[direct]
                change[:, direct] -= totals[:, own[direct], minus] / totals[:, own[direct], mass]
                pooled = self._pooled(totals, minus, direct) / self._pooled(totals, mass, direct)
                compared[:, direct] -= pooled
        return CellValues(change - compared, change, level, totals[:, :, 0])

    def _pooled(self, totals: Floats, columns: Codes, cells: Mask | None = None) -> Floats:
        """Return the sum of each cell's column over the cohorts of its comparison."""
        pool = self.pool if cells is None else self.pool[cells]
        found = np.zeros((len(totals), len(columns)))
        for one in range(pool.shape[1]):
            mine = np.flatnonzero(pool[:, one])
            if len(mine):
                found[:, mine] += totals[:, one, columns[mine]]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """A panel reduced to what its cells need: unit by column values, and the map of cluster weights.

    `columns[n_members, n_columns]` are unweighted unit values in the layout of the map, column 0 is 1 for
    every unit; `member[n_members]` are the entering units in the panel's order, `weight` theirs, `label` their cohort,
    `cluster` their column of the map; `n_units` those of the panel.
    """

    columns: Floats
    member: NDArray[np.int64]
    weight: Floats
    label: NDArray[np.int32]
    cluster: NDArray[np.int32]
    n_units: int
    n_clusters: int
    map: CellMeans
    values: CellValues

    @property
    def clusters(self) -> NDArray[np.int32]:
        """Each unit's column of the map, −1 for units that do not enter."""
        found = np.full(self.n_units, -1, dtype=np.int32)
        found[self.member] = self.cluster
        return found

    def influence(self, effect: Floats, change: Floats, level: Floats, mass: Floats) -> Floats:
        """Return the influence `[n_units, n_terms]` of linear combinations of the cell terms.

        `effect`, `change` and `level` are weights `[n_cells, n_terms]`, `mass` weights `[n_cohorts, n_terms]`. The
        influence of a mean is w(x − mean)/Σw for each of its units, so one matrix product per cohort serves all.
        """
        means, layout = self.map, self.map.layout
        ones = means.totals(np.ones((1, self.n_clusters)))[0]
        pooled = means.pool.astype(float) @ ones
        out = np.zeros((self.n_units, effect.shape[1]))
        cells = np.arange(len(means.cohort))
        for one in range(means.pool.shape[1]):
            inside = np.flatnonzero(self.label == one)
            if not len(inside):
                continue
            own = means.cohort == one
            factor = np.zeros((self.columns.shape[1], effect.shape[1]))
            for sign, column, weight in (
                (1.0, layout.plus, layout.mass_plus),
                (-1.0, layout.minus, layout.mass_minus),
            ):
                here = column >= 0
                for chosen, total, part in (
                    (own & here, ones[one], effect + change),
                    (means.pool[:, one] & here, pooled, -effect),
                ):
                    picked = cells[chosen]
                    if not len(picked):
                        continue
                    sums = total[picked] if total.ndim == 2 else np.broadcast_to(total, (len(picked), len(total)))
                    at = np.arange(len(picked))
                    size = sums[at, weight[picked]]
                    mean = sums[at, column[picked]] / size
                    share = sign * part[picked] / size[:, None]
                    np.add.at(factor, column[picked], share)
                    np.add.at(factor, weight[picked], -share * mean[:, None])
            picked = cells[own & (np.abs(level).sum(axis=1) > 0)]
            if len(picked):
                size = ones[one, layout.mass_plus[picked]]
                mean = ones[one, layout.level[picked]] / size
                share = level[picked] / size[:, None]
                np.add.at(factor, layout.level[picked], share)
                np.add.at(factor, layout.mass_plus[picked], -share * mean[:, None])
            factor[0] += mass[one]
            out[self.member[inside]] = self.weight[inside, None] * (self.columns[inside] @ factor)
        return out


def reduce_cells(
    columns: Floats,
    layout: Layout,
    cells: Cells,
    *,
    member: NDArray[np.int64],
    weight: Floats,
    label: NDArray[np.int32],
    cluster: NDArray[np.int32],
    n_units: int,
    center: float,
) -> Reduction:
    """Sum unit columns within (cohort, cluster) and return the reduction with its map."""
    n_clusters = int(cluster.max()) + 1 if len(cluster) else 0
    segment_of = label.astype(np.int64) * n_clusters + cluster
    present, segment = np.unique(segment_of, return_inverse=True)
    sums = np.empty((len(present), columns.shape[1]))
    for column in range(columns.shape[1]):
        sums[:, column] = np.bincount(segment, weights=weight * columns[:, column], minlength=len(present))
    means = CellMeans(
        sums=sums,
        cluster=(present % n_clusters).astype(np.int32),
        bounds=np.searchsorted(present // n_clusters, np.arange(cells.n_cohorts + 1)),
        layout=layout,
        cohort=cells.cohort,
        pool=cells.pool,
        center=center,
    )
    values = means(np.ones((1, n_clusters)))
    return Reduction(columns, member, weight, label, cluster, n_units, n_clusters, means, values)
