"""The rows, the arms and the weights of a balance: who counts before, who after, and which columns are shown."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.subjects import cohort_of, subjects
from attribution.diagnostics.balance import balance
from attribution.errors import DataError, MethodError


def people(**columns: Any) -> pd.DataFrame:
    """Return 4 trained and 6 controls, one row each."""
    frame = pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(10)],
            "treat": [1] * 4 + [0] * 6,
            "kpi": np.arange(10.0),
            "age": [30.0, 34, 41, 47, 29, 33, 40, 52, 60, 61],
            "site": ["a", "a", "b", "c", "a", "b", "b", "c", "c", "c"],
            "degree": [1, 0, 1, 1, 0, 0, 1, 1, 0, 0],
        }
    )
    return frame.assign(**columns)


def one_row_each(frame: pd.DataFrame, covariates: list[str], **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="treat", covariates=covariates, kind="cross_section", **options
    )


def given(weights: list[float], estimand: str = "ATT") -> at.Cohort:
    return at.Cohort("given", estimand, np.array(weights, dtype=float))


def test_every_level_of_a_category_has_a_row_and_an_interaction_none() -> None:
    panel = one_row_each(people(), ["age", "site", "degree"])
    found = subjects(panel, covariates=["age", "site", "age:degree"])
    cohort = cohort_of(panel, found, method="made", estimand="ATT", weights=np.ones(10))
    shown = balance(panel, cohort)
    assert [row.variable for row in shown] == ["age", "site[a]", "site[b]", "site[c]"]
    assert [row.kind for row in shown] == ["number", "category", "category", "category"]
    assert shown.unshown == ("age:degree",)
    # Also of what the cohort did not use.
    other = balance(panel, cohort, covariates=["degree"])
    assert [(row.variable, row.kind) for row in other] == [("degree", "binary")]


def test_the_same_deviation_measures_before_and_after() -> None:
    panel = one_row_each(people(), ["age"])
    row = balance(panel, given([1, 1, 1, 1, 1, 1, 2, 1, 0, 0]))["age"]
    trained, control = np.array([30.0, 34, 41, 47]), np.array([29.0, 33, 40, 52, 60, 61])
    deviation = trained.std(ddof=1)
    assert row.deviation == pytest.approx(deviation)
    assert row.before.smd == pytest.approx((trained.mean() - control.mean()) / deviation)
    matched = (29 + 33 + 80 + 52) / 5
    assert row.after.control == pytest.approx(matched)
    assert row.after.smd == pytest.approx((trained.mean() - matched) / deviation)
    assert row.before.variance_ratio == pytest.approx(trained.var(ddof=1) / control.var(ddof=1))


def test_the_estimand_says_whose_deviation_it_is() -> None:
    panel = one_row_each(people(), ["age"])
    weights = [1.0] * 10
    found = {one: balance(panel, given(weights, one)) for one in ("ATT", "ATE", "ATO")}
    assert {one.denominator for one in found.values()} == {"trained", "pooled", "weighted"}
    trained, control = (
        panel.units.covariates["age"][panel.units.adopted == code] for code in (0, panel.units.adopted.max())
    )
    pooled = math.sqrt((trained.var(ddof=1) + control.var(ddof=1)) / 2)
    assert found["ATE"]["age"].deviation == pytest.approx(pooled)
    assert found["ATO"]["age"].deviation == pytest.approx(np.std(panel.units.covariates["age"], ddof=1))


def test_without_a_cohort_after_is_as_before() -> None:
    found = balance(one_row_each(people(), ["age", "site"]))
    assert found.method == ""
    for number in ("trained", "control", "smd", "ks", "ecdf"):
        assert all(getattr(row.before, number) == getattr(row.after, number) for row in found)
    assert "no cohort" in repr(found)


def test_unit_weights_count_before_and_after() -> None:
    frame = people(size=[1, 1, 1, 1, 3, 1, 1, 1, 1, 0])
    panel = one_row_each(frame, ["age"], weight="size")
    found = balance(panel, given([1.0] * 10))
    assert found["age"].before.control == pytest.approx((3 * 29 + 33 + 40 + 52 + 60) / 7)
    # Who has no weight of its own cannot take part.
    assert (found.control.units, found.control.weighted) == (5, 5)
    assert found.control.effective == pytest.approx(49 / 13)


def test_the_panels_own_cohort_is_the_default() -> None:
    panel = one_row_each(people(), ["age"])
    cohort = given([1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    assert balance(panel.with_cohort(cohort)).tidy().equals(balance(panel, cohort).tidy())


def test_who_could_not_take_part_does_not_count_before() -> None:
    frame = people(age=[30.0, 34, 41, np.nan, 29, 33, 40, 52, 60, np.nan])
    panel = one_row_each(frame, ["age"])
    found = subjects(panel, covariates=["age"], missing="complete")
    cohort = cohort_of(panel, found, method="made", estimand="ATT", weights=np.ones(8))
    shown = balance(panel, cohort)
    assert (shown.trained.units, shown.control.units) == (3, 5)
    assert shown["age"].before.trained == pytest.approx(35)
    assert shown["age"].missing == 0
    # With weights given, everybody takes part and those without a value are counted.
    assert balance(panel, given([1.0] * 10))["age"].missing == 2


def test_filled_covariates_are_shown_with_the_column_that_says_so() -> None:
    frame = people(age=[30.0, 34, 41, np.nan, 29, 33, 40, 52, 60, np.nan], site=[None, *people()["site"][1:]])
    panel = one_row_each(frame, ["age", "site"])
    found = subjects(panel, covariates=["age", "site"], missing="indicator")
    cohort = cohort_of(panel, found, method="made", estimand="ATT", weights=np.ones(10))
    shown = balance(panel, cohort)
    assert [row.variable for row in shown] == ["age", "site[a]", "site[b]", "site[c]", "site[missing]", "age missing"]
    mean = np.nanmean(frame["age"])
    assert shown["age"].before.trained == pytest.approx((30 + 34 + 41 + mean) / 4)
    assert shown["age missing"].before.trained == pytest.approx(0.25)
    assert shown["site[missing]"].before.trained == pytest.approx(0.25)


def test_a_panel_shows_the_kpi_at_baseline() -> None:
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"p{number}" for number in range(6)], 4),
            "month": np.tile([1, 2, 3, 4], 6),
            "kpi": np.arange(24.0) ** 2 % 31,
            "start": np.repeat([3, 3, 3, None, None, None], 4),
            "age": np.repeat([30.0, 35, 40, 33, 37, 50], 4),
        }
    )
    panel = at.Panel.from_frame(frame, unit="id", period="month", outcome="kpi", adopted="start", covariates=["age"])
    found = balance(panel, baseline=[1, 2], followup=[3, 4])
    assert [row.variable for row in found] == ["age", "kpi at baseline"]
    assert found["kpi at baseline"].before.trained == pytest.approx((0 + 1 + 16 + 25 + 64 % 31 + 81 % 31) / 6)
    # A cohort that used it has it once, with what it was made from.
    made = subjects(panel, covariates=["age"], baseline=[1, 2], followup=[3, 4], kpi="mean")
    cohort = cohort_of(panel, made, method="made", estimand="ATT", weights=np.ones(6))
    assert [row.variable for row in balance(panel, cohort)] == ["age", "kpi at baseline"]
    assert [row.variable for row in balance(panel, cohort, baseline=[1, 2])] == ["age", "kpi at baseline"]
    path = subjects(panel, covariates=["age"], baseline=[1, 2], followup=[3, 4], kpi="path")
    cohort = cohort_of(panel, path, method="made", estimand="ATT", weights=np.ones(6))
    assert [row.variable for row in balance(panel, cohort)] == ["age", "kpi in 1", "kpi in 2"]


def test_the_weights_name_who_weighs_most() -> None:
    panel = one_row_each(people(), ["age"])
    found = balance(panel, given([1, 1, 1, 1, 1, 1, 2, 0, 0, 0]))
    assert found.control.heaviest == (("p6", 0.5), ("p4", 0.25), ("p5", 0.25))
    assert found.control.effective == pytest.approx(16 / 6)
    assert (found.trained.even, found.control.even) == (True, False)
    table = found.weights().set_index("arm")
    assert table.loc["control", "heaviest"] == "p6"
    assert table.loc["trained", "effective"] == 4


def test_summary_numbers_and_words() -> None:
    panel = one_row_each(people(), ["age", "degree"])
    found = balance(panel, given([1, 1, 1, 1, 1, 1, 2, 1, 0, 0]))
    assert found.worst.variable == "degree"
    assert found.beyond(0.1) == tuple(row.variable for row in found if abs(row.after.smd) > 0.1)
    assert repr(found).startswith("Balance('given', ATT: 2 variables, ")
    html = found._repr_html_()
    assert "smd_after" in html
    assert "heaviest" in html
    tidy = found.tidy().set_index("variable")
    assert tidy.loc["age", "smd_after"] == found["age"].after.smd
    assert len(tidy.columns) == 17


def test_text_in_the_data_is_escaped() -> None:
    frame = people(site=["<b>x</b>", *people()["site"][1:]])
    html = balance(one_row_each(frame, ["site"]), given([1.0] * 10))._repr_html_()
    assert "<b>" not in html


def test_what_cannot_be_compared_is_refused() -> None:
    panel = one_row_each(people(), ["age"])
    with pytest.raises(MethodError, match="no covariate 'agee'"):
        balance(panel, covariates=["agee"])
    with pytest.raises(DataError, match="weights for 10 units"):
        balance(panel, given([1.0, 1.0]))
    with pytest.raises(MethodError, match="no row 'x'"):
        balance(panel)["x"]
    with pytest.raises(MethodError, match="no trained unit"):
        balance(one_row_each(people(treat=0), ["age"]))
    with pytest.raises(MethodError, match="a list, not a Cohort"):
        balance(panel, [1.0] * 10)
    series = pd.DataFrame({"month": range(12), "kpi": 1.0, "start": 6})
    with pytest.raises(MethodError, match="follows no units"):
        balance(at.Panel.from_frame(series, period="month", outcome="kpi", adopted="start", kind="series"))


def test_an_arm_that_loses_all_its_values_has_no_numbers() -> None:
    frame = people(age=[np.nan] * 4 + [29, 33, 40, 52, 60, 61])
    row = balance(one_row_each(frame, ["age"]), given([1.0] * 10))["age"]
    assert math.isnan(row.after.smd)
    assert row.missing == 4
