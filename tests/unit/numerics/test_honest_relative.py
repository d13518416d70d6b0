"""The hybrid test behind relative magnitudes, against linear programmes and its definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.stats import truncnorm

from attribution.numerics.honest import EventStudy, Floats, original
from attribution.numerics.honest_relative import (
    STEP,
    accepts,
    critical_bounds,
    holds_zero,
    least_favourable,
    mean_zero_draws,
    moments,
    relative,
)

LEVEL = 0.95
SIZE = (0.05 - 0.005) / (1 - 0.005)


def make(seed: int, n_pre: int, target: Floats) -> EventStudy:
    rng = np.random.default_rng(seed)
    size = n_pre + len(target)
    root = rng.normal(size=(size, size + 3))
    return EventStudy(rng.normal(size=size), root @ root.T / 10, n_pre, target)


def inequalities(study: EventStudy, magnitude: float, period: int, sign: int) -> tuple[Floats, Floats, Floats]:
    """Return rows, target column and nuisance columns: `rows @ β − target·θ − nuisance @ other effects ≤ 0`."""
    size, n_pre = len(study.beta), study.n_pre
    steps = np.zeros((size, size + 1))
    for row in range(size):
        steps[row, row], steps[row, row + 1] = -1.0, 1.0
    steps = np.delete(steps, n_pre, axis=1)
    bound = sign * magnitude * steps[period]
    rows = np.concatenate([steps[n_pre:] - bound, -steps[n_pre:] - bound])
    # A basis of the effects whose first coordinate is the target.
    full = np.linalg.svd(study.target[None])[2]
    along = rows[:, n_pre:] @ (study.target / (study.target @ study.target))
    return rows, along, rows[:, n_pre:] @ full[1:].T


def programme(y: Floats, nuisance: Floats, deviations: Floats) -> tuple[float, NDArray[np.float64]]:
    """Solve min η: y − nuisance @ x ≤ η·sd; return the optimum and the multipliers."""
    cost = np.zeros(1 + nuisance.shape[1])
    cost[0] = 1.0
    found = linprog(cost, A_ub=-np.column_stack([deviations, nuisance]), b_ub=-y, bounds=(None, None), method="highs")
    assert found.status == 0
    return float(found.fun), -np.asarray(found.ineqlin.marginals)


TARGETS = [
    np.array([1.0]),
    np.array([1.0, 0.0]),
    np.array([0.5, 0.5]),
    np.array([0.0, 1.0, 0.0]),
    np.array([0.2, 0.3, 0.5]),
    np.array([1.0, -2.0, 0.5]),
]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_the_statistic_is_the_optimum_of_the_linear_programme(target: Floats) -> None:
    for seed in range(4):
        study = make(seed, 3, target)
        for period, sign in ((0, 1), (2, -1)):
            rows, along, nuisance = inequalities(study, 0.7, period, sign)
            deviations = np.sqrt(np.diag(rows @ study.sigma @ rows.T))
            found = moments(study, 0.7, period, sign)
            for theta in np.linspace(-3, 3, 7):
                expected, _ = programme(rows @ study.beta - along * theta, nuisance, deviations)
                assert (found.values - theta * found.slopes).max() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_the_second_stage_is_truncated_where_the_programme_changes_its_vertex(target: Floats) -> None:
    """The truncation points of Andrews, Roth & Pakes, found by walking along β with linear programmes."""
    checked = 0
    for seed in range(5):
        study = make(100 + seed, 2, target)
        rows, along, nuisance = inequalities(study, 0.5, 1, 1)
        covariance = rows @ study.sigma @ rows.T
        deviations = np.sqrt(np.diag(covariance))
        found = moments(study, 0.5, 1, 1)
        for theta in np.linspace(-2.5, 2.5, 4):
            y = rows @ study.beta - along * theta
            statistic, vertex = programme(y, nuisance, deviations)
            variance = float(vertex @ covariance @ vertex)
            direction = covariance @ vertex / variance
            rest = y - direction * statistic

            def stays(
                value: float,
                rest: Floats = rest,
                direction: Floats = direction,
                nuisance: Floats = nuisance,
                deviations: Floats = deviations,
            ) -> bool:
                return programme(rest + direction * value, nuisance, deviations)[0] <= value + 1e-9

            lowest, highest = statistic, statistic
            for sign in (-1, 1):
                inside, outside = statistic, statistic + sign * 60.0
                if not stays(outside):
                    for _ in range(32):
                        middle = (inside + outside) / 2
                        inside, outside = (middle, outside) if stays(middle) else (inside, middle)
                else:
                    inside = sign * np.inf
                lowest, highest = (inside, highest) if sign < 0 else (lowest, inside)
            critical = 2.7
            error = np.sqrt(variance)
            kept = bool(accepts(found, np.array([theta]), critical, LEVEL)[0])
            if statistic > critical or statistic <= 0:
                assert kept == (statistic <= 0)
                continue
            low, high = lowest / error, min(highest, critical) / error
            tail = float(truncnorm.sf(statistic / error, low, high))
            if abs(tail - SIZE) > 1e-4:
                checked += 1
                assert kept == (tail > SIZE)
    assert checked >= 4


def test_without_violations_it_is_about_the_original_interval() -> None:
    study = make(5, 4, np.array([1.0, 0.0]))
    step = 40 / 999 * study.std_error
    found = relative(study, 0.0, LEVEL, mean_zero_draws(study, seed=0))
    # The two stages of the hybrid move its ends by less than a step.
    np.testing.assert_allclose(found, original(study, LEVEL), atol=step)


def test_the_ends_and_the_test_of_zero_agree() -> None:
    study = make(8, 3, np.array([0.5, 0.5]))
    draws = mean_zero_draws(study, seed=3)
    for magnitude in (0.0, 0.3, 1.0, 4.0):
        low, high = relative(study, magnitude, LEVEL, draws)
        for theta in (low, high):
            shifted = EventStudy(study.beta - np.r_[0, 0, 0, theta, theta], study.sigma, 3, study.target)
            # The end itself is kept; one and a half steps further out nothing is.
            assert holds_zero(shifted, magnitude, LEVEL, draws)
            beyond = theta + (1.5 if theta == high else -1.5) * 40 / 999 * study.std_error
            outside = EventStudy(study.beta - np.r_[0, 0, 0, beyond, beyond], study.sigma, 3, study.target)
            assert not holds_zero(outside, magnitude, LEVEL, draws)


def test_the_interval_is_not_cut_off_at_twenty_standard_errors() -> None:
    study = EventStudy(np.array([1.0, 0.0]), 1e-4 * np.eye(2), 1, np.ones(1))
    low, high = relative(study, 1.0, LEVEL, mean_zero_draws(study, seed=0))
    assert low < -1 < 1 < high
    assert high - low == pytest.approx(2, rel=0.05)


def test_the_first_stage_has_its_size() -> None:
    study = make(2, 3, np.array([0.3, 0.7]))
    found = moments(study, 1.0, 0, 1)
    critical = least_favourable(found, LEVEL, mean_zero_draws(study, seed=0))
    other = mean_zero_draws(study, seed=1)
    share = float(((found.forms @ other).max(axis=0) > critical).mean())
    # Two samples of 200,000: the standard error of the difference is √2 · √(.005 · .995 / 200,000) = .00022.
    assert share == pytest.approx(0.005, abs=4 * 0.00022)


def test_the_critical_value_lies_within_its_bounds_and_a_larger_one_keeps_more() -> None:
    for seed in range(6):
        study = make(seed, 3, np.array([0.3, 0.7]) if seed % 2 else np.array([1.0, 0.0]))
        draws = mean_zero_draws(study, seed=0)
        targets = study.value + study.std_error * np.linspace(-60, 60, 2401)
        union = np.zeros(2401, dtype=bool)
        for period in range(3):
            for sign in (1, -1):
                found = moments(study, 0.8, period, sign)
                least, most = critical_bounds(found, LEVEL)
                critical = least_favourable(found, LEVEL, draws)
                # The simulated value has an error of about .01 of its own.
                assert least - 0.04 <= critical <= most + 0.04
                kept = [accepts(found, targets, value, LEVEL) for value in (least, critical, most)]
                assert (kept[0] <= kept[1]).all()
                assert (kept[1] <= kept[2]).all()
                union |= kept[1]
        # What is skipped in the search for the ends changes none of them.
        assert not union[[0, -1]].any()
        low, high = relative(study, 0.8, LEVEL, draws)
        inside = targets[union]
        spacing = (0.05 + STEP) * study.std_error
        assert low == pytest.approx(inside[0], abs=spacing)
        assert high == pytest.approx(inside[-1], abs=spacing)


def test_the_same_seed_gives_the_same_bits() -> None:
    study = make(2, 3, np.array([0.3, 0.7]))
    first, again = (relative(study, 1.0, LEVEL, mean_zero_draws(study, seed=4)) for _ in range(2))
    assert first == again
