"""How the trend's terms move with the data: a line of the past is background, whatever its level and slope."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import Estimate
from attribution.estimators.trend import trend


def noisy(seed: int) -> NDArray[np.float64]:
    time = np.arange(18)
    return 40 + 0.5 * time + (time >= 12) * 3 + np.random.default_rng(seed).normal(0, 1, 18)


def estimate(values: NDArray[np.float64]) -> Estimate:
    frame = pd.DataFrame({"t": np.arange(18), "kpi": values, "start": 12})
    panel = at.Panel.from_frame(frame, period="t", outcome="kpi", adopted="start", kind="series")
    return trend(panel, baseline=range(12), followup=range(12, 18))


@given(
    shift=st.floats(-1e6, 1e6),
    slope=st.floats(-100, 100),
    scale=st.floats(0.01, 1000),
    seed=st.integers(0, 10_000),
)
def test_shift_slope_and_scale_move_the_terms_as_they_should(
    shift: float, slope: float, scale: float, seed: int
) -> None:
    values, time = noisy(seed), np.arange(18)
    base = estimate(values)
    moved = estimate(scale * values + shift + slope * time)
    digits = 1e-9 * (abs(shift) + 18 * abs(slope) + 100 * scale)
    # A line of the past is background: the effect and how sure we are of it do not see it.
    assert moved.value("effect") == pytest.approx(scale * base.value("effect"), abs=digits)
    assert moved.value("background") == pytest.approx(scale * base.value("background") + slope * 9, abs=digits)
    assert moved.value("untrained_level") == pytest.approx(
        scale * base.value("untrained_level") + shift + slope * 14.5, abs=digits
    )
    assert moved.std_error("effect") == pytest.approx(scale * base.std_error("effect"), rel=1e-4)
