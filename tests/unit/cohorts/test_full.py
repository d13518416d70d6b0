"""Full matching: everybody is in a set of one and several, unless a caliper or exact covariates forbid it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.full import full
from attribution.cohorts.optimal import optimal
from attribution.errors import MethodError
from attribution.numerics import assignment


def frame(n: int = 200, seed: int = 6, lean: float = 0.12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 8, n)
    return pd.DataFrame(
        {
            "rep": [f"{one:05d}" for one in range(n)],
            "age": age,
            "tenure": rng.gamma(2, 3, n),
            "site": rng.choice(["a", "b"], n),
            "size": rng.uniform(0.5, 2.0, n),
            "trained": (rng.random(n) < 1 / (1 + np.exp(1 - lean * (age - 40)))).astype(int),
            "sales": age + rng.normal(size=n),
        }
    )


def build(rows: pd.DataFrame, **more: Any) -> at.Panel:
    return at.Panel.from_frame(
        rows,
        unit="rep",
        outcome="sales",
        trained="trained",
        covariates=["age", "tenure", "site"],
        kind="cross_section",
        **more,
    )


def sets_of(cohort: at.Cohort) -> Any:
    assert cohort.matches is not None
    assert cohort.matches.sets is not None
    return cohort.matches.sets


def arm_counts(cohort: at.Cohort) -> tuple[Any, Any]:
    sets, arms = sets_of(cohort), cohort.arms
    assert arms is not None
    inside, size = sets >= 0, int(sets.max()) + 1
    trained, control = (np.bincount(sets[inside & (arms == code)], minlength=size) for code in (1, 0))
    return trained, control


@pytest.mark.parametrize("distance", ["logit", "propensity", "mahalanobis"])
def test_everybody_is_in_a_set_of_one_and_several(distance: Any) -> None:
    cohort = full(build(frame()), covariates=["age", "tenure"], distance=distance)
    assert (sets_of(cohort) >= 0).all()
    assert not cohort.dropped
    trained, control = arm_counts(cohort)
    assert (np.minimum(trained, control) == 1).all()


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_arms_weigh_the_same_in_every_set_by_the_units_own_weights(estimand: Any) -> None:
    panel = build(frame(), weight="size")
    cohort = full(panel, covariates=["age"], estimand=estimand)
    whole, sets = panel.units.weight * cohort.weights, sets_of(cohort)
    mine, theirs = (np.bincount(sets[cohort.arms == code], whole[cohort.arms == code]) for code in (1, 0))
    assert mine == pytest.approx(theirs, rel=1e-12)
    if estimand == "ATT":
        assert (cohort.weights[cohort.arms == 1] == 1).all()


def test_nobody_is_farther_than_in_pairs_and_many_are_nearer() -> None:
    panel = build(frame(lean=0.25))
    whole, pairs = full(panel, covariates=["age", "tenure"]), optimal(panel, covariates=["age", "tenure"])
    assert whole.propensity is not None
    index = whole.propensity.design @ whole.propensity.coefficients

    def apart(cohort: at.Cohort) -> float:
        """Return the mean logit of the trained less that of the weighted controls."""
        arms = cohort.arms
        means = [np.average(index[arms == code], weights=cohort.weights[arms == code]) for code in (1, 0)]
        return abs(float(means[0] - means[1]))

    assert apart(whole) < 0.2 * apart(pairs)


def test_a_caliper_and_exact_covariates_leave_out_whom_they_forbid() -> None:
    rows = frame(lean=0.25)
    rows.loc[rows.index[rows["trained"] == 1][:2], "site"] = "c"
    panel = build(rows)
    cohort = full(panel, covariates=["age", "tenure"], caliper=0.05, exact=["site"])
    reasons = {(one.arm, one.reason): one.units for one in cohort.dropped}
    assert reasons["trained", "no control with the same site"] == 2
    assert reasons["trained", "no control within the caliper"] > 0
    assert reasons["control", "no trained unit within the caliper"] > 0
    site, sets = panel.units.covariates["site"], sets_of(cohort)
    assert all(len(set(site[sets == one])) == 1 for one in range(sets.max() + 1))
    trained, control = arm_counts(cohort)
    assert (np.minimum(trained, control) == 1).all()
    assert any("have no counterpart" in note for note in cohort.notes)


def test_the_order_of_rows_changes_nothing() -> None:
    rows = frame()
    one = full(build(rows), covariates=["age", "tenure"])
    other = full(build(rows.sample(frac=1, random_state=3)), covariates=["age", "tenure"])
    assert sets_of(one).tolist() == sets_of(other).tolist()


def test_three_trained_and_ten_thousand_controls() -> None:
    rows = frame(10_003)
    rows["trained"] = (np.arange(len(rows)) < 3).astype(int)
    cohort = full(build(rows), covariates=["age", "tenure"])
    assert cohort.matches is not None
    assert cohort.matches.n_sets == 3
    assert cohort.weights[cohort.arms == 0].sum() == pytest.approx(3.0)


def test_identical_covariates_share_the_work() -> None:
    rows = frame(60).assign(age=lambda rows: np.where(rows["age"] > 40, 1.0, 0.0))
    panel = build(rows)
    cohort = full(panel, covariates=["age"])
    trained, control = arm_counts(cohort)
    # Nobody stands for many while others stand for few: at one place, set sizes differ by one at most.
    for place in (0.0, 1.0):
        here = np.unique(sets_of(cohort)[panel.units.covariates["age"] == place])
        assert np.ptp((trained + control)[here]) <= 1


def test_nobody_within_the_caliper_is_an_error_with_the_reasons() -> None:
    rows = frame(40).assign(age=lambda rows: rows["trained"] * 4.0 + np.arange(40) * 0.001)
    rows.loc[[0, 1], "age"] = [0.0, 4.0]
    rows.loc[[0, 1], "trained"] = [1, 0]
    with pytest.raises(MethodError, match="no trained unit has a match") as caught:
        full(build(rows), covariates=["age"], caliper=1e-7)
    assert "no control within the caliper" in caught.value.what


def test_too_many_pairs_are_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "LARGEST", 100)
    with pytest.raises(MethodError, match="pairs of a trained and a control unit") as caught:
        full(build(frame().assign(age=lambda rows: (rows["age"] > 40) * 1.0)), covariates=["age"])
    assert "subclass" in caught.value.remedy
