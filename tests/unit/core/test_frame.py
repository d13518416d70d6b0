"""From a data frame to a panel: what is read, and what is refused with counts, an example and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.core.panel import NEVER
from attribution.errors import MethodError
from tests.unit.core.frames import assert_same, everything, read, refused, small


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
        ({"kind": "long"}, ["'long' is not read", "cross_section"]),
        ({"kind": "cross_section"}, ["and no period", "leave out period="]),
        ({"kind": "cross_section", "period": None}, ["adopted= says when", "pass trained="]),
        ({"period": None}, ["no period= is given", "kind='cross_section'"]),
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
