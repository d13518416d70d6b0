"""The cohort: who stands for the untrained, and with which weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Weights, one per unit of the panel, that make the comparison stand for the trained.

    `estimand` says whom the weighted contrast speaks for (`ATT`); `dropped` counts units by reason.
    A weight of 0 leaves the unit out. Weights are taken as fixed.
    """

    method: str
    estimand: str
    weights: NDArray[np.float64]
    dropped: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    def require_units(self, n_units: int) -> None:
        """Raise `DataError` unless there is one finite, non-negative weight per unit."""
        weights = np.asarray(self.weights)
        if weights.shape != (n_units,):
            raise DataError(
                f"the cohort has {weights.shape} weights for {n_units} units",
                where=f"cohort {self.method}",
                remedy="build the cohort from the same panel it is attached to",
            )
        bad = ~np.isfinite(weights) | (weights < 0)
        if bad.any():
            raise DataError(
                f"{int(bad.sum())} weights are negative or not finite, the first for unit {int(np.argmax(bad))}",
                where=f"cohort {self.method}",
                remedy="give a non-negative finite weight to every unit, 0 to leave one out",
            )
