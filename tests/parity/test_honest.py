"""Robust intervals against R's HonestDiD: its coefficients, its intervals, and its own thousand draws."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from attribution.numerics.honest import EventStudy, original
from attribution.numerics.honest_relative import (
    Moments,
    accepts,
    holds_zero,
    least_favourable,
    mean_zero_draws,
    moments,
    relative,
)
from attribution.numerics.honest_smooth import fixed_length, frontier, pre_bend

Floats = NDArray[np.float64]

# HonestDiD takes the quantile of |N(t, 1)| from a million draws: its Monte Carlo error is .0021 standard errors, and
# all its half-lengths share the draws. One grid step, which the issue allows, is .04 standard errors.
QUANTILE_NOISE = 0.005


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    """Return the coefficients of the event study, and HonestDiD's intervals for them, committed with their source."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("honest.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def medicaid(values: dict[str, Any]) -> Callable[[Floats], EventStudy]:
    """Return a maker of the Medicaid event study for target weights on 2014 and 2015."""
    entry = values["twfe_event_medicaid"]
    return lambda target: EventStudy(np.array(entry["estimate"]), np.array(entry["sigma"]), 5, target)


FIRST, AVERAGE = np.array([1.0, 0.0]), np.array([0.5, 0.5])


def grid_step(study: EventStudy) -> float:
    """Return the distance of HonestDiD's default grid: 1,000 points over ± 20 standard errors."""
    return 40 * study.std_error / 999


def test_the_committed_values_are_those_of_the_reference(
    values: dict[str, Any], reference: dict[str, dict[str, Any]]
) -> None:
    for name, entry in values.items():
        if name == "twfe_event_medicaid":
            assert entry["estimate"] == list(reference[name]["estimate"].values())
            assert entry["sigma"] == reference[name]["extra"]["sigma"]
        else:
            assert entry == {key: reference[name][key] for key in entry}
    named = {name for name in reference if name.startswith("honest_medicaid")}
    assert named <= set(values)


def test_the_coefficients_are_those_of_fixest(
    values: dict[str, Any], reference_data: Callable[[str], pd.DataFrame]
) -> None:
    """Two-way fixed effects by hand: fixest 0.12.1, CR1 with the state effects, nested in the clusters, not counted."""
    frame = reference_data("medicaid_ehec_nonstaggered.csv")
    outcome = frame.pivot_table(index="stfips", columns="year", values="dins")
    trained = frame.groupby("stfips")["D"].first().to_numpy()
    clusters, periods = outcome.shape
    dummies = np.delete(np.eye(periods), list(outcome.columns).index(2013), axis=1)
    columns = trained[:, None, None] * dummies[None]

    def within(cube: Floats) -> Floats:
        return np.asarray(cube - cube.mean(0) - cube.mean(1, keepdims=True) + cube.mean((0, 1)))

    x, y = within(columns), within(outcome.to_numpy()[:, :, None])[:, :, 0]
    inverse = np.linalg.inv(np.einsum("gtj,gtk->jk", x, x))
    beta = inverse @ np.einsum("gtj,gt->j", x, y)
    scores = np.einsum("gtj,gt->gj", x, y - x @ beta)
    rows, parameters = clusters * periods, 7 + periods
    factor = clusters / (clusters - 1) * (rows - 1) / (rows - parameters)
    sigma = factor * inverse @ scores.T @ scores @ inverse
    entry = values["twfe_event_medicaid"]
    np.testing.assert_allclose(beta, entry["estimate"], rtol=1e-6)
    np.testing.assert_allclose(sigma, entry["sigma"], rtol=1e-6)


def test_the_original_interval(values: dict[str, Any], medicaid: Callable[[Floats], EventStudy]) -> None:
    entry = values["honest_medicaid_original"]
    study = medicaid(FIRST)
    assert study.value == pytest.approx(entry["estimate"], rel=1e-12)
    np.testing.assert_allclose(original(study, 0.95), entry["ci"], rtol=1e-12)


@pytest.mark.parametrize("magnitude", [0.5, 1, 1.5, 2])
def test_relative_magnitudes_within_one_grid_step(
    values: dict[str, Any], medicaid: Callable[[Floats], EventStudy], magnitude: float
) -> None:
    study = medicaid(FIRST)
    found = relative(study, magnitude, 0.95, mean_zero_draws(study, seed=0))
    expected = values[f"honest_medicaid_RM_{magnitude:g}"]["ci"]
    # The grid is the same, the thousand draws of the first stage are not: the ends may be one step apart. They are not.
    np.testing.assert_allclose(found, expected, rtol=0, atol=grid_step(study))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("magnitude", [0, 0.01, 0.02, 0.03, 0.04, 0.05])
def test_smoothness_within_the_noise_of_a_million_draws(
    values: dict[str, Any], medicaid: Callable[[Floats], EventStudy], magnitude: float
) -> None:
    study = medicaid(FIRST)
    found = fixed_length(frontier(study), magnitude, 0.95)
    expected = values[f"honest_medicaid_SD_{magnitude:g}"]["ci"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=QUANTILE_NOISE * study.std_error)


def test_the_breakdown_values_lie_where_the_readme_says(medicaid: Callable[[Floats], EventStudy]) -> None:
    """HonestDiD's README: a breakdown M̄ of about 2, an M between .02 and .03, where the printed intervals reach 0."""
    study = medicaid(FIRST)
    draws = mean_zero_draws(study, seed=0)
    assert not holds_zero(study, 1.5, 0.95, draws)
    assert holds_zero(study, 2.0, 0.95, draws)
    path = frontier(study)
    assert fixed_length(path, 0.02, 0.95)[0] > 0 > fixed_length(path, 0.03, 0.95)[0]


# README of the Stata package honestdid 0.5.3 (Cáceres Bravo, Rambachan & Roth), l_vec = (.5, .5), three printed digits.
STATA_AVERAGE = {
    0.0: (0.041, 0.075),
    0.5: (0.033, 0.080),
    1.0: (0.020, 0.090),
    1.5: (0.006, 0.103),
    2.0: (-0.008, 0.117),
}


@pytest.mark.parametrize("magnitude", STATA_AVERAGE)
def test_the_average_against_the_stata_package(medicaid: Callable[[Floats], EventStudy], magnitude: float) -> None:
    study = medicaid(AVERAGE)
    found = relative(study, magnitude, 0.95, mean_zero_draws(study, seed=0))
    # One grid step for its own draws, and half a unit of the last printed digit.
    np.testing.assert_allclose(found, STATA_AVERAGE[magnitude], rtol=0, atol=grid_step(study) + 0.0005)


# Benzarti & Carloni, first post period. Values that R's HonestDiD printed into the tests of the Julia port
# HonestDiD.jl (eohne/HonestDiD.jl, test/reference.jl): original interval, upper bound of the pre periods' bend, FLCI
# by M, and the interval by M̄ = 1 on a grid of 200 points over ± 20 standard errors.
BENZARTI = {0.0: (0.131411316, 0.2161696482), 0.1: (0.1194440001, 0.4185082143), 0.2: (0.01944400015, 0.5185082143)}
BENZARTI_RELATIVE = (0.07055244362, 0.3184394077)


@pytest.fixture(scope="module")
def benzarti(reference_file: Callable[[str], Path]) -> EventStudy:
    """Return the event study of Benzarti & Carloni that ships with HonestDiD, for its first post period."""
    data = json.loads(reference_file("honestdid_BCdata.json").read_text(encoding="utf-8"))
    return EventStudy(np.array(data["betahat"]), np.array(data["sigma"]), 4, np.array([1.0, 0, 0, 0]))


def test_benzarti_and_carloni(benzarti: EventStudy) -> None:
    np.testing.assert_allclose(original(benzarti, 0.95), (0.15877494280765, 0.233147292681241), rtol=1e-12)
    assert pre_bend(benzarti, 0.95) == pytest.approx(0.202169869297069, rel=1e-12)
    path = frontier(benzarti)
    for magnitude, expected in BENZARTI.items():
        found = fixed_length(path, magnitude, 0.95)
        np.testing.assert_allclose(found, expected, rtol=0, atol=QUANTILE_NOISE * benzarti.std_error)
    found = relative(benzarti, 1.0, 0.95, mean_zero_draws(benzarti, seed=0))
    np.testing.assert_allclose(found, BENZARTI_RELATIVE, rtol=0, atol=40 * benzarti.std_error / 199)


def test_benzarti_and_carloni_at_large_bends_uses_two_coefficients(benzarti: EventStudy) -> None:
    """R's optimal weights at M = .1 (same source): 1 on the last pre period, 1 on the first post period, else 0."""
    path = frontier(benzarti)
    weights, _, bias = path.at(float(path.knots[0]))
    np.testing.assert_allclose(weights, [0, 0, 0, 1, 1, 0, 0, 0], atol=1e-12)
    assert bias == pytest.approx(1.0)


# R's normal draws, for the thousand of HonestDiD's first stage ---------------------------------------------------


def r_normals(count: int) -> Floats:
    """Return what R's `set.seed(0); rnorm(count)` gives: Mersenne Twister, and inversion with 2^27 steps.

    Source: R 4.2 sources, src/main/RNG.c (Randomize, MT_genrand, fixup) and src/nmath/snorm.c (INVERSION).
    """
    state = 0
    for _ in range(50):
        state = (69069 * state + 1) % 2**32
    words = []
    for _ in range(625):
        state = (69069 * state + 1) % 2**32
        words.append(state)
    bits = np.random.MT19937()
    bits.state = {"bit_generator": "MT19937", "state": {"key": np.array(words[1:], dtype=np.uint32), "pos": 624}}
    uniform = bits.random_raw(2 * count).astype(np.float64) * 2.3283064365386963e-10
    uniform = np.clip(uniform, 1.164153218540399e-10, 1 - 1.164153218540399e-10)
    steps = 134217728
    return np.asarray(ndtri((np.floor(steps * uniform[0::2]) + uniform[1::2]) / steps))


def test_the_normals_are_those_of_r() -> None:
    """set.seed(0); rnorm(4), printed in countless pages."""
    np.testing.assert_allclose(r_normals(4), [1.262954285, -0.326233361, 1.329799263, 1.272429321], atol=5e-10)


def inequalities(study: EventStudy, magnitude: float, period: int, sign: int) -> Floats:
    """Return the rows on β of HonestDiD's moments that hold a post period: both signs of every post step."""
    size, n_pre = len(study.beta), study.n_pre
    steps = np.zeros((size, size + 1))
    for row in range(size):
        steps[row, row], steps[row, row + 1] = -1.0, 1.0
    steps = np.delete(steps, n_pre, axis=1)
    bound = sign * magnitude * steps[period]
    return np.concatenate([steps[n_pre:] - bound, -steps[n_pre:] - bound])


def vertices(study: EventStudy, rows: Floats) -> Floats:
    """Return all vertices of {γ ≥ 0, γ·sd = 1, γ·X = 0} for two post periods by trying every basis."""
    deviations = np.sqrt(np.diag(rows @ study.sigma @ rows.T))
    # The nuisance direction: the effects that leave the target alone.
    first, second = study.target
    nuisance = rows[:, study.n_pre :] @ np.array([-second, first])
    found = []
    for basis in itertools.combinations(range(len(rows)), 2):
        system = np.array([deviations[list(basis)], nuisance[list(basis)]])
        if abs(np.linalg.det(system)) < 1e-12 * np.abs(system).max() ** 2:
            continue
        weights = np.linalg.solve(system, [1.0, 0.0])
        if (weights >= -1e-12).all():
            vertex = np.zeros(len(rows))
            vertex[list(basis)] = np.maximum(weights, 0)
            found.append(vertex)
    return np.array(found)


@pytest.mark.parametrize("magnitude", [0.5, 1, 1.5, 2])
@pytest.mark.parametrize("target", [FIRST, AVERAGE], ids=["first", "average"])
def test_with_the_draws_of_r_the_ends_are_those_of_honestdid(
    values: dict[str, Any], medicaid: Callable[[Floats], EventStudy], magnitude: float, target: Floats
) -> None:
    """The first stage as mvtnorm draws it: normals by row, times the symmetric root of the moments' covariance."""
    study = medicaid(target)
    grid = np.linspace(-20 * study.std_error, 20 * study.std_error, 1000)
    ours, theirs = np.zeros(1000, dtype=bool), np.zeros(1000, dtype=bool)
    draws = mean_zero_draws(study, seed=0)
    for period, sign in itertools.product(range(study.n_pre), (1, -1)):
        rows = inequalities(study, magnitude, period, sign)
        corners = vertices(study, rows)
        size, vectors = np.linalg.eigh(rows @ study.sigma @ rows.T)
        root = vectors * np.sqrt(np.maximum(size, 0)) @ vectors.T
        normals = r_normals(1000 * len(rows)).reshape(1000, len(rows))
        critical = float(np.quantile((normals @ root @ corners.T).max(axis=1), 0.995))
        found: Moments = moments(study, magnitude, period, sign)
        theirs |= accepts(found, grid, critical, 0.95)
        ours |= accepts(found, grid, least_favourable(found, 0.95, draws), 0.95)
    ends = grid[theirs][[0, -1]]
    if target is FIRST:
        np.testing.assert_allclose(ends, values[f"honest_medicaid_RM_{magnitude:g}"]["ci"], rtol=1e-12)
    # What its thousand draws do to the ends: never more than a step here.
    assert np.abs(ends - grid[ours][[0, -1]]).max() <= 1.001 * grid_step(study)
