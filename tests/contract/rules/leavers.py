"""A roster frozen before, on and after the launch; leavers at WWC's boundary, and an effect that they could undo."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd

from attribution.checks.evidence import Evidence
from tests.contract.evidence import design_of, evidence_of
from tests.studies import sales_of

TWO_MONTHS = {"timing.baseline": ["2026-01"], "timing.followup": ["2026-02"]}


def _frozen(day: datetime.date | None, launch: Any = "2026-02") -> Evidence:
    changes: dict[str, Any] = {"timing.launch": launch}
    if day is not None:
        changes["assignment.roster_frozen"] = day
    return Evidence(design=design_of(changes))


@cache
def _followed(effect: float) -> pd.DataFrame:
    frame = sales_of(trained=1000, control=1000, effect=effect)
    return frame[frame["month"].isin(["2026-01", "2026-02"])]


def _left(trained: int, others: int, effect: float = 2.0, changes: Mapping[str, Any] | None = None) -> Evidence:
    """Return 1,000 people in each arm, so many of whom have no KPI after the launch."""
    frame = _followed(effect)
    number = frame["person"].astype(int)
    gone = (number < trained) | ((number >= 1000) & (number < 1000 + others))
    return evidence_of(frame[~gone | (frame["month"] < "2026-02")], TWO_MONTHS | (dict(changes or {})))


CASES = {
    "roster_frozen": {
        "pass": lambda: _frozen(datetime.date(2026, 2, 1)),
        "pass: on the day of the launch": lambda: _frozen(datetime.date(2026, 2, 16), datetime.date(2026, 2, 16)),
        "warn": lambda: _frozen(None),
        "warn: in the month of the launch": lambda: _frozen(datetime.date(2026, 2, 2)),
        "fail": lambda: _frozen(datetime.date(2026, 3, 1)),
        "fail: the day after the launch": lambda: _frozen(datetime.date(2026, 2, 17), datetime.date(2026, 2, 16)),
    },
    "leavers": {
        "pass": lambda: _left(131, 69),  # 10% and 6.2 points, where 6.3 are allowed
        "warn": lambda: _left(132, 68),  # 6.4 points
        "pass: nobody left": lambda: _left(0, 0),
        # Changes have an SD of .71: 5% of it cut off at one end moves the mean by about .07.
        "warn: what few leavers could undo": lambda: _left(50, 0, effect=0.08),
        "pass: what few leavers could not undo": lambda: _left(50, 0, effect=0.25),
        "skipped: no comparison": lambda: _left(0, 0, changes={"analysis.0.method": "prepost"}),
    },
}

NEVER = {
    "leavers": {"fail": "bounds say what leavers could hide, not what they do: the effect on those who stay remains"},
}
