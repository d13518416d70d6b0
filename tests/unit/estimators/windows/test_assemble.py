"""Options that the estimators on windows share: several windows, washout, anticipation, analysis as assigned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.estimate import UNTRAINED_LEVEL
from attribution.errors import MethodError
from attribution.inference.takers import effect_on_takers


def staggered(**options: Any) -> at.Panel:
    """Return periods 1–6; three people each adopt in 1 to 6, 9 and never."""
    starts = [start for start in [1, 2, 3, 4, 5, 6, 9, None] for _ in range(3)]
    noise = np.random.default_rng(1).normal(0, 1, (len(starts), 6))
    rows = [
        (u, t, 10.0 * u + noise[u, t - 1] + 2.0 * (start is not None and t >= start), start, int(u % 3 > 0))
        for u, start in enumerate(starts)
        for t in range(1, 7)
    ]
    frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start", "invited"])
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start", **options)


def reasons(estimate: at.Estimate) -> dict[str, int]:
    return {part.reason: part.units for part in estimate.n.left_out if part.units}


# --- several windows ---------------------------------------------------------------------------------------------


def test_each_window_is_what_it_would_be_alone_over_the_same_units() -> None:
    panel = staggered()
    both = at.did(panel, baseline=[1, 2], followup=[[3], [4, 5]])
    pooled = at.did(panel, baseline=[1, 2], followup=[3, 4, 5])
    assert both.terms[4:] == (
        *("effect[window=1]", "change[window=1]", "background[window=1]"),
        *("effect[window=2]", "change[window=2]", "background[window=2]"),
    )
    for term in (*pooled.shown_terms, UNTRAINED_LEVEL):
        assert both.value(term) == pytest.approx(pooled.value(term), rel=1e-12)
        assert both.std_error(term) == pytest.approx(pooled.std_error(term), rel=1e-12)
    # Window 1 is one month of three: the pooled mean is a third of it and two thirds of window 2.
    parts = [both.value(f"effect[window={number}]") for number in (1, 2)]
    assert both.value("effect") == pytest.approx(parts[0] / 3 + 2 * parts[1] / 3, abs=1e-12)
    gap = both.contrast({"effect[window=2]": 1.0, "effect[window=1]": -1.0})
    assert gap.value == pytest.approx(parts[1] - parts[0])
    assert 0 < gap.std_error < both.std_error("effect[window=1]") + both.std_error("effect[window=2]")
    windows = ("window 1 of the follow-up: 3; 6 of the trained adopt only later", "window 2 of the follow-up: 4, 5")
    assert both.notes[1:] == windows
    late = "6 of the trained adopt after the follow-up has begun"
    assert pooled.notes[1:] == (f"{late}: the effect is averaged over periods before their own training too",)
    factor = at.attribution_factor(both, part="window=2", draws=99)
    assert factor.share == pytest.approx(parts[1] / both.value("change[window=2]"))


def test_a_unit_needs_a_value_in_each_window() -> None:
    frame = pd.DataFrame(
        [(u, t, float(u + t), 3 if u < 4 else None) for u in range(9) for t in range(1, 6) if (u, t) != (0, 3)],
        columns=["person", "month", "sales", "start"],
    )
    panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    estimate = at.did(panel, baseline=[1, 2], followup=[[3], [4, 5]])
    assert reasons(estimate) == {"no KPI value in one of the follow-up's windows": 1}
    assert estimate.n.trained.units == 3
    assert at.did(panel, baseline=[1, 2], followup=[3, 4, 5]).n.trained.units == 4


def test_absent_months_are_freed_in_each_window_by_its_own_rule() -> None:
    rng = np.random.default_rng(3)
    rows = [
        (u, t, 5.0 * u + 10.0 * (t == 4) + 1.0 * (u < 8) * (t >= 3), 3 if u < 8 else None)
        for u in range(20)
        for t in range(1, 7)
        if not (t == 4 and u < 8 and rng.random() < 0.5)
    ]
    frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start"])
    panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    estimate = at.did(panel, baseline=[1, 2], followup=[[3, 4], [5, 6]])
    for term in ("effect", "effect[window=1]", "effect[window=2]"):
        assert estimate.value(term) == pytest.approx(1.0, abs=1e-10)


def test_prepost_has_a_change_for_each_window() -> None:
    estimate = at.prepost(staggered(), baseline=[1, 2], followup=[[3], [4, 5]])
    assert estimate.terms == ("change", "change[window=1]", "change[window=2]")


# --- washout and anticipation ------------------------------------------------------------------------------------


def test_who_is_in_the_washout_when_the_follow_up_starts_is_left_out_and_counted() -> None:
    estimate = at.did(staggered(), baseline=[1, 2], followup=[5, 6], washout=1)
    # Between baseline and follow-up 3, 4, 5 and 6 adopt; those of 5 and 6 have no whole period behind them.
    assert estimate.n.trained.units == 6
    assert reasons(estimate) == {
        "adopted in or before the baseline": 6,
        "adopted too late for the washout before the follow-up": 6,
    }
    assert estimate.n.trained_in_window == 12  # they cost, too
    assert at.did(staggered(), baseline=[1, 2], followup=[5, 6]).n.trained.units == 12


def test_who_may_have_reacted_early_is_left_out_and_counted() -> None:
    estimate = at.did(staggered(), baseline=[1], followup=[4], anticipation=1)
    assert estimate.n.trained.units == 6  # 3 and 4; who adopts in 2 may have moved in 1
    assert reasons(estimate) == {
        "adopted in or before the baseline": 3,
        "adopted within the anticipation after the baseline": 3,
        "adopted within the anticipation after the follow-up": 3,
    }
    assert estimate.n.later == (("6", 3), ("after the last period", 3))
    assert estimate.n.tidy()["units"].sum() == 24


@pytest.mark.parametrize("value", [-1, 1.0, True, "1"])
@pytest.mark.parametrize("name", ["washout", "anticipation"])
def test_what_is_no_number_of_periods_is_refused(name: str, value: Any) -> None:
    with pytest.raises(MethodError, match=f"{name} is") as error:
        at.did(staggered(), baseline=[1], followup=[4], **{name: value})
    assert error.value.where == name


# --- as assigned -------------------------------------------------------------------------------------------------


def test_as_assigned_compares_all_by_assignment_whoever_was_trained() -> None:
    panel = staggered(assigned="invited")
    estimate = at.did(panel, baseline=[1, 2], followup=[4], as_assigned=True)
    assert (estimate.estimand, estimate.n.trained.units, estimate.n.control.units) == ("ITT", 16, 8)
    assert estimate.stratum_names == ("assigned", "not assigned")
    assert estimate.terms == ("effect", "change", "background", UNTRAINED_LEVEL, "take_up")
    kpi = panel.observations.outcome.reshape(24, 6)
    change = kpi[:, 3] - kpi[:, :2].mean(axis=1)
    invited = np.arange(24) % 3 > 0
    assert estimate.value("effect") == pytest.approx(change[invited].mean() - change[~invited].mean())
    trained = panel.units.adopted <= 3
    assert estimate.value("take_up") == pytest.approx(trained[invited].mean() - trained[~invited].mean())
    assert estimate.n.units_left_out == 0
    assert estimate.notes == (
        "by the last follow-up period 8 of 16 assigned were trained and 4 of 8 not assigned were trained",
        "4 assigned and 2 not assigned were trained in or before the baseline: their change does not hold the "
        "training's effect, and unless the arms are alike in them, effect / take-up is not the effect on takers",
    )


def test_as_assigned_with_covariates_adjusts_the_take_up_too() -> None:
    rng = np.random.default_rng(2)
    n = 400
    age, invited = rng.normal(40, 5, n), rng.random(n) < 0.5
    trained = np.where(invited, age > 38, age > 46)
    kpi = age[:, None] + 2.0 * trained[:, None] * [0.0, 1.0] + rng.normal(0, 1, (n, 2))
    frame = pd.DataFrame(
        {
            "person": np.repeat(np.arange(n), 2),
            "month": np.tile([0, 1], n),
            "sales": kpi.ravel(),
            "start": np.repeat(np.where(trained, 1.0, np.nan), 2),
            "invited": np.repeat(invited.astype(int), 2),
            "age": np.repeat(age, 2),
        }
    )
    panel = at.Panel.from_frame(
        frame,
        unit="person",
        period="month",
        outcome="sales",
        adopted="start",
        assigned="invited",
        covariates=["age"],
    )
    plain = at.did(panel, baseline=[0], followup=[1], as_assigned=True)
    adjusted = at.did(panel, baseline=[0], followup=[1], as_assigned=True, covariates=["age"])
    assert adjusted.value("take_up") == pytest.approx(plain.value("take_up"), abs=0.1)
    # The untrained take-up that the invited would have had, by a regression on age among the others.
    others = np.polyfit(age[~invited], trained[~invited].astype(float), 1)
    regression = at.did(panel, baseline=[0], followup=[1], as_assigned=True, covariates=["age"], adjust="regression")
    expected = trained[invited].mean() - np.polyval(others, age[invited]).mean()
    assert regression.value("take_up") == pytest.approx(expected, rel=1e-10)
    assert regression.value("take_up") != pytest.approx(plain.value("take_up"), abs=1e-4)
    assert effect_on_takers(adjusted).value == pytest.approx(2.0, abs=0.3)


def test_an_analysis_as_assigned_needs_assignments_and_all_of_the_others() -> None:
    with pytest.raises(MethodError, match="does not say who was assigned") as error:
        at.did(staggered(), baseline=[1], followup=[4], as_assigned=True)
    assert "assigned=" in error.value.remedy
    with pytest.raises(MethodError, match="compares with all who were not assigned"):
        at.did(staggered(assigned="invited"), baseline=[1], followup=[4], as_assigned=True, controls="never")
