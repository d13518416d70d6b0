"""`adjusted`: who is compared with which weight, what comes with the effect, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.subjects import cohort_of, subjects
from attribution.core.cohort import Cohort
from attribution.errors import MethodError
from attribution.estimators.adjusted import adjusted


def people(n: int = 80, seed: int = 2) -> pd.DataFrame:
    """Return people whose training leans on tenure, and whose sales lean on both."""
    rng = np.random.default_rng(seed)
    tenure = rng.uniform(1, 9, n)
    trained = (rng.random(n) < 0.2 + 0.06 * tenure).astype(int)
    return pd.DataFrame(
        {
            "person": np.arange(n),
            "team": np.arange(n) // 4,
            "trained": trained,
            "tenure": tenure,
            "grade": np.where(rng.random(n) < 0.4, "a", "b"),
            "sales": 40 + 2 * tenure + 3 * trained + rng.normal(0, 1, n),
        }
    )


def once(frame: pd.DataFrame | None = None, **keywords: Any) -> at.Panel:
    frame = people() if frame is None else frame
    return at.Panel.from_frame(
        frame,
        unit="person",
        outcome="sales",
        trained="trained",
        covariates=["tenure", "grade"],
        kind="cross_section",
        **keywords,
    )


def followed(**keywords: Any) -> at.Panel:
    """Return the people over four months, trained from the third on, with the KPI drifting by tenure."""
    frame, rng = people(), np.random.default_rng(8)
    rows = frame.loc[frame.index.repeat(4)].assign(month=np.tile(np.arange(4), len(frame)))
    rows["sales"] += rng.normal(0, 1, len(rows)) + (rows["month"] >= 2) * rows["tenure"]
    rows["sales"] -= (rows["month"] < 2) * rows["trained"] * 3
    rows["start"] = np.where(rows["trained"] == 1, 2.0, np.nan)
    return at.Panel.from_frame(
        rows,
        unit="person",
        period="month",
        outcome="sales",
        adopted="start",
        covariates=["tenure", "grade"],
        **keywords,
    )


WINDOWS: dict[str, Any] = {"baseline": [0, 1], "followup": [2, 3]}


@pytest.mark.parametrize("adjust", ["regression", "ancova", "doubly_robust"])
def test_the_effect_is_found_where_covariates_drive_who_is_trained(adjust: Any) -> None:
    plain = adjusted(once(), covariates=[]).value("effect")
    found = adjusted(once(), covariates=["tenure"], adjust=adjust)
    assert found.value("effect") == pytest.approx(3.0, abs=3 * found.std_error("effect"))
    assert abs(plain - 3.0) > 3 * found.std_error("effect")


def test_the_default_on_a_cross_section_is_the_effect_alone_with_a_percentage_and_no_share() -> None:
    found = adjusted(once(), covariates=["tenure"])
    assert found.shown_terms == ("effect",)
    assert found.estimand == "ATT"
    trained = people().query("trained == 1")["sales"].mean()
    assert found.value("untrained_level") == pytest.approx(trained - found.value("effect"), abs=1e-10)
    assert found.percent().estimate == pytest.approx(found.value("effect") / found.value("untrained_level"))
    factor = at.attribution_factor(found, draws=99)
    assert np.isnan(factor.share)
    assert factor.reason == "sales was measured once: there is no change to take a share of"
    assert np.isfinite(factor.draws.term("effect")).all()


@pytest.mark.parametrize("panel", [once(), followed()])
def test_an_average_effect_has_no_share_and_no_percentage(panel: at.Panel) -> None:
    windows = WINDOWS if panel.kind == "panel" else {}
    found = adjusted(panel, covariates=["tenure"], estimand="ATE", **windows)
    assert found.terms == ("effect",)
    assert "the effect is the ATE" in at.attribution_factor(found, draws=99).reason
    assert "the effect is the ATE" in found.percent().reason


def test_on_a_panel_change_and_background_are_those_of_the_same_trained() -> None:
    panel = followed()
    found = adjusted(panel, covariates=["tenure"], **WINDOWS)
    by_did = at.did(panel, covariates=["tenure"], adjust="regression", **WINDOWS)
    assert found.terms == by_did.terms
    assert found.values == pytest.approx(by_did.values, rel=1e-12)
    assert found.covariance == pytest.approx(by_did.covariance, rel=1e-9)
    assert found.n.tidy().equals(by_did.n.tidy())
    level = adjusted(panel, outcome="level", **WINDOWS)
    assert level.value("change") == pytest.approx(found.value("change"), rel=1e-12)
    assert level.value("background") == pytest.approx(level.value("change") - level.value("effect"), rel=1e-9)


def test_doubly_robust_changes_are_those_of_did() -> None:
    panel = followed(cluster="team")
    found = adjusted(panel, covariates=["tenure", "grade"], adjust="doubly_robust", **WINDOWS)
    by_did = at.did(panel, covariates=["tenure", "grade"], **WINDOWS)
    assert found.values == pytest.approx(by_did.values, rel=1e-12)
    assert found.covariance == pytest.approx(by_did.covariance, rel=1e-9)


def test_levels_are_compared_at_equal_baselines_unless_nothing_is_adjusted() -> None:
    panel = followed()
    found = adjusted(panel, outcome="level", covariates=["tenure"], **WINDOWS)
    assert found.adjusted == ("tenure", "sales at baseline")
    assert "adjusted by regression for tenure, sales at baseline" in found.notes
    assert adjusted(panel, outcome="level", **WINDOWS).adjusted == ("sales at baseline",)
    plain = adjusted(panel, outcome="level", adjust="none", **WINDOWS)
    rows = followed().observations
    means = [
        rows.outcome[(rows.period >= 2) & np.isin(rows.unit, np.flatnonzero(arm))].mean()
        for arm in (panel.units.adopted == 2, panel.units.adopted != 2)
    ]
    assert plain.value("effect") == pytest.approx(means[0] - means[1], rel=1e-12)
    assert plain.adjusted == ()


def test_one_slope_at_equal_baselines_is_lagged() -> None:
    from attribution.estimators.lagged import lagged

    ours = adjusted(followed(), outcome="level", adjust="ancova", **WINDOWS)
    theirs = lagged(followed(), **WINDOWS)
    assert ours.tidy(hidden=True).iloc[:, 1:].to_numpy() == pytest.approx(
        theirs.tidy(hidden=True).iloc[:, 1:].to_numpy(), rel=1e-8
    )


def test_a_baseline_that_does_not_vary_needs_another_covariate() -> None:
    frame = people()
    rows = frame.loc[frame.index.repeat(2)].assign(month=np.tile([0, 1], len(frame)))
    rows.loc[rows["month"] == 0, "sales"] = 10.0
    rows["start"] = np.where(rows["trained"] == 1, 1.0, np.nan)
    panel = at.Panel.from_frame(
        rows, unit="person", period="month", outcome="sales", adopted="start", covariates=["tenure"]
    )
    windows: dict[str, Any] = {"baseline": [0], "followup": [1]}
    with pytest.raises(MethodError, match="the baseline of sales does not vary") as error:
        adjusted(panel, outcome="level", **windows)
    assert "adjust='none'" in error.value.remedy
    assert adjusted(panel, outcome="level", covariates=["tenure"], **windows).adjusted == ("tenure",)


def made(panel: at.Panel, **keywords: Any) -> Cohort:
    """Return a cohort that leaves out, with a reason, the first trained unit; its weights are known."""
    found = subjects(panel, covariates=["tenure"])
    weights = np.where(found.trained, 1.0, 0.5 + np.arange(len(found.inside)) % 2)
    first = int(np.argmax(found.trained))
    weights[first] = 0.0
    reasons = np.full(len(weights), "", dtype=object)
    reasons[first] = "no control within the caliper"
    return cohort_of(panel, found, method="made", estimand="ATT", weights=weights, reasons=reasons, **keywords)


def test_a_cohort_brings_its_covariates_its_weights_and_its_reasons() -> None:
    panel = once()
    cohort = made(panel)
    found = adjusted(panel.with_cohort(cohort))
    assert found.adjusted == ("tenure",)
    again = adjusted(panel.with_cohort(Cohort("given", "ATT", cohort.weights)), covariates=["tenure"])
    assert found.values == pytest.approx(again.values, rel=1e-12)
    plain = adjusted(panel.with_cohort(cohort), covariates=[])
    sales = panel.observations.outcome
    arms = [np.average(sales[arm], weights=cohort.weights[arm]) for arm in (cohort.arms == 1, cohort.arms == 0)]
    assert plain.value("effect") == pytest.approx(arms[0] - arms[1], rel=1e-12)
    left_out = {(part.arm, part.reason, part.units) for part in found.n.left_out}
    assert left_out == {("trained", "not in the cohort: no control within the caliper", 1)}


def test_everyone_is_counted_by_arm_and_reason() -> None:
    frame = people()
    frame.loc[[0, 1, 2], "sales"] = np.nan
    frame["weight"] = np.where(frame["person"] == 5, 0.0, 1.0)
    found = adjusted(once(frame, weight="weight"), covariates=["tenure"])
    tidy = found.n.tidy()
    assert tidy["units"].sum() == tidy["rows"].sum() == 80
    counts = tidy[tidy["fate"] == "left out"].groupby("reason")["units"].sum().to_dict()
    assert counts == {"no KPI value": 3, "weight 0": 1}
    assert found.n.trained.units + found.n.control.units == 76
    assert found.n.unit_periods == found.n.trained.units
    coverage = found.n.coverage
    absent = frame.loc[[0, 1, 2], "trained"].sum()
    assert coverage.trained[0] == pytest.approx(1 - absent / frame.query("weight > 0")["trained"].sum())


def test_the_average_effect_speaks_for_units_not_for_their_cohort_weights() -> None:
    panel = once()
    weights = np.random.default_rng(4).uniform(0.5, 3.0, 80)
    found = adjusted(panel.with_cohort(Cohort("given", "ATE", weights)), covariates=["tenure"])
    frame = people()
    lines = []
    for arm in (1, 0):
        mine = frame["trained"] == arm
        lines.append(
            np.polynomial.Polynomial.fit(frame["tenure"][mine], frame["sales"][mine], 1, w=weights[mine] ** 0.5)
        )
    mean = frame["tenure"].mean()
    assert found.value("effect") == pytest.approx(lines[0](mean) - lines[1](mean), rel=1e-10)


def test_an_arm_of_one_cluster_has_no_variance() -> None:
    frame = people()
    frame["team"] = np.where(frame["trained"] == 1, -1, frame["team"])
    found = adjusted(once(frame, cluster="team"), covariates=["tenure"])
    assert np.isnan(found.std_error("effect"))
    assert np.isfinite(found.value("effect"))


def test_no_overlap_at_all_and_separating_covariates_name_the_column() -> None:
    frame = people()
    frame["tenure"] = frame["trained"] * 10 + np.arange(80) % 7
    for adjust in ("ipw", "doubly_robust"):
        with pytest.raises(MethodError, match=r"tell the trained from the controls.*'tenure'") as error:
            adjusted(once(frame), covariates=["tenure"], adjust=adjust)
        assert "adjust='regression'" in error.value.remedy
    frame["grade"] = np.where((frame["trained"] == 1) & (frame["person"] % 2 == 0), "a", "b")
    with pytest.raises(MethodError, match=r"depend on each other among the units of one arm.*'grade"):
        adjusted(once(frame), covariates=["grade"], estimand="ATE")


def test_three_trained_are_compared_with_many() -> None:
    frame = people()
    frame["trained"] = (frame["person"] < 3).astype(int)
    found = adjusted(once(frame), covariates=["tenure", "grade"])
    assert found.n.trained.units == 3
    assert np.isfinite(found.std_error("effect"))


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "windows": ({"baseline": [0], "followup": [1]}, "a cross-section has no periods", "leave them out"),
    "ipw without covariates": ({"adjust": "ipw"}, "needs covariates, and none are given", "adjust='none'"),
    "ancova without covariates": ({"adjust": "ancova", "covariates": []}, "needs covariates", "name the panel's"),
    "overlap by regression": (
        {"covariates": ["tenure"], "estimand": "ATO"},
        "a regression has none",
        "a cohort of overlap weights",
    ),
    "sample of weights": (
        {"covariates": ["tenure"], "adjust": "ipw", "target": "sample"},
        "target='sample' holds the covariates",
        "leave target out",
    ),
    "slopes of a regression": ({"covariates": ["tenure"], "by_arm": ["tenure"]}, "by_arm is", "adjust='ancova'"),
    "slopes as text": ({"covariates": ["tenure"], "adjust": "ancova", "by_arm": "tenure"}, "by_arm is", "give a list"),
    "slopes of another": (
        {"covariates": ["tenure"], "adjust": "ancova", "by_arm": ["grade"]},
        "no covariate 'grade' to adjust for",
        "the columns are tenure",
    ),
    "a rule": ({"adjust": "magic"}, "adjust is 'magic'", "doubly_robust"),
    "an estimand": ({"estimand": "LATE"}, "estimand is 'LATE'", "ATT"),
    "an outcome": ({"outcome": "growth"}, "outcome is 'growth'", "change"),
    "a target": ({"target": "me"}, "target is 'me'", "sample"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_options_that_do_not_go_together_are_refused_with_a_remedy(name: str) -> None:
    options, what, remedy = REFUSED[name]
    with pytest.raises(MethodError, match=what) as error:
        adjusted(once(), **options)
    assert remedy in error.value.remedy


def test_a_panel_needs_both_windows_and_units() -> None:
    with pytest.raises(MethodError, match="the windows are not both given"):
        adjusted(followed(), covariates=["tenure"], baseline=[0])
    rows = people().assign(month=0, start=1)
    crossed = at.Panel.from_frame(
        rows, period="month", outcome="sales", adopted="start", kind="repeated_cross_sections"
    )
    with pytest.raises(MethodError, match="there are no units whose covariates are compared") as error:
        adjusted(crossed, baseline=[0], followup=[1])
    assert "use did" in error.value.remedy


@pytest.mark.parametrize("adjust", ["ipw", "doubly_robust"])
def test_weights_are_not_put_on_weights(adjust: Any) -> None:
    panel = once()
    with pytest.raises(MethodError, match="the cohort made has weights already") as error:
        adjusted(panel.with_cohort(made(panel)), adjust=adjust)
    assert "doubly robust" in error.value.remedy


def test_an_estimand_is_that_of_the_cohort() -> None:
    panel = once()
    cohort = Cohort("given", "ATO", np.ones(80))
    assert adjusted(panel.with_cohort(cohort), covariates=["tenure"]).estimand == "ATO"
    with pytest.raises(MethodError, match="estimand is 'ATE', and the cohort speaks for the ATO"):
        adjusted(panel.with_cohort(cohort), covariates=["tenure"], estimand="ATE")


def test_an_empty_arm_is_refused_with_who_was_left_out() -> None:
    frame = people()
    frame.loc[frame["trained"] == 1, "sales"] = np.nan
    with pytest.raises(MethodError, match="no trained unit enters") as error:
        adjusted(once(frame))
    assert "trained: no KPI value" in error.value.remedy
