"""Clusters per arm at the thresholds 5 and 10."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from attribution.checks.clusters import clusters_per_arm, standard_error
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


def _alike(frame: pd.DataFrame, trained: bool) -> pd.DataFrame:
    """Return the data with every unit of an arm changing by exactly 2 at the launch, and not otherwise."""
    arm = frame["start"].notna() == trained
    level = frame["person"].astype(int) + 2.0 * (frame["month"] >= "2026-02")
    return frame.assign(sales=frame["sales"].mask(arm, level))


def test_a_sound_standard_error_passes(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    evidence = evidence_of(sales())
    assert evidence.estimate is not None
    found = standard_error(evidence)
    errors = [f"{term} {evidence.estimate.std_error(term):.3g}" for term in ("effect", "change")]
    assert (found.status, found.observed) == ("pass", ", ".join(errors))
    assert standard_error(Evidence()).status == "skipped"
    assert standard_error(evidence_of(_alike(sales(), trained=False))).status == "pass"


def test_trained_that_all_changed_alike_fail(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    evidence = evidence_of(_alike(sales(), trained=True))
    assert clusters_per_arm(evidence).status == "pass"
    found = standard_error(evidence)
    assert found.status == "fail"
    assert found.message == (
        "the standard error of the change is undefined: every trained unit changed alike, "
        "so that the KPI column may be constant or mis-joined"
    )
    assert "change undefined" in found.observed
    assert found.remedy
    alone = standard_error(evidence_of(_alike(sales(), trained=True), {"analysis.0.method": "prepost"}))
    assert (alone.status, alone.observed) == ("fail", "change undefined")


def test_arms_that_both_changed_alike_have_no_standard_error_at_all(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = standard_error(evidence_of(_alike(_alike(sales(), trained=True), trained=False)))
    assert (found.status, found.observed) == ("fail", "effect undefined, change undefined")
    assert "the effect and the change is undefined: every unit of either arm changed alike" in found.message


@pytest.mark.parametrize(("arm", "name"), [("trained", "the trained arm is"), ("control", "the comparison is")])
def test_an_arm_of_one_cluster_has_no_standard_error(
    arm: str, name: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = standard_error(evidence_of(sales(**{arm: 1})))
    assert found.status == "fail"
    assert f"as {name} one cluster alone" in found.message
    assert "effect undefined" in found.observed
