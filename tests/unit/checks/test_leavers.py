"""Who left, in two windows, by assignment and in a rollout; and the date of the roster."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.leavers import leavers, roster_frozen
from attribution.diagnostics.leavers import leavers_of
from tests.contract.evidence import design_of, evidence_of
from tests.studies import sales_of


def _without(frame: pd.DataFrame, people: range, since: str = "2026-02") -> pd.DataFrame:
    return frame[~(frame["person"].astype(int).isin(people) & (frame["month"] >= since))]


def test_leavers_are_counted_by_arm_with_bounds_on_the_rest() -> None:
    found = leavers(evidence_of(_without(sales_of(), range(0, 3))))
    assert found.observed.startswith(
        "3 of 24 trained left, 0 of 36 others left: 12.5 points apart, 6.0 allowed; bounds +"
    )
    assert found.status == "warn"
    assert "more of the trained left" in found.message
    assert "effect on those who stay" in found.remedy


def test_who_comes_back_has_not_left() -> None:
    frame = sales_of()
    gone = frame["person"].astype(int).isin(range(5)) & frame["month"].isin(["2026-02", "2026-03"])
    found = leavers(evidence_of(frame[~gone]))
    assert (found.status, found.message) == ("pass", "everybody who was measured before was measured after")


def test_by_assignment_leavers_are_those_of_the_assigned() -> None:
    frame = sales_of()
    frame["assigned"] = (frame["person"].astype(int) < 30).astype(int)
    changes = {"columns.assigned": "assigned", "analysis.0.as_assigned": True, "assignment.mechanism": "random"}
    found = leavers(evidence_of(_without(frame, range(28, 30)), changes))
    assert found.observed.startswith("2 of 30 assigned left, 0 of 30 not assigned left: 6.7 points apart")


def test_a_rollout_counts_who_is_gone_by_its_last_quarter() -> None:
    rng = np.random.default_rng(1)
    start = np.repeat([4.0, 8.0, np.nan], 20)
    unit, month = np.repeat(np.arange(60), 12), np.tile(np.arange(12), 60)
    frame = pd.DataFrame({"person": unit, "month": month, "kpi": rng.normal(size=720), "start": start[unit]})
    # The last 2 of the 8 periods since the first start: three of the first wave and one of the never trained are gone.
    frame = frame[~((frame["person"].isin([0, 1, 2]) & (month >= 10)) | ((frame["person"] == 59) & (month >= 6)))]
    frame = frame[~((frame["person"] == 25) & (frame["month"] == 11))]
    panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start")
    estimate = at.staggered(panel)
    found = leavers_of(panel, estimate)
    assert found is not None
    assert (found.gone, found.sizes) == ((3, 1), (40, 20))
    said = leavers(Evidence(panel=panel, estimate=estimate))
    assert "no bounds: a rollout has no one window after" in said.observed
    assert said.status == "pass"


def test_the_roster_by_dates_years_and_counters() -> None:
    frozen = {"assignment.roster_frozen": datetime.date(2026, 1, 31)}
    assert roster_frozen(Evidence(design=design_of(frozen))).status == "pass"
    late = roster_frozen(Evidence(design=design_of({"assignment.roster_frozen": datetime.date(2026, 4, 1)})))
    assert (late.status, late.observed) == ("fail", "frozen 2026-04-01, launch 2026-02")
    assert "picked by what came of the training" in late.message
    counters = {"timing.launch": 4, "timing.baseline": [1, 2, 3], "timing.followup": [4, 5]}
    found = roster_frozen(Evidence(design=design_of(frozen | counters)))
    assert (found.status, "a counter without a date" in found.message) == ("skipped", True)
