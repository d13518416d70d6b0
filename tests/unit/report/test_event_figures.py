"""Figures over time: what they draw is what the estimate says, and the title says it in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import attribution as at
from attribution.errors import MethodError
from attribution.report import drawing
from attribution.report.events import event_rows, event_times, reference_of
from attribution.report.projection import projection

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@cache
def waves(lone: bool = False) -> at.Panel:
    """Return 40 people over 12 months: 16 start in month 6 and 8 in month 8, one alone in month 9 where asked for."""
    rng = np.random.default_rng(1)
    start = np.array([6] * 16 + [8] * 8 + [9] * lone + [99] * (16 - lone))
    unit, month = np.repeat(np.arange(40), 12), np.tile(np.arange(12), 40)
    kpi = rng.normal(20, 2, 40)[unit] + rng.normal(0, 0.4, 480) + 0.5 * month + 3.0 * (month >= start[unit])
    frame = pd.DataFrame({"person": unit, "month": month, "start": start[unit], "sales": kpi})
    frame["start"] = frame["start"].where(frame["start"] < 99)
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")


@cache
def series(season: bool = False) -> at.Panel:
    """Return 36 months of one KPI, trained from month 28 on."""
    rng, month = np.random.default_rng(3), np.arange(36)
    wave = 3 * np.sin(2 * np.pi * month / 12) if season else 0.0
    frame = pd.DataFrame({"month": month, "sales": 50 + 0.4 * month + wave + rng.normal(0, 1, 36) + 6 * (month >= 28)})
    frame["start"] = 28
    return at.Panel.from_frame(frame, period="month", outcome="sales", adopted="start", kind="series")


def _trend(season: bool = False) -> at.Estimate:
    return at.trend(series(season), baseline=range(28), followup=range(28, 36), season=12 if season else 0)


def _words(ax: Axes) -> str:
    return " ".join(text.get_text() for text in ax.texts)


def _points(ax: Axes, colour: str) -> dict[float, float]:
    """Return the marks of one colour, by their place across."""
    found = {}
    for line in ax.lines:
        if line.get_marker() == "o" and line.get_color() == colour and len(line.get_xdata()) == 1:
            found[float(np.ravel(line.get_xdata())[0])] = float(np.ravel(line.get_ydata())[0])
    return found


@pytest.mark.parametrize("method", [at.event_study, at.staggered])
def test_the_event_study_draws_what_the_estimate_says(method: Any) -> None:
    estimate = method(waves())
    ax = at.figures.event_study(estimate, label="Sales", unit="orders", period="month")
    events = event_times(estimate)
    before, after = _points(ax, drawing.INK), _points(ax, drawing.TRAINING)
    reference = reference_of(events)
    assert set(after) == {event for event in events if event >= 0}
    assert set(before) == {event for event in events if event < 0} | ({reference} if reference is not None else set())
    for event, value in (before | after).items():
        expected = 0.0 if event == reference else estimate.value(f"effect[event={event:.0f}]")
        assert value == pytest.approx(expected), event
    band = at.simultaneous(estimate, "event").set_index("term")
    lowest = min(float(np.min(line.get_ydata())) for line in ax.lines if line.get_color() == drawing.EDGE)
    assert lowest == pytest.approx(band["conf_low"].min())
    assert (reference, "Hollow" in _words(ax)) == ((-1, True) if method is at.event_study else (None, False))
    assert ("step from the month before it" in _words(ax)) == (method is at.staggered)
    title = str(ax.get_label())
    assert title.startswith("Sales: +")
    assert "in the first month of training" in title
    assert "the band leaves out 0 in 6 of 6 months, before training in " in title


def test_a_band_is_never_inside_the_interval_of_a_point() -> None:
    for row in event_rows(at.event_study(waves()), 0.95):
        assert row.band_low <= row.low < row.effect < row.high <= row.band_high


def test_a_point_without_a_standard_error_is_hollow_and_bare() -> None:
    estimate = at.staggered(waves(lone=True), aggregate="event")
    rows = event_rows(estimate, 0.95)
    assert all(np.isfinite(row.effect) for row in rows)
    ax = at.figures.event_study(estimate)
    unknown = [row.event for row in rows if not np.isfinite(row.low)]
    hollow = [
        float(np.ravel(line.get_xdata())[0])
        for line in ax.lines
        if line.get_marker() == "o" and line.get_markerfacecolor() == drawing.PAGE
    ]
    assert sorted(hollow) == unknown


def test_the_share_by_event_time_is_drawn_where_it_is_estimable() -> None:
    estimate = at.staggered(waves())
    ax = at.figures.share_by_event(estimate, period="month")
    rows = [row for row in event_rows(estimate, 0.95) if np.isfinite(row.change)]
    assert [row.event for row in rows] == list(range(6))
    shown = _points(ax, drawing.TRAINING)
    for row in rows:
        if row.interval.kind == "bounded" and -1 <= row.share <= 2:
            assert shown[row.event] == pytest.approx(row.share)
    assert "estimable in " in str(ax.get_label())
    flat = at.staggered(_flat())
    none = at.figures.share_by_event(flat, period="month")
    assert str(none.get_label()).endswith("not estimable in any month since training began")
    assert "Crosses: not estimable" in _words(none)


def _flat() -> at.Panel:
    rng = np.random.default_rng(8)
    unit, month = np.repeat(np.arange(30), 6), np.tile(np.arange(6), 30)
    frame = pd.DataFrame({"person": unit, "month": month, "sales": rng.normal(0, 1, 180)})
    frame["start"] = np.where(unit < 12, 3.0, np.nan)
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")


def test_the_sensitivity_marks_its_breakdown_value() -> None:
    tested = at.trend_sensitivity(at.event_study(waves()), window=(-4, 2), target="average", magnitudes=[0, 1, 20])
    ax = at.figures.sensitivity(tested, label="Sales", unit="orders", period="month")
    assert tested.breakdown < 20
    dashed = [line for line in ax.lines if line.get_color() == drawing.MUTED]
    assert float(np.ravel(dashed[0].get_xdata())[0]) == pytest.approx(tested.breakdown)
    assert str(ax.get_label()).startswith(
        "Sales: the mean effect of the first 3 months is told from 0 until trends part by"
    )
    assert [text.get_text() for text in ax.get_xticklabels()] == ["own", "0", "1", "20"]


@pytest.mark.parametrize("season", [False, True])
def test_the_projection_is_the_observed_less_the_effect(season: bool) -> None:
    estimate = _trend(season)
    found = projection(estimate, series(season), 0.95)
    assert found.periods == tuple(str(month) for month in range(36))
    gap = found.observed[found.after] - found.projected[found.after]
    assert gap.mean() == pytest.approx(estimate.value("effect"))
    assert np.isfinite(found.projected[~found.after]).all() == (not season)
    own = estimate.interval(term="effect[event=3]")
    assert found.observed[31] - found.low[31] == pytest.approx(own.high)
    ax = at.figures.trend(estimate, series(season), label="Sales", unit="orders")
    assert "on average against its own trend" in str(ax.get_label())
    assert "with its 95% band" in _words(ax)


def test_a_trend_without_an_interval_says_so() -> None:
    estimate = at.trend(series(), baseline=range(22, 28), followup=range(28, 36))
    ax = at.figures.trend(estimate, series())
    assert "it has no interval" in _words(ax)
    assert len(ax.collections) == 0


@pytest.mark.parametrize("name", ["event_study", "share_by_event"])
def test_an_estimate_without_event_times_is_refused(name: str) -> None:
    draw: Callable[..., Axes] = getattr(at.figures, name)
    with pytest.raises(MethodError, match="no effects by event time") as caught:
        draw(at.staggered(waves(), aggregate="simple"))
    assert "aggregate('event')" in caught.value.remedy
    with pytest.raises(MethodError, match="projects no trend"):
        at.figures.trend(at.event_study(waves()), waves())
