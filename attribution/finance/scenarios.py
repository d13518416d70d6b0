"""Corner cases: what conservative, base and optimistic would mean, without a confidence level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from attribution.core.interval import Interval
from attribution.finance.benefits import BenefitPlan
from attribution.finance.costs import CostLedger


@dataclass(frozen=True, slots=True)
class Scenario:
    """One corner case; NaN throughout where the effect has no interval to take a bound of."""

    name: Literal["conservative", "base", "optimistic"]
    effect: float
    attributed_benefit: float
    total_cost: float
    net_benefit: float
    roi: float


def scenarios(interval: Interval, effect: float, plan: BenefitPlan, costs: CostLedger) -> tuple[Scenario, ...]:
    """Return the corner cases: lower bound of the improvement with upper costs, base, and the reverse."""
    worse, better = (interval.low, interval.high) if plan.sign > 0 else (interval.high, interval.low)
    cheap, dear = costs.ends
    corners: tuple[tuple[Literal["conservative", "base", "optimistic"], float, float], ...] = (
        ("conservative", worse, dear),
        ("base", effect, costs.total),
        ("optimistic", better, cheap),
    )
    found = []
    for name, tau, cost in corners:
        benefit = float(plan.attributed(np.array(tau)))
        net = benefit - cost
        found.append(Scenario(name, tau, benefit, cost, net, net / cost if cost > 0 else float("nan")))
    return tuple(found)
