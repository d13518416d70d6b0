"""The event study: its coefficients are those of the saturated regression, whatever is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import attribution as at
from attribution.errors import MethodError

PERIODS = 7


def rollout(*, holes: float = 0.0, never: bool = True, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 60
    start = rng.permutation(np.repeat([2, 4, 5] + ([-1] if never else [6]), n // 4))
    person, month = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    since = month - start[person]
    kpi = rng.normal(20, 4, n)[person] + rng.normal(0, 2, PERIODS)[month] + rng.normal(0, 1, len(person))
    kpi += np.where((start[person] >= 0) & (since >= 0), 1.0 + since * start[person] / 4, 0.0)
    frame = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "kpi": kpi,
            "start": np.where(start < 0, np.nan, start)[person],
            "weight": rng.uniform(0.5, 2.0, n)[person],
        }
    )
    return frame[rng.random(len(frame)) >= holes]


def build(frame: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="person", period="month", outcome="kpi", adopted="start", weight="weight", **options
    )


def saturated(frame: pd.DataFrame, cohorts: tuple[int, ...]) -> dict[str, float]:
    """Return the coefficients of a weighted regression on unit, period and cohort-by-period indicators."""
    names, columns = [], []
    for cohort in cohorts:
        for month in range(int(frame["month"].max()) + 1):
            if month != cohort - 1:
                names.append(f"effect[group={cohort},time={month}]")
                columns.append(((frame["start"] == cohort) & (frame["month"] == month)).astype(float))
    effects = [pd.get_dummies(frame[one], dtype=float).iloc[:, skip:] for skip, one in enumerate(("person", "month"))]
    design = pd.concat([*columns, *effects], axis=1).to_numpy()
    fitted = sm.WLS(frame["kpi"].to_numpy(), design, weights=frame["weight"].to_numpy()).fit()
    return dict(zip(names, fitted.params[: len(names)], strict=True))


@pytest.mark.parametrize("holes", [0.0, 0.25])
def test_the_effects_of_cohorts_are_the_coefficients_of_the_saturated_regression(holes: float) -> None:
    frame = rollout(holes=holes)
    estimate = at.event_study(build(frame), aggregate="cells")
    expected = saturated(frame, (2, 4, 5))
    for term, value in expected.items():
        assert estimate.value(term) == pytest.approx(value, abs=1e-9), term
    assert len(expected) == sum(term.startswith("effect[") for term in estimate.terms)


@pytest.mark.parametrize("holes", [0.0, 0.25])
def test_event_times_average_cohorts_by_their_weight(holes: float) -> None:
    frame = rollout(holes=holes)
    estimate = at.event_study(build(frame))
    cells = estimate.aggregate("cells")
    size = frame.groupby("person").first().groupby("start")["weight"].sum()
    for event in (0, 1):
        parts = [(cells.value(f"effect[group={g},time={g + event}]"), size[g]) for g in (2, 4, 5)]
        expected = sum(value * weight for value, weight in parts) / sum(weight for _, weight in parts)
        assert estimate.value(f"effect[event={event}]") == pytest.approx(expected)


def test_on_a_complete_panel_it_is_staggered_against_never_with_a_universal_base() -> None:
    panel = build(rollout())
    mine = at.event_study(panel).tidy(hidden=True)
    theirs = at.staggered(panel, controls="never", base="universal").tidy(hidden=True)
    assert mine.equals(theirs)


def test_who_was_observed_when_is_not_read_as_an_effect() -> None:
    frame = rollout(seed=8)
    # Constant people of very different levels, no effect at all, and the high ones absent now and then.
    frame["kpi"] = 100.0 * frame["person"]
    rng = np.random.default_rng(2)
    frame = frame[(frame["person"] % 3 > 0) | (rng.random(len(frame)) < 0.6)]
    assert at.event_study(build(frame)).values[[0, 1]] == pytest.approx([0.0, 0.0], abs=1e-8)
    assert abs(at.staggered(build(frame), unbalanced="rows").value("effect")) > 1.0


def test_the_untrained_level_is_that_of_a_complete_panel() -> None:
    frame = rollout(holes=0.3)
    panel = build(frame)
    estimate = at.event_study(panel, aggregate="simple")
    shown = estimate.tidy(hidden=True).set_index("term")
    assert shown.loc["untrained_level", "estimate"] == pytest.approx(20.0, abs=3.0)
    percent = estimate.percent()
    assert percent.estimate == pytest.approx(estimate.value("effect") / estimate.value("untrained_level"))


def test_the_last_cohort_stands_for_the_untrained_until_its_training() -> None:
    frame = rollout(never=False)
    estimate = at.event_study(build(frame), controls="last", aggregate="cells")
    kept = frame[frame["month"] < 6]
    for term, value in saturated(kept, (2, 4, 5)).items():
        assert estimate.value(term) == pytest.approx(value, abs=1e-9), term
    assert not any("group=6" in term or "time=6" in term for term in estimate.terms)


def test_without_anybody_never_trained_the_remedy_is_named() -> None:
    with pytest.raises(MethodError, match="never trained") as error:
        at.event_study(build(rollout(never=False)))
    assert "controls='last'" in error.value.remedy


def test_periods_that_no_unit_links_are_left_out_and_named() -> None:
    frame = rollout()
    early, late = frame["month"] < 3, frame["person"] % 2 == 0
    estimate = at.event_study(build(frame[early == late]), aggregate="cells")
    # People seen early are never seen late: only cells within each half have a comparison.
    assert all("group=5,time=0" not in term and "group=2,time=6" not in term for term in estimate.terms)
    assert any("no comparison" in note for note in estimate.notes)


def test_too_many_periods_with_missing_values_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attribution.estimators.rollouts.within.LARGEST", 1000)
    with pytest.raises(MethodError, match="since values are missing") as error:
        at.event_study(build(rollout(holes=0.1)))
    assert "staggered" in error.value.remedy
    assert np.isfinite(at.event_study(build(rollout())).value("effect"))
