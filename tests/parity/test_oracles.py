"""Independent oracles: what scipy and statsmodels compute from the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import Estimate
from attribution.estimators.windows.variances import Variance
from attribution.inference.draws import bootstrap
from attribution.numerics.resample import bca, quantiles

Floats = NDArray[np.float64]
RTOL = 1e-10  # the same closed form, computed twice


def long(difference: Floats, arm: NDArray[Any], rng: np.random.Generator, **columns: NDArray[Any]) -> pd.DataFrame:
    """Return two periods per unit: a level, and the level plus the difference. `arm` 1 is trained."""
    n = len(difference)
    level = rng.normal(20, 5, n)
    frame = {
        "unit": np.repeat(np.arange(n), 2),
        "time": np.tile([0, 1], n),
        "kpi": np.stack([level, level + difference], axis=1).ravel(),
        "start": np.repeat(np.where(arm == 1, 1.0, np.nan), 2),
    }
    return pd.DataFrame(frame | {name: np.repeat(values, 2) for name, values in columns.items()})


def build(frame: pd.DataFrame, *, cluster: str | None = None, weight: str | None = None) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="unit", period="time", outcome="kpi", adopted="start", cluster=cluster, weight=weight
    )


@pytest.fixture
def arms() -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(3)
    arm = np.repeat([1, 0], [13, 22])
    return rng.normal(0.4 * arm, 1 + 0.5 * arm), arm


def test_the_default_variance_is_welchs_t(arms: tuple[Floats, NDArray[np.int64]]) -> None:
    from scipy import stats

    difference, arm = arms
    estimate = at.did(build(long(difference, arm, np.random.default_rng(0))), baseline=[0], followup=[1])
    oracle = stats.ttest_ind(difference[arm == 1], difference[arm == 0], equal_var=False)
    low, high = oracle.confidence_interval(0.9)
    row = estimate.tidy(0.9).set_index("term").loc["effect"]
    assert row[["statistic", "p_value", "conf_low", "conf_high"]].to_numpy(dtype=float) == pytest.approx(
        [oracle.statistic, oracle.pvalue, low, high], rel=RTOL
    )
    assert estimate.contrast({"effect": 1.0}).df == pytest.approx(oracle.df, rel=RTOL)


def test_the_change_is_a_paired_t_test(arms: tuple[Floats, NDArray[np.int64]]) -> None:
    from scipy import stats

    difference, arm = arms
    frame = long(difference, arm, np.random.default_rng(0))
    before, after = (frame.loc[frame["time"] == t, "kpi"].to_numpy()[arm == 1] for t in (0, 1))
    oracle = stats.ttest_rel(after, before)
    low, high = oracle.confidence_interval(0.95)
    for estimate in (
        at.prepost(build(frame), baseline=[0], followup=[1]),
        at.did(build(frame), baseline=[0], followup=[1]),
    ):
        row = estimate.tidy().set_index("term").loc["change"]
        assert row[["statistic", "p_value", "conf_low", "conf_high"]].to_numpy(dtype=float) == pytest.approx(
            [oracle.statistic, oracle.pvalue, low, high], rel=RTOL
        )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("variance", "cov_type"),
    [("classical", "nonrobust"), ("HC0", "HC0"), ("HC1", "HC1"), ("HC2", "HC2"), ("HC3", "HC3")],
)
def test_variances_by_unit_are_those_of_the_regression(
    variance: Variance, cov_type: str, weighted: bool, arms: tuple[Floats, NDArray[np.int64]]
) -> None:
    import statsmodels.api as sm

    difference, arm = arms
    weight = np.random.default_rng(1).uniform(0.5, 3, len(arm)) if weighted else np.ones(len(arm))
    panel = build(long(difference, arm, np.random.default_rng(0), weight=weight), weight="weight")
    estimate = at.did(panel, baseline=[0], followup=[1], variance=variance)
    model = sm.WLS(difference, sm.add_constant(arm.astype(float)), weights=weight)
    oracle = model.fit(cov_type=cov_type, use_t=True)
    check_regression(estimate, oracle)


CLUSTERED: dict[Variance, Callable[[int, int], float]] = {
    "CR0": lambda groups, rows: 1.0,
    "CR1": lambda groups, rows: groups / (groups - 1),
    "CR1S": lambda groups, rows: groups * (rows - 1) / ((groups - 1) * (rows - 2)),
}


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("variance", CLUSTERED)
def test_variances_by_cluster_are_those_of_the_regression(variance: Variance, mixed: bool) -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(12), rng.integers(2, 9, 12))
    arm = (rng.random(len(cluster)) < 0.4).astype(int) if mixed else (cluster < 5).astype(int)
    difference = rng.normal(0, 1, 12)[cluster] + rng.normal(0.5 * arm, 1)
    weight = rng.uniform(0.5, 2, len(cluster))
    panel = build(long(difference, arm, rng, team=cluster, weight=weight), cluster="team", weight="weight")
    estimate = at.did(panel, baseline=[0], followup=[1], variance=variance)
    model = sm.WLS(difference, sm.add_constant(arm.astype(float)), weights=weight)
    bare = {"groups": cluster, "use_correction": False, "df_correction": True}
    oracle = model.fit(cov_type="cluster", cov_kwds=bare, use_t=True)
    factor = CLUSTERED[variance](12, len(cluster))
    assert estimate.value("effect") == pytest.approx(oracle.params[1], rel=RTOL)
    assert estimate.std_error("effect") == pytest.approx(oracle.bse[1] * np.sqrt(factor), rel=RTOL)
    assert estimate.contrast({"effect": 1.0}).df == pytest.approx(11)


def test_cr1s_is_the_default_of_statsmodels(arms: tuple[Floats, NDArray[np.int64]]) -> None:
    import statsmodels.api as sm

    difference, arm = arms
    cluster = np.arange(len(arm)) // 3
    panel = build(long(difference, arm, np.random.default_rng(0), team=cluster), cluster="team")
    estimate = at.did(panel, baseline=[0], followup=[1], variance="CR1S")
    oracle = sm.OLS(difference, sm.add_constant(arm.astype(float))).fit(
        cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True
    )
    check_regression(estimate, oracle)


def check_regression(estimate: Estimate, oracle: Any) -> None:
    interval = estimate.interval(0.95)
    assert estimate.value("effect") == pytest.approx(oracle.params[1], rel=RTOL)
    assert estimate.std_error("effect") == pytest.approx(oracle.bse[1], rel=RTOL)
    assert [interval.low, interval.high] == pytest.approx(oracle.conf_int()[1], rel=RTOL)
    assert estimate.tidy().set_index("term").loc["effect", "p_value"] == pytest.approx(oracle.pvalues[1], rel=1e-8)


@pytest.mark.parametrize("mixed", [False, True])
def test_cr2_and_its_df_are_those_of_the_definition(mixed: bool) -> None:
    # Bell & McCaffrey (2002) by dense matrices: A_g = (I − H_gg)^(−1/2), df = tr(P)² / tr(P²).
    from scipy.linalg import fractional_matrix_power

    rng = np.random.default_rng(8)
    cluster = np.repeat(np.arange(9), rng.integers(2, 7, 9))
    arm = (rng.random(len(cluster)) < 0.5).astype(int) if mixed else (cluster < 4).astype(int)
    difference = rng.normal(0, 1, 9)[cluster] + rng.normal(0.5 * arm, 1)
    panel = build(long(difference, arm, rng, team=cluster), cluster="team")
    estimate = at.did(panel, baseline=[0], followup=[1], variance="CR2")

    X = np.column_stack([np.ones(len(arm)), arm])
    bread = np.linalg.inv(X.T @ X)
    annihilator = np.eye(len(arm)) - X @ bread @ X.T
    residual = annihilator @ difference
    contrast = bread @ np.array([0.0, 1.0])
    variance, columns = 0.0, []
    for group in np.unique(cluster):
        rows = np.flatnonzero(cluster == group)
        adjusted = fractional_matrix_power(annihilator[np.ix_(rows, rows)], -0.5)
        weights = contrast @ X[rows].T @ adjusted
        variance += float(weights @ residual[rows]) ** 2
        columns.append(weights @ annihilator[rows])
    P = np.array(columns) @ np.array(columns).T
    found = estimate.contrast({"effect": 1.0})
    assert found.std_error == pytest.approx(np.sqrt(variance), rel=RTOL)
    assert found.df == pytest.approx(np.trace(P) ** 2 / np.trace(P @ P), rel=1e-8)


def test_percentile_and_bca_are_near_those_of_scipy() -> None:
    # One arm, so that definitions coincide, up to scipy's type-7 quantiles and the jackknife's acceleration.
    from scipy import stats

    rng = np.random.default_rng(11)
    change = rng.gamma(2.0, 1.0, 40)
    estimate = at.prepost(build(long(change, np.ones(40), rng)), baseline=[0], followup=[1])
    draws = bootstrap(estimate, draws=100_000, seed=4, workers=2).term("change")
    oracle = {
        method: stats.bootstrap(
            (change,), np.mean, n_resamples=100_000, method=method, rng=np.random.default_rng(5), batch=5_000
        ).confidence_interval
        for method in ("percentile", "BCa")
    }
    ends = quantiles(draws, np.array([0.025, 0.975]))
    corrected = bca(draws, estimate.value("change"), estimate.cluster_influence()[:, 0], 0.95)
    for (low, high), expected in (
        ((ends[0], ends[1]), oracle["percentile"]),
        ((corrected.low, corrected.high), oracle["BCa"]),
    ):
        # Two runs of 100,000 draws: Monte Carlo ends within 1.5% of the width.
        assert [low, high] == pytest.approx(list(expected), abs=0.015 * (expected.high - expected.low))


def test_did_is_the_interaction_of_the_regression_on_levels(arms: tuple[Floats, NDArray[np.int64]]) -> None:
    import statsmodels.api as sm

    difference, arm = arms
    frame = long(difference, arm, np.random.default_rng(0))
    estimate = at.did(build(frame), baseline=[0], followup=[1], variance="CR1S")
    trained, post = np.repeat(arm, 2).astype(float), frame["time"].to_numpy(dtype=float)
    X = np.column_stack([np.ones(len(frame)), trained, post, trained * post])
    oracle = sm.OLS(frame["kpi"].to_numpy(), X).fit(cov_type="cluster", cov_kwds={"groups": frame["unit"]}, use_t=True)
    assert estimate.value("effect") == pytest.approx(oracle.params[3], rel=RTOL)
    assert estimate.value("background") == pytest.approx(oracle.params[2], rel=RTOL)
    assert estimate.value("change") == pytest.approx(oracle.params[2] + oracle.params[3], rel=RTOL)
    # Only the factors differ: the levels have 2N rows and 4 means, the changes N rows and 2 means.
    n = len(arm)
    levels, changes = (2 * n - 1) / (2 * n - 4), (n - 1) / (n - 2)
    assert estimate.std_error("effect") == pytest.approx(oracle.bse[3] * np.sqrt(changes / levels), rel=1e-9)
