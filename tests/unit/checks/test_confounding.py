"""Another factor that coincides with an arm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from attribution.checks.confounding import contamination, other_interventions
from attribution.checks.evidence import Evidence


@pytest.mark.parametrize(
    ("arm", "share", "status"),
    [
        ("trained", 1.0, "fail"),
        ("trained", 0.99, "warn"),
        ("control", 1.0, "fail"),
        ("both", 1.0, "pass"),
        ("trained", 0.0, "pass"),
    ],
)
def test_declared_interventions(
    arm: str,
    share: float,
    status: str,
    sales: Callable[..., pd.DataFrame],
    evidence_of: Callable[..., Evidence],
) -> None:
    changes: dict[str, Any] = {"other_intervention": [{"name": "new prices", "arm": arm, "share": share}]}
    found = other_interventions(evidence_of(sales(), changes))
    assert found.status == status
    assert ("new prices" in found.observed) == (status != "pass")
    arms = {"trained": "the trained arm", "control": "the comparison", "both": ""}
    if status == "fail":
        assert found.message == f"new prices reached all of {arms[arm]}: its effect cannot be told from the training's"
    if status == "warn":
        assert found.message.startswith(f"new prices reached 99% of {arms[arm]}, not the other")


def test_none_declared_passes_and_no_design_is_skipped(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    found = other_interventions(evidence_of(sales()))
    assert (found.status, found.observed) == ("pass", "none declared")
    assert other_interventions(Evidence()).status == "skipped"


@pytest.mark.parametrize(
    ("trained", "control", "status"),
    [
        (["north"], ["north", "south"], "fail"),
        (["north", "south"], ["south"], "fail"),
        (["north"], ["south"], "fail"),
        (["north", "south"], ["north", "south"], "pass"),
        (["north"], ["north"], "pass"),
    ],
)
def test_an_arm_of_a_single_site(
    trained: list[str],
    control: list[str],
    status: str,
    sales: Callable[..., pd.DataFrame],
    evidence_of: Callable[..., Evidence],
) -> None:
    frame = sales()
    number = frame["person"].astype(int)
    frame["site"] = [
        (trained if start else control)[one % len(trained if start else control)]
        for one, start in zip(number, frame["start"].notna(), strict=True)
    ]
    found = other_interventions(evidence_of(frame, {"columns.groups": ["site"]}))
    assert found.status == status
    if status == "fail":
        assert "have site" in found.observed


@pytest.mark.parametrize(("share", "status"), [(None, "skipped"), (0, "pass"), (0.125, "warn")])
def test_contamination(
    share: float | None, status: str, sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    changes = {} if share is None else {"assignment.contamination": share}
    found = contamination(evidence_of(sales(), changes))
    assert found.status == status
    if share:
        assert found.observed == "12.5% declared"
        assert found.message == ("12.5% of the comparison were trained or helped all the same: the effect is diluted")
        assert "who was exposed" in found.remedy
        alone = contamination(evidence_of(sales(), changes | {"analysis.0.method": "prepost"}))
        assert (alone.status, alone.message) == ("skipped", "prepost has no comparison")
    assert contamination(Evidence()).status == "skipped"
