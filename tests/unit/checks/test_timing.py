"""What of the calendar is not declared."""

from __future__ import annotations

from attribution.checks.evidence import Evidence
from attribution.checks.timing import timing_declared
from tests.contract.evidence import design_of


def test_what_is_missing_is_named_with_the_line_to_add() -> None:
    found = timing_declared(Evidence(design=design_of({"timing.washout": 0})))
    assert found.observed == "washout 0, anticipation not declared"
    assert found.message.startswith("the design does not say whether the KPI could react before the training")
    assert found.remedy == "add anticipation = 0 to [timing], or the number of periods"


def test_an_analysis_that_states_its_own_is_read() -> None:
    own = {"timing.washout": 0, "timing.anticipation": 1, "analysis.0.anticipation": 2}
    assert timing_declared(Evidence(design=design_of(own))).observed == "washout 0, anticipation 2"


def test_no_design_has_no_calendar() -> None:
    assert timing_declared(Evidence()).message == "no design states a calendar"
