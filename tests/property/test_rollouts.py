"""What must hold for the rollout estimators whatever the numbers are: order, scale, shift, shocks, labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution as at
from attribution.core.estimate import Estimate

PERIODS = 6
METHODS: list[Callable[..., Estimate]] = [at.staggered, at.event_study]


@st.composite
def rollouts(draw: st.DrawFn) -> pd.DataFrame:
    """Return twelve people in two or three waves and never, with some rows missing."""
    seed = draw(st.integers(0, 10_000))
    holes = draw(st.sampled_from([0.0, 0.1]))
    rng = np.random.default_rng(seed)
    start = np.array([2, 2, 2, 3, 3, 3, 5, 5, -1, -1, -1, -1])
    person, month = np.repeat(np.arange(12), PERIODS), np.tile(np.arange(PERIODS), 12)
    frame = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "kpi": rng.normal(10, 2, len(person)),
            "start": np.where(start < 0, np.nan, start)[person],
        }
    )
    return frame[rng.random(len(frame)) >= holes]


def build(frame: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start", **options)


def values(method: Callable[..., Estimate], frame: pd.DataFrame, **options: Any) -> dict[str, float]:
    estimate = method(build(frame), **options)
    return dict(zip(estimate.terms, estimate.values, strict=True))


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=25)
@given(frame=rollouts(), scale=st.floats(0.01, 100), shift=st.floats(-1000, 1000))
def test_effects_scale_with_the_kpi_and_do_not_see_its_origin(
    method: Callable[..., Estimate], frame: pd.DataFrame, scale: float, shift: float
) -> None:
    before, after = values(method, frame), values(method, frame.assign(kpi=scale * frame["kpi"] + shift))
    for term, value in before.items():
        moved = shift if term == "untrained_level" else 0.0
        assert after[term] == pytest.approx(scale * value + moved, abs=1e-9 * (abs(shift) + 100 * scale) + 1e-9)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=25)
@given(frame=rollouts(), shock=st.lists(st.floats(-50, 50), min_size=PERIODS, max_size=PERIODS))
def test_shocks_that_all_share_move_the_change_and_not_the_effect(
    method: Callable[..., Estimate], frame: pd.DataFrame, shock: list[float]
) -> None:
    shocked = frame.assign(kpi=frame["kpi"] + np.array(shock)[frame["month"]])
    before, after = values(method, frame), values(method, shocked)
    for term, value in before.items():
        if term.startswith("effect"):
            assert after[term] == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=15)
@given(frame=rollouts(), seed=st.integers(0, 1000))
def test_the_names_of_units_do_not_matter(method: Callable[..., Estimate], frame: pd.DataFrame, seed: int) -> None:
    names = np.random.default_rng(seed).permutation(12)
    before, after = values(method, frame), values(method, frame.assign(person=names[frame["person"]]))
    assert before.keys() == after.keys()
    for term, value in before.items():
        assert after[term] == pytest.approx(value, abs=1e-10)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=15)
@given(frame=rollouts())
def test_levels_of_units_do_not_matter(method: Callable[..., Estimate], frame: pd.DataFrame) -> None:
    moved = frame.assign(kpi=frame["kpi"] + 37.0 * frame["person"])
    before, after = values(method, frame), values(method, moved)
    for term, value in before.items():
        if term != "untrained_level":
            assert after[term] == pytest.approx(value, abs=1e-8)


@settings(max_examples=15)
@given(frame=rollouts())
def test_the_overall_effect_is_the_same_whatever_is_shown_beside_it(frame: pd.DataFrame) -> None:
    estimate = at.staggered(build(frame))
    for kind in ("simple", "group", "calendar", "cells"):
        again = estimate.aggregate(kind)
        # The order in which a matrix product sums depends on its shape.
        assert again.values[:4] == pytest.approx(estimate.values[:4], rel=1e-12)
        assert again.std_error("effect") == pytest.approx(estimate.std_error("effect"), rel=1e-10)
