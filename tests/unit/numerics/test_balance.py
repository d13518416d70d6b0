"""How far apart two samples are, against SciPy, replicated rows and formulas written down anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics.balance import contrast, denominator, effective, is_binary, spread


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


def test_the_three_denominators() -> None:
    values = np.array([1.0, 3.0, 2.0, 6.0, 7.0])
    trained = np.array([True, True, False, False, False])
    own, after = np.ones(5), np.array([1.0, 1.0, 2.0, 1.0, 0.0])
    first, second = np.var(values[:2], ddof=1), np.var(values[2:], ddof=1)
    assert denominator(values, trained, own, after, "trained") == pytest.approx(math.sqrt(first))
    assert denominator(values, trained, own, after, "pooled") == pytest.approx(math.sqrt((first + second) / 2))
    expected = math.sqrt(spread(values, after, binary=False))
    assert denominator(values, trained, own, after, "weighted") == pytest.approx(expected)


def test_where_the_trained_are_all_alike_the_spread_of_all_takes_their_place() -> None:
    values = np.array([4.0, 4.0, 2.0, 6.0, 7.0])
    trained = np.array([True, True, False, False, False])
    found = denominator(values, trained, np.ones(5), np.ones(5), "trained")
    assert found == pytest.approx(np.std(values, ddof=1))


def test_the_distribution_functions_are_those_of_scipy() -> None:
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(3)
    values = np.round(rng.normal(size=90), 1)
    trained = rng.random(90) < 0.4
    found = contrast(values, trained, np.ones(90), 1.0)
    assert found.ks == pytest.approx(ks_2samp(values[trained], values[~trained]).statistic, rel=1e-12)


@given(st.integers(0, 10_000))
def test_whole_weights_are_copies_of_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, 24).astype(float)
    trained = np.arange(24) < 10
    weights = rng.integers(0, 4, 24).astype(float)
    weights[[0, 1, 10, 11]] = 1.0
    found = contrast(values, trained, weights, 1.0)
    copies = np.repeat(np.arange(24), weights.astype(int))
    again = contrast(values[copies], trained[copies], np.ones(len(copies)), 1.0)
    for name in ("trained", "control", "smd", "ks"):
        assert getattr(found, name) == pytest.approx(getattr(again, name), rel=1e-12, abs=1e-12), name


def test_the_cox_index() -> None:
    values = np.array([1.0, 1, 1, 0, 1, 0, 0, 0])
    trained = np.arange(8) < 4
    # Odds 3 and 1/3: ln 9 / 1.65.
    assert contrast(values, trained, np.ones(8), 1.0).cox == pytest.approx(math.log(9) / 1.65)
    # Weights that even the odds: 3 ones of 1 against 1 of 9.
    even = np.array([1.0, 1, 1, 3, 3, 1, 1, 1])
    assert contrast(values, trained, even, 1.0).cox == pytest.approx(0, abs=1e-15)
    # Odds without end, and what is no 0 and 1, have none.
    assert math.isnan(contrast(np.array([1.0, 1, 1, 1, 1, 0, 0, 0]), trained, np.ones(8), 1.0).cox)
    assert math.isnan(contrast(values + 1, trained, np.ones(8), 1.0).cox)


def test_of_two_values_there_is_a_difference_and_no_ratio_of_variances() -> None:
    values = np.array([1.0, 1, 1, 0, 1, 0, 0, 0])
    found = contrast(values, np.arange(8) < 4, np.ones(8), 0.5)
    assert (found.trained, found.control, found.smd) == (0.75, 0.25, 1.0)
    assert found.ks == found.ecdf == pytest.approx(0.5)
    assert math.isnan(found.variance_ratio)


def test_what_does_not_vary_is_not_apart_and_an_empty_arm_has_no_numbers() -> None:
    trained = np.array([True, True, False, False])
    same = contrast(np.full(4, 2.0), trained, np.ones(4), 0.0)
    assert (same.smd, same.ks) == (0.0, 0.0)
    gone = contrast(np.arange(4.0), trained, np.array([1.0, 1.0, 0.0, 0.0]), 1.0)
    assert math.isnan(gone.smd)
    assert math.isnan(gone.ks)


def test_kish() -> None:
    assert effective(np.ones(7)) == pytest.approx(7)
    assert effective(np.array([2.0, 1.0, 1.0, 0.0])) == pytest.approx(16 / 6)
    assert effective(np.zeros(3)) == 0
    assert is_binary(np.array([3.0, 9.0, 3.0]))
    assert not is_binary(np.array([3.0, 9.0, 4.0]))
