"""The variance of an estimate given covariates: the default rule, or one chosen by name for parity."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Replay
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.contrasts.effects import Compared
from attribution.estimators.windows.reduce import Reduction
from attribution.estimators.windows.variances import BY_UNIT, Strata
from attribution.numerics.common_slope import CommonSlope
from attribution.numerics.effects import Contrast
from attribution.numerics.variance import Layers, cluster_sums, stratified

Floats = NDArray[np.float64]
AdjustedVariance = Literal["default", "classical", "HC0", "HC1", "HC2", "HC3", "CR0", "CR1", "CR1S"]

OF_REGRESSION = ("classical", "HC2", "HC3")


def contrast_layers(
    variance: str,
    panel: Panel,
    reduced: Reduction,
    compared: Compared,
    *,
    replay: Replay,
    values: Floats,
    pieces: Floats,
    matrix: Floats,
    linear: Floats | None,
    strata: Strata,
) -> Layers:
    """Return covariance layers of the terms: the default by strata, or one layer of the named variance.

    `pieces[n_units, n_levels + n_effects]` is the influence of what `matrix` takes to terms; `linear[n_units, n_terms]`
    are the terms' weights of the one outcome, None where there are several. Raises `MethodError` where a named variance
    does not apply.
    """
    made = compared.effects.made
    n_rows, n_groups, k = int(reduced.entering.sum()), reduced.n_clusters, made.n_parameters
    _require_applicable(variance, panel, reduced, made, linear)
    if (reduced.means > 0).sum(axis=0).min() < 2:
        # An arm of one cluster has no variance, even where that cluster shares its stratum with others.
        return Layers(np.full((1, len(values), len(values)), np.nan), np.ones(1))
    sums = cluster_sums(pieces @ matrix, reduced.clusters, n_groups)
    if variance == "default":
        return stratified(replay, values, sums, strata.code, strata.cluster_weight)
    left = float(n_rows - k)
    with np.errstate(divide="ignore", invalid="ignore"):
        if variance == "classical":
            assert linear is not None
            inside = compared.inside
            weight = reduced.weight[inside]
            residual = made.residuals(compared.effects.outcomes.columns[:, :1])[:, 0]
            scale = float(weight @ residual**2) / left
            rows = linear[inside] / np.sqrt(weight)[:, None]
            return Layers((scale * rows.T @ rows)[None], np.array([max(left, 1.0)]))
        if variance in ("HC2", "HC3"):
            leverage = _leverage(reduced, compared, pieces.shape[1])
            rows = pieces[compared.inside] / (np.sqrt(1 - leverage) if variance == "HC2" else 1 - leverage) @ matrix
            return Layers((rows.T @ rows)[None], np.array([max(left, 1.0)]))
        factor = {
            "HC0": 1.0,
            "HC1": np.float64(n_rows) / left,
            "CR0": 1.0,
            "CR1": np.float64(n_groups) / (n_groups - 1),
            "CR1S": np.float64(n_groups * (n_rows - 1)) / ((n_groups - 1) * left),
        }[variance]
    df = left if variance in ("HC0", "HC1") else n_groups - 1.0
    return Layers((factor * sums.T @ sums)[None], np.array([max(df, 1.0)]))


def _leverage(reduced: Reduction, compared: Compared, n_pieces: int) -> Floats:
    """Return each unit's leverage in each piece: in the mean of its arm for levels, in the regression for effects."""
    inside = compared.inside
    own = reduced.weight[inside] / reduced.arm_weight[reduced.arm[inside]]
    n_effects = compared.influence.shape[1]
    levels = np.repeat(own[:, None], n_pieces - n_effects, axis=1)
    effects = np.repeat(compared.effects.made.leverage()[:, None], n_effects, axis=1)
    return np.concatenate([levels, effects], axis=1)


def _require_applicable(
    variance: str, panel: Panel, reduced: Reduction, made: Contrast | CommonSlope, linear: Floats | None
) -> None:
    n_rows = int(reduced.entering.sum())
    if variance in BY_UNIT and reduced.n_clusters < n_rows:
        raise MethodError(
            f"variance {variance!r} takes {panel.columns.unit} as independent, but {panel.columns.cluster} is the "
            f"cluster ({n_rows} units in {reduced.n_clusters} clusters)",
            where="variance",
            remedy="use the default or 'CR1', or build the panel without a cluster",
        )
    if variance not in OF_REGRESSION:
        return
    if not made.of_coefficients:
        raise MethodError(
            f"variance {variance!r} is that of a regression's coefficients alone, and more is estimated here",
            where="variance",
            remedy="use the default, 'HC1' or 'CR1', or a regression with target='sample'",
        )
    if not reduced.complete:
        raise MethodError(
            f"variance {variance!r} is that of a regression on complete windows, and periods are missing",
            where="variance",
            remedy="use the default, 'HC1' or 'CR1', or give a KPI value for every period of the windows",
        )
    if variance == "classical" and linear is None:
        raise MethodError(
            "variance 'classical' has one residual for all terms, and change and effect are of different outcomes",
            where="variance",
            remedy="use the default, 'HC2' or 'CR1'",
        )
