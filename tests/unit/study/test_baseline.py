"""The digest of the baseline: whatever comes later or in another order leaves it, and any changed value does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.design.schema import StudyDesign
from attribution.study.baseline import baseline_difference, baseline_of, can_compare
from attribution.study.sources import Source, read

Make = Callable[..., Path]
COLUMNS = {"columns.covariates": ["age"], "columns.groups": ["site"], "columns.cluster": "team"}


@pytest.fixture
def frame(sales: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    made = sales(trained=6, control=8)
    person = made["person"].astype(int)
    return made.assign(age=person % 7 + 30, site=np.where(person % 2 > 0, "007", "7"), team=(person // 2).astype(str))


@pytest.fixture
def design(make_study: Make, frame: pd.DataFrame) -> StudyDesign:
    return at.load_design(make_study(frame, COLUMNS))


def of(design: StudyDesign, frame: pd.DataFrame) -> Any:
    return baseline_of(design, Source(frame, "data.csv", ""))


def test_rows_and_units_before_the_launch_are_counted(design: StudyDesign, frame: pd.DataFrame) -> None:
    found = of(design, frame)
    assert (found.rows, found.units, found.later_rows) == (14 * 3, 14, 14 * 4)
    assert set(found.columns) == {"sales", "team", "age", "site"}


def test_what_comes_later_and_in_which_order_makes_no_difference(
    design: StudyDesign, frame: pd.DataFrame, make_study: Make
) -> None:
    before = frame[frame["month"] < "2026-02"]
    whole = of(design, frame)
    shuffled = frame.sample(frac=1.0, random_state=1)
    for other in (before, shuffled, shuffled[[*reversed(frame.columns)]]):
        assert of(design, other).digest == whole.digest
        assert of(design, other).columns == whole.columns
    assert of(design, before).later_rows == 0
    # Read from the file as well: there ages are floats once a later row lacks one.
    make_study(before, COLUMNS)
    alone = baseline_of(design, read(design))
    holes = frame.astype({"age": float})
    holes.loc[holes["month"] > "2026-03", ["age", "sales"]] = np.nan
    make_study(holes, COLUMNS)
    assert baseline_of(design, read(design)).digest == alone.digest == whole.digest


def test_who_starts_when_may_be_filled_in(design: StudyDesign, frame: pd.DataFrame) -> None:
    assert of(design, frame.assign(start=None)).digest == of(design, frame).digest


@pytest.mark.parametrize("column", ["sales", "age", "site", "team", "person", "month"])
def test_any_changed_value_of_the_baseline_is_found(design: StudyDesign, frame: pd.DataFrame, column: str) -> None:
    changed = frame.astype({"age": float})
    other = {"sales": 1e-12, "age": 1.0}.get(column)
    place = changed.index[changed["month"] == "2025-12"][3]
    if other is not None:
        changed.loc[place, column] += other
    else:
        changed.loc[place, column] = {"site": "07", "team": "99", "person": "99", "month": "2025-10"}[column]
    old, new = of(design, frame), of(design, changed)
    assert old.digest != new.digest
    found = baseline_difference(old, new)
    assert found is not None
    assert (found.field, found.decides) == ("data.baseline", True)
    if column in ("sales", "age", "site", "team"):
        assert found.words == f"The baseline data: {column} changed in rows before the launch"
    if column == "person":
        assert "the size was 42 rows of 14 units, is now 42 rows of 15 units" in found.words


def test_the_same_change_after_the_launch_is_not(design: StudyDesign, frame: pd.DataFrame) -> None:
    changed = frame.assign(sales=frame["sales"] + 5 * (frame["month"] >= "2026-02"))
    assert baseline_difference(of(design, frame), of(design, changed)) is None


def test_rows_that_are_added_to_the_baseline_are_found(design: StudyDesign, frame: pd.DataFrame) -> None:
    late = pd.concat([frame, frame[frame["person"] == "000"].assign(person="100")])
    found = baseline_difference(of(design, frame), of(design, late))
    assert found is not None
    assert "the size was 42 rows of 14 units, is now 45 rows of 15 units" in found.words


def test_a_column_that_is_no_longer_read_is_no_change_of_the_data(design: StudyDesign, frame: pd.DataFrame) -> None:
    old, new = of(design, frame), of(design, frame.drop(columns="age"))
    assert old.digest != new.digest
    assert baseline_difference(old, new) is None
    changed = frame.drop(columns="age").assign(sales=frame["sales"] + 1)
    assert baseline_difference(old, of(design, changed)) is not None
    assert not can_compare(design, Source(frame.drop(columns="month"), "data.csv", ""))


def test_values_that_are_swapped_between_two_covariates_of_a_cross_section_are_found(
    make_study: Make, frame: pd.DataFrame
) -> None:
    changes = {"data.kind": "repeated_cross_sections", "columns.unit": None, "columns.covariates": ["age"]}
    design = at.load_design(make_study(frame, changes))
    old = of(design, frame)
    assert old.units is None
    two = frame.index[frame["month"] == "2025-11"][:2]
    swapped = frame.copy()
    swapped.loc[two, "age"] = frame.loc[two[::-1], "age"].to_numpy()
    found = baseline_difference(old, of(design, swapped))
    assert found is not None
    assert found.words == "The baseline data: values stand in other rows than they did"


@pytest.mark.parametrize(
    ("timing", "labels", "rows"),
    [
        ({"period": "year", "launch": 1988, "baseline": [1987], "followup": [1988]}, [1986, 1987, 1988], 2),
        ({"period": "week", "launch": 5, "baseline": [4], "followup": [5]}, [3, 4, 5, 6], 2),
        ({"period": "month", "launch": "2026-02", "baseline": ["2026-01"], "followup": ["2026-02"]},
         ["2026-01-01", "2026-02-01"], 1),
        ({"period": "month", "launch": "2026-02", "baseline": ["2026-01"], "followup": ["2026-02"]},
         ["2026-01-31", "2026-02-28"], 1),
    ],
)  # fmt: skip
def test_the_launch_is_found_in_years_counters_and_dates(
    make_study: Make, timing: dict[str, Any], labels: list[Any], rows: int
) -> None:
    design = at.load_design(make_study(None, {"timing": timing}))
    frame = pd.DataFrame({"person": "a", "month": labels, "start": None, "sales": 1.0})
    assert of(design, frame).rows == rows
