"""Messy data, over the registry: the right answer with everyone counted, or an error with a remedy.

300 people over 14 months, 100 trained from month 11 on with an effect of 3, month shocks that all share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.registry import ESTIMATORS, load, options

PEOPLE, MONTHS, TRAINED, LAUNCH, EFFECT = 300, 14, 100, 11, 3.0
SHOCK = np.random.default_rng(7).normal(0, 4, MONTHS)

REFUSED = {
    ("synthetic", "values missing"): "lack a KPI value",
    ("synthetic", "rows absent"): "lack a KPI value",
    ("synthetic", "absent in the launch month"): "lack a KPI value",
    ("synthetic", "a cohort of one among others"): "began at 2 dates",
    ("trend", "a cohort of one among others"): "adopt",
}
ALONE = ("prepost", "trend")
"""Without a comparison the shocks are not taken out: who entered is counted, the effect is another question."""


def whole() -> pd.DataFrame:
    rng = np.random.default_rng(20260101)
    person, month = np.repeat(np.arange(PEOPLE), MONTHS), np.tile(np.arange(1, MONTHS + 1), PEOPLE)
    trained = person < TRAINED
    kpi = rng.normal(50, 5, PEOPLE)[person] + SHOCK[month - 1] + rng.normal(0, 0.1, len(person))
    kpi += EFFECT * (trained & (month >= LAUNCH))
    frame = pd.DataFrame({"person": person, "month": month, "kpi": kpi, "age": 30.0 + person % 20})
    return frame.assign(start=np.where(trained, float(LAUNCH), np.nan))


def values_missing(frame: pd.DataFrame) -> pd.DataFrame:
    gone = np.random.default_rng(1).choice(len(frame), len(frame) // 20, replace=False)
    frame.loc[gone, "kpi"] = np.nan
    return frame


def rows_absent(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(index=np.random.default_rng(2).choice(len(frame), len(frame) // 10, replace=False))


def absent_in_the_launch_month(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[~((frame["person"] < 60) & (frame["month"] == LAUNCH))]


def a_covariate_missing(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=frame["age"].where(frame["person"] % 20 != 3))


def text_ids(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(person="agent " + frame["person"].map("{:03d}".format) + " – Zürich")


def nullable_and_categorical(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        person=frame["person"].astype(str).astype("category"),
        kpi=frame["kpi"].astype("Float64"),
        start=frame["start"].astype("Int64"),
    )


def always_trained(frame: pd.DataFrame) -> pd.DataFrame:
    late = frame["person"] >= 288
    return frame.assign(start=frame["start"].mask(late, 1.0), kpi=frame["kpi"] + EFFECT * late)


def a_cohort_of_one(frame: pd.DataFrame) -> pd.DataFrame:
    one = frame["person"] == 299
    return frame.assign(
        start=frame["start"].mask(one, 13.0), kpi=frame["kpi"] + EFFECT * (one & (frame["month"] >= 13))
    )


DEFECTS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "values missing": values_missing,
    "rows absent": rows_absent,
    "absent in the launch month": absent_in_the_launch_month,
    "a covariate missing": a_covariate_missing,
    "text ids": text_ids,
    "nullable and categorical": nullable_and_categorical,
    "always trained": always_trained,
    "a cohort of one among others": a_cohort_of_one,
}


def run(name: str, panel: at.Panel) -> at.Estimate:
    method = load(ESTIMATORS, name, kind="estimator")
    windows: dict[str, Any] = {"baseline": list(range(1, LAUNCH)), "followup": list(range(LAUNCH, MONTHS + 1))}
    known = {option.name for option in options(method)}
    estimate: at.Estimate = method(panel, **{key: value for key, value in windows.items() if key in known})
    return estimate


def build(frame: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start", covariates=["age"])


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_right_answer_or_an_error_with_a_remedy(name: str, defect: str) -> None:
    panel = build(DEFECTS[defect](whole()))
    if (name, defect) in REFUSED:
        with pytest.raises(at.AttributionError, match=REFUSED[name, defect]) as error:
            run(name, panel)
        assert error.value.remedy
        return
    estimate = run(name, panel)
    counted = estimate.n.tidy()
    assert counted["units"].sum() == PEOPLE
    assert counted["rows"].sum() == panel.counts.rows
    if name in ALONE:
        assert np.isfinite(estimate.value("change"))
        return
    # One person with an effect in two of four months moves a mean over 101 people and four months by 1/101 of it.
    assert estimate.value("effect") == pytest.approx(EFFECT, abs=0.05)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_dates_are_read_as_months_are(name: str) -> None:
    frame = whole()
    months = pd.Series(
        pd.to_datetime([f"2025-{1 + m:02d}-01" if m < 12 else f"2026-{m - 11:02d}-01" for m in range(14)])
    )
    dated = frame.assign(
        month=months[frame["month"] - 1].to_numpy(), start=pd.to_datetime(frame["start"].map({LAUNCH: "2025-10-15"}))
    )
    method = load(ESTIMATORS, name, kind="estimator")
    known = {option.name for option in options(method)}
    labels = [one.strftime("%Y-%m-%d") for one in months]
    windows = {"baseline": labels[: LAUNCH - 1], "followup": labels[LAUNCH - 1 :]}
    estimate = method(build(dated), **{key: value for key, value in windows.items() if key in known})
    plain = run(name, build(frame))
    assert estimate.values[:3] == pytest.approx(plain.values[:3], abs=1e-9)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    ("what", "start"), [("nobody is trained", np.nan), ("everybody was trained from the start", 1.0)]
)
def test_without_anybody_to_speak_for_there_is_no_estimate(name: str, what: str, start: float) -> None:
    with pytest.raises(at.AttributionError) as error:
        run(name, build(whole().assign(start=start)))
    assert error.value.remedy
