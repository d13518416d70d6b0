"""Placebo launches: which dates, who is drawn, what the panel then holds, and what is not as planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.panel import NEVER, Panel
from attribution.errors import DataError
from attribution.planning.placebo import Placebos, placebo, placebos_of, with_effect
from attribution.planning.placebo_panel import before_of, cut_periods, take_clusters
from attribution.planning.records import Plan, PlannedCohort

PERIODS = 10


def panel_of(
    levels: Sequence[float],
    *,
    starts: Sequence[float] | None = None,
    per_cluster: int = 1,
    noise: float = 1.0,
    **more: Any,
) -> Panel:
    """Return clusters with these levels over ten periods; nobody is trained unless `starts` says so."""
    rng = np.random.default_rng(2)
    n = len(levels) * per_cluster
    cluster = np.repeat(np.arange(len(levels)), per_cluster)
    kpi = np.asarray(levels, dtype=float)[cluster][:, None] + noise * rng.normal(size=(n, PERIODS))
    start = np.full(len(levels), np.nan) if starts is None else np.asarray(starts, dtype=float)
    frame = pd.DataFrame(
        {
            "person": np.repeat(np.arange(n), PERIODS),
            "month": np.tile(np.arange(PERIODS), n),
            "team": np.repeat(cluster, PERIODS),
            "start": np.repeat(start[cluster], PERIODS),
            "kpi": kpi.ravel(),
        }
    )
    return Panel.from_frame(
        frame, unit="person", period="month", outcome="kpi", adopted="start", cluster="team", **more
    )


def plan_of(trained: int, control: int, *, baseline: int = 2, followup: int = 2, gap: int = 0) -> Plan:
    cohorts = [PlannedCohort(baseline + gap, np.ones(trained))]
    if control:
        cohorts.append(PlannedCohort(None, np.ones(control)))
    places = tuple(range(baseline)), tuple(range(baseline + gap, baseline + gap + followup))
    return Plan("did", {}, tuple(cohorts), *places)


def drawn_from(panel: Panel, plan: Plan, **more: Any) -> Placebos:
    given: dict[str, Any] = {"end": PERIODS, "mechanism": "random", "baseline": [8, 9]}
    return placebos_of(panel, plan, **(given | more))


def trained_of(panel: Panel) -> set[int]:
    return set(panel.units.cluster_labels[np.unique(panel.units.cluster[panel.units.adopted < NEVER])])


def test_every_start_at_which_the_plan_fits_is_tried_in_turn() -> None:
    placebos = drawn_from(panel_of(range(12)), plan_of(5, 7, gap=1))
    assert placebos.launches == (0, 1, 2, 3, 4, 5)
    for number in range(8):
        fake = placebo(placebos, seed=1, number=number)
        first = number % 6
        assert [int(one) for one in fake.baseline] == [first, first + 1]
        assert [int(one) for one in fake.followup] == [first + 3, first + 4]
        assert fake.launch == str(first + 3)
        assert (fake.trained, fake.control) == (5, 7)
        assert len(fake.panel.periods) == 5
        assert set(np.unique(fake.panel.units.adopted)) == {3, NEVER}


def test_a_placebo_is_a_panel_of_the_very_rows() -> None:
    panel = panel_of(range(6), per_cluster=3)
    fake = placebo(drawn_from(panel, plan_of(2, 4)), seed=1, number=3)
    rows = (panel.observations.period >= 3) & (panel.observations.period < 7)
    assert np.array_equal(fake.panel.observations.outcome, panel.observations.outcome[rows])
    assert fake.panel.counts.rows == rows.sum() == 6 * 3 * 4
    found = at.did(fake.panel, baseline=list(fake.baseline), followup=list(fake.followup))
    assert (found.n.trained.clusters, found.n.control.clusters) == (2, 4)
    shifted = at.did(with_effect(fake.panel, 5.0), baseline=list(fake.baseline), followup=list(fake.followup))
    assert shifted.value("effect") == pytest.approx(found.value("effect") + 5.0, abs=1e-12)
    assert shifted.std_error("effect") == pytest.approx(found.std_error("effect"), rel=1e-12)


def test_the_draw_depends_on_seed_and_number_alone() -> None:
    placebos = drawn_from(panel_of(range(30)), plan_of(10, 20))
    one, same, other = (placebo(placebos, seed=seed, number=4) for seed in (1, 1, 2))
    assert np.array_equal(one.panel.units.adopted, same.panel.units.adopted)
    assert not np.array_equal(one.panel.units.adopted, other.panel.units.adopted)


def test_random_draws_take_every_cluster_equally_often() -> None:
    placebos = drawn_from(panel_of(range(8)), plan_of(2, 6))
    times = np.zeros(8)
    for number in range(800):
        times[list(trained_of(placebo(placebos, seed=3, number=number).panel))] += 1
    # Each in 2 of 8: five standard errors of a binomial count.
    assert np.abs(times - 200).max() < 5 * np.sqrt(800 * 0.25 * 0.75)


def test_units_trained_in_the_history_are_left_out_and_counted() -> None:
    panel = panel_of(range(6), starts=[4, np.nan, np.nan, 8, 9, np.nan], per_cluster=2)
    placebos = drawn_from(panel, plan_of(2, 3), end=8)
    assert len(placebos.history.units.cluster_labels) == 5
    assert len(placebos.history.periods) == 8
    assert any(
        note.startswith("units that were trained before the launch, and are left out: 2") for note in placebos.notes
    )


def test_a_history_with_fewer_clusters_keeps_the_planned_share() -> None:
    placebos = drawn_from(panel_of(range(10)), plan_of(40, 60))
    fake = placebo(placebos, seed=1, number=0)
    assert (fake.trained, fake.control) == (4, 6)
    assert any("10 of 100 planned clusters" in note for note in placebos.notes)


def test_a_history_with_more_clusters_gives_as_many_as_planned() -> None:
    fake = placebo(drawn_from(panel_of(range(20)), plan_of(3, 5)), seed=1, number=0)
    assert (fake.trained, fake.control) == (3, 5)
    assert len(fake.panel.units) == 8


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_where_the_kpi_decides_the_worst_in_the_fake_baseline_are_taken(direction: str) -> None:
    panel = panel_of(range(20), noise=3.0, direction=direction)
    placebos = drawn_from(panel, plan_of(6, 14), mechanism="performance")
    for number in range(5):
        fake = placebo(placebos, seed=1, number=number)
        level, _ = before_of(fake.panel, [0, 1])
        trained = np.unique(fake.panel.units.cluster[fake.panel.units.adopted < NEVER])
        others = np.setdiff1d(np.arange(20), trained)
        assert len(trained) == 6
        if direction == "higher":
            assert level[trained].max() <= level[others].min()
        else:
            assert level[trained].min() >= level[others].max()
    # The rule leaves nothing to chance: the clusters are drawn anew, with replacement.
    assert fake.panel.units.cluster_labels.duplicated().any()


def test_the_stated_share_is_picked() -> None:
    placebos = drawn_from(panel_of(range(20)), plan_of(10, 10), mechanism="threshold", share=0.3)
    assert placebo(placebos, seed=1, number=0).trained == 6


def test_choice_is_drawn_in_the_odds_of_the_planned_trained() -> None:
    # Who is chosen has a higher level: a logit of slope 1.5 on the standardised level makes the chosen.
    rng = np.random.default_rng(5)
    levels = rng.normal(0, 1, 400)
    chosen = rng.random(400) < 1 / (1 + np.exp(-1.5 * levels))
    panel = panel_of(levels, starts=np.where(chosen, 10, np.nan), noise=0.1)
    placebos = drawn_from(panel, plan_of(int(chosen.sum()), int((~chosen).sum())), mechanism="manager")
    assert placebos.odds is not None
    # The fitted slope has a standard error of about .16.
    assert placebos.odds[0] == pytest.approx(1.5, abs=0.5)
    gaps = []
    for number in range(20):
        fake = placebo(placebos, seed=1, number=number).panel
        level, _ = before_of(fake, [0, 1])
        mine = np.isin(np.arange(400), np.unique(fake.units.cluster[fake.units.adopted < NEVER]))
        gaps.append(level[mine].mean() - level[~mine].mean())
    planned = levels[chosen].mean() - levels[~chosen].mean()
    # One draw of 400 has a gap with a standard error of about .09, the planned arms among them.
    assert np.mean(gaps) == pytest.approx(planned, abs=0.2)


def test_choice_is_drawn_at_random_where_the_planned_arms_are_not_known() -> None:
    placebos = drawn_from(panel_of(range(40)), plan_of(20, 20), mechanism="voluntary")
    assert placebos.odds is None
    assert any("drawn at random" in note for note in placebos.notes)


def test_arms_that_level_and_slope_tell_apart_have_no_odds() -> None:
    panel = panel_of(np.arange(40.0), starts=np.where(np.arange(40) < 20, 10.0, np.nan), noise=0.01)
    placebos = drawn_from(panel, plan_of(20, 20), mechanism="manager")
    assert placebos.odds is None
    assert any("cannot be fitted (separated)" in note for note in placebos.notes)


def test_waves_start_as_the_plan_spreads_them() -> None:
    cohorts = (PlannedCohort(2, np.ones(3)), PlannedCohort(3, np.ones(2)), PlannedCohort(None, np.ones(5)))
    plan = Plan("staggered", {}, cohorts, (0, 1), (2, 3))
    fake = placebo(drawn_from(panel_of(range(10)), plan, whole=True), seed=1, number=4)
    # All periods before the fake baseline are kept: the fourth date is four periods on.
    assert len(fake.panel.periods) == 8
    codes, many = np.unique(fake.panel.units.adopted, return_counts=True)
    assert dict(zip(codes.tolist(), many.tolist(), strict=True)) == {6: 3, 7: 2, NEVER: 5}


def test_a_short_history_shortens_the_longer_window_and_says_so() -> None:
    placebos = drawn_from(panel_of(range(10)), plan_of(5, 5, baseline=8, followup=4, gap=1))
    assert (len(placebos.plan.baseline), len(placebos.plan.followup)) == (5, 4)
    assert placebos.plan.baseline[0] == 0
    assert placebos.plan.followup[0] - placebos.plan.baseline[-1] == 2
    assert placebos.plan.trained[0].start == 6
    assert any("rehearsed are 5 of 8 baseline and 4 of 4" in note for note in placebos.notes)


def test_waves_after_the_shortened_followup_are_taken_for_untrained() -> None:
    cohorts = (PlannedCohort(8, np.ones(3)), PlannedCohort(14, np.ones(2)), PlannedCohort(None, np.ones(5)))
    plan = Plan("staggered", {}, cohorts, tuple(range(8)), tuple(range(8, 16)))
    placebos = drawn_from(panel_of(range(10)), plan)
    assert (placebos.plan.trained_clusters, placebos.plan.control_clusters) == (3, 7)
    assert any(note.endswith("are taken for untrained: 2") for note in placebos.notes)


def test_a_history_without_room_for_one_and_one_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"there are 2 periods before the launch, too few .* and the 1 between"
    ) as caught:
        drawn_from(panel_of(range(10)), plan_of(5, 5, gap=1), end=2)
    assert "add earlier periods" in caught.value.remedy


def test_one_cluster_is_nobody_to_compare_with() -> None:
    with pytest.raises(DataError, match="the history holds one cluster"):
        drawn_from(panel_of([1.0]), plan_of(1, 1))


def test_assignment_follows_the_draw() -> None:
    panel = panel_of(range(10))
    panel = replace(panel, units=replace(panel.units, assigned=np.zeros(10)))
    placebos = drawn_from(panel, plan_of(4, 6))
    fake = placebo(placebos, seed=1, number=0)
    assert fake.panel.units.assigned is not None
    assert np.array_equal(fake.panel.units.assigned == 1, fake.panel.units.adopted < NEVER)
    assert any("not rehearsed" in note for note in placebos.notes)


def test_cutting_drops_units_without_a_row_and_counts_anew() -> None:
    frame = pd.DataFrame(
        {"p": [1, 1, 2, 3, 3], "t": [0, 1, 0, 1, 2], "y": [1.0, np.nan, 3.0, 4.0, 5.0], "start": np.nan}
    )
    panel = Panel.from_frame(frame, unit="p", period="t", outcome="y", adopted="start")
    cut = cut_periods(panel, 1, 3)
    assert cut.units.label.tolist() == [1, 3]
    assert cut.observations.unit.tolist() == [0, 1, 1]
    assert cut.observations.period.tolist() == [0, 0, 1]
    assert (cut.counts.rows, cut.counts.rows_missing_outcome, cut.counts.rows_absent) == (3, 1, 1)
    assert cut.counts.units_without_outcome == 1


def test_a_cluster_taken_twice_is_two_clusters() -> None:
    panel = panel_of([0.0, 10.0, 20.0], per_cluster=2)
    taken, whose = take_clusters(panel, np.array([0, 2, 2]))
    assert whose.tolist() == [0, 0, 1, 1, 2, 2]
    assert taken.units.cluster.tolist() == whose.tolist()
    outcome = taken.observations.outcome.reshape(6, PERIODS)
    of_panel = panel.observations.outcome.reshape(6, PERIODS)
    assert np.array_equal(outcome, of_panel[[0, 1, 4, 5, 4, 5]])
    assert taken.observations.unit.tolist() == np.repeat(np.arange(6), PERIODS).tolist()


def test_level_and_slope_before_are_those_of_least_squares() -> None:
    frame = pd.DataFrame(
        {
            "p": [1, 1, 1, 2, 2, 3, 3],
            "t": [0, 1, 2, 0, 2, 1, 2],
            "team": ["a", "a", "a", "a", "a", "b", "b"],
            "y": [1.0, 2.0, 4.0, 3.0, 6.0, np.nan, 7.0],
            "start": np.nan,
        }
    )
    panel = Panel.from_frame(frame, unit="p", period="t", outcome="y", adopted="start", cluster="team")
    level, slope = before_of(panel, [0, 1, 2])
    assert level.tolist() == pytest.approx([16 / 5, 7.0])
    assert slope.tolist() == pytest.approx([np.polyfit([0, 1, 2], [2.0, 2.0, 5.0], 1)[0], 0.0])
    assert np.isnan(before_of(panel, [0])[0][1])
