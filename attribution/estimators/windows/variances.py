"""The variance of an estimate on two windows: the default rule, or one chosen by name for parity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Replay
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.windows.cross_sections import CrossReduction
from attribution.estimators.windows.reduce import Reduction
from attribution.numerics.variance import Layers, cluster_sums, stratified

Floats = NDArray[np.float64]
Variance = Literal["default", "classical", "HC0", "HC1", "HC2", "HC3", "CR0", "CR1", "CR1S", "CR2"]
Reduced: TypeAlias = Reduction | CrossReduction

BY_UNIT = ("classical", "HC0", "HC1", "HC2", "HC3")
BY_LEVERAGE = ("classical", "HC2", "HC3", "CR2")


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Strata of the map's columns: the arms, and `mixed` for clusters that hold both."""

    code: NDArray[np.int32]
    names: tuple[str, ...]
    cluster_weight: Floats
    notes: tuple[str, ...]


def arm_strata(reduced: Reduced, names: tuple[str, ...]) -> Strata:
    """Return each cluster's stratum: its arm, or `mixed` for clusters that hold both.

    A stratum of one cluster could not be resampled although its arm has other clusters: a lone mixed cluster joins an
    arm, that of a single cluster or else the one that holds most of its weight, and a single cluster of one arm
    joins several mixed ones.
    """
    size = reduced.sums[:, : reduced.n_arms]
    code = np.argmax(size, axis=1).astype(np.int32)
    mixed = (size > 0).sum(axis=1) > 1
    single = [index for index in range(reduced.n_arms) if (code[~mixed] == index).sum() == 1]
    notes: tuple[str, ...] = ()
    used = names[: reduced.n_arms]
    if mixed.sum() == 1:
        if len(single) == 1:
            code[mixed] = single[0]
        notes = (f"one cluster holds both arms; it is counted with the {used[int(code[np.argmax(mixed)])]} clusters",)
    elif mixed.any():
        notes = (f"{int(mixed.sum())} clusters hold both arms and are a stratum of their own",)
        for index in single:
            notes += (f"the only cluster that is all {used[index]} is counted with those that hold both arms",)
        code[mixed | np.isin(code, single)] = reduced.n_arms
        used = (*used, "mixed")
    present, dense = np.unique(code, return_inverse=True)
    return Strata(dense.astype(np.int32), tuple(used[index] for index in present), size.sum(axis=1), notes)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The map of weights with its values and influence `[n_units, n_terms]` at 1.

    `matrix` takes the levels to the terms; None where covariates adjust the effect, which levels alone do not give.
    """

    replay: Replay
    values: Floats
    influence: Floats
    matrix: Floats | None


def window_layers(
    variance: Variance, panel: Panel, reduced: Reduced, fitted: Fitted, strata: Strata, main: int
) -> Layers:
    """Return covariance layers of the terms: the default by strata, or one layer of the named variance.

    `main` is the term whose Satterthwaite df CR2 takes. Raises `MethodError` where a named variance does not apply:
    one that treats units as independent under coarser clusters, one that needs leverages on incomplete windows,
    several windows of a cross-section, or with covariates.
    """
    _require_applicable(variance, panel, reduced, fitted)
    values, terms = fitted.values, fitted.influence
    if (reduced.means > 0).sum(axis=0).min() < 2:
        # An arm of one cluster has no variance, even where that cluster shares its stratum with others.
        undefined = np.full((1, len(values), len(values)), np.nan)
        return Layers(undefined, np.ones(1))
    if variance == "default":
        by_cluster = cluster_sums(terms, reduced.clusters, reduced.n_clusters)
        return stratified(fitted.replay, values, by_cluster, strata.code, strata.cluster_weight)
    n_rows, n_means, n_clusters = int(reduced.entering.sum()), reduced.cells.shape[1], reduced.n_clusters
    with np.errstate(divide="ignore", invalid="ignore"):
        if variance in BY_UNIT:
            covariance = _by_unit(variance, reduced, fitted, n_rows - n_means)
            df = float(n_rows - n_means)
        elif variance == "CR2":
            assert fitted.matrix is not None
            covariance, df = _bias_reduced(reduced, fitted.matrix, main)
        else:
            sums = cluster_sums(terms, reduced.clusters, n_clusters)
            factor = {
                "CR0": 1.0,
                "CR1": np.float64(n_clusters) / (n_clusters - 1),
                "CR1S": np.float64(n_clusters * (n_rows - 1)) / ((n_clusters - 1) * (n_rows - n_means)),
            }[variance]
            covariance, df = factor * sums.T @ sums, float(n_clusters - 1)
    return Layers(covariance[None], np.array([max(df, 1.0)]))


def _require_applicable(variance: str, panel: Panel, reduced: Reduced, fitted: Fitted) -> None:
    if variance in BY_UNIT and reduced.n_clusters < int(reduced.entering.sum()):
        raise MethodError(
            f"variance {variance!r} takes {panel.columns.unit} as independent, but {panel.columns.cluster} is the "
            f"cluster ({int(reduced.entering.sum())} units in {reduced.n_clusters} clusters)",
            where="variance",
            remedy="use the default, 'CR1' or 'CR2', or build the panel without a cluster",
        )
    if variance == "CR2" and np.ptp(reduced.weight[reduced.entering]) > 0:
        raise MethodError(
            "variance 'CR2' needs a working model where unit weights differ, and other software does not agree on one",
            where="variance",
            remedy="use the default or 'CR1', or give all units the same weight",
        )
    if variance not in BY_LEVERAGE:
        return
    if fitted.matrix is None:
        raise MethodError(
            f"variance {variance!r} is that of a regression on arms alone, and covariates adjust the effect",
            where="variance",
            remedy="use the default, 'HC0', 'HC1' or 'CR1', which come from the influence",
        )
    if not reduced.complete:
        raise MethodError(
            f"variance {variance!r} is that of a regression on complete windows, and periods are missing",
            where="variance",
            remedy="use the default, 'HC1' or 'CR1', or give a KPI value for every period of the windows",
        )
    if isinstance(reduced, CrossReduction) and reduced.window.shape[1] > 2:
        raise MethodError(
            f"variance {variance!r} is that of a regression on two windows, and there are more means of rows here",
            where="variance",
            remedy="use the default, 'HC1' or 'CR1', or give one follow-up window and leave out as_assigned",
        )


def _by_unit(variance: str, reduced: Reduced, fitted: Fitted, residual_df: int) -> Floats:
    inside = reduced.entering
    cell, weight, size = reduced.cell[inside], reduced.weight[inside], reduced.cells.sum(axis=0)
    if variance == "classical":
        assert fitted.matrix is not None
        levels = _classical(reduced, cell, weight, size, residual_df)
        return np.asarray(fitted.matrix.T @ levels @ fitted.matrix)
    rows = fitted.influence[inside]
    leverage = (weight / size[cell])[:, None]
    scaled = {
        "HC0": rows,
        "HC1": rows * np.sqrt(np.float64(len(rows)) / residual_df),
        "HC2": rows / np.sqrt(1 - leverage),
        "HC3": rows / (1 - leverage),
    }[variance]
    return np.asarray(scaled.T @ scaled)


def _classical(reduced: Reduced, cell: NDArray[np.int8], weight: Floats, size: Floats, residual_df: int) -> Floats:
    """Return the covariance of the levels under one residual variance for all cells."""
    value = reduced.value[reduced.entering]
    value = value.reshape(len(value), -1)
    width = value.shape[1]
    pooled = np.zeros((width, width))
    for index in range(len(size)):
        values, w = value[cell == index], weight[cell == index]
        residual = values - w @ values / w.sum()
        pooled += (w * residual.T) @ residual
    levels = np.zeros((width * len(size), width * len(size)))
    for index in range(len(size)):
        block = slice(width * index, width * (index + 1))
        levels[block, block] = pooled / residual_df / size[index]
    return levels


def _bias_reduced(reduced: Reduced, matrix: Floats, main: int) -> tuple[Floats, float]:
    """Return CR2 (Bell & McCaffrey 2002) and the Satterthwaite df of the main term.

    With means of cells the adjustment matrices are scalars, (1 − c_g/N)^(-1/2) per cell, c_g the cluster's summed
    weight in it. The working model has independent units of equal variance.
    """
    cells = reduced.cells
    size = cells.sum(axis=0)
    share = cells / size
    scale = 1 / np.sqrt(1 - share)
    # On a panel the regression is of changes: levels of one arm share a cell, and the follow-up's carries its slope.
    width = len(matrix) // cells.shape[1]
    levels = cluster_sums(reduced.influence, reduced.clusters, reduced.n_clusters)
    sums = (levels * np.repeat(scale, width, axis=1)) @ matrix
    # The working covariance of the clusters' contributions to the main term is diag(d) − Σ_a z_a z_a'.
    slope = matrix[min(width - 1, 1) :: width, main]
    diagonal = (slope**2 * share / size * scale**2).sum(axis=1)
    rank_one = slope * share / np.sqrt(size) * scale
    trace = diagonal.sum() - (rank_one**2).sum()
    square = (diagonal**2).sum() - 2 * (diagonal[:, None] * rank_one**2).sum() + ((rank_one.T @ rank_one) ** 2).sum()
    return sums.T @ sums, float(trace**2 / square)
