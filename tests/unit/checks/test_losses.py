"""Trained units that were not measured, and arms that are observed unequally."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

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
    assert found.observed == f"{20 - lost} of 20 trained measured, 36 compared, {lost} left out in all"
    assert (f"{lost}" in found.message) == (status == "warn")


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
