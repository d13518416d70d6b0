"""The columns of a frame: ids, periods and numbers, each read once, the unusable refused with counts."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.core.frames import assert_same, read, refused, small


@pytest.mark.parametrize(
    "convert",
    [
        lambda ids: ids,
        lambda ids: ids.astype(np.int8),
        lambda ids: ids.astype(np.uint64),
        lambda ids: ids.astype(float),
        lambda ids: ids.astype("Int32"),
        lambda ids: ids.astype(object),
        lambda ids: ids.astype("category"),
        lambda ids: ids.map({10: -5, 20: 0, 30: 10**15, 40: 2**62}),
        lambda ids: ids.map({10: "Åsa", 20: "bo", 30: "b'", 40: "<x>"}),
        lambda ids: ids.map({10: "d", 20: "c", 30: "b", 40: "a"}),
        lambda ids: ids.map(str).astype("category"),
        lambda ids: ids.map(str).astype(object),
        lambda ids: ids.map(lambda value: uuid.UUID(int=value)),
    ],
)
def test_ids_of_one_type_are_read_and_sorted(convert: Callable[[Any], Any]) -> None:
    frame = small()
    frame["id"] = convert(frame["id"])
    panel = read(frame)
    assert list(panel.units.label) == sorted(set(frame["id"]))
    expected = {(row.id, row.year): row.kpi for row in frame.itertuples()}
    found = {
        (panel.units.label[u], panel.periods.labels[p]): y
        for u, p, y in zip(*(getattr(panel.observations, n) for n in ("unit", "period", "outcome")), strict=True)
    }
    assert found.keys() == expected.keys()
    np.testing.assert_array_equal(list(found.values()), [expected[key] for key in found])


def test_categories_nobody_has_make_no_unit() -> None:
    frame = small()
    frame["id"] = pd.Categorical(frame["id"].astype(str), categories=["99", "40", "30", "20", "10"])
    assert list(read(frame).units.label) == ["10", "20", "30", "40"]


@pytest.mark.parametrize(
    ("ids", "parts"),
    [
        ([1, "1", 2], ["2 types", "1 (int)", "'1' (str)", "astype(str)"]),
        (["a", None, "b"], ["1 rows have no id", "row 1"]),
        (["a", "b", " "], ["1 rows have no id", "row 2"]),
        ([1.0, np.nan, np.nan], ["2 rows have no id", "row 1"]),
        (pd.array([1, 2, None], dtype="Int64"), ["1 rows have no id", "row 2"]),
        ([1.5, 2.0, 3.0], ["1 ids are not whole numbers", "1.5"]),
        ([True, False, True], ["type bool"]),
        (pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]), ["type Timestamp"]),
        ([[1], [2], [3]], ["cannot be compared"]),
        ([1j, 2j, 3j], ["have no order"]),
    ],
)
def test_ids_that_do_not_name_a_unit_are_refused(ids: Any, parts: list[str]) -> None:
    frame = pd.DataFrame({"id": ids, "year": 1, "kpi": 1.0, "start": np.nan})
    assert refused(frame, *parts).where == "column 'id'"


# ---- periods


@pytest.mark.parametrize(
    ("labels", "kind", "texts"),
    [
        ([1987, 1989, 1988], "integer", ["1987", "1988", "1989"]),
        ([-1, 1, 0], "integer", ["-1", "0", "1"]),
        ([1987.0, 1989.0, 1988.0], "integer", ["1987", "1988", "1989"]),
        (pd.array([3, 1, 2], dtype="Int16"), "integer", ["1", "2", "3"]),
        (np.array([3, 1, 2], dtype=np.uint8), "integer", ["1", "2", "3"]),
        (
            pd.to_datetime(["2026-03-01", "2026-01-01", "2026-02-01"]),
            "date",
            ["2026-01-01", "2026-02-01", "2026-03-01"],
        ),
        ([datetime.date(2026, 2, 1), datetime.date(2026, 1, 1), datetime.date(2026, 3, 1)], "date", ["2026-01-01"]),
        (["2026-01-31", "2026-03-31", "2026-02-28"], "date", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        (pd.PeriodIndex(["2026Q3", "2026Q1", "2026Q2"], freq="Q"), "period", ["2026Q1", "2026Q2", "2026Q3"]),
        ([pd.Period("2026-03", "M"), pd.Period("2026-01", "M"), pd.Period("2026-02", "M")], "period", ["2026-01"]),
        (["2026Q3", "2026-Q1", "2026q2"], "period", ["2026Q1", "2026Q2", "2026Q3"]),
        (["2026-02", "2026-01", "2025-12"], "period", ["2025-12", "2026-01", "2026-02"]),
        (pd.Categorical(["2026Q3", "2026Q1", "2026Q2"]), "period", ["2026Q1", "2026Q2", "2026Q3"]),
    ],
)
def test_periods_are_read_and_sorted(labels: Any, kind: str, texts: list[str]) -> None:
    frame = pd.DataFrame({"id": 1, "year": labels, "kpi": [1.0, 2.0, 3.0], "start": np.nan})
    periods = read(frame).periods
    assert periods.kind == kind
    assert len(periods) == 3
    assert [periods.text(code) for code in range(3)][: len(texts)] == texts
    assert periods.labels.is_monotonic_increasing


def test_two_spellings_of_a_quarter_are_one_period() -> None:
    frame = pd.DataFrame({"id": [1, 2], "year": ["2026Q1", "2026-Q1"], "kpi": 1.0, "start": np.nan})
    assert len(read(frame).periods) == 1
    refused(frame.assign(id=1), "1 pairs of unit and period", "2026Q1")


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        ([2001, None, None], ["2 rows have no period", "row 1"]),
        (pd.to_datetime(["2026-01-01", None, "2026-01-02"]), ["1 rows have no period"]),
        (["2026Q1", "spring", "spring"], ["2 rows cannot be read", "'spring'", "'2026Q1'"]),
        ([1.0, 2.5, 3.0], ["1 rows cannot be read", "2.5"]),
        ([1.0, np.inf, 3.0], ["1 rows cannot be read", "inf"]),
        ([1.0, 1e300, 3.0], ["1 rows cannot be read", "1e+300"]),
        ([True, False, True], ["3 rows cannot be read"]),
        (["2026Q1", "2026-01", "2026-02"], ["2 kinds", "'2026Q1' and '2026-01'", "in the same way"]),
        ([2001, datetime.date(2026, 1, 1), 2003], ["2 kinds"]),
        ([pd.Period("2026Q1"), pd.Period("2026-01", "M"), 1], ["3 kinds"]),
        (pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]).tz_localize("UTC"), ["time zone", "tz_localize"]),
    ],
)
def test_periods_that_cannot_be_read_are_refused(labels: Any, parts: list[str]) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "year": labels, "kpi": 1.0, "start": np.nan})
    assert refused(frame, *parts).where == "column 'year'"


def test_more_periods_than_codes_are_refused() -> None:
    frame = pd.DataFrame({"id": 1, "year": np.arange(32768), "kpi": 1.0, "start": np.nan})
    refused(frame, "32,768 periods", "at most 32,767", "aggregate")
    assert len(read(frame.iloc[1:]).periods) == 32767


# ---- rows


def test_duplicates_are_counted_shown_and_refused() -> None:
    twice = pd.concat([small(), small().iloc[[1, 1, 4]]])
    refused(twice, "2 pairs of unit and period", "in 5 rows", "unit 10 has 3 rows in 2001", "aggregate to one row")
    sparse = pd.DataFrame({"id": [5, 3, 4, 5], "year": [9, 7, 8, 9], "kpi": 1.0, "start": np.nan})
    refused(sparse.iloc[[0, 1, 2, 3]], "1 pairs", "in 2 rows", "unit 5 has 2 rows in 9")


def test_duplicates_are_found_where_pairs_are_too_many_for_slots() -> None:
    count = 50
    frame = pd.DataFrame({"id": range(count), "year": range(count, 0, -1), "kpi": 1.0, "start": np.nan})
    assert read(frame).counts.rows_absent == count * (count - 1)
    refused(pd.concat([frame, frame.iloc[[7]]]), "1 pairs", "unit 7 has 2 rows in 43")


# ---- the KPI


@pytest.mark.parametrize(
    "values",
    [
        pd.array([1, 0, None], dtype="Int64"),
        pd.array([True, False, None], dtype="boolean"),
        pd.Series([Decimal("1"), Decimal("0"), None], dtype=object),
        pd.Series([1, 0.0, pd.NA], dtype=object),
        np.array([1, 0, np.nan], dtype=np.float32),
        pd.array([True, False, None], dtype="bool[pyarrow]"),
    ],
)
def test_numbers_of_every_type_are_read(values: Any) -> None:
    panel = read(pd.DataFrame({"id": [1, 2, 3], "year": 1, "kpi": values, "start": np.nan}))
    np.testing.assert_array_equal(panel.observations.outcome, [1, 0, np.nan], strict=True)
    assert (panel.counts.rows_missing_outcome, panel.counts.units_without_outcome) == (1, 1)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (["1", "2", None], ["2 rows hold no number", "'1' in row 0", "to_numeric"]),
        ([1.0, "n/a", 3.0], ["1 rows hold no number", "'n/a' in row 1"]),
        (pd.Categorical([True, False, True]), ["3 rows hold no number"]),
        (pd.Categorical([1, 2, 3]), ["3 rows hold no number", "category"]),
        (pd.to_datetime(["2026-01-01"] * 3), ["3 rows hold no number"]),
        ([1j, 2j, 3j], ["3 rows hold no number"]),
        ([1.0, -np.inf, np.inf], ["2 rows hold an infinite value", "unit 2 in 1 has -inf", "logarithm"]),
        ([np.nan] * 3, ["none of the 3 rows has a value"]),
        ([None] * 3, ["none of the 3 rows has a value"]),
    ],
)
def test_a_kpi_that_is_no_finite_number_is_refused(values: Any, parts: list[str]) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "year": 1, "kpi": values, "start": np.nan})
    assert refused(frame, *parts).where == "column 'kpi'"


# ---- the size of the work: sorted, shuffled and incomplete panels of one frame agree


def test_a_large_shuffled_panel_equals_the_sorted_one() -> None:
    rng = np.random.default_rng(3)
    n_units, n_periods = 2_000, 12
    frame = pd.DataFrame(
        {
            "id": np.repeat(rng.permutation(n_units), n_periods),
            "year": np.tile(np.arange(1, n_periods + 1), n_units),
            "kpi": rng.normal(size=n_units * n_periods),
        }
    )
    frame["start"] = np.where(frame["id"] % 3 == 0, 6.0, np.nan)
    kept = frame[rng.random(len(frame)) > 0.1]
    tidy = kept.sort_values(["id", "year"])
    assert_same(read(kept.iloc[rng.permutation(len(kept))]), read(tidy))
    panel = read(tidy)
    assert panel.counts.rows_absent == len(frame) - len(kept)
    np.testing.assert_array_equal(panel.observations.outcome, tidy["kpi"])
