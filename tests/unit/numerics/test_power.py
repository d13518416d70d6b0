"""Power of a t test, and the variance of a before-after comparison whose errors are serially correlated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import nctdtr, stdtrit
from scipy.stats import norm

from attribution.numerics.power import (
    minimum_detectable,
    nearest_covariance,
    path_covariance,
    pooled_covariance,
    power_at,
    sliding,
)
from tests.burlig import burlig_components, components_of, serial_variance


@pytest.mark.parametrize("df", [1.0, 1.7, 3.0, 8.5, 40.0, 1e4, 1e6])
def test_power_is_that_of_the_noncentral_t(df: float) -> None:
    effects, critical = np.array([0.0, 0.5, 2.8, 5.0]), stdtrit(df, 0.975)
    expected = 1 - nctdtr(df, effects, critical) + nctdtr(df, effects, -critical)
    # scipy's own noncentral t is exact to 1e-12 here; beyond about 6 it gives NaN for some df.
    assert power_at(effects, 1.0, df) == pytest.approx(expected, abs=1e-10)


def test_power_has_no_gaps_where_noncentral_t_fails() -> None:
    found = power_at(np.linspace(0, 60, 200), 1.0, 3.0)
    assert np.isfinite(found).all()
    assert (np.diff(found) > -1e-12).all()
    assert found[-1] == pytest.approx(1.0, abs=1e-9)


def test_with_many_degrees_of_freedom_it_is_the_normal_power() -> None:
    expected = norm.sf(1.959964 - 2.0) + norm.cdf(-1.959964 - 2.0)
    assert float(power_at(2.0, 1.0, 1e9)) == pytest.approx(expected, abs=1e-6)


def test_what_has_no_standard_error_has_no_power() -> None:
    assert np.isnan(power_at([0.0, 1.0], np.nan, np.nan)).all()
    assert np.isnan(minimum_detectable(np.nan, np.nan))


@pytest.mark.parametrize("df", [8.0, 18.0, 38.0, 200.0])
def test_at_the_smallest_detectable_effect_the_power_is_as_asked(df: float) -> None:
    # Bloom's sum of two t quantiles is no exact inverse of the noncentral t: at df 8 it is 0.2 points off.
    assert float(power_at(minimum_detectable(1.0, df), 1.0, df)) == pytest.approx(0.8, abs=0.004)


def test_the_formula_is_the_variance_of_the_very_contrast() -> None:
    rng = np.random.default_rng(4)
    root = rng.normal(size=(7, 7))
    covariance, m, r = root @ root.T, 4, 3
    contrast = np.array([-1 / m] * m + [1 / r] * r)
    one = components_of(covariance, m, r)
    found = serial_variance(
        one.sigma2, one.psi_before, one.psi_after, one.psi_cross, before=m, after=r, share=0.3, clusters=50
    )
    assert found == pytest.approx(contrast @ covariance @ contrast / (0.3 * 0.7 * 50), rel=1e-12)


def test_a_constant_correlation_is_frison_and_pocock() -> None:
    # σ²(1 − ρ)(1/m + 1/r): what all periods share cancels.
    covariance = 4.0 * (0.6 + 0.4 * np.eye(5))
    one = components_of(covariance, 2, 3)
    found = serial_variance(
        one.sigma2, one.psi_before, one.psi_after, one.psi_cross, before=2, after=3, share=0.5, clusters=40
    )
    assert found == pytest.approx(4.0 * 0.4 * (1 / 2 + 1 / 3) * 4 / 40, rel=1e-12)


def test_components_slide_over_all_windows() -> None:
    means = np.random.default_rng(2).normal(size=(9, 6)).cumsum(axis=1)
    covariance = np.cov(means, rowvar=False)
    by_hand = np.mean([covariance[s : s + 3, s : s + 3] for s in range(4)], axis=0)
    assert sliding(covariance, 3) == pytest.approx(by_hand)
    assert burlig_components(means, 2, 1).psi_cross == pytest.approx(by_hand[:2, 2].mean())


def test_pairs_take_the_rows_that_have_both() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(30, 3)) + 1e6
    values[rng.random((30, 3)) < 0.3] = np.nan
    groups = np.repeat([0, 1], 15)
    found, left = pooled_covariance(values, groups)
    for i in range(3):
        for j in range(3):
            total, df = 0.0, 0
            for group in (0, 1):
                both = values[(groups == group)][:, [i, j]]
                both = both[~np.isnan(both).any(axis=1)]
                away = both - both.mean(axis=0)
                total, df = total + away[:, 0] @ away[:, 1], df + len(both) - 1
            # Values near a million: ten digits of a variance near 1 are left.
            assert found[i, j] == pytest.approx(total / df, abs=1e-8)
            assert left[i, j] == df


def test_a_group_of_one_says_nothing() -> None:
    found, left = pooled_covariance(np.array([[1.0], [5.0], [2.0]]), np.array([0, 0, 1]))
    assert (found[0, 0], left[0, 0]) == (8.0, 1.0)
    assert np.isnan(pooled_covariance(np.array([[1.0]]), np.array([0]))[0]).all()


def test_without_correlation_each_period_is_itself() -> None:
    assert path_covariance(1.5, 0.0, 3) == pytest.approx(2.25 * np.eye(3))


def test_negative_eigenvalues_are_set_to_nothing() -> None:
    matrix = np.array([[1.0, 2.0], [2.0, 1.0]])
    assert np.linalg.eigvalsh(nearest_covariance(matrix)) == pytest.approx([0.0, 3.0], abs=1e-12)
    proper = np.array([[2.0, 1.0], [1.0, 2.0]])
    assert nearest_covariance(proper) is proper
