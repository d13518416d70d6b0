"""Critical values of the largest of several |t|: what makes a band hold for all terms at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtri, stdtr, stdtrit

from attribution.numerics.power import root_of

Floats = NDArray[np.float64]


def joint_levels(covariance: Floats, df: Floats, level: float, draws: int, rng: np.random.Generator) -> Floats:
    """Return the critical value of each term `[n_terms]`, so that all intervals hold at once with probability `level`.

    t_j = Z_j / √(χ²_j/df_j) with Z normal of the correlation of `covariance[n_terms, n_terms]` and the χ² of all terms
    at the same rank: the multivariate t where all df are equal. Every term gets the same pointwise level γ, the
    quantile of max_j P(|t| ≤ |t_j|), which is never below `level`: a term of few degrees of freedom does not widen the
    others. Infinite df are normal.
    """
    count = len(df)
    if count == 1:
        return np.asarray(stdtrit(df, (1 + level) / 2))
    spread = np.sqrt(np.diag(covariance))
    normal = rng.standard_normal((draws, count)) @ root_of(covariance / np.outer(spread, spread)).T
    rank = rng.random(draws)
    pointwise = np.zeros(draws)
    for common in np.unique(df):
        largest = np.abs(normal[:, df == common]).max(axis=1)
        if np.isfinite(common):
            largest /= np.sqrt(gammaincinv(common / 2, rank) * 2 / common)
        np.maximum(pointwise, 1 - 2 * stdtr(common, -largest), out=pointwise)
    gamma = max(float(np.quantile(pointwise, level)), level)
    return np.asarray(stdtrit(df, (1 + gamma) / 2))


def quartile_errors(draws: Floats) -> Floats:
    """Return the standard error of each column of draws from its quartiles, (q75 − q25) / (z75 − z25)."""
    low, high = np.quantile(draws, [0.25, 0.75], axis=0, method="inverted_cdf")
    return np.asarray((high - low) / (ndtri(0.75) - ndtri(0.25)))


def supremum_quantile(draws: Floats, errors: Floats, level: float) -> float:
    """Return the `level` quantile of max_j |draw_j| / error_j, the draws being around 0.

    Source: Callaway & Sant'Anna (2021), Difference-in-differences with multiple time periods, J. Econometrics 225,
    algorithm 1 and corollary 1.
    """
    largest: NDArray[Any] = np.abs(draws / errors).max(axis=1)
    return float(np.quantile(largest, level, method="inverted_cdf"))
