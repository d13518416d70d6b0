"""Entropy balancing: weights of a group, as near to equal as can be, whose totals are those of a target.

The dual is min Σ_g w exp(xγ) − t'γ, whose gradient is what the weighted totals lack: smooth, convex, and without a
minimum where the target lies beyond the group. It is the tilting of `logit` with a target of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.logit import SEPARATED, FitError, inverses, newton, newton_draws, products

Floats = NDArray[np.float64]


def fit_balance(columns: Floats, weight: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Return γ `[k]` with Σ w exp(xγ) x = `target[k]` over the rows of `columns[n, k]`, and the inverse Hessian.

    The first column is a constant, so that weights have the target's sum too. Columns are best of like size. Raises
    `FitError`: no weight, a target that no weights reach ("no overlap"), columns that depend on each other in the
    group, no convergence.

    Examples
    --------
    >>> import numpy as np
    >>> columns = np.column_stack([np.ones(3), [0.0, 1.0, 2.0]])
    >>> gamma, _ = fit_balance(columns, np.ones(3), np.array([3.0, 4.0]))
    >>> weights = np.exp(columns @ gamma)
    >>> (weights @ columns).round(12).tolist()
    [3.0, 4.0]

    Source: Hainmueller (2012), Entropy balancing for causal effects, Political Analysis 20(1), eq. 5 and 6.
    """
    if not (weight.sum() > 0 and target[0] / columns[0, 0] > 0):
        raise FitError("empty arm")
    start = np.zeros((1, columns.shape[1]))
    start[0, 0] = np.log(target[0] / (weight @ columns[:, 0])) / columns[0, 0]
    found, last = newton(columns, weight[None], target[None], start, "tilting")
    if np.isnan(found).any():
        spread = columns @ last[0]
        if not np.isfinite(spread).all() or np.ptp(spread[weight > 0]) > SEPARATED:
            raise FitError("no overlap")
        hessian = products(columns, (weight * np.exp(spread))[None])
        raise FitError("singular" if np.isnan(inverses(hessian)).any() else "not converged")
    inverse = inverses(products(columns, (weight * np.exp(columns @ found[0]))[None]))[0]
    if np.isnan(inverse).any():
        raise FitError("singular")
    return found[0], inverse


def fit_balance_draws(columns: Floats, weights: Floats, targets: Floats, start: Floats) -> Floats:
    """Return γ `[n_draws, k]` under `weights[n_draws, n]` for `targets[n_draws, k]`; NaN where a draw has no fit.

    `start[k]` is the fit at weights of one draw. Some arrays of the size of `weights` are made: the caller cuts draws
    into blocks.
    """
    usable = (weights.sum(axis=1) > 0) & (targets[:, 0] / columns[0, 0] > 0)
    return newton_draws(columns, weights, targets, "tilting", start, usable)
