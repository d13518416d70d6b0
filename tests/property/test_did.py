"""What must not change an effect, and what must change it in step: difference-in-differences on any small panel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import Estimate

BASELINE, FOLLOWUP, PERIODS = [0, 1, 2], [3, 4, 5], 6


@st.composite
def panels(draw: st.DrawFn, *, holes: bool | None = None) -> pd.DataFrame:
    """Return rows of a panel of two arms: a few clusters each, some of them mixed, complete or with holes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_trained, n_control = draw(st.integers(3, 7)), draw(st.integers(3, 9))
    per_team = draw(st.integers(1, 4))
    team = np.repeat(np.arange(n_trained + n_control), per_team)
    trained = team < n_trained
    if per_team > 1 and draw(st.booleans()):
        trained[np.flatnonzero(team == 0)[0]] = False
        trained[np.flatnonzero(team == n_trained)[0]] = True
    n = len(team)
    unit, month = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    frame = pd.DataFrame(
        {
            "person": unit,
            "month": month,
            "kpi": rng.normal(20, 3, n)[unit] + rng.normal(0, 2, PERIODS)[month] + rng.normal(0, 1, len(unit)),
            "start": np.where(trained[unit], 3.0, np.nan),
            "team": team[unit],
            "weight": rng.uniform(0.5, 2.0, n)[unit],
        }
    )
    if draw(st.booleans()) if holes is None else holes:
        # Each person keeps one month in each window, so that nobody leaves and the arms stay as they are.
        safe = (month == rng.integers(0, 3, n)[unit]) | (month == rng.integers(3, 6, n)[unit])
        frame = frame[safe | (rng.random(len(frame)) > 0.3)]
    return frame


def did(frame: pd.DataFrame, **options: Any) -> Estimate:
    panel = at.Panel.from_frame(
        frame,
        unit="person",
        period="month",
        outcome="kpi",
        adopted="start",
        cluster="team",
        weight="weight",
        **options,
    )
    return at.did(panel, baseline=BASELINE, followup=FOLLOWUP)


def terms(estimate: Estimate) -> NDArray[np.float64]:
    """Return value, standard error and df of effect, change and background."""
    found = [estimate.contrast({term: 1.0}) for term in estimate.shown_terms]
    return np.array([[one.value, one.std_error, one.df] for one in found])


@given(panels(), st.integers(0, 2**32 - 1))
def test_row_order_changes_no_bit(frame: pd.DataFrame, seed: int) -> None:
    shuffled = frame.sample(frac=1, random_state=np.random.default_rng(seed))
    np.testing.assert_array_equal(terms(did(shuffled)), terms(did(frame)))


@given(panels(), st.integers(0, 2**32 - 1), st.booleans())
def test_labels_of_units_and_teams_do_not_matter(frame: pd.DataFrame, seed: int, text: bool) -> None:
    rng = np.random.default_rng(seed)
    renamed = frame.copy()
    for column in ("person", "team"):
        labels = rng.permutation(int(frame[column].max()) + 1)[frame[column]]
        renamed[column] = [f"{column} {label}" for label in labels] if text else labels
    np.testing.assert_allclose(terms(did(renamed)), terms(did(frame)), rtol=1e-9, atol=1e-11)


@given(
    panels(),
    st.floats(0.01, 100) | st.floats(-100, -0.01),
    st.floats(-1_000, 1_000),
)
def test_an_affine_kpi_scales_the_effect_and_leaves_share_and_df(
    frame: pd.DataFrame, slope: float, intercept: float
) -> None:
    before = did(frame)
    after = did(frame.assign(kpi=slope * frame["kpi"] + intercept))
    scale = abs(slope) * 30 + abs(intercept)
    np.testing.assert_allclose(
        terms(after)[:, :2], terms(before)[:, :2] * [slope, abs(slope)], rtol=1e-8, atol=1e-11 * scale
    )
    np.testing.assert_allclose(terms(after)[:, 2], terms(before)[:, 2], rtol=1e-6)
    if abs(before.value("change")) > 0.1:
        one, two = (at.attribution_factor(estimate, draws=19) for estimate in (before, after))
        # An intercept of 1,000 beside a slope of 0.01 leaves eleven digits of the KPI.
        assert two.share == pytest.approx(one.share, rel=1e-7, abs=1e-7)
        assert two.interval.kind == one.interval.kind


@given(panels(holes=False), st.integers(0, 2**32 - 1))
def test_a_unit_shift_leaves_did_unchanged(frame: pd.DataFrame, seed: int) -> None:
    shift = np.random.default_rng(seed).normal(0, 50, int(frame["person"].max()) + 1)
    shifted = frame.assign(kpi=frame["kpi"] + shift[frame["person"]])
    np.testing.assert_allclose(terms(did(shifted)), terms(did(frame)), rtol=1e-8, atol=1e-10)


@given(panels(), st.integers(0, 2**32 - 1))
def test_a_period_shift_leaves_the_effect_unchanged_whatever_is_missing(frame: pd.DataFrame, seed: int) -> None:
    # The effect, its standard error and df; change and background move together, by the shift of the windows used.
    shift = np.random.default_rng(seed).normal(0, 50, PERIODS)
    shifted = frame.assign(kpi=frame["kpi"] + shift[frame["month"]])
    before, after = did(frame), did(shifted)
    np.testing.assert_allclose(terms(after)[0], terms(before)[0], rtol=1e-8, atol=1e-9)
    # A month with controls from a single team is not used.
    compared = frame[frame["start"].isna()].groupby("month")["team"].nunique().reindex(range(PERIODS), fill_value=0)
    used = np.flatnonzero(compared >= 2)
    moved = shift[used[used >= 3]].mean() - shift[used[used < 3]].mean()
    for term in ("change", "background"):
        assert after.value(term) - before.value(term) == pytest.approx(moved, abs=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_trained_absent_in_the_launch_month_and_common_shocks_do_not_move_the_effect(seed: int) -> None:
    # Shocks of one SD that everybody shares, 60% of the trained absent in the launch month. Without other noise the
    # effect is exact; the plain mean of observed months would read the absence as an effect.
    rng = np.random.default_rng(seed)
    n, trained = 50, 20
    unit, month = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    shock, level = rng.normal(0, 1, PERIODS), rng.normal(0, 1, n)
    kpi = shock[month] + level[unit] + 0.7 * ((unit < trained) & (month >= 3))
    absent = (month == 3) & (unit < 12)
    frame = pd.DataFrame({"person": unit, "month": month, "kpi": kpi, "start": np.where(unit < trained, 3.0, np.nan)})
    frame = frame.assign(team=unit, weight=1.0)[~absent]
    estimate = did(frame)
    assert estimate.value("effect") == pytest.approx(0.7, abs=1e-12)
    assert estimate.n.trained.units == trained
    assert estimate.n.coverage.trained[3] == pytest.approx(0.4)
    before, after = (
        part.groupby("person")["kpi"].mean() for part in (frame[frame["month"] < 3], frame[frame["month"] >= 3])
    )
    naive = (after - before).groupby(before.index < trained).mean()
    if abs(shock[3] - shock[4:].mean()) > 0.1:
        assert abs(naive[True] - naive[False] - 0.7) > 1e-3


@given(panels())
def test_effect_is_change_less_background(frame: pd.DataFrame) -> None:
    estimate = did(frame)
    assert estimate.value("change") == pytest.approx(estimate.value("effect") + estimate.value("background"), abs=1e-12)
    nothing = estimate.contrast({"change": 1.0, "effect": -1.0, "background": -1.0})
    assert np.isnan(nothing.std_error)  # a contrast without variance has no standard error, never 0


@given(panels(), st.integers(1, 5))
def test_repeating_a_unit_is_a_weight(frame: pd.DataFrame, times: int) -> None:
    frame = frame.assign(weight=1.0)
    twin = frame[frame["person"] == 2]
    copies = [twin.assign(person=1_000 + number) for number in range(times)]
    weighted = frame.assign(weight=np.where(frame["person"] == 2, 1.0 + times, 1.0))
    np.testing.assert_allclose(did(pd.concat([frame, *copies])).values, did(weighted).values, rtol=1e-9, atol=1e-9)
