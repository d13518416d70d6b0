"""Repeated cross-sections reduced: every row a unit seen once, arms by windows as means of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import LEFT_OUT, TRAINED, Arms, Window
from attribution.core.panel import Panel
from attribution.estimators.windows.reduce import cluster_columns, outcome_range, terms_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class CrossMap:
    """Per-cluster sums `[n_clusters, k]` and how terms follow from them; small, picklable, without the data.

    Columns: summed weight of each arm; then the summed weight, and then the weighted sum, of each level's rows.
    """

    sums: Floats
    n_arms: int
    n_windows: int
    matrix: Floats
    center: Floats

    def __call__(self, weights: Floats) -> Floats:
        """Return the terms for each row of weights; a row that empties an arm in some window is NaN."""
        return terms_of(self.levels(weights)[0], self.matrix, self.center)

    def levels(self, weights: Floats) -> tuple[Floats, tuple[Floats, ...]]:
        """Return the levels `[n_draws, n_arms·n_windows]`; a cross-section has no deviations to take out."""
        totals = np.asarray(weights, dtype=float) @ self.sums
        n_levels = self.n_arms * self.n_windows
        mass, kpi = totals[:, self.n_arms : self.n_arms + n_levels], totals[:, self.n_arms + n_levels :]
        with np.errstate(invalid="ignore", divide="ignore"):
            return kpi / mass, ()


@dataclass(frozen=True, slots=True, eq=False)
class CrossReduction:
    """Windows of repeated cross-sections, reduced: rows, their levels and the sums the map is made of.

    Units are rows. `window[n_units, n_windows]` says which rows a level averages and `value[n_units]` is their KPI less
    `center`; of an `extra` column the values stand in `extra`, of the follow-up's rows. Other fields as in `Reduction`.
    """

    entering: Bools
    arm: NDArray[np.int8]
    weight: Floats
    clusters: NDArray[np.int32]
    value: Floats
    extra: Floats
    window: Bools
    influence: Floats
    sums: Floats
    n_arms: int
    center: float
    arm_weight: Floats
    in_window: NDArray[np.int8]
    outcome_range: tuple[float, float]
    observed: NDArray[np.int64] = field(repr=False)

    @property
    def n_clusters(self) -> int:
        return len(self.sums)

    @property
    def complete(self) -> bool:
        """A row has no other period to lack."""
        return True

    @property
    def cell(self) -> NDArray[np.int8]:
        """Each row's mean: arm by window (baseline, follow-up), −1 for none."""
        return np.where(self.entering, 2 * self.arm + self.window[:, 1], -1).astype(np.int8)

    @property
    def cells(self) -> Floats:
        """The summed weight of each cluster in each mean of the two windows, `[n_clusters, 2·n_arms]`."""
        by_arm = self.means.reshape(self.n_clusters, self.n_arms, self.window.shape[1])
        return by_arm[:, :, :2].reshape(self.n_clusters, 2 * self.n_arms)

    @property
    def means(self) -> Floats:
        """The summed weight of each cluster in everything that is averaged, `[n_clusters, n_arms·n_windows]`."""
        return self.sums[:, self.n_arms : self.n_arms * (1 + self.window.shape[1])]

    @property
    def composition(self) -> Floats:
        return np.zeros(self.n_arms * self.window.shape[1])

    def map(self, matrix: Floats, center: Floats) -> CrossMap:
        """Return the map of weights whose terms are `matrix` applied to the levels, plus `center`."""
        return CrossMap(self.sums, self.n_arms, self.window.shape[1], matrix, center)


def reduce_cross_sections(
    panel: Panel,
    before: Window,
    after: Window,
    arms: Arms,
    *,
    compare: bool,
    parts: Sequence[Window] = (),
    extra: Floats | None = None,
) -> CrossReduction:
    """Reduce windows to the means of all rows of each arm in them, and to per-cluster sums.

    A row enters with a KPI value inside the windows. `extra[n_units, n_extra]` are averaged over the follow-up's rows.
    """
    observations, n_units, n_periods = panel.observations, len(panel.units), len(panel.periods)
    in_window = np.full(n_periods, -1, dtype=np.int8)
    in_window[before.codes], in_window[after.codes] = 0, 1
    member = (arms.code != LEFT_OUT) if compare else (arms.code == TRAINED)
    # Rows are in the order of their units, each of which has one.
    period, value, weight = observations.period, observations.outcome, panel.weights
    entering = member & (weight > 0) & ~np.isnan(value) & (in_window[period] >= 0)
    center = float(value[entering].mean()) if entering.any() else 0.0
    value = np.where(entering, value - center, 0.0)
    extra = np.zeros((n_units, 0)) if extra is None else extra
    n_arms, windows = 2 if compare else 1, [before.codes, after.codes, *(part.codes for part in parts)]
    windows += [after.codes] * extra.shape[1]
    arm = np.where(entering, np.where(arms.code == TRAINED, 0, 1), -1).astype(np.int8)
    clusters, n_clusters = cluster_columns(panel, entering)
    inside = np.zeros((n_units, len(windows)), dtype=bool)
    influence = np.zeros((n_units, n_arms * len(windows)))
    mass, kpi = np.zeros((2, n_clusters, n_arms * len(windows)))
    sizes = np.zeros((n_clusters, n_arms))
    for index in range(n_arms):
        mine = arm == index
        sizes[:, index] = np.bincount(clusters[mine], weights=weight[mine], minlength=n_clusters)
    for window, codes in enumerate(windows):
        there = np.zeros(n_periods, dtype=bool)
        there[codes] = True
        inside[:, window] = entering & there[period]
        shown = value if window < len(windows) - extra.shape[1] else extra[:, window - len(windows)]
        for index in range(n_arms):
            rows = np.flatnonzero(inside[:, window] & (arm == index))
            if not len(rows):
                continue
            at, w = index * len(windows) + window, weight[rows]
            influence[rows, at] = w * (shown[rows] - w @ shown[rows] / w.sum()) / w.sum()
            mass[:, at] = np.bincount(clusters[rows], weights=w, minlength=n_clusters)
            kpi[:, at] = np.bincount(clusters[rows], weights=w * shown[rows], minlength=n_clusters)
    observed = np.zeros((n_arms, n_periods), dtype=np.int64)
    for index in range(n_arms):
        observed[index] = np.bincount(period[arm == index], minlength=n_periods)
    return CrossReduction(
        entering=entering,
        arm=arm,
        weight=weight,
        clusters=clusters,
        value=value,
        extra=extra,
        window=inside,
        influence=influence,
        sums=np.concatenate([sizes, mass, kpi], axis=1),
        n_arms=n_arms,
        center=center,
        arm_weight=sizes.sum(axis=0),
        in_window=in_window,
        outcome_range=outcome_range(value[entering], center),
        observed=observed,
    )
