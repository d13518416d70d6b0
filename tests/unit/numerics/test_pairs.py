"""The panel comparison with covariates: its influence is its derivative, its draws are refits, its limits are told."""

from __future__ import annotations

import pickle
from typing import get_args

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from attribution.numerics.logit import FitError
from attribution.numerics.pairs import Adjust, PanelPair, panel_pair

Floats = NDArray[np.float64]
RULES = get_args(Adjust)


def make(n: int = 250, *, lean: float = 0.8, seed: int = 3) -> tuple[NDArray[np.bool_], Floats, Floats, Floats]:
    """Return arms, covariates of very different sizes, unit weights (some 0) and three changes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    trained = rng.random(n) < 1 / (1 + np.exp(0.5 - lean * x[:, 0] + 0.4 * x[:, 1]))
    covariates = np.column_stack([np.ones(n), 1e4 * x[:, 0] + 3e4, x[:, 1], (x[:, 2] > 0.7) * 1e-3])
    weight = rng.uniform(0.5, 2.0, n)
    weight[::17] = 0.0
    changes = rng.normal(size=(n, 3)) + x[:, :1] + 2.0 * trained[:, None]
    return trained, covariates, weight, changes


def require_derivative(pair: PanelPair, changes: Floats) -> None:
    att, influence = pair.influence(changes)
    n, step = len(changes), 1e-4
    up, down = (pair.att(changes, 1.0 + sign * step * np.eye(n)) for sign in (1, -1))
    error = np.sqrt((influence**2).sum(axis=0))
    assert np.abs((up - down) / (2 * step) - influence).max() <= 1e-6 * error.min()
    assert np.abs(influence.sum(axis=0)).max() <= 1e-9 * error.min()
    assert pair.att(changes, np.ones((2, n))) == pytest.approx(np.stack([att, att]), abs=1e-12)


@pytest.mark.parametrize("adjust", RULES)
def test_the_influence_is_the_derivative(adjust: Adjust) -> None:
    trained, covariates, weight, changes = make()
    pair = panel_pair(trained, covariates, weight, adjust)
    require_derivative(pair, changes)
    assert (pair.influence(changes)[1][weight == 0] == 0).all()


@pytest.mark.parametrize("adjust", [rule for rule in RULES if rule != "regression"])
def test_the_influence_is_the_derivative_where_controls_are_trimmed(adjust: Adjust) -> None:
    trained, covariates, weight, changes = make()
    # One of the controls looks trained beyond doubt: the others' fit says so, and it is left without weight.
    far = int(np.flatnonzero(~trained & (weight > 0))[0])
    covariates[far] = [1.0, 3e4 + 11e4, -4.0, 0.0]
    weight[far] = 0.02
    pair = panel_pair(trained, covariates, weight, adjust)
    assert list(np.flatnonzero(pair.trimmed)) == [far]
    require_derivative(pair, changes)


@pytest.mark.parametrize("adjust", RULES)
def test_a_draw_is_the_estimate_of_reweighted_units(adjust: Adjust) -> None:
    trained, covariates, weight, changes = make()
    pair = panel_pair(trained, covariates, weight, adjust)
    draws = np.random.default_rng(1).poisson(1.0, (4, len(weight))).astype(float)
    found = pair.att(changes, draws)
    for row, att in zip(draws, found, strict=True):
        again = panel_pair(trained, covariates, weight * row, adjust).influence(changes)[0]
        assert att == pytest.approx(again, abs=1e-10)


@pytest.mark.parametrize("adjust", RULES)
def test_clusters_spread_their_weights_over_units(adjust: Adjust) -> None:
    trained, covariates, weight, changes = make()
    pair = panel_pair(trained, covariates, weight, adjust)
    clusters = np.arange(len(weight)) % 30
    draws = np.random.default_rng(1).exponential(size=(300, 30))
    assert (pair.att(changes, draws, clusters) == pair.att(changes, draws[:, clusters])).all()


@pytest.mark.parametrize("adjust", RULES)
def test_a_draw_without_an_arm_or_a_fit_is_nan_and_no_other(adjust: Adjust) -> None:
    trained, covariates, weight, changes = make()
    pair = panel_pair(trained, covariates, weight, adjust)
    ones = np.ones(len(weight))
    # Two controls carry no regression on four columns, and being on one side no propensity.
    few = np.where(trained & (covariates[:, 2] > 0), 1.0, 0.0)
    few[np.flatnonzero(~trained & (covariates[:, 2] < 0))[1:3]] = 1.0
    draws = np.stack([ones, np.where(trained, 0.0, 1.0), np.where(trained, 1.0, 0.0), few, ones])
    found = pair.att(changes, draws)
    assert np.isnan(found[1:4]).all()
    assert np.isfinite(found[[0, 4]]).all()


@pytest.mark.parametrize("adjust", RULES)
def test_without_covariates_every_rule_is_the_difference_of_means(adjust: Adjust) -> None:
    trained, covariates, weight, changes = make()
    pair = panel_pair(trained, covariates[:, :1], weight, adjust)
    means = [weight[arm] @ changes[arm] / weight[arm].sum() for arm in (trained, ~trained)]
    att, influence = pair.influence(changes)
    assert att == pytest.approx(means[0] - means[1], abs=1e-12)
    arm_mean = np.where(trained[:, None], *means)
    sign = np.where(trained, weight / weight[trained].sum(), -weight / weight[~trained].sum())
    assert influence == pytest.approx(sign[:, None] * (changes - arm_mean), abs=1e-12)


@pytest.mark.parametrize("adjust", RULES)
def test_nothing_depends_on_how_the_covariates_are_written(adjust: Adjust) -> None:
    trained, covariates, weight, changes = make()
    mix = np.array([[1.0, 5.0, 2.0, 0.0], [0, 2e-3, 1, 0], [0, 0, -3, 4], [0, 0, 0, 7e3]])
    first = panel_pair(trained, covariates, weight, adjust).influence(changes)
    second = panel_pair(trained, covariates @ mix, 3 * weight, adjust).influence(changes)
    assert first[0] == pytest.approx(second[0], abs=1e-10)
    assert first[1] == pytest.approx(second[1], abs=1e-10)


def test_the_rules_are_those_of_their_formulas_with_the_fits_of_statsmodels() -> None:
    trained, covariates, weight, changes = make()
    design = np.column_stack([np.ones(len(weight)), np.round((covariates[:, 1:] - [3e4, 0, 0]) / [1e4, 1, 1e-3], 12)])
    keep = weight > 0
    d, x, w, y = trained[keep], design[keep], weight[keep], changes[keep, 0]
    share = sm.GLM(d.astype(float), x, family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-14).fittedvalues
    predicted = x @ sm.WLS(y[~d], x[~d], weights=w[~d]).fit().params
    odds = w * share / (1 - share)
    trained_mean = np.average(y[d], weights=w[d])
    residual = y - predicted
    expected = {
        "regression": np.average(residual[d], weights=w[d]),
        "ipw": trained_mean - np.average(y[~d], weights=odds[~d]),
        "ipw_unnormalised": trained_mean - odds[~d] @ y[~d] / w[d].sum(),
        "doubly_robust": np.average(residual[d], weights=w[d]) - np.average(residual[~d], weights=odds[~d]),
    }
    for adjust, value in expected.items():
        att, _ = panel_pair(trained, covariates, weight, adjust).influence(changes)
        assert att[0] == pytest.approx(value, rel=1e-8), adjust


def test_the_improved_rule_balances_its_regression_away() -> None:
    # With tilted controls and the regression weighted by their odds, the regression changes nothing: the estimate is
    # the tilted difference of means.
    trained, covariates, weight, changes = make()
    pair = panel_pair(trained, covariates, weight, "doubly_robust_improved")
    assert pair.fit is not None
    odds = weight * np.exp(pair.fit.index)
    tilted = [weight[trained] @ changes[trained], odds[~trained] @ changes[~trained]]
    assert pair.influence(changes)[0] == pytest.approx((tilted[0] - tilted[1]) / weight[trained].sum(), abs=1e-10)


def test_what_does_not_exist_is_refused_with_its_reason() -> None:
    trained, covariates, weight, _ = make()
    only_trained = np.column_stack([covariates, trained & (covariates[:, 2] > 0)])
    reasons = {}
    for adjust in RULES:
        with pytest.raises(FitError) as error:
            panel_pair(trained, only_trained, weight, adjust)
        reasons[adjust] = error.value.reason
        with pytest.raises(FitError, match="empty arm"):
            panel_pair(trained, covariates, np.where(trained, 0.0, weight), adjust)
        with pytest.raises(FitError, match="singular"):
            panel_pair(trained, np.column_stack([covariates, covariates[:, 1]]), weight, adjust)
    assert reasons == {rule: "singular" if rule == "regression" else "separated" for rule in RULES}


def test_the_record_is_picklable() -> None:
    trained, covariates, weight, changes = make()
    pair = panel_pair(trained, covariates, weight, "doubly_robust")
    copy: PanelPair = pickle.loads(pickle.dumps(pair))
    draws = np.random.default_rng(1).exponential(size=(3, len(weight)))
    assert (copy.att(changes, draws) == pair.att(changes, draws)).all()
