"""The trend of one series or of a trained panel: what enters, what is refused, and what the terms say."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.cohort import Cohort
from attribution.core.estimate import Estimate
from attribution.core.terms import labels
from attribution.errors import DataError, MethodError
from attribution.estimators.trend import trend


def series(values: Sequence[float], start: Any = 12, periods: Any = None, **options: Any) -> at.Panel:
    frame = pd.DataFrame({"t": range(len(values)) if periods is None else periods, "kpi": values, "start": start})
    return at.Panel.from_frame(frame, period="t", outcome="kpi", adopted="start", kind="series", **options)


def noisy(size: int = 18, seed: int = 0, launch: int = 12) -> np.ndarray[Any, Any]:
    time = np.arange(size)
    return 40 + 0.5 * time + (time >= launch) * 3 + np.random.default_rng(seed).normal(0, 1, size)


BEFORE, AFTER = range(12), range(12, 18)


def people(holes: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Return 6 people trained in month 12, 8 never, 2 in month 4 and 1 in month 20, over 24 months."""
    rng = np.random.default_rng(seed)
    start = np.array([12.0] * 6 + [np.nan] * 8 + [4.0] * 2 + [20.0])
    unit, month = np.repeat(np.arange(17), 24), np.tile(np.arange(24), 17)
    common = rng.normal(0, 1, 24)
    kpi = 30 + 4.0 * unit + 0.5 * month + common[month] + 5 * (month >= start[unit]) + rng.normal(0, 0.3, len(unit))
    frame = pd.DataFrame({"person": unit, "month": month, "kpi": kpi, "start": start[unit], "weight": 1.0 + unit % 3})
    if holes:
        frame = frame[rng.random(len(frame)) >= holes]
        frame.loc[rng.random(len(frame)) < 0.05, "kpi"] = np.nan
    return frame


def panel(frame: pd.DataFrame, **options: Any) -> at.Panel:
    given: dict[str, Any] = {"unit": "person", "period": "month", "outcome": "kpi", "adopted": "start"}
    return at.Panel.from_frame(frame, **(given | options))


def test_terms_are_the_distance_from_the_projection() -> None:
    values = noisy()
    found = trend(series(values), baseline=BEFORE, followup=AFTER)
    slope, level = np.polyfit(range(12), values[:12], 1)
    projected = level + slope * np.arange(12, 18)
    assert found.value("effect") == pytest.approx((values[12:] - projected).mean(), rel=1e-10)
    assert found.value("untrained_level") == pytest.approx(projected.mean(), rel=1e-10)
    assert found.value("change") == pytest.approx(values[12:].mean() - values[:12].mean(), rel=1e-10)
    assert found.value("background") == pytest.approx(found.value("change") - found.value("effect"), rel=1e-10)
    assert [found.value("intercept"), found.value("trend")] == pytest.approx([level, slope], rel=1e-10)
    events = [found.value(f"effect[event={one}]") for one in range(6)]
    assert events == pytest.approx(values[12:] - projected, rel=1e-9)
    assert found.value("effect") == pytest.approx(np.mean(events), rel=1e-10)
    assert labels(found.terms, "effect", "event") == tuple("012345")


def test_the_record_says_what_it_is_without_a_map() -> None:
    found = trend(series(noisy()), baseline=BEFORE, followup=AFTER)
    assert (found.rows, found.replay, found.variance) == ("periods", None, "AR(1)")
    assert "not clusters" in found.no_replay
    assert found.clusters.tolist() == list(range(18))
    assert found.covariance.shape == (1, len(found.terms), len(found.terms))
    assert np.isfinite(found.covariance).all()
    assert found.stratum_df.tolist() == [14.0]
    assert pickle.loads(pickle.dumps(found)).tidy().equals(found.tidy())
    assert at.attribution_factor(found, draws=99).draws is not None
    with pytest.raises(MethodError, match="cannot be resampled") as error:
        at.bootstrap(found, draws=9)
    assert "AR(1)" in error.value.remedy


@pytest.mark.parametrize("controls", ["none", "difference", "regressor"])
def test_influence_is_the_weights_times_the_residuals_and_sums_to_0(controls: Any) -> None:
    found = trend(panel(people()), baseline=BEFORE, followup=AFTER, controls=controls, season=3)
    scale = np.abs(found.influence).max()
    assert found.influence.shape == (18, len(found.terms))
    assert np.abs(found.influence.sum(axis=0)).max() < 1e-10 * scale
    column = dict(zip(found.terms, found.influence.T, strict=True))
    events = [column[f"effect[event={one}]"] for one in range(6)]
    assert np.mean(events, axis=0) == pytest.approx(column["effect"], abs=1e-10 * scale)
    assert column["change"] - column["effect"] == pytest.approx(column["background"], abs=1e-10 * scale)
    assert found.cluster_influence() == pytest.approx(found.influence, abs=0)


def test_influence_is_the_derivative_of_the_weighted_fit() -> None:
    values = noisy()
    found = trend(series(values), baseline=BEFORE, followup=AFTER)
    time = np.arange(18)
    post = time >= 12
    design = np.stack([np.ones(18), time, post, post * (time - 12)], axis=1).astype(float)

    def level_change(weight: Any) -> float:
        root = np.sqrt(weight)
        return float(np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0][2])

    step = 1e-5
    derivative = [(level_change(1 + step * one) - level_change(1 - step * one)) / (2 * step) for one in np.eye(18)]
    assert found.influence[:, found.terms.index("level_change")] == pytest.approx(derivative, abs=1e-6)


@pytest.mark.parametrize("controls", ["none", "difference", "regressor"])
def test_an_exact_course_is_recovered_with_season_and_control(controls: Any) -> None:
    rng = np.random.default_rng(2)
    time = np.arange(36)
    other = 20 + rng.normal(0, 2, 36) if controls != "none" else np.zeros(36)
    slope = {"none": 0.0, "difference": 1.0, "regressor": 0.6}[controls]
    season = np.array([0.0, 2.0, -1.0, 4.0])[time % 4]
    untrained = 50 + 0.4 * time + season + slope * other
    kpi = untrained + (time >= 24) * (6 + 0.5 * (time - 24))
    frame = pd.DataFrame(
        {
            "person": np.repeat([0, 1], 36),
            "month": np.tile(time, 2),
            "kpi": np.concatenate([kpi, other]),
            "start": np.repeat([24.0, np.nan], 36),
        }
    )
    found = trend(panel(frame), baseline=range(24), followup=range(24, 36), season=4, controls=controls)
    assert found.value("effect") == pytest.approx(6 + 0.5 * 5.5, rel=1e-9)
    assert found.value("change") == pytest.approx(kpi[24:].mean() - kpi[:24].mean(), rel=1e-9)
    assert found.value("untrained_level") == pytest.approx(untrained[24:].mean(), rel=1e-9)
    assert [found.value("level_change"), found.value("slope_change")] == pytest.approx([6, 0.5], rel=1e-8)
    assert found.value("trend") == pytest.approx(0.4, rel=1e-8)
    # Without an error there is no standard error, and no warning on the way.
    assert np.isnan(found.std_error("effect"))


def test_a_panel_of_trained_is_its_weighted_mean() -> None:
    frame = people()
    found = trend(panel(frame, weight="weight"), baseline=BEFORE, followup=range(12, 20))
    inside = frame[frame["person"] < 6]
    mean = inside.groupby("month")[["kpi", "weight"]].apply(
        lambda part: np.average(part["kpi"], weights=part["weight"])
    )
    alone = trend(series(mean.to_numpy()[:20]), baseline=BEFORE, followup=range(12, 20))
    assert found.values == pytest.approx(alone.values, rel=1e-9)
    assert found.covariance == pytest.approx(alone.covariance, rel=1e-9)


@pytest.mark.parametrize("controls", ["none", "difference", "regressor"])
@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_every_unit_and_row_is_counted_once(controls: Any, holes: float) -> None:
    frame = people(holes)
    found = trend(panel(frame, weight="weight"), baseline=range(1, 12), followup=range(13, 20), controls=controls)
    tidy = found.n.tidy()
    assert tidy["units"].sum() == frame["person"].nunique()
    assert tidy["rows"].sum() == len(frame)
    assert found.n.trained.units == 6
    assert found.n.control.units == (0 if controls == "none" else 8)
    assert found.n.trained_in_window == 6
    reasons = set(tidy["reason"])
    assert {"adopted in or before the baseline", "adopted after the follow-up, not a control here"} <= reasons
    assert ("never trained, not of the trained arm" in reasons) == (controls == "none")


def test_who_is_absent_does_not_move_the_series() -> None:
    # High people are absent in the follow-up: their level is not read as a fall.
    frame = people()
    full = trend(panel(frame), baseline=BEFORE, followup=range(12, 20))
    gone = frame[~(frame["person"].isin([4, 5]) & frame["month"].between(13, 19))]
    found = trend(panel(gone), baseline=BEFORE, followup=range(12, 20))
    assert found.value("effect") == pytest.approx(full.value("effect"), abs=0.3)
    plain = gone[gone["person"] < 6].groupby("month")["kpi"].mean().to_numpy()[:20]
    assert trend(series(plain), baseline=BEFORE, followup=range(12, 20)).value("effect") < full.value("effect") - 3
    assert any("fitted within units" in note for note in found.notes)
    assert full.notes[0].startswith("Durbin–Watson")


def test_units_that_share_no_period_are_refused() -> None:
    frame = people()
    even = (frame["month"] + frame["person"]) % 2 == 0
    with pytest.raises(DataError, match="observed in no period together"):
        trend(panel(frame[even & (frame["person"] < 6)]), baseline=BEFORE, followup=AFTER)


def test_a_period_without_values_is_a_gap_in_time() -> None:
    values = 10 + 2.0 * np.arange(18) + 5 * (np.arange(18) >= 12)
    values[[3, 4, 15]] = np.nan
    found = trend(series(values), baseline=BEFORE, followup=AFTER)
    assert found.value("trend") == pytest.approx(2.0)
    assert found.value("effect") == pytest.approx(5.0)
    assert labels(found.terms, "effect", "event") == tuple("01245")
    assert any("3 periods of the windows have no value" in note for note in found.notes)
    assert found.n.tidy()["rows"].sum() == 18


@pytest.mark.parametrize(
    ("periods", "season"),
    [
        (pd.period_range("2024-01", periods=18, freq="M").astype(str), 12),
        (pd.date_range("2024-01-01", periods=18, freq="MS"), 12),
        (pd.date_range("2024-01-31", periods=18, freq="ME"), 12),
        (pd.date_range("2024-01-01", periods=18, freq="QS"), 4),
        (pd.date_range("2024-01-01", periods=18, freq="7D"), 4),
        (pd.period_range("2024Q1", periods=18, freq="Q").astype(str), 4),
        (range(1990, 2026, 2), 4),
    ],
    ids=str,
)
def test_calendars_are_counted_in_equal_steps(periods: Any, season: int) -> None:
    values = 10 + 2.0 * np.arange(18) + 5 * (np.arange(18) >= 15)
    labels_ = list(periods)
    keep = [index for index in range(18) if index != 7]
    made = series(values[keep], start=labels_[15], periods=[labels_[index] for index in keep])
    whole = [labels_[index] for index in keep]
    found = trend(made, baseline=whole[:14], followup=whole[14:])
    # A period that stands nowhere in the data is a gap too.
    assert found.value("trend") == pytest.approx(2.0)
    assert found.value("effect") == pytest.approx(5.0)
    if season == 4:
        seasonal = trend(made, baseline=whole[:14], followup=whole[14:], season=4)
        assert seasonal.value("effect") == pytest.approx(5.0)


def test_a_washout_leaves_periods_out_and_keeps_the_launch() -> None:
    time = np.arange(24)
    values = 10 + 2.0 * time + (time >= 12) * (5 + 0.5 * (time - 12))
    values[12:15] += 40
    found = trend(series(values), baseline=BEFORE, followup=range(15, 24))
    assert found.value("level_change") == pytest.approx(5.0)
    assert found.value("effect[event=3]") == pytest.approx(6.5)
    assert found.value("effect") == pytest.approx(5 + 0.5 * 7)
    assert ("trained", "rows outside the windows", 3) in {
        (part.arm, part.reason, part.rows) for part in found.n.left_out
    }


@pytest.mark.parametrize(("count", "interval"), [(3, False), (7, False), (8, True)])
def test_fewer_than_8_periods_have_no_interval(count: int, interval: bool) -> None:
    found = trend(series(noisy()), baseline=range(12 - count, 12), followup=AFTER)
    assert np.isfinite(found.values).all()
    assert np.isfinite(found.std_error("effect")) == interval
    assert any("no interval and no share" in note for note in found.notes) != interval
    factor = at.attribution_factor(found, draws=99)
    assert (factor.interval.kind == "undefined") != interval
    if not interval:
        assert "undefined" in factor.reason
        assert ("autocorrelation" in found.terms) == interval


def test_fewer_than_3_periods_are_refused() -> None:
    with pytest.raises(MethodError, match="has 2 periods with a value, and a trend needs 3") as error:
        trend(series(noisy()), baseline=[10, 11], followup=AFTER)
    assert "add earlier periods" in error.value.remedy


def test_season_terms_count_against_the_baseline() -> None:
    values = noisy(36, launch=24)
    made = series(values, start=24)
    with pytest.raises(MethodError, match=r"has 13 periods with a value, and a trend needs 14 .*11 for the seasons"):
        trend(made, baseline=range(11, 24), followup=range(24, 36), season=12)
    short = trend(made, baseline=range(6, 24), followup=range(24, 36), season=12)
    assert np.isnan(short.std_error("effect"))
    assert any("18 baseline periods, at least 19 are needed (8 beside the 11" in note for note in short.notes)
    found = trend(made, baseline=range(5, 24), followup=range(24, 36), season=12)
    assert np.isfinite(found.std_error("effect"))
    assert found.stratum_df.tolist() == [31 - 15]
    assert any(note.startswith("11 season dummies") and "16 remain" in note for note in found.notes)


def test_a_season_that_no_baseline_period_is_in_is_refused() -> None:
    values = noisy(36, launch=24)
    kept = [t for t in range(24) if t % 4 != 3]
    with pytest.raises(MethodError, match="1 seasons of the follow-up are in no baseline period"):
        trend(series(values, start=24), baseline=kept, followup=range(24, 36), season=4)


def test_a_control_that_is_a_straight_line_is_refused() -> None:
    frame = people()
    frame.loc[frame["person"] >= 6, "kpi"] = 1.0 * frame["month"]
    with pytest.raises(MethodError, match="cannot be told apart in the baseline"):
        trend(panel(frame), baseline=BEFORE, followup=AFTER, controls="regressor")


def test_several_launches_are_refused_with_their_dates() -> None:
    frame = people()
    frame.loc[frame["person"] == 0, "start"] = 13
    with pytest.raises(MethodError, match=r"adopt in 2 periods \(5 in 12, 1 in 13\)") as error:
        trend(panel(frame), baseline=BEFORE, followup=AFTER)
    assert "staggered" in error.value.remedy


def test_a_follow_up_before_the_launch_is_refused() -> None:
    with pytest.raises(MethodError, match="the follow-up begins in 10, the training in 12"):
        trend(series(noisy()), baseline=range(10), followup=range(10, 18))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"controls": "never"}, "controls is 'never'"),
        ({"variance": "CR1"}, "variance is 'CR1'"),
        ({"season": 1}, "season is 1"),
        ({"season": -4}, "season is -4"),
        ({"season": 4.0}, "season is 4.0"),
        ({"lags": 2}, "lags is given without"),
        ({"lags": -1, "variance": "newey_west"}, "lags is -1"),
        ({"controls": "difference"}, "no never trained unit has a KPI value in both windows"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: Any, message: str) -> None:
    with pytest.raises(MethodError, match=message) as error:
        trend(series(noisy()), baseline=BEFORE, followup=AFTER, **options)
    assert error.value.remedy


def test_nobody_trained_is_refused() -> None:
    frame = people()
    frame = frame[frame["person"].between(6, 13)]
    with pytest.raises(MethodError, match="no trained unit has a KPI value in both windows") as error:
        trend(panel(frame), baseline=BEFORE, followup=AFTER)
    assert "8 never trained" in error.value.remedy


def test_other_people_in_every_period_are_refused() -> None:
    frame = people().drop(columns="person")
    made = at.Panel.from_frame(frame, period="month", outcome="kpi", adopted="start", kind="repeated_cross_sections")
    with pytest.raises(MethodError, match="other people in every period"):
        trend(made, baseline=BEFORE, followup=AFTER)


def test_a_cohort_of_another_estimand_is_refused() -> None:
    made = panel(people())
    cohort = made.with_cohort(Cohort("overlap", "ATO", np.ones(17)))
    with pytest.raises(MethodError, match="speaks for the ATO"):
        trend(cohort, baseline=BEFORE, followup=AFTER)


def test_the_named_variances_leave_the_values_alone() -> None:
    made = series(noisy())
    default = trend(made, baseline=BEFORE, followup=AFTER)
    for name in ("classical", "newey_west"):
        named: Estimate = trend(made, baseline=BEFORE, followup=AFTER, variance=name)
        assert named.variance == name
        assert named.values == pytest.approx(default.values[:-1], rel=1e-12)
        assert "autocorrelation" not in named.terms
    assert any("covers 62–90%" in note for note in named.notes)


def test_the_frame_order_changes_no_bit() -> None:
    frame = people(0.2)
    one = trend(panel(frame), baseline=BEFORE, followup=AFTER, controls="difference")
    two = trend(panel(frame.sample(frac=1, random_state=3)), baseline=BEFORE, followup=AFTER, controls="difference")
    assert (one.values == two.values).all()
    assert (one.covariance == two.covariance).all()
