"""Benefits: what an effect is worth, with the sign of its direction and the scale of its KPI."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attribution as at
from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.finance.benefits import BenefitPlan, benefit_plan


def make(scale: Any = "linear", direction: Any = "higher") -> Estimate:
    rng = np.random.default_rng(1)
    rows = [(u, t, rng.normal(3, 1), 2 if u < 5 else None) for u in range(12) for t in range(4)]
    frame = pd.DataFrame(rows, columns=["u", "t", "sales", "start"])
    panel = at.Panel.from_frame(
        frame, unit="u", period="t", outcome="sales", adopted="start", scale=scale, direction=direction
    )
    return at.did(panel, baseline=[0, 1], followup=[2, 3])


@given(
    st.floats(-3, 3),
    st.floats(1, 1e6),
    st.booleans(),
    st.sampled_from(["higher", "lower"]),
    st.integers(1, 500),
    st.integers(1, 36),
)
def test_effect_worth_is_the_inverse_of_attributed(
    effect: float, value: float, log: bool, direction: Any, units: int, periods: int
) -> None:
    plan = BenefitPlan(value, log, direction, units, (units,) * periods)
    money = plan.attributed(np.array([effect]))
    assert plan.effect_worth(money)[0] == pytest.approx(effect, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("log", [False, True])
def test_an_improvement_is_money_in_either_direction(log: bool) -> None:
    higher, lower = (BenefitPlan(100.0, log, direction, 10, (10, 10)) for direction in ("higher", "lower"))
    better, worse = np.array([0.2]), np.array([-0.2])
    assert higher.attributed(better)[0] > 0 > higher.attributed(worse)[0]
    assert lower.attributed(worse)[0] > 0 > lower.attributed(better)[0]
    assert (higher.sign, lower.sign) == (1.0, -1.0)
    if not log:
        assert higher.attributed(better)[0] == lower.attributed(worse)[0] == pytest.approx(100 * 10 * 2 * 0.2)


def test_the_log_scale_prices_the_fraction_of_the_untrained_level() -> None:
    effect = -0.31706  # log points of scrap
    plan = BenefitPlan(60_000.0, True, "lower", 19, (19,))
    priced = float(plan.attributed(np.array(effect)))
    assert priced == pytest.approx(60_000 * 19 * (1 - np.exp(effect)))
    # Linear pricing of the log points would overstate it by 16.7%.
    assert 60_000 * 19 * -effect / priced - 1 == pytest.approx(0.167, abs=5e-4)
    higher = BenefitPlan(60_000.0, True, "higher", 19, (19,))
    assert float(higher.attributed(np.array(0.3))) == pytest.approx(60_000 * 19 * np.expm1(0.3))


def test_a_kpi_cannot_fall_by_more_than_all_of_it() -> None:
    plan = BenefitPlan(1_000.0, True, "lower", 10, (10,))
    worth = plan.effect_worth(np.array([9_999.0, 10_000.0, 20_000.0]))
    assert worth[0] == pytest.approx(np.log(0.0001))
    assert np.isnan(worth[1:]).all()


def test_a_plan_speaks_for_the_units_and_periods_of_the_estimate() -> None:
    plan = benefit_plan(make(), value_per_unit=250.0)
    assert plan == BenefitPlan(250.0, False, "higher", 5, (5, 5))
    assert benefit_plan(make(), value_per_unit=250.0, represented=9, periods=12) == BenefitPlan(
        250.0, False, "higher", 9, (9,) * 12
    )
    logs = benefit_plan(make("log", "lower"), value_of_untrained_level=60_000)
    assert (logs.log, logs.value, logs.sign) == (True, 60_000.0, -1.0)


@pytest.mark.parametrize(
    ("scale", "given_value", "wanted"),
    [
        ("linear", {}, "value_per_unit"),
        ("linear", {"value_of_untrained_level": 1.0}, "value_per_unit"),
        ("linear", {"value_per_unit": 1.0, "value_of_untrained_level": 1.0}, "value_per_unit"),
        ("log", {}, "value_of_untrained_level"),
        ("log", {"value_per_unit": 1.0}, "value_of_untrained_level"),
    ],
)
def test_the_value_must_be_that_of_the_scale(scale: str, given_value: dict[str, float], wanted: str) -> None:
    with pytest.raises(MethodError, match=f"sales is on the {scale} scale and takes {wanted}") as error:
        benefit_plan(make(scale), **given_value)
    assert f"give {wanted}" in error.value.remedy


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("value_per_unit", 0.0),
        ("value_per_unit", -250.0),
        ("value_per_unit", float("nan")),
        ("represented", 0),
        ("periods", -1),
    ],
)
def test_numbers_that_price_nothing_are_refused(option: str, value: float) -> None:
    options: dict[str, Any] = {"value_per_unit": 250.0, option: value}
    with pytest.raises(MethodError, match=f"{option} is {value}") as error:
        benefit_plan(make(), **options)
    assert (error.value.where, error.value.remedy) == ("benefit", "give a finite number above 0")


def test_without_an_effect_on_the_trained_there_is_nothing_to_price() -> None:
    with pytest.raises(MethodError, match="did has no effect to price") as error:
        benefit_plan(make().combine({"change": {"change": 1.0}}), value_per_unit=1.0)
    assert "with a comparison" in error.value.remedy
    with pytest.raises(MethodError, match="the estimand is ATE, not the effect on the trained") as error:
        benefit_plan(replace(make(), estimand="ATE"), value_per_unit=1.0)
    assert "costs are those of the trained" in error.value.remedy


EXPOSURES = st.lists(st.integers(1, 400), min_size=1, max_size=24).map(tuple)


@given(
    st.floats(-2, 2),
    st.floats(1, 1e5),
    st.booleans(),
    st.sampled_from(["higher", "lower"]),
    EXPOSURES,
    st.floats(0, 0.1),
)
def test_the_whole_is_the_sum_of_its_periods(
    effect: float, value: float, log: bool, direction: Any, exposure: tuple[int, ...], rate: float
) -> None:
    plan = BenefitPlan(value, log, direction, max(exposure), exposure)
    periods = plan.per_period(np.array([effect, -effect]))
    assert periods.shape == (2, len(exposure))
    np.testing.assert_allclose(periods.sum(axis=1), plan.attributed(np.array([effect, -effect])), rtol=1e-12)
    discounted = periods[0] @ (1 + rate) ** -np.arange(1.0, len(exposure) + 1)
    assert float(plan.present(np.array(effect), rate)) == pytest.approx(discounted, rel=1e-10, abs=1e-9)
    # Twice the units in a period are twice its benefit.
    np.testing.assert_allclose(periods[0] * exposure[0], periods[0, 0] * np.array(exposure), rtol=1e-12)


@given(
    st.floats(0.01, 2),
    st.floats(1, 1e5),
    st.booleans(),
    st.integers(1, 400),
    st.integers(1, 24),
    st.floats(0.01, 30),
    st.floats(0, 0.1),
)
def test_constant_exposure_is_units_times_periods(
    effect: float, value: float, log: bool, units: int, periods: int, times: float, rate: float
) -> None:
    plan = BenefitPlan(value, log, "higher", units, (units,) * periods)
    assert (plan.periods, plan.unit_periods, plan.rolls_out) == (periods, units * periods, False)
    each = (np.expm1(effect) if log else effect) * value * units
    tau = np.array([effect])
    assert plan.attributed(tau)[0] == pytest.approx(each * periods, rel=1e-12)
    cost = each * times
    paid_back = plan.payback(tau, np.array([cost]))[0]
    if abs(times - periods) > 1e-9 * periods:
        assert paid_back == (pytest.approx(times, rel=1e-9) if times <= periods else np.inf)
    annuity = sum((1 + rate) ** -one for one in range(1, periods + 1))
    assert plan.present(tau, rate)[0] == pytest.approx(each * annuity, rel=1e-10)
    assert plan.effect_worth(np.array([each * periods]))[0] == pytest.approx(effect, rel=1e-9)


@given(EXPOSURES, st.floats(0.01, 0.99), st.data())
def test_payback_is_where_the_benefit_so_far_meets_the_cost(
    exposure: tuple[int, ...], within: float, data: st.DataObject
) -> None:
    plan = BenefitPlan(50.0, False, "lower", max(exposure), exposure)
    period = data.draw(st.integers(0, len(exposure) - 1))
    earned = plan.per_period(np.array(-0.4))
    cost = earned[:period].sum() + within * earned[period]
    assert float(plan.payback(np.array(-0.4), np.array(cost))) == pytest.approx(period + within, rel=1e-9)
    assert float(plan.payback(np.array(-0.4), np.array(earned.sum()))) == pytest.approx(len(exposure), rel=1e-9)
    assert float(plan.payback(np.array(-0.4), np.array(earned.sum() * 1.001))) == np.inf
    assert float(plan.payback(np.array(0.4), np.array(1.0))) == np.inf


def rollout(scale: Any = "linear") -> Estimate:
    """Return an estimate of 4 units trained in period 2 and 5 in period 4, of 7; 6 are never trained."""
    rng = np.random.default_rng(2)
    start = [2] * 4 + [4] * 5 + [None] * 6
    rows = [(u, t, rng.normal(3, 1), start[u]) for u in range(15) for t in range(7)]
    frame = pd.DataFrame(rows, columns=["u", "t", "sales", "start"])
    panel = at.Panel.from_frame(frame, unit="u", period="t", outcome="sales", adopted="start", scale=scale)
    return at.staggered(panel)


def test_a_rollout_is_priced_by_the_units_in_training_in_each_period() -> None:
    plan = benefit_plan(rollout(), value_per_unit=10.0)
    assert plan == BenefitPlan(10.0, False, "higher", 9, (4, 4, 9, 9, 9))
    assert (plan.periods, plan.unit_periods, plan.rolls_out) == (5, 35, True)
    estimate = rollout()
    calendar = estimate.aggregate("calendar")
    each = [
        calendar.value(f"effect[time={time}]") * units for time, units in zip(range(2, 7), plan.exposure, strict=True)
    ]
    # The mean effect times all unit-periods is what the effects of the periods add up to.
    assert float(plan.attributed(np.array(estimate.value("effect")))) == pytest.approx(10.0 * sum(each), rel=1e-10)
    logs = benefit_plan(rollout("log"), value_of_untrained_level=100.0)
    assert float(logs.attributed(np.array(0.2))) == pytest.approx(100 * 35 * np.expm1(0.2))


def test_fewer_periods_cut_the_exposure_and_more_units_scale_it() -> None:
    assert benefit_plan(rollout(), value_per_unit=10.0, periods=3).exposure == (4, 4, 9)
    twice = benefit_plan(rollout(), value_per_unit=10.0, represented=18)
    assert (twice.units, twice.exposure) == (18, (8, 8, 18, 18, 18))
    with pytest.raises(MethodError, match="training rolled out over 5 measured periods") as error:
        benefit_plan(rollout(), value_per_unit=10.0, periods=6)
    assert "at most 5" in error.value.remedy


def test_the_effect_on_those_offered_the_training_is_priced_for_all_of_them() -> None:
    offered = benefit_plan(replace(make(), estimand="ITT"), value_per_unit=250.0)
    assert offered == benefit_plan(make(), value_per_unit=250.0)
