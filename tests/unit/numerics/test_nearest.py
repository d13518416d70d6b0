"""Nearest controls along a score, against a search through all pairs; ties, strata, calipers, rounds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attribution.numerics.nearest import Links, greedy, in_order, reused, row_of_controls, snapped

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def by_search(
    score: Floats, trained: Bools, order: NDArray[np.int64], ratio: int, caliper: float, strata: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Return the links of a search through all controls, as MatchIt's rules say, slowly."""
    rank = np.empty(len(score), dtype=int)
    rank[np.argsort(score, kind="stable")] = np.arange(len(score))
    own, free = np.flatnonzero(trained), set(np.flatnonzero(~trained).tolist())
    held: dict[int, list[int]] = {int(one): [] for one in own}
    active = [int(own[place]) for place in order]
    for _ in range(ratio):
        served = []
        for one in active:
            low = min([rank[one], *(rank[other] for other in held[one])])
            high = max([rank[one], *(rank[other] for other in held[one])])
            best = None
            for other in free:
                if strata[other] != strata[one] or abs(score[one] - score[other]) > caliper:
                    continue
                below = rank[other] < rank[one]
                steps = low - rank[other] if below else rank[other] - high
                key = (abs(score[one] - score[other]), 2 * steps - below)
                if best is None or key < best[0]:
                    best = (key, other)
            if best is not None:
                held[one].append(best[1])
                free.remove(best[1])
                served.append(one)
        active = served
    return [(one, other) for one in held for other in held[one]]


def pairs(links: Links) -> list[tuple[int, int]]:
    return list(zip(links.trained.tolist(), links.control.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ratio", [1, 3])
@pytest.mark.parametrize("caliper", [np.inf, 0.3])
def test_greedy_matches_are_those_of_a_search(seed: int, ratio: int, caliper: float) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    # Few values, so that many are tied; distances of tenths are not exact, halves are.
    score = rng.integers(0, 9, n) / 2.0 if seed % 2 else rng.normal(size=n)
    trained = rng.random(n) < rng.uniform(0.1, 0.9)
    trained[:2] = [True, False]
    strata = rng.integers(0, 3, n) if seed % 3 else np.zeros(n, dtype=np.int64)
    order = rng.permutation(int(trained.sum()))
    found = greedy(row_of_controls(score, trained, strata), trained, order, ratio=ratio, caliper=caliper)
    assert pairs(found) == by_search(score, trained, order, ratio, caliper, strata)


@pytest.mark.parametrize("seed", range(6))
def test_with_replacement_each_has_what_it_would_have_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 12, 40) / 2.0
    trained, strata = rng.random(40) < 0.4, rng.integers(0, 2, 40)
    trained[:4], strata[:4] = [True, False, True, False], [0, 0, 1, 1]
    found = reused(row_of_controls(score, trained, strata), trained, ratio=2, caliper=1.0)
    # A unit alone has nobody to compete with, but the others stand in between and count as steps.
    expected = []
    for place in range(int(trained.sum())):
        expected += by_search(score, trained, np.array([place]), 2, 1.0, strata)
    chosen = [(one, other) for one, other in pairs(found)]
    gap = [[abs(score[one] - score[other]) for one, other in some] for some in (sorted(chosen), sorted(expected))]
    assert sorted(gap[0]) == sorted(gap[1])
    assert {one for one, _ in chosen} == {one for one, _ in expected}


def test_all_ties_are_taken_and_a_tolerance_widens_them() -> None:
    score = np.array([1.0, 0.5, 1.5, 1.6, 3.0])
    trained = np.array([True, False, False, False, False])
    row = row_of_controls(score, trained)
    assert pairs(reused(row, trained, tied=0.0)) == [(0, 1), (0, 2)]
    # (.5)² + .11 = .36: the control at a distance of .6 is a tie.
    assert pairs(reused(row, trained, tied=0.11)) == [(0, 1), (0, 2), (0, 3)]
    assert pairs(reused(row, trained, ratio=3, tied=0.0)) == [(0, 1), (0, 2), (0, 3)]
    assert pairs(reused(row, trained, ratio=9, tied=0.0)) == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert pairs(reused(row, trained, tied=0.11, caliper=0.5)) == [(0, 1), (0, 2)]
    assert pairs(reused(row, trained, tied=0.11, caliper=0.4)) == []


def test_a_tie_goes_to_the_control_behind_fewer_units_and_then_to_the_lower() -> None:
    trained = np.array([True, False, False, True])
    # The second trained unit stands between the first and the control above it.
    assert pairs(greedy(row_of_controls(np.array([0.0, -1.0, 1.0, 0.5]), trained), trained, np.array([0]))) == [(0, 1)]
    assert pairs(greedy(row_of_controls(np.array([0.0, -1.0, 1.0, -0.5]), trained), trained, np.array([0]))) == [(0, 2)]
    assert pairs(greedy(row_of_controls(np.array([0.0, -1.0, 1.0, 9.0]), trained), trained, np.array([0]))) == [(0, 1)]


def test_nobody_is_matched_where_a_stratum_lacks_controls() -> None:
    score, trained = np.array([0.0, 0.1, 0.2, 0.3]), np.array([True, False, True, False])
    row = row_of_controls(score, trained, np.array([0, 0, 1, 2]))
    assert pairs(greedy(row, trained, np.array([0, 1]))) == [(0, 1)]
    assert pairs(reused(row, trained)) == [(0, 1)]
    assert row.gap()[:, 1].tolist() == [0.1, np.inf]


def test_rounding_is_no_difference() -> None:
    score = np.array([0.1 + 0.2, 0.3, 0.7, 0.0])
    assert len(np.unique(score)) == 4
    assert len(np.unique(snapped(score))) == 3
    assert (snapped(np.full(3, 2.0)) == 2.0).all()
    far = np.array([0.0, 1e-6, 1.0])
    assert (snapped(far) == far).all()


def test_links_are_by_trained_unit_in_the_order_in_which_they_were_found() -> None:
    links = in_order(np.array([4, 1, 4]), np.array([7, 8, 9]))
    assert pairs(links) == [(1, 8), (4, 7), (4, 9)]


def test_three_trained_and_ten_thousand_controls() -> None:
    rng = np.random.default_rng(1)
    score, trained = rng.normal(size=10_003), np.zeros(10_003, dtype=bool)
    trained[[5, 500, 5_000]] = True
    found = greedy(row_of_controls(score, trained), trained, np.arange(3))
    others = np.flatnonzero(~trained)
    nearest = [others[np.argmin(np.abs(score[others] - score[one]))] for one in (5, 500, 5_000)]
    assert found.control.tolist() == nearest
