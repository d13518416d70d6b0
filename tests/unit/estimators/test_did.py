"""Difference-in-differences: values by hand, who enters, what has no variance, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.estimate import UNTRAINED_LEVEL
from attribution.core.panel import Panel
from attribution.errors import DataError, MethodError

Row = tuple[Any, ...]


def panel(rows: Sequence[Row], *extra: str, **options: Any) -> Panel:
    frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start", *extra])
    return Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start", **options)


def two_periods(trained: Sequence[float], control: Sequence[float], **options: Any) -> Panel:
    """Return one person per change: month 0 at 100 + 10·person, month 1 that plus the change."""
    rows = []
    for person, (change, start) in enumerate([*((c, 1) for c in trained), *((c, None) for c in control)]):
        level = 100.0 + 10 * person
        rows += [(person, 0, level, start), (person, 1, level + change, start)]
    return panel(rows, **options)


def test_values_by_hand() -> None:
    estimate = at.did(two_periods([3, 5, 7], [1, 2]), baseline=[0], followup=[1])
    assert estimate.value("change") == pytest.approx(5.0)
    assert estimate.value("background") == pytest.approx(1.5)
    assert estimate.value("effect") == pytest.approx(3.5)
    assert estimate.value(UNTRAINED_LEVEL) == pytest.approx(110 + 5 - 3.5)
    # Sample variances 4 and 0.5 over 3 and 2.
    assert estimate.std_error("effect") == pytest.approx(np.sqrt(4 / 3 + 0.25))
    assert estimate.std_error("change") == pytest.approx(np.sqrt(4 / 3))
    assert estimate.contrast({"effect": 1.0}).df == pytest.approx((4 / 3 + 0.25) ** 2 / ((4 / 3) ** 2 / 2 + 0.25**2))
    assert (estimate.estimand, estimate.stratum_names) == ("ATT", ("trained", "control"))


def test_window_means_of_several_periods() -> None:
    rows = [(u, t, 10 * u + t + 4 * (u < 2) * (t >= 3), 2 if u < 2 else None) for u in range(5) for t in range(5)]
    estimate = at.did(panel(rows), baseline=[0, 1], followup=[3, 4])
    assert estimate.value("effect") == pytest.approx(4.0)
    assert estimate.value("background") == pytest.approx(3.0)
    assert (estimate.n.baseline, estimate.n.followup) == (("0", "1"), ("3", "4"))


def test_weights_weigh_units() -> None:
    rows = [(u, t, float(u + t * (u + 1)), 1 if u < 2 else None, w) for u, w in enumerate([3, 1, 1, 1]) for t in (0, 1)]
    estimate = at.did(panel(rows, "w", weight="w"), baseline=[0], followup=[1])
    assert estimate.value("change") == pytest.approx((3 * 1 + 1 * 2) / 4)
    assert estimate.n.trained.weight == 4.0


def staggered(**options: Any) -> Panel:
    """Return periods 1–4; two people each adopt in 1, 2, 3, 4, 9 and never."""
    starts = [1, 1, 2, 2, 3, 3, 4, 4, 9, 9, None, None]
    noise = np.random.default_rng(1).normal(0, 1, (12, 4))
    rows = [(u, t, 10.0 * u + noise[u, t - 1], start) for u, start in enumerate(starts) for t in range(1, 5)]
    return panel(rows, **options)


def test_later_adopters_are_controls_and_are_named() -> None:
    estimate = at.did(staggered(), baseline=[1, 2], followup=[3])
    assert (estimate.n.trained.units, estimate.n.control.units) == (2, 6)
    assert estimate.n.later == (("4", 2), ("after the last period", 2))
    assert estimate.notes == ("controls include 4 units that adopt later (2 in 4, 2 in after the last period)",)
    reasons = {(part.arm, part.reason): part.units for part in estimate.n.left_out if part.units}
    assert reasons == {("trained before follow-up", "adopted in or before the baseline"): 4}


def test_with_never_trained_controls_later_adopters_are_left_out() -> None:
    estimate = at.did(staggered(), baseline=[1, 2], followup=[3], controls="never")
    assert (estimate.n.trained.units, estimate.n.control.units, estimate.n.later) == (2, 2, ())
    reasons = {part.reason: part.units for part in estimate.n.left_out if part.units}
    assert reasons["adopted after the follow-up, not a control here"] == 4


# --- what has no variance ----------------------------------------------------------------------------------------


def test_one_trained_unit_has_no_standard_error_never_zero() -> None:
    estimate = at.did(two_periods([3.0], [1.0, 2.0, 4.0]), baseline=[0], followup=[1])
    assert estimate.value("effect") == pytest.approx(3.0 - 7 / 3)
    for term in ("effect", "change"):
        assert np.isnan(estimate.std_error(term))
        assert estimate.interval(term=term).kind == "undefined"
    # The background hangs on the controls alone, but it is one record: nothing of it is shown as exact.
    assert not (estimate.tidy()["std_error"] == 0).any()
    factor = at.attribution_factor(estimate, draws=50)
    assert (factor.interval.kind, factor.draws) == ("undefined", None)
    assert "variance of the effect is undefined" in factor.reason


@pytest.mark.parametrize("variance", ["classical", "HC0", "HC1", "HC2", "HC3", "CR0", "CR1", "CR1S", "CR2"])
def test_one_trained_unit_has_no_standard_error_by_any_name(variance: Any) -> None:
    estimate = at.did(two_periods([3.0], [1.0, 2.0, 4.0]), baseline=[0], followup=[1], variance=variance)
    assert np.isnan(estimate.std_error("effect"))


@pytest.mark.parametrize("level", [0.0, 1e-6, 1e6])
def test_trained_with_the_same_change_do_not_make_the_share_look_exact(level: float) -> None:
    rng = np.random.default_rng(6)
    starts = [1] * 5 + [None] * 6
    first = level + rng.normal(0, 1, 11)
    change = np.where(np.arange(11) < 5, 0.3, rng.normal(0, 1, 11))
    rows = [(u, t, first[u] + t * change[u], start) for u, start in enumerate(starts) for t in (0, 1)]
    estimate = at.did(panel(rows), baseline=[0], followup=[1])
    assert np.isnan(estimate.std_error("change"))
    assert estimate.std_error("effect") > 0.05  # the controls do vary
    factor = at.attribution_factor(estimate, draws=50)
    assert factor.interval.kind == "undefined"
    assert factor.reason == "the variance of the change is undefined"


def test_controls_that_do_not_change_do_not_make_a_share_of_one_look_exact() -> None:
    estimate = at.did(two_periods([3, 5, 7, 4], [0, 0, 0]), baseline=[0], followup=[1])
    factor = at.attribution_factor(estimate, draws=50)
    assert factor.share == 1.0
    assert (factor.interval.kind, factor.reason) == ("undefined", "the variance of the share is undefined")
    assert factor.others == ()
    assert factor.draws is not None  # effect and change have their intervals, money goes on from the effect


# --- clusters ----------------------------------------------------------------------------------------------------


def teams(members: dict[str, tuple[int, int]]) -> Panel:
    """Return people by team, `{team: (trained, control)}`, with noise."""
    rng = np.random.default_rng(9)
    rows, person = [], 0
    for team, (trained, control) in members.items():
        for start in [1] * trained + [None] * control:
            level, change = rng.normal(50, 5), rng.normal(2, 1)
            rows += [(person, 0, level, start, team), (person, 1, level + change, start, team)]
            person += 1
    return panel(rows, "team", cluster="team")


def test_clusters_of_one_arm_are_strata_by_arm() -> None:
    estimate = at.did(
        teams({"a": (3, 0), "b": (2, 0), "c": (0, 4), "d": (0, 2), "e": (0, 1)}), baseline=[0], followup=[1]
    )
    assert estimate.stratum_names == ("trained", "control")
    assert estimate.strata.tolist() == [0, 0, 1, 1, 1]
    assert (estimate.n.trained.clusters, estimate.n.control.clusters) == (2, 3)
    assert estimate.notes == ()


def test_several_mixed_clusters_are_a_stratum_of_their_own() -> None:
    members = {"a": (3, 0), "b": (2, 0), "c": (1, 1), "d": (2, 2), "e": (0, 2), "f": (0, 3)}
    estimate = at.did(teams(members), baseline=[0], followup=[1])
    assert estimate.stratum_names == ("trained", "control", "mixed")
    assert estimate.strata.tolist() == [0, 0, 2, 2, 1, 1]
    assert estimate.notes == ("2 clusters hold both arms and are a stratum of their own",)
    assert (estimate.n.trained.clusters, estimate.n.control.clusters) == (4, 4)
    assert estimate.std_error("effect") > 0


def test_clusters_that_all_hold_both_arms_are_one_stratum() -> None:
    estimate = at.did(teams(dict.fromkeys("abcdef", (2, 3))), baseline=[0], followup=[1])
    assert estimate.stratum_names == ("mixed",)
    assert estimate.contrast({"effect": 1.0}).df == pytest.approx(5.0)


@pytest.mark.parametrize(("lone", "stratum"), [((3, 1), "trained"), ((1, 3), "control")])
def test_a_lone_mixed_cluster_joins_the_arm_of_most_of_its_weight(lone: tuple[int, int], stratum: str) -> None:
    members = {"a": (3, 0), "b": (2, 0), "c": lone, "d": (0, 2), "e": (0, 2)}
    estimate = at.did(teams(members), baseline=[0], followup=[1])
    assert estimate.stratum_names == ("trained", "control")
    assert estimate.stratum_names[estimate.strata[2]] == stratum
    assert estimate.notes == (f"one cluster holds both arms; it is counted with the {stratum} clusters",)
    assert estimate.std_error("effect") > 0


def test_a_lone_mixed_cluster_joins_an_arm_that_would_have_a_single_cluster() -> None:
    members = {"a": (3, 0), "c": (1, 5), "d": (0, 2), "e": (0, 2)}
    estimate = at.did(teams(members), baseline=[0], followup=[1])
    assert estimate.strata.tolist() == [0, 0, 1, 1]
    assert estimate.std_error("effect") > 0


def test_a_single_cluster_of_one_arm_joins_several_mixed_ones() -> None:
    members = {"a": (3, 0), "c": (1, 1), "d": (2, 2), "e": (0, 2), "f": (0, 3)}
    estimate = at.did(teams(members), baseline=[0], followup=[1])
    assert estimate.stratum_names == ("control", "mixed")
    assert estimate.strata.tolist() == [1, 1, 1, 0, 0]
    assert estimate.notes[1] == "the only cluster that is all trained is counted with those that hold both arms"
    assert estimate.std_error("effect") > 0


def test_an_arm_in_a_single_cluster_has_no_variance() -> None:
    estimate = at.did(teams({"a": (3, 0), "b": (0, 2), "c": (0, 2), "d": (0, 1)}), baseline=[0], followup=[1])
    assert np.isnan(estimate.std_error("effect"))
    mixed = at.did(teams({"a": (3, 1), "b": (0, 2), "c": (0, 2), "d": (0, 1)}), baseline=[0], followup=[1])
    assert np.isnan(mixed.std_error("effect"))


# --- missing periods ---------------------------------------------------------------------------------------------


def months(seed: int = 3, *, n: int = 40, trained: int = 16) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    unit, month = np.repeat(np.arange(n), 6), np.tile(np.arange(6), n)
    kpi = rng.normal(50, 5, n)[unit] + rng.normal(0, 4, 6)[month] + rng.normal(0, 1, 6 * n)
    kpi += 2.0 * ((unit < trained) & (month >= 3))
    return pd.DataFrame({"person": unit, "month": month, "sales": kpi, "start": np.where(unit < trained, 3.0, np.nan)})


def build(frame: pd.DataFrame) -> Panel:
    return Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")


def test_the_rule_for_missing_periods_by_hand() -> None:
    # Follow-up months 1 and 2. Controls: 4 and 8 in month 1, 7 and 9 in month 2: means 6 and 8, deviations −1 and +1.
    rows = [
        *[("c", 0, 0.0, None), ("c", 1, 4.0, None), ("c", 2, 7.0, None)],
        *[("d", 0, 0.0, None), ("d", 1, 8.0, None), ("d", 2, 9.0, None)],
        *[("t", 0, 0.0, 1), ("t", 2, 12.0, 1)],
        *[("u", 0, 0.0, 1), ("u", 1, 10.0, 1), ("u", 2, 13.0, 1)],
    ]
    estimate = at.did(panel(rows), baseline=[0], followup=[1, 2])
    # t is seen in month 2 alone: 12 − 1 = 11; u: (10 + 1 + 13 − 1)/2 = 11.5; controls 5.5 and 8.5.
    assert estimate.value("change") == pytest.approx((11 + 11.5) / 2)
    assert estimate.value("background") == pytest.approx(7.0)
    assert estimate.n.coverage.trained.tolist() == [1.0, 0.5, 1.0]
    assert estimate.n.coverage.largest_gap() == (0.5, "1")
    assert any("control arm's deviation" in note for note in estimate.notes)


def test_complete_windows_of_an_incomplete_panel_take_plain_means() -> None:
    whole = months()
    holed = whole[(whole["month"] != 5) | (whole["person"] % 2 == 0)]
    one, two = (at.did(build(frame), baseline=[0, 1, 2], followup=[3, 4]) for frame in (whole, holed))
    assert two.values == pytest.approx(one.values, rel=1e-12)
    assert two.covariance == pytest.approx(one.covariance, rel=1e-9, abs=1e-14)
    assert two.notes == ()


@pytest.mark.parametrize("defect", ["5% of the KPI missing", "10% of the rows absent"])
def test_nobody_leaves_who_is_seen_once_in_each_window(defect: str) -> None:
    frame = months(n=300, trained=120)
    rng = np.random.default_rng(12)
    if defect.startswith("5%"):
        frame.loc[rng.random(len(frame)) < 0.05, "sales"] = np.nan
    else:
        frame = frame[rng.random(len(frame)) >= 0.1]
    estimate = at.did(build(frame), baseline=[0, 1, 2], followup=[3, 4, 5])
    seen = frame.dropna(subset="sales").groupby("person")["month"].agg(["min", "max"])
    assert estimate.n.trained.units + estimate.n.control.units == int(((seen["min"] < 3) & (seen["max"] >= 3)).sum())
    assert abs(estimate.value("effect") - 2.0) < 4 * estimate.std_error("effect")
    assert estimate.n.tidy()["rows"].sum() == len(frame)


@pytest.mark.parametrize("missing", ["absent", "no value"])
def test_a_period_with_a_single_control_is_left_out_and_counted(missing: str) -> None:
    frame = months()
    gone = (frame["month"] == 4) & (frame["person"] >= 17)
    shocked = frame.copy()
    shocked.loc[frame["month"] == 4, "sales"] += 1_000  # it would move every mean that held this month
    results = []
    for rows in (frame, shocked):
        kept = rows[~gone] if missing == "absent" else rows.assign(sales=rows["sales"].mask(gone))
        results.append(at.did(build(kept), baseline=[0, 1, 2], followup=[3, 4, 5]))
    assert results[0].value("change") == pytest.approx(results[1].value("change"), rel=1e-12)
    reasons = {(part.arm, part.reason): part.rows for part in results[0].n.left_out}
    assert reasons[("trained", "rows of periods without comparison")] == 16
    assert reasons[("control", "rows of periods without comparison")] == 1
    assert results[0].std_error("effect") > 0
    plain = at.did(build(frame), baseline=[0, 1, 2], followup=[3, 5])
    assert results[0].value("effect") == pytest.approx(plain.value("effect"), rel=1e-12)


def test_a_period_with_two_controls_is_used() -> None:
    frame = months()
    frame = frame[(frame["month"] != 4) | (frame["person"] < 18)]
    estimate = at.did(build(frame), baseline=[0, 1, 2], followup=[3, 4, 5])
    assert not any("without comparison" in part.reason for part in estimate.n.left_out)
    # A draw without both of them has no comparison in that month: a row of NaN, counted.
    draws = at.bootstrap(estimate, draws=400, seed=1)
    assert draws.failed == np.isnan(draws.values).any(axis=1).sum()
    expected = (22 / 24) ** 24  # neither of two among 24 drawn
    assert draws.failed / 400 == pytest.approx(expected, abs=0.08)
    factor = at.attribution_factor(estimate, draws=400, seed=1)
    assert factor.draws is not None
    assert (len(factor.draws), factor.draws.failed) == (400 - draws.failed, draws.failed)


def test_a_lone_control_still_compares_every_period_it_has() -> None:
    frame = months(n=20, trained=19)
    estimate = at.did(
        build(frame[(frame["month"] != 1) | (frame["person"] != 3)]), baseline=[0, 1, 2], followup=[3, 4, 5]
    )
    assert (estimate.n.trained.units, estimate.n.control.units) == (19, 1)
    assert np.isnan(estimate.std_error("effect"))
    assert np.isfinite(estimate.value("effect"))


# --- what is refused ---------------------------------------------------------------------------------------------


def test_no_controls_is_refused_with_who_is_there() -> None:
    rows = [(u, t, float(u + t), 1) for u in range(4) for t in (0, 1)]
    with pytest.raises(MethodError, match="no control unit has a KPI value in both windows") as error:
        at.did(panel(rows), baseline=[0], followup=[1])
    assert error.value.where == "baseline 0, follow-up 1"
    assert "add control units" in error.value.remedy


def test_no_controls_in_a_panel_with_holes_is_refused_the_same_way() -> None:
    rows = [(u, t, float(u + t), 1) for u in range(4) for t in (0, 1) if (u, t) != (2, 0)]
    with pytest.raises(MethodError, match="no control unit has a KPI value in both windows"):
        at.did(panel(rows), baseline=[0], followup=[1])


def test_no_trained_is_refused_with_the_reason() -> None:
    rows = [(u, t, float(u + t), None) for u in range(3) for t in (0, 1)]
    with pytest.raises(MethodError, match="no trained unit has a KPI value in both windows") as error:
        at.did(panel(rows), baseline=[0], followup=[1])
    assert "add trained units" in error.value.remedy


def test_trained_without_a_kpi_are_counted_in_the_message() -> None:
    rows = [(u, t, np.nan if u < 2 and t == 0 else 1.0 * t, 1 if u < 2 else None) for u in range(4) for t in (0, 1)]
    with pytest.raises(MethodError, match="no trained unit") as error:
        at.did(panel(rows), baseline=[0], followup=[1])
    assert "2 trained: no KPI value in the baseline" in error.value.remedy


@pytest.mark.parametrize(("option", "value"), [("controls", "nobody"), ("variance", "HC4"), ("variance", "cr1")])
def test_an_unknown_option_is_refused_with_those_that_are_known(option: str, value: str) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(MethodError, match=f"{option} is {value!r}") as error:
        at.did(staggered(), baseline=[1, 2], followup=[3], **options)
    assert error.value.where == option
    assert {"controls": "not_yet, never", "variance": "default, classical, HC0"}[option] in error.value.remedy


def test_an_unknown_period_is_refused() -> None:
    with pytest.raises(DataError, match="there is no period 12"):
        at.did(staggered(), baseline=[1], followup=[12])


@pytest.mark.parametrize("variance", ["classical", "HC2", "HC3", "CR2"])
def test_a_variance_by_leverage_is_refused_on_incomplete_windows(variance: Any) -> None:
    frame = months()
    holed = build(frame[(frame["month"] != 4) | (frame["person"] % 3 > 0)])
    with pytest.raises(MethodError, match="periods are missing") as error:
        at.did(holed, baseline=[0, 1, 2], followup=[3, 4, 5], variance=variance)
    assert "'HC1' or 'CR1'" in error.value.remedy


def test_hc1_and_cr1_on_incomplete_windows_come_from_the_influence() -> None:
    frame = months()
    holed = build(frame[(frame["month"] != 4) | (frame["person"] % 3 > 0)])
    estimate = at.did(holed, baseline=[0, 1, 2], followup=[3, 4, 5], variance="HC1")
    rows = estimate.influence[:, 0]
    assert estimate.std_error("effect") == pytest.approx(np.sqrt(np.sum(rows**2) * 40 / 38))
    default = at.did(holed, baseline=[0, 1, 2], followup=[3, 4, 5])
    assert default.std_error("effect") == pytest.approx(estimate.std_error("effect"), rel=0.1)


@pytest.mark.parametrize("variance", ["classical", "HC0", "HC1", "HC2", "HC3"])
def test_a_variance_by_unit_is_refused_under_coarser_clusters(variance: Any) -> None:
    clustered = teams({"a": (3, 0), "b": (2, 0), "c": (0, 4), "d": (0, 2)})
    with pytest.raises(MethodError, match="takes person as independent, but team is the cluster") as error:
        at.did(clustered, baseline=[0], followup=[1], variance=variance)
    assert "(11 units in 4 clusters)" in error.value.what
    assert "'CR1' or 'CR2'" in error.value.remedy


def test_one_site_with_all_trained_has_no_variance_however_many_other_sites_there_are() -> None:
    sites = {"a": (4, 8)} | {f"s{number}": (0, 1) for number in range(149)}
    estimate = at.did(teams(sites), baseline=[0], followup=[1])
    assert np.isnan(estimate.std_error("effect"))
    assert at.attribution_factor(estimate, draws=39).draws is None


def test_cr2_is_refused_where_unit_weights_differ() -> None:
    frame = months()
    frame["weight"] = 1.0 + frame["person"] % 2
    weighted = Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start", weight="weight")
    with pytest.raises(MethodError, match="unit weights differ"):
        at.did(weighted, baseline=[0, 1], followup=[3, 4], variance="CR2")


def test_a_unit_left_out_does_not_make_an_undefined_variance_look_exact() -> None:
    rows = [(f"t{u}", t, 5.1 + 2.0 * t, 1) for u in range(6) for t in (0, 1)]
    rows += [(f"c{u}", t, 3.3 + 1.0 * t, None) for u in range(6) for t in (0, 1)]
    rows += [("always", t, 1e9, 0) for t in (0, 1)]
    estimate = at.did(panel(rows), baseline=[0], followup=[1])
    assert np.isnan(estimate.std_error("effect"))
    assert estimate.percent().reason == "the variance of the effect is undefined"
