"""The review: with the data, or on the design alone where there are none yet."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import attribution as at
from attribution.errors import DataError, MethodError
from attribution.registry import CHECKS

GRAPH = ("causal_graph", "placebo_refuter", "random_cause_refuter", "subset_refuter")
COHORT = (
    "cohort_balance",
    "overlap",
    "effective_sample_size",
    "trained_dropped",
    "measured_before",
    "matched_difference",
)

BEFORE = ("regression_to_mean", "dip_before_adoption", "lagged_bracket", "placebo_launch", "placebo_trained")
"""Rules that look at the periods before the launch, and need no more."""


def test_without_the_data_file_the_design_alone_is_reviewed(make_study: Callable[..., Path]) -> None:
    findings = at.review(at.load_design(make_study(None)))
    status = {finding.id: finding.status for finding in findings}
    assert status["learner_time"] == status["cost_categories"] == status["pre_periods"] == "pass"
    skipped = [finding for finding in findings if finding.status == "skipped"]
    assert {finding.id for finding in skipped} == {
        "baseline_equivalence", "launch", "clusters_per_arm", "standard_error", "contamination", "units_lost",
        "observation_gap", "share_estimable", "draws_failed", "series_length", "synthetic_fit",
        "pre_trends", "trend_breakdown", "attrition", "unmeasured_confounding", "leavers", "untouched_outcome", "pays",
        "prespecified", *BEFORE, *COHORT, *GRAPH,
    }  # fmt: skip
    said = ("contamination", "attrition", "untouched_outcome", "prespecified", "pays", *COHORT, *GRAPH)
    assert all("no data" in finding.message for finding in skipped if finding.id not in said)


def test_before_the_follow_up_what_is_known_is_judged(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales()
    frame.loc[frame["person"] < "003", "start"] = "2026-01"
    changes = {"timing.baseline": ["2025-11", "2025-12"]}
    before = at.load_design(make_study(frame[frame["month"] <= "2026-01"], changes))
    for findings in (at.review(before), at.review(before, as_of=datetime.date(2026, 1, 31))):
        status = {finding.id: finding.status for finding in findings}
        assert (status["launch"], status["pre_periods"], status["learner_time"]) == ("warn", "warn", "pass")
        waiting = {finding.id for finding in findings if finding.message == "the follow-up is not over"}
        assert waiting == {
            "baseline_equivalence", "clusters_per_arm", "standard_error", "units_lost", "observation_gap",
            "share_estimable", "draws_failed", "series_length", "synthetic_fit", "pre_trends", "trend_breakdown",
            "unmeasured_confounding", "leavers", "lagged_bracket",
        }  # fmt: skip
    with pytest.raises(DataError, match="no follow-up period is in the data yet") as caught:
        at.run(before)
    assert "attribution check" in caught.value.remedy


def test_before_the_follow_up_other_faults_of_the_data_stay_errors(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales()
    holes = frame[(frame["month"] <= "2026-01") & (frame["month"] != "2025-12")]
    with pytest.raises(DataError, match="there is no period 2025-12"):
        at.review(at.load_design(make_study(holes)))


def test_a_review_is_iterated_counted_indexed_and_shown(make_study: Callable[..., Path]) -> None:
    without = [{"category": "license", "amount": 2000, "source": "<invoice>"}]
    review = at.review(at.load_design(make_study(None, {"cost": without})))
    assert len(review) == len(list(review)) == len(CHECKS)
    assert review[0].id == "baseline_equivalence"
    assert [finding.id for finding in review.gates_failed] == ["learner_time"]
    assert repr(review).startswith("Review(1 fail, 6 warn, ")
    frame = review.tidy()
    columns = ["id", "status", "observed", "threshold", "source", "message", "remedy", "waived"]
    assert list(frame.columns) == columns
    assert list(frame["id"]) == [finding.id for finding in review]
    shown = review._repr_html_()
    # A table of the rules, and one of what the primary analysis could see.
    assert shown.count("<tr>") == len(CHECKS) + 1 + 2
    assert review[0]._repr_html_().count("<tr>") == 2


@pytest.mark.parametrize("as_of", ["2026-05-31", datetime.datetime(2026, 5, 31), pd.Timestamp("2026-05-31"), 20260531])
def test_the_date_is_a_date(as_of: Any, make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]) -> None:
    design = at.load_design(make_study(sales()))
    for call in (at.review, at.run):
        with pytest.raises(MethodError, match="not a date") as caught:
            call(design, as_of=as_of)
        assert "datetime.date(2026, 9, 30)" in caught.value.remedy


def test_with_data_it_is_what_a_run_finds(make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]) -> None:
    design = at.load_design(make_study(sales(trained=4)))
    assert tuple(at.review(design)) == at.run(design).findings
    early = at.review(design, as_of=datetime.date(2026, 3, 31))
    assert [finding.id for finding in early] == [finding.id for finding in at.review(design)]


def test_data_that_are_there_and_unusable_are_an_error(make_study: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="missing column"):
        at.review(at.load_design(make_study(pd.DataFrame({"a": [1]}))))
