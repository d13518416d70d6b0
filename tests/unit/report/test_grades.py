"""The evidence grade: what the design can carry, whatever the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.report.grades import MEANINGS, grade_of

ONE = {"timing.baseline": ["2026-01"]}
TWO = {"timing.baseline": ["2025-12", "2026-01"]}


@pytest.mark.parametrize(
    ("changes", "trained", "letter", "reason"),
    [
        ({}, 24, "B", "assigned by managers, not at random"),
        (ONE, 24, "C", "1 baseline period, assigned by managers"),
        (
            TWO | {"assignment.mechanism": "first_come"},
            24,
            "C",
            "2 baseline periods, assigned first come, first",
        ),
        (ONE | {"assignment.mechanism": "random", "assignment.source": "list"}, 24, "B", "by training taken"),
        (ONE | {"assignment.mechanism": "waitlist", "assignment.source": "list"}, 24, "B", "by training taken"),
        # Random by hearsay is not random.
        (
            ONE | {"assignment.mechanism": "random"},
            24,
            "C",
            "assigned at random, which no source says",
        ),
        (ONE | {"assignment.mechanism": "voluntary", "assignment.source": "list"}, 24, "C", "1 baseline period"),
        ({}, 4, "C", "failed: clusters per arm"),
        ({"analysis.0.method": "prepost"}, 24, "D", "nobody untrained was compared"),
        ({"analysis.0.method": "prepost"}, 4, "D", "nobody untrained was compared"),
    ],
)
def test_the_grade(
    changes: dict[str, Any],
    trained: int,
    letter: str,
    reason: str,
    make_study: Callable[..., Path],
    sales: Callable[..., pd.DataFrame],
) -> None:
    grade = grade_of(at.run(at.load_design(make_study(sales(trained=trained), changes))))
    assert (grade.letter, grade.meaning) == (letter, MEANINGS[letter])
    assert reason in grade.reason


@pytest.fixture
def assigned(sales: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Return the sales with an assignment that 21 of 24 took up, and 2 of 36 took without it."""
    frame = sales()
    number = frame["person"].astype(int)
    frame["assigned"] = (number < 24).astype(int)
    frame["start"] = frame["start"].where(~number.isin([0, 1, 2]), None).mask(number.isin([30, 31]), "2026-02")
    return frame


AS_ASSIGNED = {
    "columns.assigned": "assigned",
    "analysis.0.as_assigned": True,
    "assignment.mechanism": "random",
    "assignment.source": "minutes of the draw",
}


@pytest.mark.parametrize(
    ("changes", "lost", "letter", "reason"),
    [
        ({}, (), "A", "every condition"),
        ({"timing.baseline": ["2026-01"]}, (), "A", "every condition"),
        # 4 of 24 and none of 36: 6.7% in all, 16.7 points apart; the boundaries are about 6 and 10.
        ({}, (3, 4, 5, 6), "B", "more were lost than a cautious reading allows"),
        ({"assignment.source": None}, (), "B", "no source says"),
        ({"assignment.mechanism": "waitlist"}, (), "B", "assigned by a waiting list, not at random"),
        ({"analysis.0.as_assigned": None}, (), "B", "by training taken, not by assignment"),
    ],
)
def test_grade_a_is_random_as_assigned_and_kept(
    changes: dict[str, Any],
    lost: tuple[int, ...],
    letter: str,
    reason: str,
    assigned: pd.DataFrame,
    make_study: Callable[..., Path],
) -> None:
    gone = assigned["person"].astype(int).isin(lost) & (assigned["month"] >= "2026-02")
    stated = {key: value for key, value in (AS_ASSIGNED | changes).items() if value is not None}
    result = at.run(at.load_design(make_study(assigned[~gone], stated)))
    grade = grade_of(result)
    assert (grade.letter, grade.meaning) == (letter, MEANINGS[letter])
    assert reason in grade.reason


def test_a_projected_trend_is_c_whatever_it_is_compared_with(make_study: Callable[..., Path]) -> None:
    rng = np.random.default_rng(3)
    months = [str(month) for month in pd.period_range("2024-01", periods=30, freq="M")]
    frame = pd.DataFrame(
        [
            (f"{unit:02d}", month, months[24] if unit < 12 else None, 20 + 0.1 * time + 3 * (unit < 12 and time >= 24))
            for unit in range(30)
            for time, month in enumerate(months)
        ],
        columns=["person", "month", "start", "sales"],
    )
    frame["sales"] += rng.normal(0, 1, len(frame)) + np.repeat(rng.normal(0, 2, 30), 30)
    changes = {
        "timing.launch": months[24],
        "timing.baseline": months[:24],
        "timing.followup": months[24:],
        "analysis.0.method": "trend",
    }
    for more in ({}, {"analysis.0.controls": "difference"}):
        grade = grade_of(at.run(at.load_design(make_study(frame, changes | more))))
        assert grade.letter == "C"
        assert "projected from the trained’s own past" in grade.reason
