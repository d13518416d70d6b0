"""What would take the ROI to zero: at the break-even effect, on both scales and in both directions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.finance.robustness import RoiRobustness, roi_robustness
from attribution.inference.robustness import robustness
from attribution.inference.unmeasured import Robustness

N = 240


def pair(
    cost: float, *, direction: Any = "higher", scale: Any = "linear", covariates: tuple[str, ...] = ("tenure",)
) -> tuple[at.Roi, Robustness]:
    rng = np.random.default_rng(7)
    tenure = rng.normal(size=N)
    trained = tenure + 2 * rng.normal(size=N) > 0
    sign = 1 if direction == "higher" else -1
    before = rng.normal(3, 0.2, N)
    after = before + sign * (0.3 * trained + 0.1 * tenure) + rng.normal(0, 0.2, N)
    frame = pd.DataFrame(
        {
            "person": np.tile(range(N), 2),
            "month": np.repeat([1, 2], N),
            "kpi": np.concatenate([before, after]),
            "start": np.tile(np.where(trained, 2.0, np.nan), 2),
            "tenure": np.tile(tenure, 2),
        }
    )
    panel = at.Panel.from_frame(
        frame,
        unit="person",
        period="month",
        outcome="kpi",
        adopted="start",
        covariates=["tenure"],
        direction=direction,
        scale=scale,
    )
    effect = at.did(panel, baseline=[1], followup=[2], covariates=covariates)
    worth = {"value_of_untrained_level" if scale == "log" else "value_per_unit": 1000.0}
    ledger = at.cost_ledger([at.CostLine("license", cost, source="invoice")], currency="EUR")
    money = at.roi(at.attribution_factor(effect, draws=99, seed=1), costs=ledger, **worth)
    return money, robustness(effect, panel)


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_at_the_multiple_the_net_benefit_is_zero(direction: str, scale: str) -> None:
    money, found = pair(8_000, direction=direction, scale=scale)
    erased = roi_robustness(money, found)
    assert erased.net_benefit == pytest.approx(money.net_benefit.estimate, rel=1e-9)
    assert erased.net_benefit > 0
    assert 0 < erased.times < found.times()
    assert 0 < erased.value < found.value
    assert erased.net_benefit_with(erased.value, erased.value) == pytest.approx(0.0, abs=1e-6)
    at_times = replace(found, multiples=(erased.times,)).bounds().iloc[0]
    assert erased.net_benefit_with(at_times["strength_trained"], at_times["strength_outcome"]) == pytest.approx(
        0.0, abs=1e-5
    )
    assert "would take the ROI to zero" in erased.sentence
    assert "times as strong as tenure" in erased.sentence


def test_what_does_not_pay_needs_nothing_unmeasured() -> None:
    money, found = pair(1e6)
    erased = roi_robustness(money, found)
    assert (erased.times, erased.value) == (0.0, 0.0)
    assert "not above zero as it stands" in erased.sentence
    assert erased.tidy()["times"].tolist() == [0.0]


def test_what_no_effect_could_pay_for_does_not_pay() -> None:
    # On the log scale a KPI that should fall cannot fall by more than all of it.
    money, found = pair(1e9, direction="lower", scale="log")
    erased = roi_robustness(money, found)
    assert np.isnan(erased.break_even)
    assert erased.times == 0.0


def test_without_a_yardstick_only_the_share_is_said() -> None:
    money, found = pair(8_000, covariates=())
    erased = roi_robustness(money, found)
    assert np.isnan(erased.times)
    assert "no measured covariate says how likely that is" in erased.sentence
    assert erased.tidy().empty
    assert "×" not in repr(erased)


def test_a_covariate_unrelated_to_training_has_no_multiple() -> None:
    money, found = pair(8_000)
    unrelated = replace(found, benchmarks=(replace(found.benchmarks[0], strength_trained=0.0),))
    erased = roi_robustness(money, unrelated)
    assert np.isinf(erased.times)
    assert "No multiple of tenure" in erased.sentence


def test_what_one_as_strong_leaves() -> None:
    money, found = pair(8_000)
    erased = roi_robustness(money, found)
    row = erased.tidy().iloc[0]
    left = found.bounds().query("times == 1").iloc[0]["effect"]
    assert row["net_benefit"] == pytest.approx(float(money.plan.attributed(np.array(left))) - 8_000, rel=1e-9)
    assert row["roi"] == pytest.approx(row["net_benefit"] / 8_000, rel=1e-12)
    assert row["times"] == erased.times
    assert isinstance(erased, RoiRobustness)
    assert "EUR" in erased._repr_html_()
    assert "× tenure" in repr(erased)


def test_the_money_of_another_effect_is_refused() -> None:
    money, found = pair(8_000)
    with pytest.raises(MethodError, match="the money is of an effect that is worth"):
        roi_robustness(money, replace(found, effect=2 * found.effect))
