"""How far apart two samples are, against SciPy, replicated rows and formulas written down anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attribution.numerics.balance import Contrast, contrasts, effective, is_binary, spread

Floats = NDArray[np.float64]


def test_the_unweighted_spread_is_the_variance_with_n_minus_1() -> None:
    values = np.array([3.0, 5.0, 4.0, 8.0])
    assert spread(values, np.ones(4), binary=False) == pytest.approx(np.var(values, ddof=1), rel=1e-14)
    # Of 0 and 1 it is p(1 − p), and of any two values that times their distance squared.
    assert spread(np.array([0.0, 1.0, 1.0, 1.0]), np.ones(4), binary=True) == pytest.approx(0.1875)
    assert spread(np.array([2.0, 5.0, 5.0, 5.0]), np.ones(4), binary=True) == pytest.approx(9 * 0.1875)


def test_weights_have_no_scale() -> None:
    values, weights = np.array([1.0, 2.0, 6.0, 7.0]), np.array([0.5, 1.0, 2.0, 0.0])
    assert spread(values, weights, binary=False) == pytest.approx(spread(values, 7 * weights, binary=False), rel=1e-14)
    # Written down anew: weights that sum to 1, over 1 − Σw².
    w = weights / weights.sum()
    mean = (w * values).sum()
    assert spread(values, weights, binary=False) == pytest.approx((w * (values - mean) ** 2).sum() / (1 - (w**2).sum()))


def test_one_unit_has_no_spread() -> None:
    assert math.isnan(spread(np.array([1.0, 2.0]), np.array([1.0, 0.0]), binary=False))
    assert math.isnan(spread(np.array([1.0]), np.array([1.0]), binary=True))


def apart(values: Floats, split: int, weights: Floats | None = None) -> Contrast:
    """Return how far apart the first `split` values are from the rest, by weights given."""
    return contrasts(
        values, split, np.ones(len(values)), np.ones(len(values)) if weights is None else weights, "trained"
    )[2]


def test_the_three_denominators() -> None:
    values = np.array([1.0, 3.0, 2.0, 6.0, 7.0])
    own, after = np.ones(5), np.array([1.0, 1.0, 2.0, 1.0, 0.0])
    first, second = np.var(values[:2], ddof=1), np.var(values[2:], ddof=1)
    found = {which: contrasts(values, 2, own, after, which) for which in ("trained", "pooled", "weighted")}
    deviations = {which: one[0] for which, one in found.items()}
    assert deviations["trained"] == pytest.approx(math.sqrt(first))
    assert deviations["pooled"] == pytest.approx(math.sqrt((first + second) / 2))
    assert deviations["weighted"] == pytest.approx(math.sqrt(spread(values, after, binary=False)))
    # The same measures before and after.
    deviation, before, later = found["pooled"]
    assert before.smd == pytest.approx((2 - 5) / deviation)
    assert later.smd == pytest.approx((2 - 10 / 3) / deviation)


def test_where_the_trained_are_all_alike_the_spread_of_all_takes_their_place() -> None:
    values = np.array([4.0, 4.0, 2.0, 6.0, 7.0])
    deviation = contrasts(values, 2, np.ones(5), np.ones(5), "trained")[0]
    assert deviation == pytest.approx(np.std(values, ddof=1))


def test_the_distribution_functions_are_those_of_scipy() -> None:
    from scipy.stats import ks_2samp

    values = np.round(np.random.default_rng(3).normal(size=90), 1)
    assert apart(values, 35).ks == pytest.approx(ks_2samp(values[:35], values[35:]).statistic, rel=1e-12)


@given(st.integers(0, 10_000))
def test_whole_weights_are_copies_of_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, 24).astype(float)
    weights = rng.integers(0, 4, 24).astype(float)
    weights[[0, 1, 10, 11]] = 1.0
    found = apart(values, 10, weights)
    copies = np.repeat(np.arange(24), weights.astype(int))
    again = apart(values[copies], int(weights[:10].sum()))
    for name in ("trained", "control", "ks"):
        assert getattr(found, name) == pytest.approx(getattr(again, name), rel=1e-12, abs=1e-12), name


def test_the_cox_index() -> None:
    values = np.array([1.0, 1, 1, 0, 1, 0, 0, 0])
    # Odds 3 and 1/3: ln 9 / 1.65.
    assert apart(values, 4).cox == pytest.approx(math.log(9) / 1.65)
    # Weights that even the odds: 3 ones of 1 against 1 of 3.
    assert apart(values, 4, np.array([1.0, 1, 1, 3, 3, 1, 1, 1])).cox == pytest.approx(0, abs=1e-15)
    # Odds without end, and what is no 0 and 1, have none.
    assert math.isnan(apart(np.array([1.0, 1, 1, 1, 1, 0, 0, 0]), 4).cox)
    assert math.isnan(apart(values + 1, 4).cox)


def test_of_two_values_there_is_a_difference_and_no_ratio_of_variances() -> None:
    found = apart(np.array([1.0, 1, 1, 0, 1, 0, 0, 0]), 4)
    assert (found.trained, found.control) == (0.75, 0.25)
    assert found.smd == pytest.approx(0.5 / math.sqrt(0.1875))
    assert found.ks == found.ecdf == pytest.approx(0.5)
    assert math.isnan(found.variance_ratio)
    # The scale of the two values does not matter.
    other = apart(np.array([7.0, 7, 7, 2, 7, 2, 2, 2]), 4)
    assert (other.smd, other.ks) == pytest.approx((found.smd, found.ks))


def test_what_does_not_vary_is_not_apart_and_an_empty_arm_has_no_numbers() -> None:
    same = apart(np.full(4, 2.0), 2)
    assert (same.smd, same.ks) == (0.0, 0.0)
    gone = apart(np.arange(4.0), 2, np.array([1.0, 1.0, 0.0, 0.0]))
    assert math.isnan(gone.smd)
    assert math.isnan(gone.ks)
    assert math.isnan(apart(np.arange(4.0), 4).smd)


def test_kish() -> None:
    assert effective(np.ones(7)) == pytest.approx(7)
    assert effective(np.array([2.0, 1.0, 1.0, 0.0])) == pytest.approx(16 / 6)
    assert effective(np.zeros(3)) == 0
    assert is_binary(np.array([3.0, 9.0, 3.0]))
    assert not is_binary(np.array([3.0, 9.0, 4.0]))
