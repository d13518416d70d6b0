"""The flow: counts by arm and reason, and the gap between the arms."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.core.flow import ArmCount, Coverage, Flow, LeftOut


def flow(control: ArmCount | None = None) -> Flow:
    return Flow(
        trained=ArmCount(units=19, clusters=19, rows=38, weight=19.0),
        control=ArmCount(35, 35, 70, 35.0) if control is None else control,
        left_out=(LeftOut("never trained", "no KPI value", 66, 198), LeftOut("trained", "outside the windows", 0, 19)),
        baseline=("1987",),
        followup=("1988",),
        trained_in_window=36,
        coverage=Coverage(("1987", "1988"), np.array([1.0, 0.5]), np.array([0.9, 0.8])),
    )


def test_tidy_has_one_row_per_arm_and_fate() -> None:
    tidy = flow().tidy()
    assert list(tidy.columns) == ["arm", "fate", "reason", "units", "rows"]
    assert tidy["fate"].tolist() == ["entered", "entered", "left out", "left out"]
    assert tidy["units"].tolist() == [19, 35, 66, 0]
    assert flow().units_left_out == 66


def test_without_a_comparison_there_is_no_row_for_it() -> None:
    alone = flow(ArmCount(0, 0, 0, 0.0))
    assert alone.tidy()["arm"].tolist() == ["trained", "never trained", "trained"]
    assert str(alone) == "19 trained, 66 left out"


def test_text() -> None:
    assert str(flow()) == "19 trained against 35 not trained, 66 left out"


def test_the_largest_gap_names_its_period() -> None:
    gap, period = flow().coverage.largest_gap()
    assert (gap, period) == (pytest.approx(0.3), "1988")


def test_there_is_no_gap_without_a_comparison_or_a_period() -> None:
    assert Coverage(("1",), np.array([0.5]), np.array([np.nan])).largest_gap() == (0.0, "")
    assert Coverage((), np.array([]), np.array([])).largest_gap() == (0.0, "")
