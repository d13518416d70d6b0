"""Ratios: every kind of set, and the problems that have none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attribution.numerics.ratio import RatioProblem, delta, fieller


def problem(
    numerator: float = 3.0,
    denominator: float = 4.0,
    *,
    variance: float = 1.0,
    covariance: float = 0.0,
    df: float = 20.0,
) -> RatioProblem:
    layer = np.array([[variance, covariance], [covariance, variance]])
    return RatioProblem(numerator, denominator, layer[None], np.array([df]), 0.95)


def test_a_clear_denominator_gives_a_bounded_set_around_the_ratio() -> None:
    found = fieller(problem())
    assert found.kind == "bounded"
    assert found.low < 0.75 < found.high
    assert found.reason == ""


def test_a_denominator_within_noise_gives_two_rays_or_the_whole_line() -> None:
    rays = fieller(problem(3.0, 1.0))
    assert rays.kind == "disjoint"
    assert rays.low < rays.high < 3.0
    line = fieller(problem(1.0, 1.0))
    assert (line.kind, line.reason) == ("unbounded", "no ratio is rejected")
    assert np.isnan([line.low, line.high]).all()


def test_the_kind_turns_where_the_denominator_reaches_its_critical_value() -> None:
    from scipy.special import stdtrit

    critical = float(stdtrit(20, 0.975))
    assert fieller(problem(3.0, critical * 1.0001)).kind == "bounded"
    assert fieller(problem(3.0, critical * 0.9999)).kind == "disjoint"


def test_negative_ratios_and_signs_of_both_parts() -> None:
    up, down = fieller(problem(3.0, 4.0)), fieller(problem(-3.0, 4.0))
    assert [down.low, down.high] == pytest.approx([-up.high, -up.low], rel=1e-9)
    both = fieller(problem(-3.0, -4.0))
    assert [both.low, both.high] == pytest.approx([up.low, up.high], rel=1e-9)


@pytest.mark.parametrize("numerator", [0.0, 1e-12])
def test_a_numerator_of_zero_is_an_ordinary_ratio(numerator: float) -> None:
    found = fieller(problem(numerator, 4.0))
    assert found.kind == "bounded"
    assert found.low == pytest.approx(-found.high, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1e-8, 1e-13])
def test_a_very_precise_ratio_is_not_stepped_over(scale: float) -> None:
    found = fieller(problem(variance=scale**2, df=1e6))
    assert found.kind == "bounded"
    # V(τ − fΔ) = σ²(1 + f²) and the normal quantile, divided by Δ.
    half_width = 1.959966 * scale * np.sqrt(1 + 0.75**2) / 4
    assert [0.75 - found.low, found.high - 0.75] == pytest.approx([half_width] * 2, rel=1e-2)


@pytest.mark.parametrize(
    "change", [{"numerator": np.nan}, {"denominator": np.inf}, {"covariance": np.full((1, 2, 2), np.nan)}]
)
def test_an_undefined_part_gives_an_undefined_set_with_the_reason(change: dict[str, object]) -> None:
    found = fieller(replace(problem(), **change))
    assert found.kind == "undefined"
    assert "undefined" in found.reason


def test_several_gaps_give_an_unbounded_set_that_says_so() -> None:
    # A did whose trained arm has two clusters: 1 df for large ratios of either sign, many near 1, where it cancels.
    layers = np.array([[[0.8, 0.8], [0.8, 0.8]], [[0.32, 0.0], [0.0, 0.0]]])
    crowded = RatioProblem(6.56, 7.7, layers, np.array([1.0, 60.0]), 0.95)
    angles = np.linspace(0, np.pi, 20_001)
    assert np.count_nonzero(np.diff(crowded.excess(angles) <= 0)) > 2
    found = fieller(crowded)
    assert (found.kind, found.reason) == ("unbounded", "the set has more than one gap")


def test_contains_is_the_inequality() -> None:
    one = problem()
    found = fieller(one)
    assert one.contains(0.75)
    assert one.contains(found.low + 1e-9)
    assert not one.contains(found.low - 1e-6)
    assert not one.contains(found.high + 1e-6)


def test_delta_takes_the_variance_and_df_of_the_contrast_at_the_ratio() -> None:
    layers = np.array([[[0.5, 0.2], [0.2, 0.4]], [[0.3, 0.0], [0.0, 0.0]]])
    one = RatioProblem(3.0, 4.0, layers, np.array([5.0, 9.0]), 0.95)
    error, df = delta(one)
    first, second = 0.5 - 2 * 0.75 * 0.2 + 0.75**2 * 0.4, 0.3
    assert error == pytest.approx(np.sqrt(first + second) / 4)
    assert df == pytest.approx((first + second) ** 2 / (first**2 / 5 + second**2 / 9))


def test_delta_of_a_zero_denominator_is_undefined() -> None:
    assert np.isnan(delta(problem(3.0, 0.0))).all()
