"""The bracket: between which ends the truth lies, which side it is on, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.estimators.bracket import bracket
from tests.unit.estimators.reverting import WINDOWS, build, frame


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


def test_on_estimated_weights_slope_and_gap_are_those_of_the_weighted_arms() -> None:
    rows = frame()
    rows["size"] = np.sin(rows["person"])
    panel = build(rows, covariates=["size"])
    for make in (at.propensity, at.entropy):
        weighted = panel.with_cohort(make(panel, covariates=["size"], **WINDOWS))
        found = bracket(weighted, **WINDOWS)
        assert found.did.value("effect") == at.did(weighted, **WINDOWS).value("effect")
        apart = found.did.value("effect") - found.lagged.value("effect")
        assert apart == pytest.approx(-(1 - found.slope) * found.gap, rel=1e-10)


def test_on_matches_the_two_differ_by_a_regression_and_are_no_bracket() -> None:
    rows = frame()
    rows["size"] = np.sin(rows["person"])
    panel = build(rows, covariates=["size"])
    matched = panel.with_cohort(at.nearest(panel, covariates=["size"], **WINDOWS))
    with pytest.raises(MethodError, match="did adds a regression"):
        bracket(matched, **WINDOWS)
