"""Cells with covariates: each comparison by regression, propensity weighting or both, every fit redone in each draw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError
from attribution.estimators.rollouts.cells import Cells
from attribution.estimators.rollouts.means import CellMeans, CellValues, Reduction
from attribution.estimators.rollouts.reduction import Prepared
from attribution.numerics.cross_pairs import cross_pair
from attribution.numerics.logit import FitError
from attribution.numerics.pairs import Adjust, panel_pair

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]


class Pair(Protocol):
    """A two-by-two comparison of `m` outcomes that share their fits."""

    def att(self, changes: Floats, weights: Floats, clusters: NDArray[np.int32] | None = None) -> Floats: ...

    def influence(self, changes: Floats) -> tuple[Floats, Floats]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Cells that share cohort, comparison and units, hence every fit.

    `rows[n]` are the units of the pair's rows. On a panel a cell's outcome is the change from `base` to `time`; where
    rows stand alone (`after` marks those of the later period) it is their value.
    """

    cells: Codes
    pair: Pair
    rows: Codes
    base: Codes
    time: Codes
    after: Mask | None

    def outcome(self, kpi: Floats) -> Floats:
        """Return the outcome of each row and cell, `[n, n_cells]`, from the KPI by unit and period."""
        if self.after is not None:
            return np.asarray(kpi[self.rows, np.where(self.after, self.time[0], self.base[0])][:, None])
        own = kpi[self.rows]
        return np.asarray(own[:, self.time] - own[:, self.base])


@dataclass(frozen=True, slots=True, eq=False)
class AdjustedMap:
    """The map from cluster weights to cell terms where comparisons are adjusted; change and level are the cohort's own.

    It holds the KPI and the covariates by unit: refitting a propensity needs the rows.
    """

    means: CellMeans
    comparisons: tuple[Comparison, ...]
    kpi: Floats
    clusters: NDArray[np.int32]

    def __call__(self, weights: Floats) -> CellValues:
        plain = self.means(weights)
        effect = np.full_like(plain.effect, np.nan)
        for one in self.comparisons:
            effect[:, one.cells] = one.pair.att(one.outcome(self.kpi), weights, self.clusters[one.rows])
        return replace(plain, effect=effect, failed=np.isnan(effect) & ~np.isnan(plain.effect))


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """Adjusted cells: the map, its values at 1, and each unit's influence on each effect, `moved[n_cells, n_units]`."""

    reduced: Reduction
    map: AdjustedMap
    values: CellValues
    moved: Floats

    @property
    def clusters(self) -> NDArray[np.int32]:
        return self.reduced.clusters

    def influence(self, effect: Floats, change: Floats, level: Floats, mass: Floats) -> Floats:
        """Return the influence `[n_units, n_terms]` of linear combinations of the cell terms."""
        out = self.reduced.influence(np.zeros_like(effect), change, level, mass)
        out += self.moved.T @ effect
        return out


def adjust_cells(prepared: Prepared, design: Floats, adjust: Adjust, *, period_names: tuple[str, ...]) -> Adjusted:
    """Return adjusted cells; `design[n_units, k]` holds the covariates, the intercept first.

    Raises `MethodError`, with the cohort and period, where a comparison has no fit.
    """
    reduced = prepared.reduced
    # The rule that is not normalised depends on the KPI's zero point where rows stand alone.
    kpi = prepared.table.kpi + (prepared.table.center if adjust == "ipw_unnormalised" else 0.0)
    weight = np.zeros(reduced.n_units)
    weight[reduced.member] = reduced.weight
    comparisons = []
    effect = np.full((1, len(prepared.cells)), np.nan)
    moved = np.zeros((len(prepared.cells), reduced.n_units))
    for mine, rows, trained, after in _comparisons(prepared):
        try:
            if after is not None:
                pair: Pair = cross_pair(trained, after, design[rows], weight[rows], adjust)
            else:
                pair = panel_pair(trained, design[rows], weight[rows], adjust)
        except FitError as error:
            raise _no_fit(prepared.cells, period_names, mine, error, adjust) from error
        one = Comparison(mine, pair, rows, prepared.cells.base[mine], prepared.cells.time[mine], after)
        att, influence = pair.influence(one.outcome(kpi))
        effect[0, mine] = att
        for column, cell in enumerate(mine):
            if after is None:
                moved[cell, rows] = influence[:, column]
            else:
                moved[cell] = np.bincount(rows, weights=influence[:, column], minlength=reduced.n_units)
        comparisons.append(one)
    return Adjusted(
        reduced=reduced,
        map=AdjustedMap(reduced.map, tuple(comparisons), kpi, reduced.clusters),
        values=replace(reduced.values, effect=effect),
        moved=moved,
    )


def _comparisons(prepared: Prepared) -> Iterator[tuple[Codes, Codes, Mask, Mask | None]]:
    """Yield, for cells that share their fits: cells, the unit of each row, which rows are trained and which later."""
    cells, reduced, observed = prepared.cells, prepared.reduced, prepared.table.observed
    label = np.full(reduced.n_units, -1, dtype=np.int32)
    label[reduced.member] = reduced.label
    keys = np.column_stack([cells.cohort, cells.pool])
    if prepared.mode != "complete":
        keys = np.column_stack([keys, cells.base, cells.time])
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.reshape(-1)
    for one in range(int(group.max()) + 1):
        mine = np.flatnonzero(group == one)
        cohort, pool = int(cells.cohort[mine[0]]), cells.pool[mine[0]]
        inside = (label >= 0) & ((label == cohort) | pool[label])
        base, time = cells.base[mine[0]], cells.time[mine[0]]
        after: Mask | None = None
        if prepared.mode == "rows":
            before = np.flatnonzero(inside & observed[:, base])
            rows = np.concatenate([before, np.flatnonzero(inside & observed[:, time])])
            after = np.arange(len(rows)) >= len(before)
        else:
            if prepared.mode == "pairs":
                inside &= observed[:, base] & observed[:, time]
            rows = np.flatnonzero(inside)
        yield mine, rows, label[rows] == cohort, after


def _no_fit(cells: Cells, period_names: tuple[str, ...], mine: Codes, error: FitError, adjust: str) -> MethodError:
    reasons = {
        "separated": "the covariates separate trained from controls: some propensities are 0 or 1",
        "singular": "the covariates are linearly dependent among the units of a comparison",
        "empty arm": "one arm of a comparison has no unit",
    }
    cohort, times = cells.names[int(cells.cohort[mine[0]])], [period_names[int(one)] for one in cells.time[mine]]
    when = times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}"
    other = ", or adjust='regression' where the controls cover the trained's values" if adjust != "regression" else ""
    return MethodError(
        f"{reasons.get(error.reason, f'the {adjust} fit did not converge')} (cohort {cohort}, {when})",
        where=f"adjust = {adjust!r}",
        remedy="leave out or coarsen covariates that the few of a cohort or of its comparison share, end the follow-up "
        f"before too few are left to compare with{other}",
    )
