"""The lagged outcome: the follow-up compared at equal baselines (analysis of covariance)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import Controls, two_window_arms, windows
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.counted import with_cohort_counted
from attribution.estimators.options import require_att, require_known, require_periods
from attribution.estimators.windows.flow import window_flow
from attribution.estimators.windows.reduce import ARM_NAMES, Reduction, WindowMap, reduce_windows
from attribution.estimators.windows.variances import Strata, arm_strata
from attribution.numerics.variance import Layers, cluster_sums, stratified

Floats = NDArray[np.float64]
LaggedVariance = Literal["default", "HC0", "HC1", "CR0", "CR1", "CR1S"]

TERMS = ("effect", "change", "background", UNTRAINED_LEVEL)
N_PARAMETERS = 3


@dataclass(frozen=True, slots=True, eq=False)
class LaggedMap:
    """The map of weights: adjusted levels of arms and windows, and the slope of follow-up on baseline within arms.

    `levels` gives the levels; `second[n_clusters, m(m + 1)/2]` are sums of products of a unit's raw window means and,
    for each window that is not complete, its shares of observed periods, whose common deviations are taken out.
    """

    levels: WindowMap
    second: Floats
    center: float

    def __call__(self, weights: Floats) -> Floats:
        """Return the terms for each row of weights; NaN where an arm is empty or baselines do not vary."""
        levels, slope = self.fit(weights)
        before, after = levels[:, 0], levels[:, 1]
        effect = after - levels[:, 3] - slope * (before - levels[:, 2])
        change = after - before
        values = np.stack([effect, change, change - effect, after - effect + self.center], axis=1)
        values[np.isnan(values).any(axis=1)] = np.nan
        return values

    def fit(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return levels, `[n_draws, 4]` (trained before and after, control before and after), and the slope."""
        drawn = np.asarray(weights, dtype=float)
        levels, totals = self.levels(drawn), drawn @ self.levels.sums
        n_columns = 2 + sum(self.levels.adjusted)
        products = (drawn @ self.second)[:, _places(n_columns)]
        take = np.zeros((len(drawn), 2, n_columns))
        take[:, 0, 0] = take[:, 1, 1] = 1.0
        at, column = 6, 2
        with np.errstate(invalid="ignore", divide="ignore"):
            for window, periods in enumerate(self.levels.adjusted):
                if not periods:
                    continue
                part = totals[:, at : at + 4 * periods].reshape(-1, 4, periods)
                mean = part[:, 2] / part[:, 3]
                take[:, window, column : column + periods] = mean.mean(axis=1, keepdims=True) - mean
                at, column = at + 4 * periods, column + periods
            moments = np.einsum("dwi,dij,dvj->dwv", take, products, take, optimize=True)
            size = totals[:, :2]
            within = moments[:, 0] - np.einsum("da,da,daw->dw", size, levels[:, ::2], levels.reshape(-1, 2, 2))
            # Baselines alike within both arms leave rounding, not a variance.
            varies = within[:, 0] > 1e-10 * moments[:, 0, 0]
            slope = np.where(varies, within[:, 1] / np.where(varies, within[:, 0], 1.0), np.nan)
        return levels, slope


def lagged(
    panel: Panel,
    *,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    controls: Controls = "not_yet",
    variance: LaggedVariance = "default",
) -> Estimate:
    """Estimate the effect on the trained by comparing follow-ups at equal baselines (lagged outcome, ANCOVA).

    The effect, in KPI units, is the coefficient of the arm in a regression of the follow-up window mean on arm and
    baseline window mean: the follow-up difference less slope × baseline difference. It is the effect on the trained if
    training depended on the baseline KPI alone, and the KPI is linear in it. Change, background = change − effect,
    arms, windows, missing periods and errors are those of `did`, which is this with a slope of 1.

    Parameters
    ----------
    baseline, followup, controls
        As in `did`.
    variance
        `"default"` (cluster jackknife by arm, Welch–Satterthwaite df); for parity HC0, HC1 (t(N − 3)), CR0, CR1, CR1S
        (t(G − 1)).

    Raises
    ------
    MethodError
        As `did`, and where baselines do not vary within the arms.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> rows = [(u, t, (u % 3) * (1 - 0.5 * t) + 2.0 * (u < 3) * t, 1 if u < 3 else None)
    ...     for u in range(6) for t in (0, 1)]
    >>> frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start"])
    >>> panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    >>> round(float(lagged(panel, baseline=[0], followup=[1]).value("effect")), 12)
    2.0

    Source: Angrist & Pischke (2009), Mostly Harmless Econometrics, eq. 5.3.1; Ding & Li (2019).
    """
    require_known(variance=(variance, LaggedVariance))
    require_periods(panel, "lagged")
    if panel.kind != "panel":
        raise MethodError(
            f"a baseline of the same units is needed, and this is a {panel.kind}",
            where="Panel.kind",
            remedy="use did, which reads repeated cross-sections",
        )
    require_att(panel, "lagged")
    build = partial(_estimate, baseline=baseline, followup=followup, controls=controls)
    return with_cohort_counted(panel, variance, build)


def _estimate(
    panel: Panel,
    *,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    controls: Controls,
    variance: LaggedVariance,
) -> Estimate:
    before, after = windows(panel, baseline, followup)
    arms = two_window_arms(panel, before, after, controls)
    reduced = reduce_windows(panel, before, after, arms, compare=True)
    flow = window_flow(panel, reduced, arms, before, after)
    shares = [_shares(panel, reduced, window) for window in (0, 1)]
    replay = LaggedMap(
        levels=reduced.map(np.eye(4), np.zeros(4)),
        second=_second_moments(reduced, shares),
        center=reduced.center,
    )
    ones = np.ones((1, reduced.n_clusters))
    values = replay(ones)[0]
    if np.isnan(values).any():
        raise MethodError(
            f"the baseline of {panel.columns.outcome} does not vary within the arms",
            where="lagged",
            remedy="use did, which needs no variation at baseline",
        )
    slope = float(replay.fit(ones)[1][0])
    influence = _influence(panel, reduced, shares, slope)
    strata = arm_strata(reduced, ARM_NAMES)
    notes = [f"slope of the follow-up on the baseline within arms: {slope:.4g}", *strata.notes]
    if flow.later:
        later = ", ".join(f"{count} in {period}" for period, count in flow.later)
        notes.append(f"controls include {sum(count for _, count in flow.later)} units that adopt later ({later})")
    if not reduced.complete:
        notes.append("periods are missing: each is freed of the control arm's deviation before window means")
    # The effect is the follow-up difference less slope × the baseline difference.
    lean = np.array([-slope, 1.0, slope, -1.0])
    layers = _layers(variance, panel, reduced, replay, values, influence, strata)
    return Estimate(
        method="lagged",
        estimand="ATT",
        outcome=panel.columns.outcome,
        terms=TERMS,
        values=values,
        influence=influence,
        rows="units",
        clusters=reduced.clusters,
        strata=strata.code,
        stratum_names=strata.names,
        covariance=layers.covariance,
        stratum_df=layers.df,
        variance=variance,
        n=replace(flow, composition=float(reduced.composition @ lean)),
        direction=panel.direction,
        scale=panel.scale,
        outcome_range=reduced.outcome_range,
        replay=replay,
        notes=tuple(notes),
    )


def _places(n_columns: int) -> NDArray[np.int64]:
    index = np.zeros((n_columns, n_columns), dtype=np.int64)
    low, high = np.tril_indices(n_columns)
    index[low, high] = index[high, low] = np.arange(len(low))
    return index


@dataclass(frozen=True, slots=True, eq=False)
class _Shares:
    """One window that is not complete: each unit's share of its observed periods, and the reference's deviations.

    `rows` are the observations of the reference arm with their period's place; `residual` their KPI less the mean of
    the reference in that period, over its weight.
    """

    share: Floats
    deviation: Floats
    unit: NDArray[np.int32]
    place: NDArray[np.intp]
    residual: Floats


def _shares(panel: Panel, reduced: Reduction, window: int) -> _Shares | None:
    if not reduced.adjusted[window]:
        return None
    assert reduced.used_rows is not None
    observations = panel.observations
    rows = reduced.used_rows & (reduced.in_window[observations.period] == window)
    unit, outcome = observations.unit[rows], observations.outcome[rows] - reduced.center
    codes, place = np.unique(observations.period[rows], return_inverse=True)
    share = np.zeros((len(panel.units), len(codes)))
    share[unit, place] = 1.0
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    compared = reduced.arm[unit] == ARM_NAMES.index("control")
    unit, place, outcome = unit[compared], place[compared], outcome[compared]
    weight = reduced.weight[unit]
    total = np.bincount(place, weights=weight, minlength=len(codes))
    mean = np.bincount(place, weights=weight * outcome, minlength=len(codes)) / total
    return _Shares(share, mean - mean.mean(), unit, place, (outcome - mean[place]) / total[place])


def _second_moments(reduced: Reduction, shares: list[_Shares | None]) -> Floats:
    """Return sums of products by cluster of the raw window means and the shares of observed periods."""
    raw = reduced.value.copy()
    for window, found in enumerate(shares):
        if found is not None:
            raw[:, window] += found.share @ found.deviation
    inside = reduced.entering
    columns = np.concatenate([raw, *(found.share for found in shares if found is not None)], axis=1)[inside]
    weight, clusters = reduced.weight[inside], reduced.clusters[inside]
    low, high = np.tril_indices(columns.shape[1])
    products = [
        np.bincount(clusters, weights=weight * columns[:, one] * columns[:, other], minlength=reduced.n_clusters)
        for one, other in zip(low, high, strict=True)
    ]
    return np.stack(products, axis=1)


def _influence(panel: Panel, reduced: Reduction, shares: list[_Shares | None], slope: float) -> Floats:
    """Return each unit's influence on the terms, through levels, slope and the deviations of missing periods."""
    inside = np.flatnonzero(reduced.entering)
    arm, w = reduced.arm[inside], reduced.weight[inside]
    level = np.zeros((2, 2))
    for index in range(2):
        mine = arm == index
        level[index] = w[mine] @ reduced.value[inside][mine] / reduced.arm_weight[index]
    away = reduced.value[inside] - level[arm]
    spread = float(w @ away[:, 0] ** 2)
    of_slope = np.zeros(len(reduced.weight))
    of_slope[inside] = w * away[:, 0] * (away[:, 1] - slope * away[:, 0]) / spread
    for window, found in enumerate(shares):
        if found is None:
            continue
        # How the slope moves with each period's deviation, which is taken out of the window means.
        other = away[:, 1] - 2.0 * slope * away[:, 0] if window == 0 else away[:, 0]
        lean = -(w * other) @ found.share[inside] / spread
        lean -= lean.mean()
        moved = np.bincount(found.unit, weights=lean[found.place] * found.residual, minlength=len(of_slope))
        of_slope += reduced.weight * moved
    before, after, before_control, after_control = reduced.influence.T
    effect = after - after_control - slope * (before - before_control) - of_slope * (level[0, 0] - level[1, 0])
    change = after - before
    return np.stack([effect, change, change - effect, after - effect], axis=1)


def _layers(
    variance: LaggedVariance,
    panel: Panel,
    reduced: Reduction,
    replay: LaggedMap,
    values: Floats,
    influence: Floats,
    strata: Strata,
) -> Layers:
    n_rows, n_groups = int(reduced.entering.sum()), reduced.n_clusters
    if variance in ("HC0", "HC1") and n_groups < n_rows:
        raise MethodError(
            f"variance {variance!r} takes {panel.columns.unit} as independent, but {panel.columns.cluster} is the "
            f"cluster ({n_rows} units in {n_groups} clusters)",
            where="variance",
            remedy="use the default or 'CR1', or build the panel without a cluster",
        )
    if (reduced.sums[:, :2] > 0).sum(axis=0).min() < 2:
        # An arm of one cluster has no variance, even where that cluster shares its stratum with others.
        return Layers(np.full((1, len(values), len(values)), np.nan), np.ones(1))
    sums = cluster_sums(influence, reduced.clusters, n_groups)
    if variance == "default":
        return stratified(replay, values, sums, strata.code, strata.cluster_weight)
    with np.errstate(divide="ignore"):
        left = np.float64(n_rows - N_PARAMETERS)
        factor = {
            "HC0": 1.0,
            "HC1": n_rows / left,
            "CR0": 1.0,
            "CR1": n_groups / (n_groups - 1),
            "CR1S": n_groups * (n_rows - 1) / ((n_groups - 1) * left),
        }[variance]
    df = float(left if variance in ("HC0", "HC1") else n_groups - 1)
    return Layers((factor * sums.T @ sums)[None], np.array([max(df, 1.0)]))
