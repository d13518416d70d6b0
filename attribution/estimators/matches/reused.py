"""Matches with replacement: a control may serve several trained units, and its noise then counts several times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attribution.core.cohort import Cohort, Matches
from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.matches.entered import Entered
from attribution.numerics.matched_variance import Reuse, estimated_propensity, own_spread, reuse, whitened

Floats = NDArray[np.float64]

ABADIE_IMBENS = "abadie_imbens"
NO_REPLAY = (
    "the bootstrap is invalid for nearest matching with replacement, because no draw has the matches of another "
    "(Abadie & Imbens 2008); to resample, match without replacement or weight by the propensity"
)


def reused(
    panel: Panel, cohort: Cohort, matches: Matches, found: Entered, estimate: Estimate, variance: str
) -> Estimate:
    """Return the estimate with the variance of Abadie and Imbens, or a named one of independent units.

    Layers: the trained with their matches, and what controls that serve several trained units add. Raises
    `MethodError` for clusters above the unit, and for named variances by set: a control is in several.
    """
    if found.coarse:
        raise MethodError(
            f"training was assigned by {panel.columns.cluster} ({found.n_clusters:,} clusters of {len(found.units):,} "
            "units), and the variance of matches with replacement takes units as independent",
            where=f"cohort {cohort.method}",
            remedy="match without replacement, which counts clusters and matched sets, or weight by the propensity",
        )
    trained = np.bincount(found.trained.astype(int), minlength=2)[::-1]
    estimate = replace(estimate, replay=None, no_replay=NO_REPLAY)
    if variance in ("CR0", "CR1", "CR1S"):
        raise MethodError(
            f"variance {variance!r} is by matched set, and with replacement a control is in several",
            where="variance",
            remedy="use the default, or match without replacement",
        )
    if variance != "default":
        return estimate
    covariance, df, notes = _layers(panel, cohort, matches, found, estimate)
    if 1 in trained:
        covariance = np.full_like(covariance, np.nan)
    strata = np.where(found.trained, 0, 1).astype(np.int32)
    names: tuple[str, ...] = ("trained with their matches", "controls used again")
    if not trained[1]:
        covariance, df, names = covariance[:1], df[:1], names[:1]
    return replace(
        estimate,
        strata=strata,
        stratum_names=names,
        covariance=covariance,
        stratum_df=df,
        variance=ABADIE_IMBENS,
        notes=(*estimate.notes, *notes),
    )


def _layers(
    panel: Panel, cohort: Cohort, matches: Matches, found: Entered, estimate: Estimate
) -> tuple[Floats, Floats, tuple[str, ...]]:
    enters = estimate.clusters >= 0
    links = enters[matches.trained]
    flow = matches.share[links] * panel.weights[matches.trained[links]]
    along = reuse(estimate.influence, matches.trained[links], matches.control[links], flow)
    n_trained = len(along.trained)
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = along.rows.T @ along.rows * (np.float64(n_trained) / (n_trained - 1))
    propensity = cohort.propensity
    notes: tuple[str, ...] = ()
    if matches.on_propensity and propensity is not None:
        score = propensity.probability
        # The logit itself, of which a propensity of 1 has lost everything.
        points = (propensity.design @ propensity.coefficients)[:, None]
        rows, notes = _propensity_counted(along, propensity.design, score, panel.units.weight, rows)
    else:
        assert cohort.columns is not None
        used = along.used > 0
        points = whitened(cohort.columns, cohort.columns[used]) if used.any() else cohort.columns
    spread = own_spread(along, points)
    weight = np.asarray(
        np.bincount(along.link_trained, weights=flow, minlength=len(enters))[along.trained], dtype=float
    )
    df = np.array([_kish(weight), _kish(along.extra[along.extra > 0])])
    return np.stack([rows, spread]), df, notes


def _propensity_counted(
    along: Reuse, design: Floats, score: Floats, weight: Floats, rows: Floats
) -> tuple[Floats, tuple[str, ...]]:
    """Return the first layer with what the estimated propensity takes and adds."""
    known = ~np.isnan(score)
    leverage = np.where(known, weight * score * (1 - score), 0.0)
    information = (design * leverage[:, None]).T @ design
    takes, adds = estimated_propensity(along, design, score, information)
    counted = rows - takes + adds
    if np.linalg.eigvalsh(counted)[0] < -1e-10 * max(float(np.trace(rows)), 1e-300):
        return rows + adds, ("the estimated propensity would take more variance than there is; it takes none",)
    return counted, ("the variance counts that the propensity is estimated",)


def _kish(weight: Floats) -> float:
    return max(float(weight.sum() ** 2 / np.sum(weight**2)) - 1.0, 1.0) if len(weight) else 1.0
