"""Periods: what a user may type, and where a period starts and ends."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.core.periods import PeriodLength, Periods, earlier, parse_label, period_end, period_start
from attribution.errors import DataError

YEARS = Periods(pd.Index([1987, 1988, 1989]), "integer")
QUARTERS = Periods(pd.period_range("2025Q3", periods=4, freq="Q"), "period")
MONTHS = Periods(pd.period_range("2025-12", periods=3, freq="M"), "period")
DATES = Periods(pd.DatetimeIndex(["2026-01-31", "2026-02-28", "2026-03-31"]).as_unit("us"), "date")


@pytest.mark.parametrize(
    ("periods", "label", "code"),
    [
        (YEARS, 1988, 1),
        (YEARS, np.int64(1989), 2),
        (YEARS, 1987.0, 0),
        (YEARS, "1988", 1),
        (QUARTERS, "2026Q1", 2),
        (QUARTERS, "2026-Q2", 3),
        (QUARTERS, "2026 q1", 2),
        (QUARTERS, pd.Period("2025Q4", "Q"), 1),
        (QUARTERS, datetime.date(2026, 2, 15), 2),
        (QUARTERS, pd.Timestamp("2025-07-01"), 0),
        (MONTHS, "2026-01", 1),
        (MONTHS, pd.Period("2026-02", "M"), 2),
        (MONTHS, "2026-02-28", 2),
        (DATES, "2026-02-28", 1),
        (DATES, datetime.date(2026, 3, 31), 2),
        (DATES, datetime.datetime(2026, 1, 31), 0),
        (DATES, np.datetime64("2026-01-31"), 0),
        (DATES, "2026-02", 1),
        (DATES, pd.Period("2026-03", "M"), 2),
    ],
)
def test_code_reads_what_a_user_types(periods: Periods, label: Any, code: int) -> None:
    assert periods.code(label) == code


def test_code_reads_a_year_against_annual_periods() -> None:
    assert Periods(pd.period_range("2020", periods=3, freq="Y"), "period").code(2021) == 1


def test_codes_keep_the_order_given() -> None:
    assert YEARS.codes([1989, 1987]) == [2, 0]


@pytest.mark.parametrize(
    ("periods", "label", "parts"),
    [
        (YEARS, 1995, ["no period 1995", "nearest is 1989", "first of the 3 periods is 1987", "the last 1989"]),
        (YEARS, 1900, ["nearest is 1987"]),
        (QUARTERS, "2027Q1", ["no period 2027Q1", "nearest is 2026Q2", "is 2025Q3", "last 2026Q2"]),
        (DATES, "2026-02-20", ["no period 2026-02-20", "nearest is 2026-02-28"]),
        (DATES, "2026-04", ["no period 2026-04", "nearest is 2026-03-31"]),
        (DATES, "2026Q1", ["holds 3 of the panel's periods", "2026-01-31 to 2026-03-31", "name each period"]),
        (QUARTERS, "2026-01", ["not of the same kind", "2025Q3", "as the data do"]),
        (QUARTERS, 2026, ["not of the same kind"]),
        (YEARS, "2026Q1", ["not of the same kind"]),
        (YEARS, "spring", ["'spring' is not a readable period", "'2026Q1'"]),
        (YEARS, True, ["True is not a readable period"]),
        (YEARS, None, ["None is not a readable period"]),
        (DATES, pd.Timestamp("2026-01-31", tz="UTC"), ["time zone", "tz_localize(None)"]),
        (DATES, "2026-01-31T00:00:00+01:00", ["time zone", "tz_localize(None)"]),
    ],
)
def test_code_names_what_there_is_instead(periods: Periods, label: Any, parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        periods.code(label, where="timing.baseline")
    message = str(caught.value)
    assert message.startswith("timing.baseline: ")
    assert caught.value.remedy
    for part in parts:
        assert part in message


def test_codes_refuse_a_text_that_is_not_a_list() -> None:
    with pytest.raises(DataError, match=r"expected a list of periods, got the text '2026Q1'"):
        QUARTERS.codes("2026Q1")


@given(st.integers(0, 399), st.integers(1, 400))
def test_every_label_and_its_text_lead_back_to_their_code(code: int, length: int) -> None:
    code %= length
    for periods in (
        Periods(pd.Index(np.arange(length) * 3 - 50), "integer"),
        Periods(pd.period_range("2001-01", periods=length, freq="M"), "period"),
        Periods(pd.date_range("2001-01-01", periods=length, freq="D", unit="us"), "date"),
    ):
        assert periods.code(periods.labels[code]) == code
        assert periods.code(periods.text(code)) == code


@pytest.mark.parametrize("text", ["2026Q5", "2026-13", "2026-00", "2026-02-30", "26Q1", "2026-1", "", "nan", "never"])
def test_text_that_is_no_period_is_not_read(text: str) -> None:
    assert parse_label(text) is None


@pytest.mark.parametrize(
    ("label", "length", "start", "end"),
    [
        (1988, "year", "1988-01-01", "1988-12-31"),
        (np.int64(1988), "year", "1988-01-01", "1988-12-31"),
        (pd.Period("2024-02", "M"), "month", "2024-02-01", "2024-02-29"),
        ("2026Q4", "quarter", "2026-10-01", "2026-12-31"),
        ("2026-02", "month", "2026-02-01", "2026-02-28"),
        (pd.Period("2026-07-01", "W"), "week", "2026-06-29", "2026-07-05"),
        (pd.Period("2026", "Y"), "year", "2026-01-01", "2026-12-31"),
        (pd.Timestamp("2026-02-01"), "month", "2026-02-01", "2026-02-28"),
        (datetime.date(2026, 4, 1), "quarter", "2026-04-01", "2026-06-30"),
        (datetime.date(2026, 4, 1), "year", "2026-04-01", "2027-03-31"),
        (datetime.date(2026, 1, 15), "month", "2026-01-15", "2026-02-14"),
        ("2026-06-29", "week", "2026-06-29", "2026-07-05"),
        ("2026-01-31", "day", "2026-01-31", "2026-01-31"),
    ],
)
def test_a_period_has_a_first_and_a_last_day(label: Any, length: PeriodLength, start: str, end: str) -> None:
    assert period_start(label, length) == datetime.date.fromisoformat(start)
    assert period_end(label, length) == datetime.date.fromisoformat(end)
    assert type(period_end(label, length)) is datetime.date


@pytest.mark.parametrize(
    ("label", "length", "part"),
    [
        (3, "month", "an integer counter has no place in the calendar as a month"),
        (1988, "quarter", "integer counter"),
        (0, "year", "integer counter"),
        (pd.Period("2026Q1", "Q"), "month", "frequency Q-DEC, which is not a month"),
        (pd.Period("2026-01-01 05:00", "h"), "day", "frequency h, which is not a day"),
        ("2026-01-31", "month", "last day of a month"),
        ("soon", "month", "not a readable period"),
        (1988, "fortnight", "'fortnight' is not a length"),
    ],
)
def test_a_label_without_a_place_in_the_calendar_is_refused(label: Any, length: Any, part: str) -> None:
    with pytest.raises(DataError) as caught:
        period_end(label, length)
    assert part in str(caught.value)
    assert caught.value.remedy


@given(st.dates(datetime.date(1990, 1, 1), datetime.date(2100, 1, 1)), st.sampled_from(["month", "quarter", "year"]))
def test_periods_that_start_on_a_first_of_the_month_tile_the_calendar(day: datetime.date, length: PeriodLength) -> None:
    first = day.replace(day=1)
    after = period_end(first, length) + datetime.timedelta(days=1)
    months = {"month": 1, "quarter": 3, "year": 12}[length]
    assert after.day == 1
    assert (after.year - first.year) * 12 + after.month - first.month == months


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1987, 1988, True),
        (1988, 1988, False),
        ("2026-01-31", "2026-02-01", True),
        ("2026Q2", "2026Q1", False),
        ("2026Q1", "2026-01", None),
        (2026, "2026-01-01", None),
        ("no period", 1, None),
    ],
)
def test_labels_of_one_kind_compare(one: object, other: object, expected: bool | None) -> None:
    assert earlier(parse_label(one), parse_label(other)) is expected
