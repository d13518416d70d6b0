"""The dip before adoption: whether the trained had just moved apart from the others when their training began."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from attribution.core.panel import Panel
from attribution.diagnostics.kpi_table import outcome_table, path_of, row_means
from attribution.numerics.power import minimum_detectable
from attribution.numerics.variance import Layers, contrast_variance, stratified, welch_df

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_PERIODS = 12
"""Periods before an adoption that are looked at, at most: older ones say little of what led to the training."""

FEWEST_PERIODS = 3
"""Periods before an adoption with fewer of which a cohort is left out."""


@dataclass(frozen=True, slots=True)
class Dip:
    """How far the trained moved apart from the others in their last periods before adoption, in KPI units.

    `last` and `earlier` count the periods on either side, the most of any cohort; `df` are those of the t test,
    `clusters` those of the trained and of the others. The standard error is NaN where an arm is one cluster.
    """

    value: float
    std_error: float
    df: float
    last: int
    earlier: int
    clusters: tuple[int, int]

    @property
    def p_value(self) -> float:
        """Two-sided, NaN without a standard error."""
        return 2 * float(stdtr(self.df, -abs(self.value / self.std_error)))

    def detectable(self, level: float = 0.95, power: float = 0.8) -> float:
        """Return the smallest move that the test would show with this power, in KPI units."""
        return minimum_detectable(self.std_error, self.df, level, power)


def dip(
    panel: Panel, trained: Bools, control: Bools, *, anticipation: int = 0, before: NDArray[np.int16] | None = None
) -> Dip | None:
    """Return how far the trained moved apart from the controls just before they adopted; None with too few periods.

    Each cohort of adoption is compared with the controls in the same calendar periods: the mean of its last quarter of
    periods before adoption (at least one) against the mean of the earlier ones, in the change of both arms. Cohorts
    with fewer than three periods before are left out. `before` names the periods of a design with one baseline; without
    it they are all until `anticipation` periods before adoption, at most 12. The variance is the cluster jackknife by
    arm, by the influence above 100 clusters.

    Source: Ashenfelter (1978), Estimating the effect of training programs on earnings, Rev. Econ. Stat. 60.
    """
    adopted = panel.units.adopted
    parts: list[tuple[Bools, NDArray[np.int16]]] = []
    if before is not None:
        parts.append((trained, before))
    else:
        for code in np.unique(adopted[trained]):
            end = int(min(code, len(panel.periods))) - anticipation
            parts.append((trained & (adopted == code), np.arange(max(end - MOST_PERIODS, 0), end, dtype=np.int16)))
    parts = [one for one in parts if len(one[1]) >= FEWEST_PERIODS]
    if not parts:
        return None
    clusters = len(panel.units.cluster_labels)
    sums = np.zeros((clusters, len(parts), 4))
    looked = np.unique(np.concatenate([codes for _, codes in parts]))
    table = outcome_table(panel, looked)
    others = np.where(control & (panel.weights > 0), panel.weights, 0.0)
    for place, (mine, codes) in enumerate(parts):
        change = _change(table[:, np.searchsorted(looked, codes)], others)
        for arm, mask in enumerate((mine, control)):
            inside = mask & ~np.isnan(change) & (panel.weights > 0)
            weight, code = panel.weights[inside], panel.units.cluster[inside]
            sums[:, place, 2 * arm] = np.bincount(code, weights=weight, minlength=clusters)
            sums[:, place, 2 * arm + 1] = np.bincount(code, weights=weight * change[inside], minlength=clusters)
    whole = sums.sum(axis=0)
    sums = sums[:, (whole[:, 0] > 0) & (whole[:, 2] > 0)]
    sums = sums[sums[:, :, ::2].sum(axis=(1, 2)) > 0]
    if not sums.size:
        return None
    last = max(_last(len(codes)) for _, codes in parts)
    earlier = max(len(codes) - _last(len(codes)) for _, codes in parts)
    weights = sums[:, :, 0].sum(axis=1), sums[:, :, 2].sum(axis=1)
    arms = int((weights[0] > 0).sum()), int((weights[1] > 0).sum())
    value = float(_move(sums, np.ones((1, len(sums))))[0, 0])
    layers = _layers(sums, weights)
    variance = contrast_variance(layers.covariance, np.ones((1, 1)))[0]
    total = float(variance.sum())
    alone = min(arms) < 2 or not total > 0
    error = float("nan") if alone else float(np.sqrt(total))
    df = float("nan") if alone else float(welch_df(variance, layers.df))
    return Dip(value, error, df, last, earlier, arms)


def _last(periods: int) -> int:
    return -(-periods // 4)


def _change(table: Floats, weight: Floats) -> Floats:
    """Return each unit's mean over the last columns less that over the earlier ones, freed of the controls' path.

    What the controls did in a period is taken out first, so that a missing month is not read as a move; the mean of
    the controls' own changes stays, as 0 on complete data.
    """
    table = table - path_of(table, weight)
    last = _last(table.shape[1])
    return row_means(table[:, -last:]) - row_means(table[:, :-last])


def _move(sums: Floats, weights: Floats) -> Floats:
    """Return the difference of the arms' moves, `[n_draws, 1]`, cohorts weighted by their trained."""
    totals = np.einsum("dc,cpk->dpk", weights, sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = totals[:, :, 1] / totals[:, :, 0] - totals[:, :, 3] / totals[:, :, 2]
        # A cohort that a draw leaves out has no weight, not an undefined move.
        parts = np.where(totals[:, :, 0] > 0, totals[:, :, 0] * apart, 0.0)
        return np.asarray(parts.sum(axis=1, keepdims=True) / totals[:, :, 0].sum(axis=1, keepdims=True))


def _layers(sums: Floats, weights: tuple[Floats, Floats]) -> Layers:
    # A cluster of both arms, which only a person-level assignment has, counts with the arm of its greater weight.
    strata = (weights[1] > weights[0]).astype(np.int32)
    if len(np.unique(strata)) < 2:
        return Layers(np.full((1, 1, 1), np.nan), np.ones(1))
    totals = sums.sum(axis=0)
    means = totals[:, 1] / totals[:, 0], totals[:, 3] / totals[:, 2]
    share = totals[:, 0] / totals[:, 0].sum()
    apart = means[0] - means[1]
    moved = (sums[:, :, 1] - means[0] * sums[:, :, 0]) / totals[:, 0]
    moved -= (sums[:, :, 3] - means[1] * sums[:, :, 2]) / totals[:, 2]
    influence = moved @ share + sums[:, :, 0] @ (apart - share @ apart) / totals[:, 0].sum()
    values = np.array([share @ apart])
    return stratified(lambda draws: _move(sums, draws), values, influence[:, None], strata, weights[0] + weights[1])
