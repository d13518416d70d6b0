"""Places of periods: those of the data as the data count them, later ones and all without data by the calendar."""

from __future__ import annotations

import pandas as pd
import pytest

from attribution.core.periods import Periods
from attribution.design.schema import StudyDesign
from attribution.study.places import places_of, position
from tests.contract.evidence import design_of


def _design(period: str, launch: object, baseline: list[object], followup: list[object]) -> StudyDesign:
    return design_of(
        {
            "timing": {"period": period, "launch": launch, "baseline": baseline, "followup": followup},
        }
    )


@pytest.mark.parametrize(
    ("period", "baseline", "launch", "followup", "expected"),
    [
        ("month", ["2025-11", "2025-12"], "2026-01", ["2026-02"], ((0, 1), 2, (3,))),
        ("quarter", ["2025Q3", "2025Q4"], "2026Q2", ["2026Q3"], ((0, 1), 3, (4,))),
        ("year", [1987], 1988, [1988, 1989], ((0,), 1, (1, 2))),
        ("week", ["2026-01-05", "2026-01-12"], "2026-01-23", ["2026-01-26"], ((0, 1), 2, (3,))),
        ("day", ["2026-02-27", "2026-02-28"], "2026-03-01", ["2026-03-02"], ((0, 1), 2, (3,))),
        ("month", [3, 4], 5, [6], ((0, 1), 2, (3,))),
    ],
)
def test_without_data_the_calendar_counts(
    period: str, baseline: list[object], launch: object, followup: list[object], expected: tuple[object, ...]
) -> None:
    found = places_of(_design(period, launch, baseline, followup), baseline, followup)
    assert (found.baseline, found.launch, found.followup) == expected
    assert found.known == 0
    assert len(found.labels) == found.last + 1
    assert found.labels[0] == str(baseline[0])


def test_with_data_what_they_skip_is_no_period() -> None:
    design = _design("year", 1978, [1974, 1975], [1978])
    periods = Periods(pd.Index([1974, 1975, 1978]), "integer")
    found = places_of(design, [1974, 1975], [1978], periods)
    assert (found.baseline, found.launch, found.followup, found.labels) == ((0, 1), 2, (2,), ("1974", "1975", "1978"))


def test_after_the_data_the_calendar_goes_on() -> None:
    design = _design("month", "2026-03", ["2025-12", "2026-01"], ["2026-04", "2026-05"])
    periods = Periods(pd.period_range("2025-10", "2026-01", freq="M"), "period")
    found = places_of(design, ["2025-12", "2026-01"], ["2026-04", "2026-05"], periods)
    assert (found.first, found.known) == (2, 2)
    assert (found.baseline, found.launch, found.followup) == ((0, 1), 3, (4, 5))
    assert found.labels == ("2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05")
    assert found.of("2026-06") == 6


def test_months_of_the_data_may_go_by_their_last_day() -> None:
    assert position("2025-12-31", "month") == position("2025-12", "month") == position("2025-12-01", "month")
