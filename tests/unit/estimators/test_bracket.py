"""The bracket: between which ends the truth lies, which side it is on, and when there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.estimators.bracket import bracket

WINDOWS: dict[str, Any] = {"baseline": [0, 1], "followup": [2, 3]}


def frame(kind: str = "ignorable", *, people: int = 200, noise: float = 1.0, effect: float = 2.0) -> pd.DataFrame:
    """Return people whose KPI reverts to the mean and whose lower half is trained, or who keep their levels.

    `ignorable`: follow-up = half of the baseline plus noise, trained by the baseline alone. `parallel`: fixed levels.
    """
    rng = np.random.default_rng(2)
    level = rng.normal(0, 3, people)
    trained = level < np.median(level) if kind == "ignorable" else np.arange(people) < people // 2
    if kind == "parallel":
        level = level - 3.0 * trained
    later = 0.5 * level if kind == "ignorable" else level
    base = np.stack([level, level, later + 1.0, later + 1.0], axis=1)
    base[:, 2:] += (noise * rng.normal(0, 1, people) + effect * trained)[:, None]
    if kind == "parallel":
        base[:, :2] += noise * rng.normal(0, 1, (people, 1))
    person, month = np.repeat(np.arange(people), 4), np.tile(np.arange(4), people)
    start = np.where(trained, 2.0, np.nan)
    return pd.DataFrame({"person": person, "month": month, "start": start[person], "kpi": base.ravel()})


def build(rows: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(rows, unit="person", period="month", outcome="kpi", adopted="start", **options)


def test_the_bracket_is_the_identity_of_slope_and_gap() -> None:
    found = bracket(build(frame()), **WINDOWS)
    first, second = found.did.value("effect"), found.lagged.value("effect")
    assert first - second == pytest.approx(-(1 - found.slope) * found.gap, rel=1e-10)
    assert found.ends == (second, first)
    assert found.gap < 0
    assert found.holds


@pytest.mark.parametrize("kind", ["ignorable", "parallel"])
def test_the_truth_lies_in_the_bracket_whichever_is_right(kind: str) -> None:
    found = bracket(build(frame(kind, people=4000)), **WINDOWS)
    low, high = found.ends
    # Within four standard errors, as either end is an estimate.
    slack = 4 * max(found.did.std_error("effect"), found.lagged.std_error("effect"))
    assert low - slack <= 2.0 <= high + slack
    right = found.lagged if kind == "ignorable" else found.did
    wrong = found.did if kind == "ignorable" else found.lagged
    assert abs(right.value("effect") - 2.0) <= slack < abs(wrong.value("effect") - 2.0)


def test_the_sentence_says_which_side() -> None:
    lower = bracket(build(frame()), **WINDOWS).sentence
    assert "the trained started lower" in lower
    assert "did too high where lagged is right" in lower
    mirrored = bracket(build(frame().assign(kpi=lambda rows: -rows["kpi"])), **WINDOWS).sentence
    assert "the trained started higher" in mirrored
    assert "did too low where lagged is right" in mirrored


def test_a_slope_of_one_or_more_is_no_bracket() -> None:
    rows = frame(noise=0.1)
    rows["kpi"] = np.where(rows["month"] >= 2, 4.0 * rows["kpi"], rows["kpi"])
    found = bracket(build(rows), **WINDOWS)
    assert not found.holds
    assert "no bracket" in found.sentence


def test_the_interval_is_the_union_and_undefined_where_one_is() -> None:
    found = bracket(build(frame()), **WINDOWS)
    ends = found.tidy()
    assert found.interval().low == ends["conf_low"].min()
    assert found.interval().high == ends["conf_high"].max()
    rows = frame(people=12)
    rows["team"] = np.where(rows["start"] == 2, 0, rows["person"])
    assert bracket(build(rows, cluster="team"), **WINDOWS).interval().kind == "undefined"
    assert found._repr_html_().count("<tr>") == 3
