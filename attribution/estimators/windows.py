"""Two windows reduced to per-cluster sums, and the map of weights they are.

Every unit counts once, by its weight, with the mean of its observed periods in each window. Before that mean, every
period is freed of the reference arm's deviation from that arm's window mean, so that a missing month is not
read as an effect. On complete windows this changes nothing and costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, Arms, Window
from attribution.core.panel import Panel

Floats = NDArray[np.float64]

ARM_NAMES = ("trained", "control")


@dataclass(frozen=True, slots=True, eq=False)
class WindowMap:
    """Per-cluster sums `[n_clusters, k]` and how terms follow from them; small, picklable, without the data.

    Columns: summed weight of each arm; weighted sums of window means (arm by window); then, for each window
    that is not complete, per period the summed shares of each arm, the reference arm's weighted KPI and its weight.
    `matrix` takes the levels (arm by window) to terms; `center` was subtracted from the KPI.
    """

    sums: Floats
    n_arms: int
    adjusted: tuple[int, int]
    matrix: Floats
    center: Floats

    def __call__(self, weights: Floats) -> Floats:
        """Return the terms for each row of weights; a row that empties an arm is NaN."""
        totals = np.asarray(weights, dtype=float) @ self.sums
        arms = self.n_arms
        with np.errstate(invalid="ignore", divide="ignore"):
            size = totals[:, :arms]
            levels = totals[:, arms : 3 * arms].reshape(-1, arms, 2) / size[:, :, None]
            at = 3 * arms
            for window, periods in enumerate(self.adjusted):
                if not periods:
                    continue
                part = totals[:, at : at + (arms + 2) * periods].reshape(-1, arms + 2, periods)
                mean = part[:, arms] / part[:, arms + 1]
                deviation = mean - mean.mean(axis=1, keepdims=True)
                levels[:, :, window] -= np.einsum("dap,dp->da", part[:, :arms], deviation) / size
                at += (arms + 2) * periods
        values = levels.reshape(len(levels), 2 * arms) @ self.matrix + self.center
        values[np.isnan(values).any(axis=1)] = np.nan
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """Two windows of a panel, reduced: one value per unit and window, and the sums the map is made of.

    `entering[n_units]`; `arm[n_units]` 0 for the first arm of `ARM_NAMES`, 1 for the second, −1 for none;
    `value[n_units, 2]` the adjusted window values less `center`; `influence[n_units, 2·n_arms]` of the levels.
    `adjusted` counts each window's periods where some are missing, 0 where it is complete. `used_rows` is a mask of
    the panel's observations, None where every row of an entering unit inside the windows is used;
    `in_window[n_periods]` is 0 or 1 for the periods of the windows, −1 for others; `observed[n_arms, n_periods]`
    counts units with a value.
    """

    entering: NDArray[np.bool_]
    arm: NDArray[np.int8]
    weight: Floats
    clusters: NDArray[np.int32]
    value: Floats
    influence: Floats
    sums: Floats
    adjusted: tuple[int, int]
    n_arms: int
    center: float
    arm_weight: Floats
    used_rows: NDArray[np.bool_] | None
    in_window: NDArray[np.int8]
    outcome_range: tuple[float, float]
    observed: NDArray[np.int64] = field(repr=False)
    composition: Floats = field(repr=False)

    @property
    def complete(self) -> bool:
        """Say whether every entering unit has a KPI value in every period of both windows."""
        return self.adjusted == (0, 0)

    @property
    def n_clusters(self) -> int:
        return len(self.sums)

    def map(self, matrix: Floats, center: Floats) -> WindowMap:
        """Return the map of weights whose terms are `matrix` applied to the levels, plus `center`."""
        return WindowMap(self.sums, self.n_arms, self.adjusted, matrix, center)


def reduce_windows(panel: Panel, before: Window, after: Window, arms: Arms, *, compare: bool) -> Reduction:
    """Reduce two windows to one value per unit and window, and to per-cluster sums.

    With `compare` the arms are trained and control and the reference for missing periods is the control arm;
    without it there is the trained arm alone, its own reference. Units enter with a KPI value in both windows.
    """
    observations, n_units, n_periods = panel.observations, len(panel.units), len(panel.periods)
    in_window = np.full(n_periods, -1, dtype=np.int8)
    in_window[before.codes], in_window[after.codes] = 0, 1
    weight = panel.weights
    member = arms.code == TRAINED
    if compare:
        member = arms.code != LEFT_OUT
    candidate = member & (weight > 0)
    reference = arms.code == (CONTROL if compare else TRAINED)
    usable = in_window >= 0
    value = observations.outcome
    if len(observations) == n_units * n_periods and not np.isnan(value).any():
        return _complete(panel, candidate, arms, weight, in_window, before, after, compare)

    present = ~np.isnan(value) & (in_window[observations.period] >= 0) & candidate[observations.unit]
    while True:
        rows = present & usable[observations.period]
        counts = _window_counts(observations.unit[rows], in_window[observations.period[rows]], n_units)
        entering = candidate & (counts > 0).all(axis=1)
        rows &= entering[observations.unit]
        found = _periods_with_reference(panel, rows, entering & reference) & usable
        if (found == usable).all():
            break
        usable = found
    unit, period = observations.unit[rows], observations.period[rows]
    outcome = value[rows]
    center = float(outcome.mean()) if len(outcome) else 0.0
    outcome = outcome - center
    clusters, n_clusters = _cluster_columns(panel, entering)
    arm = np.where(entering, np.where(arms.code == TRAINED, 0, 1), -1).astype(np.int8)
    n_arms = 2 if compare else 1
    arm_weight = _arm_weight(arm, weight, n_arms)
    raw, shift = np.zeros((n_units, 2)), np.zeros((n_units, 2))
    influence = np.zeros((n_units, 2 * n_arms))
    composition = np.zeros(2 * n_arms)
    extra, adjusted = [], [0, 0]
    for window in (0, 1):
        inside = in_window[period] == window
        wu, wy = unit[inside], outcome[inside]
        size = counts[:, window]
        raw[:, window] = np.bincount(wu, weights=wy, minlength=n_units) / np.maximum(size, 1)
        codes = np.flatnonzero(usable & (in_window == window))
        # Without any usable period nobody enters, and an arm may be empty; the flow then says why.
        if (size[entering] == len(codes)).all() or not arm_weight.all():
            continue
        adjusted[window] = len(codes)
        wp = np.searchsorted(codes, period[inside])
        arms_of = (arm, clusters, n_clusters, n_arms, reference, arm_weight)
        part = _missing_periods(wu, wp, wy, len(codes), size, weight, *arms_of, raw[:, window])
        extra.append(part.sums)
        shift[:, window] = part.shift
        influence[:, window::2] -= part.influence
        composition[window::2] = part.composition
    direct, sums = _levels(raw, raw - shift, weight, arm, arm_weight, clusters, n_clusters, n_arms)
    return Reduction(
        entering=entering,
        arm=arm,
        weight=weight,
        clusters=clusters,
        value=np.where(entering[:, None], raw - shift, 0.0),
        influence=influence + direct,
        sums=np.concatenate([sums, *extra], axis=1),
        adjusted=(adjusted[0], adjusted[1]),
        n_arms=n_arms,
        center=center,
        arm_weight=arm_weight,
        used_rows=rows,
        in_window=in_window,
        outcome_range=_range(outcome, center),
        observed=_observed(unit, period, arm, n_arms, n_periods),
        composition=composition,
    )


def _complete(
    panel: Panel,
    candidate: NDArray[np.bool_],
    arms: Arms,
    weight: Floats,
    in_window: NDArray[np.int8],
    before: Window,
    after: Window,
    compare: bool,
) -> Reduction:
    """Reduce a panel without a hole: every row is where its unit and period say, so nothing needs to be looked up."""
    n_units, n_periods, n_arms = len(panel.units), len(panel.periods), 2 if compare else 1
    table = panel.observations.outcome.reshape(n_units, n_periods)
    columns = np.concatenate([before.codes, after.codes])
    entered = table[candidate][:, columns] if candidate.any() else np.zeros((1, 1))
    center = float(entered.mean())
    value = np.stack([table[:, window.codes].mean(axis=1) for window in (before, after)], axis=1) - center
    clusters, n_clusters = _cluster_columns(panel, candidate)
    arm = np.where(candidate, np.where(arms.code == TRAINED, 0, 1), -1).astype(np.int8)
    arm_weight = _arm_weight(arm, weight, n_arms)
    influence, sums = _levels(value, value, weight, arm, arm_weight, clusters, n_clusters, n_arms)
    observed = np.zeros((n_arms, n_periods), dtype=np.int64)
    observed[:] = np.bincount(arm[candidate], minlength=n_arms)[:n_arms, None]
    return Reduction(
        entering=candidate,
        arm=arm,
        weight=weight,
        clusters=clusters,
        value=np.where(candidate[:, None], value, 0.0),
        influence=influence,
        sums=sums,
        adjusted=(0, 0),
        n_arms=n_arms,
        center=center,
        arm_weight=arm_weight,
        used_rows=None,
        in_window=in_window,
        outcome_range=(float(entered.min()), float(entered.max())),
        observed=observed,
        composition=np.zeros(2 * n_arms),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Adjustment:
    """What missing periods do in one window: a shift per unit, influence on each arm's level, per-cluster sums."""

    shift: Floats
    influence: Floats
    sums: Floats
    composition: Floats


def _missing_periods(
    unit: NDArray[np.int32],
    period: NDArray[np.intp],
    outcome: Floats,
    n_periods: int,
    size: NDArray[np.int64],
    weight: Floats,
    arm: NDArray[np.int8],
    clusters: NDArray[np.int32],
    n_clusters: int,
    n_arms: int,
    reference: NDArray[np.bool_],
    arm_weight: Floats,
    raw: Floats,
) -> _Adjustment:
    """Take each period's deviation of the reference arm out of the window means of all units.

    `composition[n_arms]` is how far each arm's level moves because the comparison units observed in a period differ in
    level from those absent: a deviation of who was there, which the rule cannot tell from one of the period.
    """
    n_units = len(weight)
    compared = reference[unit]
    ru, rp, ry = unit[compared], period[compared], outcome[compared]
    cell = clusters[ru].astype(np.intp) * n_periods + rp
    cells = n_clusters * n_periods
    kpi = np.bincount(cell, weights=weight[ru] * ry, minlength=cells).reshape(n_clusters, n_periods)
    mass = np.bincount(cell, weights=weight[ru], minlength=cells).reshape(n_clusters, n_periods)
    total = mass.sum(axis=0)
    mean = kpi.sum(axis=0) / total
    deviation = mean - mean.mean()
    shift = np.bincount(unit, weights=deviation[period], minlength=n_units) / np.maximum(size, 1)
    level = np.bincount(rp, weights=weight[ru] * (raw - shift)[ru], minlength=n_periods) / total
    shares, influence, composition = [], np.zeros((n_units, n_arms)), np.zeros(n_arms)
    residual = (ry - mean[rp]) / total[rp]
    for index in range(n_arms):
        mine = arm[unit] == index
        mu = unit[mine]
        at = clusters[mu].astype(np.intp) * n_periods + period[mine]
        share = np.bincount(at, weights=weight[mu] / size[mu], minlength=cells).reshape(n_clusters, n_periods)
        shares.append(share)
        # The level moves with every comparison value by how much more this arm leans on its period than 1/P.
        lean = share.sum(axis=0) / arm_weight[index] - 1.0 / n_periods
        influence[:, index] = weight * np.bincount(ru, weights=lean[rp] * residual, minlength=n_units)
        composition[index] = -lean @ level
    return _Adjustment(shift, influence, np.concatenate([*shares, kpi, mass], axis=1), composition)


def _levels(
    raw: Floats,
    value: Floats,
    weight: Floats,
    arm: NDArray[np.int8],
    arm_weight: Floats,
    clusters: NDArray[np.int32],
    n_clusters: int,
    n_arms: int,
) -> tuple[Floats, Floats]:
    """Return the direct influence of each unit on the levels, and the per-cluster sums of the first columns."""
    influence = np.zeros((len(weight), 2 * n_arms))
    sums = np.zeros((n_clusters, 3 * n_arms))
    for index in range(n_arms):
        mine = np.flatnonzero(arm == index)
        if not len(mine):
            continue
        w, column = weight[mine], clusters[mine]
        sums[:, index] = np.bincount(column, weights=w, minlength=n_clusters)
        for window in (0, 1):
            values = value[mine, window]
            level = float(w @ values) / arm_weight[index]
            influence[mine, 2 * index + window] = w * (values - level) / arm_weight[index]
            sums[:, n_arms + 2 * index + window] = np.bincount(
                column, weights=w * raw[mine, window], minlength=n_clusters
            )
    return influence, sums


def _arm_weight(arm: NDArray[np.int8], weight: Floats, n_arms: int) -> Floats:
    return np.array([weight[arm == index].sum() for index in range(n_arms)])


def _window_counts(unit: NDArray[np.int32], window: NDArray[np.int8], n_units: int) -> NDArray[np.int64]:
    return np.bincount(unit.astype(np.intp) * 2 + window, minlength=2 * n_units).reshape(n_units, 2)


def _periods_with_reference(panel: Panel, rows: NDArray[np.bool_], reference: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which periods have comparison values from at least two clusters (one, where the arm is one cluster).

    A period that hangs on one cluster could not be resampled: without that cluster it has no comparison.
    """
    observations = panel.observations
    found = np.zeros((len(panel.periods), len(panel.units.cluster_labels)), dtype=bool)
    inside = rows & reference[observations.unit]
    found[observations.period[inside], panel.units.cluster[observations.unit[inside]]] = True
    needed = min(2, int(found.any(axis=0).sum()))
    return np.asarray(found.sum(axis=1) >= max(needed, 1))


def _cluster_columns(panel: Panel, entering: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Return each unit's column of the map (−1: none), columns being the clusters of entering units, in order."""
    used = np.zeros(len(panel.units.cluster_labels), dtype=bool)
    used[panel.units.cluster[entering]] = True
    column = np.where(used, np.cumsum(used) - 1, -1).astype(np.int32)
    return np.where(entering, column[panel.units.cluster], -1).astype(np.int32), int(used.sum())


def _observed(
    unit: NDArray[np.int32], period: NDArray[np.int16], arm: NDArray[np.int8], n_arms: int, n_periods: int
) -> NDArray[np.int64]:
    cell = arm[unit].astype(np.intp) * n_periods + period
    return np.bincount(cell, minlength=n_arms * n_periods).reshape(n_arms, n_periods)


def _range(outcome: Floats, center: float) -> tuple[float, float]:
    return (float(outcome.min() + center), float(outcome.max() + center)) if len(outcome) else (0.0, 0.0)
