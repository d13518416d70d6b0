"""Every check of the registry: always one finding, never an error, whatever the evidence lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from attribution.checks.evidence import Evidence, review_evidence
from attribution.design.load import load_design
from attribution.registry import CHECKS


def test_nothing_known_skips_every_check_with_its_reason() -> None:
    findings = review_evidence(Evidence())
    assert [finding.id for finding in findings] == list(CHECKS)
    for finding in findings:
        assert finding.status == "skipped"
        assert finding.message
        assert finding.threshold
        assert finding.source
        assert not finding.observed


def test_with_data_a_finding_says_what_was_seen_and_what_to_do(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    for finding in review_evidence(evidence_of(sales(trained=4, trend=-2.0))):
        assert bool(finding.observed) == (finding.status != "skipped")
        assert bool(finding.remedy) == (finding.status in ("warn", "fail"))


def test_a_design_alone_is_reviewed_as_far_as_it_goes(make_study: Callable[..., Path]) -> None:
    findings = review_evidence(Evidence(design=load_design(make_study(None))))
    status = {finding.id: finding.status for finding in findings}
    assert status["pre_periods"] == "pass"
    assert status["illustrative_money"] == "pass"
    assert status["clusters_per_arm"] == status["baseline_equivalence"] == status["share_estimable"] == "skipped"
