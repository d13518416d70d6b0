"""Coverage of the robust intervals where trends part as far as the class allows, on the side that hurts."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.numerics.honest import EventStudy, Floats
from attribution.numerics.honest_relative import holds_zero, mean_zero_draws
from attribution.numerics.honest_smooth import fixed_length, frontier

LEVEL, REPLICATIONS = 0.95, 1_000
MARGIN = 3 * np.sqrt(LEVEL * (1 - LEVEL) / REPLICATIONS)


@pytest.fixture
def sigma() -> Floats:
    """Return the covariance of four pre and two post coefficients that share their reference."""
    times = np.array([-4.0, -3.0, -2.0, -1.0, 1.0, 2.0])
    return np.asarray(0.5 + 0.5 * np.eye(6) + 0.05 * np.diag(np.abs(times)))


def drifts(beta_pre: Floats, step: float) -> Floats:
    """Return δ with these pre periods and post periods that part by `step` each."""
    return np.r_[beta_pre, step, 2 * step]


# Pre periods: none, small against the noise, a clear step, two steps of one size; in standard errors of about 1.
SHAPES = {
    "parallel": np.zeros(4),
    "small": np.array([0.3, 0.0, 0.2, 0.1]),
    "one large step": np.array([6.0, 6.0, 0.0, 0.0]),
    "a tie": np.array([0.0, 3.0, 0.0, 0.0]),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("target", [np.array([1.0, 0.0]), np.array([0.5, 0.5])], ids=["first", "average"])
@pytest.mark.parametrize("magnitude", [0.5, 1.0])
def test_relative_magnitudes_cover(sigma: Floats, shape: str, target: Floats, magnitude: float) -> None:
    largest = float(np.abs(np.diff([*SHAPES[shape], 0.0])).max())
    truth = drifts(SHAPES[shape], magnitude * largest)  # the effects are 0: covering is not rejecting 0
    study = EventStudy(truth, sigma, 4, target)
    # 5,000 draws know the first stage, .005 of the .05, to ± .001: far below the margin.
    draws = mean_zero_draws(study, seed=11)[:, :5_000]
    noise = np.random.default_rng(5).normal(size=(REPLICATIONS, 6)) @ np.linalg.cholesky(sigma).T
    held = [holds_zero(EventStudy(truth + one, sigma, 4, target), magnitude, LEVEL, draws) for one in noise]
    assert np.mean(held) >= LEVEL - MARGIN


@pytest.mark.parametrize("magnitude", [0.0, 0.2, 2.0])
def test_smoothness_covers_exactly_at_its_worst_case(sigma: Floats, magnitude: float) -> None:
    """The δ that bends by ± M as the estimator's loadings have it gives the largest bias, and exact coverage."""
    target = np.array([0.5, 0.5])
    study = EventStudy(np.zeros(6), sigma, 4, target)
    path = frontier(study)
    low, high = fixed_length(path, magnitude, LEVEL)
    half = (high - low) / 2
    times = np.array([-4, -3, -2, -1, 1, 2])
    bends = {bend: np.maximum(times - bend, 0) if bend >= 0 else np.maximum(bend - times, 0) for bend in range(-3, 2)}
    # The weights of this magnitude: the interval's centre is linear in β.
    weights = np.array([np.mean(fixed_length(frontier(EventStudy(unit, sigma, 4, target)), magnitude, LEVEL))
                        for unit in np.eye(6)])  # fmt: skip
    truth = sum(magnitude * np.sign(np.round(weights @ shape, 9)) * shape for shape in bends.values())
    truth = truth + 0.7 * times  # a straight line on top changes nothing
    noise = np.random.default_rng(9).normal(size=(REPLICATIONS, 6)) @ np.linalg.cholesky(sigma).T
    covered = np.abs((truth + noise) @ weights) <= half
    assert np.mean(covered) == pytest.approx(LEVEL, abs=MARGIN)
