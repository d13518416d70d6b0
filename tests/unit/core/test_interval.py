"""Intervals and draws: what they hold and how they show themselves."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.core.interval import Draws, Interval, IntervalKind
from attribution.errors import MethodError

INF = float("inf")
NAN = float("nan")


def interval(kind: IntervalKind, low: float = NAN, high: float = NAN) -> Interval:
    return Interval(low, high, 0.95, kind, "test")


@pytest.mark.parametrize(
    ("one", "inside", "outside"),
    [
        (interval("bounded", -1.0, 2.0), (-1.0, 0.0, 2.0), (-1.01, 2.01, INF, NAN)),
        (interval("disjoint", -1.0, 2.0), (-1.0, 2.0, -INF, INF, 9.0), (-0.99, 0.0, 1.99, NAN)),
        (interval("unbounded"), (-1e9, 0.0, 1e9), ()),
        (interval("undefined"), (), (-1e9, 0.0, 1e9)),
    ],
)
def test_what_a_set_holds(one: Interval, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
    assert all(value in one for value in inside)
    assert not any(value in one for value in outside)


def test_how_a_set_is_written() -> None:
    assert str(interval("bounded", -0.3346, 1.44827)) == "[-0.3346, 1.4483]"
    assert str(interval("disjoint", -1.0, 2.5)) == "(−∞, -1] ∪ [2.5, ∞)"
    assert str(interval("unbounded")) == "(−∞, ∞)"
    assert str(interval("undefined")) == "undefined"


def test_around_a_value() -> None:
    one = Interval.around(2.0, 0.5, level=0.9, method="delta")
    assert (one.low, one.high, one.level, one.kind, one.method) == (1.5, 2.5, 0.9, "bounded", "delta")


@pytest.mark.parametrize(("value", "half_width"), [(NAN, 1.0), (1.0, NAN), (1.0, INF), (INF, 1.0)])
def test_around_what_is_not_finite_is_undefined(value: float, half_width: float) -> None:
    one = Interval.around(value, half_width, level=0.9, method="delta")
    assert one.kind == "undefined"
    assert np.isnan([one.low, one.high]).all()


def test_draws_by_term() -> None:
    draws = Draws(("effect", "change"), np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, np.nan]]), "bootstrap", 7, 1)
    assert len(draws) == 3
    assert draws.term("change")[:2].tolist() == [2.0, 4.0]
    assert repr(draws) == "Draws('bootstrap', 3 draws of effect, change, 1 failed)"
    with pytest.raises(MethodError, match="there are no draws of 'nothing'") as error:
        draws.term("nothing")
    assert "effect, change" in error.value.remedy
