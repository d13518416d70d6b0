"""Entropy balancing: its own equations, the primal problem solved by another optimiser, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from attribution.numerics.balancing import fit_balance, fit_balance_draws
from attribution.numerics.logit import FitError

Floats = NDArray[np.float64]


def make(n: int = 60, seed: int = 4) -> tuple[Floats, Floats, Floats]:
    """Return columns with the constant first, weights of the group, and totals that lie within it."""
    rng = np.random.default_rng(seed)
    columns = np.column_stack([np.ones(n), rng.normal(size=(n, 2)), rng.random(n) < 0.4])
    weight = rng.uniform(0.5, 2.0, n)
    return columns, weight, 40.0 * np.array([1.0, 0.3, -0.2, 0.5])


def test_totals_are_reached() -> None:
    columns, weight, target = make()
    gamma, inverse = fit_balance(columns, weight, target)
    weights = weight * np.exp(columns @ gamma)
    assert weights @ columns == pytest.approx(target, rel=1e-12)
    hessian = columns.T @ (columns * weights[:, None])
    assert inverse @ hessian == pytest.approx(np.eye(4), abs=1e-12)


# Before SciPy 1.16 SLSQP says so when a trial point leaves the bounds; it is brought back.
@pytest.mark.filterwarnings("ignore:Values in x were outside bounds:RuntimeWarning")
def test_the_weights_are_those_of_least_divergence() -> None:
    """Hainmueller's primal problem: min Σ v log(v/w) under the balance, by scipy's SLSQP."""
    columns, weight, target = make(25)
    gamma, _ = fit_balance(columns, weight, target)
    found = minimize(
        lambda v: float(v @ np.log(v / weight)),
        weight * target[0] / weight.sum(),
        jac=lambda v: np.log(v / weight) + 1.0,
        bounds=[(1e-9, None)] * 25,
        constraints={"type": "eq", "fun": lambda v: v @ columns - target, "jac": lambda v: columns.T},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    # SLSQP's own tolerance.
    assert weight * np.exp(columns @ gamma) == pytest.approx(found.x, rel=1e-4)


def test_draws_are_fits_of_their_own() -> None:
    columns, weight, target = make()
    rng = np.random.default_rng(8)
    weights = weight * rng.exponential(size=(7, len(weight)))
    targets = target * rng.uniform(0.9, 1.1, (7, 1))
    weights[5] = 0.0
    start, _ = fit_balance(columns, weight, target)
    found = fit_balance_draws(columns, weights, targets, start)
    assert np.isnan(found[5]).all()
    for draw in (0, 1, 2, 3, 4, 6):
        # The last step of a draw is below 1e-5, so that its square is left.
        assert found[draw] == pytest.approx(fit_balance(columns, weights[draw], targets[draw])[0], abs=1e-9)


def test_a_constant_column_may_have_any_sign() -> None:
    columns, weight, target = make()
    turned = columns * np.array([-1.0, 1.0, 1.0, 1.0])
    gamma, _ = fit_balance(turned, weight, target * np.array([-1.0, 1.0, 1.0, 1.0]))
    assert turned @ gamma == pytest.approx(columns @ fit_balance(columns, weight, target)[0], rel=1e-10)


@pytest.mark.parametrize("mean", [2.9, 5.0])
def test_a_target_beyond_the_group_is_refused(mean: float) -> None:
    columns, weight, target = make()
    target = target.copy()
    target[1] = target[0] * mean
    with pytest.raises(FitError) as caught:
        fit_balance(columns, weight, target)
    assert caught.value.reason == "no overlap"
    near = make()[2]
    start, _ = fit_balance(columns, weight, near)
    found = fit_balance_draws(columns, np.stack([weight, weight]), np.stack([target, near]), start)
    assert np.isnan(found[0]).all()
    assert found[1] == pytest.approx(start, abs=1e-12)


def test_dependent_columns_and_empty_groups_are_refused() -> None:
    columns, weight, target = make()
    for given, weights, totals, reason in (
        (np.column_stack([columns, columns[:, 1]]), weight, np.append(target, target[1]), "singular"),
        (columns, np.zeros(len(weight)), target, "empty arm"),
        (columns, weight, -target, "empty arm"),
    ):
        with pytest.raises(FitError) as caught:
            fit_balance(given, weights, totals)
        assert caught.value.reason == reason
