"""Inference for matched cohorts: matched sets stay together, whoever is drawn.

An estimator knows weights, not matches. It is run with every unit as its own cluster, and the variance that is valid
for the matches is put around the result: clusters of matched sets without replacement (Abadie & Spiess 2022), sets and
assignment clusters both where training was assigned above the unit, and Abadie & Imbens (2006, 2011, 2016) where a
control may serve several trained units.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Estimate, Replay
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.matches.entered import Entered, entered, held
from attribution.estimators.matches.reused import reused
from attribution.estimators.matches.sets import SETS, Cells, Grouping, SetMap, dense, group_units
from attribution.estimators.strata import ever_never_strata
from attribution.numerics.matched_variance import between
from attribution.numerics.variance import JACKKNIFE_LIMIT, Layers, cluster_sums, stratified, welch_df

Floats = NDArray[np.float64]

ON_UNITS = ("classical", "HC0", "HC1", "HC2", "HC3")
BY_SET = ("CR0", "CR1", "CR1S")
TWO_WAY = "two_way"

MOST_REPLAYS = 10 * JACKKNIFE_LIMIT
"""Units drawn alone or in sets beside cells, up to which each is left out in turn; more take the influence."""
UNDEFINED = "its variance is undefined"
CROSSED = "matched sets cross assignment clusters, and no draw of either keeps the other whole"


def matched_estimate(panel: Panel, estimate: Estimate, variance: str) -> Estimate:
    """Return an estimate made with every unit as its own cluster, with the inference of the panel's matched cohort.

    `variance="default"`: matched sets are the clusters, the jackknife over up to 100 of them, else the influence;
    strata with several units of each arm are cells, whose units are independent and whose weights are found again in
    each draw. Where training was assigned above the unit, by assignment cluster and by set (`two_way`); with
    replacement `abadie_imbens`. `"CR0"`, `"CR1"`, `"CR1S"`: sums by set, weights as given; those of independent units
    (`"HC1"` …) are the estimator's own. For `"CR1S"` the estimate is to be that of `"CR1S"` too, from which the number
    of its parameters is read. Raises `MethodError` for a named variance that does not apply to the matches, and for
    matches with replacement where training was assigned above the unit.

    Source: Abadie & Spiess (2022), Robust post-matching inference, JASA 117; Cameron, Gelbach & Miller (2011) for two
    clusters; Abadie & Imbens (2006, 2011, 2016) with replacement.
    """
    cohort = panel.cohort
    assert cohort is not None
    assert cohort.matches is not None
    found = entered(panel, cohort, estimate)
    estimate = replace(estimate, variance=variance, notes=(*estimate.notes, *cohort.notes))
    if variance in ON_UNITS and found.coarse:
        raise MethodError(
            f"variance {variance!r} takes {panel.columns.unit} as independent, but {panel.columns.cluster} is the "
            f"cluster ({len(found.units):,} units in {found.n_clusters:,} clusters)",
            where="variance",
            remedy="use the default, which counts clusters and matched sets, or build the panel without a cluster",
        )
    if variance not in ("default", *ON_UNITS, *BY_SET):
        raise MethodError(
            f"variance {variance!r} is not there for matched cohorts",
            where="variance",
            remedy="use 'default', or 'CR0', 'CR1' or 'CR1S' by matched set",
        )
    if cohort.matches.replacement:
        return reused(panel, cohort, cohort.matches, found, estimate, variance)
    grouping = group_units(
        found.sets,
        found.trained,
        panel.units.weight[found.units],
        linked=len(cohort.matches.trained) > 0,
        both=cohort.estimand != "ATT",
    )
    if variance == "default":
        return _default(found, estimate, grouping)
    return _named(found, estimate, variance)


def _default(found: Entered, estimate: Estimate, grouping: Grouping) -> Estimate:
    by_unit = grouping.cells.influence(estimate.influence[found.units])
    crossing = len(np.unique(grouping.code.astype(np.int64) * found.n_clusters + found.clusters))
    if not found.coarse or crossing == found.n_clusters:
        # Every assignment cluster lies within a set: the sets are the clusters.
        return _one_way(found, estimate, by_unit, grouping.code, grouping.strata, grouping.names, grouping.cells)
    clusters, strata, names, notes = _assignment(found, estimate)
    clustered = _one_way(found, estimate, by_unit, clusters, strata, names, grouping.cells)
    clustered = replace(clustered, notes=(*notes, *clustered.notes))
    if crossing == grouping.n_groups:
        # Every set lies within an assignment cluster, which covers it.
        return clustered
    return _two_way(found, clustered, by_unit, grouping)


def _one_way(
    found: Entered,
    estimate: Estimate,
    by_unit: Floats,
    code: NDArray[np.int32],
    strata: NDArray[np.int32],
    names: tuple[str, ...],
    cells: Cells,
) -> Estimate:
    """Return the estimate with groups of units as its clusters, and the default variance over them."""
    values, n_groups = estimate.values, len(strata)
    weight = np.asarray(np.bincount(code, weights=found.weight, minlength=n_groups), dtype=float)
    sums = cluster_sums(by_unit, code, n_groups)
    replay: Replay | None = None if estimate.replay is None else SetMap(estimate.replay, code, cells)
    if found.lone(code):
        layers = Layers(np.full((len(names), len(values), len(values)), np.nan), np.ones(len(names)))
    else:
        # Many small cells would be replayed as often as there are units, each time with all of them.
        limit = 0 if cells.n_strata and n_groups > MOST_REPLAYS else JACKKNIFE_LIMIT
        layers = stratified(replay or _linear(values, sums), values, sums, strata, weight, limit=limit)
    notes = estimate.notes
    if cells.n_strata:
        many = f"{cells.n_strata} strata" if cells.n_strata > 1 else "1 stratum"
        notes = (*notes, f"{many} with several units of each arm: drawn from within, and weighed anew in every draw")
        layers, single = _single_set(layers, sums, strata, names)
        notes = (*notes, *single)
    if np.isnan(layers.covariance).any() and not found.lone(code) and not any(UNDEFINED in note for note in notes):
        drawn = "matched sets" if cells.n_strata or names == (SETS,) else "clusters"
        notes = (*notes, f"without one of the {drawn} the adjusted effect does not exist: {UNDEFINED}")
    return replace(
        estimate,
        influence=found.spread(by_unit),
        clusters=found.spread_codes(code),
        strata=strata,
        stratum_names=names,
        covariance=layers.covariance,
        stratum_df=layers.df,
        n=held(estimate.n, code, found.trained),
        replay=replay,
        notes=notes,
    )


def _single_set(
    layers: Layers, sums: Floats, strata: NDArray[np.int32], names: tuple[str, ...]
) -> tuple[Layers, tuple[str, ...]]:
    """Return layers in which a stratum with a single unit of an arm counts by how far its effect is from all others'.

    Drawn whole, it is the only one of its kind beside strata that are cells: one deviation, one degree of freedom.
    """
    if SETS not in names:
        return layers, ()
    at = names.index(SETS)
    alone = np.flatnonzero(strata == at)
    if len(alone) > 1:
        return layers, ()
    covariance = layers.covariance.copy()
    covariance[at] = np.outer(sums[alone[0]], sums[alone[0]])
    note = "one stratum has a single unit of an arm: how far its effect is from the others' is all that tells its noise"
    return Layers(covariance, layers.df), (note,)


def _linear(values: Floats, sums: Floats) -> Replay:
    """Return the map that moves by the influence alone, for an estimate that has none."""
    return lambda weights: values + (weights - 1.0) @ sums


def _assignment(
    found: Entered, estimate: Estimate
) -> tuple[NDArray[np.int32], NDArray[np.int32], tuple[str, ...], tuple[str, ...]]:
    """Return the assignment clusters and their strata: the estimator's, `mixed` where a cluster has several."""
    n_strata = len(estimate.stratum_names)
    own = estimate.strata.astype(np.int64)
    counts = np.stack([np.bincount(own[found.trained == arm], minlength=n_strata) for arm in (False, True)])
    cell = found.clusters.astype(np.int64) * n_strata + own
    size = np.bincount(cell, weights=found.weight, minlength=found.n_clusters * n_strata).astype(float)
    strata = ever_never_strata(size.reshape(found.n_clusters, n_strata), estimate.stratum_names, counts[1] > counts[0])
    return found.clusters, strata.code, strata.names, strata.notes


def _two_way(found: Entered, clustered: Estimate, by_unit: Floats, grouping: Grouping) -> Estimate:
    """Return the estimate with the variance by assignment cluster and, beyond it, by sets that cross clusters.

    What the sets add is spread evenly over the clusters' strata. Like outcomes within sets make it negative, and the
    sum less certain than its parts: the degrees of freedom are lowered by what that does to them.
    """
    extra = between(by_unit, grouping.code, found.clusters)
    notes = clustered.notes
    if not _positive(clustered.covariance.sum(axis=0) + extra):
        extra = _positive_part(extra)
        notes = (*notes, "what matched sets take from the variance by cluster is more than there is: they take nothing")
    layers = clustered.covariance + extra / len(clustered.covariance)
    apart = np.concatenate([clustered.covariance, extra[None]])
    df, own = clustered.stratum_df, max(grouping.n_groups - 1.0, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        lower = welch_df(_by_term(apart), np.append(df, own)) / welch_df(_by_term(layers), df)
    return replace(
        clustered,
        covariance=layers,
        stratum_df=np.maximum(df * np.nanmin(np.append(lower, 1.0)), 1.0),
        variance=TWO_WAY,
        replay=None,
        no_replay=CROSSED,
        notes=notes,
    )


def _by_term(layers: Floats) -> Floats:
    return np.stack([np.diagonal(one) for one in layers], axis=1)


def _positive(total: Floats) -> bool:
    """Say whether a covariance has no negative direction; one that is undefined has none either."""
    size = np.sqrt(np.maximum(np.diagonal(total), 0.0))
    if np.isnan(total).any():
        return True
    scaled = total / np.outer(np.where(size > 0, size, 1.0), np.where(size > 0, size, 1.0))
    return bool((np.diagonal(total) >= 0).all() and np.linalg.eigvalsh(scaled)[0] > -1e-8)


def _positive_part(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)


def _named(found: Entered, estimate: Estimate, variance: str) -> Estimate:
    """Return the estimate with a variance that other software prints: sums by set and cluster, weights fixed."""
    rows = estimate.influence[found.units]
    n = len(rows)
    alone = np.arange(n, dtype=np.int64) + int(found.sets.max(initial=-1)) + 1
    code = dense(np.where(found.sets >= 0, found.sets, alone))
    covariance, n_groups = estimate.covariance, int(code.max()) + 1
    df = estimate.stratum_df
    if variance in BY_SET:
        ways = [(code, 1.0)]
        if found.coarse:
            both = dense(code.astype(np.int64) * found.n_clusters + found.clusters)
            ways = [(code, 1.0), (found.clusters, 1.0), (both, -1.0)]
        covariance, df = np.zeros_like(rows.T @ rows)[None], np.full(1, np.inf)
        for codes, sign in ways:
            size = int(codes.max()) + 1
            sums = cluster_sums(rows, codes, size)
            factor = 1.0 if variance == "CR0" else np.float64(size) / (size - 1)
            covariance = covariance + sign * factor * (sums.T @ sums)[None]
            df = np.minimum(df, max(size - 1.0, 1.0))
        if variance == "CR1S":
            # For independent units CR1S is the sum of squares times N/(N − k).
            covariance = (
                covariance * (n - 1) / n * (np.trace(estimate.covariance.sum(axis=0)) / np.trace(rows.T @ rows))
            )
    replay = None if estimate.replay is None else SetMap(estimate.replay, code, Cells.none(n))
    crossed = found.coarse and variance in BY_SET
    return replace(
        estimate,
        clusters=found.spread_codes(code),
        strata=np.zeros(n_groups, dtype=np.int32),
        stratum_names=(SETS,),
        covariance=covariance,
        stratum_df=df,
        n=held(estimate.n, code, found.trained),
        replay=None if crossed else replay,
        no_replay="matched sets cross assignment clusters, and no draw of either keeps the other whole"
        if crossed
        else "",
    )
