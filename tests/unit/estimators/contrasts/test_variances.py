"""Named variances given covariates: where they apply, and what they ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.estimators.adjusted import adjusted


def panel(*, once: bool = True, cluster: bool = False, holes: bool = False) -> at.Panel:
    rng = np.random.default_rng(6)
    age, trained = rng.normal(40, 5, 60), np.arange(60) % 3 == 0
    unit, month = np.repeat(np.arange(60), 3), np.tile(np.arange(3), 60)
    frame = pd.DataFrame(
        {
            "person": unit,
            "month": month,
            "team": unit // 5,
            "age": age[unit],
            "trained": trained[unit].astype(int),
            "start": np.where(trained, 2.0, np.nan)[unit],
            "kpi": rng.normal(size=180) + 0.1 * age[unit] + (month == 2) * trained[unit],
        }
    )
    shared: dict[str, Any] = {"unit": "person", "outcome": "kpi", "covariates": ["age"]}
    shared["cluster"] = "team" if cluster else None
    if once:
        frame = frame[frame["month"] == 2]
        return at.Panel.from_frame(frame, trained="trained", kind="cross_section", **shared)
    if holes:
        frame = frame.drop(index=[1, 10, 40])
    return at.Panel.from_frame(frame, period="month", adopted="start", **shared)


WINDOWS: dict[str, Any] = {"baseline": [0, 1], "followup": [2]}


def test_clusters_are_summed_and_counted() -> None:
    found = {
        name: adjusted(panel(cluster=True), covariates=["age"], variance=name).std_error("effect")
        for name in ("CR0", "CR1", "CR1S")
    }
    one = adjusted(panel(cluster=True), covariates=["age"], variance="CR0")
    assert found["CR0"] == pytest.approx(np.sqrt((one.cluster_influence()[:, 0] ** 2).sum()))
    assert found["CR1"] == pytest.approx(found["CR0"] * np.sqrt(12 / 11))
    # Two regressions of two coefficients.
    assert found["CR1S"] == pytest.approx(found["CR0"] * np.sqrt(12 / 11 * 59 / 56))
    assert one.stratum_df.tolist() == [11.0]


def test_units_are_not_independent_under_clusters() -> None:
    with pytest.raises(MethodError, match="takes person as independent, but team is the cluster"):
        adjusted(panel(cluster=True), covariates=["age"], variance="HC1")


@pytest.mark.parametrize("variance", ["classical", "HC2", "HC3"])
def test_leverages_are_those_of_a_regression_alone(variance: Any) -> None:
    for options in ({}, {"adjust": "ipw"}, {"adjust": "doubly_robust"}):
        with pytest.raises(MethodError, match="more is estimated here") as error:
            adjusted(panel(), covariates=["age"], variance=variance, **options)
        assert "target='sample'" in error.value.remedy
    assert adjusted(panel(), covariates=["age"], target="sample", variance=variance).std_error("effect") > 0
    with pytest.raises(MethodError, match="periods are missing"):
        adjusted(panel(once=False, holes=True), covariates=["age"], adjust="ancova", variance=variance, **WINDOWS)


def test_one_residual_is_of_one_outcome() -> None:
    with pytest.raises(MethodError, match="change and effect are of different outcomes"):
        adjusted(panel(once=False), covariates=["age"], adjust="ancova", variance="classical", **WINDOWS)


@pytest.mark.parametrize("variance", ["HC2", "HC3"])
def test_the_change_has_the_leverages_of_its_own_mean(variance: Any) -> None:
    found = adjusted(panel(once=False), covariates=["age"], adjust="ancova", variance=variance, **WINDOWS)
    by_did = at.did(panel(once=False), variance=variance, **WINDOWS)
    assert found.std_error("change") == pytest.approx(by_did.std_error("change"), rel=1e-12)
    default = adjusted(panel(once=False), covariates=["age"], adjust="ancova", **WINDOWS)
    # HC3 is the jackknife but for its factor and for what the other arm adds to a leverage.
    assert found.std_error("effect") == pytest.approx(default.std_error("effect"), rel=0.05)
