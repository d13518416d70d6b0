"""Covariates as a design: numbers, categories, interactions; every fault is named with its column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.covariates import covariate_matrix
from attribution.errors import DataError, MethodError


def make(**columns: Any) -> at.Panel:
    """Return twelve people in two periods, four trained in the second, with covariates by person."""
    people = 12
    frame = pd.DataFrame(
        {
            "person": np.repeat(np.arange(people), 2),
            "month": np.tile([0, 1], people),
            "kpi": np.arange(2.0 * people),
            "start": np.repeat(np.where(np.arange(people) < 4, 1.0, np.nan), 2),
        }
    )
    for name, values in columns.items():
        frame[name] = np.repeat(pd.Series(values), 2).to_numpy()
    return at.Panel.from_frame(
        frame, unit="person", period="month", outcome="kpi", adopted="start", covariates=list(columns)
    )


EVERYBODY = np.ones(12, dtype=bool)
AGE = np.array([31.0, 45, 28, 39, 50, 33, 41, 29, 36, 47, 52, 30])
SITE = list("cabcabcabcab")


def test_numbers_categories_and_interactions() -> None:
    panel = make(age=AGE, site=SITE, senior=AGE > 40)
    design, labels = covariate_matrix(panel, ["age", "site", "site:age", "senior"], EVERYBODY)
    b, c = (np.array([one == level for one in SITE], dtype=float) for level in "bc")
    assert labels == ("intercept", "age", "site[b]", "site[c]", "site[b]:age", "site[c]:age", "senior")
    expected = [np.ones(12), AGE, b, c, b * AGE, c * AGE, AGE > 40]
    assert (design == np.column_stack(expected)).all()
    assert design.dtype == np.float64


def test_without_covariates_there_is_the_intercept() -> None:
    design, labels = covariate_matrix(make(age=AGE), [], EVERYBODY)
    assert (labels, design.tolist()) == (("intercept",), [[1.0]] * 12)


def test_units_outside_may_hold_anything_and_are_zero() -> None:
    age = AGE.copy()
    age[[0, 11]] = np.nan
    site = [None, *SITE[1:-1], "elsewhere"]
    inside = ~np.isnan(age)
    design, labels = covariate_matrix(make(age=age, site=site), ["age", "site"], inside)
    assert labels == ("intercept", "age", "site[b]", "site[c]")
    assert (design[~inside] == 0).all()
    assert (design[inside, 1] == AGE[inside]).all()


def test_a_name_with_a_colon_is_the_covariate_of_that_name() -> None:
    panel = make(**{"age:now": AGE, "age": AGE**2})
    assert covariate_matrix(panel, ["age:now", "age"], EVERYBODY)[1] == ("intercept", "age:now", "age")


@pytest.mark.parametrize(
    ("names", "what", "remedy"),
    [
        (["agee"], "there is no covariate 'agee'", "did you mean 'age'"),
        (["age:sitte"], "there is no covariate 'sitte'", "did you mean 'site'"),
        (["zzz"], "there is no covariate 'zzz'", "choose from age, site"),
        ("age", "covariates is the text 'age'", "covariates=['age']"),
        (["age", "age"], "'age' stands twice", "once"),
    ],
)
def test_a_wrong_name_is_refused_with_the_nearest(names: Any, what: str, remedy: str) -> None:
    with pytest.raises(MethodError) as error:
        covariate_matrix(make(age=AGE, site=SITE), names, EVERYBODY)
    assert what in error.value.what
    assert remedy in error.value.remedy


def test_of_many_covariates_an_error_lists_a_few() -> None:
    with pytest.raises(MethodError) as error:
        covariate_matrix(make(**{f"d{place}": AGE for place in range(40)}), ["zzz"], EVERYBODY)
    assert "d10, d11 and 28 more; covariates are read by" in error.value.remedy


def test_a_panel_without_covariates_says_how_to_read_them() -> None:
    with pytest.raises(MethodError) as error:
        covariate_matrix(make(), ["age"], EVERYBODY)
    assert "the panel has none" in error.value.remedy
    assert "from_frame(covariates=" in error.value.remedy


@pytest.mark.parametrize(
    ("name", "values"), [("age", [np.nan, *AGE[1:11], np.nan]), ("site", [None, *SITE[1:11], None])]
)
def test_missing_values_are_counted_with_an_example(name: str, values: list[Any]) -> None:
    with pytest.raises(DataError) as error:
        covariate_matrix(make(**{name: values}), [name], EVERYBODY)
    assert error.value.what == "2 of 12 units that enter have no value before adoption; for example, person 0"
    assert error.value.where == f"covariate {name!r}"
    assert "leave the covariate out" in error.value.remedy


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("age", np.full(12, 40.0), "'age' is the same for all 12 units (40)"),
        ("site", ["a"] * 12, "'site[a]' is the same for all 12 units (1)"),
    ],
)
def test_a_constant_is_refused(name: str, values: Any, what: str) -> None:
    with pytest.raises(DataError) as error:
        covariate_matrix(make(**{name: values}), [name], EVERYBODY)
    assert error.value.what == what


def test_a_combination_of_others_is_named_with_what_it_repeats() -> None:
    panel = make(age=AGE, born=2026 - AGE, tenure=AGE**2, site=SITE, east=[one == "c" for one in SITE])
    with pytest.raises(DataError) as error:
        covariate_matrix(panel, ["tenure", "age", "born"], EVERYBODY)
    assert error.value.what == "column 'born' is a linear combination of 'age'"
    with pytest.raises(DataError, match=r"column 'east' is a linear combination of 'site\[c\]'"):
        covariate_matrix(panel, ["age", "site", "east"], EVERYBODY)


def test_more_columns_than_units_are_refused() -> None:
    panel = make(name=[f"n{one:02d}" for one in range(12)])
    with pytest.raises(DataError) as error:
        covariate_matrix(panel, ["name"], EVERYBODY)
    assert error.value.what.startswith("12 columns ('intercept', 'name[n01]', ")
    assert error.value.what.endswith(" …) for 12 units")
