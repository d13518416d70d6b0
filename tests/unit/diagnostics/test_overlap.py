"""Who has nobody like them in the other arm, by estimand, and where the propensity comes from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.cohorts.propensity import propensity
from attribution.core.cohort import Propensity
from attribution.diagnostics.overlap import overlap
from attribution.errors import MethodError

SCORES = np.array([0.95, 0.85, 0.5, 0.02, 0.8, 0.5, 0.3, 0.05])
"""Of four trained and four controls."""


@pytest.fixture(scope="module")
def panel() -> at.Panel:
    frame = pd.DataFrame(
        {
            "id": list("abcdefgh"),
            "kpi": 1.0,
            "treat": [1] * 4 + [0] * 4,
            "age": [30.0, 40, 50, 60, 20, 30, 40, 52],
            "office": [1, 1, 1, 1, 0, 0, 0, 0],
        }
    )
    return at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="treat", covariates=["age", "office"], kind="cross_section"
    )


def scored(scores: NDArray[np.float64], weights: NDArray[np.float64], estimand: str) -> at.Cohort:
    empty = np.zeros((len(scores), 1))
    record = Propensity(("intercept",), np.zeros(1), np.zeros(1), 0.0, scores, empty, empty)
    return at.Cohort("given", estimand, weights, propensity=record)


def test_the_effect_on_the_trained(panel: at.Panel) -> None:
    found = overlap(panel, scored(SCORES, np.ones(8), "ATT"))
    assert [(one.unit, one.why) for one in found.outside] == [
        ("d", "below every control"),
        ("a", "above every control"),
        ("b", "above every control"),
    ]
    assert {one.arm for one in found.outside} == {"trained"}
    assert found.common == (0.05, 0.8)
    assert found.own


def test_above_nine_tenths_is_named_though_a_control_is_there(panel: at.Panel) -> None:
    scores = SCORES.copy()
    scores[4] = 0.97
    found = overlap(panel, scored(scores, np.ones(8), "ATT"))
    assert [(one.unit, one.why) for one in found.outside] == [("d", "below every control"), ("a", "above 0.9")]


def test_who_was_left_out_is_not_outside_and_unused_controls_still_count(panel: at.Panel) -> None:
    # The trained a, b and d are out; the control with .8 has no weight, and is there all the same.
    weights = np.array([0.0, 0, 1, 0, 0, 1, 1, 1])
    found = overlap(panel, scored(SCORES, weights, "ATT"))
    assert found.outside == ()
    assert found.common == (0.05, 0.8)
    table = found.tidy().set_index("arm")
    assert table.loc["trained", ["units", "weighted", "outside"]].tolist() == [4, 1, 0]
    assert table.loc["control", "highest"] == 0.8


def test_the_effect_on_all(panel: at.Panel) -> None:
    found = overlap(panel, scored(SCORES, np.ones(8), "ATE"))
    assert {(one.unit, one.arm) for one in found.outside} == {("d", "trained"), ("a", "trained"), ("h", "control")}
    assert {one.why for one in found.outside} == {"outside 0.1 to 0.9"}


def test_the_ends_of_the_range_are_inside(panel: at.Panel) -> None:
    scores = np.array([0.9, 0.1, 0.5, 0.5, 0.9, 0.1, 0.5, 0.5])
    assert overlap(panel, scored(scores, np.ones(8), "ATE")).outside == ()
    assert overlap(panel, scored(scores, np.ones(8), "ATT")).outside == ()


def test_overlap_weights_leave_nobody_outside(panel: at.Panel) -> None:
    assert overlap(panel, scored(SCORES, np.ones(8), "ATO")).outside == ()


def test_arms_apart_have_no_common_range(panel: at.Panel) -> None:
    scores = np.array([0.8, 0.8, 0.7, 0.9, 0.1, 0.2, 0.1, 0.3])
    found = overlap(panel, scored(scores, np.ones(8), "ATT"))
    assert len(found.outside) == 4
    assert "no common range" in repr(found)


def test_without_a_propensity_one_is_fitted(panel: at.Panel) -> None:
    made = propensity(panel, covariates=["age"])
    own = overlap(panel, made)
    fitted = overlap(panel, covariates=["age"])
    assert (own.own, fitted.own) == (True, False)
    assert fitted.probability == pytest.approx(own.probability, rel=1e-8)
    # From the columns of a cohort that needed none.
    bare = at.Cohort("made", "ATT", np.ones(8), labels=made.labels, columns=made.columns, candidates=made.candidates)
    assert overlap(panel, bare).probability == pytest.approx(own.probability, rel=1e-8)
    assert "a logit of the covariates" in fitted._repr_html_()


def test_what_tells_the_arms_apart_is_an_error(panel: at.Panel) -> None:
    with pytest.raises(MethodError, match="does not exist"):
        overlap(panel, covariates=["office"])
    with pytest.raises(MethodError, match="which covariates"):
        overlap(panel, at.Cohort("given", "ATT", np.ones(8)))
