"""Group-time effects: which cells there are, what they are compared with, what is refused and what is counted."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import AttributionError, MethodError
from attribution.numerics.pairs import Adjust

WAVES = {1: 2, 2: 2, 3: 4, 4: 4, 5: None, 6: None}
"""Six people, trained from period 2, from period 4, or never."""


def rollout(
    waves: dict[int, Any] = WAVES, periods: int = 6, *, effect: float = 3.0, growth: float = 1.0
) -> pd.DataFrame:
    """Return a rollout without noise: levels by person, a common shock by month, effects that grow by exposure."""
    rows = []
    for person, start in waves.items():
        for month in range(periods):
            since = -1 if start is None else month - start
            kpi = 10.0 * person + (month**2) % 5 + (3.0 + since if since >= 0 else 0.0)
            rows.append((person, month, kpi, start))
    return pd.DataFrame(rows, columns=["person", "month", "kpi", "start"])


def build(frame: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start", **options)


def test_effects_without_noise_are_the_truth_by_cohort_period_and_exposure() -> None:
    estimate = at.staggered(build(rollout()), aggregate="cells")
    for term, value in zip(estimate.terms, estimate.values, strict=True):
        if term.startswith("effect[group="):
            group, time = (int(part.split("=")[1]) for part in term[7:-1].split(","))
            assert value == pytest.approx(3.0 + time - group if time >= group else 0.0, abs=1e-12), term
    by_event = estimate.aggregate("event")
    assert [by_event.value(f"effect[event={e}]") for e in range(4)] == pytest.approx([3, 4, 5, 6])
    # Two people for four periods (3 to 6), two for two (3 and 4): every trained person and period weighs the same.
    assert by_event.value("effect") == pytest.approx((3 + 4 + 5 + 6 + 3 + 4) / 6)
    assert by_event.value("effect[event=mean]") == pytest.approx((3 + 4 + 5 + 6) / 4)
    assert estimate.aggregate("group").value("effect[group=mean]") == pytest.approx(((3 + 4 + 5 + 6) / 4 + 3.5) / 2)


def test_the_observed_change_has_the_weights_of_the_effect() -> None:
    estimate = at.staggered(build(rollout()))
    shock = [(month**2) % 5 for month in range(6)]
    first = [shock[t] - shock[1] + 3 + t - 2 for t in range(2, 6)]
    second = [shock[t] - shock[3] + 3 + t - 4 for t in range(4, 6)]
    assert estimate.value("change") == pytest.approx((sum(first) + sum(second)) / 6)
    assert estimate.value("change[event=1]") == pytest.approx((first[1] + second[1]) / 2)
    level = [10.0 * person + shock[t] for person, start in ((1, 2), (2, 2), (3, 4), (4, 4)) for t in range(start, 6)]
    assert estimate.value("untrained_level") == pytest.approx(np.mean(level))


def test_a_share_by_time_since_training_is_effect_over_change() -> None:
    frame = rollout()
    frame["kpi"] += np.random.default_rng(3).normal(0, 0.5, len(frame))
    estimate = at.staggered(build(frame))
    factor = at.attribution_factor(estimate, draws=99, seed=1)
    assert factor.share == pytest.approx(estimate.value("effect") / estimate.value("change"))


def test_exposure_counts_the_trained_of_each_period() -> None:
    flow = at.staggered(build(rollout())).n
    assert flow.followup == ("2", "3", "4", "5")
    assert flow.exposure == (2, 2, 4, 4)
    assert flow.unit_periods == 12
    assert flow.baseline == ("0", "1")


def test_on_cross_sections_exposure_counts_the_rows_of_each_period() -> None:
    frame = rollout()
    frame = pd.concat([frame, frame[(frame["month"] == 5) & (frame["person"] == 1)]])
    panel = at.Panel.from_frame(frame, period="month", outcome="kpi", adopted="start", kind="repeated_cross_sections")
    flow = at.staggered(panel).n
    assert flow.followup == ("2", "3", "4", "5")
    assert flow.exposure == (2, 2, 4, 5)


def test_followup_and_washout_choose_the_periods_of_the_overall_effect() -> None:
    panel = build(rollout())
    last = at.staggered(panel, followup=[5])
    assert last.value("effect") == pytest.approx((6 + 4) / 2)
    assert last.n.exposure == (4,)
    late = at.staggered(panel, washout=1)
    assert late.value("effect") == pytest.approx((4 + 5 + 6 + 4) / 4)
    assert "effect[event=0]" in late.terms


def test_anticipation_moves_the_base_and_excludes_those_who_may_already_react() -> None:
    frame = rollout()
    frame.loc[frame["month"] == frame["start"] - 1, "kpi"] += 1.5
    panel = build(frame)
    estimate = at.staggered(panel, anticipation=1)
    assert estimate.value("effect[event=0]") == pytest.approx(3.0)
    assert estimate.value("effect[event=-1]") == pytest.approx(1.5)
    assert at.staggered(panel).value("effect[event=0]") != pytest.approx(3.0)


def test_not_yet_trained_are_controls_until_their_training() -> None:
    only_trained = {1: 2, 2: 2, 3: 4, 4: 4}
    estimate = at.staggered(build(rollout(only_trained)), aggregate="cells")
    assert not any("group=4,time=4" in term or "group=2,time=4" in term for term in estimate.terms)
    assert estimate.value("effect[group=2,time=3]") == pytest.approx(4.0)
    assert any("6 group-time cells" in note for note in estimate.notes)
    # The last cohort has no cell of its own after training: it is a comparison.
    assert estimate.n.trained.units == 2
    assert estimate.n.control.units == 2
    assert estimate.n.later == (("4", 2),)


def test_never_without_anybody_never_trained_is_refused_with_the_remedy() -> None:
    with pytest.raises(MethodError, match="no unit is never trained") as error:
        at.staggered(build(rollout({1: 2, 2: 4})), controls="never")
    assert "not_yet" in error.value.remedy


@pytest.mark.parametrize(
    ("waves", "message"),
    [
        ({1: None, 2: None}, "no unit is trained within the periods"),
        ({1: 0, 2: 0, 3: None}, "before there is a period to compare with"),
        ({1: 2, 2: 2}, "not yet trained"),
        ({1: 9, 2: None}, "no unit is trained within the periods"),
    ],
)
def test_a_rollout_without_a_comparison_or_a_base_is_refused(waves: dict[int, Any], message: str) -> None:
    with pytest.raises(MethodError, match=message) as error:
        at.staggered(build(rollout(waves)))
    assert error.value.remedy


def test_units_trained_from_the_start_are_left_out_and_counted() -> None:
    estimate = at.staggered(build(rollout(WAVES | {7: 0, 8: 0})))
    (row,) = [part for part in estimate.n.left_out if part.units]
    assert (row.reason, row.units, row.rows) == ("no period to compare with before adoption", 2, 12)
    assert estimate.value("effect[event=0]") == pytest.approx(3.0)


def test_a_single_cohort_and_one_pre_period() -> None:
    estimate = at.staggered(build(rollout({1: 1, 2: 1, 3: None, 4: None}, periods=2)))
    assert estimate.terms[4:] == ("effect[event=0]", "effect[event=mean]", "change[event=0]", "change[event=mean]")
    assert estimate.value("effect") == pytest.approx(3.0)


def test_gaps_in_the_calendar_count_as_time() -> None:
    frame = rollout()
    frame = frame[frame["month"] != 3]
    estimate = at.staggered(build(frame))
    # Period 3 is missing from the data: two steps after training is still two steps.
    assert "effect[event=1]" in estimate.terms
    assert estimate.value("effect[event=2]") == pytest.approx(5.0)
    every_second = rollout({1: 4, 2: 4, 3: None, 4: None}, periods=8)
    every_second = every_second[every_second["month"] % 2 == 0]
    assert "effect[event=1]" in at.staggered(build(every_second)).terms


def test_dates_count_by_their_order() -> None:
    frame = rollout()
    dates = pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01"])
    frame["start"] = frame["start"].map(dict(enumerate(dates)))
    frame["month"] = dates[frame["month"]]
    assert at.staggered(build(frame)).value("effect[event=3]") == pytest.approx(6.0)


def test_nullable_and_categorical_columns() -> None:
    frame = rollout().assign(team=lambda rows: ("t" + rows["person"].astype(str)).astype("category"))
    frame["kpi"] = frame["kpi"].astype("Float64")
    frame["start"] = frame["start"].astype("Int64")
    frame["person"] = frame["person"].astype(str).astype("category")
    assert at.staggered(build(frame, cluster="team")).value("effect[event=0]") == pytest.approx(3.0)


def test_with_missing_values_pairs_of_the_same_units_are_compared_and_the_rest_is_counted() -> None:
    frame = rollout()
    gone = frame[~((frame["person"] == 1) & (frame["month"] == 1))]
    estimate = at.staggered(build(gone), aggregate="cells")
    # Person 1 lacks the base period of the first cohort: person 2 alone carries it, without bias.
    assert estimate.value("effect[group=2,time=5]") == pytest.approx(6.0)
    assert estimate.n.tidy()["rows"].sum() == len(gone)
    rows = at.staggered(build(gone), aggregate="cells", unbalanced="rows")
    assert rows.value("effect[group=2,time=5]") != pytest.approx(6.0)
    late = at.staggered(build(frame[~((frame["person"] == 3) & (frame["month"] == 3))])).n
    # Person 3 lacks its base period: what it did before is used, its two months after training are not.
    assert [(part.arm, part.reason, part.rows) for part in late.left_out] == [("trained", "rows that no cell uses", 2)]


def test_a_unit_without_any_pair_is_left_out_and_counted() -> None:
    frame = rollout()
    frame.loc[(frame["person"] == 1) & (frame["month"] < 5), "kpi"] = np.nan
    estimate = at.staggered(build(frame))
    (row,) = [part for part in estimate.n.left_out if part.units]
    assert (row.arm, row.reason, row.units, row.rows) == ("trained", "no KPI value in both periods of any cell", 1, 6)
    assert estimate.n.tidy()["units"].sum() == 6


@pytest.mark.parametrize("unbalanced", ["pairs", "rows"])
@pytest.mark.parametrize("trained", [True, False])
def test_a_follow_up_without_values_of_one_side_is_refused(unbalanced: Any, trained: bool) -> None:
    frame = rollout({1: 2, 2: 2, 3: None, 4: None})
    frame.loc[(frame["month"] >= 2) & (frame["start"].notna() == trained), "kpi"] = np.nan
    with pytest.raises(MethodError, match="no period that counts has KPI values") as caught:
        at.staggered(build(frame), unbalanced=unbalanced)
    assert ("unbalanced='rows'" in str(caught.value)) == (unbalanced == "pairs")


def test_covariates_adjust_for_paths_that_differ_by_them() -> None:
    rng = np.random.default_rng(5)
    n, periods = 400, 5
    skill = rng.normal(0, 1, n)
    start = np.where(rng.random(n) < 1 / (1 + np.exp(-skill)), np.where(rng.random(n) < 0.5, 2, 3), -1)
    person, month = np.repeat(np.arange(n), periods), np.tile(np.arange(periods), n)
    kpi = (
        skill[person] * month
        + rng.normal(0, 0.3, n * periods)
        + 2.0 * ((start >= 0)[person] & (month >= start[person]))
    )
    frame = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "kpi": kpi,
            "start": np.where(start < 0, np.nan, start)[person],
            "skill": skill[person],
        }
    )
    panel = build(frame, covariates=["skill"])
    assert at.staggered(panel).value("effect") > 2.5
    for rule in ("doubly_robust", "doubly_robust_improved", "regression", "ipw"):
        estimate = at.staggered(panel, covariates=["skill"], adjust=rule)
        assert abs(estimate.value("effect") - 2.0) < 4 * estimate.std_error("effect"), rule
        assert estimate.value("change") == at.staggered(panel).value("change")


@pytest.mark.parametrize("adjust", get_args(Adjust))
def test_on_cross_sections_of_two_periods_every_rule_is_that_of_did(adjust: Any) -> None:
    rng = np.random.default_rng(4)
    team = np.repeat(np.arange(24), 8)
    frame = pd.DataFrame({"team": team, "month": np.tile([0, 1], 96), "start": np.where(team < 12, 1.0, np.nan)})
    frame["skill"] = rng.normal(size=len(frame)) + 0.3 * (team < 12)
    # Far from 0: the rule that is not normalised depends on where the KPI has its zero.
    frame["kpi"] = 50.0 + frame["skill"] * (1 + frame["month"]) + rng.normal(size=len(frame))
    panel = at.Panel.from_frame(
        frame, unit="team", period="month", outcome="kpi", adopted="start", covariates=["skill"],
        kind="repeated_cross_sections",
    )  # fmt: skip
    found = at.staggered(panel, covariates=["skill"], adjust=adjust)
    expected = at.did(panel, baseline=[0], followup=[1], covariates=["skill"], adjust=adjust)
    for term in ("effect", "change", "untrained_level"):
        assert found.value(term) == pytest.approx(expected.value(term), rel=1e-10)
        assert found.std_error(term) == pytest.approx(expected.std_error(term), rel=1e-8)


def test_a_covariate_that_separates_is_refused_with_the_cohort() -> None:
    frame = rollout({one: 2 if one < 8 else None for one in range(20)})
    frame["skill"] = (frame["person"] < 8) * 5.0 + frame["person"] * 0.01
    with pytest.raises(MethodError, match="separate trained from controls") as error:
        at.staggered(build(frame, covariates=["skill"]), covariates=["skill"])
    assert "cohort 2" in str(error.value)
    assert "regression" in error.value.remedy


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"controls": "nobody"}, "controls"),
        ({"aggregate": "week"}, "aggregate"),
        ({"adjust": "magic"}, "adjust"),
        ({"base": "last"}, "base"),
        ({"unbalanced": "drop"}, "unbalanced"),
        ({"variance": "HC3"}, "variance"),
        ({"anticipation": -1}, "anticipation"),
        ({"washout": 1.5}, "washout"),
        ({"followup": [77]}, "followup"),
        ({"anticipation": 9}, "before there is a period"),
        ({"washout": 9}, "leave no period"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(AttributionError, match=word) as error:
        at.staggered(build(rollout()), **options)
    assert error.value.remedy


def test_only_averages_of_group_time_effects_can_be_averaged_anew() -> None:
    panel = build(rollout())
    with pytest.raises(MethodError, match="choose one of"):
        at.staggered(panel).aggregate("week")
    with pytest.raises(MethodError, match="no group-time effects"):
        at.did(panel, baseline=[1], followup=[5]).aggregate("event")


def test_an_arm_of_one_cluster_has_no_standard_error() -> None:
    frame = rollout().assign(team=lambda rows: np.where(rows["start"].isna(), "rest", rows["person"].astype(str)))
    estimate = at.staggered(build(frame, cluster="team"))
    assert np.isnan(estimate.std_error("effect"))
    assert np.isfinite(estimate.value("effect"))


def test_cohorts_of_two_clusters_are_strata_and_a_cohort_of_one_makes_them_ever_and_never() -> None:
    frame = rollout()
    frame["kpi"] += np.random.default_rng(1).normal(0, 1, len(frame))
    assert at.staggered(build(frame)).stratum_names == ("2", "4", "never")
    single = at.staggered(build(frame[frame["person"] != 4]))
    assert single.stratum_names == ("ever trained", "never trained")
    assert np.isfinite(single.std_error("effect"))
    assert any("ever and never trained" in note for note in single.notes)


def test_with_the_sizes_given_the_jackknife_agrees_with_the_bootstrap_within_cohorts() -> None:
    rng = np.random.default_rng(11)
    frame = rollout({one: 2 if one < 30 else 4 if one < 60 else None for one in range(100)})
    # Effects of the cohorts lie far apart beside the noise: what their sizes do dominates the default.
    frame["kpi"] += rng.normal(0, 0.5, len(frame)) + 6.0 * ((frame["start"] == 2) & (frame["month"] >= 2))
    panel = build(frame)
    default, given = at.staggered(panel), at.staggered(panel, variance="sizes_given")
    assert (given.values == default.values).all()
    drawn = at.bootstrap(given, draws=4000, seed=1).term("effect")
    # A standard deviation of 4,000 draws has a Monte Carlo error of 1.1%, and the bootstrap lacks the factor G/(G − 1).
    assert given.std_error("effect") == pytest.approx(np.std(drawn), rel=0.06)
    assert default.std_error("effect") > 2 * given.std_error("effect")
    # With two arms and one date the strata have nothing to shift: both are the same number.
    plain = build(frame[frame["start"] != 4])
    both = [at.staggered(plain, variance=kind, aggregate="simple") for kind in ("default", "sizes_given")]
    assert both[0].std_error("effect") == pytest.approx(both[1].std_error("effect"), rel=1e-9)


def test_adoption_in_a_period_that_the_data_lack_is_counted_and_said() -> None:
    frame = rollout({1: 3, 2: 3, 3: None, 4: None})
    held = frame[frame["month"] != 3]
    panel = build(held)
    assert panel.counts.adopted_unrecorded == 2
    assert any("2 units adopted in a period that the data do not hold" in note for note in at.staggered(panel).notes)
    assert build(frame).counts.adopted_unrecorded == 0
    months = pd.period_range("2026-01", periods=6, freq="M")
    dated = frame.assign(month=months[frame["month"]], start=frame["start"].map(dict(enumerate(months))))
    assert build(dated[dated["month"] != months[3]]).counts.adopted_unrecorded == 2
    assert build(dated).counts.adopted_unrecorded == 0
    # Real dates lie between the first days of months as a rule.
    days = dated.assign(month=dated["month"].dt.to_timestamp(), start=pd.Timestamp("2026-03-17"))
    assert build(days).counts.adopted_unrecorded == 0


def test_cohorts_of_few_clusters_are_named() -> None:
    notes = at.staggered(build(rollout())).notes
    assert any("cohorts of fewer than 5 clusters: 2 (2), 4 (2)" in note for note in notes)
    large = rollout({one: 2 if one < 6 else None for one in range(12)})
    assert not any("fewer than 5" in note for note in at.staggered(build(large)).notes)


@pytest.mark.parametrize("method", [at.staggered, at.twfe])
def test_the_trained_whom_a_cohort_leaves_out_stay_among_all_trained(method: Any) -> None:
    panel = build(rollout(WAVES | {7: 2, 8: None}))
    reasons = np.array([""] * 6 + ["no control within the caliper", "not matched"], dtype=object)
    weights = np.array([1.0] * 6 + [0.0, 0.0])
    arms = np.array([1, 1, 1, 1, 0, 0, 1, 0], dtype=np.int8)
    flow = method(panel.with_cohort(at.Cohort("given", "ATT", weights, arms=arms, reasons=reasons))).n
    assert (flow.trained.units, flow.trained_in_window) == (4, 5)
    gone = {part.reason: part.units for part in flow.left_out if part.units}
    assert gone == {"not in the cohort: no control within the caliper": 1, "not in the cohort: not matched": 1}
