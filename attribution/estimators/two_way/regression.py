"""Two-way fixed effects: a panel reduced to the normal equations of each cluster, and the map of weights they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.options import require_periods
from attribution.estimators.rollouts.cells import clock_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Shape = Literal["static", "event"]

COLLINEAR = 1e-9
"""What is left of a column of the normal equations, scaled to a unit diagonal, below which it is nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class TwoWayMap:
    """Sums by cluster and how terms follow from them; small, picklable, without the data.

    Columns are the dummies of all periods but the first, then of training: one after adoption, or one for each event
    time. Units are swept out: weights are constant within a unit, so that demeaning is free of them. `mass @ gram` (or
    `mass` itself, without `gram`) are the lower triangle of the normal equations, `index[k, k]` its places, `cross`
    their right side; `after[n_clusters, n_after]` is the weight of the trained unit-periods at each event time from
    adoption on, in the last columns.
    """

    mass: Floats
    gram: Floats | None
    cross: Floats
    index: Integers
    n_periods: int
    after: Floats | None

    def __call__(self, weights: Floats) -> Floats:
        """Return the terms for each row of weights, NaN where its observations cannot tell them from period effects."""
        drawn = np.asarray(weights, dtype=float)
        found, estimable = self.solve(drawn)
        effects = np.where(estimable, found, np.nan)[:, self.n_periods :]
        if self.after is None:
            return effects
        share = self.shares(drawn)
        last = effects[:, effects.shape[1] - share.shape[1] :]
        # An event time without weight does not enter; a row without trained unit-periods has no effect.
        total = np.where(share > 0, share * last, np.where(np.isnan(share), np.nan, 0.0)).sum(axis=1)
        return np.concatenate([total[:, None], effects], axis=1)

    def shares(self, weights: Floats) -> Floats:
        """Return each event time's share of the trained unit-periods, `[n_draws, n_after]`."""
        assert self.after is not None
        counts = weights @ self.after
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    def solve(self, weights: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the coefficients for each row of weights, and which of them are estimable."""
        normal, scale = self._scaled(weights)
        right = scale * (weights @ self.cross)
        estimable = np.asarray(scale > 0)
        coefficients = np.zeros_like(right)
        regular: NDArray[np.bool_] = np.asarray(estimable.all(axis=1))
        regular[regular] = _regular(normal[regular])
        coefficients[regular] = np.linalg.solve(normal[regular], right[regular][:, :, None])[:, :, 0]
        if not regular.all():
            rest = ~regular
            pseudo, inside = _pseudo_inverse(normal[rest])
            coefficients[rest] = np.einsum("dik,dk->di", pseudo, right[rest])
            estimable[rest] &= inside
        return coefficients * scale, estimable

    def at_ones(self) -> tuple[Floats, Floats]:
        """Return the coefficients at weights of one, and the pseudo-inverse of the normal equations there."""
        ones = np.ones((1, len(self.cross)))
        normal, scale = self._scaled(ones)
        pseudo, _ = _pseudo_inverse(normal)
        coefficients, _ = self.solve(ones)
        return coefficients[0], np.asarray(pseudo[0] * scale[0][:, None] * scale[0])

    def _scaled(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the normal equations scaled to a unit diagonal, and the scale: 0 where a column has nothing left."""
        mass = weights @ self.mass
        triangle = mass if self.gram is None else mass @ self.gram
        diagonal = triangle[:, np.diag(self.index)]
        used = diagonal > 1e-12 * np.maximum(diagonal.max(axis=1, keepdims=True), 1e-300)
        scale = np.where(used, 1.0 / np.sqrt(np.where(used, diagonal, 1.0)), 0.0)
        return triangle[:, self.index] * scale[:, :, None] * scale[:, None, :], scale


def _regular(matrices: Floats) -> NDArray[np.bool_]:
    """Say which matrices, of unit diagonal, have no column that the columns before it explain."""
    try:
        factors = np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        # One that is singular stops them all: look at each.
        found = np.zeros(len(matrices), dtype=bool)
        if len(matrices) > 1:
            for row, one in enumerate(matrices):
                found[row] = _regular(one[None])[0]
        return found
    return np.asarray((np.einsum("dkk->dk", factors) ** 2 > COLLINEAR).all(axis=1))


def _pseudo_inverse(matrices: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return pseudo-inverses, and which coefficients are estimable: their unit vectors lie in what is observed."""
    values, vectors = np.linalg.eigh(matrices)
    kept = values > COLLINEAR
    inverse = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
    pseudo = (vectors * inverse[:, None, :]) @ vectors.transpose(0, 2, 1)
    inside = np.einsum("dij,dj->di", vectors**2, kept.astype(float)) > 1.0 - 1e-6
    return np.asarray(pseudo), inside


@dataclass(frozen=True, slots=True, eq=False)
class TwoWay:
    """A panel reduced for two-way fixed effects.

    Rows that enter: `unit`, `period` (column, −1 for the first period), `event` (column of the training dummies, −1
    without), `outcome` less the unit's mean. `used_rows` is a mask of the panel's observations, `periods` the codes
    that are left, `events` the event times of the training columns, empty for one dummy after adoption.
    """

    fitted: TwoWayMap
    entering: NDArray[np.bool_]
    clusters: NDArray[np.int32]
    weight: Floats
    unit: Integers
    period: Integers
    event: Integers
    size: Integers
    outcome: Floats
    used_rows: NDArray[np.bool_]
    periods: Integers
    events: tuple[int, ...]
    outcome_range: tuple[float, float]
    start_unknown: NDArray[np.bool_] = field(repr=False)

    @property
    def n_clusters(self) -> int:
        return len(self.fitted.cross)

    def rows_of(self, coefficients: Floats) -> Floats:
        """Return `x̃'coefficients` for every row, x̃ the dummies less their means within the unit."""
        padded = np.append(coefficients, 0.0)
        first = self.fitted.n_periods
        value = padded[np.where(self.period >= 0, self.period, len(coefficients))]
        value = value + padded[np.where(self.event >= 0, self.event + first, len(coefficients))]
        mean = np.bincount(self.unit, weights=value, minlength=len(self.size)) / np.maximum(self.size, 1)
        return np.asarray(value - mean[self.unit])

    def sums_by_unit(self, rows: Floats) -> Floats:
        """Return values of the rows summed by unit over each dummy, `[n_units, k]`."""
        n_columns = len(self.fitted.index)
        found = np.zeros(len(self.size) * n_columns)
        for column, shift in ((self.period, 0), (self.event, self.fitted.n_periods)):
            mine = column >= 0
            cell = self.unit[mine] * n_columns + column[mine] + shift
            found += np.bincount(cell, weights=rows[mine], minlength=len(found))
        return found.reshape(len(self.size), n_columns)


def reduce_two_way(panel: Panel, shape: Shape, *, leads: bool) -> TwoWay:
    """Reduce a panel to the normal equations of each cluster.

    Rows enter with a KPI value, unless their unit or period has no other; with `shape="event"` units trained from the
    first period on are left out, as nobody knows since when. Raises `MethodError` where nobody is trained, or where
    training cannot be told from the period effects.
    """
    require_periods(panel, "two-way fixed effects")
    if panel.kind != "panel":
        raise MethodError(
            f"unit effects need the same units over time, and this is a {panel.kind}",
            where="Panel.kind",
            remedy="use trend for one series, or give one row per unit and period"
            if panel.kind == "series"
            else "use staggered, which reads repeated cross-sections",
        )
    observations, adopted = panel.observations, panel.units.adopted
    n_units, weight = len(panel.units), panel.weights
    start_unknown = (adopted == 0) & (shape == "event")
    member = (weight > 0) & ~start_unknown
    rows = _without_singletons(panel, ~np.isnan(observations.outcome) & member[observations.unit])
    unit = observations.unit[rows].astype(np.int64)
    code = observations.period[rows].astype(np.int64)
    seen = np.bincount(code, minlength=len(panel.periods)) > 0
    periods, period = np.flatnonzero(seen), (np.cumsum(seen) - 1)[code]
    entering = np.bincount(unit, minlength=n_units) > 0
    if not (entering & (adopted < len(panel.periods))).any():
        raise MethodError(
            "no trained unit has a KPI value in two periods",
            where=f"two-way fixed effects on {panel.columns.outcome}",
            remedy="add units that adopt inside the panel's periods, and periods before they do",
        )
    events, event = _training_columns(panel, shape, leads, unit, code)
    size = np.bincount(unit, minlength=n_units)
    outcome = observations.outcome[rows]
    ends = (float(outcome.min()), float(outcome.max()))
    outcome = outcome - outcome.mean()
    outcome = outcome - (np.bincount(unit, weights=outcome, minlength=n_units) / np.maximum(size, 1))[unit]
    used = np.zeros(len(panel.units.cluster_labels), dtype=bool)
    used[panel.units.cluster[entering]] = True
    column = np.where(used, np.cumsum(used) - 1, -1)
    clusters = np.where(entering, column[panel.units.cluster], -1).astype(np.int32)
    n_clusters, n_periods = int(used.sum()), len(periods) - 1
    n_columns = n_periods + max(len(events), 1)
    complete = len(unit) == int(entering.sum()) * len(periods)
    design = (unit, period.astype(np.int64) - 1, event, size, n_periods, n_columns)
    if complete:
        mass, gram = _by_cohort(adopted, weight, clusters, n_clusters, design)
    else:
        mass, gram = _triangles(weight, clusters, n_clusters, design), None
    fitted = TwoWayMap(
        mass=mass,
        gram=gram,
        cross=_cross(weight, clusters, n_clusters, outcome, design),
        index=_places(n_columns),
        n_periods=n_periods,
        after=_after(events, event, weight[unit], clusters[unit], n_clusters) if shape == "event" else None,
    )
    reduced = TwoWay(
        fitted=fitted,
        entering=entering,
        clusters=clusters,
        weight=weight,
        unit=unit,
        period=design[1],
        event=event,
        size=size,
        outcome=outcome,
        used_rows=rows,
        periods=periods,
        events=events,
        outcome_range=ends,
        start_unknown=start_unknown,
    )
    _require_estimable(panel, reduced)
    return reduced


def _without_singletons(panel: Panel, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out rows alone in their unit or period: their own effect explains them (Correia 2015)."""
    unit, period = panel.observations.unit, panel.observations.period
    while True:
        alone = rows & (np.bincount(unit[rows], minlength=len(panel.units))[unit] == 1)
        alone |= rows & (np.bincount(period[rows], minlength=len(panel.periods))[period] == 1)
        if not alone.any():
            return rows
        rows = rows & ~alone


def _training_columns(
    panel: Panel, shape: Shape, leads: bool, unit: Integers, period: Integers
) -> tuple[tuple[int, ...], Integers]:
    """Return the event times of the training columns, and each row's column (−1: none)."""
    adopted = panel.units.adopted[unit].astype(np.int64)
    inside = adopted < len(panel.periods)
    if shape == "static":
        return (), np.where(period >= adopted, 0, -1)
    clock = clock_of(panel)
    since = clock[period] - clock[np.where(inside, adopted, 0)]
    used = inside & ((since >= 0) | (leads & (since != -1)))
    if not (used & (since >= 0)).any():
        raise MethodError(
            "no trained unit has a KPI value at or after adoption",
            where=f"two-way fixed effects on {panel.columns.outcome}",
            remedy="add periods after adoption",
        )
    least = int(since[used].min())
    seen = np.bincount(since[used] - least) > 0
    events = np.flatnonzero(seen) + least
    column = (np.cumsum(seen) - 1)[np.where(used, since - least, 0)]
    return tuple(int(one) for one in events), np.where(used, column, -1)


def _after(
    events: tuple[int, ...], event: Integers, weight: Floats, clusters: NDArray[np.int32], n_clusters: int
) -> Floats:
    n_events, first = len(events), sum(one < 0 for one in events)
    mine = event >= first
    cell = clusters[mine].astype(np.int64) * n_events + event[mine]
    counts = np.bincount(cell, weights=weight[mine], minlength=n_clusters * n_events)
    return np.asarray(counts.reshape(n_clusters, n_events)[:, first:])


Design = tuple[Integers, Integers, Integers, Integers, int, int]


def _places(n_columns: int) -> Integers:
    """Return where each pair of columns stands in the lower triangle."""
    index = np.zeros((n_columns, n_columns), dtype=np.int64)
    low, high = np.tril_indices(n_columns)
    index[low, high] = index[high, low] = np.arange(len(low))
    return index


def _by_cohort(
    adopted: NDArray[np.int32], weight: Floats, clusters: NDArray[np.int32], n_clusters: int, design: Design
) -> tuple[Floats, Floats]:
    """Return each cluster's weight by cohort, and a cohort's triangle: without holes, a cohort's dummies are alike."""
    unit, period, event, size, n_periods, n_columns = design
    inside = np.flatnonzero(clusters >= 0)
    _, first, cohort = np.unique(adopted[inside], return_index=True, return_inverse=True)
    n_cohorts = len(first)
    cell = clusters[inside].astype(np.int64) * n_cohorts + cohort
    mass = np.bincount(cell, weights=weight[inside], minlength=n_clusters * n_cohorts).astype(float)
    mass = mass.reshape(n_clusters, n_cohorts)
    stands = np.full(len(adopted), -1, dtype=np.int32)
    stands[inside[first]] = np.arange(n_cohorts)
    rows = stands[unit] >= 0
    alone = (unit[rows], period[rows], event[rows], size, n_periods, n_columns)
    return mass, _triangles(np.ones(len(adopted)), stands, n_cohorts, alone)


def _triangles(weight: Floats, clusters: NDArray[np.int32], n_clusters: int, design: Design) -> Floats:
    """Return the lower triangle of each cluster's normal equations, `[n_clusters, k(k + 1)/2]`."""
    unit, period, event, size, n_periods, n_columns = design
    inside = np.flatnonzero(clusters >= 0)
    place = np.full(len(clusters), -1)
    place[inside] = np.arange(len(inside))
    dummies = np.zeros((len(inside), n_columns))
    np.add.at(dummies, (place[unit[period >= 0]], period[period >= 0]), 1.0)
    np.add.at(dummies, (place[unit[event >= 0]], event[event >= 0] + n_periods), 1.0)
    column, w = clusters[inside], weight[inside]
    share = dummies * (w / np.maximum(size[inside], 1))[:, None]
    found = np.zeros((n_clusters, n_columns * (n_columns + 1) // 2))
    index = _places(n_columns)
    for high in range(n_columns):
        found[:, index[high, high]] = np.bincount(column, weights=w * dummies[:, high], minlength=n_clusters)
        for low in range(high + 1):
            product = share[:, high] * dummies[:, low]
            found[:, index[high, low]] -= np.bincount(column, weights=product, minlength=n_clusters)
    both = (period >= 0) & (event >= 0)
    cell = clusters[unit[both]].astype(np.int64) * found.shape[1] + index[event[both] + n_periods, period[both]]
    found += np.bincount(cell, weights=weight[unit[both]], minlength=found.size).reshape(found.shape)
    return found


def _cross(weight: Floats, clusters: NDArray[np.int32], n_clusters: int, outcome: Floats, design: Design) -> Floats:
    unit, period, event, _, n_periods, n_columns = design
    found = np.zeros(n_clusters * n_columns)
    for column, shift in ((period, 0), (event, n_periods)):
        rows = column >= 0
        cell = clusters[unit[rows]].astype(np.int64) * n_columns + column[rows] + shift
        found += np.bincount(cell, weights=(weight[unit] * outcome)[rows], minlength=len(found))
    return found.reshape(n_clusters, n_columns)


def _require_estimable(panel: Panel, reduced: TwoWay) -> None:
    _, estimable = reduced.fitted.solve(np.ones((1, reduced.n_clusters)))
    lost = np.flatnonzero(~estimable[0, reduced.fitted.n_periods :])
    if not len(lost):
        return
    where = f"two-way fixed effects on {panel.columns.outcome}"
    if not reduced.events:
        raise MethodError(
            "being trained cannot be told from the effects of units and periods",
            where=where,
            remedy="add units that are trained later or never, or periods before training",
        )
    named, more = ", ".join(str(reduced.events[int(one)]) for one in lost[:5]), ", …" if len(lost) > 5 else ""
    raise MethodError(
        f"the effects at {len(lost)} of {len(reduced.events)} event times ({named}{more}) cannot "
        "be told from the effects of units and periods",
        where=where,
        remedy="set leads=False, add units that are never trained, or leave out the periods when all are trained",
    )
