"""The leavers: who of each arm has a KPI before the training and none after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, TRAINED, assigned_arms, two_window_arms, windows
from attribution.core.estimate import Estimate
from attribution.core.panel import NEVER, Panel
from attribution.diagnostics.baseline import ROLLOUTS
from attribution.diagnostics.comparison import kpi_mean

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Leavers:
    """Who was measured before, by arm, and who of them stayed: masks over units, and their change.

    `change[n_units]` is the mean KPI after less the mean before, NaN for who left; in a rollout, where there is no one
    window after, it is None.
    """

    trained: Bools
    control: Bools
    stayed: Bools
    change: Floats | None

    @property
    def sizes(self) -> tuple[int, int]:
        """How many were measured before: of the trained, and of the others."""
        return int(self.trained.sum()), int(self.control.sum())

    @property
    def gone(self) -> tuple[int, int]:
        """How many of them left: of the trained, and of the others."""
        return int((self.trained & ~self.stayed).sum()), int((self.control & ~self.stayed).sum())

    @property
    def rates(self) -> tuple[float, float]:
        """The share of each arm that left."""
        return self.gone[0] / self.sizes[0], self.gone[1] / self.sizes[1]


def leavers_of(panel: Panel, estimate: Estimate) -> Leavers | None:
    """Return who of both arms left; None where the panel follows nobody, or an arm has nobody measured before.

    The arms are those of the estimate before anybody is missing, without its cohort: two windows, by assignment where
    the effect is that of being assigned. In a rollout a unit has left that has no KPI in the last quarter of
    the periods since the first start.
    """
    if panel.kind != "panel" or not estimate.n.baseline or not estimate.n.control.units:
        return None
    part = panel.units.weight > 0
    if estimate.method in ROLLOUTS:
        return _of_rollout(panel, part)
    before, after = windows(panel, estimate.n.baseline, estimate.n.followup)
    if estimate.estimand == "ITT":
        code = assigned_arms(panel).code
    else:
        code = two_window_arms(panel, before, after, "not_yet").code
    first, then = kpi_mean(panel, before.codes), kpi_mean(panel, after.codes)
    part &= ~np.isnan(first)
    # Who starts in the baseline or before belongs to neither arm.
    return _checked(Leavers(part & (code == TRAINED), part & (code == CONTROL), ~np.isnan(then), then - first))


def _of_rollout(panel: Panel, part: Bools) -> Leavers | None:
    adopted, observations = panel.units.adopted, panel.observations
    starts = adopted[part & (adopted > 0) & (adopted < len(panel.periods))]
    if not len(starts):
        return None
    first, last = int(starts.min()), len(panel.periods)
    known = ~np.isnan(observations.outcome)
    unit, period = observations.unit[known], observations.period[known]
    until = np.minimum(adopted, first)
    end, count = last - max((last - first) // 4, 1), len(panel.units)
    before = np.bincount(unit[period < until[unit]], minlength=count) > 0
    stayed = np.bincount(unit[period >= end], minlength=count) > 0
    trained = part & before & (adopted > 0) & (adopted < last)
    return _checked(Leavers(trained, part & before & (adopted == NEVER), stayed, None))


def _checked(found: Leavers) -> Leavers | None:
    return found if min(found.sizes) else None
