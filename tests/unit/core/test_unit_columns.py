"""Columns that hold one value per unit, and the panel of 300 people with one defect each."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from attribution.core.panel import NEVER, Panel
from attribution.errors import DataError


def people(n: int = 300, months: int = 8) -> pd.DataFrame:
    """Return n people over months, in shuffled rows: a third trained in month 5, a sixth in month 7."""
    rng = np.random.default_rng(11)
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), months), "month": np.tile(np.arange(months) + 1, n)})
    frame["start"] = frame["id"].map(lambda i: 5.0 if i % 3 == 0 else 7.0 if i % 6 == 1 else np.nan)
    frame["team"] = frame["id"] // 10
    frame["age"] = 20.0 + frame["id"] % 40
    frame["kpi"] = rng.normal(size=len(frame))
    return frame.sample(frac=1, random_state=1, ignore_index=True)


def read(frame: Any, **options: Any) -> Panel:
    roles = {"unit": "id", "period": "month", "outcome": "kpi", "adopted": "start", "cluster": "team"} | options
    return Panel.from_frame(frame, **roles)


def refused(frame: Any, *parts: str, **options: Any) -> None:
    with pytest.raises(DataError) as caught:
        read(frame, **options)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({(7, 2): 2.0}, ["the weight varies within 1 of 300 units", "unit 7 has 1, 2"]),
        ({(7, 2): np.nan, (8, 1): -1.0}, ["2 rows have a weight that is missing, infinite or negative"]),
        ({(9, 4): np.inf}, ["1 rows", "unit 9 in 4 has inf"]),
        ({(9, 4): -2.0}, ["unit 9 in 4 has -2"]),
    ],
)
def test_a_weight_is_one_finite_number_per_unit(values: dict[tuple[int, int], float], parts: list[str]) -> None:
    frame = people().assign(w=1.0)
    for (unit, month), value in values.items():
        frame.loc[(frame["id"] == unit) & (frame["month"] == month), "w"] = value
    refused(frame, "column 'w'", *parts, weight="w")


def test_a_weight_of_zero_is_kept() -> None:
    panel = read(people().assign(w=lambda frame: frame["id"] % 2), weight="w")
    assert list(panel.units.weight[:4]) == [0, 1, 0, 1]
    assert panel.units.weight.dtype == np.float64


def test_a_cluster_is_one_per_unit_and_never_missing() -> None:
    frame = people()
    moved = frame["id"].isin([12, 200]) & (frame["month"] >= 6)
    refused(
        frame.assign(team=frame["team"].mask(moved, 3)),
        "the cluster varies within 2 of 300 units",
        "unit 12 has 1, 3",
        "at assignment",
    )
    refused(frame.assign(team=frame["team"].where(~moved)), "column 'team'", "6 rows have no id")


def test_assignment_is_zero_or_one_per_unit() -> None:
    frame = people().assign(drawn=lambda frame: frame["id"] % 2 == 0)
    assigned = read(frame, assigned="drawn").units.assigned
    assert assigned is not None
    np.testing.assert_array_equal(assigned[:4], [1.0, 0.0, 1.0, 0.0], strict=True)
    flipped = frame["drawn"] ^ ((frame["id"] == 5) & (frame["month"] == 8))
    refused(frame.assign(drawn=flipped), "the assignment varies within 1 of 300 units", "unit 5", assigned="drawn")
    refused(frame.assign(drawn=frame["drawn"] * 2), "1,200 rows are neither 0 nor 1", assigned="drawn")


def test_a_group_is_constant_within_a_unit() -> None:
    frame = people()
    frame["site"] = frame["id"].map({0: "a", 1: "b"}).astype(object)
    groups = read(frame, groups=["site", "team"]).units.groups
    assert list(groups["site"][:3]) == ["a", "b", None]
    assert list(groups["team"][[0, 15]]) == [0, 1]
    frame.loc[(frame["id"] == 1) & (frame["month"] > 3), "site"] = None
    refused(frame, "column 'site'", "the group varies", "1 of 300 units", "unit 1 has 'b', missing", groups=["site"])


def test_a_covariate_is_the_first_value_before_adoption() -> None:
    frame = pd.DataFrame(
        {
            "id": np.repeat([1, 2, 3, 4], 3),
            "month": [1, 2, 3] * 4,
            "start": np.repeat([3.0, 2.0, np.nan, 1.0], 3),
            "kpi": 1.0,
            "team": 0,
            "x": [np.nan, 12, 13, np.nan, 22, 23, np.nan, np.nan, 33, 41, 42, 43],
        }
    )
    frame["job"] = frame["x"].map("job {:.0f}".format, na_action="ignore")
    frame["grade"] = frame["job"].astype("category")
    frame["flag"] = frame["x"].gt(12).astype("boolean").mask(frame["x"].isna())
    panel = read(frame.iloc[::-1], covariates=["x", "job", "grade", "flag"])
    # Unit 2 is first seen after it adopted, unit 4 adopted at the start: neither has a value fixed before.
    np.testing.assert_array_equal(panel.units.covariates["x"], [12, np.nan, 33, np.nan], strict=True)
    assert list(panel.units.covariates["job"]) == ["job 12", None, "job 33", None]
    assert list(panel.units.covariates["grade"]) == ["job 12", None, "job 33", None]
    np.testing.assert_array_equal(panel.units.covariates["flag"], [0, np.nan, 1, np.nan], strict=True)
    assert panel.counts.covariates_missing == {"x": 2, "job": 2, "grade": 2, "flag": 2}
    assert len(panel.units) == 4


def test_a_covariate_of_another_type_is_refused() -> None:
    frame = people().assign(day=pd.Timestamp("2026-01-01"), ratio=np.inf, born=datetime.date(1990, 1, 1))
    refused(frame, "column 'day'", "not Timestamp", "2026-01-01", covariates=["day"])
    refused(frame, "column 'born'", "not date", covariates=["born"])
    refused(frame, "column 'ratio'", "2,400 rows hold an infinite value", "unit ", covariates=["ratio"])


# ---- one defect each: read right with counts, or refused; nobody is lost


def test_missing_kpi_values_keep_their_rows() -> None:
    frame = people()
    frame.loc[frame.sample(frac=0.05, random_state=2).index, "kpi"] = np.nan
    counts = read(frame).counts
    assert (counts.rows, counts.units, counts.rows_missing_outcome, counts.rows_absent) == (2400, 300, 120, 0)


def test_absent_rows_are_counted_and_drop_nobody() -> None:
    counts = read(people().sample(frac=0.9, random_state=2)).counts
    assert (counts.rows, counts.units, counts.rows_missing_outcome, counts.rows_absent) == (2160, 300, 0, 240)


def test_a_duplicate_person_month_is_refused() -> None:
    frame = people()
    repeated = frame[(frame["id"] == 7) & (frame["month"] == 3)]
    refused(pd.concat([frame, repeated]), "1 pairs", "2 rows", "unit 7 has 2 rows in 3", "aggregate")


def test_a_cohort_that_changes_midway_is_refused() -> None:
    frame = people()
    frame.loc[(frame["id"] == 3) & (frame["month"] > 4), "start"] = 7.0
    refused(frame, "adoption varies within 1 of 300 units", "unit 3 has 5, 7")


def test_people_without_a_covariate_stay() -> None:
    frame = people()
    frame.loc[frame["id"] < 15, "age"] = np.nan
    panel = read(frame, covariates=["age"])
    assert len(panel.units) == 300
    assert panel.counts.covariates_missing == {"age": 15}


def test_text_ids_give_the_numbers_of_integer_ids() -> None:
    frame = people()
    named = read(frame.assign(id=frame["id"].map("p{:03d}".format)))
    assert named.units.label[12] == "p012"
    np.testing.assert_array_equal(named.units.adopted, read(frame).units.adopted)
    np.testing.assert_array_equal(named.observations.outcome, read(frame).observations.outcome)


def test_real_dates_give_the_codes_of_month_numbers() -> None:
    frame = people()
    stamps = {month: pd.Timestamp(2026, month, 1) for month in range(1, 9)}
    dated = read(frame.assign(month=frame["month"].map(stamps), start=frame["start"].map(stamps)))
    assert dated.periods.kind == "date"
    np.testing.assert_array_equal(dated.units.adopted, read(frame).units.adopted)
    np.testing.assert_array_equal(dated.observations.period, read(frame).observations.period)
    assert dated.counts.never_read_as == {"NaT": 150}


def test_always_trained_people_are_told_by_code_zero() -> None:
    frame = people()
    frame.loc[frame["id"].isin([2, 4]), "start"] = 1.0
    frame.loc[frame["id"] == 5, "start"] = -0.0
    panel = read(frame)
    assert list(panel.units.adopted[[2, 4]]) == [0, 0]
    assert panel.units.adopted[5] == NEVER
    assert len(panel.units) == 300


def test_a_cohort_of_one_is_read() -> None:
    frame = people()
    frame.loc[frame["id"] == 2, "start"] = 6.0
    tidy = read(frame).tidy().set_index("adopted")
    assert tidy.loc["6", "units"] == 1
    assert tidy["units"].sum() == 300
