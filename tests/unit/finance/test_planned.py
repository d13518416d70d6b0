"""Money before there is an estimate: exposure by hand, and the break-even effect of a run."""

from __future__ import annotations

import math

import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.finance.planned import break_even, planned_benefits, worth


def test_two_windows_count_all_units_in_all_periods() -> None:
    plan = planned_benefits([(3, 10), (4, 5)], followup=[4, 5, 6], value=2.0)
    assert (plan.exposure, plan.units) == ((15.0, 15.0, 15.0), 15)
    assert break_even(plan, 90.0) == pytest.approx(1.0)
    assert worth(plan, 1.0) == pytest.approx(90.0)


def test_waves_count_from_their_own_start_and_washout_on() -> None:
    starts = [(3, 10.0), (5, 4.0)]
    plan = planned_benefits(starts, followup=[3, 4, 5, 6], value=1.0, rolls_out=True, washout=1)
    assert plan.exposure == (10.0, 10.0, 14.0)
    assert planned_benefits(starts, followup=[3, 4, 5, 6], value=1.0, rolls_out=True, horizon=2).exposure == (
        10.0,
        10.0,
    )


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_on_the_log_scale_the_untrained_level_is_what_moves(direction: at.core.panel.Direction) -> None:
    sign = 1.0 if direction == "higher" else -1.0
    plan = planned_benefits([(1, 10)], followup=[1], value=100.0, log=True, direction=direction)
    found = break_even(plan, 250.0)
    assert sign * math.expm1(sign * found) * 1000 == pytest.approx(250.0)
    assert worth(plan, found) == pytest.approx(250.0)


def test_where_no_effect_is_worth_so_much_it_is_infinite() -> None:
    plan = planned_benefits([(1, 10)], followup=[1], value=100.0, log=True, direction="lower")
    assert break_even(plan, 1001.0) == math.inf


def test_a_plan_breaks_even_where_its_run_does() -> None:
    result = at.run(at.load_design("designs/michigan-grants.toml"))
    assert result.roi is not None
    found = result.powers["primary"]
    assert found.break_even == pytest.approx(-result.roi.break_even_effect.estimate, rel=1e-12)


@pytest.mark.parametrize(
    ("starts", "value", "said"), [([(5, 3.0)], 1.0, "nobody is trained"), ([(1, 3.0)], 0.0, "value is 0")]
)
def test_what_cannot_be_priced_is_refused(starts: list[tuple[int, float]], value: float, said: str) -> None:
    with pytest.raises(MethodError, match=said):
        planned_benefits(starts, followup=[1, 2], value=value, rolls_out=True)
