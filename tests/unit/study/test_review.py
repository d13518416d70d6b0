"""The review: with the data, or on the design alone where there are none yet."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import attribution as at
from attribution.errors import DataError


def test_without_the_data_file_the_design_alone_is_reviewed(make_study: Callable[..., Path]) -> None:
    findings = at.review(at.load_design(make_study(None)))
    status = {finding.id: finding.status for finding in findings}
    assert status["learner_time"] == status["cost_categories"] == status["pre_periods"] == "pass"
    skipped = [finding for finding in findings if finding.status == "skipped"]
    assert {finding.id for finding in skipped} == {
        "baseline_equivalence", "clusters_per_arm", "units_lost", "observation_gap", "share_estimable", "draws_failed",
    }  # fmt: skip
    assert all("no data" in finding.message or "no bootstrap draws" in finding.message for finding in skipped)


def test_with_data_it_is_what_a_run_finds(make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]) -> None:
    design = at.load_design(make_study(sales(trained=4)))
    assert at.review(design) == at.run(design).findings
    early = at.review(design, as_of=datetime.date(2026, 3, 31))
    assert [finding.id for finding in early] == [finding.id for finding in at.review(design)]


def test_data_that_are_there_and_unusable_are_an_error(make_study: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="missing column"):
        at.review(at.load_design(make_study(pd.DataFrame({"a": [1]}))))
