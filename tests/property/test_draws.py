"""Draws: calibrated to the interval, ranked by the bootstrap, reproducible, and one source of money."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import Estimate
from attribution.inference.draws import calibrate
from attribution.numerics.resample import bca, blocks, quantiles

Floats = NDArray[np.float64]


def make(seed: int, n_trained: int = 9, n_control: int = 14, effect: float = 1.0) -> Estimate:
    rng = np.random.default_rng(seed)
    n = n_trained + n_control
    trained = np.arange(n) < n_trained
    kpi = rng.normal(50, 5, n)[:, None] + np.stack(
        [np.zeros(n), 1.0 + effect * trained + rng.normal(0, 1, n) * (1 + trained)], axis=1
    )
    frame = pd.DataFrame(
        {
            "u": np.repeat(np.arange(n), 2),
            "t": np.tile([0, 1], n),
            "y": kpi.ravel(),
            "start": np.repeat(np.where(trained, 1.0, np.nan), 2),
        }
    )
    panel = at.Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start")
    return at.did(panel, baseline=[0], followup=[1])


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(0, 1_000), st.integers(3, 30), st.integers(3, 30))
def test_order_statistics_of_the_effect_draws_are_its_interval(
    data: int, seed: int, n_trained: int, n_control: int
) -> None:
    estimate = make(data, n_trained, n_control)
    draws = at.attribution_factor(estimate, draws=1999, seed=seed).draws
    assert draws is not None
    if draws.failed:
        return  # then the order statistics are those of fewer draws
    for term in ("effect", "change"):
        ordered, interval = np.sort(draws.term(term)), estimate.interval(0.95, term=term)
        scale = abs(interval.low) + abs(interval.high)
        assert [ordered[49], ordered[1949]] == pytest.approx([interval.low, interval.high], abs=1e-12 * scale)
        weibull = np.quantile(draws.term(term), [0.025, 0.975], method="weibull")
        assert weibull == pytest.approx([interval.low, interval.high], abs=1e-12 * scale)


@given(st.integers(0, 2**32 - 1), st.integers(0, 1_000))
def test_calibrated_draws_keep_the_ranks_of_the_bootstrap(data: int, seed: int) -> None:
    factor = at.attribution_factor(make(data), draws=499, seed=seed)
    assert factor.draws is not None
    assert factor.raw_draws is not None
    for term in ("effect", "change"):
        raw, calibrated = factor.raw_draws.term(term), factor.draws.term(term)
        # Equal draws of the bootstrap may come in any order, others keep theirs.
        assert (np.diff(calibrated[np.lexsort((calibrated, raw))]) > 0).all()
        assert len(np.unique(calibrated)) == len(calibrated)
    background = factor.draws.term("change") - factor.draws.term("effect")
    assert (factor.draws.term("background") == background).all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 1_000), st.floats(1, 1e5), st.floats(1, 1e6))
def test_roi_through_the_share_is_roi_through_the_effect_draw_by_draw(
    data: int, seed: int, value: float, cost: float
) -> None:
    factor = at.attribution_factor(make(data), draws=199, seed=seed)
    assert factor.draws is not None
    effect, change = factor.draws.term("effect"), factor.draws.term("change")
    share = effect / change
    np.testing.assert_allclose(share * change, effect, rtol=1e-12)
    ledger = at.cost_ledger(
        [at.CostLine("license", cost, low=cost / 2, high=cost * 2), at.CostLine("learner_time", 1.0)], currency="EUR"
    )
    money = at.roi(factor, costs=ledger, value_per_unit=value)
    assert money.benefit_draws is not None
    assert money.cost_draws is not None
    through_share = (share * change * value * 9 - money.cost_draws) / money.cost_draws
    through_effect = (money.benefit_draws - money.cost_draws) / money.cost_draws
    np.testing.assert_allclose(through_share, through_effect, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(money.benefit_draws, share * change * value * 9, rtol=1e-12)
    low, high = np.quantile(through_effect, [0.025, 0.975], method="weibull")
    assert [money.roi.low, money.roi.high] == pytest.approx([low, high], rel=1e-12)
    assert money.probability_net_positive == np.mean(through_effect > 0)


@pytest.mark.parametrize("n_clusters", [40, 9_000])
def test_the_same_seed_gives_the_same_bits_with_one_and_two_workers(n_clusters: int) -> None:
    estimate = make(5, n_clusters // 3, n_clusters - n_clusters // 3)
    draws = 1999 if n_clusters == 40 else 700
    assert len(list(blocks(draws, n_clusters))) >= 3
    one, two = (at.bootstrap(estimate, draws=draws, seed=11, workers=workers) for workers in (1, 2))
    assert (one.values == two.values).all()
    factors = [at.attribution_factor(estimate, draws=draws, seed=11, workers=workers) for workers in (1, 2)]
    assert factors[0].tidy().equals(factors[1].tidy())
    assert factors[0].draws is not None
    assert factors[1].draws is not None
    assert (factors[0].draws.values == factors[1].draws.values).all()


@pytest.mark.parametrize("kind", ["bayesian", "multiplier"])
def test_other_weights_give_the_same_bits_with_one_and_two_workers(kind: Any) -> None:
    estimate = make(5, 3_000, 6_000)
    assert len(list(blocks(700, 9_000))) >= 3
    one, two = (at.bootstrap(estimate, draws=700, seed=11, workers=workers, kind=kind) for workers in (1, 2))
    assert (one.values == two.values).all()


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_different_seeds_give_different_draws(first: int, second: int) -> None:
    estimate = make(5)
    one, two = (at.bootstrap(estimate, draws=20, seed=seed).values for seed in (first, second))
    assert (one == two).all() == (first == second)


def test_more_draws_begin_with_the_same_blocks() -> None:
    estimate = make(5)
    few, many = (at.bootstrap(estimate, draws=draws, seed=3).values for draws in (512, 1999))
    assert (many[:512] == few).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_nan_draws_are_left_out_of_percentile_and_bca(data: int, failed: int) -> None:
    rng = np.random.default_rng(data)
    draws, influence = rng.normal(2, 1, 199), rng.normal(0, 0.2, 30)
    holed = np.insert(draws, rng.integers(0, 199, failed), np.nan)
    assert len(holed) == 199 + failed
    wanted = np.array([0.025, 0.5, 0.975])
    assert (quantiles(holed, wanted) == quantiles(draws, wanted)).all()
    one, two = bca(draws, 2.0, influence, 0.95), bca(holed, 2.0, influence, 0.95)
    assert (one.low, one.high, one.z0, one.acceleration) == (two.low, two.high, two.z0, two.acceleration)


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.999))
def test_quantiles_are_monotone_and_within_the_draws(data: int, probability: float) -> None:
    draws = np.random.default_rng(data).standard_cauchy(99)
    low, high = quantiles(draws, np.array([probability * 0.99, probability]))
    assert draws.min() <= low <= high <= draws.max()


@given(st.integers(0, 2**32 - 1))
def test_failed_draws_are_left_out_of_the_calibrated_ones_and_counted(data: int) -> None:
    estimate = make(data)
    raw = at.bootstrap(estimate, draws=300, seed=1)
    values = raw.values.copy()
    values[::10] = np.nan
    holed = replace(raw, values=values, failed=30)
    found = calibrate(estimate, holed, draws=300, seed=1)
    assert found is not None
    assert (len(found), found.failed) == (270, 30)
    assert np.isfinite(found.values).all()
    ordered = np.sort(found.term("effect"))
    middle = (ordered[134] + ordered[135]) / 2
    assert middle == pytest.approx(estimate.value("effect"), abs=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_without_a_map_the_copula_has_the_same_margins(data: int) -> None:
    estimate = replace(make(data), replay=None, no_replay="resampling is invalid here")
    draws = at.attribution_factor(estimate, draws=1999, seed=2).draws
    assert draws is not None
    assert draws.method == "normal copula, calibrated margins"
    for term in ("effect", "change"):
        interval = estimate.interval(0.95, term=term)
        assert [np.sort(draws.term(term))[k] for k in (49, 1949)] == pytest.approx(
            [interval.low, interval.high], rel=1e-12, abs=1e-11
        )
    total = estimate.covariance.sum(axis=0)[:2, :2]
    wanted = total[0, 1] / np.sqrt(total[0, 0] * total[1, 1])
    found = np.corrcoef(draws.term("effect"), draws.term("change"))[0, 1]
    assert found == pytest.approx(wanted, abs=0.08)  # about 4 standard errors of a correlation from 1,999 draws
