"""Parity of ratios: Fieller sets, delta intervals, percentile and BCa (entries of reference.json, R 4.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

import attribution as at
from attribution.inference.draws import bootstrap
from attribution.numerics.ratio import RatioProblem, delta, fieller
from attribution.numerics.resample import Bca, bca, multinomial_weights, quantiles

RTOL = 1e-6
Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]
Floats = NDArray[np.float64]


def one_layer(numerator: float, denominator: float, covariance: Floats, df: float, level: float = 0.95) -> RatioProblem:
    return RatioProblem(numerator, denominator, covariance[None], np.array([df]), level)


@pytest.fixture
def city(reference_data: Reader) -> Floats:
    """Return x and u of ten cities; the ratio is mean(x) / mean(u)."""
    return reference_data("boot_city.csv")[["x", "u"]].to_numpy(dtype=float)


def city_problem(city: Floats) -> RatioProblem:
    return one_layer(*city.mean(axis=0), np.cov(city.T) / len(city), len(city) - 1.0)


def city_influence(city: Floats) -> Floats:
    """Return the influence of each city on the ratio, in sum form."""
    x, u = city.T
    return np.asarray((x - x.mean() / u.mean() * u) / u.mean() / len(city))


def boot_influence(city: Floats) -> Floats:
    """Return the influence as boot::empinf(type = "inf") computes it: a forward difference with ε = 0.001/n."""
    n = len(city)
    weights = (1 - 0.001 / n) * np.full((n, n), 1 / n) + 0.001 / n * np.eye(n)
    moved = (weights @ city[:, 0]) / (weights @ city[:, 1])
    return np.asarray((moved - city[:, 0].mean() / city[:, 1].mean()) / 0.001)


def test_fieller_of_correlated_means(city: Floats, values: Values) -> None:
    found = fieller(city_problem(city))
    assert found.kind == "bounded"
    assert [found.low, found.high] == pytest.approx(values["fieller_city"]["ci"], rel=RTOL)


def test_fieller_of_two_samples_with_a_pooled_variance(reference_data: Reader, values: Values) -> None:
    entry = values["mratios_ASAT_equalvar"]
    groups = reference_data("mratios_ASAT.csv").groupby("group")["ASAT"]
    mean, n = groups.mean(), groups.count()
    pooled = float(((n - 1) * groups.var()).sum() / (n.sum() - 2))
    covariance = np.diag([pooled / n["TREAT"], pooled / n["KON"]])
    found = fieller(one_layer(mean["TREAT"], mean["KON"], covariance, float(n.sum() - 2)))
    assert n.sum() - 2 == entry["df"]
    assert mean["TREAT"] / mean["KON"] == pytest.approx(entry["estimate"], rel=RTOL)
    assert [found.low, found.high] == pytest.approx(entry["ci"], rel=RTOL)


def test_delta_of_correlated_means(city: Floats, values: Values) -> None:
    entry = values["delta_city"]
    error, df = delta(city_problem(city))
    assert error == pytest.approx(entry["std_error"], rel=RTOL)
    assert df == 9
    # car::deltaMethod takes the normal quantile.
    ends = entry["estimate"] + np.array([-1, 1]) * ndtri(0.975) * error
    assert ends == pytest.approx(entry["ci"], rel=RTOL)


def test_acceleration_is_that_of_the_infinitesimal_jackknife(city: Floats, values: Values) -> None:
    entry = values["ratio_city_infjack"]
    influence = boot_influence(city)
    assert influence * len(city) == pytest.approx(entry["extra"]["L"], rel=RTOL)
    assert np.sqrt(np.sum(influence**2)) == pytest.approx(entry["std_error"], rel=RTOL)
    draws = np.array([1.4, 1.5, 1.6])  # any draws on both sides: the acceleration does not depend on them
    assert bca(draws, entry["estimate"], influence, 0.95).acceleration == pytest.approx(
        entry["extra"]["accel_a"], rel=RTOL
    )
    # The derivative itself differs from that forward difference by its error, which is of order ε.
    assert city_influence(city) == pytest.approx(influence, rel=2e-4)


def test_percentile_and_bca_with_the_stored_resamples(city: Floats, reference_data: Reader, values: Values) -> None:
    entry = values["ratio_city_fixedidx"]
    index = reference_data("boot_idx_city_999.csv").to_numpy() - 1
    x, u = city[index].transpose(2, 0, 1)
    draws = x.sum(axis=1) / u.sum(axis=1)
    assert draws[:5] == pytest.approx(entry["extra"]["t_star_head"], rel=RTOL)
    assert quantiles(draws, np.array([0.025, 0.975])) == pytest.approx(entry["extra"]["perc"], rel=RTOL)
    corrected = bca(draws, entry["estimate"], boot_influence(city), 0.95)
    assert [corrected.low, corrected.high] == pytest.approx(entry["extra"]["bca"], rel=RTOL)
    assert corrected.z0 == pytest.approx(entry["extra"]["z0"], rel=RTOL)
    assert corrected.acceleration == pytest.approx(entry["extra"]["a"], rel=RTOL)


@pytest.fixture
def city_draws(city: Floats) -> Floats:
    rng = np.random.default_rng(20261121)
    weights = multinomial_weights(np.zeros(len(city), dtype=np.int32), 400_000, rng)
    totals = weights @ city
    return np.asarray(totals[:, 0] / totals[:, 1])


@pytest.mark.parametrize("level", [0.90, 0.95])
def test_percentile_and_bca_of_our_own_resamples(
    level: float, city: Floats, city_draws: Floats, values: Values
) -> None:
    # Monte Carlo on both sides (999,999 stored, 400,000 ours): within 1.5% of the width.
    percentile, corrected = (values[f"ratio_city_{kind}{level * 100:.0f}"]["ci"] for kind in ("percent", "bca"))
    ends = quantiles(city_draws, np.array([(1 - level) / 2, (1 + level) / 2]))
    assert ends == pytest.approx(percentile, abs=0.015 * (percentile[1] - percentile[0]))
    found: Bca = bca(city_draws, 1.5203125, city_influence(city), level)
    assert [found.low, found.high] == pytest.approx(corrected, abs=0.015 * (corrected[1] - corrected[0]))


def michigan_changes() -> at.Panel:
    """Return the Michigan firms with the published change of log scrap as the KPI of 1988, 0 in 1987."""
    frame = at.dataset("jobtraining")
    frame.loc[frame["year"] == 1987, "clscrap"] = 0.0
    return at.Panel.from_frame(
        frame, unit="fcode", period="year", outcome="clscrap", trained="grant", direction="lower"
    )


def share_problem(panel: at.Panel, variance: str = "default") -> RatioProblem:
    estimate = at.did(panel, baseline=[1987], followup=[1988], variance=variance)
    return estimate.ratio_problem("effect", "change", 0.95)


def test_the_share_of_michigan_by_the_delta_method(values: Values) -> None:
    entry = values["af_jtrain_delta"]
    problem = share_problem(michigan_changes())
    error, _ = delta(problem)
    share = problem.numerator / problem.denominator
    assert share == pytest.approx(entry["estimate"], rel=RTOL)
    assert error == pytest.approx(entry["std_error"], rel=RTOL)
    # Its interval is normal; ours takes t with the df of the contrast.
    assert share + np.array([-1, 1]) * ndtri(0.975) * error == pytest.approx(entry["ci"], rel=RTOL)
    extra = entry["extra"]
    total = problem.covariance.sum(axis=0)
    assert [problem.numerator, problem.denominator] == pytest.approx([extra["did"], extra["total"]], rel=RTOL)
    assert [total[0, 0], total[1, 1], total[0, 1]] == pytest.approx(
        [extra["var_did"], extra["var_total"], extra["cov"]], rel=RTOL
    )


def test_the_share_of_michigan_by_regression_with_cr1(values: Values) -> None:
    entry = values["af_jtrain_regdelta_CR1"]
    panel = at.Panel.from_frame(
        at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap", trained="grant", direction="lower"
    )
    problem = share_problem(panel, "CR1")
    error, df = delta(problem)
    share = problem.numerator / problem.denominator
    assert share == pytest.approx(entry["estimate"], rel=RTOL)
    assert error == pytest.approx(entry["std_error"], rel=RTOL)
    assert df == pytest.approx(53)
    assert share + np.array([-1, 1]) * ndtri(0.975) * error == pytest.approx(entry["ci"], rel=RTOL)


def test_the_share_of_michigan_by_percentile_bootstrap(values: Values) -> None:
    # 199,999 stored draws, 400,000 of ours: ends within 1.5% of the width, the median and the inner quantiles too.
    entry = values["af_jtrain_boot_perc"]
    estimate = at.did(michigan_changes(), baseline=[1987], followup=[1988])
    draws = bootstrap(estimate, draws=400_000, seed=99, workers=2)
    shares = draws.term("effect") / draws.term("change")
    low, high = entry["ci"]
    tolerance = 0.015 * (high - low)
    assert quantiles(shares, np.array([0.025, 0.975])) == pytest.approx([low, high], abs=tolerance)
    extra = entry["extra"]
    assert quantiles(shares, np.array([0.05, 0.5, 0.95])) == pytest.approx(
        [extra["q05"], extra["median"], extra["q95"]], abs=tolerance
    )
    # The share of draws in which scrap rose: its Monte Carlo error is 4e-5.
    assert np.mean(draws.term("change") > 0) == pytest.approx(extra["share_total_positive"], abs=2e-4)
