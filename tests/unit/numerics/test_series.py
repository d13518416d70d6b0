"""The segmented design, AR(1) errors integrated out, Newey–West and Durbin–Watson, against other ways to them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attribution.numerics.series import (
    AUTOCORRELATION,
    autoregression,
    durbin_watson,
    durbin_watson_p,
    newey_west,
    segmented,
)

Floats = NDArray[np.float64]


def noise(size: int, rho: float, seed: int = 3, count: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((count, size))
    for t in range(1, size):
        drawn[:, t] = rho * drawn[:, t - 1] + np.sqrt(1 - rho**2) * drawn[:, t]
    return drawn


def test_the_design_has_level_slope_and_their_changes() -> None:
    found = segmented(np.array([0, 1, 2, 5, 6]), 5)
    assert found.columns == ("intercept", "trend", "level_change", "slope_change")
    assert found.design[:, 1].tolist() == [0, 1, 2, 5, 6]
    assert found.design[:, 2].tolist() == [0, 0, 0, 1, 1]
    assert found.design[:, 3].tolist() == [0, 0, 0, 0, 1]
    assert (found.projected[:, 2:] == 0).all()
    assert (found.projected[:, :2] == found.design[:, :2]).all()


def test_one_period_after_the_launch_has_no_slope_of_its_own() -> None:
    assert segmented(np.arange(5), 4).columns == ("intercept", "trend", "level_change")


def test_seasons_are_counted_from_the_first_period_and_gaps_keep_the_calendar() -> None:
    found = segmented(np.array([0, 1, 2, 4, 5, 6, 7]), 6, season=4)
    assert found.columns[4:] == ("season[1]", "season[2]", "season[3]")
    assert found.design[:, 4].tolist() == [0, 1, 0, 0, 1, 0, 0]
    assert found.design[:, 6].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert (found.projected[:, 4:] == found.design[:, 4:]).all()


def test_a_control_is_centred_before_the_launch() -> None:
    found = segmented(np.arange(4), 2, control=np.array([1.0, 3.0, 7.0, 9.0]))
    assert found.columns[-1] == "control_coefficient"
    assert found.design[:, -1].tolist() == [-1, 1, 5, 7]


def dense(series: Floats, design: Floats, time: NDArray[np.int64], functionals: Floats) -> tuple[Floats, Floats]:
    """Return posterior and covariance with dense matrices, from the likelihood of the error contrasts themselves."""
    size, count = design.shape
    beyond = np.linalg.qr(design, mode="complete")[0][:, count:]
    contrasts = beyond.T @ series
    logs, parts = [], []
    for rho in AUTOCORRELATION:
        matrix = rho ** np.abs(time[:, None] - time[None, :]).astype(float)
        inner = beyond.T @ matrix @ beyond
        squares = contrasts @ np.linalg.solve(inner, contrasts)
        logs.append(-0.5 * np.linalg.slogdet(inner)[1] - (size - count) / 2 * np.log(squares))
        parts.append(squares / (size - count) * functionals @ matrix @ functionals.T)
    weight = np.exp(np.array(logs) - max(logs))
    weight /= weight.sum()
    return weight, np.einsum("g,gij->ij", weight, np.array(parts))


@pytest.mark.parametrize("time", [np.arange(20), np.array([0, 1, 2, 3, 5, 6, 9, 10, 11, 12, 14, 15, 16, 17, 18, 21])])
def test_restricted_likelihood_and_covariance_are_those_of_dense_matrices(time: NDArray[np.int64]) -> None:
    # Two ways to the same numbers; both lose a few digits where ρ is near 1.
    segments = segmented(time, 12)
    series = noise(len(time), 0.5, count=3)
    functionals = np.concatenate([segments.solution(), np.eye(len(time))[:2]])
    found = autoregression(series, segments.design, time)
    for index, one in enumerate(series):
        weight, covariance = dense(one, segments.design, time, functionals)
        assert found.probability[index] == pytest.approx(weight, rel=1e-8, abs=1e-12)
        assert found.covariance(functionals)[index] == pytest.approx(covariance, rel=1e-9, abs=1e-12)
        assert found.mean[index] == pytest.approx(weight @ AUTOCORRELATION, rel=1e-9)


def test_a_long_series_tells_its_autocorrelation() -> None:
    time = np.arange(2000)
    design = np.stack([np.ones(2000), time.astype(float)], axis=1)
    found = autoregression(noise(2000, 0.6), design, time)
    # The standard error of ρ is √((1 − ρ²)/n) = .018.
    assert found.mean[0] == pytest.approx(0.6, abs=0.06)
    assert np.sqrt(found.variance[0]) == pytest.approx(np.sqrt(0.64 / 2000), rel=0.15)


def test_the_variance_of_a_mean_of_a_long_series_is_that_of_its_model() -> None:
    # One level and no slope: the variance of a mean of AR(1) errors is known in closed form.
    size, rho = 4000, 0.5
    time = np.arange(size)
    found = autoregression(noise(size, rho, count=20), np.ones((size, 1)), time)
    mean = np.full((1, size), 1 / size)
    closed = (1 + rho) / (1 - rho) / size
    assert found.covariance(mean)[:, 0, 0].mean() == pytest.approx(closed, rel=0.05)


def test_scale_and_design_move_the_covariance_as_they_should() -> None:
    time = np.arange(24)
    segments = segmented(time, 18)
    series, solution = noise(24, 0.4), segments.solution()
    base = autoregression(series, segments.design, time)
    moved = autoregression(7 * series + segments.design @ np.array([5.0, 2.0, -3.0, 1.0]), segments.design, time)
    assert moved.probability == pytest.approx(base.probability, rel=1e-6, abs=1e-12)
    assert moved.covariance(solution) == pytest.approx(49 * base.covariance(solution), rel=1e-6)


def test_a_series_without_errors_has_variance_zero_and_no_warning() -> None:
    time = np.arange(15)
    segments = segmented(time, 10)
    series = (segments.design @ np.array([5.0, 2.0, -3.0, 1.0]))[None]
    found = autoregression(series, segments.design, time)
    assert (found.covariance(segments.solution()) == 0).all()
    assert np.isfinite(found.mean).all()


def test_newey_west_is_that_of_statsmodels() -> None:
    import statsmodels.api as sm

    time = np.arange(30)
    segments = segmented(time, 20)
    series = 10 + noise(30, 0.5)[0]
    solution = segments.solution()
    residual = series - segments.design @ (solution @ series)
    for lags in (0, 1, 3, 8):
        fitted = sm.OLS(series, segments.design).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
        found = newey_west(solution, residual, time, lags, 26)
        assert found == pytest.approx(fitted.cov_params(), rel=1e-9, abs=1e-14)


def test_newey_west_counts_a_gap_as_time() -> None:
    # Two runs far apart are as independent as two series: with 2 lags no pair across the gap counts.
    time = np.concatenate([np.arange(6), 100 + np.arange(6)])
    rng = np.random.default_rng(0)
    rows, residual = rng.standard_normal((2, 12)), rng.standard_normal(12)
    together = newey_west(rows, residual, time, 2, 10)
    apart = [newey_west(rows[:, part], residual[part], time[part], 2, 6) for part in (slice(6), slice(6, 12))]
    assert together == pytest.approx((apart[0] + apart[1]) * 12 / 10, rel=1e-12)


def test_durbin_watson_is_that_of_statsmodels() -> None:
    from statsmodels.stats.stattools import durbin_watson as other

    residual = noise(40, 0.7)[0]
    assert durbin_watson(residual) == pytest.approx(float(other(residual)), rel=1e-12)


def test_the_probability_of_durbin_watson_is_exact() -> None:
    # Four standard errors of 100,000 simulated series.
    time = np.arange(20)
    segments = segmented(time, 14)
    drawn = np.random.default_rng(1).standard_normal((100_000, 20))
    residual = drawn - drawn @ segments.solution().T @ segments.design.T
    statistic = (np.diff(residual, axis=1) ** 2).sum(axis=1) / (residual**2).sum(axis=1)
    for value in (1.2, 1.8, 2.4, 3.2):
        found = durbin_watson_p(value, segments.design)
        assert found == pytest.approx((statistic < value).mean(), abs=4 * np.sqrt(found * (1 - found) / 100_000))


def test_the_probability_of_durbin_watson_is_0_and_1_at_the_ends() -> None:
    design = segmented(np.arange(20), 14).design
    assert durbin_watson_p(0.0, design) == 0.0
    assert durbin_watson_p(4.0, design) == 1.0
