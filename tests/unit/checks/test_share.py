"""Is the share estimable, and did the draws succeed?"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from attribution.checks.evidence import Evidence
from attribution.checks.share import draws_failed, share_estimable


def test_a_bounded_set_passes(sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]) -> None:
    evidence = evidence_of(sales())
    found = share_estimable(evidence)
    assert found.status == "pass"
    assert evidence.factor is not None
    assert found.observed == f"set {evidence.factor.interval}"


def test_a_change_within_noise_warns_and_never_fails(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = share_estimable(evidence_of(sales(trend=-2.0)))
    assert found.status == "warn"
    assert found.message == "share not estimable: the observed change is within noise"
    assert found.observed in ("kind unbounded", "kind disjoint")
    assert found.remedy


def test_one_trained_unit_has_no_share(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = share_estimable(evidence_of(sales(trained=1)))
    assert (found.status, found.observed) == ("warn", "kind undefined")


@pytest.mark.parametrize(("observed", "status"), [(2, "fail"), (8, "pass")])
def test_draws_without_a_comparison_in_a_period_are_counted(
    observed: int, status: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    # A month that only two of 36 controls were observed in: a resample leaves both out with
    # probability (34/36)^36 = .13.
    frame = sales()
    controls = frame.loc[frame["start"].isna(), "person"].unique()
    gone = (frame["month"] == "2026-03") & frame["person"].isin(controls[observed:])
    evidence = evidence_of(frame[~gone])
    found = draws_failed(evidence)
    assert found.status == status
    assert evidence.factor is not None
    assert evidence.factor.raw_draws is not None
    failed = evidence.factor.raw_draws.failed
    assert found.observed == f"{failed} of 199"
    assert (failed > 0.05 * 199) == (status == "fail")


def test_without_evidence_they_are_skipped() -> None:
    assert share_estimable(Evidence()).status == "skipped"
    assert draws_failed(Evidence()).status == "skipped"
