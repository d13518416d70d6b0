"""Covariances over more periods than a history holds: by lag where it has them, by a fitted course of lags beyond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.power import nearest_covariance, path_covariance, sliding

Floats = NDArray[np.float64]

GRID = np.linspace(0.0, 0.99, 100)
"""What a fading part may keep of itself from one period to the next."""


@dataclass(frozen=True, slots=True)
class LagModel:
    """Covariance at a lag of k periods: lasting + fading·keeps^k, both parts at least 0."""

    lasting: float
    fading: float
    keeps: float

    def at(self, lag: Floats) -> Floats:
        """Return the covariance at each lag."""
        return np.asarray(self.lasting + self.fading * np.power(self.keeps, lag))


def over_span(
    covariance: Floats, pairs: Floats, span: int, autocorrelation: float | None = None
) -> tuple[Floats, LagModel | None, int]:
    """Return a covariance over `span` periods, the model of what the history does not hold, and its longest lag.

    `covariance[n, n]` rests on `pairs[n, n]` differences, 0 where two periods have none in common. A history of `span`
    periods or more is averaged over all windows of that length; a shorter one gives each lag the mean of its pairs,
    weighted by what they rest on. The model, fitted to the lags that there are, stands for the others; None where none
    is missing.

    Examples
    --------
    >>> found, model, longest = over_span(np.array([[4.0, 2.0], [2.0, 4.0]]), np.full((2, 2), 9.0), 3)
    >>> found[0].tolist(), model, longest
    ([4.0, 2.0, 1.0], LagModel(lasting=0.0, fading=4.0, keeps=0.5), 1)
    """
    size, known = len(covariance), pairs > 0
    if size >= span and known.all():
        return sliding(covariance, span), None, span - 1
    lag = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    weight = np.where(known, pairs, 0.0)
    total = np.bincount(lag.ravel(), weights=weight.ravel(), minlength=size)
    sums = np.bincount(lag.ravel(), weights=np.where(known, weight * np.where(known, covariance, 0.0), 0.0).ravel())
    seen = np.flatnonzero(total > 0)
    course = sums[seen] / total[seen]
    model = fit_lags(course, seen, np.asarray(total[seen], dtype=float), span, autocorrelation)
    if size >= span:
        starts = range(size - span + 1)
        blocks = np.array([np.where(known, covariance, np.nan)[s : s + span, s : s + span] for s in starts])
        held = ~np.isnan(blocks).all(axis=0)
        found = np.where(held, np.nansum(blocks, axis=0) / np.maximum((~np.isnan(blocks)).sum(axis=0), 1), np.nan)
    else:
        found = np.full((span, span), np.nan)
    ahead = np.abs(np.subtract.outer(np.arange(span), np.arange(span)))
    by_lag = model.at(ahead.astype(float))
    for one, value in zip(seen, course, strict=True):
        by_lag[ahead == one] = value
    missing = np.isnan(found)
    longest = int(seen[-1]) if len(seen) == seen[-1] + 1 else int(np.flatnonzero(np.diff(seen) > 1)[0])
    return nearest_covariance(np.where(missing, by_lag, found)), model if longest < span - 1 else None, longest


def fit_lags(
    course: Floats, lags: NDArray[np.int64], weight: Floats, span: int, autocorrelation: float | None
) -> LagModel:
    """Return the model that is nearest to the covariances `course` at `lags`, by weighted least squares.

    With lag 0 alone the correlation is `autocorrelation`, or else the least favourable one; with two lags, all that
    they share is taken to fade, which no before-after comparison profits from.
    """
    variance = float(course[0])
    if len(lags) == 1:
        keeps = least_favourable(span) if autocorrelation is None else autocorrelation
        return LagModel(0.0, variance, keeps)
    if len(lags) == 2:
        ratio = max(float(course[1]), 0.0) / variance if variance > 0 else 0.0
        return LagModel(0.0, variance, min(ratio ** (1.0 / float(lags[1])), float(GRID[-1])))
    root = np.sqrt(weight)
    best, least = LagModel(0.0, variance, 0.0), np.inf
    for keeps in GRID:
        columns = np.stack([np.ones(len(lags)), np.power(keeps, lags)], axis=1)
        parts = _nonnegative(root[:, None] * columns, root * course)
        miss = float(np.sum((root * (columns @ parts - course)) ** 2))
        if miss < least * (1.0 - 1e-12):
            best, least = LagModel(float(parts[0]), float(parts[1]), float(keeps)), miss
    return best


def _nonnegative(columns: Floats, wanted: Floats) -> Floats:
    """Return the two coefficients of at least 0 with the least squares."""
    both = np.linalg.lstsq(columns, wanted, rcond=None)[0]
    if (both >= 0).all():
        return np.asarray(both)
    candidates = []
    for one in (0, 1):
        alone = np.zeros(2)
        alone[one] = max(float(columns[:, one] @ wanted) / float(columns[:, one] @ columns[:, one]), 0.0)
        candidates.append((float(np.sum((columns @ alone - wanted) ** 2)), alone))
    return min(candidates, key=lambda found: found[0])[1]


def least_favourable(span: int) -> float:
    """Return the correlation from one period to the next at which the difference of two halves varies the most.

    Examples
    --------
    >>> round(least_favourable(2), 2), round(least_favourable(12), 2)
    (0.0, 0.72)
    """
    half = max(span // 2, 1)
    contrast = np.concatenate([np.full(half, -1.0 / half), np.full(half, 1.0 / half)])
    varies = [float(contrast @ path_covariance(1.0, float(one), 2 * half) @ contrast) for one in GRID]
    return float(GRID[int(np.argmax(varies))])
