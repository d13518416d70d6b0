"""Why a fit of two arms does not exist: a direction in which all rows lie on one side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ZERO = 1e-9
"""What a linear program leaves of a coefficient that is 0."""


def one_side(rows: Floats, *, free: int = 0) -> Floats | None:
    """Return a direction b with `rows[n, k]` @ b ≥ 0 and not all 0, in few columns; None where there is none.

    It is the one of least Σ|b| on columns scaled to a largest entry of 1, the first `free` columns not counted, so that
    columns that play no part have 0. Where it exists, no logit of the arms does (rows: the design, with its sign turned
    for one arm), and no weights reach a target (rows: the target less the units' columns).

    Examples
    --------
    >>> import numpy as np
    >>> one_side(np.array([[1.0, 2.0], [1.0, -3.0], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    >>> one_side(np.array([[1.0], [-1.0]])) is None
    True

    Source: Konis (2007), Linear programming algorithms for detecting separated data in binary logistic regression
    models, chapter 4.
    """
    from scipy.optimize import linprog

    size = np.abs(rows).max(axis=0)
    size[size == 0] = 1.0
    scaled = rows / size
    both = np.concatenate([scaled, -scaled], axis=1)
    cost = np.ones(scaled.shape[1])
    cost[:free] = 0.0
    found = linprog(
        np.concatenate([cost, cost]),
        A_ub=-both,
        b_ub=np.zeros(len(rows)),
        A_eq=both.mean(axis=0)[None],
        b_eq=np.ones(1),
        method="highs",
    )
    if found.x is None:
        return None
    plus, minus = np.split(np.asarray(found.x), 2)
    direction = plus - minus
    direction[np.abs(direction) <= ZERO * np.abs(direction).max()] = 0.0
    return np.asarray(direction / size)
