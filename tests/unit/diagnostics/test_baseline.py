"""Standardised differences against formulas written down anew."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.diagnostics.baseline import baseline_balance, compared_arms, standardised_difference


def _ones(values: Sequence[float]) -> np.ndarray:
    return np.ones(len(values))


def _g(first: Sequence[float], second: Sequence[float]) -> float:
    return standardised_difference(np.array(first, float), _ones(first), np.array(second, float), _ones(second))


def _hedges(first: Sequence[float], second: Sequence[float]) -> float:
    """Hedges & Olkin (1985): the difference of means over the pooled SD, times 1 − 3/(4N − 9)."""
    n, m = len(first), len(second)
    pooled = math.sqrt(((n - 1) * statistics.variance(first) + (m - 1) * statistics.variance(second)) / (n + m - 2))
    return (statistics.mean(first) - statistics.mean(second)) / pooled * (1 - 3 / (4 * (n + m) - 9))


def test_hedges_g() -> None:
    first, second = [3.0, 5.0, 4.0, 8.0], [2.0, 4.0, 1.5]
    assert _g(first, second) == pytest.approx(_hedges(first, second), rel=1e-12)
    assert _g(second, first) == pytest.approx(-_hedges(first, second), rel=1e-12)
    # By hand: means 2 and 0, both variances 1, N = 6: 2 × (1 − 3/15).
    assert _g([1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]) == pytest.approx(1.6)


def test_the_cox_index_of_a_variable_of_0_and_1() -> None:
    first, second = [1, 1, 1, 0], [1, 0, 0, 0]
    # Odds 3 and 1/3: ln 9 / 1.65, times 1 − 3/23.
    assert _g(first, second) == pytest.approx(math.log(9) / 1.65 * (1 - 3 / 23), rel=1e-12)
    assert math.isnan(_g([1, 1, 1], [1, 0, 0]))  # odds without end


def test_weights_are_weights_of_the_means_and_of_the_spread() -> None:
    values, others = np.array([1.0, 2.0, 6.0]), np.array([0.0, 1.0])
    weight = np.array([2.0, 1.0, 1.0])
    mean = (2 * 1 + 2 + 6) / 4
    spread = (2 * (1 - mean) ** 2 + (2 - mean) ** 2 + (6 - mean) ** 2) / 4
    pooled = math.sqrt((3 * spread + 2 * 0.25) / 3)
    found = standardised_difference(values, weight, others, _ones(others))
    assert found == pytest.approx((mean - 0.5) / pooled * (1 - 3 / 11), rel=1e-12)
    # Scaling all weights changes nothing.
    again = standardised_difference(values, 7 * weight, others, 3 * _ones(others))
    assert again == pytest.approx(found, rel=1e-12)


def test_what_has_no_spread_is_the_same_or_wholly_apart() -> None:
    # Weighted means of .1 are not exactly .1: rounding must not become a difference.
    assert math.isnan(
        standardised_difference(np.full(3, 0.1), np.array([0.1, 0.2, 0.3]), np.full(7, 0.1), np.linspace(0.1, 0.7, 7))
    )
    assert _g([2.0, 2.0], [5.0, 5.0]) == -math.inf
    assert _g([1, 1, 1], [0, 0]) == math.inf
    assert math.isnan(_g([1.0], [2.0, 3.0]))


def test_the_table_is_of_those_who_entered(sales: Callable[..., pd.DataFrame]) -> None:
    frame = sales()
    frame["age"] = frame["person"].astype(float) % 17
    frame["role"] = np.where(frame["age"] > 8, "lead", "agent")
    frame.loc[frame["person"] == "001", "age"] = np.nan
    frame.loc[(frame["person"] == "000") & (frame["month"] >= "2026-02"), "sales"] = np.nan
    panel = at.Panel.from_frame(
        frame, unit="person", period="month", outcome="sales", adopted="start", covariates=["age", "role"]
    )
    months = sorted(frame["month"].unique())
    table = baseline_balance(panel, at.did(panel, baseline=months[:3], followup=months[3:]))
    # Text is left to its indicator columns.
    assert list(table["variable"]) == ["sales", "age"]
    assert list(table["missing"]) == [0, 1]
    before = frame[(frame["month"] < "2026-02") & (frame["person"] != "000")]
    means = before.groupby("person")[["sales", "age"]].mean()
    trained = before.groupby("person")["start"].first().notna()
    for row in table.itertuples():
        arms = [means.loc[arm, row.variable].dropna() for arm in (trained, ~trained)]
        assert row.trained == pytest.approx(arms[0].mean(), rel=1e-12)
        assert row.control == pytest.approx(arms[1].mean(), rel=1e-12)
        assert row.difference == pytest.approx(row.trained - row.control, rel=1e-12)
        assert row.g == pytest.approx(_hedges(list(arms[0]), list(arms[1])), rel=1e-9)


def _waves(kind: str = "panel") -> at.Panel:
    """Return 4 people trained in month 2, 3 in month 4, 5 never, over 6 months; `age` is the person's number."""
    start = [2] * 4 + [4] * 3 + [None] * 5
    rows = [(u, t, 10.0 * u + t, start[u], float(u)) for u in range(12) for t in range(6)]
    frame = pd.DataFrame(rows, columns=["person", "month", "kpi", "start", "age"])
    return at.Panel.from_frame(
        frame,
        unit="person" if kind == "panel" else None,
        period="month",
        outcome="kpi",
        adopted="start",
        covariates=["age"],
        kind=kind,
    )


def test_a_rollout_is_balanced_before_its_first_cohort_begins() -> None:
    panel = _waves()
    for estimate in (at.staggered(panel), at.event_study(panel), at.twfe(panel)):
        table = baseline_balance(panel, estimate).set_index("variable")
        # Seven ever trained (numbers 0 to 6) and five never (7 to 11), months 0 and 1.
        assert list(table.loc["kpi", ["trained", "control"]]) == [30.5, 90.5]
        assert list(table.loc["age", ["trained", "control", "missing"]]) == [3.0, 9.0, 0.0]


def test_in_cross_sections_the_rows_of_the_baseline_are_compared() -> None:
    panel = _waves("repeated_cross_sections")
    table = baseline_balance(panel, at.staggered(panel)).set_index("variable")
    assert list(table.loc["kpi", ["trained", "control", "missing"]]) == [30.5, 90.5, 0.0]
    assert list(table.loc["age", ["trained", "control"]]) == [3.0, 9.0]


def test_a_cohort_that_the_effect_does_not_speak_for_is_compared_with() -> None:
    panel = _waves()
    estimate = at.staggered(panel, followup=[2, 3])
    arms = compared_arms(panel, estimate)
    assert arms is not None
    assert list(np.flatnonzero(arms.trained)) == [0, 1, 2, 3]
    assert (arms.trained.sum(), arms.control.sum()) == (estimate.n.trained.units, estimate.n.control.units)


def test_by_assignment_the_arms_are_those_assigned(sales: Callable[..., pd.DataFrame]) -> None:
    frame = sales()
    frame["assigned"] = (frame["person"] < "020").astype(int)
    panel = at.Panel.from_frame(
        frame, unit="person", period="month", outcome="sales", adopted="start", assigned="assigned"
    )
    months = sorted(frame["month"].unique())
    arms = compared_arms(panel, at.did(panel, baseline=months[:3], followup=months[3:], as_assigned=True))
    assert arms is not None
    assert (arms.trained.sum(), arms.control.sum()) == (20, 40)


def test_a_trend_and_a_reading_before_and_after_compare_no_units(sales: Callable[..., pd.DataFrame]) -> None:
    panel = at.Panel.from_frame(sales(), unit="person", period="month", outcome="sales", adopted="start")
    months = sorted(sales()["month"].unique())
    plain = at.prepost(panel, baseline=months[:3], followup=months[3:])
    assert compared_arms(panel, plain) is None
    assert baseline_balance(panel, plain).empty
