"""What a window does about periods that some units lack: each is freed of the comparison's deviation in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """One window that is not complete, of `n_periods` periods.

    `unit`, `period` are its rows (period: place in the window), `size[n_units]` a unit's observed periods. `deviation`
    is the reference arm's mean in each period less its mean over the window, `shift[n_units]` what a unit's
    window mean is freed of, `level[n_periods]` the own window level of the reference units observed in a period.
    `residual` belongs to the reference's rows `reference_unit`, `reference_period`. `sums[n_clusters, ·]` are the
    columns of the map.
    """

    n_periods: int
    unit: NDArray[np.int32]
    period: NDArray[np.intp]
    size: NDArray[np.int64]
    weight: Floats
    deviation: Floats
    level: Floats
    shift: Floats
    reference_unit: NDArray[np.int32]
    reference_period: NDArray[np.intp]
    residual: Floats
    sums: Floats
    lean: Floats

    def moved(self, lean: Floats) -> Floats:
        """Return each unit's influence on Σ_p lean_p·deviation_p, `[n_units]`."""
        centred = (lean - lean.mean())[self.reference_period]
        return np.asarray(
            self.weight * np.bincount(self.reference_unit, weights=centred * self.residual, minlength=len(self.weight))
        )

    def shares(self) -> Floats:
        """Return the share of each period in a unit's window mean, `[n_units, n_periods]`; rows sum to 1 or are 0."""
        found = np.zeros((len(self.weight), self.n_periods))
        found[self.unit, self.period] = 1.0 / self.size[self.unit]
        return found


def missing_periods(
    unit: NDArray[np.int32],
    period: NDArray[np.intp],
    outcome: Floats,
    n_periods: int,
    size: NDArray[np.int64],
    weight: Floats,
    arm: NDArray[np.int8],
    clusters: NDArray[np.int32],
    n_clusters: int,
    reference: NDArray[np.bool_],
    arm_weight: Floats,
    raw: Floats,
) -> Missing:
    """Return what the rows `unit, period, outcome` of one window say about its periods.

    `raw[n_units]` are plain window means; `reference[n_units]` the units whose common movement a period is freed of.
    `lean[n_arms, n_periods]` is how much more an arm leans on a period than on the others.
    """
    n_units = len(weight)
    compared = reference[unit]
    ru, rp, ry = unit[compared], period[compared], outcome[compared]
    cell = clusters[ru].astype(np.intp) * n_periods + rp
    cells = n_clusters * n_periods
    kpi = np.bincount(cell, weights=weight[ru] * ry, minlength=cells).reshape(n_clusters, n_periods)
    mass = np.bincount(cell, weights=weight[ru], minlength=cells).reshape(n_clusters, n_periods)
    total = mass.sum(axis=0)
    mean = kpi.sum(axis=0) / total
    deviation = mean - mean.mean()
    shift = np.bincount(unit, weights=deviation[period], minlength=n_units) / np.maximum(size, 1)
    level = np.bincount(rp, weights=weight[ru] * (raw - shift)[ru], minlength=n_periods) / total
    shares, lean = [], []
    for index in range(len(arm_weight)):
        mine = arm[unit] == index
        mu = unit[mine]
        at = clusters[mu].astype(np.intp) * n_periods + period[mine]
        share = np.bincount(at, weights=weight[mu] / size[mu], minlength=cells).reshape(n_clusters, n_periods)
        shares.append(share)
        lean.append(share.sum(axis=0) / arm_weight[index] - 1.0 / n_periods)
    return Missing(
        n_periods=n_periods,
        unit=unit,
        period=period,
        size=size,
        weight=weight,
        deviation=deviation,
        level=level,
        shift=shift,
        reference_unit=ru,
        reference_period=rp,
        residual=(ry - mean[rp]) / total[rp],
        sums=np.concatenate([*shares, kpi, mass], axis=1),
        lean=np.array(lean),
    )
