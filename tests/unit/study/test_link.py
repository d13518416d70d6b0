"""The date of the evaluation: what it defaults to, which periods wait, and the day after launch."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attribution.design.load import load_design
from attribution.errors import DataError
from attribution.study.calendar import rows_over
from attribution.study.link import Linked, compares_windows, link
from attribution.study.sources import read

Day = datetime.date


@pytest.fixture
def linked(sales: Callable[..., pd.DataFrame], make_study: Callable[..., Path]) -> Callable[..., Linked]:
    """Return a maker of what `link` gives for the sales study after changes."""

    def make(changes: dict[str, Any] | None = None, as_of: Day | None = None, frame: Any = None) -> Linked:
        design = load_design(make_study(sales() if frame is None else frame, changes))
        return link(design, read(design), as_of)

    return make


def test_the_date_defaults_to_the_end_of_the_last_follow_up_period(linked: Callable[..., Linked]) -> None:
    found = linked()
    assert found.as_of == Day(2026, 5, 31)
    assert found.followup == ("2026-02", "2026-03", "2026-04", "2026-05")
    assert found.waiting == ()
    assert found.days_since_launch == 28 + 31 + 30 + 31


def test_the_designs_date_and_then_the_callers_go_first(linked: Callable[..., Linked]) -> None:
    assert linked({"study.as_of": Day(2026, 4, 30)}).as_of == Day(2026, 4, 30)
    assert linked({"study.as_of": Day(2026, 4, 30)}, as_of=Day(2026, 6, 1)).as_of == Day(2026, 6, 1)


def test_periods_that_are_not_over_wait(linked: Callable[..., Linked]) -> None:
    found = linked(as_of=Day(2026, 4, 30))
    assert (found.followup, found.waiting) == (("2026-02", "2026-03", "2026-04"), ("2026-05",))
    found = linked(as_of=Day(2026, 4, 29))
    assert (found.followup, found.waiting) == (("2026-02", "2026-03"), ("2026-04", "2026-05"))


def test_before_any_follow_up_period_is_over_there_is_none_and_it_says_when(linked: Callable[..., Linked]) -> None:
    early = linked(as_of=Day(2026, 2, 27))
    assert early.not_begun == "no follow-up period is over on 2026-02-27; the first, 2026-02, ends 2026-02-28"
    assert (early.followup, early.waiting) == ((), ("2026-02", "2026-03", "2026-04", "2026-05"))
    assert set(early.panels) == {"sales"}
    begun = linked(as_of=Day(2026, 2, 28))
    assert (begun.followup, begun.not_begun) == (("2026-02",), "")


def test_a_follow_up_that_the_data_do_not_reach_yet_has_not_begun(
    linked: Callable[..., Linked], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales()
    early = linked(frame=frame[frame["month"] <= "2026-01"])
    assert early.not_begun == "no follow-up period is in the data yet; they end with 2026-01, before 2026-02"
    assert early.followup == ()


def test_counters_that_end_before_the_follow_up_have_no_day_after_launch(
    linked: Callable[..., Linked], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales()
    frame["month"] = frame.groupby("person").cumcount() + 1
    frame["start"] = frame["start"].map({"2026-02": 4})
    counters = {"timing.launch": 4, "timing.baseline": [1, 2, 3], "timing.followup": [4, 5]}
    early = linked(counters, as_of=Day(2026, 6, 1), frame=frame[frame["month"] <= 3])
    assert (early.followup, early.waiting, early.days_since_launch) == ((), ("4", "5"), 0)


def test_all_periods_that_the_data_lack_are_named_at_once(
    linked: Callable[..., Linked], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales()
    holes = frame[~frame["month"].isin(["2025-12", "2026-03", "2026-05"])]
    with pytest.raises(DataError) as caught:
        linked(frame=holes)
    assert caught.value.what == (
        "3 periods are not in the data: 2025-12 (baseline), 2026-03 (followup), 2026-05 (followup); "
        "the data have 2025-11 to 2026-04"
    )
    assert caught.value.where == "timing.baseline, timing.followup"
    with pytest.raises(DataError, match="there is no period 2025-12") as alone:
        linked(frame=frame[frame["month"] != "2025-12"])
    assert alone.value.where == "timing.baseline"


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    first_day = pd.to_datetime(frame["month"] + "-01")
    return frame.assign(month=first_day, start=frame["start"].map({"2026-02": "2026-02-01"}))


def _days(*months: str) -> list[Day]:
    return [Day.fromisoformat(f"{month}-01") for month in months]


def test_the_launch_parts_the_windows_also_without_washout_and_anticipation(
    linked: Callable[..., Linked], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = _dated(sales())
    # Months named in text in the design, days in the data: only the data can say which month a day is in.
    windows = {"timing.baseline": _days("2025-11", "2025-12"), "timing.followup": _days("2026-02", "2026-03")}
    assert linked(windows | {"timing.launch": Day(2026, 2, 16)}, frame=frame).followup == tuple(
        _days("2026-02", "2026-03")
    )
    with pytest.raises(DataError, match="the follow-up starts in 2026-02-01, within 1 periods of the launch"):
        linked(windows | {"timing.launch": Day(2026, 2, 16), "timing.washout": 1}, frame=frame)
    with pytest.raises(DataError, match="the baseline ends in 2025-12-01, within 2 periods before the launch"):
        linked(windows | {"timing.launch": Day(2026, 2, 16), "timing.anticipation": 2}, frame=frame)
    # The launch month need not be among the data's.
    gap = frame[frame["month"] != "2026-01-01"]
    assert linked(windows | {"timing.launch": Day(2026, 1, 15)}, frame=gap).followup == tuple(
        _days("2026-02", "2026-03")
    )


def test_a_launch_date_beside_counters_is_not_compared(
    linked: Callable[..., Linked], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales()
    frame["month"] = frame.groupby("person").cumcount() + 1
    frame["start"] = frame["start"].map({"2026-02": 4})
    found = linked(
        {"timing.launch": Day(2026, 2, 1), "timing.baseline": [1, 2, 3], "timing.followup": [4, 5, 6, 7]},
        as_of=Day(2026, 6, 1),
        frame=frame,
    )
    assert found.followup == (4, 5, 6, 7)


def test_the_day_after_launch_counts_the_launch_day_as_the_first(linked: Callable[..., Linked]) -> None:
    assert linked(as_of=Day(2026, 4, 30)).days_since_launch == 89
    assert linked(as_of=Day(2026, 5, 1)).days_since_launch == 90
    exact = linked({"timing.launch": Day(2026, 2, 16)}, as_of=Day(2026, 5, 1))
    assert exact.days_since_launch == 75


def test_counters_have_no_place_in_the_calendar(
    linked: Callable[..., Linked], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales()
    frame["month"] = frame.groupby("person").cumcount() + 1
    frame["start"] = frame["start"].map({"2026-02": 4})
    counters = {"timing.launch": 4, "timing.baseline": [1, 2, 3], "timing.followup": [4, 5, 6]}
    with pytest.raises(DataError, match="counters") as caught:
        linked(counters, frame=frame)
    assert "as_of" in caught.value.remedy
    found = linked(counters, as_of=Day(2026, 6, 1), frame=frame)
    assert (found.followup, found.waiting) == ((4, 5, 6), ())
    assert found.days_since_launch == 90
    assert linked(counters | {"timing.followup": [4, 5]}, as_of=Day(2026, 6, 1), frame=frame).days_since_launch == 60


def test_each_kpi_has_a_panel_with_its_own_direction_and_scale(
    linked: Callable[..., Linked], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales().assign(errors=1.0)
    second = {
        "id": "errors", "column": "errors", "label": "Errors", "unit": "log points", "direction": "lower",
        "scale": "log", "role": "secondary",
    }  # fmt: skip
    found = linked({"kpi.1": second} | {"analysis.0.kpi": "sales", "valuation.0.kpi": "sales"}, frame=frame)
    assert {name: (panel.direction, panel.scale) for name, panel in found.panels.items()} == {
        "sales": ("higher", "linear"),
        "errors": ("lower", "log"),
    }


def test_only_methods_that_look_at_every_period_get_a_panel_without_periods_that_are_not_over(
    linked: Callable[..., Linked],
) -> None:
    both = {"analysis.1": {"id": "waves", "method": "staggered", "role": "sensitivity"}}
    found = linked(both, as_of=Day(2026, 4, 30))
    assert (len(found.panels["sales"].periods), len(found.current["sales"].periods)) == (7, 6)
    assert found.rows_waiting == 60
    assert [compares_windows(name) for name in ("did", "prepost", "staggered", "event_study", "twfe")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    whole = linked(both)
    assert (whole.rows_waiting, whole.current["sales"]) == (0, whole.panels["sales"])
    # Without such a method nothing is built twice.
    assert linked(as_of=Day(2026, 4, 30)).current == {}


@pytest.mark.parametrize(
    ("labels", "length", "over"),
    [
        (["2026-03", "2026-04", "2026-05"], "month", 2),
        (["2026-03-01", "2026-04-01", "2026-05-01"], "month", 2),
        (["2026-03-31", "2026-04-30", "2026-05-31"], "month", 2),
        (["2026Q1", "2026Q2"], "quarter", 1),
        (["2026-01", "2026-02", "2026-06"], "quarter", 2),
        ([2024, 2025, 2026], "year", 2),
        ([2024, 2025, 2026], "month", 3),
        (["2026-04-20", "2026-04-27"], "week", 1),
        (list(pd.period_range("2026-03", periods=3, freq="M")), "month", 2),
        (["2026-03", "someday"], "month", 2),
    ],
)
def test_rows_of_periods_that_are_over(labels: list[Any], length: Any, over: int) -> None:
    assert list(rows_over(pd.Series(labels), length, Day(2026, 4, 30))) == [True] * over + [False] * (
        len(labels) - over
    )


def test_other_kinds_of_data_are_read_as_declared(
    linked: Callable[..., Linked], sales: Callable[..., pd.DataFrame]
) -> None:
    crossed = linked({"data.kind": "repeated_cross_sections", "columns.unit": None})
    assert (crossed.panels["sales"].kind, len(crossed.panels["sales"].units)) == ("repeated_cross_sections", 420)
    frame = sales()[lambda rows: rows["person"] == "001"]
    series = linked({"data.kind": "series", "columns.unit": None}, frame=frame)
    assert (series.panels["sales"].kind, len(series.panels["sales"].units)) == ("series", 1)
