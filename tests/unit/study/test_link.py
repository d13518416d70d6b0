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
from attribution.study.link import Linked, link
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


def test_no_follow_up_period_over_is_an_error_that_says_when(linked: Callable[..., Linked]) -> None:
    with pytest.raises(DataError) as caught:
        linked(as_of=Day(2026, 2, 27))
    assert caught.value.what == "no follow-up period is over on 2026-02-27; the first, 2026-02, ends 2026-02-28"
    assert "--as-of" in caught.value.remedy
    assert linked(as_of=Day(2026, 2, 28)).followup == ("2026-02",)


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
