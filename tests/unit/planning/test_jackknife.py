"""The variance that a planned study can expect: the mean of the jackknife, in every stratum."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attribution.planning.history import declared_noise
from attribution.planning.jackknife import expected_df, expected_layer, rollout_layers
from attribution.planning.mde import analytic_mde, planned_test
from attribution.planning.records import Noise, Plan, PlannedCohort
from attribution.planning.skeleton import apply_method, path_weights
from tests.unit.planning.plans import ROLLOUT, clusters_of

Floats = NDArray[np.float64]


@pytest.mark.parametrize("method", ["staggered", "event_study", "twfe", "did", "prepost"])
def test_the_expected_variance_is_the_mean_of_the_jackknife(method: str) -> None:
    # Independent means with variance 1: the mean of the estimates' variances over 150 draws, within 4 errors.
    plan = Plan(method, {}, ROLLOUT, (0, 1, 2), (6, 7, 8))
    noise = Noise(np.eye(9), np.zeros((9, 9)), 0.0, "stated")
    rng = np.random.default_rng(7)
    drawn_layers = []
    for _ in range(150):
        estimate = apply_method(plan, clusters_of(plan, rng.normal(size=(18, 9))))
        at = estimate.terms.index(estimate.main)
        drawn_layers.append(estimate.covariance[:, at, at].sum())
    expected = planned_test(plan, noise, path_weights(plan)).std_error ** 2
    mean, error = np.mean(drawn_layers), np.std(drawn_layers) / np.sqrt(150)
    assert abs(mean - expected) < 4 * error
    assert error < 0.08 * expected


def test_many_kinds_of_clusters_fall_back_on_the_closed_form() -> None:
    sizes = np.arange(1.0, 61.0)
    cohorts = (PlannedCohort(4, sizes), PlannedCohort(6, sizes), PlannedCohort(None, sizes))
    plan = Plan("staggered", {}, cohorts, (0, 1, 2, 3), (4, 5, 6, 7))
    noise = declared_noise(sd=1.0, icc=0.1, autocorrelation=0.3, span=8)
    assert rollout_layers(plan, noise, path_weights(plan)) is None
    assert analytic_mde(plan, noise).mde > 0


def test_many_equal_clusters_have_the_variance_itself() -> None:
    share = np.full(150, 1 / 150)
    assert expected_layer(share, np.ones(150)) == pytest.approx(1 / 150, rel=1e-12)
    assert np.isnan(expected_layer(np.ones(1), np.ones(1)))


def test_the_expected_degrees_of_freedom_are_the_median_of_the_rule() -> None:
    rng = np.random.default_rng(9)
    layers, df = np.array([1.0, 0.3, 0.5]), np.array([3.0, 9.0, 20.0])
    drawn = layers * rng.chisquare(df, size=(20_000, 3)) / df
    found = drawn.sum(axis=1) ** 2 / (drawn**2 / df).sum(axis=1)
    # The median of 4,000 draws is known to about 0.5%.
    assert expected_df(layers, df) == pytest.approx(float(np.median(found)), rel=0.03)
    assert expected_df(np.array([2.0]), np.array([7.0])) == 7.0
    assert np.isnan(expected_df(np.array([1.0, np.nan]), np.array([3.0, 4.0])))
    # A stratum that plays no part has no say.
    assert expected_df(np.array([2.0, 0.0]), np.array([7.0, 1.0])) == 7.0
