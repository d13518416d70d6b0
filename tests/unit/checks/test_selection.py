"""What the rules on selection say: mechanisms, no comparison, regression to the mean, dips, and the bracket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.returning import dip_before_adoption, regression_to_mean
from attribution.checks.selection import SAID, lagged_bracket, selection_mechanism, uncontrolled
from tests.contract.evidence import design_of, evidence_of
from tests.studies import MONTHS, sales_of

EXPECTED = {"kpi.0.expected_effect": 1.0, "kpi.0.effect_source": "a pilot"}
HALF = EXPECTED | {"kpi.0.expected_effect": 0.5}


@pytest.mark.parametrize(
    ("mechanism", "message", "remedy"),
    [
        ("threshold", "nobody untrained has the same score", "regression discontinuity"),
        ("voluntary", "the effect is on those who come, not what it would be on everybody", "still wait"),
        ("performance", "moves back towards the mean by itself", "lagged"),
        ("manager", "may have known what no column holds", "adjust for it"),
        ("first_come", "keener or better informed", "came too late"),
    ],
)
def test_each_mechanism_is_answered_by_its_own_words(mechanism: str, message: str, remedy: str) -> None:
    found = selection_mechanism(Evidence(design=design_of({"assignment.mechanism": mechanism})))
    assert (found.status, found.observed) == ("warn", f"{mechanism.replace('_', ' ')}, without a source")
    assert message in found.message
    assert remedy in found.remedy
    assert mechanism in SAID


def test_two_primary_analyses_are_judged_each(sales: Callable[..., pd.DataFrame]) -> None:
    other = {"id": "errors", "column": "errors", "label": "Errors", "unit": "errors", "direction": "lower"}
    design = design_of(
        {
            "kpi.1": other,
            "analysis.0.kpi": "sales",
            "valuation.0.kpi": "sales",
            "analysis.1": {"id": "second", "kpi": "errors", "method": "prepost", "role": "primary"},
            "assignment.mechanism": "performance",
        }
    )
    each = [uncontrolled(Evidence(design=design, analysis=one)).status for one in design.analysis]
    assert each == ["pass", "fail"]
    # Where nobody says which one, there is nothing to judge.
    assert uncontrolled(Evidence(design=design)).status == "skipped"


def test_a_trend_with_a_comparison_is_compared() -> None:
    changes = {"analysis.0.method": "trend", "analysis.0.controls": "regressor"}
    assert uncontrolled(Evidence(design=design_of(changes))).status == "pass"
    alone = uncontrolled(Evidence(design=design_of({"analysis.0.method": "trend"})))
    assert "its own past alone" in alone.message


def _picked(seed: int, direction: str = "higher") -> pd.DataFrame:
    """Return people of whom the worst third by the three months before are picked, and whom nobody trains at all."""
    rng = np.random.default_rng(seed)
    n = 3_000
    scores = rng.normal(20, 1, n)[:, None] + rng.normal(0, 1, (n, len(MONTHS)))
    before = scores[:, :3].mean(axis=1)
    picked = before < np.quantile(before, 1 / 3)
    return pd.DataFrame(
        {
            "person": np.repeat([f"{place:04d}" for place in range(n)], len(MONTHS)),
            "month": np.tile(MONTHS, n),
            "start": np.repeat(np.where(picked, "2026-02", None), len(MONTHS)),
            "sales": (scores if direction == "higher" else -scores).ravel(),
        }
    )


@pytest.mark.parametrize("method", ["did", "prepost"])
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_what_selection_brings_is_what_the_analysis_then_finds(method: str, direction: str) -> None:
    changes = HALF | {"assignment.mechanism": "performance", "analysis.0.method": method}
    changes["kpi.0.direction"] = direction
    evidence = evidence_of(_picked(1, direction), changes)
    found = regression_to_mean(evidence)
    assert found.status == "fail"
    said = float(found.observed.partition("from selection alone ")[2].partition(" ")[0].replace("−", "-"))
    assert evidence.estimate is not None
    term = "effect" if method == "did" else "change"
    wrong = evidence.estimate.value(term) * (1 if direction == "higher" else -1)
    # Nobody was trained: all that the analysis finds is regression. Three standard errors of it, and the correlation's.
    assert said == pytest.approx(wrong, abs=3 * evidence.estimate.std_error(term) + 0.03)
    assert said > 0


def test_before_the_follow_up_the_data_say_it_too() -> None:
    frame = _picked(2)
    design = design_of(HALF | {"assignment.mechanism": "performance"})
    history = frame[frame["month"] < "2026-02"]
    panel = at.Panel.from_frame(history, unit="person", period="month", outcome="sales", adopted="start")
    found = regression_to_mean(Evidence(design=design, panel=panel))
    assert found.status == "fail"
    assert "reliability of the baseline 0.7" in found.observed


def test_the_standard_deviation_makes_kpi_units_of_it() -> None:
    picked = {"mechanism": "performance", "level": "person", "reliability": 0.6, "selected_share": 0.3}
    changes: dict[str, Any] = {"assignment": picked, "timing.baseline": ["2026-01"], "analysis.0.method": "prepost"}
    found = regression_to_mean(Evidence(design=design_of(EXPECTED | changes)))
    assert found.status == "warn"
    assert "from selection alone +0.464 SD of improvement" in found.observed
    assert "no effect in its units" in found.message
    found = regression_to_mean(Evidence(design=design_of(EXPECTED | changes | {"power": {"sd": 2.0}})))
    assert "+0.927 orders of improvement, 93% of the expected effect (1)" in found.observed


def test_a_declared_reliability_serves_where_one_period_says_nothing() -> None:
    frame = sales_of()
    frame.loc[frame["start"].notna(), "sales"] -= 3.0
    changes = EXPECTED | {"assignment.mechanism": "performance", "timing.baseline": ["2026-01"]}
    changes["assignment.reliability"] = 0.9
    found = regression_to_mean(evidence_of(frame, changes))
    assert "reliability 0.90 declared" in found.observed
    assert found.status == "warn"


@pytest.mark.parametrize("method", ["synthetic", "trend"])
def test_methods_that_look_at_a_whole_path_are_skipped(method: str) -> None:
    changes = {"assignment.mechanism": "performance", "analysis.0.method": method}
    evidence = Evidence(design=design_of(changes))
    assert regression_to_mean(evidence).status == "skipped"


def test_a_dip_is_worse_in_the_direction_of_the_kpi() -> None:
    frame = sales_of()
    frame.loc[frame["start"].notna() & (frame["month"] == "2026-01"), "sales"] -= 1.0
    assert "got worse than the others" in dip_before_adoption(evidence_of(frame)).message
    lower = dip_before_adoption(evidence_of(frame, {"kpi.0.direction": "lower"}))
    assert "got better than the others" in lower.message
    assert lower.observed.startswith("−")


def test_a_dip_needs_data_people_and_periods() -> None:
    assert dip_before_adoption(Evidence(design=design_of())).message == "no data from before the training"
    two = dip_before_adoption(evidence_of(sales_of(), {"timing.baseline": ["2025-12", "2026-01"]}))
    assert two.message == "fewer than 3 periods before the training"
    nobody = dip_before_adoption(evidence_of(sales_of(control=1)))
    assert (nobody.status, "one cluster" in nobody.message) == ("skipped", True)


def test_the_bracket_says_on_what_the_result_hangs() -> None:
    frame = sales_of(effect=0.25)
    frame = frame.assign(sales=frame["sales"] - 6.0 * frame["start"].notna())
    found = lagged_bracket(evidence_of(frame, {"assignment.mechanism": "performance"}))
    assert found.status == "warn"
    assert found.message.startswith("only did tells the effect from 0")
    assert "slope 0.97" in found.observed
    waits = lagged_bracket(Evidence(design=design_of({"assignment.mechanism": "performance"})))
    assert waits.message == "no data to compare did and lagged in"
    other = lagged_bracket(
        Evidence(design=design_of({"assignment.mechanism": "manager", "analysis.0.method": "prepost"}))
    )
    assert other.message == "the primary analysis is not did"
