"""Names of outcomes of the work and of the learning platform."""

from __future__ import annotations

import pytest

from attribution.checks.evidence import Evidence
from attribution.checks.focus import focus, kpi_owner, of_learning
from tests.contract.evidence import design_of


@pytest.mark.parametrize(
    ("label", "learning"),
    [
        ("Course completion rate", True),
        ("Attendance", True),
        ("Logins a week", True),
        ("Learner satisfaction", True),
        ("Hours learned", True),
        ("Certified staff", True),
        ("Monthly sales", False),
        ("Customer satisfaction", False),
        ("Order completion time", False),
        ("Case completion", False),
        ("Scrap rate", False),
        ("Safety incidents", False),
        ("Handle time", False),
    ],
)
def test_names_of_engagement_and_completion(label: str, learning: bool) -> None:
    (kpi,) = design_of({"kpi.0.label": label, "kpi.0.column": "value", "kpi.0.id": "value"}).kpi
    assert of_learning(kpi) == learning


def test_what_is_missing_is_named() -> None:
    found = kpi_owner(Evidence(design=design_of()))
    assert found.observed == "no owner: Monthly sales; no baseline source: Monthly sales"
    # What is there is not blamed.
    only = kpi_owner(Evidence(design=design_of({"kpi.0.baseline_source": "the CRM"})))
    assert only.observed == "no owner: Monthly sales"
    assert "baseline" not in only.message + only.remedy
    named = {"kpi.0.owner": "head of sales", "kpi.0.baseline_source": "the CRM"}
    assert kpi_owner(Evidence(design=design_of(named))).observed == "owned by head of sales"


def test_one_kpi_passes_with_a_word_on_a_second() -> None:
    found = focus(Evidence(design=design_of()))
    assert (found.status, found.observed) == ("pass", "1 primary KPI")
    assert "a second one" in found.message
