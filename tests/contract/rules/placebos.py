"""Fake launches, outcomes that training cannot move, and fake trained: what is found where nothing happened."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence
from tests.contract.evidence import design_of, evidence_of
from tests.studies import MONTHS, sales_of


def _moved(by: float, effect: float | None = None) -> Evidence:
    """Return a company whose trained sell so much more in the last month of the baseline."""
    frame = sales_of()
    frame.loc[frame["start"].notna() & (frame["month"] == "2026-01"), "sales"] += by
    expected = {"kpi.0.expected_effect": effect, "kpi.0.effect_source": "a pilot"}
    return evidence_of(frame, {} if effect is None else expected)


UNTOUCHED = {"id": "visits", "column": "visits", "label": "Visits", "unit": "visits", "direction": "higher"}


@cache
def _visits() -> pd.DataFrame:
    frame = sales_of()
    rng = np.random.default_rng(2)
    return frame.assign(visits=rng.normal(50, 3, len(frame)))


def _untouched(by: float, analysed: bool = True) -> Evidence:
    """Return a study with an outcome that training cannot move, and that moved by so much with it."""
    frame = _visits()
    frame = frame.assign(visits=frame["visits"] + by * (frame["start"].notna() & (frame["month"] >= "2026-02")))
    changes: dict[str, Any] = {
        "kpi.1": UNTOUCHED | {"role": "untouched"},
        "analysis.0.kpi": "sales",
        "valuation.0.kpi": "sales",
    }
    if analysed:
        changes["analysis.1"] = {"id": "placebo", "kpi": "visits", "method": "did", "role": "reference"}
    evidence = evidence_of(frame, changes)
    panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="visits", adopted="start")
    estimate = at.did(panel, baseline=MONTHS[:3], followup=MONTHS[3:])
    return replace(evidence, estimates={**evidence.estimates, **({"placebo": estimate} if analysed else {})})


def _far(spread: float, trained: int = 6) -> Evidence:
    """Return few trained beside 60 others, whose change after the launch is skewed: a few gain very much."""
    frame = sales_of(trained=trained, control=60)
    jump = np.exp(spread * np.random.default_rng(1).normal(size=trained + 60))
    after = frame["month"] >= "2026-02"
    return evidence_of(frame.assign(sales=frame["sales"] + jump[frame["person"].astype(int)] * after))


CASES = {
    "placebo_launch": {
        "pass": lambda: _moved(0.42),  # p = .053 of both dates together, by draws
        "warn": lambda: _moved(0.43),  # p = .042
        "warn: just below half of what is expected": lambda: _moved(0.5, 0.87),
        "fail": lambda: _moved(0.5, 0.86),
        "skipped: the file alone": lambda: Evidence(design=design_of()),
    },
    "untouched_outcome": {
        "pass": lambda: _untouched(0.0),
        "warn": lambda: _untouched(3.0),
        "skipped: no analysis of it": lambda: _untouched(0.0, analysed=False),
        "skipped: none declared": lambda: Evidence(design=design_of()),
    },
    "placebo_trained": {
        "pass": lambda: _far(0.0),
        "warn": lambda: _far(1.5),
        "skipped: few who were never trained": lambda: evidence_of(sales_of(control=9)),
    },
}

NEVER = {
    "untouched_outcome": {"fail": "that training cannot move it is an assumption, which may be the one that is wrong"},
    "placebo_trained": {"fail": "an interval that is too narrow is to be widened: the estimate is what it is"},
}
