"""Corner cases: the worse end of the effect with the dearer costs, and the reverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import attribution as at
from attribution.core.interval import Interval
from attribution.finance.benefits import BenefitPlan
from attribution.finance.scenarios import scenarios

COSTS = at.cost_ledger([at.CostLine("license", 1_000.0, low=800.0, high=1_500.0)], currency="USD")


def interval(low: float, high: float) -> Interval:
    return Interval(low, high, 0.95, "bounded", "default")


@pytest.mark.parametrize(("direction", "ends"), [("higher", (1.0, 3.0)), ("lower", (-3.0, -1.0))])
def test_corners(direction: Any, ends: tuple[float, float]) -> None:
    sign = 1 if direction == "higher" else -1
    plan = BenefitPlan(100.0, False, direction, 10, (10,))
    conservative, base, optimistic = scenarios(interval(*ends), sign * 2.0, plan, COSTS)
    assert [one.name for one in (conservative, base, optimistic)] == ["conservative", "base", "optimistic"]
    assert [one.effect for one in (conservative, base, optimistic)] == [sign * 1.0, sign * 2.0, sign * 3.0]
    assert [one.attributed_benefit for one in (conservative, base, optimistic)] == [1_000.0, 2_000.0, 3_000.0]
    assert [one.total_cost for one in (conservative, base, optimistic)] == [1_500.0, 1_000.0, 800.0]
    assert [one.net_benefit for one in (conservative, base, optimistic)] == [-500.0, 1_000.0, 2_200.0]
    assert [one.roi for one in (conservative, base, optimistic)] == pytest.approx([-1 / 3, 1.0, 2.75])


def test_without_an_interval_only_the_base_is_there() -> None:
    plan = BenefitPlan(100.0, False, "higher", 10, (10,))
    conservative, base, optimistic = scenarios(Interval.undefined(level=0.95, method="default"), 2.0, plan, COSTS)
    assert base.net_benefit == 1_000.0
    assert np.isnan([conservative.net_benefit, conservative.roi, optimistic.net_benefit, optimistic.roi]).all()


def test_costs_that_may_be_nothing_have_no_optimistic_roi() -> None:
    costs = at.cost_ledger([at.CostLine("license", 1_000.0, low=0.0)], currency="USD")
    optimistic = scenarios(interval(1, 3), 2.0, BenefitPlan(100.0, False, "higher", 10, (10,)), costs)[2]
    assert optimistic.net_benefit == 3_000.0
    assert np.isnan(optimistic.roi)
