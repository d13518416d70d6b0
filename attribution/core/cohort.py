"""The cohort: who stands for the untrained, and with which weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


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

    def tidy(self) -> pd.DataFrame:
        """Return one row per fate: `fate, units`, those with a weight first."""
        import pandas as pd

        used = int((np.asarray(self.weights) > 0).sum())
        return pd.DataFrame([("weight above 0", used), *self.dropped], columns=["fate", "units"])

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(self.tidy(), caption=f"{self.method}, {self.estimand}")

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
