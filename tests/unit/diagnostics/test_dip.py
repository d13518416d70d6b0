"""The dip before adoption: difference-in-differences on the periods before, wave by wave."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.panel import NEVER
from attribution.diagnostics.dip import dip


def _frame(rng: np.random.Generator, start: np.ndarray, periods: int, team: int = 1) -> pd.DataFrame:
    """Return people with a level each, in teams that share shocks, and their start (−1 for never)."""
    n = len(start)
    code = np.arange(n) // team
    kpi = rng.normal(0, 2, n)[:, None] + rng.normal(0, 1, periods) + rng.normal(0, 1, (n, periods))
    kpi += rng.normal(0, 0.5, (code.max() + 1, periods))[code]
    return pd.DataFrame(
        {
            "person": np.repeat(np.arange(n), periods),
            "team": np.repeat(code, periods),
            "month": np.tile(np.arange(periods), n),
            "start": np.repeat(np.where(start < 0, np.nan, start), periods),
            "kpi": kpi.ravel(),
        }
    )


def _panel(frame: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start", cluster="team")


@pytest.mark.parametrize("people", [60, 400])
def test_one_wave_is_did_on_the_periods_before(people: int) -> None:
    # 400 people in teams of one are above 100 clusters an arm: both take the influence.
    start = np.where(np.arange(people) % 2 == 0, 6, -1)
    frame = _frame(np.random.default_rng(1), start, 8)
    panel = _panel(frame)
    adopted = panel.units.adopted
    found = dip(panel, adopted != NEVER, adopted == NEVER)
    earlier = frame.assign(start=frame["start"] - 2)
    same = at.did(_panel(earlier), baseline=[0, 1, 2, 3], followup=[4, 5]).contrast({"effect": 1.0})
    assert found is not None
    assert (found.last, found.earlier) == (2, 4)
    assert found.value == pytest.approx(same.value, rel=1e-10)
    assert found.std_error == pytest.approx(same.std_error, rel=1e-10)
    assert found.df == pytest.approx(same.df, rel=1e-10)


def test_waves_are_looked_at_before_their_own_start() -> None:
    start = np.repeat([5, 8, -1], 30)
    frame = _frame(np.random.default_rng(2), start, 10)
    own = frame["start"].fillna(99)
    # One period before each wave's own start: 3 lower, whatever else moved.
    frame.loc[frame["month"] == own - 1, "kpi"] -= 3.0
    panel = _panel(frame)
    adopted = panel.units.adopted
    found = dip(panel, adopted != NEVER, adopted == NEVER)
    assert found is not None
    # The first wave has 2 of 5 periods in the last quarter, the second 2 of 8: half of the dip is averaged away.
    assert found.value == pytest.approx(-1.5, abs=4 * found.std_error)
    assert found.p_value < 0.01
    assert found.clusters == (60, 30)
    warned = dip(panel, adopted != NEVER, adopted == NEVER, anticipation=1)
    assert warned is not None
    assert abs(warned.value) < 3 * warned.std_error


def test_periods_that_are_missing_are_no_dip() -> None:
    frame = _frame(np.random.default_rng(3), np.repeat([6, -1], 150), 8)
    # Everybody sells ten more in period 1, and half of the trained are absent in it.
    frame.loc[frame["month"] == 1, "kpi"] += 10
    gone = (frame["month"] == 1) & frame["start"].notna() & (frame["person"] % 2 == 0)
    panel = _panel(frame[~gone])
    found = dip(panel, panel.units.adopted != NEVER, panel.units.adopted == NEVER)
    assert found is not None
    assert abs(found.value) < 4 * found.std_error
    assert found.std_error < 0.3


def test_a_test_of_five_percent_rejects_five_percent() -> None:
    rng = np.random.default_rng(4)
    start = np.repeat([4, 6, -1], 40)
    rejected = 0
    for _ in range(300):
        panel = _panel(_frame(rng, start, 8, team=4))
        found = dip(panel, panel.units.adopted != NEVER, panel.units.adopted == NEVER)
        assert found is not None
        rejected += found.p_value < 0.05
    # Four Monte Carlo errors of 300 at .05.
    assert abs(rejected / 300 - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 300)


def test_too_few_periods_are_none_and_an_arm_of_one_team_has_no_error() -> None:
    panel = _panel(_frame(np.random.default_rng(5), np.repeat([2, -1], 10), 6))
    assert dip(panel, panel.units.adopted != NEVER, panel.units.adopted == NEVER) is None
    panel = _panel(_frame(np.random.default_rng(5), np.repeat([4, -1], 10), 6, team=10))
    found = dip(panel, panel.units.adopted != NEVER, panel.units.adopted == NEVER)
    assert found is not None
    assert np.isnan(found.std_error)
    assert np.isnan(found.p_value)


def test_what_the_test_would_have_shown() -> None:
    panel = _panel(_frame(np.random.default_rng(6), np.repeat([6, -1], 200), 8))
    found = dip(panel, panel.units.adopted != NEVER, panel.units.adopted == NEVER)
    assert found is not None
    # With many clusters 1.96 + .84 standard errors.
    assert found.detectable() == pytest.approx(2.8016 * found.std_error, rel=5e-3)
