"""What an effect is worth: the value of one unit and period, on the linear and on the log scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Estimate
from attribution.core.panel import Direction
from attribution.errors import MethodError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BenefitPlan:
    """How an effect becomes money: value per trained unit and period, units represented, periods measured.

    With `log=False`, `value` is the money of one KPI unit of improvement; with `log=True` it is the money of the whole
    untrained level of the KPI, of which an effect τ moves the fraction exp(τ) − 1.
    """

    value: float
    log: bool
    direction: Direction
    units: int
    periods: int

    @property
    def sign(self) -> float:
        """+1 where a higher KPI is better, −1 where a lower one is."""
        return 1.0 if self.direction == "higher" else -1.0

    def per_period(self, effect: Floats) -> Floats:
        """Return the benefit of all represented units in one period, for each effect in KPI units."""
        relative = np.expm1(effect) if self.log else np.asarray(effect)
        return np.asarray(self.sign * relative * self.value * self.units)

    def attributed(self, effect: Floats) -> Floats:
        """Return the benefit over all measured periods, for each effect in KPI units."""
        return self.per_period(effect) * self.periods

    def effect_worth(self, money: Floats) -> Floats:
        """Return the effect in KPI units whose benefit is `money`; NaN where no effect can be worth that much.

        A lower-is-better KPI on the log scale cannot fall by more than all of it.
        """
        relative = np.asarray(money) / (self.value * self.units * self.periods)
        if not self.log:
            return np.asarray(self.sign * relative)
        with np.errstate(invalid="ignore", divide="ignore"):
            effect = np.log1p(self.sign * relative)
        return np.where(np.isfinite(effect), effect, np.nan)


def benefit_plan(
    estimate: Estimate,
    *,
    value_per_unit: float | None = None,
    value_of_untrained_level: float | None = None,
    represented: int | None = None,
    periods: int | None = None,
) -> BenefitPlan:
    """Return the plan that prices an estimate's effect; raises `MethodError` where it must not be priced.

    `value_per_unit` is the money of one KPI unit per trained unit and period; a KPI on the log scale takes
    `value_of_untrained_level` instead. `represented` and `periods` default to the trained units and follow-up
    periods of the estimate.
    """
    if "effect" not in estimate.terms:
        raise MethodError(
            f"{estimate.method} has no effect to price",
            where="benefit",
            remedy="price an estimate with a comparison, such as did",
        )
    if estimate.estimand != "ATT":
        raise MethodError(
            f"the estimand is {estimate.estimand}, not the effect on the trained",
            where="benefit",
            remedy="price an estimate of the ATT: costs are those of the trained",
        )
    log = estimate.scale == "log"
    wanted, other = (
        ("value_of_untrained_level", "value_per_unit") if log else ("value_per_unit", "value_of_untrained_level")
    )
    given = {"value_per_unit": value_per_unit, "value_of_untrained_level": value_of_untrained_level}
    if given[other] is not None or given[wanted] is None:
        raise MethodError(
            f"{estimate.outcome} is on the {estimate.scale} scale and takes {wanted}, not {other}",
            where="benefit",
            remedy=f"give {wanted}, the money per trained unit and period"
            + (" of the KPI's level without training" if log else " of one KPI unit"),
        )
    value = float(given[wanted] or 0.0)
    units = estimate.n.trained.units if represented is None else represented
    horizon = len(estimate.n.followup) if periods is None else periods
    for name, number in ((wanted, value), ("represented", units), ("periods", horizon)):
        if not np.isfinite(number) or number <= 0:
            raise MethodError(f"{name} is {number}", where="benefit", remedy="give a finite number above 0")
    return BenefitPlan(value, log, estimate.direction, units, horizon)
