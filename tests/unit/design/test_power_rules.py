"""Rules of [power]: what contradicts the rest of the design is a problem at its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import attribution as at
from attribution.errors import DesignError

MANY = {"trained_clusters": 20, "control_clusters": 20}


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"kpi.0.expected_effect": 0}, "kpi[0].expected_effect", "expected_effect is 0"),
        ({"kpi.0.minimum_worthwhile_effect": 0}, "kpi[0].minimum_worthwhile_effect", "expected an effect"),
        ({"power": {"control_clusters": 3}}, "power.trained_clusters", "control_clusters without trained_clusters"),
        ({"power": MANY | {"waves": ["2026-01", "2026-02"]}}, "power.waves", "before the launch '2026-02'"),
        ({"power": MANY | {"waves": ["2026-02", "2026-07"]}}, "power.waves", "after the last follow-up period"),
        ({"power": MANY | {"waves": ["2026-02", "2026-02"]}}, "power.waves", "twice"),
        ({"power": {"trained_clusters": 1, "waves": ["2026-02", "2026-03"]}}, "power.waves", "2 waves and trained"),
        (
            {
                "power": {"cost_per_period": 3},
                "study.frame": "outcomes",
                "valuation": None,
                "cost": None,
                "finance": None,
            },
            "power.cost_per_period",
            "expected no money",
        ),
        (
            {"power": {"cost_per_trained_cluster": 3}, "valuation": None, "cost": None, "finance": None},
            "finance.currency",
            "cost_per_trained_cluster without a currency",
        ),
    ],
)
def test_a_violation_is_a_problem(
    changes: Mapping[str, Any], key: str, said: str, make_study: Callable[..., Path]
) -> None:
    with pytest.raises(DesignError) as caught:
        at.load_design(make_study(None, changes))
    found = [problem for problem in caught.value.problems if said in problem.what]
    assert [problem.key for problem in found] == [key]
    assert all(problem.remedy for problem in found)


def test_waves_on_both_edges_are_allowed(make_study: Callable[..., Path]) -> None:
    design = at.load_design(make_study(None, {"power": MANY | {"waves": ["2026-02", "2026-05"]}}))
    assert design.power.waves == ("2026-02", "2026-05")
