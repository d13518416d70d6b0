"""What an effect is worth: the value of one unit and period, on the linear and on the log scale, by exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Estimate
from attribution.core.panel import Direction
from attribution.errors import MethodError

Floats = NDArray[np.float64]

PRICED = ("ATT", "ITT")
"""The estimands that are priced: the effect on the trained, and on those offered the training (times the offered)."""


@dataclass(frozen=True, slots=True)
class BenefitPlan:
    """How an effect becomes money: value per unit and period, units represented, and how many of them in each period.

    With `log=False`, `value` is the money of one KPI unit of improvement; with `log=True` it is the money of the whole
    untrained level of the KPI, of which an effect τ moves the fraction exp(τ) − 1. `exposure` holds, for each
    measured period, the units in which training counts: all `units` where they began together, more and more of
    them in a rollout. The effect is the mean over these unit-periods and prices each of them alike.
    """

    value: float
    log: bool
    direction: Direction
    units: int
    exposure: tuple[float, ...]

    @property
    def sign(self) -> float:
        """+1 where a higher KPI is better, −1 where a lower one is."""
        return 1.0 if self.direction == "higher" else -1.0

    @property
    def periods(self) -> int:
        """The number of measured periods that are priced."""
        return len(self.exposure)

    @property
    def unit_periods(self) -> float:
        """The number of units times the periods that each of them is priced for."""
        return float(sum(self.exposure))

    @property
    def rolls_out(self) -> bool:
        """Say whether the number of units in training differs from period to period, or from the units represented."""
        return any(one != self.units for one in self.exposure)

    def per_unit(self, effect: Floats) -> Floats:
        """Return the benefit of one unit in one period, for each effect in KPI units."""
        relative = np.expm1(effect) if self.log else np.asarray(effect)
        return np.asarray(self.sign * relative * self.value)

    def per_period(self, effect: Floats) -> Floats:
        """Return the benefit by period, `[…, n_periods]`, for each effect in KPI units."""
        return np.asarray(self.per_unit(effect)[..., None] * np.array(self.exposure, dtype=float))

    def attributed(self, effect: Floats) -> Floats:
        """Return the benefit over all measured periods, for each effect in KPI units."""
        return self.per_unit(effect) * self.unit_periods

    def present(self, effect: Floats, rate: float) -> Floats:
        """Return the benefit discounted at a rate per period, each period's benefit falling at its end."""
        discount = (1 + rate) ** -np.arange(1.0, self.periods + 1)
        return self.per_unit(effect) * float(np.array(self.exposure, dtype=float) @ discount)

    def payback(self, effect: Floats, cost: Floats) -> Floats:
        """Return the periods until the benefit so far covers the cost; infinite where the measured ones never do.

        Within a period the benefit comes evenly. Nothing is projected beyond the measured periods.
        """
        each = self.per_unit(effect)
        covered = self.attributed(effect) >= cost
        with np.errstate(divide="ignore", invalid="ignore"):
            needed = np.where(covered, np.asarray(cost) / each, np.nan)
        units = np.array(self.exposure, dtype=float)
        reached = np.cumsum(units)
        # Division and multiplication may part by a rounding at the very last period.
        place = np.minimum(np.searchsorted(reached, needed, side="left"), self.periods - 1)
        return np.where(covered, place + (needed - (reached - units)[place]) / units[place], np.inf)

    def effect_worth(self, money: Floats) -> Floats:
        """Return the effect in KPI units whose benefit is `money`; NaN where no effect can be worth that much.

        A lower-is-better KPI on the log scale cannot fall by more than all of it.
        """
        relative = np.asarray(money) / (self.value * self.unit_periods)
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
    `value_of_untrained_level` instead. Priced are the unit-periods that the effect is a mean over: the trained units
    of each follow-up period. `represented` extends them in proportion to that many units in all; `periods` counts the
    first so many of the follow-up's. Where all trained count in every period, `periods` may also be more than
    were measured; where training rolled out that would be a projection and is refused.

    An effect on those offered the training (ITT) is priced for all who were offered it.
    """
    if "effect" not in estimate.terms:
        raise MethodError(
            f"{estimate.method} has no effect to price",
            where="benefit",
            remedy="price an estimate with a comparison, such as did",
        )
    if estimate.estimand not in PRICED:
        raise MethodError(
            f"the estimand is {estimate.estimand}, not the effect on the trained",
            where="benefit",
            remedy="price an estimate of the ATT (or of the ITT): costs are those of the trained",
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
    value, flow = float(given[wanted] or 0.0), estimate.n
    units = flow.trained.units if represented is None else represented
    horizon = len(flow.followup) if periods is None else periods
    for name, number in ((wanted, value), ("represented", units), ("periods", horizon)):
        if not np.isfinite(number) or number <= 0:
            raise MethodError(f"{name} is {number}", where="benefit", remedy="give a finite number above 0")
    if not flow.exposure:
        return BenefitPlan(value, log, estimate.direction, units, (units,) * horizon)
    if horizon > len(flow.exposure):
        raise MethodError(
            f"periods is {horizon}, and training rolled out over {len(flow.exposure)} measured periods",
            where="benefit",
            remedy=f"count at most {len(flow.exposure)}: how many would be in training afterwards is not measured",
        )
    extended = units / flow.trained.units
    exposure = tuple(one if extended == 1 else one * extended for one in flow.exposure[:horizon])
    return BenefitPlan(value, log, estimate.direction, units, exposure)
