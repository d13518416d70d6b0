"""Matched sets and strata in a map of weights: who is drawn together, and weights found again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attribution.estimators.matches.sets import Cells, SetMap, group_units

Floats = NDArray[np.float64]

SETS = np.array([0, 0, 0, 0, 0, 1, 1, 1, -1, 2, 2, 2, 2], dtype=np.int32)
TRAINED = np.array([1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 1, 0, 0], dtype=bool)
OWN = np.linspace(0.5, 2.0, len(SETS))


def test_linked_sets_are_drawn_whole() -> None:
    found = group_units(SETS, TRAINED, OWN, linked=True, both=False)
    assert found.names == ("matched sets",)
    assert found.code.tolist() == [0] * 5 + [1] * 3 + [3] + [2] * 4
    assert found.cells.n_strata == 0


def test_strata_with_several_of_each_arm_are_cells_and_others_are_drawn_whole() -> None:
    found = group_units(SETS, TRAINED, OWN, linked=False, both=False)
    assert found.names == (
        "matched sets",
        "trained, stratum 1",
        "control, stratum 1",
        "trained, stratum 2",
        "control, stratum 2",
    )
    # Stratum 1 of the data has one trained unit: it stays together.
    assert len(set(found.code[SETS == 1])) == 1
    assert len(set(found.code[SETS == 0])) == 5
    assert found.strata[found.code[SETS == 1]].tolist() == [0, 0, 0]
    assert found.strata[found.code[8]] == 0
    assert found.strata[found.code[:5]].tolist() == [1, 1, 2, 2, 2]
    assert found.cells.cell.tolist() == [0, 0, 1, 1, 1, -1, -1, -1, -1, 2, 2, 3, 3]


def test_where_one_arm_enters_every_unit_is_drawn_alone() -> None:
    found = group_units(SETS, np.ones(13, dtype=bool), OWN, linked=False, both=False)
    assert found.names == ("trained",)
    assert found.n_groups == 13


@pytest.mark.parametrize("both", [False, True])
def test_weights_found_again_make_the_arms_of_a_stratum_equal(both: bool) -> None:
    cells = group_units(SETS, TRAINED, OWN, linked=False, both=both).cells
    drawn = np.random.default_rng(0).integers(0, 4, (20, 13)) + np.array([1.0] * 13)
    before, after = cells.totals(np.ones((1, 13))), cells.totals(cells.reweighted(drawn))
    plain = cells.totals(drawn)
    for stratum in range(2):
        target = plain[:, stratum].sum(axis=1) if both else plain[:, stratum, 0]
        first = before[0, stratum].sum() if both else before[0, stratum, 0]
        for arm in (0, 1):
            assert after[:, stratum, arm] == pytest.approx(target * before[0, stratum, arm] / first, rel=1e-12)
    outside = cells.cell < 0
    assert (cells.reweighted(drawn)[:, outside] == drawn[:, outside]).all()
    assert cells.reweighted(np.ones((1, 13))) == pytest.approx(1.0, abs=1e-14)


def test_a_stratum_that_lost_an_arm_is_left_out_of_the_draw() -> None:
    cells = group_units(SETS, TRAINED, OWN, linked=False, both=False).cells
    drawn = np.ones((1, 13))
    drawn[0, 11:] = 0.0
    found = cells.reweighted(drawn)[0]
    assert found[9:].tolist() == [0.0] * 4
    assert found[:9].tolist() == [1.0] * 9


@pytest.mark.parametrize("both", [False, True])
def test_the_influence_is_the_derivative_of_the_map(both: bool) -> None:
    rng = np.random.default_rng(4)
    grouping = group_units(SETS, TRAINED, OWN, linked=False, both=both)
    y, weight = rng.normal(0, 1, 13), rng.uniform(0.5, 1.5, 13)

    def effect(weights: Floats) -> Floats:
        means = [(weights * weight * arm) @ y / ((weights * weight) @ arm) for arm in (TRAINED * 1.0, ~TRAINED * 1.0)]
        return np.asarray((means[0] - means[1])[:, None])

    step = 1e-5 * np.eye(13)
    ones = np.ones((1, 13))
    direct = (effect(ones + step) - effect(ones - step)) / 2e-5
    full = grouping.cells.influence(direct)
    replay = SetMap(effect, grouping.code, grouping.cells)
    n = grouping.n_groups
    step = 1e-5 * np.eye(n)
    moved = (replay(np.ones((1, n)) + step) - replay(np.ones((1, n)) - step)) / 2e-5
    sums = np.bincount(grouping.code, weights=full[:, 0], minlength=n)
    assert moved[:, 0] == pytest.approx(sums, abs=1e-8)
    assert replay(np.ones((3, n)))[:, 0] == pytest.approx(effect(ones)[0, 0], abs=1e-14)


def test_without_strata_weights_are_as_drawn() -> None:
    cells = Cells.none(4)
    drawn = np.arange(8.0).reshape(2, 4)
    assert (cells.reweighted(drawn) == drawn).all()
    assert (cells.influence(drawn.T) == drawn.T).all()
