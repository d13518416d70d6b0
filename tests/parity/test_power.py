"""Power against what others publish: statsmodels, R's clusterPower and the NIH calculator, Stata's pcpanel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from attribution.numerics.power import minimum_detectable, power_at, sliding
from attribution.planning.mde import analytic_mde
from attribution.planning.records import Noise, Plan, PlannedCohort
from tests.burlig import serial_variance


def arms(trained: int, control: int, size: float, start: int) -> tuple[PlannedCohort, PlannedCohort]:
    return PlannedCohort(start, np.full(trained, size)), PlannedCohort(None, np.full(control, size))


@pytest.mark.parametrize(("trained", "ratio", "effect"), [(10, 1.0, 1.2), (25, 1.0, 0.8), (12, 3.0, 0.9)])
def test_independent_units_are_statsmodels(trained: int, ratio: float, effect: float) -> None:
    from statsmodels.stats.power import TTestIndPower

    expected = TTestIndPower().power(effect, trained, 0.05, ratio=ratio)
    error = np.sqrt(1 / trained + 1 / (ratio * trained))
    # Both are the exact noncentral t.
    assert float(power_at(effect, error, trained * (1 + ratio) - 2)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("df", [2.0, 8.0, 18.5, 200.0])
def test_the_multiplier_is_the_sum_of_two_quantiles_of_scipy(df: float) -> None:
    expected = t.ppf(0.9, df) + t.ppf(0.95, df)
    # The same function of the same library from two of its rooms.
    assert minimum_detectable(1.0, df, level=0.9, power=0.9) == pytest.approx(expected, rel=1e-12)


def did_noise(icc: float, of_cluster: float, of_unit: float) -> Noise:
    shape = np.array([[0.0, 1.0], [1.0, 0.0]])
    return Noise(icc * (np.eye(2) + of_cluster * shape), (1 - icc) * (np.eye(2) + of_unit * shape), 0.0, "stated")


def test_clustered_before_after_is_clusterpowers() -> None:
    # R clusterPower 0.7.0, example of cpa.did.normal: 4.683358 clusters per arm of 100 see .5 at ICC .05, rho_c .5 and
    # rho_s .7 with a power of .8 (seven digits are printed).
    noise, contrast, count = did_noise(0.05, 0.5, 0.7), np.array([-1.0, 1.0]), 4.683358
    error = np.sqrt(2 / count * (contrast @ noise.of_mean(100) @ contrast))
    assert float(power_at(0.5, error, 2 * (count - 1))) == pytest.approx(0.8, abs=2e-6)


@pytest.mark.parametrize(("of_cluster", "of_unit", "needed"), [(0.0, 0.0, 9), (0.3, 0.7, 7)])
def test_numbers_of_clusters_are_those_of_the_nih_calculator(of_cluster: float, of_unit: float, needed: int) -> None:
    # References of clusterPower's own tests: clusters per arm of 150 to see .48 of a standard deviation, ICC .05.
    def sees(count: int) -> float:
        plan = Plan("did", {}, arms(count, count, 150.0, 1), (0,), (1,))
        found = analytic_mde(plan, did_noise(0.05, of_cluster, of_unit))
        return float(power_at(0.48, found.std_error, found.df))

    assert sees(needed - 1) < 0.8 <= sees(needed)


def test_the_formula_is_that_of_pcpanel_on_estimated_residuals() -> None:
    # Stata's pc_dd_analytic takes components of two-way residuals and corrects them (Burlig, Preonas & Woerman 2020,
    # appendix E): (J/(J−1))·(m+r)²·[(m+r)/(2m²r²)·σ̂² + (r−1)/(2m²r)·ψ̂ᴬ + (m−1)/(2mr²)·ψ̂ᴮ] in place of the
    # population formula. On covariances with J − 1 the factor J/(J−1) is in them.
    rng = np.random.default_rng(8)
    count, m, r = 40, 4, 3
    means = rng.normal(size=(count, m + r)).cumsum(axis=1)
    residual = means - means.mean(axis=1, keepdims=True) - means.mean(axis=0) + means.mean()
    covariance = np.cov(residual, rowvar=False)
    first, last = covariance[:m, :m], covariance[m:, m:]
    before = (first.sum() - np.trace(first)) / (m * (m - 1))
    after = (last.sum() - np.trace(last)) / (r * (r - 1))
    sigma2 = (np.trace(first) / m * r + np.trace(last) / r * m) / (m + r)
    theirs = (m + r) ** 2 * (
        (m + r) / (2 * m**2 * r**2) * np.trace(covariance) / (m + r)
        + (r - 1) / (2 * m**2 * r) * after
        + (m - 1) / (2 * m * r**2) * before
    )
    ours = np.cov(means, rowvar=False)
    contrast = np.array([-1 / m] * m + [1 / r] * r)
    assert theirs == pytest.approx(contrast @ ours @ contrast, rel=1e-10)
    cross = covariance[:m, m:].mean()
    again = serial_variance(sigma2, before, after, cross, before=m, after=r, share=0.5, clusters=4)
    assert again == pytest.approx(theirs, rel=1e-10)
    assert sliding(ours, m + r) == pytest.approx(ours)


@pytest.mark.parametrize(("before", "after", "rho"), [(1, 1, 0.5), (3, 2, 0.3), (4, 6, 0.7)])
def test_lagged_and_change_are_mckenzies(before: int, after: int, rho: float) -> None:
    # McKenzie (2012), Beyond baseline and follow-up, J. Development Economics 99; per arm of n units, 2σ²/n times …
    many, span = 20_000, before + after
    noise = Noise(np.eye(span) * (1 - rho) + rho, np.zeros((span, span)), 0.0, "stated")
    plan = Plan("did", {}, arms(many, many, 1.0, before), tuple(range(before)), tuple(range(before, span)))
    change = (1 - rho) * (1 / before + 1 / after)
    ancova = (1 + (after - 1) * rho) / after - before * rho**2 / (1 + (before - 1) * rho)
    single = (1 + (after - 1) * rho) / after
    for method, options, expected in (
        ("did", {}, change),
        ("lagged", {}, ancova),
        ("adjusted", {"outcome": "level"}, ancova),
        ("adjusted", {"outcome": "level", "adjust": "none"}, single),
    ):
        found = analytic_mde(Plan(method, options, plan.cohorts, plan.baseline, plan.followup), noise)
        # Estimating the slope adds a part of the order of 1/n, which McKenzie leaves out.
        assert found.std_error**2 == pytest.approx(2 / many * expected, rel=2e-4)
