"""Least squares over the simplex: cases by hand, another solver, and what has no unique answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from attribution.numerics.simplex import simplex_least_squares


def test_a_target_between_two_columns_is_met_by_these() -> None:
    matrix = np.array([[0.0, 10.0, 4.0], [0.0, 0.0, 9.0]])
    assert simplex_least_squares(matrix, np.array([2.5, 0.0])) == pytest.approx([0.75, 0.25, 0.0], abs=1e-12)


def test_a_target_outside_the_hull_is_met_at_its_nearest_point() -> None:
    # The nearest point of the segment from (0, 0) to (4, 0) to (1, 3) is (1, 0); to (9, 3) it is its end.
    matrix = np.array([[0.0, 4.0], [0.0, 0.0]])
    assert simplex_least_squares(matrix, np.array([1.0, 3.0])) == pytest.approx([0.75, 0.25], abs=1e-12)
    assert simplex_least_squares(matrix, np.array([9.0, 3.0])) == pytest.approx([0.0, 1.0], abs=1e-12)


def test_a_ridge_has_its_closed_form_between_two_columns() -> None:
    # min (4w − 1)² + r(w² + (1 − w)²): w = (4 + r) / (16 + 2r).
    for ridge in (0.5, 3.0, 40.0):
        found = simplex_least_squares(np.array([[4.0, 0.0]]), np.array([1.0]), ridge=ridge)
        assert found[0] == pytest.approx((4 + ridge) / (16 + 2 * ridge), rel=1e-12)


def test_it_agrees_with_a_general_solver() -> None:
    rng = np.random.default_rng(3)
    for ridge in (0.0, 0.7):
        matrix, target = rng.normal(size=(20, 6)), rng.normal(size=20)
        found = simplex_least_squares(matrix, target, ridge=ridge)

        def loss(w: np.ndarray, matrix=matrix, target=target, ridge=ridge) -> float:
            return float(np.sum((matrix @ w - target) ** 2) + ridge * w @ w)

        other = minimize(
            loss,
            np.full(6, 1 / 6),
            method="SLSQP",
            bounds=[(0, 1)] * 6,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            options={"ftol": 1e-15, "maxiter": 500},
        )
        # The general solver stops at about the square root of its tolerance in the weights.
        assert found == pytest.approx(other.x, abs=1e-6)
        assert loss(found) <= loss(other.x) + 1e-12


def test_a_large_ridge_gives_equal_weights() -> None:
    rng = np.random.default_rng(4)
    found = simplex_least_squares(rng.normal(size=(8, 5)), rng.normal(size=8), ridge=1e12)
    assert found == pytest.approx(np.full(5, 0.2), abs=1e-10)


def test_columns_that_all_are_the_target_get_equal_weights() -> None:
    target = np.array([3.0, -2.0])
    assert (simplex_least_squares(np.repeat(target[:, None], 4, axis=1), target) == 0.25).all()
    assert simplex_least_squares(np.repeat(target[:, None], 4, axis=1), target, ridge=2.0) == pytest.approx([0.25] * 4)


def test_a_single_column_has_the_whole_weight() -> None:
    assert simplex_least_squares(np.array([[7.0], [1.0]]), np.array([-3.0, 5.0])).tolist() == [1.0]
