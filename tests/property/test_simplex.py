"""The weights over the simplex meet the conditions of an optimum, whatever the numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attribution.numerics.simplex import simplex_least_squares

Floats = NDArray[np.float64]
Problem = tuple[Floats, Floats, float]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Return matrix, target and ridge: tall or wide, of any scale, with ties and columns that follow each other."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows, n_weights = draw(st.integers(1, 25)), draw(st.integers(1, 40))
    matrix = rng.normal(size=(n_rows, n_weights))
    if draw(st.booleans()):
        matrix = np.round(matrix)
    if draw(st.booleans()):
        matrix += 10 * rng.normal(size=(n_rows, 1))
    target = matrix @ rng.dirichlet(np.ones(n_weights)) if draw(st.booleans()) else 3 * rng.normal(size=n_rows)
    scale = 10.0 ** draw(st.integers(-6, 6))
    ridge = draw(st.sampled_from([1e-10, 0.01, 1.0, 100.0])) * scale**2
    return scale * matrix, scale * target, ridge


@given(problems())
def test_the_weights_meet_the_conditions_of_an_optimum(problem: Problem) -> None:
    matrix, target, ridge = problem
    found = simplex_least_squares(matrix, target, ridge=ridge)
    assert (found >= 0).all()
    assert abs(found.sum() - 1) <= 1e-12
    gradient = matrix.T @ (matrix @ found - target) + ridge * found
    # Karush, Kuhn & Tucker: no vertex lies downhill. The gap bounds what is left to gain: half of the loss above its
    # minimum. Rounding leaves 1e-15 of the loss's own scale; a thousand times that.
    distance = matrix - target[:, None]
    scale = float((distance**2).sum(axis=0).max()) + ridge
    assert found @ gradient - gradient.min() <= 1e-12 * scale


@given(problems(), st.integers(0, 2**32 - 1))
def test_nothing_on_the_simplex_is_better(problem: Problem, seed: int) -> None:
    matrix, target, ridge = problem
    found = simplex_least_squares(matrix, target, ridge=ridge)
    rng = np.random.default_rng(seed)
    n_weights = matrix.shape[1]
    others = np.concatenate([np.eye(n_weights), rng.dirichlet(np.ones(n_weights), 20), rng.dirichlet(found + 1e-3, 20)])
    every = np.concatenate([found[None], others])
    loss = ((every @ matrix.T - target) ** 2).sum(axis=1) + ridge * (every**2).sum(axis=1)
    assert loss[0] <= loss[1:].min() + 1e-10 * loss.max()


@given(problems(), st.integers(0, 2**32 - 1))
def test_order_and_scale_do_not_matter(problem: Problem, seed: int) -> None:
    matrix, target, ridge = problem
    ridge = max(ridge, 0.01 * float((matrix**2).sum(axis=0).max()))  # so that the weights are unique to the digit
    found = simplex_least_squares(matrix, target, ridge=ridge)
    order = np.random.default_rng(seed).permutation(len(found))
    permuted = simplex_least_squares(matrix[:, order], target, ridge=ridge)
    scaled = simplex_least_squares(-7 * matrix, -7 * target, ridge=49 * ridge)
    assert np.abs(permuted - found[order]).max() <= 1e-9
    assert np.abs(scaled - found).max() <= 1e-9
