"""How an estimate counts the cohort it was made with: estimated weights are estimated again, matches stay together.

An estimator knows unit weights, not where they come from. So it is run with every unit as its own cluster, and what
the cohort adds is put around the result: the map of unit weights is fed with the weights that the cohort's model gives
under each draw, and the influence takes the model's along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from attribution.core.cohort import Cohort, WeightModel
from attribution.core.estimate import Estimate, Regroupable, Replay, Standardised
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.matched import UNDEFINED, matched_estimate
from attribution.estimators.matches.entered import settled
from attribution.estimators.strata import ever_never_strata, has_lone_arm
from attribution.numerics.resample import cached_blocks, picked
from attribution.numerics.variance import Layers, cluster_sums, stratified

Floats = NDArray[np.float64]

ON_UNITS = ("classical", "HC0", "HC1", "HC2", "HC3")
"""Variances of independent units, which an estimator gives itself: a cohort's weights or matches are taken as given."""

COUNTED = ("default", "CR0", "CR1")
"""Variances that count estimated weights, from the full influence or by refits."""

ANEW = "the weights are estimated anew in every draw"


class Build(Protocol):
    """An estimator with all its options but the panel and the variance."""

    def __call__(self, panel: Panel, *, variance: Any) -> Estimate: ...


def with_cohort_counted(panel: Panel, variance: str, build: Build) -> Estimate:
    """Return an estimate that counts how the panel's cohort was made; without one, or with given weights, as built.

    With a weight model every draw refits it, and the influence counts it; with matches the inference is that of matched
    sets (`matched_estimate`). Raises `MethodError` for an estimator that compares no units, and a named variance that
    does not count the model.
    """
    cohort = panel.cohort
    if cohort is None or (cohort.fit is None and cohort.matches is None):
        return build(panel, variance=variance)
    # CR1S by set takes the number of parameters from the estimator's own CR1S.
    own = variance if variance in ON_UNITS or (cohort.matches is not None and variance == "CR1S") else "default"
    panel, estimate = settled(panel, lambda whole: build(by_unit(whole), variance=own))
    assert panel.cohort is not None
    return counted(panel, panel.cohort, estimate, variance)


def by_unit(panel: Panel) -> Panel:
    """Return the panel with every unit as its own cluster."""
    units = panel.units
    own = replace(units, cluster=np.arange(len(units), dtype=np.int32), cluster_labels=units.label)
    return replace(panel, units=own, columns=replace(panel.columns, cluster=None))


def counted(panel: Panel, cohort: Cohort, estimate: Estimate, variance: str) -> Estimate:
    """Return an estimate made with every unit as its own cluster, its cohort counted and its clusters the panel's."""
    if estimate.rows != "units":
        raise MethodError(
            f"{estimate.method} compares no units with each other, and a cohort says which units are compared",
            where=f"cohort {cohort.method}",
            remedy="leave the cohort off this panel, or use did, staggered or adjusted",
        )
    if variance not in ON_UNITS:
        # Said of leaving out single units, which is not what the variance is made of.
        estimate = replace(estimate, notes=tuple(note for note in estimate.notes if not note.endswith(UNDEFINED)))
    if cohort.matches is not None:
        found = matched_estimate(panel, estimate, variance)
    else:
        assert cohort.fit is not None
        found = _weighted(panel, cohort, cohort.fit, estimate, variance)
    if estimate.source is not None:
        found = replace(found, source=CountedSource(panel, cohort, estimate.source, variance))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class CountedSource:
    """What a counted estimate was averaged from, counted again after another average."""

    panel: Panel
    cohort: Cohort
    source: Regroupable
    variance: str

    def aggregate(self, by: str) -> Estimate:
        """Return the estimate of one aggregation."""
        return counted(self.panel, self.cohort, self.source.aggregate(by), self.variance)


@dataclass(frozen=True, slots=True, eq=False)
class Reweighted:
    """A map of cluster weights: units take their cluster's, the cohort's weights are refitted, the estimate follows.

    `clusters[n_units]` are columns of the weights, −1 where a unit keeps its own weight; `units` are those of the
    estimate's columns, whose cohort weights at 1 are `base`.
    """

    replay: Replay
    fit: WeightModel
    clusters: NDArray[np.int32]
    units: NDArray[np.int64]
    base: Floats

    def __call__(self, weights: Floats) -> Floats:
        """Return the terms for each row of weights; NaN where the weights or the estimate have no fit."""
        weights = np.asarray(weights, dtype=float)
        found: list[Floats] = []
        apart, n_units = self.clusters < 0, len(self.clusters)
        clusters, units = picked(self.clusters, weights.shape[1]), picked(self.units, n_units)
        for _, start, stop in cached_blocks(len(weights), n_units):
            drawn = weights[start:stop, clusters]
            if apart.any():
                drawn = np.where(apart, 1.0, drawn)
            own, both = drawn[:, units], self.fit.reweight(drawn)[:, units]
            both *= own
            both /= self.base
            # A draw without weights is a row of NaN; the estimate, which knows finite weights only, sees ones instead.
            failed = np.isnan(both[:, 0])
            if failed.any():
                both[failed] = 1.0
                own = np.where(failed[:, None], 1.0, own)
            values = self.replay.apart(both, own) if isinstance(self.replay, Standardised) else self.replay(both)
            values[failed] = np.nan
            found.append(values)
        return np.concatenate(found)


def _weighted(panel: Panel, cohort: Cohort, fit: WeightModel, estimate: Estimate, variance: str) -> Estimate:
    if variance in ON_UNITS:
        raise MethodError(
            f"variance {variance!r} takes the weights as given, and {cohort.method} has estimated them",
            where="variance",
            remedy="use 'default', 'CR0' or 'CR1'; to take the weights as given, attach cohort.fixed()",
        )
    if variance not in COUNTED:
        raise MethodError(
            f"variance {variance!r} is not there for estimated weights",
            where="variance",
            remedy="use 'default', 'CR0' or 'CR1'",
        )
    if estimate.replay is None:
        raise MethodError(
            f"{estimate.method} cannot be repeated under other weights: {estimate.no_replay}",
            where=f"cohort {cohort.method}",
            remedy="attach cohort.fixed(), which takes the weights as given, or use did, staggered or adjusted",
        )
    entering = estimate.clusters >= 0
    weight = cohort.weights
    used = entering & (weight > 0)
    units = np.empty(len(estimate.strata), dtype=np.int64)
    units[estimate.clusters[entering]] = np.flatnonzero(entering)
    by_weight = estimate.influence
    if isinstance(estimate.replay, Standardised):
        # Whom the effect speaks for does not depend on the cohort's weights.
        by_weight = by_weight.copy()
        by_weight[units] -= estimate.replay.of_target
    slope = np.where(used[:, None], fit.gradient / np.where(used, weight, 1.0)[:, None], 0.0).T @ by_weight
    influence = estimate.influence + fit.influence @ slope
    # Who is in the weights' model moves the estimate, even without a KPI value of its own.
    moves = entering | (fit.influence != 0).any(axis=1)
    present, dense = np.unique(panel.units.cluster[moves], return_inverse=True)
    clusters = np.full(len(panel.units), -1, dtype=np.int32)
    clusters[moves] = dense
    replay = Reweighted(estimate.replay, fit, clusters, units, weight[units])
    strata_of, ever = _unit_strata(cohort, estimate, moves)
    n_clusters, n_strata = len(present), len(estimate.stratum_names)
    cell = clusters[moves].astype(np.int64) * n_strata + strata_of[moves]
    own = panel.units.weight * np.where(entering, weight, 1.0)
    summed = np.bincount(cell, weights=own[moves], minlength=n_clusters * n_strata)
    size = np.asarray(summed, dtype=float).reshape(n_clusters, n_strata)
    strata = ever_never_strata(size, estimate.stratum_names, ever)
    by_cluster = cluster_sums(influence, clusters, n_clusters)
    values, notes = estimate.values, (*strata.notes, *estimate.notes, *cohort.notes, ANEW)
    lone = has_lone_arm(size, ever) and not ever.all()
    if lone:
        layers = Layers(np.full((1, len(values), len(values)), np.nan), np.ones(1))
    elif variance == "default":
        layers = stratified(replay, values, by_cluster, strata.code, strata.cluster_weight)
    else:
        factor = n_clusters / (n_clusters - 1) if variance == "CR1" else 1.0
        layers = Layers(factor * (by_cluster.T @ by_cluster)[None], np.array([max(n_clusters - 1.0, 1.0)]))
    if np.isnan(layers.covariance).any() and not lone:
        notes = (*notes, f"without one of the clusters the weights or the effect do not exist: {UNDEFINED}")
    held = [int((size[:, side].sum(axis=1) > 0).sum()) for side in (ever, ~ever)]
    flow = estimate.n
    return replace(
        estimate,
        influence=influence,
        clusters=clusters,
        strata=strata.code,
        stratum_names=strata.names,
        covariance=layers.covariance,
        stratum_df=layers.df,
        variance=variance,
        n=replace(
            flow, trained=replace(flow.trained, clusters=held[0]), control=replace(flow.control, clusters=held[1])
        ),
        replay=replay,
        notes=notes,
    )


def _unit_strata(
    cohort: Cohort, estimate: Estimate, moves: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return each unit's stratum, and which strata are of trained units.

    A unit that is only in the weights' model is of the stratum that most units of its arm are in.
    """
    assert cohort.arms is not None
    entering = estimate.clusters >= 0
    n_strata = len(estimate.stratum_names)
    code = np.full(len(entering), -1, dtype=np.int64)
    code[entering] = estimate.strata[estimate.clusters[entering]]
    counts = np.stack([np.bincount(code[entering & (cohort.arms == arm)], minlength=n_strata) for arm in (0, 1)])
    for arm in (0, 1):
        code[moves & ~entering & (cohort.arms == arm)] = int(counts[arm].argmax())
    return code, counts[1] > counts[0]
