"""The contract of every registered check: whatever was estimated, and however little is known, it returns a finding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.design.load import load_design
from attribution.errors import DataError, MethodError
from attribution.registry import CHECKS, ESTIMATORS, load, options

PERIODS, BASELINE, FOLLOWUP = 14, list(range(9)), list(range(9, 14))
KINDS = ("panel", "holes", "rollout", "repeated_cross_sections", "series", "as assigned")
REFUSED = {
    "rollout": {"synthetic", "trend"},
    "holes": {"synthetic"},
    "repeated_cross_sections": {"adjusted", "event_study", "lagged", "trend", "twfe"},
    "series": set(ESTIMATORS) - {"trend"},
    "as assigned": set(ESTIMATORS) - {"did"},
}
"""Data that a method has nothing to say on; its own tests look at the error."""

DESIGN = "designs/michigan-grants.toml"


def _frame(kind: str) -> pd.DataFrame:
    """Return 30 people over 14 months: 6 of 15 teams are trained in month 9, in a rollout half of these in month 11."""
    rng = np.random.default_rng(4)
    n = 1 if kind == "series" else 30
    team = np.arange(n) // 2
    start = np.where(team < 6, 9.0, np.nan)
    if kind == "rollout":
        start[(team >= 3) & (team < 6)] = 11.0
    unit, month = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    age, assigned = rng.integers(20, 60, n), (team < 7).astype(int)
    kpi = 20 + rng.normal(0, 2, n)[unit] + rng.normal(0, 1, PERIODS)[month] + rng.normal(0, 1, n * PERIODS)
    frame = pd.DataFrame(
        {
            "person": unit,
            "team": team[unit],
            "month": month,
            "start": start[unit],
            "age": age[unit],
            "assigned": assigned[unit],
            "kpi": kpi + 3 * (month >= start[unit]),
        }
    )
    if kind in ("holes", "as assigned"):
        frame = frame[(rng.random(len(frame)) > 0.15) & ~((frame["person"] == 3) & (frame["month"] < 9))]
    return frame


@cache
def _panel(kind: str) -> at.Panel:
    single = kind == "series"
    return at.Panel.from_frame(
        _frame(kind),
        unit=None if kind in ("series", "repeated_cross_sections") else "person",
        period="month",
        outcome="kpi",
        adopted="start",
        cluster=None if single else "team",
        assigned="assigned" if kind == "as assigned" else None,
        covariates=[] if single else ["age"],
        groups=[] if single else ["team"],
        kind=kind if kind in ("series", "repeated_cross_sections") else "panel",
    )


@cache
def _estimate(method: str, kind: str) -> Estimate | None:
    """Return the estimate of a method on a kind of data; None where the method refuses them."""
    function = load(ESTIMATORS, method, kind="method")
    known = {option.name for option in options(function)}
    filled: dict[str, Any] = {"baseline": BASELINE, "followup": FOLLOWUP}
    if kind == "as assigned":
        if "as_assigned" not in known:
            return None
        filled["as_assigned"] = True
    try:
        found: Estimate = function(_panel(kind), **{name: value for name, value in filled.items() if name in known})
    except (DataError, MethodError):
        return None
    return found


@cache
def _design() -> Any:
    """Return a design that declares training at random, and periods as the data have them."""
    design = load_design(DESIGN)
    timing = design.timing.model_copy(
        update={"period": "month", "launch": 9, "baseline": tuple(BASELINE), "followup": tuple(FOLLOWUP)}
    )
    assignment = design.assignment.model_copy(update={"mechanism": "random", "contamination": 0.1})
    return design.model_copy(update={"timing": timing, "assignment": assignment})


def _cases() -> Iterator[Any]:
    for method, kind in product(ESTIMATORS, KINDS):
        yield pytest.param(method, kind, id=f"{method}-{kind}")


def _require_whole(found: Finding, check: str) -> None:
    assert isinstance(found, Finding)
    assert found.id == check
    assert found.status in ("pass", "warn", "fail", "skipped")
    assert found.threshold
    assert found.source
    assert found.message
    if found.status in ("warn", "fail"):
        assert found.observed
        assert found.remedy
    assert not any(word in found.message + found.observed for word in ("nan", "None", "inf "))


@pytest.mark.parametrize(("method", "kind"), list(_cases()))
def test_every_check_has_a_finding_on_every_estimate(method: str, kind: str) -> None:
    estimate = _estimate(method, kind)
    assert (estimate is None) == (method in REFUSED.get(kind, ()))
    if estimate is None:
        return
    factor = at.attribution_factor(estimate, draws=99, seed=1)
    whole = Evidence(design=_design(), panel=_panel(kind), estimate=estimate, factor=factor)
    for check in CHECKS:
        rule = load(CHECKS, check, kind="check")
        _require_whole(rule(whole), check)
        _require_whole(rule(replace(whole, design=None)), check)
        _require_whole(rule(replace(whole, panel=None)), check)


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_says_what_it_lacks(check: str) -> None:
    rule = load(CHECKS, check, kind="check")
    for evidence in (Evidence(), Evidence(design=_design()), Evidence(panel=_panel("panel"), design=_design())):
        _require_whole(rule(evidence), check)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("method", ["did", "staggered", "trend"])
def test_every_check_copes_with_a_report_that_is_too_early_for_an_effect(check: str, method: str) -> None:
    estimate = _estimate(method, "panel")
    assert estimate is not None
    only = estimate.combine({"change": {"change": 1.0}})
    evidence = Evidence(design=_design(), panel=_panel("panel"), estimate=only, factor=at.attribution_factor(only))
    _require_whole(load(CHECKS, check, kind="check")(evidence), check)
