"""Weight models: the map at ones, its derivative, draws without a fit, and statsmodels' logit behind the weights."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from attribution.core.cohort import WeightModel
from attribution.numerics.balancing import fit_balance
from attribution.numerics.index_weights import BalancingWeights, PropensityWeights, Rule, Side
from attribution.numerics.logit import fit_index, orthonormal

Floats = NDArray[np.float64]

N_UNITS, N = 130, 120
"""Units of the panel, and those in the model."""


def data() -> tuple[NDArray[np.int64], NDArray[np.bool_], Floats, Floats]:
    rng = np.random.default_rng(17)
    inside = np.sort(rng.choice(N_UNITS, N, replace=False)).astype(np.int64)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 2)), rng.random(N) < 0.3])
    trained = rng.random(N) < 1 / (1 + np.exp(0.4 - 0.7 * x[:, 1] + 0.5 * x[:, 3]))
    return inside, trained, x, rng.uniform(0.5, 2.0, N)


def logit(rule: Rule, factor: tuple[float, float] = (1.0, 1.0), cap: float = np.inf) -> PropensityWeights:
    inside, trained, x, weight = data()
    columns = orthonormal(x, weight)
    return PropensityWeights(
        rule, N_UNITS, inside, trained, columns, weight, fit_index(columns, trained, weight, "logit"), factor, cap
    )


def capped(rule: Rule) -> PropensityWeights:
    """Return a model cut at one of its own weights, as a quantile is."""
    weights = np.sort(logit(rule).weights()[~data()[1]])
    return logit(rule, cap=float(weights[-9]))


def balancing(ate: bool, held: bool = False) -> BalancingWeights:
    inside, trained, x, weight = data()
    columns = orthonormal(x, weight)
    target = np.ones(N, dtype=bool) if ate else trained
    sides = []
    for rows in (~trained, trained) if ate else (~trained,):
        fitted = fit_balance(columns[rows], weight[rows], weight[target] @ columns[target])
        sides.append(Side(np.flatnonzero(rows), *fitted, float(weight[rows].sum() / weight[target].sum())))
    return BalancingWeights(N_UNITS, inside, target, columns, weight, tuple(sides), held)


MODELS: dict[str, Callable[[], PropensityWeights | BalancingWeights]] = {
    "ATT": lambda: logit("ATT"),
    "ATE": lambda: logit("ATE"),
    "ATO": lambda: logit("ATO"),
    "ATE, stabilised": lambda: logit("ATE", (0.4, 0.6)),
    "ATT, cut": lambda: capped("ATT"),
    "ATE, cut": lambda: capped("ATE"),
    "entropy": lambda: balancing(ate=False),
    "entropy, held": lambda: balancing(ate=False, held=True),
    "entropy, ATE": lambda: balancing(ate=True),
    "entropy, ATE, held": lambda: balancing(ate=True, held=True),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_map_at_ones_is_the_weights(name: str) -> None:
    model = MODELS[name]()
    found = model.reweight(np.ones((3, N_UNITS)))
    assert found[:, model.inside] == pytest.approx(np.tile(model.weights(), (3, 1)), rel=1e-12)
    outside = np.setdiff1d(np.arange(N_UNITS), model.inside)
    assert (found[:, outside] == 0).all()
    assert (model.influence[outside] == 0).all()
    assert (model.gradient[outside] == 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_weights_move_by_the_gradient_along_the_influence(name: str) -> None:
    model: WeightModel = MODELS[name]()
    step = 1e-5
    moved = step * np.eye(N_UNITS)
    derivative = (model.reweight(1.0 + moved) - model.reweight(1.0 - moved)) / (2 * step)
    expected = model.influence @ model.gradient.T
    assert np.abs(expected).max() > 1e-3
    # Central differences are off by step², those of a weight at the cut, which moves on one side, by step.
    assert np.abs(derivative - expected).max() <= 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("name", MODELS)
def test_a_draw_without_a_fit_is_a_row_of_nan(name: str) -> None:
    model = MODELS[name]()
    _, trained, _, _ = data()
    multipliers = np.ones((3, N_UNITS))
    multipliers[0, model.inside[trained]] = 0.0
    multipliers[2, model.inside[~trained]] = 0.0
    found = model.reweight(multipliers)
    assert np.isnan(found[2]).all()
    assert np.isfinite(found[1]).all()
    # Totals that are held do not need those they came from.
    assert np.isnan(found[0]).all() == (name != "entropy, held")


@pytest.mark.parametrize("name", MODELS)
def test_models_are_written_and_read(name: str) -> None:
    model = MODELS[name]()
    copy = pickle.loads(pickle.dumps(model))
    multipliers = np.random.default_rng(1).exponential(size=(4, N_UNITS))
    np.testing.assert_array_equal(copy.reweight(multipliers), model.reweight(multipliers))


def test_weights_under_multipliers_are_those_of_another_logit() -> None:
    inside, trained, x, weight = data()
    multipliers = np.random.default_rng(6).integers(1, 4, (3, N_UNITS)).astype(float)
    drawn = {rule: logit(rule).reweight(multipliers)[:, inside] for rule in ("ATT", "ATE", "ATO")}
    for draw, own in enumerate(multipliers[:, inside] * weight):
        fitted = sm.GLM(trained.astype(float), x, family=sm.families.Binomial(), freq_weights=own)
        e = np.asarray(fitted.fit(tol=1e-14, maxiter=100).fittedvalues)
        assert drawn["ATT"][draw] == pytest.approx(np.where(trained, 1.0, e / (1 - e)), rel=1e-8)
        assert drawn["ATE"][draw] == pytest.approx(np.where(trained, 1 / e, 1 / (1 - e)), rel=1e-8)
        assert drawn["ATO"][draw] == pytest.approx(np.where(trained, 1 - e, e), rel=1e-8)


def test_balancing_under_multipliers_balances() -> None:
    inside, trained, x, weight = data()
    multipliers = np.random.default_rng(9).exponential(size=(5, N_UNITS))
    own = multipliers[:, inside] * weight
    for ate in (False, True):
        weights = balancing(ate).reweight(multipliers)[:, inside] * own
        goal = own if ate else own * trained
        goal_means = goal @ x / goal.sum(axis=1, keepdims=True)
        for arm in (trained, ~trained):
            means = weights[:, arm] @ x[arm] / weights[:, arm].sum(axis=1, keepdims=True)
            assert means == pytest.approx(goal_means, abs=1e-8)


def test_cut_weights_stay_cut_in_draws() -> None:
    model = capped("ATT")
    found = model.reweight(np.random.default_rng(2).exponential(size=(6, N_UNITS)))
    assert found.max() == model.cap
    at_cap = (np.abs(model.weights() / model.cap - 1) < 1e-12).sum()
    assert at_cap == 9
