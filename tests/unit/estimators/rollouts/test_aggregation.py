"""Averages of cells: what an empty side leaves out, and what a fit that does not exist takes away."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.estimators.rollouts.aggregation import Aggregate, Sets
from attribution.estimators.rollouts.means import CellValues

SETS = Sets(
    weights=np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
    means=np.array([[0.0, 0.5, 0.5]]),
    labels=("", "0", "1", "mean"),
    changes=np.array([True, True, True, True]),
)
COHORT = np.array([0, 0, 1])


def terms(effect: list[float], change: list[float], failed: list[bool] | None = None) -> dict[str, float]:
    def row(values: list[float]) -> np.ndarray:
        return np.array([values])

    values = CellValues(
        row(effect),
        row(change),
        row([10.0, 10.0, 10.0]),
        row([1.0, 3.0]),
        None if failed is None else np.array([failed]),
    )
    found = Aggregate(lambda weights: values, COHORT, SETS)(np.ones((1, 4)))[0]
    names = ("effect", "change", "background", "level", "e0", "e1", "mean", "c0", "c1", "cmean")
    return dict(zip(names, found, strict=True))


def test_cells_weigh_what_their_cohort_does() -> None:
    found = terms([1.0, 2.0, 4.0], [2.0, 4.0, 8.0])
    assert found["effect"] == pytest.approx((1 + 2 + 3 * 4) / 5)
    assert found["e0"] == pytest.approx((1 + 3 * 4) / 4)
    assert found["mean"] == pytest.approx((found["e0"] + 2) / 2)
    assert found["level"] == pytest.approx(10 - found["effect"])


def test_an_empty_cell_is_left_out_of_that_row() -> None:
    found = terms([np.nan, 2.0, 4.0], [np.nan, 4.0, 8.0])
    assert found["effect"] == pytest.approx((2 + 12) / 4)
    assert found["e0"] == 4.0
    alone = terms([1.0, np.nan, 4.0], [2.0, np.nan, 8.0])
    assert np.isnan(alone["e1"])
    assert alone["mean"] == alone["e0"]
    assert all(np.isnan(value) for value in terms([np.nan] * 3, [np.nan] * 3).values())


def test_a_fit_that_does_not_exist_takes_the_effect_and_leaves_the_change() -> None:
    found = terms([np.nan, 2.0, 4.0], [2.0, 4.0, 8.0], [True, False, False])
    undefined = {name for name, value in found.items() if np.isnan(value)}
    assert undefined == {"effect", "background", "level", "e0", "mean"}
    assert found["change"] == pytest.approx((2 + 4 + 24) / 5)
