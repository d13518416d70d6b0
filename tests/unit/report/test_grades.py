"""The evidence grade: what the design can carry, whatever the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import attribution as at
from attribution.report.grades import MEANINGS, grade_of

ONE = {"timing.baseline": ["2026-01"]}
TWO = {"timing.baseline": ["2025-12", "2026-01"]}


@pytest.mark.parametrize(
    ("changes", "trained", "letter", "reason"),
    [
        ({}, 24, "B", "the analysis is by training taken, not by assignment"),
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
