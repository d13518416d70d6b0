"""Attrition of a randomised study: the boundaries as printed, and who was lost as counted."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from attribution.checks.attrition import attrition, boundaries
from attribution.checks.baseline import baseline_equivalence
from attribution.checks.evidence import Evidence

# What Works Clearinghouse, Standards Handbook 5.0: overall attrition, cautious and optimistic boundary.
NONE = float("nan")
PRINTED = {
    0: (5.7, 10.0),
    10: (6.3, 10.9),
    20: (5.4, 10.0),
    30: (4.1, 8.2),
    40: (2.6, 6.0),
    50: (1.0, 3.7),
    57: (0.0, 2.1),
    65: (NONE, 0.3),
}
RANDOM = {"columns.assigned": "assigned", "analysis.0.as_assigned": True, "assignment.mechanism": "random"}


@pytest.mark.parametrize("overall", PRINTED)
def test_the_boundaries_are_the_printed_ones(overall: int) -> None:
    # Straight lines through a point meet it but for rounding.
    assert boundaries(float(overall)) == pytest.approx(PRINTED[overall], abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(("low", "high"), list(pairwise(PRINTED)))
def test_between_printed_values_the_boundaries_are_straight_lines(low: int, high: int) -> None:
    for part in (0.25, 0.5, 0.9):
        expected = [(1 - part) * a + part * b for a, b in zip(PRINTED[low], PRINTED[high], strict=True)]
        found = boundaries(low + part * (high - low))
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_the_boundaries_rise_to_ten_percent_fall_after_and_end() -> None:
    overall = np.linspace(0, 57, 58)
    for column in (0, 1):
        steps = np.diff([boundaries(float(one))[column] for one in overall])
        assert (steps[:10] > 0).all()
        assert (steps[10:] < 0).all()
    assert boundaries(57.0)[0] == 0.0
    assert np.isnan(boundaries(57.1)[0])
    assert boundaries(57.1)[1] < 2.1
    assert np.isnan(boundaries(65.1)).all()


@pytest.fixture
def lost(sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]) -> Callable[[int, int], Evidence]:
    """Return a maker of a randomised study of 100 and 100 that lost so many of each arm in the follow-up."""

    def make(assigned: int, others: int) -> Evidence:
        frame = sales(trained=100, control=100)
        number = frame["person"].astype(int)
        frame["assigned"] = (number < 100).astype(int)
        gone = (number < assigned) | ((number >= 100) & (number < 100 + others))
        return evidence_of(frame[~gone | (frame["month"] < "2026-02")], RANDOM)

    return make


@pytest.mark.parametrize(
    ("assigned", "others", "status", "says"),
    [
        (0, 0, "pass", "few enough were lost"),
        (10, 5, "pass", "few enough"),  # 7.5% and 5 points; allowed are 6.15
        (12, 4, "warn", "more were lost than a cautious reading allows"),  # 8% and 8 points; 6.2 and 10.7
        (15, 3, "warn", "no longer those that chance made"),  # 9% and 12 points
        (62, 58, "warn", "more were lost"),  # 60%: none cautiously, 1.4 optimistically; 4 points
    ],
)
def test_losses_are_judged_by_both_boundaries(
    assigned: int, others: int, status: str, says: str, lost: Callable[[int, int], Evidence]
) -> None:
    found = attrition(lost(assigned, others))
    if (assigned, others) == (62, 58):
        assert "60.0% lost, arms 4.0 points apart; none allowed, 1.4 optimistically" in found.observed
        says = "no longer those that chance made"
    assert (found.status, bool(found.remedy)) == (status, status == "warn")
    assert says in found.message


def test_it_is_of_randomised_studies_analysed_as_assigned(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    assert "not assigned at random" in attrition(evidence_of(sales())).message
    waiting = attrition(evidence_of(sales(), {"assignment.mechanism": "waitlist"}))
    assert (waiting.status, "drawn at random write mechanism = 'random'" in waiting.message) == ("skipped", True)
    taken = attrition(evidence_of(sales(), {"assignment.mechanism": "random"}))
    assert (taken.status, "as_assigned = true" in taken.message) == ("skipped", True)
    assert attrition(Evidence()).status == "skipped"


def test_beyond_the_boundary_a_randomised_study_is_judged_by_its_balance(lost: Callable[[int, int], Evidence]) -> None:
    # Of 100 in the order of their sales the first 30 are lost from one arm alone.
    assert baseline_equivalence(lost(30, 0)).status == "fail"
    assert baseline_equivalence(lost(30, 30)).status == "pass"
