"""Critical values of the largest |t|: published tables, scipy's multivariate t, and what must never happen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri, stdtrit
from scipy.stats import multivariate_t

from attribution.numerics.supremum import joint_levels, quartile_errors, supremum_quantile


def equicorrelated(count: int, correlation: float) -> np.ndarray:
    return np.where(np.eye(count) == 1, 1.0, correlation)


@pytest.mark.parametrize(
    ("count", "df", "published"),
    # Dunnett (1964), New tables for multiple comparisons with a control, Biometrics 20, table II: two-sided 5%.
    [(2, 10, 2.57), (3, 10, 2.76), (4, 10, 2.89), (2, 20, 2.38), (3, 20, 2.54), (4, 20, 2.65)],
)
def test_dunnett_comparisons_with_a_control(count: int, df: int, published: float) -> None:
    critical = joint_levels(
        equicorrelated(count, 0.5), np.full(count, float(df)), 0.95, 100_000, np.random.default_rng(1)
    )
    assert critical == pytest.approx(published, abs=0.025)  # four Monte Carlo standard errors and the rounding


def test_independent_normals_are_the_sidak_rule() -> None:
    critical = joint_levels(np.eye(7), np.full(7, np.inf), 0.9, 100_000, np.random.default_rng(2))
    assert critical == pytest.approx(ndtri((1 + 0.9 ** (1 / 7)) / 2), abs=0.015)


def test_equal_df_give_the_multivariate_t_of_scipy() -> None:
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(4, 5))
    covariance = factor @ factor.T
    critical = joint_levels(covariance, np.full(4, 6.0), 0.95, 200_000, np.random.default_rng(4))
    spread = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(spread, spread)
    joint = multivariate_t(np.zeros(4), correlation, df=6, seed=5)
    inside = joint.cdf(critical, lower_limit=-critical, maxpts=200_000)
    assert inside == pytest.approx(0.95, abs=0.002)  # four Monte Carlo standard errors


def test_a_term_of_few_df_does_not_widen_the_others() -> None:
    df = np.array([2.0, 60.0, 60.0])
    critical = joint_levels(np.eye(3), df, 0.95, 50_000, np.random.default_rng(1))
    assert critical[1] == critical[2] < 2.6 < 6 < critical[0]
    # All at the same pointwise level.
    both = joint_levels(np.eye(3), np.full(3, 60.0), 0.95, 50_000, np.random.default_rng(1))
    assert critical[1] == pytest.approx(both[0], abs=0.05)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_never_narrower_than_the_pointwise_interval(level: float) -> None:
    df = np.array([3.0, 3.0, 40.0])
    one = np.ones((3, 3))  # the same number three times: nothing to pay for
    for draws in (5, 999):
        critical = joint_levels(one, df, level, draws, np.random.default_rng(9))
        assert (critical >= stdtrit(df, (1 + level) / 2)).all()
    alone = joint_levels(np.array([[4.0]]), np.array([7.0]), level, 10, np.random.default_rng(0))
    assert alone == pytest.approx(stdtrit(7.0, (1 + level) / 2), rel=1e-14)


def test_quartile_errors_are_standard_deviations_of_normals_and_do_not_see_tails() -> None:
    drawn = np.random.default_rng(5).normal(0, [1.0, 3.0], (100_000, 2))
    drawn[:50] = 1e6
    assert quartile_errors(drawn) == pytest.approx([1, 3], rel=0.015)


def test_the_supremum_quantile_is_an_order_statistic() -> None:
    drawn = np.array([[1.0, -2.0], [0.5, 0.0], [-3.0, 1.0], [0.1, 8.0]])
    # max |draw / error|: 1, .5, 3, 4; the 75% quantile is the third.
    assert supremum_quantile(drawn, np.array([1.0, 2.0]), 0.75) == 3.0
    assert supremum_quantile(drawn, np.array([1.0, 2.0]), 0.76) == 4.0
