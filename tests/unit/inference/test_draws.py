"""Draws: what is refused, counted, and calibrated. Their properties stand in tests/property/test_draws.py."""

from __future__ import annotations

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
from attribution.inference.draws import BOOTSTRAP, COSTS, calibrate, stream


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
    assert len(at.bootstrap(estimate, draws=np.int64(12), seed=np.int64(1))) == 12  # type: ignore[arg-type]


def test_the_bootstrap_resamples_within_arms(estimate: Estimate) -> None:
    draws = at.bootstrap(estimate, draws=20_000, seed=1)
    assert (draws.method, draws.seed, draws.failed) == ("stratified cluster bootstrap", 1, 0)
    # The bootstrap's variance of a mean is (n−1)/n of the unbiased one in each arm; Monte Carlo error about 0.5%.
    trained, control = estimate.covariance[:, 0, 0]
    assert draws.term("effect").var() == pytest.approx(trained * 7 / 8 + control * 11 / 12, rel=0.04)
    assert draws.term("change").var() == pytest.approx(trained * 7 / 8, rel=0.04)
    assert draws.term("effect").mean() == pytest.approx(estimate.value("effect"), abs=0.02)


def test_where_resampling_is_invalid_the_reason_and_the_variance_are_named(estimate: Estimate) -> None:
    matched = replace(estimate, method="nearest", replay=None, no_replay="matching with replacement", variance="AI")
    with pytest.raises(MethodError, match="nearest cannot be resampled: matching with replacement") as error:
        at.bootstrap(matched)
    assert error.value.remedy == "use its own variance, AI"


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
