"""Variance of a map of weights: one layer per stratum, degrees of freedom of any contrast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.resample import delete_one_weights

Floats = NDArray[np.float64]
Map = Callable[[Floats], Floats]

JACKKNIFE_LIMIT = 100
"""Strata of up to this many clusters take the delete-one-cluster jackknife, larger ones the influence."""


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Covariance `[n_strata, n_terms, n_terms]`, summed over strata for any contrast, and each stratum's df."""

    covariance: Floats
    df: Floats


def cluster_sums(rows: Floats, clusters: NDArray[np.integer[Any]], n_clusters: int) -> Floats:
    """Return `rows[n_rows, n_terms]` summed within cluster; rows with code −1 do not enter."""
    inside = clusters >= 0
    codes = clusters[inside]
    return np.stack([np.bincount(codes, weights=column[inside], minlength=n_clusters) for column in rows.T], axis=1)


def stratified(
    replay: Map,
    values: Floats,
    influence: Floats,
    strata: NDArray[np.int32],
    cluster_weight: Floats,
    *,
    center: bool = False,
    limit: int = JACKKNIFE_LIMIT,
) -> Layers:
    """Return the default variance: per stratum the cluster jackknife (CV3), or the influence for a large stratum.

    `influence[n_clusters, n_terms]` in sum form, `cluster_weight[n_clusters]` the summed unit weights. A
    stratum of one cluster has no variance: NaN. With `center`, deviations are from their mean in the
    stratum, so that what only the number of its clusters would move is no variance. `limit` is the size up to which a
    stratum takes the jackknife. Jackknife after MacKinnon, Nielsen & Webb (2023); df are Kish's effective number of
    clusters less one, at least 1.
    """
    n_strata, n_terms = int(strata.max()) + 1, len(values)
    covariance = np.full((n_strata, n_terms, n_terms), np.nan)
    df = np.ones(n_strata)
    for stratum in range(n_strata):
        members = np.flatnonzero(strata == stratum)
        size = len(members)
        weight = cluster_weight[members]
        df[stratum] = max(float(weight.sum() ** 2 / np.sum(weight**2)) - 1.0, 1.0)
        if size == 1:
            continue
        if size <= limit:
            left_out = np.concatenate([replay(block) for block in delete_one_weights(len(strata), members)])
            deviations = left_out - (left_out.mean(axis=0) if center else values)
            covariance[stratum] = (size - 1) / size * deviations.T @ deviations
        else:
            moved = influence[members] - (influence[members].mean(axis=0) if center else 0.0)
            covariance[stratum] = size / (size - 1) * moved.T @ moved
    return Layers(covariance, df)


def contrast_variance(covariance: Floats, contrasts: Floats) -> Floats:
    """Return the variance of each contrast in each stratum, `[n_contrasts, n_strata]`."""
    return np.asarray(np.einsum("cj,sjk,ck->cs", contrasts, covariance, contrasts))


def welch_df(layers: Floats, df: Floats) -> Floats:
    """Return Welch–Satterthwaite degrees of freedom, (ΣV_s)² / Σ V_s²/df_s, from `layers[..., n_strata]`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(layers.sum(axis=-1) ** 2 / (layers**2 / df).sum(axis=-1))


def wishart_df(covariance: Floats, df: Floats) -> float:
    """Return the degrees of freedom of the Wishart matrix that a sum of layers `[n_strata, q, q]` is most like.

    With q = 1 they are Welch and Satterthwaite's. A Wald statistic w of q terms is then referred to
    (ν − q + 1)/(ν·q) · w against F(q, ν − q + 1): without the factor many terms are rejected far too often.

    Examples
    --------
    >>> import numpy as np
    >>> from attribution.numerics.variance import wishart_df
    >>> round(wishart_df(np.array([np.eye(3), np.eye(3)]), np.array([20.0, 20.0])), 6)
    40.0

    Source: Krishnamoorthy & Yu (2004), Modified Nel and Van der Merwe test for the multivariate Behrens–Fisher problem,
    Statistics & Probability Letters 66.
    """
    total, size = covariance.sum(axis=0), covariance.shape[1]
    parts = np.stack([np.linalg.solve(total, one) for one in covariance])
    traces = np.trace(parts, axis1=1, axis2=2) ** 2 + np.einsum("sij,sji->s", parts, parts)
    return float((size + size**2) / (traces / df).sum())
