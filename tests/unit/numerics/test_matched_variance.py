"""The variance of matched comparisons against its definition, written out in loops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attribution.numerics.matched_variance import (
    between,
    common_spread,
    estimated_propensity,
    nearest,
    own_spread,
    reuse,
    whitened,
)

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def matched() -> dict[str, Floats]:
    """Return 9 trained with two matches each among 8 controls, some used often, unit weights that differ."""
    rng = np.random.default_rng(3)
    trained = np.repeat(np.arange(9), 2)
    control = 9 + np.array([rng.choice(5, 2, replace=False) for _ in range(9)]).ravel()
    weight = rng.uniform(0.5, 2.0, 9)
    y = rng.normal(0, 1, (17, 2))
    flow = weight[trained] / 2
    total = weight.sum()
    used = np.bincount(control, flow, minlength=17)
    level = (weight @ y[:9]) / total, (used @ y) / total
    influence = np.concatenate([weight[:, None] * (y[:9] - level[0]), -used[9:, None] * (y[9:] - level[1])]) / total
    return {
        "trained": trained,
        "control": control,
        "weight": weight,
        "flow": flow,
        "y": y,
        "influence": influence,
        "effect": level[0] - level[1],
    }


def test_the_influence_of_the_trained_with_their_matches(matched: dict[str, Floats]) -> None:
    found = reuse(matched["influence"], matched["trained"], matched["control"], matched["flow"])
    y, weight = matched["y"], matched["weight"]
    for unit in range(9):
        mean = y[matched["control"][matched["trained"] == unit]].mean(axis=0)
        expected = weight[unit] * (y[unit] - mean - matched["effect"]) / weight.sum()
        assert found.rows[unit] == pytest.approx(expected, abs=1e-12)
    assert found.rows.sum(axis=0) == pytest.approx(matched["influence"].sum(axis=0), abs=1e-12)
    for unit in range(9, 17):
        parts = matched["flow"][matched["control"] == unit]
        assert found.extra[unit] == pytest.approx(parts.sum() ** 2 - (parts**2).sum(), abs=1e-12)


def test_the_spread_of_each_control_among_its_neighbours(matched: dict[str, Floats]) -> None:
    found = reuse(matched["influence"], matched["trained"], matched["control"], matched["flow"])
    points = np.random.default_rng(0).normal(0, 1, (17, 1))
    inside, total = np.flatnonzero(found.used > 0), matched["weight"].sum()
    expected = np.zeros((2, 2))
    for unit in inside:
        others = inside[inside != unit]
        near = others[np.argsort(np.abs(points[others, 0] - points[unit, 0]))[:2]]
        apart = matched["y"][unit] - matched["y"][near].mean(axis=0)
        expected += found.extra[unit] * 2 / 3 * np.outer(apart, apart) / total**2
    assert own_spread(found, points, 2) == pytest.approx(expected, rel=1e-10)


def test_one_spread_for_all_controls(matched: dict[str, Floats]) -> None:
    found = reuse(matched["influence"], matched["trained"], matched["control"], matched["flow"])
    flow, total = matched["flow"], matched["weight"].sum()
    apart = matched["y"][matched["trained"]] - matched["y"][matched["control"]] - matched["effect"]
    spread = 0.5 * (apart * flow[:, None]).T @ apart / flow.sum()
    assert common_spread(found) == pytest.approx(spread * found.extra.sum() / total**2, rel=1e-10)


def test_a_single_control_says_nothing_about_its_spread() -> None:
    influence = np.array([[0.2], [-0.2], [0.0]])
    found = reuse(influence, np.array([0, 1]), np.array([2, 2]), np.array([0.5, 0.5]))
    assert np.isnan(own_spread(found, np.zeros((3, 1)))).all()


def test_what_an_estimated_propensity_takes_and_adds(matched: dict[str, Floats]) -> None:
    rng = np.random.default_rng(8)
    design = np.column_stack([np.ones(17), rng.normal(0, 1, 17)])
    probability = rng.uniform(0.2, 0.8, 17)
    found = reuse(matched["influence"], matched["trained"], matched["control"], matched["flow"])
    information = (design * (probability * (1 - probability))[:, None]).T @ design
    takes, adds = estimated_propensity(found, design, probability, information, 2)
    y, weight, total = matched["y"], matched["weight"], matched["weight"].sum()
    controls = np.flatnonzero(found.used > 0)
    c, g = np.zeros((2, 2)), np.zeros((2, 2))
    for unit in range(9):
        p = probability[unit]
        mean = y[matched["control"][matched["trained"] == unit]].mean(axis=0)
        c += weight[unit] / total * (1 - p) * np.outer(design[unit], y[unit] - mean - matched["effect"])
        near = controls[np.argsort(np.abs(probability[controls] - p), kind="stable")[:2]]
        x, z = design[near] - design[near].mean(axis=0), y[near] - y[near].mean(axis=0)
        c += weight[unit] / total * p * x.T @ z
        like = controls[np.argmin(np.abs(design[controls, 1] - design[unit, 1]))]
        g += weight[unit] / total * (1 - p) * np.outer(design[unit], y[unit] - y[like] - matched["effect"])
    inverse = np.linalg.inv(information)
    assert takes == pytest.approx(c.T @ inverse @ c, rel=1e-8)
    assert adds == pytest.approx(g.T @ inverse @ g, rel=1e-8)


def test_the_change_of_the_trained_does_not_see_the_propensity(matched: dict[str, Floats]) -> None:
    rng = np.random.default_rng(8)
    design, probability = np.column_stack([np.ones(17), rng.normal(0, 1, 17)]), rng.uniform(0.2, 0.8, 17)
    influence = np.where(np.arange(17)[:, None] < 9, matched["influence"], 0.0)
    found = reuse(influence, matched["trained"], matched["control"], matched["flow"])
    takes, adds = estimated_propensity(found, design, probability, np.eye(2))
    assert takes == pytest.approx(adds, rel=1e-12)
    assert own_spread(found, design) == pytest.approx(0.0, abs=1e-30)


def test_what_one_clustering_adds_to_another() -> None:
    rng = np.random.default_rng(1)
    rows, one, other = rng.normal(0, 1, (30, 2)), rng.integers(0, 6, 30), rng.integers(0, 5, 30)
    expected = np.zeros((2, 2))
    for i in range(30):
        for j in range(30):
            if one[i] == one[j] and other[i] != other[j]:
                expected += np.outer(rows[i], rows[j])
    assert between(rows, one, other) == pytest.approx(expected, abs=1e-10)


def test_no_unit_is_its_own_neighbour_even_where_many_are_alike() -> None:
    points = np.repeat(np.arange(3.0), 7)[:, None]
    found = nearest(points, points, 3, itself=False)
    assert found.shape == (21, 3)
    assert (found != np.arange(21)[:, None]).all()
    assert (points[found, 0] == points).all()


@pytest.mark.parametrize("width", [1, 2])
def test_the_nearest_are_those_of_a_full_table_of_distances(width: int) -> None:
    rng = np.random.default_rng(6)
    points, at = rng.normal(0, 1, (40, width)), rng.normal(0, 1.5, (25, width))
    table = np.square(at[:, None] - points[None]).sum(axis=2)
    assert (np.sort(nearest(points, at, 3), axis=1) == np.sort(np.argsort(table, axis=1)[:, :3], axis=1)).all()
    own = np.square(points[:, None] - points[None]).sum(axis=2) + np.diag(np.full(40, np.inf))
    found = nearest(points, points, 3, itself=False)
    assert (np.sort(found, axis=1) == np.sort(np.argsort(own, axis=1)[:, :3], axis=1)).all()


def test_white_points_are_uncorrelated_and_constants_fall_out() -> None:
    rng = np.random.default_rng(2)
    points = np.column_stack([rng.normal(0, 3, 50), np.full(50, 7.0), rng.normal(0, 1, 50)])
    points[:, 2] += points[:, 0]
    found = whitened(points, points)
    assert found.shape == (50, 2)
    assert np.cov(found.T) == pytest.approx(np.eye(2), abs=1e-10)
    assert whitened(points[:, 1:2], points[:, 1:2]).tolist() == np.zeros((50, 1)).tolist()


def test_white_points_do_not_depend_on_units_of_measurement() -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(0, 1, (40, 3)) @ rng.normal(0, 1, (3, 3))
    # Earnings in cents beside a share: their variances differ by a factor of 10^18.
    other = points * [1e6, 1.0, 1e-3] + [3e7, 0.0, 0.5]
    for one, two in ((points, other), (points[:7], other[:7])):
        first, second = whitened(points, one), whitened(other, two)
        assert first.shape == second.shape == (40, 3)
        assert nearest(first, first, 3, itself=False).tolist() == nearest(second, second, 3, itself=False).tolist()
