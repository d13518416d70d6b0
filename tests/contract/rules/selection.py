"""Who was trained and why, at each threshold: mechanisms, regression to the mean, dips, and a bracket."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd

from attribution.checks.evidence import Evidence
from tests.contract.evidence import design_of, evidence_of
from tests.studies import sales_of

PILOT = {"kpi.0.effect_source": "a pilot"}


def _by(mechanism: str, method: str = "did", source: str | None = None) -> Evidence:
    changes = {"assignment.mechanism": mechanism, "analysis.0.method": method}
    return Evidence(design=design_of(changes if source is None else changes | {"assignment.source": source}))


def _declared(effect: float, changes: Mapping[str, Any] | None = None) -> Evidence:
    """Return a design of the worst 30% by one score of reliability .6: they come .662 SD nearer to the others."""
    picked = {"mechanism": "performance", "level": "person", "reliability": 0.6, "selected_share": 0.3}
    stated = {"assignment": picked, "timing.baseline": ["2026-01"], "power": {"sd": 1}, "kpi.0.expected_effect": effect}
    return Evidence(design=design_of(PILOT | stated | dict(changes or {})))


@cache
def _noisy(gap: float) -> pd.DataFrame:
    """Return people whose sales vary much from month to month, the trained so much below the others all along."""
    frame = sales_of(noise=4.0)
    return frame.assign(sales=frame["sales"] - gap * frame["start"].notna())


def _measured(effect: float, gap: float = 3.0, mechanism: str = "performance") -> Evidence:
    changes = PILOT | {"assignment.mechanism": mechanism, "kpi.0.expected_effect": effect}
    return evidence_of(_noisy(gap), changes)


def _dipped(by: float, mechanism: str = "manager") -> Evidence:
    """Return a company whose trained sell so much less in the last month before their training."""
    frame = sales_of()
    frame.loc[frame["start"].notna() & (frame["month"] == "2026-01"), "sales"] -= by
    return evidence_of(frame, {"assignment.mechanism": mechanism})


def _behind(gap: float, mechanism: str = "performance") -> Evidence:
    """Return an effect of a quarter of an order on people who began so much below the others."""
    frame = sales_of(effect=0.25)
    return evidence_of(
        frame.assign(sales=frame["sales"] - gap * frame["start"].notna()),
        {
            "assignment.mechanism": mechanism,
        },
    )


CASES = {
    "selection_mechanism": {
        "pass": lambda: _by("random", source="the draw of 2026-01-10, seed 4"),
        "pass: a waiting list": lambda: _by("waitlist", source="the list of 2026-01-10"),
        "warn": lambda: _by("random"),
        "warn: a threshold": lambda: _by("threshold"),
        "warn: managers": lambda: _by("manager"),
        "warn: volunteers": lambda: _by("voluntary"),
        "warn: first come": lambda: _by("first_come"),
        "warn: the worst": lambda: _by("performance"),
    },
    "uncontrolled": {
        "pass": lambda: _by("performance"),
        "warn": lambda: _by("manager", "prepost"),
        "warn: its own past": lambda: _by("manager", "trend"),
        "fail": lambda: _by("performance", "prepost"),
        "fail: a threshold": lambda: _by("threshold", "prepost"),
    },
    "regression_to_mean": {
        "pass": lambda: _declared(6.63),  # .662 is 9.99% of it
        "warn": lambda: _declared(6.62),
        "warn: just below half": lambda: _declared(1.33),
        "fail": lambda: _declared(1.32),
        "pass: at equal baselines": lambda: _declared(1.0, {"analysis.0.method": "lagged"}),
        "pass: picked before the baseline": lambda: _declared(
            1.0, {"assignment.date": pd.Timestamp("2025-12-31").date()}
        ),
        "warn: nothing is declared": lambda: _by("performance"),
        "fail: measured": lambda: _measured(1.90),  # .952 is 50.1% of it
        "warn: measured": lambda: _measured(1.91),
        "pass: measured": lambda: _measured(9.6),
        "warn: the best": lambda: _measured(1.0, gap=-3.0),
        "warn: managers may have gone by it": lambda: _measured(1.0, mechanism="manager"),
        "skipped: volunteers": lambda: _measured(1.0, mechanism="voluntary"),
    },
    "dip_before_adoption": {
        "pass": lambda: _dipped(0.24),  # p = .054
        "warn": lambda: _dipped(0.25),  # p = .047
        "warn: they got better": lambda: _dipped(-0.45),
        "skipped: at random": lambda: _dipped(0.25, "random"),
        "skipped: the file alone": lambda: _by("manager"),
    },
    "lagged_bracket": {
        "pass": lambda: _behind(2.0),
        "warn": lambda: _behind(3.0),  # the lower end of lagged is below 0
        "skipped: volunteers": lambda: _behind(3.0, "voluntary"),
    },
}

NEVER = {
    "selection_mechanism": {
        "fail": "every mechanism allows some claim: other rules say whether this study can make it"
    },
    "dip_before_adoption": {"fail": "a dip may be lasting: what it does to the effect the bracket and placebos show"},
    "lagged_bracket": {"fail": "two assumptions that disagree are a reason to say both, and no data can choose"},
}
