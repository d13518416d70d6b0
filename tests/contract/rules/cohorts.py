"""What a cohort leaves between the arms and whom it leaves out, on both sides of each threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.cohorts.exact import exact
from attribution.cohorts.nearest import nearest
from attribution.cohorts.propensity import propensity
from attribution.cohorts.subjects import cohort_of, subjects
from attribution.estimators.adjusted import adjusted


def _one_row_each(age: Sequence[float], trained: int) -> at.Panel:
    """Return a cross-section of people with an age, the trained first."""
    n = len(age)
    frame = pd.DataFrame({"id": range(n), "kpi": np.arange(n) % 7.0, "treat": np.arange(n) < trained, "age": age})
    return at.Panel.from_frame(
        frame.astype({"treat": int}),
        unit="id",
        outcome="kpi",
        trained="treat",
        covariates=["age"],
        kind="cross_section",
    )


def _apart(smd: float, ratio: float = 1.0) -> Evidence:
    """Return 40 trained `smd` of their SD above 40 others, whose variance is a `ratio`-th of theirs, all weights 1."""
    base = np.linspace(-1, 1, 40)
    base = base / base.std(ddof=1)
    panel = _one_row_each([*(base + smd), *(base / np.sqrt(ratio))], 40)
    return Evidence(panel=panel.with_cohort(at.Cohort("given", "ATT", np.ones(80))))


def _reach(highest: float, estimand: str = "ATT") -> Evidence:
    """Return people of 0 to 1 whose propensity is a logit of their age, the most likely trained at so much.

    The propensities are those that a study would state (`at.Cohort` takes them from whoever fitted them); they reach
    `highest` in the trained, and .95 in the comparison.
    """
    panel = _one_row_each(np.linspace(0, 1, 40).tolist() * 2, 40)
    made = propensity(panel, covariates=["age"], estimand="ATE" if estimand == "ATE" else "ATT")
    assert made.propensity is not None
    scores = np.tile(np.linspace(0.15, 0.85, 40), 2)
    scores[39] = highest
    if estimand == "ATT":
        scores[79] = 0.95
    stated = replace(made, propensity=replace(made.propensity, probability=scores))
    return Evidence(panel=panel, cohort=stated)


def _weighted(control: Sequence[float], trained: int = 20) -> Evidence:
    panel = _one_row_each(np.arange(trained + len(control), dtype=float).tolist(), trained)
    weights = np.array([1.0] * trained + list(control))
    return Evidence(panel=panel.with_cohort(at.Cohort("given", "ATT", weights)))


def _one_heavy(share: float) -> Evidence:
    return _weighted([49 * share / (1 - share)] + [1.0] * 49)


def _kept(count: int) -> Evidence:
    """Return ten trained of whom so many are kept by a cohort."""
    panel = _one_row_each(np.tile(np.arange(10.0), 2).tolist(), 10)
    found = subjects(panel, covariates=["age"])
    weights, reasons = np.ones(20), np.full(20, "", dtype=object)
    weights[count:10], reasons[count:10] = 0.0, "no control within the caliper"
    cohort = cohort_of(panel, found, method="made", estimand="ATT", weights=weights, reasons=reasons)
    return Evidence(panel=panel, cohort=cohort)


def _recorded(trained: int) -> Evidence:
    """Return 20 trained and 20 others; an age before March is there of all others and of so many of the trained."""
    unit, month = np.repeat(np.arange(40), 3), np.tile([1, 2, 3], 40)
    late = (unit < 20) & (unit >= trained) & (month < 3)
    frame = pd.DataFrame(
        {
            "id": unit,
            "month": month,
            "kpi": np.arange(120.0),
            "start": np.where(unit < 20, 3.0, np.nan),
            "age": np.where(late, np.nan, 30.0 + unit),
        }
    )
    panel = at.Panel.from_frame(frame, unit="id", period="month", outcome="kpi", adopted="start", covariates=["age"])
    return Evidence(panel=panel, cohort=at.Cohort("given", "ATT", np.ones(40), covariates=("age",)))


@cache
def _graded() -> at.Panel:
    """Return people of two grades and any age; the old are trained more often."""
    rng = np.random.default_rng(1)
    n = 160
    age, grade = rng.normal(40, 8, n), rng.choice(["a", "b"], n)
    trained = rng.random(n) < 1 / (1 + np.exp(2 - 0.06 * (age - 40)))
    kpi = 10 + 0.2 * age + trained + rng.normal(0, 1, n)
    frame = pd.DataFrame({"id": range(n), "kpi": kpi, "trained": trained * 1, "age": age, "grade": grade})
    return at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="trained", covariates=["age", "grade"], kind="cross_section"
    )


def _matched(cohort: at.Cohort, adjust: str = "none") -> Evidence:
    panel = _graded().with_cohort(cohort)
    return Evidence(panel=panel, estimate=adjusted(panel, adjust=adjust))


CASES = {
    "cohort_balance": {
        "pass": lambda: _apart(0.0999),
        "warn": lambda: _apart(0.1001),
        "warn: just below .25": lambda: _apart(0.2499),
        "fail": lambda: _apart(0.2501),
        "fail: below the others": lambda: _apart(-0.2501),
        "pass: variances just below twice the other": lambda: _apart(0.0, ratio=1.999),
        "warn: variances just above twice the other": lambda: _apart(0.0, ratio=2.001),
        "pass: variances just above half of the other": lambda: _apart(0.0, ratio=0.501),
        "warn: variances just below half of the other": lambda: _apart(0.0, ratio=0.499),
    },
    "overlap": {
        "pass": lambda: _reach(0.899),
        "warn": lambda: _reach(0.901),
        "warn: beyond every control": lambda: _reach(0.951),
        "pass: all units": lambda: _reach(0.899, "ATE"),
        "warn: all units": lambda: _reach(0.901, "ATE"),
    },
    "effective_sample_size": {
        "pass": lambda: _weighted([1.0] * 10 + [1e-3] * 10),
        "warn": lambda: _weighted([1.0] * 9 + [1.1] + [1e-9] * 10),
        "pass: one unit just below 10%": lambda: _one_heavy(0.099),
        "warn: one unit just above 10%": lambda: _one_heavy(0.101),
    },
    "trained_dropped": {
        "pass": lambda: _kept(10),
        "warn": lambda: _kept(9),
    },
    "measured_before": {
        "pass": lambda: _recorded(18),  # 90% of the trained
        "warn": lambda: _recorded(17),
    },
    "matched_difference": {
        "warn": lambda: _matched(nearest(_graded(), covariates=["age"])),
        "pass": lambda: _matched(nearest(_graded(), covariates=["age"]), adjust="regression"),
        "pass: exact matches": lambda: _matched(exact(_graded(), covariates=["grade"])),
        "skipped: weighted": lambda: _matched(propensity(_graded(), covariates=["age"])),
    },
}

NEVER = {
    "overlap": {"fail": "units without a counterpart are named, and the effect restated: the rest can be compared"},
    "effective_sample_size": {"fail": "the interval counts how few units carry the comparison: it is wide, not wrong"},
    "trained_dropped": {"fail": "an effect on a part of the trained is one, as long as the page says on whom"},
    "measured_before": {"fail": "that a value is missing before the training hints at its date and does not prove it"},
    "matched_difference": {"fail": "balance itself is a gate of its own: here a plain difference is warned of"},
}
