"""From a data frame to a panel: what is read, and what is refused with counts, an example and a remedy."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.core.panel import NEVER, Panel
from attribution.errors import DataError, MethodError


def small() -> pd.DataFrame:
    """Return four units over three years, one unit a row short, one KPI value missing, in mixed row order."""
    frame = pd.DataFrame(
        {
            "id": [30, 10, 20, 40, 10, 20, 30, 40, 10, 30, 40],
            "year": [2001, 2001, 2001, 2001, 2002, 2002, 2002, 2002, 2003, 2003, 2003],
            "kpi": [3.1, 1.1, 2.1, 4.1, 1.2, 2.2, np.nan, 4.2, 1.3, 3.3, 4.3],
        }
    )
    frame["start"] = frame["id"].map({10: 2002.0, 20: np.nan, 30: 2003.0, 40: np.inf})
    frame["team"] = frame["id"].map({10: "b", 20: "a", 30: "b", 40: "a"})
    frame["w"] = frame["id"] / 10.0
    frame["drawn"] = frame["id"].isin([10, 30]).astype(int)
    frame["age"] = frame["year"] - 1960.0 - frame["id"]
    frame["site"] = frame["id"].map({10: "north", 20: None, 30: "south", 40: "north"})
    return frame


def read(frame: Any, **options: Any) -> Panel:
    roles = {"unit": "id", "period": "year", "outcome": "kpi", "adopted": "start"} | options
    return Panel.from_frame(frame, **roles)


def everything(frame: Any) -> Panel:
    return read(frame, cluster="team", weight="w", assigned="drawn", covariates=["age", "site"], groups=["site"])


def refused(frame: Any, *parts: str, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(frame, **options)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.remedy
    return caught.value


def assert_same(one: Panel, other: Panel) -> None:
    pd.testing.assert_index_equal(one.units.label, other.units.label)
    pd.testing.assert_index_equal(one.units.cluster_labels, other.units.cluster_labels)
    pd.testing.assert_index_equal(one.periods.labels, other.periods.labels)
    assert one.periods.kind == other.periods.kind
    for record in ("units", "observations"):
        for name in getattr(one, record).__slots__:
            left, right = getattr(getattr(one, record), name), getattr(getattr(other, record), name)
            if isinstance(left, np.ndarray):
                np.testing.assert_array_equal(left, right, strict=True)
            elif isinstance(left, dict):
                assert left.keys() == right.keys()
                for key in left:
                    np.testing.assert_array_equal(left[key], right[key], strict=True)
    for name in one.counts.__slots__:
        if name != "never_read_as":
            assert getattr(one.counts, name) == getattr(other.counts, name)


def test_a_panel_holds_every_row_sorted_and_every_unit_counted() -> None:
    panel = everything(small())
    units, observations, counts = panel.units, panel.observations, panel.counts
    assert list(units.label) == [10, 20, 30, 40]
    assert list(panel.periods.labels) == [2001, 2002, 2003]
    assert panel.periods.kind == "integer"
    assert list(units.adopted) == [1, NEVER, 2, NEVER]
    assert list(units.cluster_labels[units.cluster]) == ["b", "a", "b", "a"]
    assert list(units.weight) == [1, 2, 3, 4]
    assert units.assigned is not None
    assert list(units.assigned) == [1, 0, 1, 0]
    assert list(units.groups["site"]) == ["north", None, "south", "north"]
    assert list(units.covariates["age"]) == [31, 21, 11, 1]
    assert list(units.covariates["site"]) == ["north", None, "south", "north"]
    assert list(observations.unit) == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3]
    assert list(observations.period) == [0, 1, 2, 0, 1, 0, 1, 2, 0, 1, 2]
    np.testing.assert_array_equal(observations.outcome, [1.1, 1.2, 1.3, 2.1, 2.2, 3.1, np.nan, 3.3, 4.1, 4.2, 4.3])
    assert (observations.unit.dtype, observations.period.dtype) == (np.int32, np.int16)
    assert (units.adopted.dtype, units.cluster.dtype) == (np.int32, np.int32)
    assert all(a.flags.c_contiguous for a in (observations.unit, observations.period, observations.outcome))
    assert (counts.rows, counts.units, counts.rows_missing_outcome) == (11, 4, 1)
    assert (counts.rows_absent, counts.units_without_outcome) == (1, 0)
    assert counts.never_read_as == {"NaN": 1, "inf": 1}
    assert counts.covariates_missing == {"age": 0, "site": 1}
    assert (panel.kind, panel.direction, panel.scale, panel.cohort) == ("panel", "higher", "linear", None)


def test_the_defaults_are_weight_one_and_the_unit_as_cluster() -> None:
    for options in ({}, {"cluster": "id"}):
        panel = read(small(), **options)
        assert list(panel.units.weight) == [1.0] * 4
        assert list(panel.units.cluster) == [0, 1, 2, 3]
        pd.testing.assert_index_equal(panel.units.cluster_labels, panel.units.label)
        assert panel.units.assigned is None


def test_the_frame_is_not_changed_and_not_shared() -> None:
    frame = small().sort_values(["id", "year"], ignore_index=True)
    before = frame.copy(deep=True)
    panel = everything(frame)
    panel.observations.outcome[:] = 0
    panel.units.weight[:] = 0
    pd.testing.assert_frame_equal(frame, before)


@given(st.permutations(range(11)), st.integers(0, 3))
def test_row_order_and_index_do_not_matter(order: list[int], copies: int) -> None:
    frame = small().iloc[order]
    frame.index = pd.Index([7] * len(frame)) if copies else frame.index
    assert_same(everything(frame), everything(small()))


@given(st.data())
def test_sorting_by_slots_and_by_comparison_give_the_codes_of_a_plain_sort(data: st.DataObject) -> None:
    # Few rows among many units and periods take the comparison, many the slots, sorted ones neither.
    cells = [(unit, period) for unit in range(6) for period in range(6)]
    chosen = data.draw(st.lists(st.sampled_from(cells), min_size=1, unique=True))
    low = data.draw(st.integers(-5, 5))
    step = data.draw(st.sampled_from([1, 10**12]))
    frame = pd.DataFrame(chosen, columns=["id", "year"])
    frame["id"] = frame["id"] * step + low
    frame["kpi"] = np.arange(len(frame), dtype=float)
    frame["start"] = np.nan
    panel = read(frame)
    plain = frame.sort_values(["id", "year"])
    np.testing.assert_array_equal(panel.units.label[panel.observations.unit], plain["id"])
    np.testing.assert_array_equal(panel.periods.labels[panel.observations.period], plain["year"])
    np.testing.assert_array_equal(panel.observations.outcome, plain["kpi"])


def rich() -> pd.DataFrame:
    """Return a frame of text ids, dates, categories and missing values of every kind."""
    frame = small()
    frame["id"] = "p" + frame["id"].astype(str)
    frame["start"] = pd.to_datetime(
        frame["start"].replace(np.inf, np.nan).map("{:.0f}-06-01".format, na_action="ignore")
    )
    frame["year"] = pd.to_datetime(frame["year"].astype(str) + "-01-01")
    frame["team"] = frame["team"].astype("category")
    frame["drawn"] = frame["drawn"].astype(bool)
    frame["age"] = frame["age"].where(frame["age"] > 5).astype("Int64")
    return frame


@pytest.mark.parametrize("make", [small, rich])
@pytest.mark.parametrize(
    "convert",
    [
        pl.from_pandas,
        pa.Table.from_pandas,
        lambda frame: pa.RecordBatch.from_pandas(frame),
        lambda frame: pl.from_pandas(frame).with_columns(pl.col("team").cast(pl.Categorical)),
        lambda frame: frame.convert_dtypes(),
        lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
        lambda frame: frame.astype(object),
    ],
    ids=["polars", "arrow", "batch", "polars categorical", "nullable", "arrow dtypes", "objects"],
)
def test_every_kind_of_table_gives_the_same_arrays(
    make: Callable[[], pd.DataFrame], convert: Callable[[pd.DataFrame], Any]
) -> None:
    frame = make()
    assert_same(everything(convert(frame)), everything(frame))


def test_arrow_reads_extra_columns_it_does_not_need_without_complaint() -> None:
    table = pa.table({**{name: small()[name] for name in ("id", "year", "kpi", "start")}, "x": [[1]] * 11})
    assert_same(read(table), read(small()))


@pytest.mark.parametrize("frame", [3, "panel.csv", [1, 2], None, pl.LazyFrame({"id": [1]})])
def test_what_is_not_a_table_is_refused(frame: Any) -> None:
    refused(frame, "is not a data frame", "Arrow table")


def test_missing_columns_are_named_at_once_with_the_nearest_there_is() -> None:
    frame = small().rename(columns={"id": "idd", "start": "begin"})
    refused(frame, "3 columns are missing", "'id' (nearest: 'idd')", "'start'", "'x1'", "begin", covariates=["x1"])
    refused(pl.from_pandas(frame), "2 columns are missing", "nearest: 'idd'")
    refused(small().set_index("id"), "1 column is missing", "reset_index")


def test_a_column_name_that_stands_twice_is_refused() -> None:
    frame = small()
    frame.insert(0, "kpi", 1.0, allow_duplicates=True)
    refused(frame, "1 column name stands more than once", "'kpi'")


def test_an_empty_frame_is_refused() -> None:
    refused(small().iloc[:0], "no rows")
    refused(pl.from_pandas(small()).clear(), "no rows")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"adopted": None}, ["neither adopted= nor trained=", "exactly one"]),
        ({"trained": "drawn"}, ["both adopted= and trained=", "exactly one"]),
        ({"kind": "cross_section"}, ["'cross_section' is not read", "repeated_cross_sections"]),
        ({"direction": "down"}, ["direction 'down'", "higher or lower"]),
        ({"scale": "ln"}, ["scale 'ln'", "linear or log"]),
        ({"covariates": "age"}, ["not a list of columns", "covariates=['age']"]),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(MethodError) as caught:
        read(small(), **options)
    assert all(part in str(caught.value) for part in parts)


def test_one_column_in_two_roles_that_exclude_each_other_is_refused() -> None:
    refused(small(), "given as period and outcome", "'year'", outcome="year")


# ---- ids


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
    ids=str,
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
