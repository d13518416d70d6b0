"""The lagged outcome: exact where training depends on the baseline, one map of weights, errors with a remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import attribution as at
from attribution.core.cohort import Cohort
from attribution.errors import MethodError
from attribution.estimators.did import did
from attribution.estimators.lagged import lagged
from tests.unit.estimators.reverting import WINDOWS, build, frame


def test_without_noise_the_effect_is_exact_where_training_depends_on_the_baseline() -> None:
    panel = build(frame(noise=0.0))
    assert lagged(panel, **WINDOWS).value("effect") == pytest.approx(2.0, abs=1e-12)
    # Reversion to the mean looks like an effect to did: half of the baseline gap.
    assert did(panel, **WINDOWS).value("effect") > 4.0


def test_change_background_and_level_add_up() -> None:
    estimate = lagged(build(frame()), **WINDOWS)
    value = estimate.value
    assert estimate.terms == ("effect", "change", "background", "untrained_level")
    assert value("effect") + value("background") == pytest.approx(value("change"), rel=1e-12)
    rows = frame()
    after = rows[(rows["start"] == 2) & (rows["month"] >= 2)]["kpi"].mean()
    assert value("untrained_level") + value("effect") == pytest.approx(after, rel=1e-12)
    assert value("change") == pytest.approx(did(build(frame()), **WINDOWS).value("change"), rel=1e-12)


def test_there_is_a_share() -> None:
    factor = at.attribution_factor(lagged(build(frame(effect=6.0)), **WINDOWS), draws=199, seed=1)
    assert factor.estimable


def test_a_slope_of_one_is_did() -> None:
    rows = frame("parallel", noise=0.0)
    panel = build(rows)
    assert lagged(panel, **WINDOWS).value("effect") == pytest.approx(did(panel, **WINDOWS).value("effect"), abs=1e-12)


@pytest.mark.parametrize("variance", ["default", "HC1", "CR1"])
def test_the_scale_and_shift_of_the_kpi_pass_through(variance: Any) -> None:
    one = lagged(build(frame()), variance=variance, **WINDOWS)
    two = lagged(build(frame().assign(kpi=lambda rows: 1000.0 - 3.0 * rows["kpi"])), variance=variance, **WINDOWS)
    for term in ("effect", "change", "background"):
        assert two.value(term) == pytest.approx(-3.0 * one.value(term), rel=1e-9)
        assert two.std_error(term) == pytest.approx(3.0 * one.std_error(term), rel=1e-9)


def test_missing_periods_keep_the_effect_without_noise() -> None:
    # People keep half of their level, common months are taken out, so that holes cost nothing.
    rows = frame(noise=0.0)
    rows["kpi"] += np.array([0.0, 5.0, -3.0, 4.0])[rows["month"]]
    kept = rows[np.random.default_rng(4).random(len(rows)) > 0.2]
    estimate = lagged(build(kept), **WINDOWS)
    # The months' deviations are those of the controls who were there: a small part of their spread remains.
    assert estimate.value("effect") == pytest.approx(2.0, abs=0.5)
    assert any("periods are missing" in note for note in estimate.notes)
    assert estimate.n.tidy()["rows"].sum() == len(kept)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"variance": "HC3"}, "variance is 'HC3'"),
        ({"baseline": [2], "followup": [1]}, "baseline ends"),
    ],
)
def test_options_are_checked(options: dict[str, Any], match: str) -> None:
    with pytest.raises(MethodError, match=match):
        lagged(build(frame()), **(WINDOWS | options))


def test_units_are_not_independent_under_coarser_clusters() -> None:
    rows = frame().assign(team=lambda one: one["person"] // 4)
    with pytest.raises(MethodError, match="team is the cluster"):
        lagged(build(rows, cluster="team"), variance="HC1", **WINDOWS)


def test_a_cohort_of_another_estimand_is_refused() -> None:
    panel = build(frame())
    with pytest.raises(MethodError, match="speaks for the ATE"):
        lagged(panel.with_cohort(Cohort("given", "ATE", np.ones(len(panel.units)))), **WINDOWS)


def test_a_baseline_that_does_not_vary_is_refused() -> None:
    rows = frame()
    rows.loc[rows["month"] < 2, "kpi"] = np.where(rows.loc[rows["month"] < 2, "start"] == 2, 1.0, 5.0)
    with pytest.raises(MethodError, match="does not vary within the arms") as error:
        lagged(build(rows), **WINDOWS)
    assert "did" in error.value.remedy


def test_an_arm_of_one_cluster_has_no_variance() -> None:
    rows = frame(people=12)
    rows["team"] = np.where(rows["start"] == 2, 0, rows["person"])
    estimate = lagged(build(rows, cluster="team"), **WINDOWS)
    assert np.isnan(estimate.std_error("effect"))


def test_cross_sections_have_no_baseline_of_their_own() -> None:
    rows = frame().assign(person=lambda one: np.arange(len(one)))
    with pytest.raises(MethodError, match="same units") as error:
        lagged(build(rows, kind="repeated_cross_sections"), **WINDOWS)
    assert "did" in error.value.remedy
