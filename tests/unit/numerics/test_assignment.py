"""Optimal pairs and full matching against an integer program on small problems, and their shape on larger ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from attribution.numerics import assignment
from attribution.numerics.assignment import (
    Caliper,
    Links,
    TooManyPairsError,
    distances,
    full_match,
    links_within,
    optimal_pairs,
    optimal_pairs_among,
    star_sets,
)

Floats = NDArray[np.float64]


def program(cost: Floats, lower: Floats, upper: Floats, fewest: int = 0) -> float:
    """Return the least cost of choosing pairs with so many for each row and column, by an integer program."""
    rows, columns = cost.shape
    allowed = np.isfinite(cost).ravel()
    counts = np.zeros((rows + columns + 1, rows * columns))
    for row in range(rows):
        counts[row, row * columns : (row + 1) * columns] = 1
    for column in range(columns):
        counts[rows + column, column::columns] = 1
    counts[-1] = 1
    bound = LinearConstraint(counts[:, allowed], np.r_[lower, fewest], np.r_[upper, np.inf])
    found = milp(cost.ravel()[allowed], constraints=bound, integrality=np.ones(allowed.sum()), bounds=Bounds(0, 1))
    assert found.success
    return float(found.fun)


def draw(seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    trained, control = rng.integers(1, 9, 2)
    if seed % 3 == 0:
        return rng.integers(0, 4, (trained, 1)).astype(float), rng.integers(0, 4, (control, 1)).astype(float)
    return rng.normal(size=(trained, seed % 3)), rng.normal(size=(control, seed % 3))


@pytest.mark.parametrize("seed", range(30))
def test_full_matching_has_the_least_total_distance(seed: int) -> None:
    trained, control = draw(seed)
    links, cost = full_match(trained, control), distances(trained, control)
    everyone = np.ones(sum(cost.shape))
    # Ties are broken by squares of weight 1e-9.
    assert links.total == pytest.approx(program(cost, everyone, everyone * np.inf), rel=1e-8, abs=1e-8)
    assert links.distance == pytest.approx(cost[links.trained, links.control])
    check_stars(links, *cost.shape)
    assert set(links.trained) == set(range(len(trained)))
    assert set(links.control) == set(range(len(control)))


@pytest.mark.parametrize("seed", range(30))
def test_full_matching_within_a_caliper(seed: int) -> None:
    trained, control = draw(seed)
    limit = Caliper(trained[:, 0], control[:, 0], 0.6)
    cost = np.where(np.abs(trained[:, :1] - control[:, 0]) <= 0.6, distances(trained, control), np.inf)
    links = full_match(trained, control, limit)
    near = np.r_[np.isfinite(cost).any(axis=1), np.isfinite(cost).any(axis=0)]
    if not near.any():
        assert not len(links.trained)
        return
    least = program(cost, near.astype(float), np.where(near, np.inf, 0.0))
    assert links.total == pytest.approx(least, rel=1e-8, abs=1e-8)
    check_stars(links, *cost.shape)
    assert np.isfinite(cost[links.trained, links.control]).all()
    assert set(links.trained) == set(np.flatnonzero(near[: len(trained)]))
    assert set(links.control) == set(np.flatnonzero(near[len(trained) :]))


def check_stars(links: Links, n_trained: int, n_control: int) -> None:
    mine = np.bincount(links.trained, minlength=n_trained)
    theirs = np.bincount(links.control, minlength=n_control)
    assert ((mine[links.trained] == 1) | (theirs[links.control] == 1)).all()
    own, other = star_sets(links, n_trained, n_control)
    assert (own[links.trained] == other[links.control]).all()
    assert len(np.unique(own[own >= 0])) == (own >= 0).sum() + (other >= 0).sum() - len(links.trained)


def test_points_at_one_place_form_as_many_sets_as_they_can() -> None:
    links = full_match(np.zeros((5, 1)), np.zeros((7, 1)))
    assert np.bincount(links.trained).tolist() == [2, 2, 1, 1, 1]
    assert links.total == 0.0


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    trained, control = rng.normal(size=(40, 2)), rng.normal(size=(70, 2))
    whole = full_match(trained, control)
    monkeypatch.setattr(assignment, "CELLS", 200)
    cut = full_match(trained, control)
    assert (cut.trained == whole.trained).all()
    assert (cut.control == whole.control).all()


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize("seed", range(20))
def test_pairs_have_the_least_total_distance(seed: int, ratio: int) -> None:
    trained, control = draw(seed)
    control = np.concatenate([control, control[:1] + np.linspace(-2, 2, ratio * len(trained))[:, None]])
    links, cost = optimal_pairs(trained, control, ratio), distances(trained, control)
    lower = np.r_[np.full(len(trained), float(ratio)), np.zeros(len(control))]
    upper = np.r_[np.full(len(trained), float(ratio)), np.ones(len(control))]
    assert links.total == pytest.approx(program(cost, lower, upper), rel=1e-8, abs=1e-8)
    assert (np.bincount(links.trained, minlength=len(trained)) == ratio).all()
    assert np.bincount(links.control).max() == 1


def test_too_few_controls_are_all_used_and_first_ones_come_before_second_ones() -> None:
    trained, control = np.array([[0.0], [1.0], [9.0]]), np.array([[0.1], [0.2], [0.3], [0.4]])
    assert np.bincount(optimal_pairs(trained, control, 1).trained).tolist() == [1, 1, 1]
    assert sorted(np.bincount(optimal_pairs(trained, control, 2).trained).tolist()) == [1, 1, 2]
    few = optimal_pairs(trained, control[:2], 1)
    assert len(few.trained) == 2
    assert 2 not in few.trained


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize("seed", range(30))
def test_pairs_within_a_caliper_serve_most_trained_then_are_most_then_nearest(seed: int, ratio: int) -> None:
    trained, control = draw(seed)
    cost = np.where(np.abs(trained[:, :1] - control[:, 0]) <= 0.7, distances(trained, control), np.inf)
    allowed = links_within(trained, control, Caliper(trained[:, 0], control[:, 0], 0.7))
    assert len(allowed.trained) == np.isfinite(cost).sum()
    links = optimal_pairs_among(allowed, len(trained), len(control), ratio)
    if not np.isfinite(cost).any():
        assert not len(links.trained)
        return
    most = -program(np.where(np.isfinite(cost), -1.0, np.inf), *limits(cost, 1))
    assert len(np.unique(links.trained)) == most
    pairs = -program(np.where(np.isfinite(cost), -1.0, np.inf), *limits(cost, ratio))
    assert len(links.trained) == pairs
    if ratio == 1:
        assert links.total == pytest.approx(program(cost, *limits(cost, 1), int(most)), rel=1e-8, abs=1e-8)
    assert np.bincount(links.control).max() == 1
    assert np.bincount(links.trained).max() <= ratio


def limits(cost: Floats, ratio: int) -> tuple[Any, Any]:
    rows, columns = cost.shape
    return np.zeros(rows + columns), np.r_[np.full(rows, float(ratio)), np.ones(columns)]


def test_of_equal_totals_the_pairs_with_the_least_squares() -> None:
    # 0 and 1 against 2 and 3: crossed or not, the total is 4, the squares 8 or 10.
    links = optimal_pairs(np.array([[0.0], [1.0]]), np.array([[3.0], [2.0]]))
    assert links.control.tolist() == [1, 0]
    allowed = links_within(np.array([[0.0], [1.0]]), np.array([[3.0], [2.0]]), Caliper(np.zeros(2), np.zeros(2), 1.0))
    assert optimal_pairs_among(allowed, 2, 2).control.tolist() == [1, 0]


def test_a_wide_caliper_gives_the_pairs_without_one() -> None:
    rng = np.random.default_rng(5)
    trained, control = rng.normal(size=(60, 1)), rng.normal(size=(90, 1))
    limit = Caliper(trained[:, 0], control[:, 0], 100.0)
    free = optimal_pairs(trained, control)
    kept = optimal_pairs_among(links_within(trained, control, limit), 60, 90)
    assert kept.total == pytest.approx(free.total, rel=1e-9)
    assert (kept.control == free.control).all()


def test_problems_beyond_memory_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "LARGEST", 50)
    many = np.zeros((10, 1))
    with pytest.raises(TooManyPairsError):
        optimal_pairs(many, many)
    with pytest.raises(TooManyPairsError):
        links_within(many, many, Caliper(many[:, 0], many[:, 0], 1.0))
    with pytest.raises(TooManyPairsError):
        full_match(many, many)
