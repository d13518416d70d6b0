"""A direction in which all rows lie on one side: it is found where there is one, in few columns."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.numerics.separation import one_side


def test_the_columns_of_a_combination_are_named() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(500, 6))
    trained = 30 * x[:, 0] + 2 * x[:, 2] > 1
    rows = np.where(trained, 1.0, -1.0)[:, None] * np.column_stack([np.ones(500), x])
    direction = one_side(rows, free=1)
    assert direction is not None
    assert (rows @ direction >= -1e-9).all()
    assert (rows @ direction).max() > 0
    assert set(np.flatnonzero(direction[1:])) == {0, 2}


def test_overlapping_rows_have_none() -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(300), rng.normal(size=(300, 3))])
    trained = rng.random(300) < 0.5
    assert one_side(np.where(trained, 1.0, -1.0)[:, None] * x, free=1) is None


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e7])
def test_the_size_of_a_column_does_not_matter(scale: float) -> None:
    rows = np.array([[scale, 2.0, 0.0], [scale, -3.0, 0.0], [2 * scale, 0.1, 0.0]])
    direction = one_side(rows)
    assert direction is not None
    assert np.flatnonzero(direction).tolist() == [0]
