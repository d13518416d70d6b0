"""The length and the autocorrelation of a trend's series, at their thresholds, on data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.trend import series_length
from attribution.core.estimate import Estimate
from attribution.estimators.trend import trend


def estimate(before: int, after: int = 6, rho: float = 0.0, seed: int = 1, **options: Any) -> Estimate:
    time = np.arange(before + after)
    drawn = np.random.default_rng(seed).standard_normal(len(time))
    for t in range(1, len(time)):
        drawn[t] += rho * drawn[t - 1]
    frame = pd.DataFrame({"t": time, "kpi": 50 + 0.2 * time + 4 * (time >= before) + drawn, "start": before})
    panel = at.Panel.from_frame(frame, period="t", outcome="kpi", adopted="start", kind="series")
    return trend(panel, baseline=range(before), followup=range(before, before + after), **options)


def found(one: Estimate) -> Any:
    return series_length(Evidence(estimate=one))


@pytest.mark.parametrize(
    ("before", "status"), [(3, "fail"), (7, "fail"), (8, "warn"), (11, "warn"), (12, "pass"), (36, "pass")]
)
def test_the_baseline_decides(before: int, status: str) -> None:
    finding = found(estimate(before))
    assert finding.status == status
    assert finding.observed.startswith(f"{before} baseline periods, 6 of follow-up")
    assert bool(finding.remedy) == (status != "pass")


def test_season_and_control_take_periods() -> None:
    finding = found(estimate(18, season=12))
    assert finding.status == "fail"
    assert "18 baseline periods (11 taken by season and control)" in finding.observed
    assert "19 periods are needed" in finding.message
    assert found(estimate(24, season=12)).status == "pass"


def test_a_follow_up_longer_than_the_baseline_warns() -> None:
    assert found(estimate(12, after=12)).status == "pass"
    finding = found(estimate(12, after=13))
    assert finding.status == "warn"
    assert "further than it was watched" in finding.message


LASTING = ((0.0, 1), (0.7, 5), (0.98, 5))


def test_lasting_errors_warn_and_then_fail() -> None:
    seen = set()
    for one in (estimate(60, after=12, rho=rho, seed=seed) for rho, seed in LASTING):
        value = one.value("autocorrelation")
        expected = "fail" if value > 0.8 else "warn" if value > 0.6 else "pass"
        finding = found(one)
        assert finding.status == expected
        assert f"autocorrelation {value:.2f}" in finding.observed
        seen.add(finding.status)
    assert seen == {"pass", "warn", "fail"}


@pytest.mark.parametrize("variance", ["newey_west", "classical"])
def test_a_reference_variance_fails(variance: str) -> None:
    finding = found(estimate(24, variance=variance))
    assert finding.status == "fail"
    assert "variance='default'" in finding.remedy


def test_a_series_without_errors_fails() -> None:
    time = np.arange(20)
    frame = pd.DataFrame({"t": time, "kpi": 1.0 * time, "start": 14})
    panel = at.Panel.from_frame(frame, period="t", outcome="kpi", adopted="start", kind="series")
    finding = found(trend(panel, baseline=range(14), followup=range(14, 20)))
    assert finding.status == "fail"
    assert "without any error" in finding.message


def test_other_methods_and_missing_data_are_skipped(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    skipped = series_length(evidence_of(sales()))
    assert (skipped.status, skipped.message) == ("skipped", "did projects no trend")
    assert series_length(Evidence()).status == "skipped"
    early = estimate(12).combine({"change": {"change": 1.0}})
    assert series_length(Evidence(estimate=early)).status == "skipped"
