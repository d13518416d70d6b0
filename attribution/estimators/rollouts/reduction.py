"""From a panel to the columns its cells are made of: complete panels, pairs of periods, or rows on their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel
from attribution.estimators.rollouts.cells import Cells, keep_cells
from attribution.estimators.rollouts.means import Layout, Reduction, reduce_cells

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

Unbalanced = Literal["pairs", "rows"]
Mode = Literal["complete", "pairs", "rows"]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The KPI of each unit and period, `kpi[n_units, n_periods]` less `center`, NaN where there is none."""

    kpi: Floats
    observed: Mask
    center: float
    complete: bool
    outcome_range: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The plan with the cells that have data on all their sides, the table, the reduction and the mode."""

    cells: Cells
    table: Table
    reduced: Reduction
    mode: Mode
    used: Mask
    """`used[n_units, n_periods]`: the values that enter a cell."""


def table_of(panel: Panel, candidate: Mask) -> Table:
    """Return the panel as a table; `candidate` are the units whose values give center and range."""
    observations, n_units, n_periods = panel.observations, len(panel.units), len(panel.periods)
    full = len(observations) == n_units * n_periods
    if full:
        kpi = observations.outcome.reshape(n_units, n_periods)
    else:
        kpi = np.full((n_units, n_periods), np.nan)
        kpi[observations.unit, observations.period] = observations.outcome
    observed = ~np.isnan(kpi)
    inside = kpi[candidate][observed[candidate]]
    if not len(inside):
        return Table(kpi, observed, 0.0, False, (0.0, 0.0))
    center = float(inside.mean())
    complete = bool(observed[candidate].all())
    return Table(kpi - center, observed, center, complete, (float(inside.min()), float(inside.max())))


def prepare(panel: Panel, cells: Cells, *, unbalanced: Unbalanced) -> Prepared:
    """Reduce a panel to its cells; cells without a value on one of their sides are left out of the plan.

    A complete panel needs the periods' sums alone. `pairs`: a unit enters a cell with a value in both of its periods,
    so that every difference is one of the same units. `rows`: every value enters on its own, as in repeated
    cross-sections.
    """
    candidate = (cells.label >= 0) & cells.used[cells.label]
    table = table_of(panel, candidate)
    if table.complete and panel.kind == "panel":
        mode: Mode = "complete"
    else:
        mode = "rows" if panel.kind != "panel" else unbalanced
    if mode == "complete":
        used = np.zeros(table.kpi.shape, dtype=bool)
        used[np.ix_(candidate, np.unique(np.concatenate([cells.time, cells.base])))] = True
        return _finish(panel, cells, table, mode, candidate, used)
    alive = _alive(cells, table, candidate, pairs=mode == "pairs")
    if not alive.all():
        cells = keep_cells(cells, alive)
        candidate = (cells.label >= 0) & cells.used[cells.label]
    used = np.zeros(table.kpi.shape, dtype=bool)
    for one in range(cells.n_cohorts):
        mine = np.flatnonzero(candidate & (cells.label == one))
        for k in np.flatnonzero((cells.cohort == one) | cells.pool[:, one]):
            base, time = table.observed[mine, cells.base[k]], table.observed[mine, cells.time[k]]
            if mode == "pairs":
                base = time = base & time
            used[mine, cells.base[k]] |= base
            used[mine, cells.time[k]] |= time
    return _finish(panel, cells, table, mode, candidate & used.any(axis=1), used)


def _alive(cells: Cells, table: Table, candidate: Mask, *, pairs: bool) -> Mask:
    """Say of each cell whether both its sides have a value where they need one."""
    found = np.ones(len(cells), dtype=bool)
    for k in range(len(cells)):
        for side in (cells.label == cells.cohort[k], cells.pool[k][cells.label]):
            mine = candidate & side
            base, time = table.observed[mine, cells.base[k]], table.observed[mine, cells.time[k]]
            found[k] &= bool((base & time).any()) if pairs else bool(base.any() and time.any())
    return found


def _finish(panel: Panel, cells: Cells, table: Table, mode: Mode, entering: Mask, used: Mask) -> Prepared:
    member = np.flatnonzero(entering)
    kpi = table.kpi[member]
    n_periods = kpi.shape[1]
    if mode == "complete":
        columns = np.concatenate([np.ones((len(member), 1)), kpi], axis=1)
        zero = np.zeros(len(cells), dtype=np.int64)
        layout = Layout(cells.time + 1, cells.base + 1, zero, zero, cells.time + 1)
    elif mode == "rows":
        observed = table.observed[member] & used[member]
        values = np.where(observed, kpi, 0.0)
        columns = np.concatenate([np.ones((len(member), 1)), observed, values], axis=1).astype(float)
        plus, minus = 1 + n_periods + cells.time, 1 + n_periods + cells.base
        layout = Layout(plus, minus, 1 + cells.time, 1 + cells.base, plus)
    else:
        pairs, of_cell = np.unique(np.stack([cells.base, cells.time], axis=1), axis=0, return_inverse=True)
        of_cell = of_cell.reshape(-1)
        base, time = kpi[:, pairs[:, 0]], kpi[:, pairs[:, 1]]
        both = ~np.isnan(base) & ~np.isnan(time)
        difference, level = np.where(both, time - base, 0.0), np.where(both, time, 0.0)
        columns = np.concatenate([np.ones((len(member), 1)), both, difference, level], axis=1).astype(float)
        n_pairs = len(pairs)
        mass = 1 + of_cell
        nowhere = np.full(len(cells), -1, dtype=np.int64)
        layout = Layout(1 + n_pairs + of_cell, nowhere, mass, nowhere, 1 + 2 * n_pairs + of_cell)
    cluster, dense = panel.units.cluster[member], np.full(len(panel.units.cluster_labels), -1, dtype=np.int32)
    present = np.unique(cluster)
    dense[present] = np.arange(len(present), dtype=np.int32)
    reduced = reduce_cells(
        columns,
        layout,
        cells,
        member=member,
        weight=panel.weights[member],
        label=cells.label[member],
        cluster=dense[cluster],
        n_units=len(panel.units),
        center=table.center,
    )
    return Prepared(cells, table, reduced, mode, used)
