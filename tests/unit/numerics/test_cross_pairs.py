"""Repeated cross-sections with covariates: the influence is the derivative, draws are refits, limits are told."""

from __future__ import annotations

import pickle
from itertools import product
from typing import get_args

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from attribution.numerics.cross_pairs import CrossPair, cross_pair
from attribution.numerics.logit import FitError
from attribution.numerics.pairs import Adjust, panel_pair

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
RULES = [*product(get_args(Adjust), [True]), ("doubly_robust", False), ("doubly_robust_improved", False)]
by_rule = pytest.mark.parametrize(("adjust", "efficient"), RULES)


def make(n: int = 300, *, seed: int = 3) -> tuple[Bools, Bools, Floats, Floats, Floats]:
    """Return arms, windows, covariates of very different sizes, row weights (some 0) and two outcomes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    trained = rng.random(n) < 1 / (1 + np.exp(0.3 - 0.8 * x[:, 0] + 0.4 * x[:, 1]))
    post = rng.random(n) < 0.4
    covariates = np.column_stack([np.ones(n), 1e4 * x[:, 0] + 3e4, x[:, 1]])
    weight = rng.uniform(0.5, 2.0, n)
    weight[::17] = 0.0
    outcome = rng.normal(size=(n, 2)) + x[:, :1] + 2.0 * (trained & post)[:, None]
    return trained, post, covariates, weight, outcome


def require_derivative(pair: CrossPair, outcome: Floats) -> None:
    att, influence = pair.influence(outcome)
    n, step = len(outcome), 1e-4
    up, down = (pair.att(outcome, 1.0 + sign * step * np.eye(n)) for sign in (1, -1))
    error = np.sqrt((influence**2).sum(axis=0))
    assert np.abs((up - down) / (2 * step) - influence).max() <= 1e-6 * error.min()
    assert np.abs(influence.sum(axis=0)).max() <= 1e-9 * error.min()
    assert pair.att(outcome, np.ones((2, n))) == pytest.approx(np.stack([att, att]), abs=1e-12)


@by_rule
def test_the_influence_is_the_derivative(adjust: Adjust, efficient: bool) -> None:
    trained, post, covariates, weight, outcome = make()
    pair = cross_pair(trained, post, covariates, weight, adjust, efficient=efficient)
    require_derivative(pair, outcome)
    assert (pair.influence(outcome)[1][weight == 0] == 0).all()


@by_rule
def test_the_influence_is_the_derivative_where_controls_are_trimmed(adjust: Adjust, efficient: bool) -> None:
    trained, post, covariates, weight, outcome = make()
    far = int(np.flatnonzero(~trained & (weight > 0))[0])
    covariates[far] = [1.0, 3e4 + 11e4, -5.0]
    weight[far] = 0.02
    pair = cross_pair(trained, post, covariates, weight, adjust, efficient=efficient)
    assert list(np.flatnonzero(pair.trimmed)) == ([] if adjust == "regression" else [far])
    require_derivative(pair, outcome)


@by_rule
def test_a_draw_is_the_estimate_of_reweighted_rows(adjust: Adjust, efficient: bool) -> None:
    trained, post, covariates, weight, outcome = make()
    pair = cross_pair(trained, post, covariates, weight, adjust, efficient=efficient)
    clusters = np.arange(len(weight)) % 40
    draws = np.random.default_rng(1).poisson(1.0, (4, 40)).astype(float)
    found = pair.att(outcome, draws, clusters)
    assert (found == pair.att(outcome, draws[:, clusters])).all()
    for row, att in zip(draws[:, clusters], found, strict=True):
        again = cross_pair(trained, post, covariates, weight * row, adjust, efficient=efficient)
        assert att == pytest.approx(again.influence(outcome)[0], abs=1e-10)


@by_rule
def test_a_draw_that_empties_a_cell_is_nan_and_no_other(adjust: Adjust, efficient: bool) -> None:
    trained, post, covariates, weight, outcome = make()
    pair = cross_pair(trained, post, covariates, weight, adjust, efficient=efficient)
    cells = [(arm & window) for arm in (trained, ~trained) for window in (post, ~post)]
    draws = np.stack([np.ones(len(weight)), *(1.0 - cell for cell in cells), np.ones(len(weight))])
    found = pair.att(outcome, draws)
    assert np.isnan(found[1:-1]).all()
    assert np.isfinite(found[[0, -1]]).all()


@by_rule
def test_without_covariates_every_rule_is_the_difference_of_four_means(adjust: Adjust, efficient: bool) -> None:
    trained, post, covariates, weight, outcome = make()
    pair = cross_pair(trained, post, covariates[:, :1], weight, adjust, efficient=efficient)
    att, influence = pair.influence(outcome)
    expected, rows = np.zeros(2), np.zeros_like(outcome)
    for arm, window in product((True, False), (True, False)):
        cell = (trained == arm) & (post == window)
        sign = 1.0 if arm == window else -1.0
        mean = np.average(outcome[cell], weights=weight[cell], axis=0)
        expected += sign * mean
        rows[cell] = sign * (weight[cell] / weight[cell].sum())[:, None] * (outcome[cell] - mean)
    if adjust == "ipw_unnormalised":
        # Divided by the shares of arm and window apart, which the cells' own sizes only match on average.
        assert att == pytest.approx(expected, abs=0.5)
        return
    assert att == pytest.approx(expected, abs=1e-12)
    assert influence == pytest.approx(rows, abs=1e-12)


@by_rule
def test_units_seen_in_both_windows_give_the_estimate_of_the_panel(adjust: Adjust, efficient: bool) -> None:
    trained, _, covariates, weight, outcome = make()
    both = np.concatenate
    post = np.repeat([False, True], len(weight))
    pair = cross_pair(
        both([trained] * 2), post, both([covariates] * 2), both([weight] * 2), adjust, efficient=efficient
    )
    stacked = both([outcome[:, :1], outcome[:, 1:]])
    panel = panel_pair(trained, covariates, weight, adjust).influence(outcome[:, 1:] - outcome[:, :1])
    found = pair.influence(stacked)
    assert found[0] == pytest.approx(panel[0], abs=1e-10)
    by_unit = found[1][: len(weight)] + found[1][len(weight) :]
    assert by_unit == pytest.approx(panel[1], abs=1e-10)


def test_the_rules_are_those_of_their_formulas_with_the_fits_of_statsmodels() -> None:
    trained, post, covariates, weight, outcome = make()
    keep = weight > 0
    d, t, w, y = trained[keep], post[keep], weight[keep], outcome[keep, 0]
    x = np.column_stack([np.ones(len(d)), (covariates[keep, 1] - 3e4) / 1e4, covariates[keep, 2]])
    share = sm.GLM(d.astype(float), x, family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-14).fittedvalues
    odds = w * share / (1 - share)

    def predicted(arm: Bools, window: Bools) -> Floats:
        cell = arm & window
        return np.asarray(x @ sm.WLS(y[cell], x[cell], weights=w[cell]).fit().params)

    expected = dict.fromkeys(RULES, 0.0)
    for window, sign in ((t, 1.0), (~t, -1.0)):
        treated, control = d & window, ~d & window
        untrained, as_trained = predicted(~d, window), predicted(d, window)
        mean = np.average(y[treated], weights=w[treated])
        residual = np.average((y - untrained)[treated], weights=w[treated])
        residual -= np.average((y - untrained)[control], weights=odds[control])
        gap = as_trained - untrained
        more = np.average(gap[d], weights=w[d]) - np.average(gap[treated], weights=w[treated])
        size = w[d].sum() * w[window].sum() / w.sum()
        expected["regression", True] += sign * (mean - np.average(untrained[d], weights=w[d]))
        expected["ipw", True] += sign * (mean - np.average(y[control], weights=odds[control]))
        expected["ipw_unnormalised", True] += sign * (w[treated] @ y[treated] - odds[control] @ y[control]) / size
        expected["doubly_robust", False] += sign * residual
        expected["doubly_robust", True] += sign * (residual + more)
    for (adjust, efficient), value in expected.items():
        if adjust == "doubly_robust_improved":
            continue
        att, _ = cross_pair(trained, post, covariates, weight, adjust, efficient=efficient).influence(outcome)
        assert att[0] == pytest.approx(value, rel=1e-8), (adjust, efficient)


@by_rule
def test_fits_taken_as_known_change_the_influence_and_nothing_else(adjust: Adjust, efficient: bool) -> None:
    trained, post, covariates, weight, outcome = make()
    pair = cross_pair(trained, post, covariates, weight, adjust, efficient=efficient)
    exact, known = pair.influence(outcome), pair.influence(outcome, fits_known=True)
    assert known[0] == pytest.approx(exact[0], abs=1e-12)
    assert np.abs(known[1].sum(axis=0)).max() <= 1e-10
    assert np.abs(known[1] - exact[1]).max() > 1e-5


def test_what_does_not_exist_is_refused_with_its_reason() -> None:
    trained, post, covariates, weight, _ = make()
    for adjust, efficient in RULES:
        for gone in (trained & post, ~trained & ~post):
            with pytest.raises(FitError, match="empty arm"):
                cross_pair(trained, post, covariates, np.where(gone, 0.0, weight), adjust, efficient=efficient)
        with pytest.raises(FitError, match="singular"):
            cross_pair(trained, post, covariates[:, [0, 1, 1]], weight, adjust, efficient=efficient)
    # A site without a control before the training: there is no regression for it, though the arms overlap.
    new = np.column_stack([covariates, (covariates[:, 2] > 0.5) & ~(~trained & ~post)])
    with pytest.raises(FitError, match="singular"):
        cross_pair(trained, post, new, weight, "doubly_robust")
    cross_pair(trained, post, new, weight, "ipw")


def test_the_record_is_picklable() -> None:
    trained, post, covariates, weight, outcome = make()
    pair = cross_pair(trained, post, covariates, weight, "doubly_robust")
    copy: CrossPair = pickle.loads(pickle.dumps(pair))
    draws = np.random.default_rng(1).exponential(size=(3, len(weight)))
    assert (copy.att(outcome, draws) == pair.att(outcome, draws)).all()
