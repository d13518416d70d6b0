"""Resampling: weight matrices for the jackknife and the bootstrap, quantiles of draws, BCa."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]

BLOCK_CELLS = 2_000_000
"""Weights drawn at a time: 16 MB, whatever the number of draws or clusters."""


CACHED_CELLS, CACHED_DRAWS = 250_000, 20
"""A block of a map with many passes over draws by units: 2 MB stay in the cache, but few draws do not pay."""


def block_size(n_columns: int) -> int:
    """Return how many draws make a block; it depends on the data alone, never on the number of workers."""
    return max(1, min(256, BLOCK_CELLS // max(n_columns, 1)))


def blocks(n_draws: int, n_columns: int) -> Iterator[tuple[int, int, int]]:
    """Yield (number, start, stop) of the fixed blocks into which draws are cut."""
    yield from _cut(n_draws, block_size(n_columns))


def cached_blocks(n_draws: int, n_columns: int) -> Iterator[tuple[int, int, int]]:
    """Yield (number, start, stop) of blocks that are as small as pays, for maps that make many passes over them."""
    small = max(CACHED_DRAWS, CACHED_CELLS // max(n_columns, 1))
    yield from _cut(n_draws, min(small, block_size(n_columns)))


def _cut(n_draws: int, size: int) -> Iterator[tuple[int, int, int]]:
    for number, start in enumerate(range(0, n_draws, size)):
        yield number, start, min(start + size, n_draws)


def picked(places: NDArray[np.integer[Any]], n: int) -> NDArray[np.integer[Any]] | slice:
    """Return the index of `places` among n columns; all of them in order are a slice, which copies nothing.

    Examples
    --------
    >>> import numpy as np
    >>> picked(np.arange(3), 3), picked(np.array([0, 2]), 3)
    (slice(None, None, None), array([0, 2]))
    """
    return slice(None) if np.array_equal(places, np.arange(n)) else places


def multinomial_weights(strata: NDArray[np.int32], n_draws: int, rng: np.random.Generator) -> Floats:
    """Draw bootstrap weights `[n_draws, n_clusters]`: clusters resampled with replacement within each stratum."""
    weights = np.empty((n_draws, len(strata)))
    rows = np.arange(n_draws)[:, None]
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        size = len(members)
        # 16-bit integers are drawn twice as fast, and most strata have fewer than 65,536 clusters.
        kind = np.uint16 if size <= np.iinfo(np.uint16).max else np.uint32
        picks = rng.integers(0, size, size=(n_draws, size), dtype=kind).astype(np.intp)
        picks += rows * size
        counts = np.bincount(picks.ravel(), minlength=n_draws * size).reshape(n_draws, size)
        if members[-1] - members[0] + 1 == size:
            weights[:, members[0] : members[-1] + 1] = counts
        else:
            weights[:, members] = counts
    return weights


def delete_one_weights(n_clusters: int, members: NDArray[np.intp]) -> Iterator[Floats]:
    """Yield blocks of jackknife weights: all ones but a 0 for each member in turn."""
    for _, start, stop in blocks(len(members), n_clusters):
        weights = np.ones((stop - start, n_clusters))
        weights[np.arange(stop - start), members[start:stop]] = 0.0
        yield weights


def quantiles(draws: Floats, probabilities: Floats) -> Floats:
    """Return quantiles as order statistics at (R+1)p, interpolated on the normal scale; NaN draws are left out.

    This is the rule of R's `boot::boot.ci` (Davison & Hinkley 1997, eq. 5.8). An order outside the draws is
    the extreme draw.
    """
    kept = np.sort(draws[~np.isnan(draws)])
    count = len(kept)
    wanted = np.asarray(probabilities, dtype=float)
    if count == 0:
        return np.full(wanted.shape, np.nan)
    order = (count + 1) * wanted
    below = np.clip(np.floor(order + 1e-9), 1, count)
    above = np.clip(below + 1, 1, count)
    exact = (np.abs(order - below) < 1e-9) | (above == below) | (order < 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        at = ndtri(wanted)
        low, high = ndtri(below / (count + 1)), ndtri(above / (count + 1))
        share = np.where(exact, 0.0, (at - low) / (high - low))
    share = np.where(order > count, 0.0, share)
    index = below.astype(int) - 1
    left, right = kept[index], kept[above.astype(int) - 1]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(share == 0.0, left, left + share * (right - left)))


@dataclass(frozen=True, slots=True)
class Bca:
    """A BCa interval with its bias correction `z0` and acceleration `a`."""

    low: float
    high: float
    z0: float
    acceleration: float


def bca(draws: Floats, estimate: float, influence: Floats, level: float) -> Bca:
    """Return the bias-corrected and accelerated interval (Efron 1987) of a statistic.

    `influence[n_clusters]` in sum form over all strata gives the acceleration, Σψ³ / (6 (Σψ²)^1.5)
    (Davison & Hinkley 1997, eq. 5.22 and 5.25 for strata). NaN ends where it does not exist: no finite draw,
    every draw on one side of the estimate, or an influence of 0.
    """
    kept = draws[~np.isnan(draws)]
    nothing = Bca(np.nan, np.nan, np.nan, np.nan)
    square = float(np.sum(influence**2))
    if len(kept) == 0 or square == 0 or not np.isfinite(square):
        return nothing
    acceleration = float(np.sum(influence**3) / (6 * square**1.5))
    share = float(np.mean(kept < estimate))
    if share in (0.0, 1.0):
        return nothing
    z0 = float(ndtri(share))
    z = ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    adjusted = ndtr(z0 + (z0 + z) / (1 - acceleration * (z0 + z)))
    low, high = quantiles(kept, adjusted)
    return Bca(float(low), float(high), z0, acceleration)
