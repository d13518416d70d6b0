"""What the periods before the start show: never that trends are parallel, always what they could have missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.pretrends import pre_trends, trend_breakdown
from attribution.inference.look_back import look_back

MONTHS = [str(month) for month in pd.period_range("2025-01", periods=12, freq="M")]


def _panel(*, drift: float = 0.0, noise: float = 0.3, effect: float = 3.0, seed: int = 1) -> at.Panel:
    """Return 40 people over 12 months: 16 start in month 6, 8 in month 8; the trained drift by so much a month."""
    rng = np.random.default_rng(seed)
    start = np.array([6] * 16 + [8] * 8 + [99] * 16)
    unit, month = np.repeat(np.arange(40), 12), np.tile(np.arange(12), 40)
    kpi = rng.normal(20, 2, 40)[unit] + rng.normal(0, noise, 480) + drift * month * (start < 99)[unit]
    frame = pd.DataFrame(
        {
            "person": unit,
            "month": np.array(MONTHS)[month],
            "start": np.array([*MONTHS, None], dtype=object)[np.minimum(start, 12)][unit],
            "sales": kpi + effect * (month >= start[unit]),
        }
    )
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")


def _evidence(**options: Any) -> Evidence:
    return Evidence(estimate=at.event_study(_panel(**options)))


def test_a_trend_that_could_have_been_missed_is_measured_against_the_effect() -> None:
    found = pre_trends(_evidence())
    assert (found.id, found.status) == ("pre_trends", "pass")
    for words in ("slope ", "detectable ", "with probability 80%", "joint p = ", "events −6 to 4"):
        assert words in found.observed
    assert "that trends are parallel they cannot show" in found.message
    assert "passed" not in found.message


def test_arms_that_did_not_move_alike_are_a_warning() -> None:
    found = pre_trends(_evidence(drift=0.3))
    assert found.status == "warn"
    assert "did not move alike before the start" in found.message
    assert found.remedy


def test_pre_periods_that_could_miss_half_of_the_effect_are_a_warning() -> None:
    found = pre_trends(_evidence(effect=0.15, noise=0.6))
    assert found.status == "warn"
    assert "miss one time in five would be worth" in found.message


def test_the_breakdown_value_is_above_or_below_one() -> None:
    strong, weak, none = (
        trend_breakdown(_evidence(effect=effect, noise=noise))
        for effect, noise in ((3.0, 0.3), (0.45, 0.4), (0.0, 0.6))
    )
    assert (strong.status, weak.status, none.status) == ("pass", "warn", "warn")
    assert "average effect of events 0 to 4" in strong.observed
    assert "if trends part after the start by" in weak.message
    assert "even if trends are exactly parallel" in none.message


def test_an_estimate_without_effects_before_the_start_says_what_to_add(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    for check in (pre_trends, trend_breakdown):
        found = check(evidence_of(sales()))
        assert found.status == "skipped"
        assert found.message.startswith("did has no effects of periods before the start: add an analysis")
        assert "event_study" in found.message


def test_steps_of_a_varying_base_are_no_path_and_the_next_analysis_is_asked() -> None:
    panel = _panel()
    waves, path = at.staggered(panel), at.event_study(panel)
    alone = look_back({"primary": waves})
    assert alone.pretrends is None
    assert alone.reason.startswith("staggered: ")
    found = look_back({"primary": waves, "path": path})
    assert (found.name, found.estimate) == ("path", path)
    assert found.pretrends is not None
    assert (found.pretrends.path.pre[0], found.pretrends.path.post[-1]) == (-6, 4)
    universal = look_back({"primary": at.staggered(panel, base="universal"), "path": path})
    assert universal.name == "primary"
    assert look_back({}).reason == "there is no estimate"


def test_a_study_takes_its_event_study_where_the_primary_analysis_has_none(
    sales: Callable[..., pd.DataFrame], run_study: Callable[..., at.StudyResult]
) -> None:
    result = run_study(sales(), {"analysis.1": {"id": "path", "method": "event_study", "role": "sensitivity"}})
    assert result.looks_back["primary"].name == "path"
    findings = {finding.id: finding for finding in result.findings}
    assert findings["pre_trends"].status != "skipped"
    assert "of path" in findings["trend_breakdown"].observed
