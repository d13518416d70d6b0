"""What a training would be worth before it starts: its planned exposure, and the effect that would pay for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attribution.core.panel import Direction
from attribution.errors import MethodError
from attribution.finance.benefits import BenefitPlan


def planned_benefits(
    starts: Sequence[tuple[int, float]],
    *,
    followup: Sequence[int],
    value: float,
    log: bool = False,
    direction: Direction = "higher",
    rolls_out: bool = False,
    washout: int = 0,
    horizon: int | None = None,
) -> BenefitPlan:
    """Return how the effect of a planned training becomes money, as the estimate of it will be priced.

    `starts` holds, for each planned start, its period and the units that start there; `followup` the periods of the
    follow-up. Where all are compared on two windows, every trained unit counts in every period of the follow-up; where
    training `rolls_out` in waves, a unit counts from `washout` periods after its own start to the end. `value` is the
    money of one KPI unit of improvement per unit and period, with `log` of the whole untrained level; `horizon` counts
    the first so many periods. Raises `MethodError` where nobody is trained in any of the periods.

    Examples
    --------
    >>> planned_benefits([(4, 10.0), (6, 20.0)], followup=[4, 5, 6, 7], value=30.0, rolls_out=True).exposure
    (10.0, 10.0, 30.0, 30.0)
    >>> planned_benefits([(4, 10.0), (6, 20.0)], followup=[6, 7], value=30.0).exposure
    (30.0, 30.0)
    """
    if not (np.isfinite(value) and value > 0):
        raise MethodError(f"value is {value}", where="benefit", remedy="give a finite number above 0")
    units = float(sum(count for _, count in starts))
    if rolls_out:
        periods = range(min(followup, default=0), max(followup, default=-1) + 1)
        counted = [float(sum(n for start, n in starts if start + washout <= period)) for period in periods]
        exposure = tuple(one for one in counted if one > 0)
    else:
        exposure = (units,) * len(followup)
    exposure = exposure if horizon is None else exposure[:horizon]
    if not sum(exposure) > 0:
        raise MethodError(
            "nobody is trained in any period of the follow-up",
            where="benefit",
            remedy="follow up until after the first start of training",
        )
    return BenefitPlan(value, log, direction, round(units), exposure)


def break_even(plan: BenefitPlan, cost: float) -> float:
    """Return the improvement, in KPI units, whose benefit is the cost; infinite where none can be worth it.

    Examples
    --------
    >>> break_even(planned_benefits([(2, 50.0)], followup=[2, 3], value=10.0, direction="lower"), 500.0)
    0.5
    """
    effect = plan.sign * float(plan.effect_worth(np.array(cost)))
    return effect if np.isfinite(effect) else float("inf")


def worth(plan: BenefitPlan, improvement: float) -> float:
    """Return the benefit of an improvement, in KPI units, over the planned units and periods.

    Examples
    --------
    >>> worth(planned_benefits([(2, 50.0)], followup=[2, 3], value=10.0, direction="lower"), 0.5)
    500.0
    """
    return float(plan.attributed(np.array(plan.sign * improvement)))
