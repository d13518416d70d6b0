"""Entropy balancing cohorts: exact balance, the spread of weights, and the columns that an error names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.entropy import entropy
from attribution.core.cohort import Cohort
from attribution.errors import MethodError
from attribution.estimators.adjusted import adjusted

NAMES = ["age", "tenure", "site"]


def people(n: int = 400, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age, tenure = rng.normal(size=n), rng.gamma(2, 1, n)
    trained = rng.random(n) < 1 / (1 + np.exp(0.4 - 0.8 * age + 0.3 * (tenure - 2)))
    return pd.DataFrame(
        {
            "person": np.arange(n),
            "age": age,
            "tenure": tenure,
            "site": rng.choice(["n", "s", "w"], n),
            "trained": trained.astype(int),
            "sales": 2 * trained + age - 0.5 * tenure + rng.normal(size=n),
            "weight": rng.uniform(0.5, 2.0, n),
        }
    )


def build(frame: pd.DataFrame, names: list[str] = NAMES, **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="person", outcome="sales", trained="trained", covariates=names, kind="cross_section", **options
    )


def moments(cohort: Cohort, weight: Any, rows: Any) -> Any:
    assert cohort.columns is not None
    own = (cohort.weights * weight)[rows]
    mean = np.average(cohort.columns[rows], axis=0, weights=own)
    return mean, np.average((cohort.columns[rows] - mean) ** 2, axis=0, weights=own)


def refused(panel: at.Panel, *parts: str, names: list[str] = NAMES, **options: Any) -> None:
    with pytest.raises(MethodError) as caught:
        entropy(panel, covariates=names, **options)
    for part in parts:
        assert part in str(caught.value), str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("order", [1, 2])
def test_controls_get_the_moments_of_the_trained(order: Any, weighted: bool) -> None:
    frame = people()
    cohort = entropy(build(frame, weight="weight" if weighted else None), covariates=NAMES, moments=order)
    weight = frame["weight"].to_numpy() if weighted else np.ones(len(frame))
    trained = cohort.arms == 1
    ours, theirs = (moments(cohort, weight, rows) for rows in (~trained, trained))
    assert ours[0] == pytest.approx(theirs[0], abs=1e-10)
    if order == 2:
        assert ours[1] == pytest.approx(theirs[1], abs=1e-10)
    assert (cohort.weights[trained] == 1).all()
    assert np.average(cohort.weights[~trained], weights=weight[~trained]) == pytest.approx(1, rel=1e-10)


def test_both_arms_get_the_means_of_all() -> None:
    frame = people()
    cohort = entropy(build(frame), covariates=NAMES, estimand="ATE")
    assert cohort.columns is not None
    everyone = cohort.columns.mean(axis=0)
    for rows in (cohort.arms == 1, cohort.arms == 0):
        assert moments(cohort, np.ones(len(frame)), rows)[0] == pytest.approx(everyone, abs=1e-10)
        assert cohort.weights[rows].mean() == pytest.approx(1, rel=1e-10)


def test_one_category_alone_is_poststratification() -> None:
    """With the levels of one category alone the weights are the levels' shares among the trained over the controls'."""
    frame = people()
    cohort = entropy(build(frame), covariates=["site"])
    trained = frame["trained"] == 1
    share = frame[trained]["site"].value_counts(normalize=True) / frame[~trained]["site"].value_counts(normalize=True)
    controls = ~trained.to_numpy()
    assert cohort.weights[controls] == pytest.approx(frame["site"].map(share).to_numpy()[controls], rel=1e-9)


def test_a_kpi_that_is_linear_in_the_covariates_is_adjusted_exactly() -> None:
    frame = people()
    frame["sales"] = 3 + 2 * frame["trained"] + frame["age"] - 4 * frame["tenure"] + 5 * (frame["site"] == "s")
    panel = build(frame)
    found = adjusted(panel.with_cohort(entropy(panel, covariates=NAMES)), adjust="none")
    assert found.value("effect") == pytest.approx(2.0, abs=1e-9)


def test_means_taken_as_given_add_no_variance() -> None:
    panel = build(people())
    errors, drawn = {}, {}
    multipliers = np.random.default_rng(1).exponential(size=(3, 400))
    for target in ("population", "sample"):
        cohort = entropy(panel, covariates=NAMES, target=target)
        errors[target] = adjusted(panel.with_cohort(cohort), adjust="none").std_error("effect")
        assert cohort.fit is not None
        controls = cohort.arms == 0
        weights = (cohort.fit.reweight(multipliers) * multipliers)[:, controls]
        assert cohort.columns is not None
        drawn[target] = weights @ cohort.columns[controls] / weights.sum(axis=1, keepdims=True)
        trained = cohort.columns[~controls]
    assert drawn["sample"] == pytest.approx(np.tile(trained.mean(axis=0), (3, 1)), abs=1e-8)
    own = multipliers[:, ~controls]
    assert drawn["population"] == pytest.approx(own @ trained / own.sum(axis=1, keepdims=True), abs=1e-8)
    assert errors["sample"] != pytest.approx(errors["population"], rel=1e-3)


def test_a_mean_beyond_the_controls_is_named() -> None:
    frame = people()
    frame.loc[frame["trained"] == 1, "age"] += 6
    refused(build(frame), "'age' has a mean of", "the controls go from", names=["age", "tenure"])


def test_a_level_that_one_arm_lacks_is_named() -> None:
    frame = people()
    frame.loc[(frame["trained"] == 1) & (frame["site"] == "w"), "site"] = "s"
    refused(build(frame), "'site[w]' has a mean of 0")
    frame = people()
    frame.loc[(frame["trained"] == 0) & (frame["site"] == "w"), "site"] = "s"
    refused(build(frame), "'site[w]'", "the controls go from 0 to 0")


def test_means_that_are_out_of_reach_together_are_named() -> None:
    frame = people()
    trained = frame["trained"] == 1
    # Each mean is within the controls; both together are off the line on which the controls lie.
    rng = np.random.default_rng(3)
    frame["tests"] = frame["age"] + rng.uniform(-0.1, 0.1, len(frame))
    frame.loc[trained, "tests"] = frame.loc[trained, "age"] + 0.5
    with pytest.raises(MethodError) as caught:
        entropy(build(frame, ["age", "tests", "tenure"]), covariates=["age", "tests", "tenure"])
    assert "'age', 'tests'" in str(caught.value)
    assert "tenure" not in str(caught.value)


def test_few_controls_cannot_balance_much() -> None:
    frame = people()
    controls = frame[frame["trained"] == 0].head(3)
    few = pd.concat([frame[frame["trained"] == 1], controls])
    refused(build(few), "controls", moments=2)


def test_options_out_of_range_are_refused() -> None:
    panel = build(people())
    refused(panel, "no estimand 'ATO'", estimand="ATO")
    refused(panel, "moments is 3", moments=3)
    refused(panel, "target is 'all'", target="all")
