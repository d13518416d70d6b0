"""Exact matching: who is compared, with which weight, and why the others are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.exact import exact
from attribution.errors import DataError, MethodError

ROWS = pd.DataFrame(
    {
        "rep": ["t1", "t2", "t3", "t4", "c1", "c2", "c3", "c4"],
        "trained": [1, 1, 1, 1, 0, 0, 0, 0],
        "site": ["a", "a", "b", "d", "a", "b", "b", "e"],
        "grade": [1, 1, 1, 2, 1, 1, 1, 2],
        "size": [2.0, 1.0, 1.0, 1.0, 1.0, 3.0, 1.0, 1.0],
        "sales": np.arange(8.0),
    }
)


def build(rows: pd.DataFrame = ROWS, **more: Any) -> at.Panel:
    return at.Panel.from_frame(
        rows, unit="rep", outcome="sales", trained="trained", covariates=["site", "grade"], kind="cross_section", **more
    )


def weights(panel: at.Panel, cohort: at.Cohort) -> dict[str, float]:
    return dict(zip(panel.units.label, cohort.weights.tolist(), strict=True))


def test_controls_weigh_the_trained_of_their_stratum() -> None:
    panel = build()
    found = weights(panel, exact(panel, covariates=["site", "grade"]))
    assert found == {"t1": 1, "t2": 1, "t3": 1, "t4": 0, "c1": 2, "c2": 0.5, "c3": 0.5, "c4": 0}


def test_both_arms_stand_for_their_stratum_where_the_effect_is_that_of_all() -> None:
    panel = build()
    cohort = exact(panel, covariates=["site"], estimand="ATE")
    assert cohort.estimand == "ATE"
    assert weights(panel, cohort) == {"t1": 1.5, "t2": 1.5, "t3": 3, "t4": 0, "c1": 3, "c2": 1.5, "c3": 1.5, "c4": 0}


def test_units_count_by_their_own_weights() -> None:
    panel = build(weight="size")
    found = weights(panel, exact(panel, covariates=["site"]))
    assert found["c1"] == 3.0
    assert found["c2"] == found["c3"] == 0.25


def test_who_has_no_counterpart_is_dropped_with_the_reason_and_the_effect_restated() -> None:
    panel = build()
    cohort = exact(panel, covariates=["site", "grade"])
    assert [(one.arm, one.reason, one.units) for one in cohort.dropped] == [
        ("trained", "no control with the same site, grade", 1),
        ("control", "no trained unit with the same site, grade", 1),
    ]
    assert "1 of 4 trained have no counterpart: the effect is that of the other 3, not of all trained" in cohort.notes
    assert cohort.candidates is not None
    assert cohort.candidates.all()


def test_sets_are_the_strata_and_have_no_links() -> None:
    panel = build()
    matches = exact(panel, covariates=["site", "grade"]).matches
    assert matches is not None
    assert matches.sets is not None
    assert dict(zip(panel.units.label, matches.sets.tolist(), strict=True)) == {
        "t1": 0, "t2": 0, "c1": 0, "t3": 1, "c2": 1, "c3": 1, "t4": -1, "c4": -1,
    }  # fmt: skip
    assert matches.n_sets == 2
    assert not len(matches.trained)


def test_the_order_of_rows_changes_nothing() -> None:
    one, other = build(), build(ROWS.sample(frac=1, random_state=1))
    assert weights(one, exact(one, covariates=["site"])) == weights(other, exact(other, covariates=["site"]))


def test_covariates_that_nobody_shares_are_an_error_with_the_numbers() -> None:
    rows = ROWS.assign(site=[f"s{one}" for one in range(8)], grade=np.arange(8.0))
    with pytest.raises(MethodError, match="no trained unit has a control with the same grade") as caught:
        exact(build(rows), covariates=["grade"])
    assert "4 trained and 4 controls in 8 strata" in caught.value.what
    assert "coarsened" in caught.value.remedy


def test_a_product_makes_no_strata() -> None:
    with pytest.raises(MethodError, match="'site:grade' is a product") as caught:
        exact(build(), covariates=["site", "site:grade"])
    assert "'site', 'grade'" in caught.value.remedy


def test_missing_values_are_refused_or_a_value_of_their_own() -> None:
    rows = ROWS.assign(site=["a", "a", None, "d", "a", None, "b", "e"])
    with pytest.raises(DataError, match="site"):
        exact(build(rows), covariates=["site"])
    panel = build(rows)
    found = weights(panel, exact(panel, covariates=["site"], missing="indicator"))
    assert found["t3"] == 1.0
    assert found["c2"] == 1.0
    dropped = exact(panel, covariates=["site"], missing="complete").dropped
    assert ("trained", "no value of site") in [(one.arm, one.reason) for one in dropped]


def test_on_a_panel_the_arms_are_those_of_the_windows() -> None:
    rows = pd.DataFrame(
        [
            (unit, month, 1.0 + month, start, site)
            for unit, start, site in ((0, 2, "a"), (1, None, "a"), (2, 2, "b"), (3, 3, "b"), (4, 1, "a"))
            for month in range(1, 4)
        ],
        columns=["rep", "month", "sales", "start", "site"],
    )
    panel = at.Panel.from_frame(rows, unit="rep", period="month", outcome="sales", adopted="start", covariates=["site"])
    cohort = exact(panel, covariates=["site"], baseline=[1], followup=[2])
    assert cohort.weights.tolist() == [1, 1, 1, 1, 0]
    assert cohort.arms is not None
    assert cohort.arms.tolist() == [1, 0, 1, 0, -1]


def test_covariates_that_say_the_same_are_no_obstacle() -> None:
    panel = build(ROWS.assign(grade=lambda rows: rows["site"].map({"a": 1, "b": 2, "d": 3, "e": 4})))
    both, one = exact(panel, covariates=["site", "grade"]), exact(panel, covariates=["site"])
    assert both.weights.tolist() == one.weights.tolist()
