"""Units that start before the launch."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from attribution.checks.evidence import Evidence
from attribution.checks.launch import launch

TWO_MONTHS: dict[str, Any] = {"timing.baseline": ["2025-11", "2025-12"]}


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (0, "nobody starts between the baseline and the launch"),
        (1, "1 unit starts before the launch, from 2026-01 on, and counts as trained"),
        (5, "5 units start before the launch, from 2026-01 on, and count as trained"),
    ],
)
def test_units_between_baseline_and_launch_are_counted(
    count: int, says: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales()
    frame.loc[frame["person"] < f"{count:03d}", "start"] = "2026-01"
    found = launch(evidence_of(frame, TWO_MONTHS))
    assert found.status == ("warn" if count else "pass")
    assert found.message.startswith(says)
    assert found.observed == (f"{count} from 2026-01 on; launch 2026-02" if count else "none; launch 2026-02")


def test_a_launch_inside_a_period_is_not_after_those_who_start_in_it(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = launch(evidence_of(sales(), {"timing.launch": datetime.date(2026, 2, 16)}))
    assert (found.status, found.observed) == ("pass", "none; launch 2026-02-16")


def test_units_of_weight_0_and_those_trained_in_the_baseline_do_not_count(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales().assign(weight=1.0)
    frame.loc[frame["person"] < "003", ["start", "weight"]] = ["2026-01", 0.0]
    frame.loc[frame["person"].between("003", "005"), "start"] = "2025-12"
    assert launch(evidence_of(frame, TWO_MONTHS | {"columns.weight": "weight"})).status == "pass"


def test_without_data_or_a_common_calendar_it_is_skipped(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    assert launch(Evidence()).status == "skipped"
    frame = sales()
    frame["month"] = frame.groupby("person").cumcount() + 1
    frame["start"] = frame["start"].map({"2026-02": 4})
    counters = {"timing.launch": datetime.date(2026, 2, 1), "timing.baseline": [1, 2, 3], "timing.followup": [4, 5]}
    found = launch(evidence_of(frame, counters | {"study.as_of": datetime.date(2026, 6, 1)}))
    assert (found.status, "do not compare" in found.message) == ("skipped", True)
