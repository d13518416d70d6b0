"""Clusters per arm at the thresholds 5 and 10."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from attribution.checks.clusters import clusters_per_arm
from attribution.checks.evidence import Evidence


@pytest.mark.parametrize(("count", "status"), [(1, "fail"), (4, "fail"), (5, "warn"), (9, "warn"), (10, "pass")])
@pytest.mark.parametrize("arm", ["trained", "control"])
def test_the_smaller_arm_decides(
    arm: str, count: int, status: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    sizes = {"trained": 12, "control": 12} | {arm: count}
    found = clusters_per_arm(evidence_of(sales(**sizes)))
    assert found.status == status
    assert found.observed == f"{sizes['trained']} trained, {sizes['control']} control"
    assert bool(found.remedy) == (status != "pass")
    assert ("undefined" in found.message) == (count == 1)


def test_clusters_are_counted_and_not_people(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    frame = sales()
    number = frame["person"].astype(int)
    frame["team"] = "t" + (number // 6).astype(str)
    found = clusters_per_arm(evidence_of(frame, {"columns.cluster": "team"}))
    assert (found.status, found.observed) == ("fail", "4 trained, 6 control")


def test_without_a_comparison_the_trained_are_counted(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = clusters_per_arm(evidence_of(sales(), {"analysis.0.method": "prepost"}))
    assert (found.status, found.observed) == ("pass", "24 trained")
    assert clusters_per_arm(Evidence()).status == "skipped"
