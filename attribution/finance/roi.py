"""Return on investment from joint draws of effect and cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError, require_type
from attribution.finance.benefits import BenefitPlan, benefit_plan
from attribution.finance.costs import CostLedger
from attribution.finance.scenarios import Scenario, scenarios
from attribution.inference.factor import AttributionFactor

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

UNDEFINED = "the standard error is undefined: a point without an interval"

QUANTITIES = (
    "attributed_benefit",
    "total_cost",
    "net_benefit",
    "roi",
    "bcr",
    "payback_periods",
    "npv",
    "break_even_effect",
    "break_even_factor",
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with the ends of its interval from joint draws; NaN with a `reason` where there is none."""

    estimate: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Roi:
    """What the effect returned: measured benefit only, in `currency`, each with its interval at `level`.

    ROI is net benefit / total cost, BCR is ROI + 1. Probabilities are shares of calibrated draws. The benefit is that
    of `plan.units` units the estimate represents, in the periods since each began (`plan.exposure`); the costs are
    those of all `trained_in_window`.
    """

    attributed_benefit: Amount
    total_cost: Amount
    net_benefit: Amount
    roi: Amount
    bcr: Amount
    payback_periods: Amount
    npv: Amount
    break_even_effect: Amount
    break_even_factor: Amount
    probability_net_positive: float
    probability_above_hurdle: float
    scenarios: tuple[Scenario, ...]
    currency: str
    level: float
    hurdle: float
    discount_rate: float
    plan: BenefitPlan
    trained_in_window: int
    costs: CostLedger = field(repr=False)
    benefit_draws: Floats | None = field(repr=False)
    cost_draws: Floats | None = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """Return one row per quantity: `quantity, estimate, low, high, reason`."""
        import pandas as pd

        rows = []
        for name in QUANTITIES:
            amount: Amount = getattr(self, name)
            rows.append((name, amount.estimate, amount.low, amount.high, amount.reason))
        return pd.DataFrame(rows, columns=["quantity", "estimate", "low", "high", "reason"])

    def __repr__(self) -> str:
        net, ratio = self.net_benefit, self.roi
        if self.benefit_draws is None:
            return f"Roi(net benefit {net.estimate:,.0f} {self.currency}, ROI {ratio.estimate:.1%}, no interval)"
        return (
            f"Roi(net benefit {net.estimate:,.0f} {self.currency} [{net.low:,.0f}, {net.high:,.0f}], "
            f"ROI {ratio.estimate:.1%} [{ratio.low:.1%}, {ratio.high:.1%}])"
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(
            self.tidy(), caption=f"Return in {self.currency}, {100 * self.level:.10g}% intervals from joint draws"
        )


def returns(benefit: Floats, cost: Floats) -> tuple[Floats, Floats, Floats]:
    """Return net benefit, ROI and BCR: benefit − cost, net / cost, and ROI + 1. The cost is subtracted once.

    Examples
    --------
    >>> import numpy as np
    >>> from attribution.finance.roi import returns
    >>> [round(float(one), 3) for one in returns(np.array(600_000.0), np.array(550_000.0))]
    [50000.0, 0.091, 1.091]

    Source: Phillips & Phillips (2016), Handbook of Training Evaluation, ROI = net program benefits / program costs.
    """
    net = np.asarray(benefit - cost)
    ratio = net / cost
    return net, ratio, ratio + 1


def roi(
    factor: AttributionFactor,
    *,
    costs: CostLedger,
    value_per_unit: float | None = None,
    value_of_untrained_level: float | None = None,
    represented: int | None = None,
    periods: int | None = None,
    hurdle: float = 0.0,
    discount_rate: float = 0.0,
) -> Roi:
    """Return benefit, net benefit, ROI, payback, NPV and break-even from the draws of the effect and of the costs.

    `value_per_unit` is the money of one KPI unit of improvement per trained unit and period (on the log scale:
    `value_of_untrained_level`). Priced are the trained unit-periods that the effect is a mean over; `represented`
    extends them to so many units, `periods` counts the first so many follow-up periods, at the same mean effect.
    `discount_rate` is per period; costs fall at the start, benefits at the end of each period. Intervals are quantiles
    of joint draws at the factor's level; without draws (an undefined standard error) money is a point without an
    interval. The share need not be estimable: share × change is the effect.

    Raises `MethodError` where there is no effect to price, its estimand is neither the effect on the trained nor on
    those offered the training, or more periods are asked for than a rollout was measured in.

    Examples
    --------
    >>> import attribution as at
    >>> panel = at.Panel.from_frame(at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap",
    ...     trained="grant", direction="lower", scale="log")
    >>> factor = at.attribution_factor(at.did(panel, baseline=[1987], followup=[1988]), seed=7)
    >>> ledger = at.cost_ledger({"license": 100_000, "learner_time": 50_000}, currency="USD")
    >>> round(at.roi(factor, costs=ledger, value_of_untrained_level=60_000).net_benefit.estimate)
    159751
    """
    require_type(factor, AttributionFactor, name="factor", remedy="wrap the estimate: at.attribution_factor(estimate)")
    if factor.part:
        raise MethodError(
            f"the share is that of the part {factor.part!r}, and money is of the overall effect",
            where="roi",
            remedy="price the whole: at.attribution_factor(estimate) without part=",
        )
    require_type(
        costs, CostLedger, name="costs", remedy="build a ledger: at.cost_ledger({'content': 1000}, currency='USD')"
    )
    plan = benefit_plan(
        factor.estimate,
        value_per_unit=value_per_unit,
        value_of_untrained_level=value_of_untrained_level,
        represented=represented,
        periods=periods,
    )
    if not (np.isfinite(hurdle) and np.isfinite(discount_rate) and discount_rate > -1):
        raise MethodError(
            f"hurdle {hurdle}, discount rate {discount_rate}",
            where="roi",
            remedy="give finite numbers, the discount rate per period and above −1",
        )
    level = factor.interval.level
    effect = factor.estimate.value("effect")
    change = factor.estimate.value("change") if "change" in factor.estimate.terms else float("nan")
    point = _quantities(plan, np.array([effect]), np.array([costs.total]), np.array([change]), discount_rate)
    draws = factor.draws
    few = ""
    if draws is not None and (len(draws) + 1) * (1 - level) / 2 < 1:
        few = f"{len(draws)} draws are too few for an interval at {100 * level:.10g}%: a point without one"
    if draws is None or few:
        spread: dict[str, Floats] | None = None
        benefit_draws = cost_draws = None
    else:
        cost_draws = costs.draws(len(draws), draws.seed)
        effects = draws.term("effect")
        changes = draws.term("change") if "change" in draws.terms else np.full(len(draws), np.nan)
        spread = _quantities(plan, effects, cost_draws, changes, discount_rate)
        benefit_draws = spread["attributed_benefit"]
    reasons = _reasons(factor, "" if spread is not None else few or UNDEFINED)
    amounts = {name: _amount(name, point, spread, level, reasons) for name in QUANTITIES}
    return Roi(
        attributed_benefit=amounts["attributed_benefit"],
        total_cost=amounts["total_cost"],
        net_benefit=amounts["net_benefit"],
        roi=amounts["roi"],
        bcr=amounts["bcr"],
        payback_periods=amounts["payback_periods"],
        npv=amounts["npv"],
        break_even_effect=amounts["break_even_effect"],
        break_even_factor=amounts["break_even_factor"],
        probability_net_positive=float("nan") if spread is None else float(np.mean(spread["net_benefit"] > 0)),
        probability_above_hurdle=float("nan") if spread is None else float(np.mean(spread["roi"] > hurdle)),
        scenarios=scenarios(factor.estimate.interval(level, term="effect"), effect, plan, costs),
        currency=costs.currency,
        level=level,
        hurdle=hurdle,
        discount_rate=discount_rate,
        plan=plan,
        trained_in_window=factor.estimate.n.trained_in_window,
        costs=costs,
        benefit_draws=benefit_draws,
        cost_draws=cost_draws,
    )


def _quantities(plan: BenefitPlan, effect: Floats, cost: Floats, change: Floats, rate: float) -> dict[str, Floats]:
    benefit = plan.attributed(effect)
    net, ratio, bcr = returns(benefit, cost)
    break_even = plan.effect_worth(cost)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A change that is no improvement cannot break even at any share, which is beyond every large one.
        factor = np.where(plan.sign * change > 0, break_even / change, np.inf)
    return {
        "attributed_benefit": benefit,
        "total_cost": cost,
        "net_benefit": net,
        "roi": ratio,
        "bcr": bcr,
        "payback_periods": plan.payback(effect, cost),
        "npv": plan.present(effect, rate) - cost,
        "break_even_effect": break_even,
        "break_even_factor": factor,
    }


def _reasons(factor: AttributionFactor, no_interval: str) -> dict[str, str]:
    """Return, for every quantity that is not or only partly there, why."""
    reasons = {}
    if no_interval:
        reasons = dict.fromkeys(QUANTITIES, no_interval)
        reasons["total_cost"] = ""
    _, change = factor.improvement
    if not factor.estimable:
        reasons["break_even_factor"] = f"share not estimable: {factor.reason}"
    elif not change > 0:
        reasons["break_even_factor"] = "the observed change is not an improvement"
    return reasons


def _amount(
    name: str, point: dict[str, Floats], spread: dict[str, Floats] | None, level: float, reasons: dict[str, str]
) -> Amount:
    estimate, reason = float(point[name][0]), reasons.get(name, "")
    if name == "break_even_factor" and reason:
        return Amount(float("nan"), float("nan"), float("nan"), reason)
    if name == "payback_periods" and np.isinf(estimate):
        reason = "the measured benefit does not cover the cost"
        estimate = float("nan")
    if name == "break_even_effect" and np.isnan(estimate):
        return Amount(estimate, float("nan"), float("nan"), "no effect can be worth the cost")
    if spread is None:
        return Amount(estimate, float("nan"), float("nan"), reason)
    values = spread[name]
    if np.isnan(values).any():
        return Amount(estimate, float("nan"), float("nan"), "in some draws no effect can be worth the cost")
    ends = np.array([(1 - level) / 2, (1 + level) / 2])
    # Interpolation would make NaN of an infinite payback; the inverse of the distribution function takes a draw itself.
    if np.isfinite(values).all():
        low, high = np.quantile(values, ends, method="weibull")
    else:
        low, high = np.quantile(values, ends, method="inverted_cdf")
    return Amount(estimate, float(low), float(high), reason)
