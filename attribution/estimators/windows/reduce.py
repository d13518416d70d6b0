"""From a panel to window means: one number per unit and window, sums per cluster, the map of weights and its influence.

Where periods are missing, each is first freed of the reference arm's deviation from that arm's own window mean, so that
a missing month is not read as an effect. The deviations are part of the map: they are estimated anew in every draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, Arms, Window
from attribution.core.panel import Panel
from attribution.estimators.windows.missing import Missing, missing_periods

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ARM_NAMES = ("trained", "control")


def terms_of(levels: Floats, matrix: Floats, center: Floats) -> Floats:
    """Return the terms of levels `[n_draws, n_levels]`; a row with a level that does not exist is NaN."""
    values = levels @ matrix + center
    values[np.isnan(values).any(axis=1)] = np.nan
    return np.asarray(values)


@dataclass(frozen=True, slots=True, eq=False)
class WindowMap:
    """Per-cluster sums `[n_clusters, k]` and how terms follow from them; small, picklable, without the data.

    Columns: summed weight of each arm; weighted sums of window means (arm by window); then, for each window
    that is not complete, per period the summed shares of each arm, the reference arm's weighted KPI and its weight.
    `adjusted` counts each window's periods where some are missing, 0 where it is complete. `matrix` takes the levels
    (arm by window) to terms; `center` was subtracted from the KPI.
    """

    sums: Floats
    n_arms: int
    adjusted: tuple[int, ...]
    matrix: Floats
    center: Floats

    def __call__(self, weights: Floats) -> Floats:
        """Return the terms for each row of weights; a row that empties an arm is NaN."""
        return terms_of(self.levels(weights)[0], self.matrix, self.center)

    def levels(self, weights: Floats) -> tuple[Floats, tuple[Floats, ...]]:
        """Return the levels `[n_draws, n_arms·n_windows]` and each window's deviations `[n_draws, n_periods]`."""
        totals = np.asarray(weights, dtype=float) @ self.sums
        arms, windows = self.n_arms, len(self.adjusted)
        deviations = []
        with np.errstate(invalid="ignore", divide="ignore"):
            size = totals[:, :arms]
            at = arms + arms * windows
            levels = totals[:, arms:at].reshape(-1, arms, windows) / size[:, :, None]
            for window, periods in enumerate(self.adjusted):
                if not periods:
                    deviations.append(np.zeros((len(totals), 0)))
                    continue
                part = totals[:, at : at + (arms + 2) * periods].reshape(-1, arms + 2, periods)
                mean = part[:, arms] / part[:, arms + 1]
                deviations.append(mean - mean.mean(axis=1, keepdims=True))
                levels[:, :, window] -= np.einsum("dap,dp->da", part[:, :arms], deviations[-1]) / size
                at += (arms + 2) * periods
        return levels.reshape(len(levels), arms * windows), tuple(deviations)


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """Windows of a panel, reduced: one value per unit and window, and the sums the map is made of.

    The windows are baseline, follow-up, the follow-up's own windows where it has several, and `extra` columns that
    are no window. `entering[n_units]`; `arm[n_units]` 0 for the first arm of `ARM_NAMES`, 1 for the second, −1 for
    none; `value[n_units, n_windows]` the adjusted window values less `center`; `influence[n_units, n_arms·n_windows]`
    of the levels. `used_rows` is a mask of the panel's observations, None where every row of an entering unit
    inside the windows is used; `in_window[n_periods]` is 0 in the baseline, 1 in the follow-up, −1 elsewhere;
    `observed[n_arms, n_periods]` counts units with a value.
    """

    entering: Bools
    arm: NDArray[np.int8]
    weight: Floats
    clusters: NDArray[np.int32]
    value: Floats
    influence: Floats
    sums: Floats
    n_arms: int
    center: float
    arm_weight: Floats
    used_rows: Bools | None
    in_window: NDArray[np.int8]
    outcome_range: tuple[float, float]
    observed: NDArray[np.int64] = field(repr=False)
    missing: tuple[Missing | None, ...] = field(repr=False)

    @property
    def adjusted(self) -> tuple[int, ...]:
        """Each window's number of periods where some are missing, 0 where it is complete."""
        return tuple(0 if one is None else one.n_periods for one in self.missing)

    @property
    def complete(self) -> bool:
        """Say whether every entering unit has a KPI value in every period of the windows."""
        return not any(self.adjusted)

    @property
    def n_clusters(self) -> int:
        return len(self.sums)

    @property
    def cell(self) -> NDArray[np.int8]:
        """Each unit's mean: the arm, −1 for none."""
        return self.arm

    @property
    def cells(self) -> Floats:
        """The summed weight of each cluster in each mean, `[n_clusters, n_cells]`."""
        return self.sums[:, : self.n_arms]

    @property
    def means(self) -> Floats:
        """The summed weight of each cluster in everything that is averaged: here the cells."""
        return self.cells

    @property
    def composition(self) -> Floats:
        """How far each level moves because who is observed in a period differs in level from who is absent."""
        found = np.zeros((self.n_arms, len(self.missing)))
        for window, one in enumerate(self.missing):
            if one is not None:
                found[:, window] = -one.lean @ one.level
        return found.ravel()

    def map(self, matrix: Floats, center: Floats) -> WindowMap:
        """Return the map of weights whose terms are `matrix` applied to the levels, plus `center`."""
        return WindowMap(self.sums, self.n_arms, self.adjusted, matrix, center)


def reduce_windows(
    panel: Panel,
    before: Window,
    after: Window,
    arms: Arms,
    *,
    compare: bool,
    parts: Sequence[Window] = (),
    extra: Floats | None = None,
) -> Reduction:
    """Reduce windows to one value per unit and window, and to per-cluster sums.

    With `compare` the arms are trained and control and the reference for missing periods is the control arm;
    without it there is the trained arm alone, its own reference. Units enter with a KPI value in every window.
    `extra[n_units, n_extra]` are further values of the units, complete and not KPI values.
    """
    observations, n_units, n_periods = panel.observations, len(panel.units), len(panel.periods)
    in_window = np.full(n_periods, -1, dtype=np.int8)
    in_window[before.codes], in_window[after.codes] = 0, 1
    windows = [before.codes, after.codes, *(part.codes for part in parts)]
    weight = panel.weights
    member = arms.code == TRAINED
    if compare:
        member = arms.code != LEFT_OUT
    candidate = member & (weight > 0)
    extra = np.zeros((n_units, 0)) if extra is None else extra
    if len(observations) == n_units * n_periods and not np.isnan(observations.outcome).any():
        return _complete(panel, candidate, arms, weight, in_window, windows, compare, extra)

    reference = arms.code == (CONTROL if compare else TRAINED)
    rows, entering, usable = _entering(panel, windows, in_window, candidate, reference)
    unit, period = observations.unit[rows], observations.period[rows]
    outcome = observations.outcome[rows]
    center = float(outcome.mean()) if len(outcome) else 0.0
    outcome = outcome - center
    clusters, n_clusters = cluster_columns(panel, entering)
    arm = np.where(entering, np.where(arms.code == TRAINED, 0, 1), -1).astype(np.int8)
    n_arms = 2 if compare else 1
    arm_weight = _arm_weight(arm, weight, n_arms)
    n_windows = len(windows) + extra.shape[1]
    raw, shift = np.zeros((n_units, n_windows)), np.zeros((n_units, n_windows))
    raw[:, len(windows) :] = extra
    missing: list[Missing | None] = [None] * n_windows
    for window, codes in enumerate(windows):
        used = codes[usable[codes]]
        place = np.full(n_periods, -1, dtype=np.intp)
        place[used] = np.arange(len(used))
        inside = place[period] >= 0
        wu, wy = unit[inside], outcome[inside]
        size = np.bincount(wu, minlength=n_units)
        raw[:, window] = np.bincount(wu, weights=wy, minlength=n_units) / np.maximum(size, 1)
        # Without any usable period nobody enters, and an arm may be empty; the flow then says why.
        if (size[entering] == len(used)).all() or not arm_weight.all():
            continue
        missing[window] = one = missing_periods(
            wu, place[period[inside]], wy, len(used), size, weight, arm, clusters, n_clusters, reference, arm_weight,
            raw[:, window],
        )  # fmt: skip
        shift[:, window] = one.shift
    influence, sums = arm_levels(raw, raw - shift, weight, arm, arm_weight, clusters, n_clusters, n_arms)
    for window, found in enumerate(missing):
        if found is not None:
            for index in range(n_arms):
                influence[:, index * n_windows + window] -= found.moved(found.lean[index])
    return Reduction(
        entering=entering,
        arm=arm,
        weight=weight,
        clusters=clusters,
        value=np.where(entering[:, None], raw - shift, 0.0),
        influence=influence,
        sums=np.concatenate([sums, *(one.sums for one in missing if one is not None)], axis=1),
        n_arms=n_arms,
        center=center,
        arm_weight=arm_weight,
        used_rows=rows,
        in_window=in_window,
        outcome_range=outcome_range(outcome, center),
        observed=_observed(unit, period, arm, n_arms, n_periods),
        missing=tuple(missing),
    )


def _complete(
    panel: Panel,
    candidate: Bools,
    arms: Arms,
    weight: Floats,
    in_window: NDArray[np.int8],
    windows: Sequence[NDArray[np.int16]],
    compare: bool,
    extra: Floats,
) -> Reduction:
    """Reduce a panel without a hole: every row is where its unit and period say, so nothing needs to be looked up."""
    n_units, n_periods, n_arms = len(panel.units), len(panel.periods), 2 if compare else 1
    table = panel.observations.outcome.reshape(n_units, n_periods)
    columns = np.concatenate(windows[:2])
    entered = table[candidate][:, columns] if candidate.any() else np.zeros((1, 1))
    center = float(entered.mean())
    means = np.stack([table[:, codes].mean(axis=1) for codes in windows], axis=1) - center
    value = np.concatenate([means, extra], axis=1)
    clusters, n_clusters = cluster_columns(panel, candidate)
    arm = np.where(candidate, np.where(arms.code == TRAINED, 0, 1), -1).astype(np.int8)
    arm_weight = _arm_weight(arm, weight, n_arms)
    influence, sums = arm_levels(value, value, weight, arm, arm_weight, clusters, n_clusters, n_arms)
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
        n_arms=n_arms,
        center=center,
        arm_weight=arm_weight,
        used_rows=None,
        in_window=in_window,
        outcome_range=(float(entered.min()), float(entered.max())),
        observed=observed,
        missing=(None,) * value.shape[1],
    )


def _entering(
    panel: Panel, windows: Sequence[NDArray[np.int16]], in_window: NDArray[np.int8], candidate: Bools, reference: Bools
) -> tuple[Bools, Bools, Bools]:
    """Return the rows that are used, the units that enter, and the periods that have a comparison."""
    observations, n_units = panel.observations, len(panel.units)
    usable = in_window >= 0
    present = ~np.isnan(observations.outcome) & usable[observations.period] & candidate[observations.unit]
    while True:
        rows = present & usable[observations.period]
        unit, period = observations.unit[rows], observations.period[rows]
        entering = candidate.copy()
        for codes in windows:
            inside = np.zeros(len(panel.periods), dtype=bool)
            inside[codes] = True
            entering &= np.bincount(unit[inside[period]], minlength=n_units) > 0
        rows &= entering[observations.unit]
        found = _periods_with_reference(panel, rows, entering & reference) & usable
        if (found == usable).all():
            return rows, entering, usable
        usable = found


def arm_levels(
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
    windows = raw.shape[1]
    influence = np.zeros((len(weight), n_arms * windows))
    sums = np.zeros((n_clusters, n_arms + n_arms * windows))
    for index in range(n_arms):
        mine = np.flatnonzero(arm == index)
        if not len(mine):
            continue
        w, column = weight[mine], clusters[mine]
        sums[:, index] = np.bincount(column, weights=w, minlength=n_clusters)
        for window in range(windows):
            values, at = value[mine, window], index * windows + window
            level = float(w @ values) / arm_weight[index]
            influence[mine, at] = w * (values - level) / arm_weight[index]
            sums[:, n_arms + at] = np.bincount(column, weights=w * raw[mine, window], minlength=n_clusters)
    return influence, sums


def _arm_weight(arm: NDArray[np.int8], weight: Floats, n_arms: int) -> Floats:
    return np.array([weight[arm == index].sum() for index in range(n_arms)])


def _periods_with_reference(panel: Panel, rows: Bools, reference: Bools) -> Bools:
    """Return which periods have comparison values from at least two clusters (one, where the arm is one cluster).

    A period that hangs on one cluster could not be resampled: without that cluster it has no comparison.
    """
    observations = panel.observations
    found = np.zeros((len(panel.periods), len(panel.units.cluster_labels)), dtype=bool)
    inside = rows & reference[observations.unit]
    found[observations.period[inside], panel.units.cluster[observations.unit[inside]]] = True
    needed = min(2, int(found.any(axis=0).sum()))
    return np.asarray(found.sum(axis=1) >= max(needed, 1))


def cluster_columns(panel: Panel, entering: Bools) -> tuple[NDArray[np.int32], int]:
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


def outcome_range(outcome: Floats, center: float) -> tuple[float, float]:
    """Return the smallest and the largest KPI value of rows that entered, given less their `center`."""
    return (float(outcome.min() + center), float(outcome.max() + center)) if len(outcome) else (0.0, 0.0)
