"""Propensity weights: their definition, whom trimming leaves, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import attribution as at
from attribution.cohorts.propensity import nearest_order_statistic, propensity
from attribution.core.cohort import Cohort, Estimand
from attribution.errors import DataError, MethodError
from attribution.estimators.adjusted import adjusted

NAMES = ["age", "tenure"]


def people(n: int = 400, lean: float = 1.0, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age, tenure = rng.normal(size=n), rng.gamma(2, 1, n)
    trained = rng.random(n) < 1 / (1 + np.exp(0.4 - lean * age + 0.3 * (tenure - 2)))
    return pd.DataFrame(
        {
            "person": np.arange(n),
            "age": age,
            "tenure": tenure,
            "trained": trained.astype(int),
            "sales": 2 * trained + age + rng.normal(size=n),
        }
    )


def build(frame: pd.DataFrame, names: list[str] = NAMES, **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="person", outcome="sales", trained="trained", covariates=names, kind="cross_section", **options
    )


def chance(frame: pd.DataFrame) -> Any:
    design = sm.add_constant(frame[NAMES].to_numpy())
    fitted = sm.GLM(frame["trained"].to_numpy(), design, family=sm.families.Binomial()).fit(tol=1e-14)
    return np.asarray(fitted.fittedvalues)


def refused(panel: at.Panel, *parts: str, **options: Any) -> None:
    with pytest.raises(MethodError) as caught:
        propensity(panel, covariates=NAMES, **options)
    for part in parts:
        assert part in str(caught.value), str(caught.value)
    assert caught.value.remedy


def test_weights_by_estimand() -> None:
    frame = people()
    panel, e, trained = build(frame), chance(frame), frame["trained"].to_numpy() == 1
    expected: dict[Estimand, Any] = {
        "ATT": np.where(trained, 1, e / (1 - e)),
        "ATE": np.where(trained, 1 / e, 1 / (1 - e)),
        "ATO": np.where(trained, 1 - e, e),
    }
    for estimand, weights in expected.items():
        found = propensity(panel, covariates=NAMES, estimand=estimand)
        assert found.weights == pytest.approx(weights, rel=1e-8)
        assert found.estimand == estimand
        assert found.dropped == ()
        assert found.propensity is not None
        assert found.propensity.probability == pytest.approx(e, rel=1e-8)


def test_overlap_weights_balance_the_means_exactly() -> None:
    frame = people()
    found = propensity(build(frame), covariates=NAMES, estimand="ATO")
    trained = found.arms == 1
    assert found.columns is not None
    means = [np.average(found.columns[arm], axis=0, weights=found.weights[arm]) for arm in (trained, ~trained)]
    assert means[0] == pytest.approx(means[1], abs=1e-10)


def test_stabilised_weights_leave_the_contrast() -> None:
    panel = build(people())
    plain, stable = (
        propensity(panel, covariates=NAMES, estimand="ATE", stabilised=stabilised) for stabilised in (False, True)
    )
    share = (plain.arms == 1).mean()
    assert stable.weights == pytest.approx(plain.weights * np.where(plain.arms == 1, share, 1 - share), rel=1e-12)
    assert "stabilised" in " ".join(stable.notes)
    one, other = (adjusted(panel.with_cohort(cohort), adjust="none").tidy() for cohort in (plain, stable))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_units_outside_the_range_are_dropped_and_the_rest_fitted_again() -> None:
    frame = people(lean=2.0)
    e = chance(frame)
    found = propensity(build(frame), covariates=NAMES, estimand="ATE", keep=(0.1, 0.9))
    inside = (e >= 0.1) & (e <= 0.9)
    assert ((found.weights > 0) == inside).all()
    again, trained = chance(frame[inside]), frame["trained"].to_numpy()[inside] == 1
    assert found.weights[inside] == pytest.approx(np.where(trained, 1 / again, 1 / (1 - again)), rel=1e-8)
    assert found.reasons is not None
    assert (found.reasons[e < 0.1] == "propensity below 0.1").all()
    assert (found.reasons[e > 0.9] == "propensity above 0.9").all()
    assert sum(part.units for part in found.dropped) == (~inside).sum()
    assert any(f"that of the {inside.sum()} of 400 units" in note for note in found.notes)
    assert found.propensity is not None
    assert (np.isnan(found.propensity.probability) == ~inside).all()
    assert found.candidates is not None
    assert found.candidates.all()


def test_who_is_kept_is_held_fixed_in_draws() -> None:
    panel = build(people(lean=2.0))
    found = propensity(panel, covariates=NAMES, estimand="ATE", keep=(0.1, 0.9))
    assert found.fit is not None
    drawn = found.fit.reweight(np.random.default_rng(4).exponential(size=(20, 400)))
    assert ((drawn > 0) == (found.weights > 0)).all()


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATO"])
def test_weights_beyond_the_cap_are_cut(estimand: Estimand) -> None:
    panel = build(people())
    whole, cut = (propensity(panel, covariates=NAMES, estimand=estimand, cap=cap) for cap in (None, 0.9))
    rows = whole.arms == 0 if estimand == "ATT" else np.ones(400, dtype=bool)
    limit = np.sort(whole.weights[rows])[round(0.9 * rows.sum()) - 1]
    assert cut.weights[rows] == pytest.approx(np.minimum(whole.weights[rows], limit), rel=1e-12)
    np.testing.assert_array_equal(cut.weights[~rows], whole.weights[~rows])
    number = int((whole.weights[rows] > limit).sum())
    assert any(note.startswith(f"the weights of {number} ") for note in cut.notes)


def test_unit_weights_stay_apart_from_the_cohort() -> None:
    frame = people().assign(weight=1.0 + np.arange(400) % 3)
    repeated = frame.loc[frame.index.repeat(frame["weight"].astype(int))].assign(weight=1.0)
    repeated["person"] = np.arange(len(repeated))
    weighted = propensity(build(frame, weight="weight"), covariates=NAMES, estimand="ATE")
    by_copies = propensity(build(repeated), covariates=NAMES, estimand="ATE")
    assert np.repeat(weighted.weights, frame["weight"].astype(int)) == pytest.approx(by_copies.weights, rel=1e-9)


def test_the_arms_of_windows_are_those_of_did(sales: Any) -> None:
    frame = sales()
    frame["age"] = frame["person"].astype(int) % 7
    panel = at.Panel.from_frame(
        frame, unit="person", period="month", outcome="sales", adopted="start", covariates=["age"]
    )
    windows: dict[str, Any] = {"baseline": ["2025-11", "2025-12", "2026-01"], "followup": ["2026-04", "2026-05"]}
    found = propensity(panel, covariates=["age"], kpi="mean", **windows)
    assert found.covariates == ("age", "sales at baseline")
    estimate = at.did(panel.with_cohort(found), **windows)
    assert estimate.value("effect") == pytest.approx(2.0, abs=3 * estimate.std_error("effect"))
    assert any("estimated anew" in note for note in estimate.notes)


def test_weights_may_be_taken_as_given() -> None:
    panel = build(people())
    cohort = propensity(panel, covariates=NAMES, estimand="ATE")
    fixed = cohort.fixed()
    assert isinstance(fixed, Cohort)
    assert fixed.fit is None
    assert fixed.fixed() is fixed
    assert "as given" in fixed.notes[-1]
    np.testing.assert_array_equal(fixed.weights, cohort.weights)
    design = sm.add_constant((panel.units.adopted == 0).astype(float))
    outcome = np.empty(400)
    outcome[panel.observations.unit] = panel.observations.outcome
    theirs = sm.WLS(outcome, design, weights=cohort.weights).fit(cov_type="HC0")
    ours = adjusted(panel.with_cohort(fixed), adjust="none", variance="HC0")
    assert ours.value("effect") == pytest.approx(theirs.params[1], rel=1e-9)
    assert ours.std_error("effect") == pytest.approx(theirs.bse[1], rel=1e-9)


def test_options_that_do_not_go_together_are_refused() -> None:
    panel = build(people())
    refused(panel, "no estimand 'ATU'", estimand="ATU")
    refused(panel, "those of the ATE", stabilised=True)
    refused(panel, "no range", keep=(0.9, 0.1))
    refused(panel, "no range", keep=(0.1, 1.2))
    refused(panel, "no quantile", cap=1.0)
    refused(panel, "no quantile", cap=95)


def test_a_range_that_leaves_nobody_is_refused() -> None:
    frame = people(lean=3.0)
    e = chance(frame)
    last = float(e[frame["trained"] == 0].max())
    refused(build(frame), "no control has a propensity", keep=(last + 1e-6, 1.0))
    frame["tenure"] = (frame["age"] > 1.2).astype(float)
    refused(build(frame), "nothing varies in 'tenure'", keep=(0.3, 0.6))


def test_a_range_in_which_a_covariate_follows_from_others_is_refused_by_its_name() -> None:
    frame = people(lean=3.0)
    # Only those who are all but sure to be trained have years that are not their tenure.
    frame["years"] = frame["tenure"] + (frame["age"] > 1.2) * np.arange(len(frame)) % 5
    names = [*NAMES, "years"]
    with pytest.raises(MethodError, match="'years' follows from 'tenure'") as caught:
        propensity(build(frame, names), covariates=names, keep=(0.3, 0.6))
    assert "leave 'years' out, or widen the range" in str(caught.value)


def test_covariates_that_say_the_same_or_nothing_are_named() -> None:
    frame = people().assign(years=lambda rows: 2 * rows["age"] + 1, one=1.0)
    for names, part in ((["age", "years"], "'years'"), (["age", "one"], "'one'")):
        with pytest.raises(DataError, match=part):
            propensity(build(frame, names), covariates=names)


def test_missing_covariates_follow_the_policy() -> None:
    frame = people()
    frame.loc[[1, 5, 9], "age"] = np.nan
    panel = build(frame)
    frame["tenure"] = frame["tenure"].where(frame["person"] != 7)
    with pytest.raises(DataError, match=r"3 of 400 units .* for example, person 1; some lack tenure") as caught:
        propensity(build(frame), covariates=NAMES)
    assert "missing = 'complete'" in caught.value.remedy
    assert "missing = 'indicator'" in caught.value.remedy
    complete = propensity(panel, covariates=NAMES, missing="complete")
    assert (complete.weights[[1, 5, 9]] == 0).all()
    assert {part.reason for part in complete.dropped} == {"no value of age"}
    filled = propensity(panel, covariates=NAMES, missing="indicator")
    assert (filled.weights > 0).all()
    # A covariate that no step uses drops nobody.
    assert (propensity(panel, covariates=["tenure"]).weights > 0).all()


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2.0), (0.625, 2.0), (0.7, 3.0), (0.875, 4.0), (0.99, 4.0)])
def test_the_quantile_is_the_nearest_order_statistic(share: float, expected: float) -> None:
    """R's quantile(1:4, p, type = 3)."""
    assert nearest_order_statistic(np.array([4.0, 2.0, 1.0, 3.0]), share) == expected
