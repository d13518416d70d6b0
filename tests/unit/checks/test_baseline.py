"""Baseline equivalence on both sides of .05 and .25, and the count of baseline periods."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.baseline import baseline_equivalence, pre_periods
from attribution.checks.evidence import Evidence
from attribution.design.load import load_design
from attribution.diagnostics.baseline import baseline_balance
from attribution.estimators.adjusted import adjusted
from tests.studies import with_g


@pytest.mark.parametrize(
    ("g", "status", "says"),
    [
        (0.0499, "pass", "alike at baseline"),
        (0.0501, "pass", "difference-in-differences adjusts for it"),
        (0.2499, "pass", "adjusts for it"),
        (0.2501, "fail", "differed by 0.25 standard deviations in sales"),
        (-0.2501, "fail", "differed by 0.25 standard deviations in sales"),
    ],
)
def test_a_difference_in_the_kpi_itself(
    g: float, status: str, says: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = baseline_equivalence(evidence_of(with_g(sales(), g, "sales")))
    assert (found.status, found.id) == (status, "baseline_equivalence")
    assert says in found.message
    assert bool(found.remedy) == (status == "fail")


@pytest.mark.parametrize(
    ("g", "status"), [(0.0499, "pass"), (0.0501, "warn"), (-0.0501, "warn"), (0.2499, "warn"), (0.2501, "fail")]
)
def test_a_covariate_that_nothing_adjusts_for(
    g: float, status: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales()
    frame["age"] = frame.groupby("person")["sales"].transform("first") + 20
    frame = with_g(with_g(frame, 0.0, "sales"), g, "age")
    found = baseline_equivalence(evidence_of(frame, {"columns.covariates": ["age"]}))
    assert found.status == status
    assert "age" in found.observed
    assert ("age" in found.message) == (status != "pass")


def test_a_random_assignment_is_warned_and_not_failed(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = with_g(sales(), 0.6, "sales")
    assert baseline_equivalence(evidence_of(frame, {"assignment.mechanism": "random"})).status == "warn"
    assert baseline_equivalence(evidence_of(frame)).status == "fail"


def test_one_unit_in_an_arm_has_no_standard_deviation(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = baseline_equivalence(evidence_of(sales(trained=1)))
    assert found.status == "warn"
    assert found.observed == "g: sales not computable"
    assert "two units in each arm" in found.remedy


def test_a_constant_covariate_does_not_hide_a_difference(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = with_g(sales(), 0.9, "sales").assign(rate=0.1)
    found = baseline_equivalence(evidence_of(frame, {"columns.covariates": ["rate"]}))
    assert found.status == "fail"
    assert found.observed == "g: sales +0.90; rate not computable"


def test_a_covariate_that_separates_the_arms_fails(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = with_g(sales(), 0.0, "sales")
    frame["office"] = frame["start"].notna().astype(int)
    found = baseline_equivalence(evidence_of(frame, {"columns.covariates": ["office"]}))
    assert found.status == "fail"
    assert found.message == "the arms differed wholly in office before the training"
    assert "office +∞" in found.observed


def test_without_a_comparison_or_data_it_is_skipped(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    alone = {"analysis.0.method": "prepost"}
    found = baseline_equivalence(evidence_of(sales(), alone))
    assert (found.status, found.message) == ("skipped", "prepost has no comparison")
    assert baseline_equivalence(Evidence()).status == "skipped"


@pytest.mark.parametrize(("months", "status"), [(1, "warn"), (2, "warn"), (3, "pass")])
def test_baseline_periods_are_counted(
    months: int, status: str, sales: Callable[..., pd.DataFrame], make_study: Callable[..., Path]
) -> None:
    changes: dict[str, Any] = {"timing.baseline": ["2025-11", "2025-12", "2026-01"][-months:]}
    found = pre_periods(Evidence(design=load_design(make_study(None, changes))))
    assert found.status == status
    assert found.observed == f"{months} baseline period{'s' if months > 1 else ''}"


def test_baseline_periods_without_a_design_are_skipped() -> None:
    assert pre_periods(Evidence()).status == "skipped"


@pytest.mark.parametrize("g", [0.0501, 0.2499])
def test_a_covariate_that_the_analysis_adjusts_for_counts_as_adjusted(
    g: float, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales()
    frame["age"] = frame.groupby("person")["sales"].transform("first") + 20
    frame = with_g(with_g(frame, 0.0, "sales"), g, "age")
    changes = {"columns.covariates": ["age"], "analysis.0.method": "staggered"}
    assert baseline_equivalence(evidence_of(frame, changes)).status == "warn"
    found = baseline_equivalence(evidence_of(frame, changes | {"analysis.0.covariates": ["age"]}))
    assert (found.status, "age differed by" in found.message) == ("pass", True)
    assert "the staggered analysis adjusts for it" in found.message


@pytest.mark.parametrize("method", ["staggered", "event_study", "lagged", "twfe"])
def test_the_kpi_itself_counts_as_adjusted_by_methods_that_difference_or_condition_on_it(
    method: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = baseline_equivalence(evidence_of(with_g(sales(), 0.2, "sales"), {"analysis.0.method": method}))
    assert (found.status, "adjusts for it" in found.message) == ("pass", True)


def test_after_a_cohort_the_weighted_arms_are_judged() -> None:
    """Controls of before 20 to 40, trained 30: weights that make their means equal make the arms equal."""
    ages = [30.0, 28, 32, 30, 20, 24, 26, 30, 34, 36, 60, 70]
    frame = pd.DataFrame(
        {
            "id": np.repeat(range(12), 2),
            "month": np.tile([1, 2], 12),
            "kpi": np.repeat(ages, 2) + np.tile([0.0, 1.0], 12),
            "start": np.repeat([2.0] * 4 + [np.nan] * 8, 2),
            "age": np.repeat(ages, 2),
        }
    )
    panel = at.Panel.from_frame(frame, unit="id", period="month", outcome="kpi", adopted="start", covariates=["age"])
    cohort = at.Cohort("given", "ATT", np.array([1.0] * 4 + [0, 0.5, 1, 1, 1, 0.5, 0, 0]))
    windows = {"baseline": [1], "followup": [2]}
    for one, status in ((panel, "fail"), (panel.with_cohort(cohort), "pass")):
        found = baseline_equivalence(Evidence(panel=one, estimate=at.did(one, **windows)))
        assert found.status == status, found
    # Who has no weight does not count in the spread either: these are the numbers of the units that are left.
    left = cohort.weights > 0
    alone = at.Panel.from_frame(
        frame[np.repeat(left, 2)].assign(size=np.repeat(cohort.weights[left], 2)),
        unit="id",
        period="month",
        outcome="kpi",
        adopted="start",
        covariates=["age"],
        weight="size",
    )
    weighted = panel.with_cohort(cohort)
    pair = [baseline_balance(one, at.did(one, **windows)) for one in (weighted, alone)]
    pd.testing.assert_frame_equal(*pair)


def test_a_cross_section_is_judged_by_its_covariates() -> None:
    frame = pd.DataFrame(
        {"id": range(8), "kpi": np.arange(8.0), "treat": [1] * 4 + [0] * 4, "age": [30, 34, 38, 42] * 2}
    )
    for covariates, status in ((["age"], "pass"), ([], "skipped")):
        panel = at.Panel.from_frame(
            frame, unit="id", outcome="kpi", trained="treat", covariates=covariates, kind="cross_section"
        )
        found = baseline_equivalence(Evidence(panel=panel, estimate=adjusted(panel, adjust="none")))
        assert found.status == status
