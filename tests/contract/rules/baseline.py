"""Baseline equivalence at .05 and .25 standard deviations, and the count of baseline periods at 3."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd

from attribution.checks.evidence import Evidence
from tests.contract.evidence import design_of, evidence_of
from tests.studies import MONTHS, sales_of, with_g


@cache
def _aged() -> pd.DataFrame:
    """Return the company with the age of its people, the arms alike in sales."""
    frame = sales_of()
    frame["age"] = frame.groupby("person")["sales"].transform("first") + 20
    return with_g(frame, 0.0, "sales")


def _age(g: float, changes: Mapping[str, Any] | None = None) -> Evidence:
    return evidence_of(with_g(_aged(), g, "age"), {"columns.covariates": ["age"], **(changes or {})})


def _kpi(g: float, changes: Mapping[str, Any] | None = None) -> Evidence:
    return evidence_of(with_g(sales_of(), g, "sales"), changes)


def _offered(g: float, *, as_assigned: bool) -> Evidence:
    """Return a random offer that all accept: compared as assigned, or by who was trained."""
    frame = with_g(sales_of(), g, "sales")
    frame["offered"] = frame["start"].notna().astype(int)
    changes = {"assignment.mechanism": "random", "columns.assigned": "offered", "analysis.0.as_assigned": as_assigned}
    return evidence_of(frame, changes)


def _periods(count: int) -> Evidence:
    return Evidence(design=design_of({"timing.baseline": list(MONTHS[3 - count : 3])}))


LEVELS = {"analysis.0.method": "adjusted", "analysis.0.outcome": "level", "analysis.0.adjust": "none"}
"""The follow-up levels of the arms beside each other: nothing takes out where they began."""

CASES = {
    "baseline_equivalence": {
        "pass": lambda: _age(0.0499),
        "warn": lambda: _age(0.0501),
        "pass: a comparison of changes adjusts for the KPI": lambda: _kpi(0.2499),
        "pass: adjusted for": lambda: _age(
            0.2499, {"analysis.0.method": "staggered", "analysis.0.covariates": ["age"]}
        ),
        "warn: levels are compared": lambda: _kpi(0.0501, LEVELS),
        "pass: levels are compared": lambda: _kpi(0.0499, LEVELS),
        "warn: just below .25": lambda: _age(0.2499),
        "fail": lambda: _age(0.2501),
        "fail: below the others": lambda: _age(-0.2501),
        "fail: the KPI, though it is adjusted for": lambda: _kpi(0.2501),
        "warn: at random": lambda: _kpi(0.2501, {"assignment.mechanism": "random"}),
        "fail: at random, compared by who was trained": lambda: _offered(0.2501, as_assigned=False),
        "warn: at random, compared as assigned": lambda: _offered(0.2501, as_assigned=True),
        "skipped: no comparison": lambda: _kpi(0.0, {"analysis.0.method": "prepost"}),
    },
    "pre_periods": {
        "pass": lambda: _periods(3),
        "warn": lambda: _periods(2),
    },
}

NEVER = {
    "pre_periods": {
        "fail": "an effect on two windows can be claimed without a look at trends: the page then says grade C",
    },
}
