"""Adoption as a date per unit or as 0/1 per row."""

from __future__ import annotations

import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.core.panel import NEVER, Panel
from attribution.errors import DataError

YEARS = [2001, 2002, 2003]
QUARTERS = pd.period_range("2026Q1", periods=3, freq="Q")
MONTHS = pd.period_range("2026-01", periods=6, freq="M")
DATES = pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01"])


def frame_of(starts: Any, periods: Any = YEARS) -> pd.DataFrame:
    """Return one unit per start, observed in every period."""
    starts = pd.Series(starts)
    frame = pd.DataFrame({"id": np.repeat(np.arange(len(starts)) + 1, len(periods)), "kpi": 1.0})
    frame["year"] = pd.Index(periods).take(np.tile(np.arange(len(periods)), len(starts)))
    frame["start"] = starts.take(np.repeat(np.arange(len(starts)), len(periods))).reset_index(drop=True)
    return frame


def read(frame: Any, **options: Any) -> Panel:
    roles = {"unit": "id", "period": "year", "outcome": "kpi"} | (options or {"adopted": "start"})
    return Panel.from_frame(frame, **roles)


def refused(frame: Any, *parts: str, **options: Any) -> None:
    with pytest.raises(DataError) as caught:
        read(frame, **options)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("periods", "starts", "codes"),
    [
        (YEARS, [1990, 2001, 2002, 2003, 2004], [0, 0, 1, 2, 3]),
        (YEARS, [2002.0, np.nan], [1, NEVER]),
        (YEARS, pd.array([2002, None], dtype="Int64"), [1, NEVER]),
        (YEARS, pd.Series([2002, None], dtype=object), [1, NEVER]),
        (YEARS, pd.Series([2002, 2003], dtype="category"), [1, 2]),
        ([2001, 2003], [2002], [1]),
        ([-1, 0, 1], [-1, 0, 1], [0, 1, 2]),
        ([0, 1, 2], [0, 2], [0, 2]),
        (QUARTERS, ["2025Q4", "2026Q2", "2026-Q3", "2026Q4"], [0, 1, 2, 3]),
        (QUARTERS, pd.PeriodIndex(["2026Q2", "NaT"], freq="Q"), [1, NEVER]),
        (QUARTERS, pd.to_datetime(["2026-05-15", None]), [1, NEVER]),
        (QUARTERS, [datetime.date(2026, 4, 1), None], [1, NEVER]),
        (QUARTERS, ["2026-05", "2026-06"], [1, 1]),
        (QUARTERS, ["2026-05-31"], [1]),
        (["2026Q1", "2026Q2"], pd.PeriodIndex(["2026-04"], freq="M"), [1]),
        (MONTHS, ["2026Q2"], [3]),
        (MONTHS, ["2026-02-28"], [1]),
        (DATES, pd.to_datetime(["2026-02-01", "2026-02-02", "NaT"]), [1, 2, NEVER]),
        (DATES, [datetime.date(2026, 2, 1), datetime.date(2027, 1, 1)], [1, 3]),
        (DATES, ["2026-02-01", "2025-01-01"], [1, 0]),
        (DATES, ["2026-02"], [1]),
    ],
)
def test_adoption_is_the_first_period_at_or_after_it(periods: Any, starts: Any, codes: list[int]) -> None:
    adopted = read(frame_of(starts, periods)).units.adopted
    assert adopted.dtype == np.int32
    assert list(adopted) == codes


@pytest.mark.parametrize(
    ("starts", "periods", "written"),
    [
        ([2002.0, np.nan, np.nan], YEARS, {"NaN": 2}),
        ([2002.0, np.inf, np.nan], YEARS, {"NaN": 1, "inf": 1}),
        ([2002, 0, 0], YEARS, {"0": 2}),
        ([2002.0, 0.0], YEARS, {"0": 1}),
        (pd.Series([2002, None, np.nan, pd.NA, pd.NaT, np.inf, 0], dtype=object), YEARS, None),
        (pd.array([2002, None], dtype="Int64"), YEARS, {"<NA>": 1}),
        (pd.to_datetime(["2026-02-01", None]), DATES, {"NaT": 1}),
        (pd.PeriodIndex(["2026Q2", "NaT"], freq="Q"), QUARTERS, {"NaT": 1}),
        (pd.Series(["2026Q2", None], dtype=object), QUARTERS, {"None": 1}),
        ([2002, 2003], YEARS, {}),
    ],
)
def test_never_is_echoed_as_it_is_written(starts: Any, periods: Any, written: dict[str, int] | None) -> None:
    if written is None:
        written = dict.fromkeys(("None", "NaN", "<NA>", "NaT", "inf", "0"), 1)
    panel = read(frame_of(starts, periods))
    assert panel.counts.never_read_as == written
    assert int((panel.units.adopted == NEVER).sum()) == sum(written.values())


def test_nulls_of_arrow_and_polars_are_told_from_nan() -> None:
    table = pa.table({"id": [1, 2, 3], "year": [1, 1, 2], "kpi": [1.0, 2, 3], "start": [2.0, None, float("nan")]})
    for frame in (table, pl.from_arrow(table)):
        panel = read(frame)
        assert panel.counts.never_read_as == {"NaN": 1, "null": 1}
        assert list(panel.units.adopted) == [1, NEVER, NEVER]


def test_nobody_trained_is_read() -> None:
    for starts in ([None, None], [np.nan, np.nan], [0, 0]):
        assert list(read(frame_of(starts)).units.adopted) == [NEVER, NEVER]
    assert list(read(frame_of(pd.Series([None, None], dtype=object), DATES)).units.adopted) == [NEVER, NEVER]


@pytest.mark.parametrize(
    ("periods", "starts", "parts"),
    [
        (YEARS, [2002, -1], ["3 rows hold a negative adoption", "-1", "leave the cell empty"]),
        (YEARS, [2002, -np.inf], ["3 rows cannot be read", "-inf"]),
        (YEARS, [2002, 2002.5], ["3 rows cannot be read", "2002.5"]),
        (YEARS, ["never", "2026Q1"], ["3 rows cannot be read", "'never'"]),
        (YEARS, [True, False], ["6 rows cannot be read"]),
        (YEARS, [Decimal("2002"), None], ["3 rows cannot be read"]),
        (YEARS, ["2026Q1"], ["adoption is written as 2026Q1, the periods as 2001", "in the same way"]),
        (YEARS, pd.to_datetime(["2002-01-01"]), ["adoption is written as 2002-01-01, the periods as 2001"]),
        (DATES, [2026], ["adoption is written as 2026, the periods as 2026-01-01"]),
        (QUARTERS, [2026, 0], ["adoption is written as", "the periods as 2026Q1"]),
        (DATES, pd.to_datetime(["2026-02-01"]).tz_localize("UTC"), ["time zone"]),
        (DATES, pd.Series([datetime.date(2026, 1, 1), 2], dtype=object), ["2 kinds"]),
    ],
)
def test_adoption_that_cannot_be_read_is_refused(periods: Any, starts: Any, parts: list[str]) -> None:
    refused(frame_of(starts, periods), "column 'start'", *parts)


@pytest.mark.parametrize(
    ("starts", "changed", "example"),
    [
        ([2002.0, 2003.0, np.nan], 2003.0, "2002, 2003"),
        ([2002.0, 2003.0, np.nan], np.nan, "2002, missing"),
        ([2002, 2003, 0], 0, "2002, 0"),
        (["2026Q1", "2026Q2", None], "2026Q2", "'2026Q1', '2026Q2'"),
    ],
)
def test_adoption_that_varies_within_a_unit_is_refused(starts: Any, changed: Any, example: str) -> None:
    frame = frame_of(starts, QUARTERS if isinstance(changed, str) else YEARS)
    frame.loc[2, "start"] = changed
    refused(frame, "adoption varies within 1 of 3 units", f"unit 1 has {example}", "the same first period", "trained=")


def test_two_ways_to_write_one_adoption_do_not_vary() -> None:
    frame = frame_of(["2026Q2", "2026Q3"], QUARTERS)
    frame.loc[1, "start"] = "2026-Q2"
    assert list(read(frame).units.adopted) == [1, 2]
    never = frame_of([2002.0, np.nan])
    never.loc[[3, 4], "start"] = [np.inf, 0]
    panel = read(never)
    assert list(panel.units.adopted) == [1, NEVER]
    assert panel.counts.never_read_as == {"inf": 1}


# ---- 0/1 per row


@pytest.mark.parametrize("dtype", ["int64", "bool", "float64", "Int8", "boolean", "object"])
def test_trained_means_adoption_at_the_first_one(dtype: str) -> None:
    frame = frame_of([None] * 5)
    frame["grant"] = [0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1]
    frame["grant"] = frame["grant"].astype("bool" if dtype == "boolean" else "int64").astype(dtype)
    for order in (slice(None), slice(None, None, -1)):
        panel = read(frame.iloc[order], trained="grant")
        assert list(panel.units.adopted) == [NEVER, 0, 1, 2, 0]
        assert panel.counts.switched_off == 1
        assert panel.counts.never_read_as == {}


@pytest.mark.parametrize(("value", "shown"), [(2, "2"), (np.nan, "missing"), (0.5, "0.5"), (-1, "-1"), (np.inf, "inf")])
def test_trained_that_is_not_zero_or_one_is_refused(value: float, shown: str) -> None:
    frame = frame_of([None] * 2).assign(grant=0.0)
    frame.loc[[4, 5], "grant"] = value
    refused(frame, "2 rows are neither 0 nor 1", f"unit 2 in 2002 has {shown}", "write 0 or 1", trained="grant")


def test_trained_as_text_is_refused() -> None:
    refused(frame_of([None]).assign(grant=["0", "1", "1"]), "3 rows hold no number", "'0'", trained="grant")


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=6), st.randoms())
def test_trained_and_the_adoption_it_means_give_one_panel(paths: list[list[bool]], random: Any) -> None:
    periods = [3, 5, 6, 9]
    start = [next((p for p, on in zip(periods, path, strict=True) if on), None) for path in paths]
    frame = frame_of(pd.Series(start, dtype="float64"), periods)
    frame["grant"] = np.concatenate([np.array(path) for path in paths])
    rows = list(range(len(frame)))
    random.shuffle(rows)
    one, other = read(frame.iloc[rows]), read(frame.iloc[rows], trained="grant")
    np.testing.assert_array_equal(one.units.adopted, other.units.adopted, strict=True)
    off = sum(any(after < before for before, after in pairwise(path)) for path in paths)
    assert other.counts.switched_off == off
