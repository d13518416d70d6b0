"""Nearest controls among points, against a search through all pairs; the tree names the same as the slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from attribution.numerics import nearest_points as module
from attribution.numerics.distance import Points
from attribution.numerics.nearest import Links, greedy, reused, row_of_controls
from attribution.numerics.nearest_points import nearest_points

Floats = NDArray[np.float64]


def pairs(links: Links) -> list[tuple[int, int]]:
    return list(zip(links.trained.tolist(), links.control.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("options", [{}, {"ratio": 2}, {"replacement": True, "ratio": 2}])
@pytest.mark.parametrize("caliper", [np.inf, 0.5])
def test_matches_are_those_of_a_search(seed: int, options: dict[str, Any], caliper: float) -> None:
    rng = np.random.default_rng(seed)
    n = 70
    at, score = rng.normal(size=(n, 3)), rng.normal(size=n)
    trained, strata = rng.random(n) < 0.4, rng.integers(0, 2, n)
    order = rng.permutation(int(trained.sum()))
    found = nearest_points(Points(at, None), trained, order, strata=strata, score=score, caliper=caliper, **options)
    own, ratio = np.flatnonzero(trained), options.get("ratio", 1)
    used: set[int] = set()
    expected: dict[int, list[int]] = {int(one): [] for one in own}

    def best(one: int, without: set[int]) -> list[int]:
        allowed = [
            int(other)
            for other in np.flatnonzero(~trained & (strata == strata[one]) & (np.abs(score - score[one]) <= caliper))
            if int(other) not in without
        ]
        return sorted(allowed, key=lambda other: float(((at[one] - at[other]) ** 2).sum()))

    if options.get("replacement"):
        expected = {one: best(one, set())[:ratio] for one in expected}
    else:
        for _ in range(ratio):
            for one in own[order].tolist():
                for other in best(one, used)[:1]:
                    expected[one].append(other)
                    used.add(other)
    assert pairs(found) == [(one, other) for one, others in expected.items() for other in others]


def test_equal_distances_go_to_the_first_unit_or_to_the_last_met_along_the_direction() -> None:
    at = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    trained = np.array([True, False, False, False, False])
    assert pairs(nearest_points(Points(at, None), trained, np.array([0]))) == [(0, 1)]
    # Along the first column 3 is below the trained unit; 2 and 4 beside it, above it by their order; then 1. They are
    # met as 3, 2, 4, 1.
    assert pairs(nearest_points(Points(at, at[:, 0]), trained, np.array([0]))) == [(0, 1)]
    assert pairs(nearest_points(Points(at, -at[:, 0]), trained, np.array([0]))) == [(0, 3)]


def test_distances_that_only_rounding_tells_apart_are_equal() -> None:
    at = np.array([[0.0], [0.1 + 0.2], [-0.3]])
    trained = np.array([True, False, False])
    assert pairs(nearest_points(Points(at, None), trained, np.array([0]))) == [(0, 1)]
    both = nearest_points(Points(at, None), trained, np.array([0]), replacement=True, tied=0.0)
    assert pairs(both) == [(0, 1), (0, 2)]


def test_a_tolerance_widens_ties() -> None:
    at = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.1], [2.0, 0.0]])
    trained = np.array([True, False, False, False])
    for tied, expected in ((0.2, [(0, 1)]), (0.21, [(0, 1), (0, 2)]), (3.0, [(0, 1), (0, 2), (0, 3)])):
        found = nearest_points(Points(at, None), trained, np.array([0]), replacement=True, tied=tied)
        assert pairs(found) == expected


@pytest.mark.parametrize("options", [{}, {"ratio": 3}, {"replacement": True, "ratio": 2, "tied": 0.01}])
@pytest.mark.parametrize("grid", [False, True])
def test_a_tree_changes_nothing(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], grid: bool) -> None:
    rng = np.random.default_rng(2)
    at = rng.normal(size=(900, 2))
    at = np.round(at, 1) if grid else at
    trained, strata = rng.random(900) < 0.3, rng.integers(0, 3, 900)
    # One stratum has no controls, and stands where the next one begins.
    trained[strata == 1] = True
    order = np.arange(int(trained.sum()))
    monkeypatch.setattr(module, "CANDIDATES", 3)
    monkeypatch.setattr(module, "AT_A_TIME", 50)
    found = []
    for least in (10, 10**9):
        monkeypatch.setattr(module, "WORTH_A_TREE", least)
        found.append(pairs(nearest_points(Points(at, at[:, 0]), trained, order, strata=strata, **options)))
    assert found[0] == found[1]
    assert not {one for one, _ in found[0]} & set(np.flatnonzero(strata == 1).tolist())


@pytest.mark.parametrize("seed", range(4))
def test_one_column_is_a_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, trained = rng.normal(size=80), rng.random(80) < 0.4
    row, order = row_of_controls(score, trained), rng.permutation(int(trained.sum()))
    points = Points(score[:, None], None)
    one = nearest_points(points, trained, order, ratio=2, score=score, caliper=0.4)
    assert pairs(one) == pairs(greedy(row, trained, order, ratio=2, caliper=0.4))
    many = nearest_points(points, trained, order, ratio=2, replacement=True, score=score, caliper=0.4)
    assert pairs(many) == pairs(reused(row, trained, ratio=2, caliper=0.4))


def test_nobody_near_is_nobody_matched() -> None:
    at, score = np.zeros((3, 2)), np.array([0.0, 1.0, 2.0])
    trained = np.array([True, False, False])
    for replacement in (False, True):
        found = nearest_points(
            Points(at, None), trained, np.array([0]), replacement=replacement, score=score, caliper=0.5
        )
        assert pairs(found) == []
