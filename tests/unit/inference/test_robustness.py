"""Robustness to what was not measured: on data whose left-out variable is known, and at its corners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.cohort import Cohort
from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.estimators.adjusted import adjusted
from attribution.inference.compared_rows import compared_rows
from attribution.inference.robustness import robustness
from attribution.numerics.partial_r2 import regression

N = 300


def people(seed: int = 0, hidden: float = 0.6) -> pd.DataFrame:
    """Return people measured once, with earlier sales, and a trait `drive` that moves both training and sales."""
    rng = np.random.default_rng(seed)
    tenure, drive = rng.normal(size=N), rng.normal(size=N)
    site = rng.choice(["a", "b", "c"], N)
    trained = (0.5 * tenure + hidden * drive + 0.3 * (site == "b") + rng.normal(size=N) > 0).astype(int)
    before = 20 + tenure + rng.normal(size=N)
    sales = before + 1.5 * trained + 0.8 * tenure + hidden * drive + rng.normal(size=N)
    return pd.DataFrame(
        {
            "person": np.arange(N),
            "team": np.arange(N) // 3,
            "trained": trained,
            "tenure": tenure,
            "drive": drive,
            "site": site,
            "before": before,
            "sales": sales,
        }
    )


def once(frame: pd.DataFrame, covariates: Sequence[str] = ("tenure", "site"), **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame,
        unit="person",
        outcome="sales",
        trained="trained",
        covariates=covariates,
        kind="cross_section",
        **options,
    )


def twice(frame: pd.DataFrame, covariates: Sequence[str] = ("tenure",), **options: Any) -> at.Panel:
    long = pd.concat([frame.assign(month=0, sales=frame["before"]), frame.assign(month=1)], ignore_index=True)
    long["start"] = np.where(long["trained"] == 1, 1.0, np.nan)
    return at.Panel.from_frame(
        long, unit="person", period="month", outcome="sales", adopted="start", covariates=covariates, **options
    )


def ols(panel: at.Panel, covariates: Sequence[str] = ("tenure", "site")) -> Estimate:
    return adjusted(panel, covariates=covariates, adjust="ancova", variance="classical")


def test_what_is_left_out_moves_the_effect_as_its_strengths_say() -> None:
    frame = people()
    panel = once(frame, ("tenure", "site", "drive"))
    found = robustness(ols(panel), panel)
    long = robustness(ols(panel, ("tenure", "site", "drive")), panel, benchmarks=["drive"])
    drive = long.benchmarks[0]
    effect, error = found.adjusted(drive.strength_trained, drive.strength_outcome)
    assert float(effect) == pytest.approx(long.effect, rel=1e-9)
    assert float(error) == pytest.approx(long.std_error, rel=1e-9)


def test_a_cross_section_is_the_regression_of_its_level() -> None:
    panel = once(people())
    found = robustness(ols(panel), panel)
    assert found.compares == "level"
    assert found.fitted.coefficient == pytest.approx(found.effect, rel=1e-9)
    assert found.fitted.std_error == pytest.approx(found.std_error, rel=1e-9)
    assert found.fitted.df == found.df == N - 5
    assert [one.covariate for one in found.benchmarks] == ["tenure", "site"]
    assert [one.columns for one in found.benchmarks] == [1, 2]
    assert found.notes == ()
    assert found.spread == pytest.approx(people()["sales"].std(), rel=1e-12)


def test_did_is_the_regression_of_the_change() -> None:
    frame = people()
    panel = twice(frame)
    found = robustness(at.did(panel, baseline=[0], followup=[1]), panel)
    assert found.compares == "change"
    assert found.fitted.coefficient == pytest.approx(found.effect, rel=1e-9)
    assert found.strongest is None
    assert found.spread == pytest.approx((frame["sales"] - frame["before"]).std(), rel=1e-12)
    with_tenure = robustness(at.did(panel, baseline=[0], followup=[1], covariates=["tenure"]), panel)
    assert with_tenure.strongest is not None
    assert with_tenure.strongest.covariate == "tenure"
    assert "the regression that gives the scale" in with_tenure.notes[0]
    named = robustness(at.did(panel, baseline=[0], followup=[1]), panel, covariates=["tenure"])
    assert named.fitted.coefficient == with_tenure.fitted.coefficient


def test_lagged_and_the_level_hold_the_baseline() -> None:
    frame = people()
    panel = twice(frame)
    found = robustness(at.lagged(panel, baseline=[0], followup=[1]), panel)
    assert found.compares == "level"
    assert found.fitted.coefficient == pytest.approx(found.effect, rel=1e-9)
    assert [one.covariate for one in found.benchmarks] == ["sales at baseline"]
    level = adjusted(panel, baseline=[0], followup=[1], outcome="level", covariates=["tenure"], adjust="ancova")
    both = robustness(level, panel)
    assert {one.covariate for one in both.benchmarks} == {"tenure", "sales at baseline"}
    assert both.fitted.coefficient == pytest.approx(both.effect, rel=1e-9)
    plain = adjusted(panel, baseline=[0], followup=[1], outcome="level", adjust="none")
    # It notes that it compares levels, and nobody has to say so.
    assert robustness(plain, panel).fitted.coefficient == pytest.approx(plain.value("effect"), rel=1e-9)
    assert robustness(plain, panel).compares == "level"
    assert robustness(plain, panel, compares="change").compares == "change"


def test_by_assignment_the_arms_are_the_assigned() -> None:
    frame = people().assign(invited=lambda one: ((one["trained"] == 1) | (one["person"] % 7 == 0)).astype(int))
    panel = twice(frame, assigned="invited")
    itt = at.did(panel, baseline=[0], followup=[1], as_assigned=True)
    assert robustness(itt, panel).fitted.coefficient == pytest.approx(itt.value("effect"), rel=1e-9)


def test_weights_and_cohorts_weigh_the_regression() -> None:
    frame = people()
    rng = np.random.default_rng(2)
    panel = once(frame)
    given = panel.with_cohort(Cohort("given", "ATT", rng.uniform(0, 2, N) * (rng.random(N) > 0.2)))
    estimate = adjusted(given, covariates=["tenure"], adjust="ancova")
    found = robustness(estimate, given)
    assert found.fitted.coefficient == pytest.approx(estimate.value("effect"), rel=1e-9)


@pytest.mark.parametrize("kpi", ["none", "mean"])
def test_a_cohorts_covariates_are_as_strong_as_they_were_before_it(kpi: Any) -> None:
    from attribution.cohorts.nearest import nearest
    from attribution.cohorts.propensity import propensity

    panel = twice(people())
    windows: dict[str, Any] = {"baseline": [0], "followup": [1]}
    names = ["tenure"] if kpi == "none" else ["tenure", "sales at baseline"]
    for cohort in (
        propensity(panel, covariates=["tenure"], kpi=kpi, **windows),
        nearest(panel, covariates=["tenure"], kpi=kpi, caliper=0.1, **windows),
    ):
        on = panel.with_cohort(cohort)
        estimate = at.did(on, **windows)
        found = robustness(estimate, on)
        assert {one.covariate for one in found.benchmarks} == set(names)
        assert found.compares == "change"
        # Among all, though the pairs are fewer and the weights have made tenure the same in both arms.
        columns = np.column_stack([np.ones(N), cohort.columns])
        before = regression(
            people()["sales"].to_numpy() - people()["before"].to_numpy(),
            people()["trained"].to_numpy().astype(float),
            columns,
            groups=[[1]],
        )
        assert before is not None
        tenure = next(one for one in found.benchmarks if one.covariate == "tenure")
        assert tenure.strength_trained == pytest.approx(before.strength_trained[0], rel=1e-9)
        assert tenure.strength_trained > 0.02
        assert "before the cohort" in found.notes[0]
        rows = compared_rows(on, estimate, where="test")
        within = regression(rows.outcome, rows.trained, rows.design, rows.weight, groups=[[1]])
        assert within is not None
        assert found.fitted.residual_ratio == within.residual_ratio
        assert within.strength_trained[0] < tenure.strength_trained / 4


def test_a_group_is_a_yardstick_of_its_own() -> None:
    panel = once(people(), ("tenure", "site", "drive"))
    estimate = ols(panel, ("tenure", "site", "drive"))
    found = robustness(estimate, panel, benchmarks={"traits": ["tenure", "drive"], "drive": ["drive"]})
    assert {one.covariate: one.columns for one in found.benchmarks} == {"traits": 2, "drive": 1}
    rows = compared_rows(panel, estimate, where="test")
    whole = regression(rows.outcome, rows.trained, rows.design, groups=[[1, 4]])
    assert whole is not None
    traits = next(one for one in found.benchmarks if one.covariate == "traits")
    assert traits.strength_outcome == pytest.approx(whole.strength_outcome[0], rel=1e-9)


def test_a_category_of_many_columns_is_no_yardstick_unless_named() -> None:
    frame = people().assign(block=[f"b{number % 12:02d}" for number in range(N)])
    panel = once(frame, ("tenure", "block"))
    estimate = ols(panel, ("tenure", "block"))
    found = robustness(estimate, panel)
    assert [one.covariate for one in found.benchmarks] == ["tenure"]
    assert "block: no yardstick" in found.notes[0]
    named = robustness(estimate, panel, benchmarks=["block"])
    assert named.benchmarks[0].columns == 11


def test_the_strongest_moves_the_effect_most() -> None:
    panel = once(people(), ("tenure", "site", "drive"))
    found = robustness(ols(panel, ("tenure", "site", "drive")), panel)
    left = found.bounds().query("times == 1")["effect"].to_numpy()
    assert (np.diff(left) >= 0).all()
    assert [found.times(0.0, one.covariate) for one in found.benchmarks] == sorted(
        found.times(0.0, one.covariate) for one in found.benchmarks
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_multiples_lead_where_they_say(sign: int) -> None:
    frame = people(hidden=0.0)
    frame["sales"] = sign * frame["sales"]
    panel = once(frame)
    found = robustness(ols(panel), panel)
    times = found.times()
    at_zero = robustness(ols(panel), panel, multiples=[times]).bounds().iloc[0]
    assert at_zero["effect"] == pytest.approx(0.0, abs=1e-9)
    untold = found.times_of_interval()
    assert 0 < untold < times
    held = robustness(ols(panel), panel, multiples=[untold]).bounds().iloc[0]
    assert held["low" if sign > 0 else "high"] == pytest.approx(0.0, abs=1e-9)
    half = found.times(found.effect / 2)
    assert 0 < half < times
    assert found.times(1.1 * found.effect) == 0.0
    assert float(found.adjusted(found.value, found.value)[0]) == pytest.approx(0.0, abs=1e-9)
    part = found.value_for(0.25 * found.effect)
    assert float(found.adjusted(part, part)[0]) == pytest.approx(0.25 * found.effect, rel=1e-9)
    assert robustness(ols(panel), panel, share=0.75).value == pytest.approx(part, rel=1e-9)


def test_the_estimates_own_error_counts() -> None:
    panel = once(people(), cluster="team")
    found = robustness(adjusted(panel, covariates=["tenure", "site"], adjust="ancova"), panel)
    small = replace(found, std_error=found.std_error / 3)
    assert small.value == found.value
    assert small.value_of_interval > found.value_of_interval
    none = replace(found, std_error=float("nan"), df=float("nan"))
    assert np.isnan(none.value_of_interval)
    assert np.isnan(none.times_of_interval())
    assert np.isnan(none.e_value.limit)
    assert "interval" not in none.sentence
    wide = replace(found, std_error=10 * found.std_error)
    assert wide.value_of_interval == wide.times_of_interval() == 0.0
    assert wide.e_value.limit == 1.0


def test_the_e_value_takes_the_estimates_own_interval() -> None:
    panel = once(people())
    estimate = ols(panel)
    found = robustness(estimate, panel)
    interval = estimate.interval()
    assert found.e_value.ratio == pytest.approx(np.exp(0.91 * found.effect / found.spread), rel=1e-12)
    assert found.e_value.low == pytest.approx(np.exp(0.91 * interval.low / found.spread), rel=1e-12)
    assert found.e_value.point > found.e_value.limit > 1


def test_a_kpi_without_any_scatter_is_refused() -> None:
    frame = people().assign(before=20.0)
    frame["sales"] = frame["before"] + 0.1 * frame["trained"]
    panel = twice(frame)
    assert "leave nothing of the KPI" in refused(at.did(panel, baseline=[0], followup=[1]), panel).what


def test_an_e_value_beyond_all_numbers_is_infinite() -> None:
    panel = once(people())
    found = replace(robustness(ols(panel), panel), spread=1e-6)
    assert found.e_value.point == np.inf
    assert replace(found, effect=-found.effect).e_value.point == np.inf


def test_what_is_shown() -> None:
    panel = once(people())
    found = robustness(ols(panel), panel)
    table = found.tidy().set_index("quantity")["value"]
    assert table["robustness_value"] == found.value
    assert table["times_strongest"] == found.times()
    assert len(found.bounds()) == 6
    html = found._repr_html_()
    assert "strongest measured covariate" in html
    assert "tenure" in html
    assert repr(found).startswith("Robustness('sales': effect")
    bare = robustness(ols(panel), panel, benchmarks=[])
    assert "no measured covariate says how likely that is" in bare.sentence
    assert bare.bounds().empty
    assert "times_strongest" not in bare.tidy()["quantity"].tolist()
    half = robustness(ols(panel), panel, share=0.5)
    assert "undo 50% of the effect" in half.sentence
    unrelated = replace(found, benchmarks=(replace(found.benchmarks[0], strength_outcome=0.0),))
    assert "no multiple of tenure would" in unrelated.sentence


def refused(estimate: Estimate, panel: at.Panel, **options: Any) -> MethodError:
    with pytest.raises(MethodError) as caught:
        robustness(estimate, panel, **options)
    assert caught.value.remedy
    return caught.value


def test_refusals_say_why() -> None:
    panel = once(people())
    estimate = ols(panel)
    assert "level" in refused(estimate, panel, level=1.0).what
    assert "share" in refused(estimate, panel, share=0.0).what
    assert "multiples" in refused(estimate, panel, multiples=[]).what
    assert "multiples" in refused(estimate, panel, multiples=[0.0]).what
    assert "'drive'" in refused(estimate, panel, benchmarks=["drive"]).what
    assert "text" in refused(estimate, panel, benchmarks="tenure").what
    assert "300 units, the panel has 200" in refused(estimate, once(people().head(200))).what
    assert "determine who is trained" in refused(estimate, once(people().assign(tenure=people()["trained"]))).what
    found = robustness(estimate, panel)
    with pytest.raises(MethodError, match="no benchmark 'drive'"):
        found.times(0.0, "drive")
    with pytest.raises(MethodError, match="no measured covariate"):
        replace(found, benchmarks=()).times()


def test_estimates_without_two_arms_are_refused() -> None:
    panel = twice(people())
    prepost = at.prepost(panel, baseline=[0], followup=[1])
    assert "compares no units" in refused(prepost, panel).what
    assert "no two arms in two windows" in refused(at.event_study(panel), panel).what
    only = at.did(panel, baseline=[0], followup=[1]).combine({"change": {"change": 1.0}})
    assert "compares no units" in refused(only, panel).what
    rows = people()
    rows = pd.concat([rows.assign(month=0, sales=rows["before"]), rows.assign(month=1)])
    rows["start"] = np.where(rows["trained"] == 1, 1.0, np.nan)
    crossed = at.Panel.from_frame(
        rows, period="month", outcome="sales", adopted="start", kind="repeated_cross_sections"
    )
    assert "rows of different people" in refused(at.did(crossed, baseline=[0], followup=[1]), crossed).what


def test_how_a_cohort_scales_the_weights_of_an_arm_changes_nothing() -> None:
    panel = once(people())
    cohort = at.entropy(panel, covariates=["tenure", "site"]).fixed()
    assert cohort.arms is not None
    found = robustness(adjusted(panel.with_cohort(cohort)), panel.with_cohort(cohort))
    scaled = replace(cohort, weights=np.where(cohort.arms == 0, 7.0, 1.0) * np.asarray(cohort.weights))
    other = robustness(adjusted(panel.with_cohort(scaled)), panel.with_cohort(scaled))
    assert other.value == pytest.approx(found.value, rel=1e-12)
    assert other.times() == pytest.approx(found.times(), rel=1e-12)
    assert other.spread == pytest.approx(found.spread, rel=1e-12)
    # Nearly the same weights, on another scale, by the propensity.
    weighted = panel.with_cohort(at.propensity(panel, covariates=["tenure", "site"]))
    assert robustness(adjusted(weighted), weighted).value == pytest.approx(found.value, abs=0.005)
