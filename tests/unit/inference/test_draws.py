"""Draws: what is refused, counted, and calibrated. Their properties stand in tests/property/test_draws.py."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

import attribution as at
from attribution.core.estimate import Estimate
from attribution.core.interval import Draws
from attribution.errors import MethodError
from attribution.inference.draws import BOOTSTRAP, COSTS, calibrate, failed_rows, stream
from attribution.numerics.resample import blocks


@pytest.fixture
def estimate() -> Estimate:
    rng = np.random.default_rng(4)
    trained = np.arange(20) < 8
    first = rng.normal(10, 2, 20)
    change = 1.0 + trained + rng.normal(0, 1, 20)
    frame = pd.DataFrame(
        {
            "u": np.repeat(np.arange(20), 2),
            "t": np.tile([0, 1], 20),
            "y": np.stack([first, first + change], axis=1).ravel(),
            "start": np.repeat(np.where(trained, 1.0, np.nan), 2),
        }
    )
    panel = at.Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start")
    return at.did(panel, baseline=[0], followup=[1])


@pytest.mark.parametrize(
    ("option", "value"),
    [("draws", 0), ("draws", -5), ("draws", 99.0), ("draws", True), ("seed", -1), ("seed", "7"), ("workers", 0)],
)
def test_counts_that_are_none_are_refused(estimate: Estimate, option: str, value: Any) -> None:
    options: dict[str, Any] = {option: value}
    for function in (at.bootstrap, at.attribution_factor):
        with pytest.raises(MethodError, match=f"{option} is {value!r}") as error:
            function(estimate, **options)
        assert error.value.where == option
        assert f"at least {0 if option == 'seed' else 1}" in error.value.remedy


def test_numpy_integers_are_counts(estimate: Estimate) -> None:
    assert len(at.bootstrap(estimate, draws=np.int64(12), seed=np.int64(1))) == 12


def test_the_bootstrap_resamples_within_arms(estimate: Estimate) -> None:
    draws = at.bootstrap(estimate, draws=20_000, seed=1)
    assert (draws.method, draws.seed, draws.failed) == ("stratified cluster bootstrap", 1, 0)
    # The bootstrap's variance of a mean is (n−1)/n of the unbiased one in each arm; Monte Carlo error about 0.5%.
    trained, control = estimate.covariance[:, 0, 0]
    assert draws.term("effect").var() == pytest.approx(trained * 7 / 8 + control * 11 / 12, rel=0.04)
    assert draws.term("change").var() == pytest.approx(trained * 7 / 8, rel=0.04)
    assert draws.term("effect").mean() == pytest.approx(estimate.value("effect"), abs=0.02)


@pytest.mark.parametrize(
    ("kind", "method", "factor"),
    [
        # Σψ² is (n−1)/n of the unbiased variance of a mean; exponential weights have n/(n+1) of it, multiples all.
        ("bayesian", "Bayesian cluster bootstrap", lambda n: (n - 1) / (n + 1)),
        ("multiplier", "multiplier bootstrap, rademacher weights", lambda n: (n - 1) / n),
    ],
)
def test_other_weights_have_the_spread_of_their_definition(
    estimate: Estimate, kind: Any, method: str, factor: Callable[[int], float]
) -> None:
    draws = at.bootstrap(estimate, draws=20_000, seed=1, kind=kind)
    assert (draws.method, draws.failed) == (method, 0)
    trained, control = estimate.covariance[:, 0, 0]
    assert draws.term("effect").var() == pytest.approx(trained * factor(8) + control * factor(12), rel=0.04)
    assert draws.term("change").var() == pytest.approx(trained * factor(8), rel=0.04)
    assert draws.term("effect").mean() == pytest.approx(estimate.value("effect"), abs=0.02)
    background = draws.term("change") - draws.term("effect")
    assert draws.term("background") == pytest.approx(background, abs=1e-9)


def test_multiples_take_their_distribution(estimate: Estimate) -> None:
    drawn = {
        one: at.bootstrap(estimate, draws=99, seed=1, kind="multiplier", multiplier=one)
        for one in ("rademacher", "mammen", "webb")
    }
    assert len({found.values.tobytes() for found in drawn.values()}) == 3
    assert drawn["webb"].method == "multiplier bootstrap, webb weights"


@pytest.mark.parametrize(("option", "known"), [("kind", "multinomial, bayesian"), ("multiplier", "rademacher, mammen")])
def test_an_unknown_kind_is_refused(estimate: Estimate, option: str, known: str) -> None:
    with pytest.raises(MethodError, match=f"{option} is 'wild'") as error:
        at.bootstrap(estimate, **{option: "wild"})
    assert known in error.value.remedy


@pytest.mark.parametrize("kind", ["multinomial", "bayesian", "multiplier"])
def test_memory_is_that_of_a_block_and_the_bits_do_not_depend_on_workers(kind: Any) -> None:
    rng = np.random.default_rng(1)
    n = 30_000
    frame = pd.DataFrame(
        {
            "u": np.repeat(np.arange(n), 2),
            "t": np.tile([0, 1], n),
            "y": rng.normal(10, 1, 2 * n),
            "start": np.repeat(np.where(np.arange(n) < n // 3, 1.0, np.nan), 2),
        }
    )
    panel = at.Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start")
    large = at.did(panel, baseline=[0], followup=[1])
    assert len(list(blocks(400, n))) > 5
    at.bootstrap(large, draws=2, seed=1, kind=kind)  # imports are no part of the peak
    peaks = []
    for draws in (66, 400):
        tracemalloc.start()
        found = at.bootstrap(large, draws=draws, seed=1, kind=kind)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # One block of 66 × 30,000 weights is 16 MB, and a few copies of it live at a time; all 400 draws would be 96 MB.
    assert peaks[1] < peaks[0] + 200_000
    assert peaks[1] < 90e6
    again = at.bootstrap(large, draws=400, seed=1, kind=kind, workers=2)
    assert (found.values == again.values).all()


def test_a_part_may_be_missing_without_failing_its_draw(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort([[6.0, 5.5, 6.4], [9.0]], [2.0, 2.6, 1.8, 2.2])
    draws = at.bootstrap(estimate, draws=2000, seed=1)
    missing = np.isnan(draws.term("effect[group=2]"))
    # One of four trained clusters is absent from (3/4)^4 of the draws.
    assert missing.mean() == pytest.approx(0.75**4, abs=0.05)
    assert np.isfinite(draws.term("effect")).all()
    assert draws.failed == 0
    assert at.bootstrap(estimate, draws=200, seed=1, kind="bayesian").failed == 0
    calibrated = calibrate(estimate, draws, draws=2000, seed=1)
    assert calibrated is not None
    assert (len(calibrated), calibrated.failed) == (2000, 0)
    assert np.isnan(estimate.std_error("effect[group=2]"))
    assert np.isfinite(calibrated.values).all()
    copula = calibrate(estimate, None, draws=50, seed=1)
    assert copula is not None
    assert np.isfinite(copula.values).all()


def test_a_draw_fails_by_its_plain_terms_or_where_all_are_parts_by_all_of_them() -> None:
    values = np.array([[1.0, np.nan, 1.0], [np.nan, 1.0, 1.0], [np.nan] * 3])
    assert failed_rows(("effect", "effect[event=0]", "change"), values).tolist() == [False, True, True]
    parts = ("effect[event=0]", "effect[event=1]", "effect[event=2]")
    assert failed_rows(parts, values).tolist() == [False, False, True]


def test_failed_draws_are_counted_whatever_their_parts(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort([[6.0, 5.5], [9.0, 8.0]], [2.0, 2.6])

    def emptied(weights: Any) -> Any:
        values = estimate.replay(weights)
        values[::4, :3] = np.nan
        return values

    broken = replace(estimate, replay=emptied)
    draws = at.bootstrap(broken, draws=200, seed=1)
    assert draws.failed == 50
    calibrated = calibrate(broken, draws, draws=200, seed=1)
    assert calibrated is not None
    assert (len(calibrated), calibrated.failed) == (150, 50)


def test_where_resampling_is_invalid_the_reason_and_the_variance_are_named(estimate: Estimate) -> None:
    matched = replace(estimate, method="nearest", replay=None, no_replay="matching with replacement", variance="AI")
    with pytest.raises(MethodError, match="nearest cannot be resampled: matching with replacement") as error:
        at.bootstrap(matched)
    assert error.value.remedy == "use its own variance, AI"
    with pytest.raises(MethodError, match="cannot be resampled"):
        at.bootstrap(matched, kind="multiplier")


def test_a_seed_branches_by_purpose() -> None:
    first, second = (stream(7, branch).random(4) for branch in (BOOTSTRAP, COSTS))
    assert (first != second).any()
    assert (stream(7, BOOTSTRAP, 0).random(4) != stream(7, BOOTSTRAP, 1).random(4)).any()
    assert (stream(7, BOOTSTRAP).random(4) == first).all()


def test_calibrated_draws_are_quantiles_of_the_t_distribution(estimate: Estimate) -> None:
    raw = at.bootstrap(estimate, draws=99, seed=3)
    draws = calibrate(estimate, raw, draws=99, seed=3)
    assert draws is not None
    assert (draws.terms, draws.seed) == (("effect", "change", "background"), 3)
    assert draws.method == "bootstrap ranks, calibrated margins"
    for term in ("effect", "change"):
        found = estimate.contrast({term: 1.0})
        expected = found.value + found.std_error * stdtrit(found.df, np.arange(1, 100) / 100)
        assert np.sort(draws.term(term)) == pytest.approx(expected, rel=1e-12)


def test_ties_are_broken_by_the_seed(estimate: Estimate) -> None:
    tied = Draws(estimate.terms, np.zeros((50, 4)), "tied", 0, 0)
    one, two, again = (calibrate(estimate, tied, draws=50, seed=seed) for seed in (1, 2, 1))
    assert one is not None
    assert two is not None
    assert again is not None
    assert (one.values != two.values).any()
    assert (one.values == again.values).all()
    assert len(np.unique(one.term("effect"))) == 50


def test_without_a_standard_error_or_a_draw_there_are_none(estimate: Estimate) -> None:
    raw = at.bootstrap(estimate, draws=20, seed=1)
    undefined = replace(estimate, covariance=np.full_like(estimate.covariance, np.nan))
    assert calibrate(undefined, raw, draws=20, seed=1) is None
    nothing = replace(raw, values=np.full_like(raw.values, np.nan), failed=20)
    assert calibrate(estimate, nothing, draws=20, seed=1) is None
    unpriced = estimate.combine({"other": {"effect": 1.0}})
    assert calibrate(unpriced, at.bootstrap(unpriced, draws=20), draws=20, seed=1) is None


def test_a_change_without_variance_is_left_out_and_the_effect_keeps_its_draws(estimate: Estimate) -> None:
    # Trained who all change alike: the change has no standard error, the effect has one through the controls.
    covariance = estimate.covariance.copy()
    covariance[:, 1, :] = covariance[:, :, 1] = 0.0
    alike = replace(estimate, covariance=covariance)
    draws = calibrate(alike, at.bootstrap(alike, draws=99, seed=1), draws=99, seed=1)
    assert draws is not None
    assert draws.terms == ("effect",)
    found = alike.contrast({"effect": 1.0})
    assert np.sort(draws.term("effect"))[49] == pytest.approx(found.value, abs=1e-12)
    copula = calibrate(replace(alike, replay=None), None, draws=99, seed=1)
    assert copula is not None
    assert copula.terms == ("effect",)
