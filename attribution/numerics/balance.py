"""How far apart two weighted samples are: standardised differences, variance ratios, distances of distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
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
    total = weights.sum()
    if np.count_nonzero(weights) < 2:
        return float("nan")
    mean = weights @ values / total
    square = float(weights @ (values - mean) ** 2)
    return square / total if binary else square / float(total - weights @ weights / total)


def denominator(values: Floats, trained: Bools, weights: Floats, after: Floats, which: Denominator) -> float:
    """Return the standard deviation that differences of one variable are measured in, before and after a cohort alike.

    `weights` are the units' own, `after` those with the cohort. Where it is 0, that of all units takes its place.

    Source: cobalt (Greifer), `s.d.denom`: "treated" for the ATT, "pooled" for the ATE, "weighted" for the ATO.
    """
    binary = is_binary(values)
    if which == "weighted":
        variance = spread(values, after, binary=binary)
    elif which == "pooled":
        variance = sum(spread(values[arm], weights[arm], binary=binary) for arm in (trained, ~trained)) / 2
    else:
        variance = spread(values[trained], weights[trained], binary=binary)
    everybody = spread(values, weights, binary=binary)
    if not variance > 1e-16 * everybody:
        variance = everybody
    return float(np.sqrt(variance))


def contrast(values: Floats, trained: Bools, weights: Floats, deviation: float) -> Contrast:
    """Return how far apart one variable is in the trained and the controls, in standard deviations `deviation`."""
    arms = [(values[arm], weights[arm]) for arm in (trained, ~trained)]
    if not all(weight.sum() > 0 for _, weight in arms):
        return Contrast(*[float("nan")] * 7)
    first, second = (float(weight @ column / weight.sum()) for column, weight in arms)
    binary = is_binary(values)
    # Where nothing varies there is nothing to be apart in.
    smd = (first - second) / deviation if deviation > 0 else (float("nan") if first != second else 0.0)
    ks, ecdf = _distribution(values, trained, weights)
    return Contrast(first, second, smd, _ratio(arms, binary), _cox(first, second, values), ks, ecdf)


def _ratio(arms: list[tuple[Floats, Floats]], binary: bool) -> float:
    if binary:
        return float("nan")
    above, below = (spread(column, weight, binary=False) for column, weight in arms)
    return above / below if below > 0 else float("nan")


def _cox(first: float, second: float, values: Floats) -> float:
    """Return the Cox index; NaN unless the values are 0 and 1 and both occur in both arms."""
    if not ((values == 0) | (values == 1)).all() or not (0 < first < 1 and 0 < second < 1):
        return float("nan")
    return float((np.log(first / (1 - first)) - np.log(second / (1 - second))) / 1.65)


def _distribution(values: Floats, trained: Bools, weights: Floats) -> tuple[float, float]:
    """Return the largest and the mean distance of the arms' distribution functions, over the values that occur.

    Values of units without weight occur too, so that the mean before and after is over the same values.

    Source: MatchIt (Ho, Imai, King & Stuart; Greifer), eCDF statistics of `summary.matchit`.
    """
    signed = np.where(trained, weights / weights[trained].sum(), -weights / weights[~trained].sum())
    if is_binary(values):
        apart = abs(float(signed[values == values.max()].sum()))
        return apart, apart
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    last = np.append(np.diff(ordered) != 0, True)
    distance = np.abs(np.cumsum(signed[order]))[last]
    return float(distance.max()), float(distance.mean())


def effective(weights: Floats) -> float:
    """Return Kish's effective number of units, (Σw)²/Σw²; 0 where no unit has a weight.

    Source: Kish (1965), Survey Sampling.
    """
    square = float(weights @ weights)
    return float(weights.sum()) ** 2 / square if square > 0 else 0.0
