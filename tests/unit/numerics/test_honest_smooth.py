"""Fixed-length intervals under smoothness, against brute force and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear, minimize
from scipy.stats import ncx2, norm

from attribution.numerics.honest import EventStudy, Floats, original
from attribution.numerics.honest_smooth import fixed_length, folded_quantile, frontier, pre_bend


def make(n_pre: int, n_post: int, seed: int, target: Floats | None = None) -> EventStudy:
    """Return an event study with a random covariance; the target is the average unless given."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n_pre + n_post, n_pre + n_post + 3))
    weights = np.full(n_post, 1 / n_post) if target is None else target
    return EventStudy(rng.normal(size=n_pre + n_post), root @ root.T / 10, n_pre, weights)


def worst_bias(study: EventStudy, weights: Floats) -> float:
    """Return the largest bias per unit of M of `weights`, by building δ from its bends, one by one."""
    n_pre, n_post = study.n_pre, len(study.target)
    times = np.array([*range(-n_pre, 0), *range(1, n_post + 1)])
    total = 0.0
    for bend in range(-n_pre + 1, n_post):
        # δ with slope 0 on the far side of the reference and one unit of bend in `bend`.
        path = np.maximum(times - bend, 0) if bend >= 0 else np.maximum(bend - times, 0)
        total += abs(float(weights @ path))
    return total


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_the_folded_quantile_is_the_root_of_a_noncentral_chi_square(level: float) -> None:
    for shift in (0.0, 0.1, 1.0, 2.5):
        assert folded_quantile(shift, level) == pytest.approx(np.sqrt(ncx2.ppf(level, 1, shift**2)), rel=1e-8)
    assert folded_quantile(0.0, level) == pytest.approx(norm.ppf((1 + level) / 2), rel=1e-12)
    # Far out only one side is left.
    assert folded_quantile(50.0, level) == pytest.approx(50 + norm.ppf(level), rel=1e-12)


@pytest.mark.parametrize(("n_pre", "n_post"), [(1, 1), (1, 3), (3, 1), (5, 4)])
def test_the_frontier_is_unbiased_for_straight_trends_and_states_its_bias(n_pre: int, n_post: int) -> None:
    study = make(n_pre, n_post, seed=n_pre + 10 * n_post)
    times = np.array([*range(-n_pre, 0), *range(1, n_post + 1)])
    path = frontier(study)
    for multiplier in np.linspace(0, 1.2, 7) * path.knots[0]:
        weights, error, bias = path.at(float(multiplier))
        assert weights @ times == pytest.approx(0, abs=1e-10)
        np.testing.assert_allclose(weights[n_pre:], study.target)
        assert error == pytest.approx(np.sqrt(weights @ study.sigma @ weights))
        assert bias == pytest.approx(worst_bias(study, weights))


@pytest.mark.parametrize("seed", range(5))
def test_the_path_solves_its_lasso(seed: int) -> None:
    """The dual of the lasso is least squares in a box, which scipy solves by another algorithm."""
    study = make(6, 2, seed)
    path = frontier(study)
    curvature = path.directions.T @ study.sigma @ path.directions
    gradient = path.directions.T @ study.sigma @ path.base
    inverse_root = np.linalg.inv(np.linalg.cholesky(curvature))
    for share in (0.9, 0.5, 0.2, 0.01):
        multiplier = share * float(path.knots[0])
        dual = lsq_linear(inverse_root, -inverse_root @ gradient, bounds=(-multiplier, multiplier), tol=1e-14).x
        expected = -np.linalg.solve(curvature, gradient + dual)
        weights = path.base + path.directions @ expected
        np.testing.assert_allclose(path.at(multiplier)[0], weights, atol=1e-6 * np.abs(weights).max())


@pytest.mark.parametrize("magnitude", [0.0, 0.02, 0.1, 0.5, 3.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_other_estimator_has_a_shorter_interval(magnitude: float, seed: int) -> None:
    study = make(4, 2, seed)
    path = frontier(study)
    low, high = fixed_length(path, magnitude, 0.95)

    def half_length(loading: Floats) -> float:
        weights = path.base + path.directions @ loading
        error = float(np.sqrt(weights @ study.sigma @ weights))
        return error * folded_quantile(magnitude * worst_bias(study, weights) / error, 0.95)

    # A simplex collapses on the kinks of |q|: start again from where it stopped, until that changes nothing.
    start, best = np.zeros(3), np.inf
    for _ in range(30):
        found = minimize(half_length, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
        if best - found.fun < 1e-10:
            break
        start, best = found.x, float(found.fun)
    assert (high - low) / 2 <= best * (1 + 1e-9)
    assert (high - low) / 2 == pytest.approx(best, rel=1e-4)


def test_without_bend_it_is_generalised_least_squares_on_a_line() -> None:
    study = make(4, 1, seed=3)
    times = np.array([-4.0, -3.0, -2.0, -1.0, 1.0])
    design = np.column_stack([times, np.eye(5)[:, 4]])
    inverse = np.linalg.inv(study.sigma)
    variance = np.linalg.inv(design.T @ inverse @ design)
    effect = (variance @ design.T @ inverse @ study.beta)[1]
    half = norm.ppf(0.975) * np.sqrt(variance[1, 1])
    np.testing.assert_allclose(fixed_length(frontier(study), 0.0, 0.95), (effect - half, effect + half), rtol=1e-9)


def test_one_period_on_each_side_has_one_estimator() -> None:
    study = EventStudy(np.array([0.3, 1.0]), np.array([[0.04, 0.01], [0.01, 0.09]]), 1, np.ones(1))
    error = np.sqrt(0.04 + 0.09 + 2 * 0.01)
    for magnitude in (0.0, 0.2):
        half = error * np.sqrt(ncx2.ppf(0.95, 1, (magnitude / error) ** 2))
        found = fixed_length(frontier(study), magnitude, 0.95)
        np.testing.assert_allclose(found, (1.3 - half, 1.3 + half), rtol=1e-8)


def test_the_scale_of_the_bend() -> None:
    study = EventStudy(np.array([0.5, 0.1, 2.0]), np.diag([0.04, 0.01, 1.0]), 2, np.ones(1))
    # One bend before the reference: δ₋₂ − 2δ₋₁ + 0.
    expected = abs(0.5 - 0.2) + norm.ppf(0.95) * np.sqrt(0.04 + 4 * 0.01)
    assert pre_bend(study, 0.95) == pytest.approx(expected)
    single = EventStudy(np.array([0.5, 2.0]), np.diag([0.04, 1.0]), 1, np.ones(1))
    assert pre_bend(single, 0.95) == pytest.approx(0.2)
    assert original(single, 0.95)[0] < 2 < original(single, 0.95)[1]
