"""One panel of 300 people and 8 months, nine defects: the right answer with counts, or an error with a remedy.

100 people are trained from month 5 on, with an effect of 3; months have shocks that all share. Other tools drop 163 of
the 300 for 10% absent rows, accept duplicates and cohorts that change, or fail in the broadcast of their arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.clusters import clusters_per_arm
from attribution.checks.evidence import Evidence
from attribution.errors import DataError

PEOPLE, MONTHS, TRAINED, EFFECT = 300, 8, 100, 3.0
BEFORE, AFTER = [1, 2, 3, 4], [5, 6, 7, 8]


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return the panel without a defect."""
    rng = np.random.default_rng(20260101)
    person = np.repeat(np.arange(PEOPLE), MONTHS)
    month = np.tile(np.arange(1, MONTHS + 1), PEOPLE)
    trained = person < TRAINED
    shock = np.array([0.0, 4.0, -3.0, 1.0, 6.0, -5.0, 2.0, 8.0])
    level = rng.normal(50, 5, PEOPLE)
    kpi = level[person] + shock[month - 1] + EFFECT * (trained & (month >= 5)) + rng.normal(0, 0.1, len(person))
    return pd.DataFrame({"person": person, "month": month, "kpi": kpi, "start": np.where(trained, 5.0, np.nan)})


def _panel(frame: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start", **options)


def _did(frame: pd.DataFrame, **options: Any) -> at.Estimate:
    """Return the estimate, everyone and every row of the panel being accounted for."""
    panel = _panel(frame, **options)
    estimate = at.did(panel, baseline=BEFORE, followup=AFTER)
    flow = estimate.n
    assert flow.trained.units + flow.control.units + flow.units_left_out == PEOPLE == panel.counts.units
    assert int(flow.tidy()["rows"].sum()) == len(frame) == panel.counts.rows
    return estimate


def _left_out(estimate: at.Estimate) -> dict[tuple[str, str], tuple[int, int]]:
    return {(part.arm, part.reason): (part.units, part.rows) for part in estimate.n.left_out}


def _same(one: at.Estimate, other: at.Estimate) -> None:
    np.testing.assert_array_equal(one.values, other.values)
    assert one.tidy().equals(other.tidy())


def test_without_a_defect(frame: pd.DataFrame) -> None:
    estimate = _did(frame)
    # The noise of a difference of 100 and 200 window means: .1·√(1/2·(1/100 + 1/200)) = .0087; four of them.
    assert estimate.value("effect") == pytest.approx(EFFECT, abs=0.035)
    assert (estimate.n.trained.units, estimate.n.control.units, _left_out(estimate)) == (100, 200, {})


def test_1_five_percent_of_the_kpi_missing(frame: pd.DataFrame) -> None:
    gone = np.random.default_rng(1).choice(len(frame), len(frame) // 20, replace=False)
    frame.loc[gone, "kpi"] = np.nan
    assert _panel(frame).counts.rows_missing_outcome == 120
    estimate = _did(frame)
    assert estimate.value("effect") == pytest.approx(EFFECT, abs=0.035)
    assert (estimate.n.trained.units, estimate.n.control.units) == (100, 200)
    missing = {
        arm: int(frame.loc[(frame["start"].notna() == (arm == "trained")), "kpi"].isna().sum())
        for arm in ("trained", "control")
    }
    assert sum(missing.values()) == 120
    assert _left_out(estimate) == {(arm, "rows without a KPI value"): (0, rows) for arm, rows in missing.items()}


def test_2_ten_percent_of_the_rows_absent(frame: pd.DataFrame) -> None:
    kept = frame.drop(index=np.random.default_rng(2).choice(len(frame), len(frame) // 10, replace=False))
    assert _panel(kept).counts.rows_absent == 240
    estimate = _did(kept)
    assert estimate.value("effect") == pytest.approx(EFFECT, abs=0.035)
    # Of the 300 one person, by chance, lost all of the follow-up; nobody else leaves.
    windows = kept.groupby("person")["month"].agg(["min", "max"])
    assert list(windows.index[(windows["min"] >= 5) | (windows["max"] <= 4)]) == [269]
    assert (estimate.n.trained.units, estimate.n.control.units) == (100, 199)
    rows = int((kept["person"] == 269).sum())
    assert _left_out(estimate) == {("never trained", "no KPI value in the follow-up"): (1, rows)}
    assert estimate.n.trained.rows + estimate.n.control.rows == 2160 - rows


def test_2_trained_people_absent_in_the_launch_month(frame: pd.DataFrame) -> None:
    # Month 5 has a shock of +6: a plain mean of the observed months would read its absence as an effect of −0.8.
    away = (frame["person"] < 60) & (frame["month"] == 5)
    estimate = _did(frame[~away])
    assert estimate.value("effect") == pytest.approx(EFFECT, abs=0.035)
    assert (estimate.n.trained.units, estimate.n.control.units) == (100, 200)
    gap, month = estimate.n.coverage.largest_gap()
    assert (gap, month) == (pytest.approx(0.6), "5")


def test_2_only_those_leave_whom_a_window_really_lacks(frame: pd.DataFrame) -> None:
    silent = (frame["person"] == 7) & (frame["month"] <= 4) | (frame["person"] == 250) & (frame["month"] >= 5)
    estimate = _did(frame[~silent])
    assert (estimate.n.trained.units, estimate.n.control.units) == (99, 199)
    assert _left_out(estimate) == {
        ("trained", "no KPI value in the baseline"): (1, 4),
        ("never trained", "no KPI value in the follow-up"): (1, 4),
    }
    assert estimate.n.trained_in_window == 100


def test_3_a_duplicate_person_month(frame: pd.DataFrame) -> None:
    twice = pd.concat([frame, frame[(frame["person"] == 42) & (frame["month"] == 6)]])
    with pytest.raises(DataError) as caught:
        _panel(twice)
    assert "1 pairs of unit and period occur more than once, in 2 rows" in caught.value.what
    assert "unit 42 has 2 rows in 6" in caught.value.what
    assert "one row per unit and period" in caught.value.remedy


def test_4_a_cohort_that_changes_midway(frame: pd.DataFrame) -> None:
    frame.loc[(frame["person"] == 42) & (frame["month"] >= 6), "start"] = 6
    with pytest.raises(DataError) as caught:
        _panel(frame)
    assert "adoption varies" in caught.value.what
    assert "42" in caught.value.what
    assert "'start'" in caught.value.where
    assert "every row of a unit the same first period" in caught.value.remedy


def test_5_fifteen_people_without_a_covariate(frame: pd.DataFrame) -> None:
    frame["age"] = 30.0 + frame["person"] % 20
    frame.loc[frame["person"] % 20 == 3, "age"] = np.nan
    with_age = _panel(frame, covariates=["age"])
    assert with_age.counts.covariates_missing == {"age": 15}
    estimate = _did(frame, covariates=["age"])
    # Nothing uses the covariate but the balance table, which counts whom it lacks.
    _same(estimate, _did(frame))
    assert (estimate.n.trained.units, estimate.n.control.units, _left_out(estimate)) == (100, 200, {})
    from attribution.diagnostics.baseline import baseline_balance

    assert list(baseline_balance(with_age, estimate)["missing"]) == [0, 15]


def test_6_text_ids(frame: pd.DataFrame) -> None:
    whole = _did(frame)
    frame["person"] = frame["person"].map("{:03d}".format)
    _same(_did(frame), whole)
    frame["person"] = "agent " + frame["person"] + " – Zürich"
    _same(_did(frame), whole)


def test_7_real_dates(frame: pd.DataFrame) -> None:
    whole = _did(frame)
    first = pd.to_datetime({"year": 2025, "month": frame["month"], "day": 1})
    # People start on the 15th of April: the first month at or after it is month 5.
    start = pd.to_datetime(frame["start"].map({5.0: "2025-04-15"}))
    dated = frame.assign(month=first, start=start)
    panel = _panel(dated)
    assert panel.counts.never_read_as == {"NaT": 200}
    days = [f"2025-{month:02d}-01" for month in range(1, 9)]
    estimate = at.did(panel, baseline=days[:4], followup=days[4:])
    _same(estimate, whole)
    assert (estimate.n.trained.units, estimate.n.control.units, estimate.n.units_left_out) == (100, 200, 0)


def test_8_always_trained_people(frame: pd.DataFrame) -> None:
    frame.loc[frame["person"] >= 288, "start"] = 1
    frame.loc[frame["person"] >= 288, "kpi"] += EFFECT
    frame.loc[frame["person"].between(282, 287), "start"] = 3
    estimate = _did(frame)
    assert estimate.value("effect") == pytest.approx(EFFECT, abs=0.035)
    assert (estimate.n.trained.units, estimate.n.control.units) == (100, 182)
    assert _left_out(estimate) == {("trained before follow-up", "adopted in or before the baseline"): (18, 144)}


def test_9_a_cohort_of_one_among_others(frame: pd.DataFrame) -> None:
    # One more person is trained in month 8 only: he counts among the trained, with an effect of 3 in one month of four.
    frame.loc[frame["person"] == 299, "start"] = 8
    frame.loc[(frame["person"] == 299) & (frame["month"] == 8), "kpi"] += EFFECT
    estimate = _did(frame)
    assert (estimate.n.trained.units, estimate.n.control.units, _left_out(estimate)) == (101, 199, {})
    assert estimate.value("effect") == pytest.approx((100 * EFFECT + EFFECT / 4) / 101, abs=0.035)


def test_9_a_cohort_of_one_after_the_follow_up_stays_a_control(frame: pd.DataFrame) -> None:
    frame.loc[frame["person"] == 299, "start"] = 9
    estimate = _did(frame)
    assert (estimate.n.trained.units, estimate.n.control.units, _left_out(estimate)) == (100, 200, {})
    assert estimate.n.later == (("after the last period", 1),)
    assert any("controls include 1 units that adopt later" in note for note in estimate.notes)


def test_9_a_cohort_of_one_alone_has_no_standard_error(frame: pd.DataFrame) -> None:
    frame.loc[frame["person"] >= 1, "start"] = np.nan
    frame.loc[frame["person"].between(1, 99) & (frame["month"] >= 5), "kpi"] -= EFFECT
    estimate = _did(frame)
    assert (estimate.n.trained.units, estimate.n.control.units, _left_out(estimate)) == (1, 299, {})
    # One person's two window means: .1·√(1/2) = .07, four of them.
    assert estimate.value("effect") == pytest.approx(EFFECT, abs=0.3)
    assert np.isnan(estimate.std_error("effect"))
    assert estimate.interval().kind == "undefined"
    found = clusters_per_arm(Evidence(estimate=estimate))
    assert (found.status, found.observed) == ("fail", "1 trained, 299 control")
