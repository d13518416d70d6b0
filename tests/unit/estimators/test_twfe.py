"""Two-way fixed effects as a map of weights: event times, rollouts to everybody, flow, errors, notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.estimators.twfe import twfe

STARTS = (3.0, 5.0, np.nan)


def frame(
    starts: tuple[float, ...] = STARTS,
    *,
    people: int = 36,
    months: int = 8,
    holes: float = 0.0,
    effect: Callable[[Any], Any] = lambda since: 1.0 + 0.5 * since,
    noise: float = 1.0,
) -> pd.DataFrame:
    """Return people in teams of three, each team with the next of `starts`; the effect is a function of event time."""
    rng = np.random.default_rng(8)
    person, month = np.repeat(np.arange(people), months), np.tile(np.arange(months), people)
    start = np.array(starts)[np.arange(people) // 3 % len(starts)][person]
    since = month - start
    kpi = rng.normal(0, 2, people)[person] + rng.normal(0, 1, months)[month] + noise * rng.normal(0, 1, len(person))
    kpi = kpi + np.where(since >= 0, effect(np.nan_to_num(since)), 0.0)
    rows = pd.DataFrame({"person": person, "month": month, "team": person // 3, "start": start, "kpi": kpi})
    return rows[rng.random(len(rows)) >= holes] if holes else rows


def build(rows: pd.DataFrame, *, cluster: bool = True, **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        rows,
        unit="person",
        period="month",
        outcome="kpi",
        adopted="start",
        cluster="team" if cluster else None,
        **options,
    )


def require_map(estimate: Estimate) -> None:
    """Assert that the estimate is its map at ones and its influence the map's derivative."""
    assert estimate.replay is not None
    count = len(estimate.strata)
    ones, step = np.ones((1, count)), 1e-4
    assert estimate.replay(ones)[0] == pytest.approx(estimate.values, abs=1e-12)
    moved = step * np.eye(count)
    derivative = (estimate.replay(ones + moved) - estimate.replay(ones - moved)) / (2 * step)
    assert derivative == pytest.approx(estimate.cluster_influence(), abs=1e-6)


@pytest.mark.parametrize("holes", [0.0, 0.25])
@pytest.mark.parametrize("leads", [False, True])
@pytest.mark.parametrize("cluster", [False, True])
def test_event_times_are_a_map_of_weights(cluster: bool, leads: bool, holes: float) -> None:
    estimate = twfe(build(frame(holes=holes), cluster=cluster), shape="event", leads=leads)
    assert [term for term in estimate.terms if "-" in term] == [f"effect[event={e}]" for e in (-5, -4, -3, -2) if leads]
    require_map(estimate)
    assert np.isfinite(estimate.covariance).all()


def test_the_effect_is_the_mean_over_trained_unit_periods() -> None:
    panel = build(frame())
    estimate = twfe(panel, shape="event")
    adopted, last = panel.units.adopted.astype(np.int64), len(panel.periods)
    counts = np.array([(adopted + e < last).sum() for e in range(5)])
    later = np.array([estimate.value(f"effect[event={e}]") for e in range(5)])
    assert estimate.value("effect") == pytest.approx(counts @ later / counts.sum(), rel=1e-12)


@pytest.mark.parametrize("shape", ["static", "event"])
def test_doubling_a_cluster_in_the_map_is_doubling_its_weights(shape: Any) -> None:
    panel = build(frame(holes=0.2))
    estimate = twfe(panel, shape=shape)
    assert estimate.replay is not None
    drawn = np.ones(len(estimate.strata))
    drawn[[0, 4]] = 2.0
    weight = np.where(estimate.clusters >= 0, drawn[estimate.clusters], 1.0)
    again = twfe(replace(panel, units=replace(panel.units, weight=weight)), shape=shape)
    assert estimate.replay(drawn[None])[0] == pytest.approx(again.values, abs=1e-12)


def test_constant_effects_are_found_exactly_without_noise() -> None:
    estimate = twfe(build(frame(noise=0.0, effect=lambda since: 2.0 + 0 * since)))
    assert estimate.value("effect") == pytest.approx(2.0, abs=1e-12)


def test_growing_effects_are_missed_by_one_dummy_and_found_by_event_times() -> None:
    panel = build(frame(noise=0.0))
    assert twfe(panel, shape="event").values[1:] == pytest.approx(1.0 + 0.5 * np.arange(5), abs=1e-10)
    truth = twfe(panel, shape="event").value("effect")
    assert twfe(panel).value("effect") < truth - 0.1


def test_a_draw_without_a_cohort_leaves_its_event_times_out() -> None:
    panel = build(frame())
    estimate = twfe(panel, shape="event")
    assert estimate.replay is not None
    emptied = np.ones(len(estimate.strata))
    emptied[np.unique(estimate.clusters[panel.units.adopted == 3])] = 0.0
    found = dict(zip(estimate.terms, estimate.replay(emptied[None])[0], strict=True))
    # Only those who start in month 3 are seen at event times 3 and 4.
    assert [term for term, value in found.items() if np.isnan(value)] == ["effect[event=3]", "effect[event=4]"]
    kept = frame()
    alone = twfe(build(kept[kept["start"] != 3]), shape="event")
    assert found["effect"] == pytest.approx(alone.value("effect"), rel=1e-10)


def test_a_rollout_to_everybody_has_an_estimate_but_no_leads() -> None:
    panel = build(frame((2.0, 4.0, 6.0)))
    estimate = twfe(panel)
    assert estimate.n.control.units == 0
    require_map(estimate)
    with pytest.raises(MethodError, match="cannot be told") as error:
        twfe(panel, shape="event", leads=True)
    assert "leads=False" in error.value.remedy


def test_units_trained_from_the_start_serve_one_dummy_and_not_event_times() -> None:
    panel = build(frame((0.0, 3.0, np.nan)))
    static, event = twfe(panel), twfe(panel, shape="event")
    assert static.n.trained.units == 24
    assert event.n.trained.units == 12
    assert [(part.arm, part.units) for part in event.n.left_out] == [("trained", 12)]
    assert "since when is not known" in event.n.left_out[0].reason
    for estimate in (static, event):
        assert estimate.n.tidy()["rows"].sum() == panel.counts.rows


def test_rows_alone_in_their_unit_or_period_do_not_enter() -> None:
    rows = frame()
    rows = rows[(rows["person"] != 7) | (rows["month"] == 2)]  # one row of a person
    rows = pd.concat([rows, rows.head(1).assign(month=9)])  # one row in a period
    panel = build(rows)
    estimate = twfe(panel)
    tidy = estimate.n.tidy()
    assert tidy["rows"].sum() == panel.counts.rows
    assert tidy["units"].sum() == panel.counts.units
    assert set(tidy["reason"]) == {"", "a KPI value in one period alone", "rows alone in their period"}
    without = rows[(rows["person"] != 7) & (rows["month"] != 9)]
    assert estimate.value("effect") == pytest.approx(twfe(build(without)).value("effect"), rel=1e-12)


@pytest.mark.parametrize(
    ("starts", "options", "match"),
    [
        ((np.nan,), {}, "no trained unit"),
        ((20.0,), {}, "no trained unit"),
        ((0.0,), {}, "cannot be told"),
        ((3.0,), {}, "cannot be told"),
        ((0.0, np.nan), {"shape": "event"}, "no trained unit"),
        (STARTS, {"shape": "both"}, "shape is 'both'"),
        (STARTS, {"variance": "HC2"}, "variance is 'HC2'"),
        (STARTS, {"leads": True}, "leads are event times"),
        (STARTS, {"variance": "CR2", "satterthwaite": "change"}, "no term 'change'"),
        (STARTS, {"satterthwaite": "effect"}, "Welch"),
        (STARTS, {"variance": "classical"}, "team is the cluster"),
    ],
)
def test_what_cannot_be_estimated_is_refused_with_a_remedy(
    starts: tuple[float, ...], options: dict[str, Any], match: str
) -> None:
    with pytest.raises(MethodError, match=match) as error:
        twfe(build(frame(starts)), **options)
    assert error.value.remedy


@pytest.mark.parametrize(("shape", "match"), [("static", "cannot be told"), ("event", "at or after adoption")])
def test_trained_that_are_never_seen_after_adoption_are_no_evidence(shape: Any, match: str) -> None:
    rows = frame((3.0, np.nan))
    with pytest.raises(MethodError, match=match):
        twfe(build(rows[rows["start"].isna() | (rows["month"] < 3)]), shape=shape)


def test_a_draw_that_leaves_nothing_is_nan_and_its_neighbours_are_not() -> None:
    estimate = twfe(build(frame()))
    assert estimate.replay is not None
    one = np.zeros(len(estimate.strata))
    one[0] = 1.0  # a single team: training and periods are the same thing
    found = estimate.replay(np.stack([np.ones(len(one)), one, np.zeros(len(one)), np.ones(len(one))]))[:, 0]
    assert np.isnan(found).tolist() == [False, True, True, False]
    assert found[0] == pytest.approx(estimate.value("effect"), abs=1e-12)


def test_leverages_are_refused_under_unequal_weights() -> None:
    rows = frame().assign(weight=lambda one: 1.0 + one["person"] % 2)
    with pytest.raises(MethodError, match="unit weights differ"):
        twfe(build(rows, weight="weight"), variance="CR2")
    # A common weight changes nothing.
    plain, heavy = (
        twfe(build(rows.assign(weight=size), weight="weight"), variance="CR3").contrast({"effect": 1.0})
        for size in (1.0, 3.0)
    )
    assert (plain.std_error, plain.df) == pytest.approx((heavy.std_error, heavy.df), rel=1e-10)


def test_the_notes_say_that_it_is_a_reference_and_which_weight_is_negative() -> None:
    notes = " ".join(twfe(build(frame((2.0, 6.0), months=8))).notes)
    assert "never primary" in notes
    assert "the most negative is cohort 2 in" in notes
    single = twfe(build(frame((3.0, np.nan)))).notes
    assert single == ("a reference: use did or staggered for the share",)


def test_there_is_an_effect_and_no_share() -> None:
    estimate = twfe(build(frame()))
    assert estimate.terms == ("effect",)
    assert not at.attribution_factor(estimate, draws=99).estimable


def test_strata_are_the_adoption_cohorts() -> None:
    assert twfe(build(frame())).stratum_names == ("3", "5", "never trained")
    assert twfe(build(frame(people=9))).stratum_names == ("ever trained", "never trained")
    assert np.isnan(twfe(build(frame(people=9))).std_error("effect"))


def test_the_bootstrap_agrees_with_the_jackknife() -> None:
    # With one effect for all: where effects differ, the jackknife also counts that cohorts might be larger or smaller.
    estimate = twfe(build(frame(people=180, effect=lambda since: 1.0 + 0 * since)))
    draws = at.bootstrap(estimate, draws=1999, seed=1)
    ratio = float(np.nanstd(draws.values[:, 0])) / estimate.std_error("effect")
    # Monte Carlo error of a standard deviation of 1,999 draws: 1.6%; the jackknife of 20 teams a stratum is larger.
    assert ratio == pytest.approx(1.0, abs=0.1)


def test_a_missing_month_is_a_step_of_the_clock() -> None:
    rows = frame((3.0, np.nan), noise=0.0)
    estimate = twfe(build(rows[rows["month"] != 4]), shape="event")
    assert estimate.terms == ("effect", *(f"effect[event={e}]" for e in (0, 2, 3, 4)))
    assert estimate.values[1:] == pytest.approx([1.0, 2.0, 2.5, 3.0], abs=1e-10)


def test_cross_sections_have_no_unit_effects() -> None:
    rows = frame().assign(person=lambda one: np.arange(len(one)))
    with pytest.raises(MethodError, match="same units over time") as error:
        twfe(build(rows, kind="repeated_cross_sections"))
    assert "staggered" in error.value.remedy


def test_the_flow_counts_trained_unit_periods() -> None:
    assert twfe(build(frame())).n.unit_periods == 12 * 5 + 12 * 3
    assert twfe(build(frame((3.0, np.nan)))).n.unit_periods == 18 * 5


def test_integer_dtypes_nullable_columns_and_categories_change_nothing() -> None:
    rows = frame()
    plain = twfe(build(rows))
    other = rows.assign(
        person=rows["person"].astype("category"),
        start=rows["start"].astype("Int64"),
        kpi=rows["kpi"].astype("Float64"),
    )
    assert (twfe(build(other)).values == plain.values).all()


@pytest.mark.parametrize("variance", ["default", "CR1", "CR2"])
@pytest.mark.parametrize("shape", ["static", "event"])
def test_the_scale_and_shift_of_the_kpi_pass_through(shape: Any, variance: Any) -> None:
    rows = frame(holes=0.1)
    one = twfe(build(rows), shape=shape, variance=variance)
    two = twfe(build(rows.assign(kpi=1e4 - 3.0 * rows["kpi"])), shape=shape, variance=variance)
    assert two.values == pytest.approx(-3.0 * one.values, rel=1e-9)
    assert two.covariance == pytest.approx(9.0 * one.covariance, rel=1e-9)


def test_units_that_go_back_are_said() -> None:
    rows = frame((3.0, np.nan))
    rows["on"] = ((rows["month"] >= rows["start"]) & (rows["month"] < 6)).astype(int)
    panel = at.Panel.from_frame(rows, unit="person", period="month", outcome="kpi", trained="on")
    assert any("18 units go back to untrained" in note for note in twfe(panel).notes)
