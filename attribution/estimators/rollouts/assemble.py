"""A rollout: cells, their reduction and everything else an estimate of group-time effects is assembled from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Estimate
from attribution.core.flow import Flow
from attribution.core.panel import Direction, Panel, Scale
from attribution.errors import MethodError
from attribution.estimators.rollouts.aggregation import Aggregate, By, CellMap, gradient, sets_of, term_names
from attribution.estimators.rollouts.cells import Cells
from attribution.estimators.rollouts.means import CellValues
from attribution.estimators.strata import ever_never_strata, has_lone_arm
from attribution.estimators.windows.variances import Strata
from attribution.numerics.variance import Layers, cluster_sums, stratified

Floats = NDArray[np.float64]

FEW = 5
"""Below so many clusters of a cohort, parts that rest on it alone cover too little (docs/methods/bands.md)."""

RolloutVariance = Literal["default", "sizes_given", "CR0", "CR1"]


class CellModel(Protocol):
    """Cell terms with the influence of any linear combination of them."""

    @property
    def map(self) -> CellMap: ...

    @property
    def values(self) -> CellValues: ...

    @property
    def clusters(self) -> NDArray[np.int32]: ...

    def influence(self, effect: Floats, change: Floats, level: Floats, mass: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Rollout:
    """Group-time effects before they are aggregated; `aggregate` averages them anew without a refit."""

    method: str
    outcome: str
    cells: Cells
    period_names: tuple[str, ...]
    model: CellModel
    strata: Strata
    lone_arm: bool
    variance: RolloutVariance
    flow: Flow
    direction: Direction
    scale: Scale
    outcome_range: tuple[float, float]
    notes: tuple[str, ...]
    adjusted: tuple[str, ...]

    def aggregate(self, by: str) -> Estimate:
        """Return the estimate of one aggregation; raises `MethodError` for one that is not known."""
        known: dict[str, By] = {one: one for one in get_args(By)}
        if by not in known:
            raise MethodError(f"aggregate is {by!r}", where="aggregate", remedy=f"choose one of {', '.join(known)}")
        kind = known[by]
        sets = sets_of(self.cells, kind, self.period_names)
        replay = Aggregate(self.model.map, self.cells.cohort, sets)
        values = replay.terms(self.model.values)[0]
        slope = gradient(sets, self.cells, self.model.values)
        influence = self.model.influence(slope.effect, slope.change, slope.level, slope.mass)
        clusters, strata = self.model.clusters, self.strata
        by_cluster = cluster_sums(influence, clusters, len(strata.code))
        layers = self._layers(replay, values, by_cluster)
        notes = self.notes
        if self.lone_arm:
            notes = (*notes, "an arm is one cluster: there is no standard error; for a single site see synthetic")
        if not (self.lone_arm or np.isfinite(layers.covariance[:, 0, 0]).all()):
            notes = (
                *notes,
                "the standard error of the effect is undefined: without one of the clusters a comparison has no fit; "
                "use variance='CR1', which needs no refit, or fewer or coarser covariates",
            )
        return Estimate(
            method=self.method,
            estimand="ATT",
            outcome=self.outcome,
            terms=term_names(sets, kind),
            values=values,
            influence=influence,
            rows="units",
            clusters=clusters,
            strata=strata.code,
            stratum_names=strata.names,
            covariance=layers.covariance,
            stratum_df=layers.df,
            variance=self.variance,
            n=self.flow,
            direction=self.direction,
            scale=self.scale,
            outcome_range=self.outcome_range,
            replay=replay,
            notes=notes,
            source=self,
            adjusted=self.adjusted,
        )

    def _layers(self, replay: Aggregate, values: Floats, by_cluster: Floats) -> Layers:
        n_clusters, n_terms = by_cluster.shape
        if self.lone_arm:
            return Layers(np.full((1, n_terms, n_terms), np.nan), np.ones(1))
        if self.variance in ("default", "sizes_given"):
            center = self.variance == "sizes_given"
            return stratified(replay, values, by_cluster, self.strata.code, self.strata.cluster_weight, center=center)
        factor = n_clusters / (n_clusters - 1) if self.variance == "CR1" else 1.0
        return Layers(factor * (by_cluster.T @ by_cluster)[None], np.array([max(n_clusters - 1.0, 1.0)]))


def rollout(
    panel: Panel,
    *,
    method: str,
    cells: Cells,
    model: CellModel,
    variance: RolloutVariance,
    flow: Flow,
    outcome_range: tuple[float, float],
    notes: tuple[str, ...],
    adjusted: tuple[str, ...] = (),
) -> Rollout:
    """Return the rollout of a model: its strata by adoption cohort, or ever and never trained."""
    clusters = model.clusters
    n_clusters = int(clusters.max()) + 1
    used = np.flatnonzero(cells.used)
    size = np.zeros((n_clusters, len(used)))
    weight, entering = panel.weights, clusters >= 0
    for column, one in enumerate(used):
        mine = entering & (cells.label == one)
        size[:, column] = np.bincount(clusters[mine], weights=weight[mine], minlength=n_clusters)
    ever = cells.trained[used]
    few = [
        f"{cells.names[one]} ({count})"
        for one, count in zip(used, (size > 0).sum(axis=0), strict=True)
        if cells.trained[one] and count < FEW
    ]
    if few:
        notes = (
            *notes,
            f"cohorts of fewer than {FEW} clusters: {', '.join(few)}; intervals and bands of parts that rest on them "
            "cover less than they say",
        )
    strata = ever_never_strata(size, tuple(cells.names[one] for one in used), ever)
    return Rollout(
        method=method,
        outcome=panel.columns.outcome,
        cells=cells,
        period_names=tuple(panel.periods.text(code) for code in range(len(panel.periods))),
        model=model,
        strata=strata,
        lone_arm=has_lone_arm(size, ever),
        variance=variance,
        flow=flow,
        direction=panel.direction,
        scale=panel.scale,
        outcome_range=outcome_range,
        notes=(*strata.notes, *notes),
        adjusted=adjusted,
    )
