"""The effect on takers: the effect of being assigned over the difference it made in who was trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from attribution.core.estimate import Estimate
from attribution.core.interval import Interval
from attribution.errors import MethodError, require_type
from attribution.numerics.ratio import fieller

if TYPE_CHECKING:
    import pandas as pd

TAKE_UP = "take_up"


@dataclass(frozen=True, slots=True, eq=False)
class TakersEffect:
    """The effect on those who are trained because they were assigned (compliers), in KPI units, with its Fieller set.

    `value` is effect / take-up. It stands for them if assignment moves the KPI through the training alone, and makes
    nobody go without who would otherwise be trained. `reason` says why the set is not bounded.
    """

    value: float
    interval: Interval
    take_up: float
    estimate: Estimate = field(repr=False)
    reason: str = ""

    def tidy(self) -> pd.DataFrame:
        """Return one row: `estimate, take_up`, then the columns of `Interval.tidy` and the `reason`."""
        frame = self.interval.tidy()
        frame.insert(0, "take_up", self.take_up)
        frame.insert(0, "estimate", self.value)
        frame["reason"] = self.reason
        return frame

    def __repr__(self) -> str:
        reason = f"; {self.reason}" if self.reason else ""
        return f"TakersEffect({self.value:.5g}, fieller {self.interval}, take-up {self.take_up:.3g}{reason})"

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(self.tidy(), caption=f"Effect on takers on {self.estimate.outcome}")


def effect_on_takers(estimate: Estimate, *, level: float = 0.95) -> TakersEffect:
    """Return the effect on takers of an analysis as assigned, effect / take-up, with its Fieller set.

    The estimand is the average effect on those whom assignment trained (the local average treatment effect), in KPI
    units. With full compliance it is the effect itself. Where the take-up is within noise of 0 the set is
    unbounded or disjoint, with the reason. Raises `MethodError` for an estimate that is not as assigned, or a level
    outside (0, 1).

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> rows = [(u, t, u % 3 + t + 2 * (u < 4) * t, 1 if u < 4 else None, int(u < 6))
    ...     for u in range(12) for t in (0, 1)]
    >>> frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start", "invited"])
    >>> panel = at.Panel.from_frame(
    ...     frame, unit="person", period="month", outcome="sales", adopted="start", assigned="invited")
    >>> takers = effect_on_takers(at.did(panel, baseline=[0], followup=[1], as_assigned=True))
    >>> round(takers.value, 12), round(takers.take_up, 3)
    (2.0, 0.667)

    Source: Imbens & Angrist (1994), Theorem 1; Fieller (1954).
    """
    require_type(estimate, Estimate, name="estimate", remedy="pass what at.did(…, as_assigned=True) returned")
    if not 0 < level < 1:
        raise MethodError(f"level is {level!r}", where="effect_on_takers", remedy="give a level between 0 and 1")
    if TAKE_UP not in estimate.terms or "effect" not in estimate.terms:
        raise MethodError(
            f"{estimate.method} was not estimated as assigned: it has no {TAKE_UP}",
            where="effect_on_takers",
            remedy="estimate it with as_assigned=True",
        )
    effect, take_up = estimate.value("effect"), estimate.value(TAKE_UP)
    if take_up == 0:
        reason = "as many were trained without being assigned as with"
        return TakersEffect(float("nan"), Interval.undefined(level=level, method="fieller"), take_up, estimate, reason)
    found = fieller(estimate.ratio_problem("effect", TAKE_UP, level))
    reason = found.reason
    around = estimate.interval(level, term=TAKE_UP)
    if np.isfinite(around.low) and 0.0 in around:
        reason = f"the take-up of {take_up:.1%} is within noise of 0: being assigned trained hardly anybody more"
    interval = Interval(found.low, found.high, level, found.kind, "fieller")
    return TakersEffect(effect / take_up, interval, take_up, estimate, reason)
