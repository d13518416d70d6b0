"""Subclassification: classes of the propensity, filled where an arm is missing, and what cannot be classed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.subclass import subclass
from attribution.errors import MethodError


def frame(n: int = 300, seed: int = 4, lean: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 8, n)
    return pd.DataFrame(
        {
            "rep": np.arange(n),
            "age": age,
            "tenure": rng.gamma(2, 3, n),
            "trained": (rng.random(n) < 1 / (1 + np.exp(1 - lean * (age - 40)))).astype(int),
            "sales": age + rng.normal(size=n),
        }
    )


def build(rows: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(
        rows,
        unit="rep",
        outcome="sales",
        trained="trained",
        covariates=["age", "tenure"],
        kind="cross_section",
    )


def classes(cohort: at.Cohort) -> Any:
    assert cohort.matches is not None
    assert cohort.matches.sets is not None
    return cohort.matches.sets


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_classes_are_quantiles_of_those_the_effect_is_for(estimand: Any) -> None:
    cohort = subclass(build(frame(2000)), covariates=["age", "tenure"], subclasses=5, estimand=estimand)
    assert cohort.propensity is not None
    assert cohort.arms is not None
    score, trained = cohort.propensity.probability, cohort.arms == 1
    base = score[trained] if estimand == "ATT" else score
    borders = np.quantile(base, [0.2, 0.4, 0.6, 0.8])
    assert classes(cohort).tolist() == np.searchsorted(borders, score, side="right").tolist()
    for one in range(5):
        here = classes(cohort) == one
        target = (here & trained).sum() if estimand == "ATT" else here.sum()
        assert cohort.weights[here & ~trained].sum() == pytest.approx(target, rel=1e-12)
        assert cohort.weights[here & trained].sum() == pytest.approx(target, rel=1e-12)


def test_a_class_that_lacks_an_arm_is_filled_and_said_to_be() -> None:
    rows = frame(120, seed=7, lean=0.45)
    cohort = subclass(build(rows), covariates=["age"], subclasses=8)
    assert cohort.matches is not None
    assert cohort.matches.n_sets == 8
    assert (cohort.weights > 0).all()
    assert any("moved to a neighbouring class" in note for note in cohort.notes)
    left = subclass(build(rows), covariates=["age"], subclasses=8, least=0)
    assert left.matches is not None
    assert left.matches.n_sets < 8
    assert {one.reason for one in left.dropped} == {"no control in the same class of propensity"}
    assert any("have no counterpart" in note for note in left.notes)


def test_a_propensity_of_few_values_makes_fewer_classes_and_says_so() -> None:
    rows = frame().assign(age=lambda rows: np.where(rows["age"] > 40, 1.0, 0.0))
    cohort = subclass(build(rows), covariates=["age"], subclasses=6)
    assert cohort.matches is not None
    assert cohort.matches.n_sets == 2
    assert "6 classes were asked for; equal propensities leave 2" in cohort.notes


def test_three_trained_do_not_fill_six_classes() -> None:
    rows = frame(10_003, seed=9)
    rows["trained"] = (np.arange(len(rows)) < 3).astype(int)
    with pytest.raises(MethodError, match="6 classes need 6 units of each arm; there are 3 trained units") as caught:
        subclass(build(rows), covariates=["age"])
    assert "3 classes at most" in caught.value.remedy
    cohort = subclass(build(rows), covariates=["age"], subclasses=3)
    assert cohort.weights[cohort.arms == 0].sum() == pytest.approx(3.0, rel=1e-12)


def test_arms_that_a_covariate_tells_apart_have_no_classes() -> None:
    rows = frame().assign(trained=lambda rows: (rows["age"] > 40).astype(int))
    with pytest.raises(MethodError, match="'age'"):
        subclass(build(rows), covariates=["age", "tenure"])


@pytest.mark.parametrize("options", [{"subclasses": 0}, {"subclasses": 2.5}, {"least": -1}, {"least": True}])
def test_numbers_of_classes_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(MethodError, match="whole number"):
        subclass(build(frame()), covariates=["age"], **options)


def test_the_order_of_rows_changes_nothing() -> None:
    rows = frame()
    one = subclass(build(rows), covariates=["age", "tenure"])
    other = subclass(build(rows.sample(frac=1, random_state=2)), covariates=["age", "tenure"])
    assert one.weights == pytest.approx(other.weights, rel=1e-12)
    assert classes(one).tolist() == classes(other).tolist()
