"""Strata of units: equal rows, bins of a column, quantiles of a score, and the weights that make the arms alike there.

A stratum is a code; −1 stands for none. Weights within a stratum follow from the weights of its two arms alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int64]
Rule = Literal["sturges", "fd", "scott"]
Bins = Rule | int | Sequence[float]
"""A rule for the number of bins of equal width, that number, or the cut points themselves."""

DIGITS = 5
"""Significant digits of the values whose quartiles the Freedman–Diaconis rule takes, as R's nclass.FD."""


def equal_rows(columns: NDArray[Any]) -> Codes:
    """Return a code for each row of `columns[n, k]`: equal rows share one, numbered in the order of their values.

    Examples
    --------
    >>> import numpy as np
    >>> equal_rows(np.array([[1.0, 0.0], [0.0, 5.0], [1.0, 0.0], [1.0, -2.0]])).tolist()
    [2, 0, 2, 1]
    """
    codes = np.zeros(len(columns), dtype=np.int64)
    for column in columns.T:
        values, own = np.unique(column, return_inverse=True)
        # Numbered anew after each column, so that the product of two counts is the largest number there is.
        codes = np.unique(codes * len(values) + own, return_inverse=True)[1].astype(np.int64)
    return codes


def cut_points(values: Floats, bins: Bins) -> Floats:
    """Return the inner borders of the bins of `values[n]`, ascending; a value at a border is in the bin above it.

    A rule gives the number of bins, which are of equal width from the smallest to the largest value: `sturges`
    ⌈log₂ n + 1⌉; `scott` with a width of 3.5·s·n^(−1/3); `fd` (Freedman–Diaconis) of 2·IQR·n^(−1/3), with wider
    quantiles where the quartiles are equal, and Scott's where these are too.

    Examples
    --------
    >>> import numpy as np
    >>> cut_points(np.arange(9.0), "sturges").tolist()
    [1.6, 3.2, 4.800000000000001, 6.4]
    >>> cut_points(np.arange(9.0), 2).tolist(), cut_points(np.arange(9.0), [5, 2]).tolist()
    ([4.0], [2.0, 5.0])

    Source: Iacus, King & Porro (2012); R 4.2.2 grDevices::nclass.Sturges, nclass.scott and nclass.FD.
    """
    if isinstance(bins, str):
        count = _bin_count(values, bins)
    elif isinstance(bins, (int, np.integer)):
        count = int(bins)
    else:
        return np.unique(np.asarray(bins, dtype=float))
    low, high = float(values.min()), float(values.max())
    return np.asarray(low + np.arange(1, count) * ((high - low) / count))


def _bin_count(values: Floats, rule: Rule) -> int:
    n = len(values)
    if rule == "sturges":
        return int(np.ceil(np.log2(n) + 1))
    width = _quartile_width(values) if rule == "fd" else 0.0
    if width == 0:
        width = 3.5 * float(values.std(ddof=1)) if n > 1 else 0.0
    if width == 0:
        return 1
    if rule == "scott":
        return max(1, int(np.ceil(np.ptp(values) / (width * n ** (-1 / 3)))))
    return max(1, int(np.ceil(np.ptp(values) / width * n ** (1 / 3))))


def _quartile_width(values: Floats) -> float:
    """Return 2·IQR, or the distance of wider quantiles on the same scale where the quartiles are equal."""
    with np.errstate(divide="ignore"):
        power = np.where(values == 0, 0.0, np.floor(np.log10(np.abs(values))))
    scale = 10.0 ** (DIGITS - 1 - power)
    rounded = np.rint(values * scale) / scale
    tail, width = 0.25, 2 * float(np.diff(np.quantile(rounded, [0.25, 0.75]))[0])
    while width == 0 and tail / 2 >= 1 / 512:
        tail /= 2
        width = float(np.diff(np.quantile(rounded, [tail, 1 - tail]))[0]) / (1 - 2 * tail)
    return width


def quantile_classes(score: Floats, base: Bools, count: int) -> Codes:
    """Return codes 0 … count − 1 of classes between equally spaced quantiles of `score[base]`.

    A score at a quantile is in the class above it; scores beyond the base's range are in the first and the last class.
    Classes that nobody is in leave no gap in the codes. Quantiles interpolate between order statistics (type 7 of
    Hyndman & Fan 1996).

    Examples
    --------
    >>> import numpy as np
    >>> score = np.array([0.1, 0.2, 0.3, 0.4, 0.9])
    >>> quantile_classes(score, np.array([False, True, True, True, False]), 2).tolist()
    [0, 0, 1, 1, 1]
    """
    own = np.sort(score[base])
    # Whole numbers, so that a quantile that is a score is exactly that score.
    place, rest = np.divmod(np.arange(1, count) * (len(own) - 1), count)
    above = own[np.minimum(place + 1, len(own) - 1)]
    borders = own[place] + (rest / count) * (above - own[place])
    return equal_rows(np.searchsorted(borders, score, side="right")[:, None])


def fill_classes(codes: Codes, trained: Bools, score: Floats, least: int) -> Codes:
    """Return classes that hold `least` units of each arm: one that lacks units takes the nearest of its neighbours.

    Each arm is filled by itself, `least` times: the first empty class takes from the side where more units stand to
    spare, each counted by one over its distance in classes, from the next class there that is not empty, the unit that
    is nearest in `score`; the last of equals. The caller sees to it that each arm has `least` units for every class.

    Source: MatchIt 4.7.1, `subclass` with `min.n`.
    """
    filled, count = codes.copy(), int(codes.max()) + 1
    for arm in (trained, ~trained):
        members = np.flatnonzero(arm)
        held = np.bincount(filled[members], minlength=count)
        for _ in range(least):
            while (held == 0).any():
                lacking = int(np.argmax(held == 0))
                distance = np.arange(count) - lacking
                spare = np.maximum(held - 1, 0)
                pull = (spare[distance != 0] / distance[distance != 0]).sum()
                below = lacking == count - 1 or (lacking > 0 and pull <= 0)
                side = (distance < 0) if below else (distance > 0)
                giving = np.flatnonzero(side & (held > 0))
                giver = int(giving[-1] if below else giving[0])
                own = members[filled[members] == giver]
                edge = score[own].max() if below else score[own].min()
                filled[own[score[own] == edge][-1]] = lacking
                held[lacking] += 1
                held[giver] -= 1
            held -= 1
    return filled


def with_both_arms(codes: Codes, trained: Bools) -> Codes:
    """Return the codes with −1 for strata of one arm only, and the others numbered anew in their order."""
    count = int(codes.max(initial=-1)) + 1
    inside = codes >= 0
    both = (np.bincount(codes[inside & trained], minlength=count) > 0) & (
        np.bincount(codes[inside & ~trained], minlength=count) > 0
    )
    numbers = np.where(both, np.cumsum(both) - 1, -1)
    return np.asarray(np.where(inside, numbers[codes], -1), dtype=np.int64)


def stratum_weights(codes: Codes, trained: Bools, weight: Floats, estimand: Literal["ATT", "ATE"]) -> Floats:
    """Return the factors that give the arms the same weight in every stratum, `[n]`; 0 for who is in none.

    `weight[n]` are the units' own weights, with W_T and W_C their sums in a stratum. ATT: 1 for the trained, W_T/W_C
    for the controls, so that these stand for the trained of their stratum. ATE: (W_T + W_C)/W_T and (W_T + W_C)/W_C.
    Every stratum holds both arms.

    Examples
    --------
    >>> import numpy as np
    >>> trained = np.array([True, False, False, True, True, False])
    >>> stratum_weights(np.array([0, 0, 0, 1, 1, 1]), trained, np.ones(6), "ATT").tolist()
    [1.0, 0.5, 0.5, 1.0, 1.0, 2.0]

    Source: Cochran (1968); Stuart (2010), section 4.1.
    """
    count, inside = int(codes.max(initial=-1)) + 1, codes >= 0
    by_arm = [np.bincount(codes[inside & arm], weight[inside & arm], minlength=count) for arm in (trained, ~trained)]
    target = by_arm[0] if estimand == "ATT" else by_arm[0] + by_arm[1]
    factors = np.zeros(len(codes))
    for arm, total in zip((trained, ~trained), by_arm, strict=True):
        mine = inside & arm
        factors[mine] = target[codes[mine]] / total[codes[mine]]
    return factors
