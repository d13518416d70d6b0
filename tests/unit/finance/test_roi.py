"""Return on investment: the erratum, closed forms, and what is said where there is no number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.finance.roi import QUANTITIES, returns
from attribution.inference.factor import AttributionFactor


def hires(
    of_training: float, *, n: int = 400, days: float = 20.0, spread: float = 4.0, direction: Any = "lower"
) -> AttributionFactor:
    """Return 400 trained hires ready `days` earlier than before, `of_training` of them because of the training."""
    sign = -1.0 if direction == "lower" else 1.0
    rng = np.random.default_rng(8)
    noise = rng.normal(0, spread, (2, n))
    noise -= noise.mean(axis=1, keepdims=True)
    change = sign * np.concatenate([days + noise[0], days - of_training + noise[1]])
    before = np.full(2 * n, 90.0)
    frame = pd.DataFrame(
        {
            "hire": np.repeat(np.arange(2 * n), 2),
            "quarter": np.tile([1, 2], 2 * n),
            "days": np.stack([before, before + change], axis=1).ravel(),
            "start": np.repeat(np.where(np.arange(2 * n) < n, 2.0, np.nan), 2),
        }
    )
    panel = at.Panel.from_frame(
        frame, unit="hire", period="quarter", outcome="days", adopted="start", direction=direction
    )
    return at.attribution_factor(at.did(panel, baseline=[1], followup=[2]), draws=1999, seed=7)


LEDGER = at.cost_ledger({"license": 400_000, "learner_time": 150_000}, currency="USD")


# 400 hires × 20 days × $250 = $2.0M against $550K: at 30% the training earned $600K, at 10% $200K.
ERRATUM = {
    1.0: (2_000_000, 1_450_000, 2.636, 3.636),
    0.3: (600_000, 50_000, 0.091, 1.091),
    0.1: (200_000, -350_000, -0.636, 0.364),
}


@pytest.mark.parametrize("share", ERRATUM)
def test_the_erratum_by_returns(share: float) -> None:
    benefit, net, roi, bcr = ERRATUM[share]
    found = returns(np.array(share * 400 * 20 * 250), np.array(550_000.0))
    assert float(found[0]) == pytest.approx(net)
    assert [round(float(one), 3) for one in found[1:]] == [roi, bcr]
    # Not gross / cost (109% at 30%), and the cost is not subtracted twice.
    assert float(found[1]) == pytest.approx(benefit / 550_000 - 1)


@pytest.mark.parametrize("direction", ["lower", "higher"])
@pytest.mark.parametrize("share", [0.3, 0.1])
def test_the_erratum_through_panel_did_factor_and_roi(share: float, direction: Any) -> None:
    benefit, net, roi, bcr = ERRATUM[share]
    factor = hires(20 * share, direction=direction)
    assert factor.share == pytest.approx(share)
    money = at.roi(factor, costs=LEDGER, value_per_unit=250.0)
    assert money.attributed_benefit.estimate == pytest.approx(benefit)
    assert money.total_cost.estimate == 550_000
    assert money.net_benefit.estimate == pytest.approx(net)
    assert round(money.roi.estimate, 3) == roi
    assert round(money.bcr.estimate, 3) == bcr
    assert money.break_even_factor.estimate == pytest.approx(0.275)
    assert abs(money.break_even_effect.estimate) == pytest.approx(5.5)
    assert (money.plan.units, money.trained_in_window) == (400, 400)


def test_intervals_are_quantiles_of_the_joint_draws() -> None:
    factor = hires(6.0)
    money = at.roi(factor, costs=LEDGER, value_per_unit=250.0)
    interval = factor.estimate.interval(0.95)
    # Certain costs: the ends are those of the effect's own interval, priced.
    assert [money.attributed_benefit.low, money.attributed_benefit.high] == pytest.approx(
        [-interval.high * 100_000, -interval.low * 100_000], rel=1e-9
    )
    assert [money.net_benefit.low, money.net_benefit.high] == pytest.approx(
        [money.attributed_benefit.low - 550_000, money.attributed_benefit.high - 550_000]
    )
    assert [money.bcr.low, money.bcr.high] == pytest.approx([money.roi.low + 1, money.roi.high + 1])
    assert money.level == 0.95
    assert money.benefit_draws is not None
    assert money.probability_net_positive == np.mean(money.benefit_draws > 550_000)


def test_uncertain_costs_widen_the_interval() -> None:
    factor = hires(6.0)
    ranged = at.cost_ledger([at.CostLine("license", 550_000, low=300_000, high=800_000)], currency="USD")
    narrow, wide = (at.roi(factor, costs=costs, value_per_unit=250.0) for costs in (LEDGER, ranged))
    assert wide.net_benefit.estimate == narrow.net_benefit.estimate
    assert wide.net_benefit.high - wide.net_benefit.low > 1.2 * (narrow.net_benefit.high - narrow.net_benefit.low)
    assert 300_000 < wide.total_cost.low < 550_000 < wide.total_cost.high < 800_000
    assert (narrow.total_cost.low, narrow.total_cost.high) == (550_000, 550_000)
    assert [one.total_cost for one in wide.scenarios] == [800_000, 550_000, 300_000]


def test_payback_and_npv_against_closed_forms() -> None:
    money = at.roi(hires(6.0), costs=LEDGER, value_per_unit=50.0, periods=8, discount_rate=0.02)
    per_period = 6 * 400 * 50.0
    assert money.payback_periods.estimate == pytest.approx(550_000 / per_period)
    annuity = (1 - 1.02**-8) / 0.02
    assert money.npv.estimate == pytest.approx(per_period * annuity - 550_000)
    assert money.net_benefit.estimate == pytest.approx(per_period * 8 - 550_000)
    undiscounted = at.roi(hires(6.0), costs=LEDGER, value_per_unit=50.0, periods=8)
    assert undiscounted.npv.estimate == pytest.approx(undiscounted.net_benefit.estimate)


def test_a_harmful_effect_never_pays_back() -> None:
    money = at.roi(hires(-3.0), costs=LEDGER, value_per_unit=250.0)
    assert money.attributed_benefit.estimate == pytest.approx(-300_000)
    assert np.isnan(money.payback_periods.estimate)
    assert money.payback_periods.reason == "the measured benefit does not cover the cost"
    assert money.payback_periods.high == np.inf
    assert money.probability_net_positive == 0.0


def test_an_effect_within_noise_may_never_pay_back() -> None:
    money = at.roi(hires(0.5, n=12), costs=at.cost_ledger({"content": 1.0}, currency="USD"), value_per_unit=250.0)
    assert money.payback_periods.high == np.inf
    assert np.isfinite(money.payback_periods.low)


def test_the_hurdle_is_a_share_of_draws() -> None:
    factor = hires(6.0)
    low, high = (at.roi(factor, costs=LEDGER, value_per_unit=250.0, hurdle=hurdle) for hurdle in (0.0, 0.1))
    assert low.probability_above_hurdle == low.probability_net_positive
    assert high.probability_above_hurdle < low.probability_above_hurdle
    assert high.hurdle == 0.1


def test_a_share_that_is_not_estimable_leaves_money_from_the_effect() -> None:
    # Nothing changed among the trained, while others lost six days: the effect is clear, the share is not.
    factor = hires(6.0, days=0.05, n=60)
    assert not factor.estimable
    money = at.roi(factor, costs=LEDGER, value_per_unit=2_500.0)
    assert money.break_even_factor.reason == "share not estimable: the observed change is within noise"
    assert np.isnan([money.break_even_factor.estimate, money.break_even_factor.low]).all()
    assert np.isfinite([money.roi.estimate, money.roi.low, money.roi.high, money.break_even_effect.estimate]).all()


def test_a_change_that_is_no_improvement_has_no_break_even_factor() -> None:
    money = at.roi(hires(6.0, days=-20.0), costs=LEDGER, value_per_unit=250.0)
    assert money.break_even_factor.reason == "the observed change is not an improvement"
    assert money.attributed_benefit.estimate == pytest.approx(600_000)  # the training softened the decline


def test_without_a_standard_error_money_is_a_point_without_an_interval() -> None:
    # One trained hire; the control's changes vary.
    frame = pd.DataFrame(
        {"u": [1, 1, 2, 2, 3, 3], "t": [0, 1] * 3, "y": [1.0, 9, 1, 2, 1, 4], "start": [1, 1, None, None, None, None]}
    )
    panel = at.Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start")
    money = at.roi(
        at.attribution_factor(at.did(panel, baseline=[0], followup=[1])), costs=LEDGER, value_per_unit=1_000.0
    )
    assert money.net_benefit.estimate == pytest.approx(6_000 - 550_000)
    for name in ("attributed_benefit", "net_benefit", "roi", "bcr", "npv", "break_even_effect"):
        amount = getattr(money, name)
        assert np.isfinite(amount.estimate)
        assert np.isnan([amount.low, amount.high]).all()
        assert amount.reason == "the standard error is undefined: a point without an interval"
    assert np.isnan([money.probability_net_positive, money.probability_above_hurdle]).all()
    assert (money.benefit_draws, money.cost_draws) == (None, None)
    assert money.break_even_factor.reason.startswith("share not estimable")


def test_costs_beyond_the_whole_level_have_no_break_even_effect() -> None:
    frame = at.dataset("jobtraining")
    panel = at.Panel.from_frame(
        frame, unit="fcode", period="year", outcome="lscrap", trained="grant", direction="lower", scale="log"
    )
    factor = at.attribution_factor(at.did(panel, baseline=[1987], followup=[1988]), draws=199)
    money = at.roi(factor, costs=LEDGER, value_of_untrained_level=1_000.0)
    assert np.isnan(money.break_even_effect.estimate)
    assert money.break_even_effect.reason == "no effect can be worth the cost"
    assert (money.plan.units, money.trained_in_window) == (19, 36)
    ranged = at.cost_ledger([at.CostLine("license", 18_000.0, low=1_000.0, high=30_000.0)], currency="USD")
    some = at.roi(factor, costs=ranged, value_of_untrained_level=1_000.0)
    assert np.isfinite(some.break_even_effect.estimate)
    assert some.break_even_effect.reason == "in some draws no effect can be worth the cost"


@pytest.mark.parametrize(
    "options", [{"hurdle": float("nan")}, {"discount_rate": -1.0}, {"discount_rate": float("inf")}]
)
def test_rates_that_are_none_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(MethodError, match=r"hurdle .*, discount rate") as error:
        at.roi(hires(6.0, n=5), costs=LEDGER, value_per_unit=250.0, **options)
    assert error.value.where == "roi"
    assert "above −1" in error.value.remedy


def test_prepost_has_no_effect_to_price() -> None:
    factor = hires(6.0, n=8)
    alone = replace(factor, estimate=factor.estimate.combine({"change": {"change": 1.0}}))
    with pytest.raises(MethodError, match="no effect to price"):
        at.roi(alone, costs=LEDGER, value_per_unit=250.0)


def test_tidy_has_a_row_per_quantity() -> None:
    money = at.roi(hires(6.0), costs=LEDGER, value_per_unit=250.0)
    tidy = money.tidy()
    assert list(tidy.columns) == ["quantity", "estimate", "low", "high", "reason"]
    assert tuple(tidy["quantity"]) == QUANTITIES
    assert (tidy["low"] <= tidy["high"]).all()
    assert repr(money).startswith("Roi(net benefit 50,000 USD [")
    assert "ROI 9.1% [" in repr(money)
    assert "<caption>Return in USD, 95% intervals from joint draws</caption>" in money._repr_html_()


def test_nothing_is_projected_into_the_payback() -> None:
    # The one measured period earns 600,000: a cost of 700,000 is not earned back in it.
    ledger = at.cost_ledger({"content": 700_000}, currency="USD")
    money = at.roi(hires(6.0), costs=ledger, value_per_unit=250.0)
    assert np.isnan(money.payback_periods.estimate)
    assert money.payback_periods.reason == "the measured benefit does not cover the cost"


def test_too_few_draws_give_a_point_without_an_interval() -> None:
    factor = at.attribution_factor(hires(6.0).estimate, draws=19)
    money = at.roi(factor, costs=LEDGER, value_per_unit=250.0)
    assert np.isnan([money.net_benefit.low, money.net_benefit.high, money.probability_net_positive]).all()
    assert "19 draws are too few" in money.net_benefit.reason


def test_the_break_even_share_takes_the_ends_of_the_change() -> None:
    factor = at.attribution_factor(hires(6.0).estimate, draws=1999)
    certain = at.roi(factor, costs=LEDGER, value_per_unit=250.0)
    change, needed = factor.estimate.interval(term="change"), certain.break_even_effect.estimate
    found = certain.break_even_factor
    assert [found.low, found.high] == pytest.approx(sorted([needed / change.low, needed / change.high]), rel=1e-9)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: at.roi(hires(6.0).estimate, costs=LEDGER, value_per_unit=1.0), "at.attribution_factor"),
        (lambda: at.roi(hires(6.0), costs={"content": 1.0}, value_per_unit=1.0), "at.cost_ledger"),
    ],
)
def test_what_is_passed_by_mistake_is_named(call: Callable[[], object], remedy: str) -> None:
    with pytest.raises(at.AttributionError, match=re.escape(remedy)):
        call()


def test_the_share_of_a_part_is_not_priced() -> None:
    frame = pd.DataFrame(
        [
            (p, t, 10.0 + p + t * p % 3 + 2 * (p < 4 and t > 1), 2 if p < 4 else None)
            for p in range(8)
            for t in range(4)
        ],
        columns=["p", "t", "y", "start"],
    )
    panel = at.Panel.from_frame(frame, unit="p", period="t", outcome="y", adopted="start")
    factor = at.attribution_factor(at.staggered(panel), draws=99, part="event=0")
    ledger = at.cost_ledger({"license": 1000, "learner_time": 500}, currency="USD")
    with pytest.raises(MethodError, match="overall effect") as error:
        at.roi(factor, value_per_unit=5, costs=ledger)
    assert "without part" in error.value.remedy
