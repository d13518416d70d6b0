"""The sizes of clusters: as a panel has them, as they would be for another number, so many shared out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel

Floats = NDArray[np.float64]


def sizes_of(panel: Panel, part: NDArray[np.integer], count: int) -> Floats:
    """Return the units of each of `count` parts of a panel, `part[n_units]` being the code of each unit's, −1 for none.

    Where other people are seen in every period it is the mean of a part's periods, at least 1, and need not be whole.
    """
    sizes = np.bincount(part[part >= 0], minlength=count).astype(float)
    if panel.kind != "repeated_cross_sections":
        return sizes
    rows, length = panel.observations, len(panel.periods)
    own = part[rows.unit].astype(np.int64)
    seen = np.unique(own[own >= 0] * length + rows.period[own >= 0])
    periods = np.bincount(seen // length, minlength=count)
    return np.maximum(sizes / np.maximum(periods, 1), 1.0)


def sizes_like(sizes: Floats, count: int) -> Floats:
    """Return `count` cluster sizes, whole numbers spread as `sizes` are.

    Examples
    --------
    >>> import numpy as np
    >>> sizes_like(np.array([2.0, 4.0, 9.0]), 6).tolist()
    [2.0, 3.0, 4.0, 5.0, 7.0, 9.0]
    """
    if len(sizes) == count:
        return np.asarray(sizes, dtype=float)
    return np.maximum(np.rint(np.quantile(sizes, np.linspace(0.0, 1.0, count) if count > 1 else [0.5])), 1.0)


def shared_out(count: int, parts: int) -> tuple[int, ...]:
    """Return how many of `count` each of so many parts gets, as evenly as it goes, the first ones one more.

    Examples
    --------
    >>> shared_out(8, 3)
    (3, 3, 2)
    """
    return tuple(count // parts + (part < count % parts) for part in range(parts))
