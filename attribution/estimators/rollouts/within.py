"""Cells with unit effects: the period effects of each cohort, fitted within units, on panels with missing values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError
from attribution.estimators.rollouts.cells import Cells
from attribution.estimators.rollouts.means import CellValues, joined
from attribution.estimators.rollouts.reduction import Prepared

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

LARGEST = 100_000_000
"""Cells of the period-by-period tables held at most: 800 MB."""

ESTIMABLE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class WithinMap:
    """The map from cluster weights to cell terms, by the normal equations of each (cohort, cluster).

    With unit effects swept out, cohort c's period effects solve (Σ w_i A_i) μ = Σ w_i b_i, with
    A_i = diag(o_i) − o_i o_i'/n_i and b_i = o_i∘(y_i − ȳ_i), o_i marking the periods in which unit i was observed.
    `tables[n_segments, T, T]` and `right[n_segments, T]` are their sums; `own[n_segments, T + 2]` those of weight, ȳ
    and o/n, for the mean level.
    """

    tables: Floats
    right: Floats
    own: Floats
    cluster: NDArray[np.int32]
    bounds: Codes
    cohort: Codes
    time: Codes
    base: Codes
    pool: Mask
    center: float

    def __call__(self, weights: Floats) -> CellValues:
        """Return the cell terms for each row of weights; NaN where periods are not linked by units of a side."""
        weights = np.asarray(weights, dtype=float)
        n_periods = self.right.shape[1]
        step = max(1, 2_000_000 // n_periods**2)
        return joined([self._block(weights[start : start + step]) for start in range(0, len(weights), step)])

    def _block(self, weights: Floats) -> CellValues:
        n_draws, n_cells, n_cohorts = len(weights), len(self.cohort), len(self.bounds) - 1
        change, compared = np.full((n_draws, n_cells), np.nan), np.full((n_draws, n_cells), np.nan)
        level, mass = np.full((n_draws, n_cells), np.nan), np.zeros((n_draws, n_cohorts))
        for one in range(n_cohorts):
            segment = slice(self.bounds[one], self.bounds[one + 1])
            if segment.start == segment.stop:
                continue
            fit = fit_periods(weights[:, self.cluster[segment]], self.tables[segment], self.right[segment])
            own = weights[:, self.cluster[segment]] @ self.own[segment]
            mass[:, one] = own[:, 0]
            mine = np.flatnonzero(self.cohort == one)
            change[:, mine] = fit.difference(self.time[mine], self.base[mine])
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = (own[:, 1] - np.einsum("dt,dt->d", own[:, 2:], fit.effects)) / own[:, 0]
            level[:, mine] = mean[:, None] + fit.effects[:, self.time[mine]] + self.center
            theirs = np.flatnonzero(self.pool[:, one])
            compared[:, theirs] = fit.difference(self.time[theirs], self.base[theirs])
        return CellValues(change - compared, change, level, mass)


@dataclass(frozen=True, slots=True, eq=False)
class PeriodFit:
    """Period effects `[n_draws, T]` of one cohort, of minimum norm, and the inverse they come from."""

    effects: Floats
    inverse: Floats
    table: Floats

    def difference(self, time: Codes, base: Codes) -> Floats:
        """Return effects of `time` less those of `base`; NaN where no chain of units links both."""
        found = self.effects[:, time] - self.effects[:, base]
        # A contrast can be estimated if the normal equations span it.
        spanned = self.inverse @ self.table
        contrast = np.zeros((len(time), self.effects.shape[1]))
        contrast[np.arange(len(time)), time] += 1.0
        contrast[np.arange(len(time)), base] -= 1.0
        off = np.abs(np.einsum("kt,dts->dks", contrast, spanned) - contrast).max(axis=2)
        return np.where(off < ESTIMABLE, found, np.nan)


def fit_periods(weights: Floats, tables: Floats, right: Floats) -> PeriodFit:
    """Return the period effects for each row of weights over segments."""
    n_periods = right.shape[1]
    table = (weights @ tables.reshape(len(tables), -1)).reshape(-1, n_periods, n_periods)
    inverse = np.linalg.pinv(table, rcond=1e-11, hermitian=True)
    effects = np.einsum("dts,ds->dt", inverse, weights @ right)
    return PeriodFit(effects, np.asarray(inverse, dtype=float), table)


@dataclass(frozen=True, slots=True, eq=False)
class Within:
    """Cells with unit effects: map, values at 1, and influence."""

    map: WithinMap
    values: CellValues
    clusters: NDArray[np.int32]
    kpi: Floats
    member: Codes
    label: NDArray[np.int32]
    weight: Floats

    def influence(self, effect: Floats, change: Floats, level: Floats, mass: Floats) -> Floats:
        """Return the influence `[n_units, n_terms]` of linear combinations of the cell terms.

        The effects of a cohort move with a unit by A⁻¹ w_i (o_i∘(y_i − ȳ_i) − A_i μ), its residuals within itself.
        """
        means = self.map
        n_periods, n_terms = means.right.shape[1], effect.shape[1]
        out = np.zeros((len(self.clusters), n_terms))
        for one in range(len(means.bounds) - 1):
            segment = slice(means.bounds[one], means.bounds[one + 1])
            inside = np.flatnonzero(self.label == one)
            if not len(inside):
                continue
            fit = fit_periods(np.ones((1, segment.stop - segment.start)), means.tables[segment], means.right[segment])
            own = means.own[segment].sum(axis=0)
            mine, theirs = means.cohort == one, means.pool[:, one]
            by_period = np.zeros((n_periods, n_terms))
            for chosen, part in ((mine, effect + change), (theirs, -effect)):
                np.add.at(by_period, means.time[chosen], part[chosen])
                np.add.at(by_period, means.base[chosen], -part[chosen])
            np.add.at(by_period, means.time[mine], level[mine])
            total = level[mine].sum(axis=0)
            by_period -= np.outer(own[2:] / own[0], total)
            values = self.kpi[inside]
            there = ~np.isnan(values)
            count = there.sum(axis=1, keepdims=True)
            left = np.where(there, values - fit.effects[0], 0.0)
            mean = left.sum(axis=1, keepdims=True) / count
            residual = np.where(there, left - mean, 0.0)
            found = residual @ (fit.inverse[0] @ by_period)
            # The level's mean unit effect moves with each unit's own.
            average = float((own[1] - own[2:] @ fit.effects[0]) / own[0])
            found += (mean - average) / own[0] * total
            found += mass[one]
            out[self.member[inside]] = self.weight[inside, None] * found
        return out


def within_cells(prepared: Prepared) -> Within:
    """Return the cells of a panel with missing values, unit effects swept out; `MethodError` for too many periods."""
    reduced, cells = prepared.reduced, prepared.cells
    kpi = np.where(prepared.used[reduced.member], prepared.table.kpi[reduced.member], np.nan)
    n_periods = kpi.shape[1]
    key = reduced.label.astype(np.int64) * reduced.n_clusters + reduced.cluster
    present, segment = np.unique(key, return_inverse=True)
    if len(present) * n_periods**2 > LARGEST:
        raise MethodError(
            f"{len(present):,} clusters of {n_periods} periods need {len(present) * n_periods**2:,} numbers, more than "
            f"{LARGEST:,}, since values are missing",
            where="event_study",
            remedy="aggregate periods (days to weeks), name the cluster of assignment, or use staggered",
        )
    there = ~np.isnan(kpi)
    count = there.sum(axis=1)
    values = np.where(there, kpi, 0.0)
    mean = values.sum(axis=1) / count
    centred = np.where(there, values - mean[:, None], 0.0)
    tables = np.zeros((len(present), n_periods, n_periods))
    right, own = np.zeros((len(present), n_periods)), np.zeros((len(present), n_periods + 2))
    order = np.argsort(segment, kind="stable")
    starts = np.searchsorted(segment[order], np.arange(len(present)))
    weight, share = reduced.weight[order], there[order] / count[order][:, None]
    observed = there[order].astype(float)
    for name, target in (("right", right), ("share", own[:, 2:])):
        source = centred[order] if name == "right" else share
        target[:] = np.add.reduceat(weight[:, None] * source, starts, axis=0)
    own[:, 0] = np.add.reduceat(weight, starts)
    own[:, 1] = np.add.reduceat(weight * mean[order], starts)
    for period in range(n_periods):
        rows = -(weight * observed[:, period])[:, None] * share
        rows[:, period] += weight * observed[:, period]
        tables[:, period] = np.add.reduceat(rows, starts, axis=0)
    means = WithinMap(
        tables=tables,
        right=right,
        own=own,
        cluster=(present % reduced.n_clusters).astype(np.int32),
        bounds=np.searchsorted(present // reduced.n_clusters, np.arange(cells.n_cohorts + 1)),
        cohort=cells.cohort,
        time=cells.time,
        base=cells.base,
        pool=cells.pool,
        center=prepared.table.center,
    )
    values_at_one = means(np.ones((1, reduced.n_clusters)))
    return Within(means, values_at_one, reduced.clusters, kpi, reduced.member, reduced.label, reduced.weight)


def linked(cells: Cells, values: CellValues) -> Mask:
    """Say of each cell whether chains of units link its periods on both sides."""
    return np.asarray(np.isfinite(values.effect[0]) & (cells.cohort >= 0))
