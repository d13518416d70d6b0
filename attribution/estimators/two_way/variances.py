"""Named variances of two-way fixed effects, one layer each, for parity with other software."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.two_way.regression import TwoWay
from attribution.numerics.variance import Layers, cluster_sums

Floats = NDArray[np.float64]
NamedVariance = Literal["classical", "HC1", "CR0", "CR1", "CR1S", "CR1_nested", "CR1p", "arellano_HC1", "CR2", "CR3"]
TwoWayVariance = Literal["default", NamedVariance]

BY_ROW = ("classical", "HC1")
BY_LEVERAGE = ("CR2", "CR3")


def named_layers(
    variance: NamedVariance, panel: Panel, reduced: TwoWay, matrix: Floats, satterthwaite: int | None
) -> Layers:
    """Return the one covariance layer of a named variance, of terms that are `matrix[k, n_terms]` of the coefficients.

    N rows, G clusters, k training columns, K all parameters (units, periods, training): `classical` and `HC1` treat
    rows as independent, t(N − K). By cluster: `CR0`; `CR1` times G/(G−1); `CR1S` times (N−1)/(N−K) too; `CR1_nested`
    the same without counting units in K beyond one, as they are inside clusters (fixest's default); `CR1p` times
    G/(G−k); `arellano_HC1` times N/(N−k) (plm's vcovHC); `CR2` and `CR3` adjust residuals by leverages as clubSandwich
    does for a plm fit: CR2 by (I − H)^(-1/2) with the hat matrix of training and periods, CR3 by (I − Ḧ)^(-1) with
    that of training alone, periods and units swept out. All t(G−1), unless `satterthwaite` names the term whose
    Satterthwaite df are taken, for CR2 and CR3 always.

    Source: Bell & McCaffrey (2002); Pustejovsky & Tipton (2018), Small-sample methods for cluster-robust variance
    estimation in fixed effects models, eq. 5 and 11; Arellano (1987).
    """
    _require_applicable(variance, panel, reduced)
    fitted, n_rows, n_groups = reduced.fitted, len(reduced.unit), reduced.n_clusters
    coefficients, pseudo = fitted.at_ones()
    residual = reduced.outcome - reduced.rows_of(coefficients)
    rank = int(np.linalg.matrix_rank(pseudo, hermitian=True))
    n_training = len(coefficients) - fitted.n_periods
    n_units = int(reduced.entering.sum())
    parameters = n_units + rank
    weight = reduced.weight[reduced.unit]
    directions = pseudo @ matrix
    if variance == "classical":
        sigma = float(weight @ residual**2) / (n_rows - parameters)
        return Layers((sigma * matrix.T @ directions)[None], np.array([float(n_rows - parameters)]))
    rows = np.stack([reduced.rows_of(one) for one in directions.T], axis=1)
    if variance == "HC1":
        scored = rows * (weight * residual)[:, None]
        factor = n_rows / (n_rows - parameters)
        return Layers((factor * scored.T @ scored)[None], np.array([float(n_rows - parameters)]))
    if variance in BY_LEVERAGE:
        sums, fall = _adjusted(variance, reduced, pseudo, directions, residual)
        factor = 1.0
    else:
        sums = cluster_sums(rows * (weight * residual)[:, None], reduced.clusters[reduced.unit], n_groups)
        nested = parameters - n_units + 1
        with np.errstate(divide="ignore"):
            factor = {
                "CR0": 1.0,
                "CR1": np.float64(n_groups) / (n_groups - 1),
                "CR1S": np.float64(n_groups * (n_rows - 1)) / ((n_groups - 1) * (n_rows - parameters)),
                "CR1_nested": np.float64(n_groups * (n_rows - 1)) / ((n_groups - 1) * (n_rows - nested)),
                "CR1p": np.float64(n_groups) / (n_groups - n_training),
                "arellano_HC1": np.float64(n_rows) / (n_rows - n_training),
            }[variance]
        fall = None
        if satterthwaite is not None:
            _, fall = _adjusted("CR0", reduced, pseudo, directions, residual)
    df = float(n_groups - 1) if fall is None else float(fall[satterthwaite or 0])
    return Layers((factor * sums.T @ sums)[None], np.array([df]))


def _require_applicable(variance: str, panel: Panel, reduced: TwoWay) -> None:
    n_units = int(reduced.entering.sum())
    if variance in BY_ROW and reduced.n_clusters < n_units:
        raise MethodError(
            f"variance {variance!r} takes rows as independent, but {panel.columns.cluster} is the cluster "
            f"({n_units} units in {reduced.n_clusters} clusters)",
            where="variance",
            remedy="use the default or 'CR1', or build the panel without a cluster",
        )
    if variance in BY_LEVERAGE and np.ptp(reduced.weight[reduced.entering]) > 0:
        raise MethodError(
            f"variance {variance!r} needs a working model where unit weights differ, and software differs on it",
            where="variance",
            remedy="use the default or 'CR1', or give all units the same weight",
        )


def _adjusted(
    variance: str, reduced: TwoWay, pseudo: Floats, directions: Floats, residual: Floats
) -> tuple[Floats, Floats]:
    """Return each cluster's adjusted contribution to the terms, and the terms' Satterthwaite degrees of freedom.

    The working model has independent rows of equal variance; with P = diag(d) − HH', H[n_clusters, k], the df are
    tr(P)²/tr(P²).
    """
    n_columns, first = len(pseudo), reduced.fitted.n_periods
    root = _root(pseudo)
    # Ẍ, the training columns freed of the periods, is U p q⁻¹ with p the inverse's training columns and q their block.
    freed = pseudo[:, first:] @ np.linalg.inv(_root(pseudo[first:, first:])).T
    clusters = reduced.clusters[reduced.unit]
    order = np.argsort(clusters, kind="stable")
    bounds = np.searchsorted(clusters[order], np.arange(reduced.n_clusters + 1))
    size = float(reduced.weight[reduced.entering][0])
    n_terms = directions.shape[1]
    sums = np.zeros((reduced.n_clusters, n_terms))
    diagonal = np.zeros((reduced.n_clusters, n_terms))
    shadow = np.zeros((n_terms, reduced.n_clusters, n_columns))
    for index in range(reduced.n_clusters):
        rows = order[bounds[index] : bounds[index + 1]]
        dummies = _dummies(reduced, rows, n_columns)
        terms = dummies @ directions
        if variance == "CR2":
            half = dummies @ root
            values, vectors = np.linalg.eigh(np.eye(len(rows)) - size * half @ half.T)
            power = np.where(values > 1e-12, 1.0 / np.sqrt(np.where(values > 1e-12, values, 1.0)), 0.0)
            terms = vectors @ (power[:, None] * (vectors.T @ terms))
        elif variance == "CR3":
            half = dummies @ freed
            terms = np.asarray(np.linalg.solve(np.eye(len(rows)) - size * half @ half.T, terms), dtype=np.float64)
        terms = size * terms
        sums[index] = terms.T @ residual[rows]
        diagonal[index] = (terms**2).sum(axis=0)
        shadow[:, index] = terms.T @ dummies @ root * np.sqrt(size)
    falls = np.zeros(n_terms)
    for term in range(n_terms):
        d, h = diagonal[:, term], shadow[term]
        norms = (h**2).sum(axis=1)
        trace = d.sum() - norms.sum()
        square = (d**2).sum() - 2 * (d * norms).sum() + ((h.T @ h) ** 2).sum()
        falls[term] = trace**2 / square
    return sums, falls


def _root(matrix: Floats) -> Floats:
    """Return R with RR' = `matrix`, symmetric and positive semi-definite."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _dummies(reduced: TwoWay, rows: NDArray[np.intp], n_columns: int) -> Floats:
    """Return the dummies of some rows of whole units, less their means within the unit."""
    found = np.zeros((len(rows), n_columns))
    period, event = reduced.period[rows], reduced.event[rows]
    at = np.arange(len(rows))
    found[at[period >= 0], period[period >= 0]] = 1.0
    found[at[event >= 0], event[event >= 0] + reduced.fitted.n_periods] = 1.0
    _, unit = np.unique(reduced.unit[rows], return_inverse=True)
    mean = np.zeros((int(unit.max()) + 1, n_columns))
    np.add.at(mean, unit, found)
    return np.asarray(found - (mean / np.bincount(unit)[:, None])[unit])
