"""Least squares over the simplex: weights that are not negative and sum to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]

PASSES = 30
"""Exchanges of the active set allowed per weight; it ends after about as many as there are positive weights."""


def simplex_least_squares(matrix: Floats, target: Floats, *, ridge: float = 0.0) -> Floats:
    """Return the weights w ≥ 0, Σw = 1 that minimise ‖matrix w − target‖² + ridge ‖w‖², exactly.

    `matrix[n_rows, n_weights]`, `target[n_rows]`. With `ridge` 0 there may be several minimisers: one of them is
    returned. Raises `RuntimeError` (of `scipy.optimize.nnls`) where the active set does not come to rest.

    On the simplex `matrix w − target` is `D w` with `D = matrix − target 1'`, so that the problem is the point of least
    norm in the hull of D's columns (with √ridge·I below D). For any s > 0 that is the direction of the non-negative
    least squares problem min ‖D x‖² + s² (Σx − 1)², x ≥ 0: writing x = t·w, the best t for a given w leaves
    s² q/(q + s²), q = ‖D w‖², which grows with q. An active-set method solves it in finitely many steps.

    >>> import numpy as np
    >>> simplex_least_squares(np.array([[0.0, 4.0, 9.0]]), np.array([1.0]), ridge=1e-9).round(6)
    array([0.75, 0.25, 0.  ])

    Source: Lawson & Hanson (1974), Solving Least Squares Problems, ch. 23; Wolfe (1976), Finding the nearest point in a
    polytope.
    """
    n_rows, n_weights = matrix.shape
    distance = matrix - target[:, None]
    scale = float(np.sqrt(np.vdot(distance, distance) / n_weights + ridge))
    if scale == 0.0:
        return np.full(n_weights, 1.0 / n_weights)
    stacked = np.zeros((n_rows + n_weights + 1 if ridge > 0 else n_rows + 1, n_weights))
    stacked[:n_rows] = distance / scale
    if ridge > 0:
        stacked[n_rows + np.arange(n_weights), np.arange(n_weights)] = np.sqrt(ridge) / scale
    stacked[-1] = 1.0
    right = np.zeros(len(stacked))
    right[-1] = 1.0
    found, _ = nnls(stacked, right, maxiter=PASSES * n_weights)
    return np.asarray(found / found.sum())
