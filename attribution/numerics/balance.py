"""How far apart two weighted samples are: standardised differences, variance ratios, distances of distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Denominator = Literal["trained", "pooled", "weighted"]
"""Whose standard deviation a difference is measured in: the trained's, the root of the mean of both arms' variances, or
that of all units under the cohort's weights."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One variable in two samples: means, and how far apart they are; NaN where a number does not exist.

    `smd` is the difference of means in standard deviations, `variance_ratio` trained to control and `cox` the log odds
    ratio / 1.65, the first for variables of more than two values, the second for 0 and 1. `ks` is the largest distance
    of the two weighted distribution functions, `ecdf` their mean distance over the values that occur.
    """

    trained: float
    control: float
    smd: float
    variance_ratio: float
    cox: float
    ks: float
    ecdf: float


def is_binary(values: Floats) -> bool:
    """Return whether at most two values occur."""
    return len(values) > 0 and bool(((values == values.min()) | (values == values.max())).all())


def spread(values: Floats, weights: Floats, *, binary: bool) -> float:
    """Return the weighted variance, Σw(x − m)² / (Σw − Σw²/Σw); of two values p(1 − p) times their distance squared.

    NaN for fewer than two units with a weight.

    Source: cobalt (Greifer), `col_w_sd`; the same as that of `stats::cov.wt`.
    """
    total = float(weights.sum())
    if np.count_nonzero(weights) < 2:
        return float("nan")
    away = values - _mean(values, weights, total)
    away *= away
    away *= weights
    square = float(away.sum())
    return square / total if binary else square / (total - float((weights * weights).sum()) / total)


def _mean(values: Floats, weights: Floats, total: float) -> float:
    # A product and a sum: a threaded dot of long vectors waits for cores that others use.
    return float((weights * values).sum()) / total


def contrasts(
    values: Floats, split: int, before: Floats, after: Floats, which: Denominator
) -> tuple[float, Contrast, Contrast]:
    """Return the deviation that differences of one variable are measured in, and how far apart the arms are.

    The trained are `values[:split]`, the controls the rest; `before` are the units' own weights, `after` those with the
    cohort. Where the deviation is 0, that of all units takes its place.

    Source: cobalt (Greifer), `s.d.denom`: "treated" for the ATT, "pooled" for the ATE, "weighted" for the ATO.
    """
    if not 0 < split < len(values):
        return float("nan"), _NOTHING, _NOTHING
    binary = is_binary(values)
    variances = [spread(values[arm], before[arm], binary=binary) for arm in _arms(split)]
    everybody = spread(values, before, binary=binary)
    variance = variances[0]
    if which == "weighted":
        variance = spread(values, after, binary=binary)
    elif which == "pooled":
        variance = sum(variances) / 2
    deviation = float(np.sqrt(variance if variance > 1e-16 * everybody else everybody))
    order = None if binary else np.argsort(values, kind="stable")
    first, second = (_contrast(values, split, one, deviation, order) for one in (before, after))
    return deviation, first, second


_NOTHING = Contrast(*[float("nan")] * 7)


def _arms(split: int) -> tuple[slice, slice]:
    return slice(None, split), slice(split, None)


def _contrast(
    values: Floats, split: int, weights: Floats, deviation: float, order: NDArray[np.intp] | None
) -> Contrast:
    arms = [(values[arm], weights[arm], float(weights[arm].sum())) for arm in _arms(split)]
    if not all(total > 0 for _, _, total in arms):
        return _NOTHING
    first, second = (_mean(*arm) for arm in arms)
    # Where nothing varies there is nothing to be apart in.
    smd = (first - second) / deviation if deviation > 0 else (float("nan") if first != second else 0.0)
    if order is None:
        width = float(np.ptp(values))
        apart = abs(first - second) / width if width else 0.0
        return Contrast(first, second, smd, float("nan"), _cox(first, second, values), apart, apart)
    above, below = (spread(column, weight, binary=False) for column, weight, _ in arms)
    ratio = above / below if below > 0 else float("nan")
    ks, ecdf = _distribution(values, split, weights, order)
    return Contrast(first, second, smd, ratio, float("nan"), ks, ecdf)


def _cox(first: float, second: float, values: Floats) -> float:
    """Return the Cox index; NaN unless the values are 0 and 1 and both occur in both arms."""
    if not ((values == 0) | (values == 1)).all() or not (0 < first < 1 and 0 < second < 1):
        return float("nan")
    return float((np.log(first / (1 - first)) - np.log(second / (1 - second))) / 1.65)


def _distribution(values: Floats, split: int, weights: Floats, order: NDArray[np.intp]) -> tuple[float, float]:
    """Return the largest and the mean distance of the arms' distribution functions, over the values that occur.

    Values of units without weight occur too, so that the mean before and after is over the same values.

    Source: MatchIt (Ho, Imai, King & Stuart; Greifer), eCDF statistics of `summary.matchit`.
    """
    signed = weights.copy()
    signed[:split] /= weights[:split].sum()
    signed[split:] /= -weights[split:].sum()
    last = np.append(np.diff(values[order]) != 0, True)
    distance = np.abs(np.cumsum(signed[order]))[last]
    return float(distance.max()), float(distance.mean())


def effective(weights: Floats) -> float:
    """Return Kish's effective number of units, (Σw)²/Σw²; 0 where no unit has a weight.

    Source: Kish (1965), Survey Sampling.
    """
    square = float(weights @ weights)
    return float(weights.sum()) ** 2 / square if square > 0 else 0.0
