"""Bounds on an effect when more of one arm than of the other left before it could be measured (Lee 2009)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from attribution.core.interval import Interval
from attribution.errors import MethodError
from attribution.numerics.variance import cluster_sums, contrast_variance, stratified, welch_df

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class LeeBounds:
    """The least and the largest effect on those who would stay in either arm, whoever the others who stayed are.

    `trimmed` is the share of the arm with fewer leavers that is cut off at either end, `arm` its name; `std_error` are
    those of both bounds, NaN where an arm is one cluster. `stayed` is the share that stayed of each arm, the trained
    first.
    """

    low: float
    high: float
    trimmed: float
    arm: str
    stayed: tuple[float, float]
    std_error: tuple[float, float]
    df: float = field(repr=False)

    def interval(self, level: float = 0.95) -> Interval:
        """Return the set that covers the effect with this probability, wherever in the bounds it lies.

        Source: Imbens & Manski (2004), Confidence intervals for partially identified parameters, Econometrica 72, with
        the t distribution.
        """
        if not 0 < level < 1:
            raise MethodError(f"level is {level!r}", where="LeeBounds.interval", remedy="give a level between 0 and 1")
        if not np.isfinite(self.std_error).all():
            return Interval.undefined(level=level, method="lee")
        wide = (self.high - self.low) / max(self.std_error)
        one, two = (float(stdtrit(self.df, end)) for end in (level, (1 + level) / 2))
        factor = brentq(lambda c: stdtr(self.df, c + wide) - stdtr(self.df, -c) - level, one - 1e-9, two + 1e-9)
        ends = self.low - factor * self.std_error[0], self.high + factor * self.std_error[1]
        return Interval(ends[0], ends[1], level, "bounded", "lee")


def lee_bounds(
    values: Floats,
    *,
    trained: Bools,
    stayed: Bools,
    clusters: NDArray[np.integer[Any]] | None = None,
    weights: Floats | None = None,
) -> LeeBounds:
    """Return Lee's bounds on the effect on those who stay whether they are trained or not.

    `values[n]`, the KPI or its change, count where `stayed`; everybody with a weight counts in who stayed. The arm of
    which more stayed is cut at its upper or lower end until as large a share of both is left; a unit across the cut
    counts in part. Valid where the arms are alike before anybody leaves (for changes: would have changed alike), and
    training makes people leave or stay, not some the one and some the other. Standard errors are by cluster, each
    arm a stratum. Raises `MethodError` where nobody of an arm stayed.

    Examples
    --------
    >>> import numpy as np
    >>> trained = np.arange(10) < 5
    >>> stayed = np.array([True] * 4 + [False] + [True] * 2 + [False] * 3)
    >>> found = lee_bounds(np.array([1.0, 2, 3, 4, 0, 1, 1, 0, 0, 0]), trained=trained, stayed=stayed)
    >>> found.low, found.high, found.trimmed
    (0.5, 2.5, 0.5)

    Source: Lee (2009), Training, wages, and sample selection, Rev. Econ. Stud. 76, Propositions 1 and 3.
    """
    size = len(values)
    weight = np.ones(size) if weights is None else np.asarray(weights, dtype=float)
    code = np.arange(size) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    stays = stayed & (weight > 0)
    masks = trained & (weight > 0), ~trained & (weight > 0)
    if not all((mask & stays).any() for mask in masks):
        raise MethodError(
            "nobody of an arm has a value afterwards",
            where="lee_bounds",
            remedy="report who left, and claim no effect",
        )
    total = [float(weight[mask].sum()) for mask in masks]
    share = [float(weight[mask & stays].sum()) / one for mask, one in zip(masks, total, strict=True)]
    fuller = 0 if share[0] >= share[1] else 1
    other = 1 - fuller
    trimmed = 1 - share[other] / share[fuller]
    sign = 1.0 if fuller == 0 else -1.0
    kept, rest = masks[fuller] & stays, masks[other] & stays
    influence = np.zeros((size, 2))
    mean = float(weight[rest] @ values[rest] / weight[rest].sum())
    influence[rest] -= (sign * weight[rest] * (values[rest] - mean) / weight[rest].sum())[:, None]
    ends = []
    for column, upper in enumerate((False, True) if fuller == 0 else (True, False)):
        level, cut, moved = _trimmed(values[kept], weight[kept], trimmed, upper=upper)
        influence[kept, column] += sign * moved
        # How the bound moves with the share that is cut off, and that with who stayed.
        slope = sign * (level - cut) / (1 - trimmed)
        for arm, by in ((fuller, share[other] / share[fuller] ** 2), (other, -1.0 / share[fuller])):
            mask = masks[arm]
            influence[mask, column] += slope * by * weight[mask] * (stays[mask] - share[arm]) / total[arm]
        ends.append(sign * (level - mean))
    errors, df = _errors(influence, code, trained, weight, np.array(ends))
    names = ("trained", "control")
    return LeeBounds(ends[0], ends[1], trimmed, names[fuller], (share[0], share[1]), errors, df)


def _trimmed(values: Floats, weight: Floats, share: float, *, upper: bool) -> tuple[float, float, Floats]:
    """Return the mean without a share at one end, the value at the cut, and each unit's influence on the mean.

    `upper` keeps the upper end. The share is of the weight, so that a unit across the cut counts in part.
    """
    sign = -1.0 if upper else 1.0
    order = np.argsort(sign * values, kind="stable")
    ordered, w = sign * values[order], weight[order]
    keep = (1 - share) * w.sum()
    through = np.cumsum(w)
    counted = np.clip(keep - (through - w), 0.0, w)
    place = min(int(np.searchsorted(through, keep * (1 - 1e-12))), len(w) - 1)
    cut = float(ordered[place])
    mean = float(counted @ ordered / keep)
    moved = np.empty(len(w))
    # The mean of the kept is cut − E[(cut − value)+] / (1 − share): what moves the cut itself is of second order.
    moved[order] = w * (cut - np.maximum(cut - ordered, 0.0) / (1 - share) - mean) / w.sum()
    return sign * mean, sign * cut, sign * moved


def _errors(
    influence: Floats, code: NDArray[Any], trained: Bools, weight: Floats, values: Floats
) -> tuple[tuple[float, float], float]:
    count = int(code.max()) + 1
    sums = cluster_sums(influence, code, count)
    size: Floats = np.stack([np.bincount(code, weights=weight * mask, minlength=count) for mask in (trained, ~trained)])
    inside = size.sum(axis=0) > 0
    strata = (size[1] > size[0]).astype(np.int32)[inside]
    if len(np.unique(strata)) < 2:
        return (float("nan"), float("nan")), float("nan")
    layers = stratified(lambda draws: draws, values, sums[inside], strata, size.sum(axis=0)[inside], limit=1)
    variance = contrast_variance(layers.covariance, np.eye(2))
    total = variance.sum(axis=1)
    if not (total > 0).all():
        return (float("nan"), float("nan")), float("nan")
    low, high = (float(one) for one in np.sqrt(total))
    return (low, high), float(welch_df(variance, layers.df).min())
