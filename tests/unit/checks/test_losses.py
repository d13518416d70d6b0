"""Trained units that were not measured, and arms that are observed unequally."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.losses import observation_gap, units_lost


def _first(frame: pd.DataFrame, count: int, trained: bool = True) -> pd.Series:
    """Return which rows are of the first people of an arm."""
    arm = frame["start"].notna() == trained
    return frame["person"].isin(frame.loc[arm, "person"].unique()[:count])


@pytest.mark.parametrize(("lost", "status"), [(0, "pass"), (1, "pass"), (2, "warn")])
def test_more_than_five_percent_of_the_trained(
    lost: int, status: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales(trained=20)
    gone = _first(frame, lost) & (frame["month"] >= "2026-02")
    found = units_lost(evidence_of(frame[~gone]))
    assert found.status == status
    assert found.observed == f"{20 - lost} of 20 trained and 36 of 36 compared measured, {lost} left out in all"
    assert (f"nothing is known about the other {lost}" in found.message) == (status == "warn")


@pytest.mark.parametrize(("lost", "status"), [(1, "pass"), (2, "warn")])
def test_more_than_five_percent_of_the_comparison(
    lost: int, status: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales(control=30)
    frame.loc[frame["person"] >= "050", "start"] = "2026-06"
    late = frame["person"].isin([f"{number:03d}" for number in range(53, 53 - lost, -1)])
    found = units_lost(evidence_of(frame[~(late & (frame["month"] >= "2026-02"))]))
    assert (found.status, found.observed) == (
        status,
        f"24 of 24 trained and {30 - lost} of 30 compared measured, {lost} left out in all",
    )
    assert (found.message == f"the comparison is 28 of 30 units; the other {lost} have no KPI in both windows") == (
        status == "warn"
    )


def test_both_arms_are_named_where_both_lost_units(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales()
    gone = (_first(frame, 6) | _first(frame, 9, trained=False)) & (frame["month"] >= "2026-02")
    found = units_lost(evidence_of(frame[~gone]))
    assert found.message == (
        "the effect speaks for 18 of the 24 trained, compared with 27 of 36 not trained; "
        "nothing is known about the others"
    )


def test_units_of_weight_0_or_trained_before_are_not_lost(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales().assign(weight=1.0)
    frame.loc[_first(frame, 4), "weight"] = 0.0
    frame.loc[_first(frame, 9, trained=False), "start"] = "2025-11"
    found = units_lost(evidence_of(frame, {"columns.weight": "weight"}))
    assert found.status == "pass"
    assert found.observed == "20 of 20 trained and 27 of 27 compared measured, 13 left out in all"


def test_marks_of_training_that_stop_are_counted_and_do_not_warn(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales()
    frame["mark"] = (frame["start"].notna() & (frame["month"] >= "2026-02")).astype(int)
    frame.loc[_first(frame, 5) & (frame["month"] > "2026-03"), "mark"] = 0
    found = units_lost(evidence_of(frame, {"columns.adopted": None, "columns.trained": "mark"}))
    assert found.status == "pass"
    assert found.observed.endswith("; 5 stop being marked as trained after they started")


@pytest.mark.parametrize(("absent", "status"), [(0, "pass"), (2, "pass"), (3, "warn")])
def test_a_gap_of_more_than_ten_points_in_a_period(
    absent: int, status: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales(trained=20)
    gone = _first(frame, absent) & (frame["month"] == "2026-03")
    found = observation_gap(evidence_of(frame[~gone]))
    assert found.status == status
    where = ", in 2026-03" if absent else ""
    assert found.observed == f"largest gap {5 * absent} points{where}"
    known = "the KPI of 2026-03 is known for 85% of the trained and 100% of the comparison"
    assert found.message.startswith(known) == (status == "warn")


def test_equal_absence_is_no_gap(sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]) -> None:
    frame = sales(trained=20, control=20)
    gone = (_first(frame, 8) | _first(frame, 8, trained=False)) & (frame["month"] == "2026-03")
    assert observation_gap(evidence_of(frame[~gone])).status == "pass"


def test_an_exact_ten_points_is_no_warning_whatever_rounding_makes_of_it(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    # .8 − .7 is .10000000000000009 in binary.
    frame = sales(trained=20, control=20)
    gone = (_first(frame, 6) | _first(frame, 4, trained=False)) & (frame["month"] == "2026-03")
    found = observation_gap(evidence_of(frame[~gone]))
    assert (found.status, found.observed) == ("pass", "largest gap 10 points, in 2026-03")


def test_without_evidence_they_are_skipped(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    assert units_lost(Evidence()).status == "skipped"
    assert observation_gap(Evidence()).status == "skipped"
    assert observation_gap(evidence_of(sales(), {"analysis.0.method": "prepost"})).status == "skipped"


def test_absence_that_goes_with_the_level_warns(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    # A tenth of the untrained is away in March, no more than the gap allows: those who always sell most.
    frame = sales(trained=20, control=40, noise=0.1)
    people = frame.loc[frame["start"].isna(), "person"].unique()
    gone = frame["person"].isin(people[-4:]) & (frame["month"] == "2026-03")
    found = observation_gap(evidence_of(frame[~gone]))
    assert found.status == "warn"
    assert found.observed.startswith("largest gap 10 points, in 2026-03; composition ")
    assert "who of the comparison was observed when" in found.message


def test_where_every_row_is_somebody_else_nobody_can_be_missing(sales: Callable[..., pd.DataFrame]) -> None:
    panel = at.Panel.from_frame(
        sales(), period="month", outcome="sales", adopted="start", cluster="person", kind="repeated_cross_sections"
    )
    found = observation_gap(Evidence(panel=panel, estimate=at.staggered(panel)))
    assert (found.status, "somebody else" in found.message) == ("skipped", True)
