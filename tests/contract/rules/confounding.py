"""Another intervention on all or on a part of an arm, an arm of one site, contamination, and early starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attribution.checks.evidence import Evidence
from tests.contract.evidence import design_of, evidence_of
from tests.studies import sales_of

TWO_MONTHS = {"timing.baseline": ["2025-11", "2025-12"]}


def _prices(arm: str, share: float) -> Evidence:
    changes: Mapping[str, Any] = {"other_intervention": [{"name": "new prices", "arm": arm, "share": share}]}
    return Evidence(design=design_of(changes))


def _sites(of_trained: int) -> Evidence:
    """Return a company of two sites, so many of its trained in the south, the others of both arms in the north."""
    frame = sales_of()
    number = frame["person"].astype(int)
    frame["site"] = "north"
    frame.loc[(number < of_trained) | (number >= 50), "site"] = "south"
    return evidence_of(frame, {"columns.groups": ["site"]})


def _early(count: int) -> Evidence:
    """Return a study with so many who start in January, though the launch is in February."""
    frame = sales_of()
    frame.loc[frame["person"] < f"{count:03d}", "start"] = "2026-01"
    return evidence_of(frame, TWO_MONTHS)


CASES = {
    "other_interventions": {
        "pass": lambda: Evidence(design=design_of()),
        "pass: on both arms": lambda: _prices("both", 1.0),
        "warn": lambda: _prices("trained", 0.99),
        "warn: hardly anybody of the comparison": lambda: _prices("control", 0.01),
        "fail": lambda: _prices("trained", 1.0),
        "pass: one of the trained at the second site": lambda: _sites(1),
        "fail: all of the trained at one site": lambda: _sites(0),
        "fail: the same, seen before the follow-up": lambda: replace(_sites(0), estimate=None, estimates={}),
    },
    "contamination": {
        "pass": lambda: Evidence(design=design_of({"assignment.contamination": 0})),
        "warn": lambda: Evidence(design=design_of({"assignment.contamination": 0.001})),
        "skipped: not declared": lambda: Evidence(design=design_of()),
    },
    "launch": {
        "pass": lambda: _early(0),
        "warn": lambda: _early(1),
    },
}

NEVER = {
    "contamination": {"fail": "a diluted effect is still one: it understates what the training does"},
    "launch": {"fail": "who starts early counts as trained, as the data say: the page names how many"},
}
