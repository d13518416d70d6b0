"""Partial R² and omitted variables: against regressions that hold the variable, and against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.special import stdtrit

from attribution.numerics.partial_r2 import (
    benchmarked,
    bias_of,
    error_factor,
    extreme_robustness_value,
    most_times,
    partial_r2,
    regression,
    robustness_value,
    times_to_reach,
)

Floats = NDArray[np.float64]


def data(seed: int = 0, n: int = 80) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return outcome, treatment, design with three columns, a variable to leave out, and weights."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(n, 2)), rng.normal(size=n)
    d = (x[:, 0] + 0.7 * z + rng.normal(size=n) > 0).astype(float)
    y = 3 + 1.5 * d + x @ [1.0, -0.5] + 0.8 * z + rng.normal(size=n)
    return y, d, np.column_stack([np.ones(n), x]), z, rng.uniform(0.5, 2, n)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_regression_is_that_of_statsmodels(weighted: bool) -> None:
    y, d, x, _, w = data()
    weight = w if weighted else np.ones(len(y))
    found = regression(y, d, x, weight, groups=[[1], [1, 2]])
    assert found is not None
    full = sm.WLS(y, np.column_stack([d, x]), weights=weight).fit()
    assert found.coefficient == pytest.approx(full.params[0], rel=1e-10)
    assert found.std_error == pytest.approx(full.bse[0], rel=1e-10)
    assert found.df == full.df_resid
    assert found.residual_ratio == pytest.approx(full.bse[0] * np.sqrt(full.df_resid), rel=1e-10)
    arm = sm.WLS(d, x, weights=weight).fit()
    for place, columns in enumerate(([1], [1, 2])):
        rest = [column for column in range(x.shape[1]) if column not in columns]
        without = sm.WLS(y, np.column_stack([d, x[:, rest]]), weights=weight).fit()
        assert found.strength_outcome[place] == pytest.approx(1 - full.ssr / without.ssr, rel=1e-9)
        assert found.strength_trained[place] == pytest.approx(
            1 - arm.ssr / sm.WLS(d, x[:, rest], weights=weight).fit().ssr, rel=1e-9
        )
    assert partial_r2(full.tvalues[2], full.df_resid) == pytest.approx(found.strength_outcome[0], rel=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_bias_and_error_are_those_of_leaving_a_variable_out(seed: int) -> None:
    y, d, x, z, w = data(seed)
    without, held = regression(y, d, x, w), regression(y, d, np.column_stack([x, z]), w, groups=[[3]])
    assert without is not None
    assert held is not None
    strengths = held.strength_trained[0], held.strength_outcome[0]
    assert abs(without.coefficient - held.coefficient) == pytest.approx(
        float(bias_of(without.residual_ratio, *strengths)), rel=1e-9
    )
    assert held.std_error == pytest.approx(without.std_error * float(error_factor(without.df, *strengths)), rel=1e-9)


def test_a_regression_that_does_not_exist_is_none() -> None:
    y, d, x, _, _ = data()
    assert regression(y, d, np.column_stack([x, d])) is None
    assert regression(y, d, np.column_stack([x, x[:, 1]])) is None
    assert regression(y, d, np.column_stack([x, 0 * y])) is None
    assert regression(y[:4], d[:4], x[:4]) is None


@pytest.mark.parametrize("strength", [0.01, 0.15, 0.8, 5.0])
def test_the_robustness_value_makes_a_bias_of_the_whole_effect(strength: float) -> None:
    value = float(robustness_value(strength))
    assert float(bias_of(1.0, value, value)) == pytest.approx(strength, rel=1e-9)
    alone = float(extreme_robustness_value(strength))
    assert float(bias_of(1.0, alone, 1.0)) == pytest.approx(strength, rel=1e-9)


@pytest.mark.parametrize(("t", "df"), [(2.5, 12), (4.2, 783), (9.0, 20), (12.0, 6), (30.0, 5)])
def test_no_weaker_variable_lets_the_interval_hold_zero(t: float, df: int) -> None:
    # Both cases of the formula: in the last ones less than the value, explained of the KPI, is worst.
    critical = float(stdtrit(df - 1, 0.975)) / np.sqrt(df - 1)
    value = float(robustness_value(t / np.sqrt(df), critical))
    assert 0 < value < float(robustness_value(t / np.sqrt(df)))

    def lowest(limit: float) -> float:
        d, y = np.meshgrid(np.linspace(0, limit, 200), np.linspace(0, limit, 200))
        left = t - bias_of(np.sqrt(df), d, y) - stdtrit(df - 1, 0.975) * error_factor(df, d, y)
        return float(left.min())

    assert lowest(0.999 * value) > 0
    assert lowest(value + 1e-3 * (1 - value)) < 0


def test_a_value_is_zero_where_the_interval_holds_zero_and_missing_where_it_has_none() -> None:
    assert robustness_value([0.1, 0.3, np.nan, 0.3], [0.2, 0.1, 0.1, np.nan]).tolist() == pytest.approx(
        [0.0, float(robustness_value(0.2)), np.nan, np.nan], nan_ok=True
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_bound_holds_for_a_variable_as_strong_as_the_benchmark(seed: int) -> None:
    """A left-out variable, independent of the columns, whose strengths are those of a column times k."""
    rng = np.random.default_rng(seed)
    n = 400
    basis = np.linalg.qr(np.column_stack([np.ones(n), rng.normal(size=(n, 4))]))[0] * np.sqrt(n)
    one, x, z, noise, other = basis.T
    d = 0.4 * x + 0.4 * z + noise
    y = d + 0.6 * x + 0.6 * z + other
    column = regression(y, d, np.column_stack([one, x]), groups=[[1]])
    left_out = regression(y, d, np.column_stack([one, x, z]), groups=[[2]])
    assert column is not None
    assert left_out is not None
    # With training z is as strong as x, given the other neither: k_D is 1 by construction.
    trained, outcome = benchmarked(column.strength_trained[0], column.strength_outcome[0], 1.0, 1.0)
    assert float(trained) == pytest.approx(left_out.strength_trained[0], rel=1e-6)
    assert left_out.strength_outcome[0] <= float(outcome) + 1e-9


def test_a_multiple_that_training_has_no_room_for_is_missing() -> None:
    trained, outcome = benchmarked(0.3, 0.2, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert np.isfinite(trained[:2]).all()
    assert np.isnan(trained[2])
    assert np.isnan(outcome[2])
    assert most_times(0.3) == pytest.approx(0.7 / 0.3)
    assert outcome[1] == 1.0
    assert most_times(0.0) == np.inf


@pytest.mark.parametrize(("r2d", "r2y"), [(0.01, 0.1), (0.3, 0.2), (0.6, 0.01), (1e-6, 0.9)])
@pytest.mark.parametrize("bias", [0.01, 0.4, 3.0, 50.0])
def test_times_to_reach_is_where_the_bound_makes_the_bias(r2d: float, r2y: float, bias: float) -> None:
    times = times_to_reach(bias, 1.0, r2d, r2y)
    assert 0 < times < most_times(r2d)
    assert float(bias_of(1.0, *benchmarked(r2d, r2y, times, times))) == pytest.approx(bias, rel=1e-5)


def test_times_to_reach_at_its_ends() -> None:
    assert times_to_reach(0.0, 1.0, 0.1, 0.1) == 0.0
    assert times_to_reach(-1.0, 1.0, 0.1, 0.1) == 0.0
    assert times_to_reach(1.0, 1.0, 0.0, 0.1) == np.inf
    assert times_to_reach(1.0, 1.0, 0.1, 0.0) == np.inf
    assert np.isnan(times_to_reach(np.nan, 1.0, 0.1, 0.1))
