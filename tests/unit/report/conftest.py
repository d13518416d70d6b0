"""Studies whose effect, change and standard errors are what a test states, for sentences to be read."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.estimate import Estimate
from attribution.study.run import ledger_of


def _stated(estimate: Estimate, effect: float, change: float, errors: tuple[float, float], level: float) -> Estimate:
    """Return the estimate with other numbers: the trained's change has one standard error, the controls' the other.

    `level` is where the trained would have ended untrained.
    """
    arms = np.array([[1.0, 1.0, 0.0, 0.0], [-1.0, 0.0, 1.0, 1.0]])
    covariance = np.stack([error**2 * np.outer(arm, arm) for arm, error in zip(arms, errors, strict=True)])
    return replace(
        estimate,
        values=np.array([effect, change, change - effect, level]),
        covariance=covariance,
        stratum_df=np.array([1e6, 1e6]),
        outcome_range=(level / 2, level * 2),
        replay=None,
        no_replay="the numbers are stated",
    )


@pytest.fixture
def stated(sales: Callable[..., pd.DataFrame], make_study: Callable[..., Path]) -> Callable[..., at.StudyResult]:
    """Return a maker of results with stated numbers.

    `stated(2.0, 2.5, errors=(0.3, 0.4), level=20.0, changes={…}, as_of=None)`: effect and change in KPI units;
    the effect's standard error is the root of the sum of both errors' squares. Errors of NaN leave it undefined.
    """

    def make(
        effect: float,
        change: float,
        *,
        errors: tuple[float, float] = (0.3, 0.4),
        level: float = 20.0,
        changes: Mapping[str, Any] | None = None,
        as_of: datetime.date | None = None,
    ) -> at.StudyResult:
        changes = dict(changes or {})
        if changes.get("kpi.0.scale") == "log" and "valuation" not in changes:
            valuation = {"value_of_untrained_level": 600, "source": "price list", "approver": "finance"}
            changes["valuation"] = [valuation]
        design = at.load_design(make_study(sales(), changes))
        result = at.run(design, as_of=as_of)
        estimate = _stated(at.run(design).estimate, effect, change, errors, level)
        if result.linked.too_early:
            estimate = estimate.combine({"change": {"change": 1.0}})
        factor = at.attribution_factor(estimate, draws=1999, seed=1, level=result.manifest.level)
        if result.linked.too_early:
            factor = replace(factor, reason=result.factor.reason)
        money = result.roi
        if money is not None:
            ledger, valuation = ledger_of(design), design.valuation[0]
            assert ledger is not None
            money = at.roi(
                factor,
                costs=ledger,
                value_per_unit=valuation.value_per_unit,
                value_of_untrained_level=valuation.value_of_untrained_level,
            )
        return replace(result, estimates={"primary": estimate}, factors={"primary": factor}, roi=money)

    return make


OVER_MONTHS = tuple(str(month) for month in pd.period_range("2024-01", periods=30, freq="M"))


def _over_time(starts: list[int | None], noise: float) -> pd.DataFrame:
    """Return the sales of people over 30 months, each trained from a month on or never; training adds 3 orders."""
    rng = np.random.default_rng(6)
    n, time = len(starts), np.arange(30)
    begin = np.array([99 if one is None else one for one in starts])
    level = rng.permutation(np.linspace(17, 23, n))[:, None]
    values = (
        level + 0.1 * time + rng.normal(0, 1, 30) / 5 + rng.normal(0, noise, (n, 30)) + 3 * (time >= begin[:, None])
    )
    labels = np.array([*OVER_MONTHS, None], dtype=object)[np.minimum(begin, 30)]
    return pd.DataFrame(
        {
            "person": np.repeat([f"{unit:02d}" for unit in range(n)], 30),
            "month": np.tile(OVER_MONTHS, n),
            "start": np.repeat(labels, 30),
            "sales": values.ravel(),
            "offered": np.repeat([int(one is not None or unit == n - 1) for unit, one in enumerate(starts)], 30),
        }
    )


def _timing(first: int, last: int = 30) -> dict[str, Any]:
    return {
        "timing.launch": OVER_MONTHS[first],
        "timing.baseline": OVER_MONTHS[:first],
        "timing.followup": OVER_MONTHS[first:last],
    }


def _chosen(n: int = 160) -> pd.DataFrame:
    """Return people over 7 months of whom the older, with longer tenure, in the north are trained more often."""
    rng, months = np.random.default_rng(5), OVER_MONTHS[:7]
    trained = np.arange(n) < n // 4
    age = rng.normal(40, 8, n) + 5 * trained
    tenure = rng.exponential(5, n) + 1.5 * trained
    site = np.where(rng.random(n) < np.where(trained, 0.6, 0.35), "north", "south")
    gains = (np.arange(7) >= 3) * (0.5 + 2.0 * trained[:, None])
    values = (20 + 0.1 * (age - 40) + 0.2 * tenure)[:, None] + gains + rng.normal(0, 0.8, (n, 7))
    return pd.DataFrame(
        {
            "person": np.repeat([f"{unit:03d}" for unit in range(n)], 7),
            "month": np.tile(months, n),
            "start": np.repeat(np.where(trained, months[3], None), 7),
            "sales": values.ravel(),
            "age": np.repeat(age, 7),
            "tenure": np.repeat(tenure, 7),
            "site": np.repeat(site, 7),
        }
    )


def _on(**cohort: Any) -> dict[str, Any]:
    """Return the changes that put a study of 7 months on a cohort."""
    covariates = ["age", "tenure", "site"]
    return {
        "timing.launch": OVER_MONTHS[3],
        "timing.baseline": OVER_MONTHS[:3],
        "timing.followup": OVER_MONTHS[3:7],
        "columns.covariates": covariates,
        "cohort": {"covariates": covariates} | cohort,
    }


@pytest.fixture
def over_time(make_study: Callable[..., Path]) -> Callable[..., at.StudyResult]:
    """Return a runner of a study by what it compares: `rollout`, `trend`, `trend and others`, `assigned`, `synthetic`,
    `matched` (pairs within a caliper), `weighted` (by the propensity, with the KPI at baseline).

    The rollout has two waves, an event study beside it, and rows after its date.
    """

    def make(kind: str, changes: Mapping[str, Any] | None = None) -> at.StudyResult:
        waves: list[int | None] = [20] * 10 + [23] * 8 + [29] * 2 + [None] * 20
        together: list[int | None] = [24] * 12 + [None] * 18
        path = {"id": "path", "method": "event_study", "role": "sensitivity"}
        frame, own = {
            "rollout": (
                _over_time(waves, 0.6),
                _timing(20)
                | {"analysis.0.method": "staggered", "analysis.1": path, "study.as_of": datetime.date(2026, 5, 3)},
            ),
            "trend": (_over_time(together, 0.6), _timing(24) | {"analysis.0.method": "trend"}),
            "trend and others": (
                _over_time(together, 0.6),
                _timing(24) | {"analysis.0.method": "trend", "analysis.0.controls": "difference"},
            ),
            "assigned": (
                _over_time(together, 0.6),
                _timing(24)
                | {
                    "columns.assigned": "offered",
                    "analysis.0.as_assigned": True,
                    "assignment.mechanism": "random",
                    "assignment.source": "minutes of the draw",
                },
            ),
            "matched": (_chosen(), _on(method="nearest", caliper=0.2)),
            "weighted": (_chosen(), _on(method="propensity", keep=[0.1, 0.9], kpi="mean")),
            "synthetic": (_over_time([24] * 2 + [None] * 20, 0.3), _timing(24) | {"analysis.0.method": "synthetic"}),
        }[kind]
        return at.run(at.load_design(make_study(frame, own | dict(changes or {}))))

    return make
