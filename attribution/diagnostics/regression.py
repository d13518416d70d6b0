"""Regression to the mean: how far those who were picked by their KPI move back towards the others by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from attribution.core.panel import Panel
from attribution.diagnostics.kpi_table import cluster_totals
from attribution.errors import MethodError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reliability:
    """The correlation of a cluster's KPI in one period with that `lag` periods later, from `pairs` pairs of periods.

    `mean_of` is the number of periods that a baseline is the mean of, and `of_mean` the share of its deviation that is
    there again later. Spearman and Brown's formula takes the one to the other; for periods that are alike it holds
    whichever of them people were picked by.
    """

    correlation: float
    lag: int
    pairs: int
    mean_of: int

    @property
    def of_mean(self) -> float:
        """The reliability of the mean over the baseline."""
        return spearman_brown(self.correlation, self.mean_of)


def spearman_brown(reliability: float, periods: int) -> float:
    """Return the reliability of a mean over so many periods from that of one.

    >>> round(spearman_brown(0.6, 3), 4)
    0.8182

    Source: Spearman (1910); Brown (1910), British Journal of Psychology 3.
    """
    return periods * reliability / (1 + (periods - 1) * reliability)


def picked_deviation(share: float) -> float:
    """Return how many standard deviations from all the mean of a picked share lies, at either end of a normal KPI.

    >>> round(picked_deviation(0.3), 3)
    1.159

    Raises `MethodError` for a share outside (0, 1). Measured once more, untrained, they move back by (1 − reliability)
    times as much. Source: the mean of a truncated normal, φ(z)/p; Campbell & Kenny (1999), A Primer on Regression
    Artifacts.
    """
    if not 0 < share < 1:
        raise MethodError(f"share is {share!r}", where="picked_deviation", remedy="give a share between 0 and 1")
    cut = float(ndtri(share))
    return float(np.exp(-(cut**2) / 2) / np.sqrt(2 * np.pi) / share)


def reliability(panel: Panel, before: NDArray[np.int16], lag: int, inside: Bools) -> Reliability | None:
    """Return the correlation of the KPI between periods before the training, over the clusters that could be picked.

    `before` are the codes of the baseline, `inside[n_units]` who could be picked: both arms together, since those
    picked alone vary less. Clusters are what was picked, and their means move back less than a person does. The pairs
    of periods are those `lag` apart; where there is none, those as far apart as there are. None with fewer than two
    periods, or a KPI that does not vary.
    """
    codes = [int(code) for code in before]
    apart = sorted({later - first for first in codes for later in codes if later > first})
    if not apart:
        return None
    used = max(one for one in apart if one <= max(lag, apart[0]))
    weight = np.where(inside, panel.units.weight, 0.0)
    total, known = cluster_totals(panel, before, weight)
    with np.errstate(invalid="ignore"):
        table = total / known
    size = np.bincount(panel.units.cluster, weights=weight, minlength=len(table)).astype(float)
    place = {code: column for column, code in enumerate(codes)}
    found = []
    for first in codes:
        if first + used not in place:
            continue
        one = _correlation(table[:, place[first]], table[:, place[first + used]], size)
        if np.isfinite(one):
            found.append(one)
    if not found:
        return None
    return Reliability(float(np.mean(found)), used, len(found), len(codes))


def _correlation(first: Floats, later: Floats, weight: Floats) -> float:
    """Return the weighted correlation of two columns where both are known; NaN where one does not vary."""
    known = ~np.isnan(first) & ~np.isnan(later) & (weight > 0)
    if known.sum() < 3:
        return float("nan")
    w, x, y = weight[known], first[known], later[known]
    x, y = x - w @ x / w.sum(), y - w @ y / w.sum()
    spread = float(w @ x**2), float(w @ y**2)
    return float(w @ (x * y) / np.sqrt(spread[0] * spread[1])) if min(spread) > 0 else float("nan")
