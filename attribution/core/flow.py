"""The flow: how many entered an estimate, how many did not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ArmCount:
    """What of one arm entered: units, clusters, rows with a KPI value inside the windows, summed unit weight."""

    units: int
    clusters: int
    rows: int
    weight: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What did not enter: of which arm, why, how many units, and their rows as read.

    `units` is 0 where only rows of units that did enter were left out.
    """

    arm: str
    reason: str
    units: int
    rows: int


def left_out_by_reason(
    gone: NDArray[np.bool_],
    reasons: Sequence[tuple[str, NDArray[np.bool_]]],
    arms: NDArray[np.object_],
    rows: NDArray[np.int64],
) -> list[LeftOut]:
    """Return the units `gone`, each counted once under the first reason that holds, by the name of its arm.

    `arms[n_units]` names each unit's arm, `rows[n_units]` counts its rows; the last reason should hold for all.
    """
    found = []
    for reason, mask in reasons:
        here = gone & mask
        gone = gone & ~mask
        for arm in np.unique(arms[here].astype(str)):
            mine = here & (arms == arm)
            found.append(LeftOut(str(arm), reason, int(mine.sum()), int(rows[mine].sum())))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Share of an arm's units, measured or not, with a KPI value in each period, and the arms' largest gap."""

    periods: tuple[str, ...]
    trained: NDArray[np.float64]
    control: NDArray[np.float64]

    def largest_gap(self) -> tuple[float, str]:
        """Return the largest difference between the arms and the period it is in."""
        gaps = np.abs(self.trained - self.control)
        if not len(gaps) or np.isnan(gaps).all():
            return 0.0, ""
        worst = int(np.nanargmax(gaps))
        return float(gaps[worst]), self.periods[worst]


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Who the effect speaks for (`trained`), who they were compared with, and everyone left out.

    Rows add up: those of both arms and of `left_out` are all rows read. `trained_in_window` counts all units that
    adopted between the windows, measured or not: costs are theirs. `later` counts controls that adopt after the
    last follow-up period, by period. `composition` is the part of the main term, in KPI units, that comes from which
    comparison units were observed in which period, where these differ in level; 0 on complete windows. `exposure`
    counts the trained units of each follow-up period where training began at several dates; empty where all count in
    each.
    """

    trained: ArmCount
    control: ArmCount
    left_out: tuple[LeftOut, ...]
    baseline: tuple[str, ...]
    followup: tuple[str, ...]
    trained_in_window: int
    coverage: Coverage
    later: tuple[tuple[str, int], ...] = ()
    composition: float = 0.0
    unit: str = "unit"
    exposure: tuple[int, ...] = ()

    @property
    def unit_periods(self) -> int:
        """The number of trained units times the follow-up periods that the effect is an average over."""
        return sum(self.exposure) if self.exposure else self.trained.units * len(self.followup)

    def tidy(self) -> pd.DataFrame:
        """Return one row per arm and fate: `arm, fate, reason, units, rows`."""
        import pandas as pd

        rows = [("trained", "entered", "", self.trained.units, self.trained.rows)]
        if self.control.units:
            rows.append(("control", "entered", "", self.control.units, self.control.rows))
        rows += [(part.arm, "left out", part.reason, part.units, part.rows) for part in self.left_out]
        return pd.DataFrame(rows, columns=["arm", "fate", "reason", "units", "rows"])

    @property
    def units_left_out(self) -> int:
        """The number of units that did not enter."""
        return sum(part.units for part in self.left_out)

    def __str__(self) -> str:
        compared = f" against {self.control.units:,} not trained" if self.control.units else ""
        return f"{self.trained.units:,} trained{compared}, {self.units_left_out:,} left out"
