"""The probability of a box and the slope that a pre-trend test detects, against scipy, simulation and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from attribution.errors import MethodError
from attribution.numerics.honest_power import box_probability, detectable

Z = float(norm.ppf(0.975))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_box_probability_is_that_of_scipy(size: int) -> None:
    rng = np.random.default_rng(size)
    for _ in range(3):
        root = rng.normal(size=(size, size + 1))
        sigma, mean = root @ root.T, rng.normal(size=size)
        edge = 2 * np.sqrt(np.diag(sigma))
        expected = multivariate_normal(mean=mean, cov=sigma, seed=0).cdf(edge, lower_limit=-edge)
        # Both are quasi-Monte Carlo from two dimensions on; these covariances are nearly singular, the hardest case.
        assert box_probability(mean, sigma, -edge, edge) == pytest.approx(expected, abs=2e-4)


def test_the_box_probability_of_an_event_study_is_that_of_scipy() -> None:
    """Coefficients that share their reference correlate at about a half: the covariance that pre-trends have."""
    sigma = 0.5 + 0.5 * np.eye(6)
    mean = 0.4 * np.arange(-6.0, 0.0)
    edge = np.full(6, Z)
    expected = multivariate_normal(mean=mean, cov=sigma, seed=0).cdf(edge, lower_limit=-edge)
    assert box_probability(mean, sigma, -edge, edge) == pytest.approx(expected, abs=2e-5)


def test_independent_boxes_multiply() -> None:
    scale = np.array([0.1, 1.0, 50.0, 3.0])
    mean = np.array([0.05, -1.0, 20.0, 0.0])
    each = norm.cdf((2 * scale - mean) / scale) - norm.cdf((-2 * scale - mean) / scale)
    assert box_probability(mean, np.diag(scale**2), -2 * scale, 2 * scale) == pytest.approx(each.prod(), rel=1e-12)


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_one_pre_period_has_a_closed_form(power: float) -> None:
    """P(|N(slope·t/se, 1)| > z) = power is one equation in one unknown."""
    found = detectable(np.diag([0.04, 0.09]), np.array([-2.0]), np.array([3.0]), power=power, level=0.95)
    shift = brentq(lambda one: norm.sf(Z - one) + norm.cdf(-Z - one) - power, 0, 10)
    assert found.slope == pytest.approx(shift * 0.2 / 2, rel=1e-8)
    assert found.size == pytest.approx(0.05, rel=1e-9)
    np.testing.assert_allclose(found.bias, [3 * found.slope])
    # Uncorrelated with the pre period, the post coefficient does not feel the pre-test.
    np.testing.assert_allclose(found.bias_after, found.bias)


@pytest.fixture
def sigma() -> np.ndarray:
    root = np.random.default_rng(6).normal(size=(6, 9))
    return np.asarray(root @ root.T / 9)


def test_power_size_and_bias_after_the_pre_test_by_simulation(sigma: np.ndarray) -> None:
    pre, post = np.array([-4.0, -3.0, -2.0, -1.0]), np.array([1.0, 2.0])
    found = detectable(sigma, pre, post, power=0.6, level=0.9)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400_000, 6)) @ np.linalg.cholesky(sigma).T
    edge = norm.ppf(0.95) * np.sqrt(np.diag(sigma)[:4])
    without = (np.abs(noise[:, :4]) > edge).any(axis=1).mean()
    assert without == pytest.approx(found.size, abs=4 * np.sqrt(0.25 / 400_000))
    draws = noise + found.slope * np.r_[pre, post]
    shown = (np.abs(draws[:, :4]) > edge).any(axis=1)
    assert shown.mean() == pytest.approx(0.6, abs=4 * np.sqrt(0.24 / 400_000))
    quiet = draws[~shown, 4:]
    errors = quiet.std(axis=0) / np.sqrt(len(quiet))
    assert (np.abs(quiet.mean(axis=0) - found.bias_after) < 4 * errors).all()
    np.testing.assert_allclose(found.bias, found.slope * post)


def test_the_slope_scales_with_the_units_and_not_with_the_order_of_magnitude(sigma: np.ndarray) -> None:
    pre, post = np.array([-4.0, -3.0, -2.0, -1.0]), np.array([1.0, 2.0])
    small = detectable(sigma * 1e-12, pre, post, power=0.8, level=0.95)
    large = detectable(sigma * 1e12, pre, post, power=0.8, level=0.95)
    assert large.slope == pytest.approx(1e12 * small.slope, rel=1e-6)


def test_more_power_takes_a_steeper_slope(sigma: np.ndarray) -> None:
    pre, post = np.array([-4.0, -3.0, -2.0, -1.0]), np.array([1.0, 2.0])
    slopes = [detectable(sigma, pre, post, power=power, level=0.95).slope for power in (0.3, 0.5, 0.8, 0.99)]
    assert slopes == sorted(slopes)
    assert slopes[0] > 0


def test_a_power_that_chance_alone_reaches_is_refused(sigma: np.ndarray) -> None:
    pre, post = np.array([-4.0, -3.0, -2.0, -1.0]), np.array([1.0, 2.0])
    with pytest.raises(MethodError, match="reached without any slope"):
        detectable(sigma, pre, post, power=0.1, level=0.95)
