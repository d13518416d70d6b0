"""Nobody vanishes uncounted: rows and units that entered and that were left out are all that were read."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import attribution as at
from attribution.core.cohort import Cohort
from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.errors import MethodError


def messy(seed: int, holes: float) -> Panel:
    """Return 60 people × 8 months, adopting in every month, before, after and never, with zero weights and holes."""
    rng = np.random.default_rng(seed)
    n = 60
    start = rng.choice([1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 12.0, np.inf], n)
    weight = np.where(rng.random(n) < 0.1, 0.0, rng.uniform(0.5, 2, n))
    unit, month = np.repeat(np.arange(n), 8), np.tile(np.arange(1, 9), n)
    frame = pd.DataFrame(
        {
            "person": unit,
            "month": month,
            "kpi": rng.normal(10, 1, 8 * n),
            "start": start[unit],
            "weight": weight[unit],
            "team": unit // 4,
        }
    )
    frame = frame[rng.random(len(frame)) >= holes]
    frame.loc[rng.random(len(frame)) < holes, "kpi"] = np.nan
    panel = Panel.from_frame(
        frame, unit="person", period="month", outcome="kpi", adopted="start", weight="weight", cluster="team"
    )
    weights = np.where(rng.random(len(panel.units)) < 0.2, 0.0, 1.0)
    return panel.with_cohort(Cohort("half", "ATT", weights)) if seed % 2 else panel


def estimates(panel: Panel) -> list[Estimate]:
    windows: dict[str, Any] = {"baseline": [2, 3], "followup": [5, 6]}
    return [
        at.prepost(panel, **windows),
        *(at.did(panel, controls=controls, **windows) for controls in ("not_yet", "never")),
    ]


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.3, 0.5]))
def test_rows_and_units_add_up(seed: int, holes: float) -> None:
    panel = messy(seed, holes)
    try:
        found = estimates(panel)
    except MethodError as error:
        # Few units, weights of 0 and holes may leave an arm without anybody, which is refused; nothing else is.
        if error.what.endswith("unit has a KPI value in both windows"):
            reject()
        raise
    for estimate in found:
        tidy = estimate.n.tidy()
        assert tidy["units"].sum() == panel.counts.units
        assert tidy["rows"].sum() == panel.counts.rows
        assert (tidy[["units", "rows"]] >= 0).all().all()
        assert estimate.n.units_left_out == int((estimate.clusters < 0).sum())


@pytest.mark.parametrize(("seed", "holes"), list(product([0, 1], [0.0, 0.3])))
def test_each_reason_counts_those_it_names(seed: int, holes: float) -> None:
    panel = messy(seed, holes)
    estimate = estimates(panel)[1]
    reasons: dict[str, int] = {}
    for part in estimate.n.left_out:
        reasons[part.reason] = reasons.get(part.reason, 0) + part.units
    adopted = panel.units.adopted
    assert reasons["adopted in or before the baseline"] == int((adopted <= 2).sum())
    assert reasons["weight 0"] == int(((panel.weights == 0) & (adopted > 2)).sum())
    assert estimate.n.trained_in_window == int(((adopted > 2) & (adopted <= 5)).sum())
    if not holes:
        entered = (panel.weights > 0) & (adopted > 2)
        assert estimate.n.trained.units + estimate.n.control.units == int(entered.sum())


def test_units_without_a_value_in_a_window_are_told_apart() -> None:
    rows = [
        *[(1, 0, np.nan, 1), (1, 1, np.nan, 1)],
        *[(2, 0, np.nan, 1), (2, 1, 1.0, 1)],
        *[(3, 0, 1.0, 1), (3, 1, np.nan, 1)],
        *[(4, 1, 1.0, 1)],
        *[(5, 0, 1.0, 1), (5, 1, 3.0, 1)],
        *[(u, t, 1.0 * u, None) for u in (6, 7) for t in (0, 1)],
    ]
    frame = pd.DataFrame(rows, columns=["u", "t", "y", "start"])
    estimate = at.did(
        Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start"), baseline=[0], followup=[1]
    )
    assert {(part.arm, part.reason): (part.units, part.rows) for part in estimate.n.left_out} == {
        ("trained", "no KPI value in either window"): (1, 2),
        ("trained", "no KPI value in the baseline"): (2, 3),
        ("trained", "no KPI value in the follow-up"): (1, 2),
    }


def test_rows_of_units_that_entered_are_told_apart() -> None:
    rows = [
        (u, t, np.nan if (u, t) == (0, 1) else 1.0 * u * t, 3 if u < 2 else None) for u in range(4) for t in range(5)
    ]
    frame = pd.DataFrame(rows, columns=["u", "t", "y", "start"])
    estimate = at.did(
        Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start"), baseline=[0, 1], followup=[3]
    )
    assert (estimate.n.trained.rows, estimate.n.control.rows) == (5, 6)
    assert {(part.arm, part.reason): (part.units, part.rows) for part in estimate.n.left_out} == {
        ("trained", "rows outside the windows"): (0, 4),
        ("control", "rows outside the windows"): (0, 4),
        ("trained", "rows without a KPI value"): (0, 1),
    }


def test_a_unit_seen_only_where_there_is_no_comparison_is_counted() -> None:
    rows = [(u, t, 1.0 * u + t, None) for u in range(3) for t in (0, 1)]
    rows += [(3, 0, 1.0, 1), (3, 1, 4.0, 1), (4, 0, 1.0, 1), (4, 1, 5.0, 1)]
    rows += [(5, 0, 1.0, 1), (5, 2, 5.0, 1)]  # nobody else is seen in period 2
    frame = pd.DataFrame(rows, columns=["u", "t", "y", "start"])
    estimate = at.did(
        Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start"), baseline=[0], followup=[1, 2]
    )
    assert (estimate.n.trained.units, estimate.n.control.units) == (2, 3)
    assert [(part.arm, part.reason, part.units, part.rows) for part in estimate.n.left_out] == [
        ("trained", "KPI values only in periods without comparison", 1, 2)
    ]
    # Of all trained units, whether they entered or not.
    assert estimate.n.coverage.trained == pytest.approx([1.0, 2 / 3, 1 / 3])
