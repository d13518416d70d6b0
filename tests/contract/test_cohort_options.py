"""A cohort method refuses what its options do not know, instead of taking it for something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.registry import COHORTS, load

NAMES = ["age", "tenure"]


def build() -> at.Panel:
    rng = np.random.default_rng(4)
    n = 120
    age, tenure = rng.normal(40, 8, n).round(-1), rng.gamma(2, 3, n).round()
    trained = (rng.random(n) < 1 / (1 + np.exp(0.5 - 0.05 * (age - 40)))).astype(int)
    rows = pd.DataFrame({"rep": range(n), "age": age, "tenure": tenure, "trained": trained, "sales": age + trained})
    return at.Panel.from_frame(
        rows, unit="rep", outcome="sales", trained="trained", covariates=NAMES, kind="cross_section"
    )


@pytest.mark.parametrize("method", COHORTS)
@pytest.mark.parametrize("option", [{"missing": "drop"}, {"kpi": "last"}])
def test_words_that_no_cohort_knows(method: str, option: dict[str, Any]) -> None:
    name = next(iter(option))
    with pytest.raises(MethodError, match=f"{name} is {option[name]!r}"):
        load(COHORTS, method, kind="cohort")(build(), covariates=NAMES, **option)


@pytest.mark.parametrize("method", ["coarsened", "entropy", "exact", "full", "subclass"])
@pytest.mark.parametrize("estimand", ["ATO", "att"])
def test_an_estimand_that_the_method_does_not_have(method: str, estimand: str) -> None:
    # Of these any word but ATT was once taken for the ATE.
    with pytest.raises(MethodError, match=f"estimand.*{estimand!r}"):
        load(COHORTS, method, kind="cohort")(build(), covariates=NAMES, estimand=estimand)


@pytest.mark.parametrize(
    ("method", "option", "said"),
    [
        ("nearest", {"caliper": 0.2, "caliper_on": "score"}, "caliper_on is 'score'"),
        ("nearest", {"caliper": "0.2"}, "caliper is '0.2'"),
        ("nearest", {"replacement": "no"}, "replacement is 'no'"),
        ("nearest", {"tolerance": "1"}, "tolerance is '1'"),
        ("nearest", {"exact": "age"}, "exact is the text 'age'"),
        ("nearest", {"exact": ["agee"]}, "exact: there is no covariate 'agee'"),
        ("propensity", {"keep": 0.1}, "0.1 is no range"),
        ("propensity", {"cap": "0.9"}, "'0.9' is no quantile"),
    ],
)
def test_values_of_another_kind(method: str, option: dict[str, Any], said: str) -> None:
    with pytest.raises(MethodError, match=said):
        load(COHORTS, method, kind="cohort")(build(), covariates=NAMES, **option)


@pytest.mark.parametrize("caliper", [np.float32(0.5), np.int64(1), 1])
def test_numbers_of_numpy_are_numbers(caliper: Any) -> None:
    assert at.nearest(build(), covariates=NAMES, caliper=caliper).method == "nearest"
