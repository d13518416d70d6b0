"""The checks of a cohort on both sides of each threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.balance import cohort_balance, measured_before, trained_dropped
from attribution.checks.baseline import baseline_equivalence
from attribution.checks.evidence import Evidence
from attribution.checks.overlap import common_support, effective_sample_size
from attribution.cohorts.propensity import propensity
from attribution.cohorts.subjects import cohort_of, subjects
from attribution.core.finding import Finding

ALL = (cohort_balance, common_support, effective_sample_size, trained_dropped, measured_before)


def apart(smd: float, *, stretch: float = 1.0, n: int = 40) -> at.Panel:
    """Return a cross-section of trained `smd` of their SD above controls whose SD is `stretch` of theirs."""
    base = np.linspace(-1, 1, n)
    deviation = base.std(ddof=1)
    frame = pd.DataFrame(
        {
            "id": range(2 * n),
            "kpi": 1.0,
            "treat": np.repeat([1, 0], n),
            "age": np.concatenate([base / deviation + smd, stretch * base / deviation]),
        }
    )
    return at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="treat", covariates=["age"], kind="cross_section"
    )


def seen(panel: at.Panel, weights: Sequence[float] | None = None, estimand: str = "ATT") -> Evidence:
    count = len(panel.units)
    cohort = at.Cohort("given", estimand, np.ones(count) if weights is None else np.array(weights, dtype=float))
    return Evidence(panel=panel.with_cohort(cohort))


@pytest.mark.parametrize(
    ("smd", "status"),
    [(0.0999, "pass"), (0.1001, "warn"), (-0.1001, "warn"), (0.2499, "warn"), (0.2501, "fail"), (-0.2501, "fail")],
)
def test_a_standardised_difference(smd: float, status: str) -> None:
    found = cohort_balance(seen(apart(smd)))
    assert (found.id, found.status) == ("cohort_balance", status)
    assert bool(found.remedy) == (status != "pass")
    if status != "pass":
        assert "age" in found.message
        assert f"age {smd:+.2f}".replace("-", "−") in found.observed


@pytest.mark.parametrize(("ratio", "status"), [(0.501, "pass"), (0.499, "warn"), (1.999, "pass"), (2.001, "warn")])
def test_a_variance_ratio(ratio: float, status: str) -> None:
    found = cohort_balance(seen(apart(0.0, stretch=ratio**-0.5)))
    assert found.status == status
    if status == "warn":
        assert "spread of age" in found.message


def test_the_propensity_is_judged_too() -> None:
    panel = apart(1.5)
    made = propensity(panel, covariates=["age"])
    plain = replace(made, weights=np.ones(len(panel.units)), fit=None)
    found = cohort_balance(Evidence(panel=panel, cohort=plain))
    assert found.status == "fail"
    assert "propensity" in found.observed


def test_given_weights_without_covariates_cannot_be_judged() -> None:
    frame = pd.DataFrame({"id": range(6), "kpi": 1.0, "treat": [1, 1, 1, 0, 0, 0]})
    panel = at.Panel.from_frame(frame, unit="id", outcome="kpi", trained="treat", kind="cross_section")
    assert cohort_balance(seen(panel)).status == "skipped"
    assert common_support(seen(panel)).status == "skipped"


def test_overlap_names_the_trained_that_nobody_is_like() -> None:
    panel = apart(0.0)
    made = propensity(panel, covariates=["age"])
    assert made.propensity is not None
    scores = np.full(80, 0.5)
    scores[3], scores[7] = 0.95, 0.2
    odd = replace(made, propensity=replace(made.propensity, probability=scores))
    found = common_support(Evidence(panel=panel, cohort=odd))
    assert (found.id, found.status) == ("overlap", "warn")
    assert "2 trained have" in found.message
    assert "3 (0.950, above every control)" in found.message
    assert "7 (0.200, below every control)" in found.message
    everybody = common_support(Evidence(panel=panel, cohort=replace(odd, estimand="ATE")))
    assert everybody.message.startswith("1 unit has hardly anybody like them")
    assert common_support(Evidence(panel=panel, cohort=replace(odd, estimand="ATO"))).status == "pass"
    even = replace(odd, propensity=replace(made.propensity, probability=np.full(80, 0.5)))
    assert common_support(Evidence(panel=panel, cohort=even)).status == "pass"


def test_overlap_where_the_covariates_tell_the_arms_apart() -> None:
    panel = apart(9.0)
    found = subjects(panel, covariates=["age"])
    cohort = cohort_of(panel, found, method="made", estimand="ATT", weights=np.ones(80))
    finding = common_support(Evidence(panel=panel, cohort=cohort))
    assert finding.status == "warn"
    assert "does not exist" in finding.message


def _size(control: Sequence[float], trained: int = 20, estimand: str = "ATT") -> Finding:
    n = trained + len(control)
    frame = pd.DataFrame({"id": range(n), "kpi": 1.0, "treat": [1] * trained + [0] * len(control)})
    panel = at.Panel.from_frame(frame, unit="id", outcome="kpi", trained="treat", kind="cross_section")
    return effective_sample_size(seen(panel, [1.0] * trained + list(control), estimand))


def test_the_effective_size_of_the_comparison() -> None:
    # 20 controls, half of them next to nothing: a little more and a little less than 10 effective.
    assert _size([1.0] * 10 + [1e-3] * 10).status == "pass"
    thin = _size([1.0] * 9 + [1.1] + [1e-9] * 10)
    assert thin.status == "warn"
    assert "fewer than half of the 20 trained" in thin.message
    assert "control: 10.0 effective of 20" in thin.observed


def test_one_unit_that_carries_its_arm() -> None:
    share = 0.101
    heavy = [49 * share / (1 - share)] + [1.0] * 49
    found = _size(heavy)
    assert found.status == "warn"
    assert "20 alone is 10% of the weight of the controls" in found.message
    share = 0.099
    assert _size([49 * share / (1 - share)] + [1.0] * 49).status == "pass"


def test_a_small_arm_of_equal_weights_is_not_carried_by_one() -> None:
    assert _size([1.0] * 8, trained=8).status == "pass"


def test_in_an_effect_on_all_both_arms_are_weighted() -> None:
    trained = np.concatenate([np.ones(5), np.full(15, 1e-6)])
    frame = pd.DataFrame({"id": range(40), "kpi": 1.0, "treat": [1] * 20 + [0] * 20})
    panel = at.Panel.from_frame(frame, unit="id", outcome="kpi", trained="treat", kind="cross_section")
    weights = [*trained, *np.ones(20)]
    assert "20 trained with a weight tell as much as 5.0" in effective_sample_size(seen(panel, weights, "ATE")).message


def test_the_dropped_trained_are_counted_and_described() -> None:
    panel = apart(0.0, n=10)
    found = subjects(panel, covariates=["age"])
    weights, reasons = np.ones(20), np.full(20, "", dtype=object)
    weights[[8, 9]], reasons[[8, 9]] = 0.0, "no control within the caliper"
    cohort = cohort_of(panel, found, method="made", estimand="ATT", weights=weights, reasons=reasons)
    finding = trained_dropped(Evidence(panel=panel, cohort=cohort))
    assert (finding.id, finding.status) == ("trained_dropped", "warn")
    assert finding.observed == "2 of 10 trained left out: 2 no control within the caliper"
    assert finding.message.startswith(
        "the effect speaks for 8 of 10 trained (80%); those left out differ most in age, by +"
    )
    assert trained_dropped(seen(panel)).status == "pass"


def test_trained_without_a_kpi_are_not_dropped_by_the_cohort() -> None:
    panel = apart(0.0, n=10)
    outcome = panel.observations.outcome.copy()
    outcome[0] = np.nan
    panel = replace(panel, observations=replace(panel.observations, outcome=outcome))
    found = subjects(panel, covariates=["age"])
    cohort = cohort_of(panel, found, method="made", estimand="ATT", weights=np.ones(19))
    finding = trained_dropped(Evidence(panel=panel, cohort=cohort))
    assert finding.status == "pass"
    assert finding.observed == "0 of 9 trained left out, beside 1 without a KPI value"


def _followed(ages: list[float | None]) -> at.Panel:
    """Return four trained in period 3 and four never trained, with an age in each of three periods."""
    frame = pd.DataFrame(
        {
            "id": np.repeat(range(8), 3),
            "month": np.tile([1, 2, 3], 8),
            "kpi": np.arange(24.0),
            "start": np.repeat([3.0] * 4 + [np.nan] * 4, 3),
            "age": ages,
        }
    )
    return at.Panel.from_frame(frame, unit="id", period="month", outcome="kpi", adopted="start", covariates=["age"])


def test_a_covariate_that_is_recorded_after_the_training() -> None:
    # The office writes the age down in the month of the training: the controls have one, the trained none before it.
    late = _followed([None, None, 30.0] * 8)
    cohort = at.Cohort("given", "ATT", np.ones(8), covariates=("age",))
    finding = measured_before(Evidence(panel=late, cohort=cohort))
    assert (finding.id, finding.status) == ("measured_before", "warn")
    assert "of 0% of the trained and 100% of the controls" in finding.observed
    early = _followed([31.0, 32.0, 33.0] * 8)
    assert measured_before(Evidence(panel=early, cohort=cohort)).status == "pass"
    assert measured_before(Evidence(panel=early)).message == "no covariate is used"
    single = apart(0.0)
    cohort = at.Cohort("given", "ATT", np.ones(80), covariates=("age",))
    finding = measured_before(Evidence(panel=single, cohort=cohort))
    assert finding.status == "skipped"
    assert "one row per unit" in finding.message


def test_without_a_cohort_they_are_skipped() -> None:
    for check in ALL:
        for evidence in (Evidence(), Evidence(panel=apart(0.0))):
            found = check(evidence)
            assert found.status == "skipped"
            assert found.message
    assert cohort_balance(Evidence(panel=apart(0.0))).message == "the analysis is on no cohort"


def test_rows_of_other_people_in_every_period_have_no_cohort_to_judge() -> None:
    frame = pd.DataFrame({"month": [1, 2] * 6, "kpi": np.arange(12.0), "start": [2.0] * 6 + [np.nan] * 6})
    panel = at.Panel.from_frame(frame, period="month", outcome="kpi", adopted="start", kind="repeated_cross_sections")
    evidence = Evidence(panel=panel, cohort=at.Cohort("given", "ATT", np.ones(12)))
    assert {check(evidence).status for check in ALL} == {"skipped"}


def test_before_the_follow_up_nothing_is_said_of_covariates_that_a_cohort_will_use() -> None:
    design = at.load_design("designs/nsw-training.toml")
    panel = _followed([31.0, 32.0, 33.0] * 8)
    assert measured_before(Evidence(design=design, panel=panel)).message == "the follow-up is not over"


def test_names_keep_their_hyphens_and_letters() -> None:
    panel = at.Panel.from_frame(
        pd.DataFrame(
            {
                "unit": range(8),
                "sales": np.arange(8.0),
                "trained": [1, 0] * 4,
                "pre-info": [1.0, 2.0, 2.0, 4.0, 3.0, 5.0, 4.0, 7.0],
            }
        ),
        unit="unit",
        outcome="sales",
        trained="trained",
        covariates=["pre-info"],
        kind="cross_section",
    )
    cohort = at.Cohort("given", "ATT", np.array([1.0, 1, 0, 1, 1, 1, 1, 1]), covariates=("pre-info",))
    evidence = Evidence(panel=panel.with_cohort(cohort), cohort=cohort, estimate=at.adjusted(panel, covariates=[]))
    assert "pre-info −" in cohort_balance(evidence).observed
    assert "pre-info" in baseline_equivalence(evidence).observed
    assert "pre-info" in trained_dropped(evidence).message
