"""The rule for missing periods by hand: deviations, shares, and how a sum of deviations moves with a unit."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.estimators.windows.missing import Missing, missing_periods


def make(weight: list[float]) -> Missing:
    """Return a window of two periods: controls 0 and 1 in both, control 2 in the first, trained 3 in the second."""
    rows = [(0, 0, 4.0), (0, 1, 7.0), (1, 0, 8.0), (1, 1, 9.0), (2, 0, 3.0), (3, 1, 12.0)]
    unit, period, outcome = (np.array(column) for column in zip(*rows, strict=True))
    size = np.bincount(unit, minlength=4)
    raw = np.bincount(unit, weights=outcome, minlength=4) / size
    arm = np.array([1, 1, 1, 0], dtype=np.int8)
    return missing_periods(
        unit.astype(np.int32),
        period.astype(np.intp),
        outcome.astype(float),
        2,
        size,
        np.array(weight),
        arm,
        np.arange(4, dtype=np.int32),
        4,
        arm == 1,
        np.array([weight[3], sum(weight[:3])]),
        raw,
    )


def test_deviations_and_shares_by_hand() -> None:
    found = make([1.0, 1, 1, 1])
    # Controls: mean 5 in the first period, 8 in the second.
    assert found.deviation == pytest.approx([-1.5, 1.5])
    assert found.shares().tolist() == [[0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]
    assert found.shift == pytest.approx([0, 0, -1.5, 1.5])
    # The trained lean on the second period wholly, the controls on the first by two thirds.
    assert found.lean == pytest.approx(np.array([[-0.5, 0.5], [2 / 3 - 0.5, 1 / 3 - 0.5]]))
    assert found.level == pytest.approx([(5.5 + 8.5 + 4.5) / 3, (5.5 + 8.5) / 2])


def test_a_sum_of_deviations_moves_as_the_weights_of_units_say() -> None:
    base, lean, step = [1.0, 2.0, 0.5, 1.0], np.array([0.7, -0.1]), 1e-6
    for unit in range(4):
        up, down = (
            [weight * (1 + sign * step * (place == unit)) for place, weight in enumerate(base)] for sign in (1, -1)
        )
        slope = (lean @ make(up).deviation - lean @ make(down).deviation) / (2 * step)
        assert make(base).moved(lean)[unit] == pytest.approx(slope, abs=1e-8)
