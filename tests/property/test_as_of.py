"""What happens after the date of a report changes none of its numbers, whatever the method."""

from __future__ import annotations

import copy
import datetime
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution as at
from attribution.study.link import link
from attribution.study.run import run_linked
from attribution.study.sources import Source

MONTHS = tuple(str(month) for month in pd.period_range("2025-01", periods=16, freq="M"))
LAUNCH, OVER, N = 10, 14, 18

DESIGN = f"""\
schema = 1
[study]
id = "rollout"
title = "Rollout"
question = "Did it help?"
frame = "outcomes"
[program]
name = "Academy"
[[kpi]]
id = "sales"
column = "sales"
label = "Sales"
unit = "orders"
direction = "higher"
[data]
source = "file"
path = "none.csv"
[columns]
unit = "person"
period = "month"
adopted = "start"
covariates = ["age"]
[assignment]
mechanism = "manager"
level = "person"
[timing]
period = "month"
launch = "{MONTHS[LAUNCH]}"
baseline = {list(MONTHS[:LAUNCH])}
followup = {list(MONTHS[LAUNCH:])}
[inference]
draws = 99
[[analysis]]
id = "primary"
method = "did"
role = "primary"
"""
METHODS = {
    "waves": 'method = "staggered"\ncovariates = ["age"]\nadjust = "regression"',
    "path": 'method = "event_study"',
    "two-way": 'method = "twfe"',
    "past": 'method = "trend"',
    "own": f'method = "did"\nfollowup = {list(MONTHS[12:])}',
    "seen": 'method = "prepost"',
}
DATE = datetime.date(2026, 2, 28)


def _frame() -> pd.DataFrame:
    """Return 18 people over 16 months: two waves of trained before the date, two people trained after it."""
    rng = np.random.default_rng(11)
    start = [LAUNCH] * 6 + [LAUNCH] * 3 + [15] * 2 + [None] * 7
    unit, month = np.repeat(np.arange(N), 16), np.tile(np.arange(16), N)
    return pd.DataFrame(
        {
            "person": unit,
            "month": np.array(MONTHS)[month],
            "start": [None if one is None else MONTHS[one] for one in np.array(start, dtype=object)[unit]],
            "age": rng.integers(20, 60, N)[unit],
            "sales": rng.normal(20, 2, N)[unit] + rng.normal(0, 1, 16 * N),
        }
    )


def _numbers(design: at.StudyResult | Any, frame: pd.DataFrame) -> dict[str, Any]:
    source = Source(frame, "made", "")
    result = run_linked(design, source, link(design, source, DATE))
    return {
        name: (estimate.terms, estimate.values, estimate.covariance, estimate.n.exposure, estimate.n.trained)
        for name, estimate in result.estimates.items()
    }


@pytest.fixture(scope="module")
def design() -> Any:
    text = DESIGN + "".join(
        f'[[analysis]]\nid = "{name}"\nrole = "sensitivity"\n{how}\n' for name, how in METHODS.items()
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "design.toml"
        path.write_text(text, encoding="utf-8")
        return at.load_design(path)


def _same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, found in one.items():
        assert found[0] == other[name][0], name
        # The values of two windows are centred by all that was read, which leaves a rounding.
        np.testing.assert_allclose(found[1], other[name][1], rtol=1e-10, atol=1e-10, err_msg=name)
        np.testing.assert_allclose(found[2], other[name][2], rtol=1e-9, atol=1e-12, err_msg=name)
        assert found[3:] == other[name][3:], name


@settings(max_examples=3)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_rows_after_the_date_never_change_a_result(design: Any, seed: int, kept: float) -> None:
    frame = _frame()
    expected = _numbers(design, copy.deepcopy(frame))
    rng = np.random.default_rng(seed)
    late = frame["month"].isin(MONTHS[OVER:]).to_numpy()
    frame.loc[late, "sales"] = rng.normal(100, 50, int(late.sum()))
    drop = late & (rng.random(len(frame)) > kept)
    changed = frame[~drop]
    newcomer = frame[(frame["person"] == 17) & late].assign(person=99, start=None)
    _same(_numbers(design, pd.concat([changed, newcomer], ignore_index=True)), expected)


def test_a_method_that_looks_at_every_period_would_otherwise_see_them(design: Any) -> None:
    frame = _frame()
    source = Source(frame, "made", "")
    linked = link(design, source, DATE)
    waves: Callable[..., Any] = at.staggered
    seen = waves(linked.panels["sales"]).value("effect")
    assert seen != pytest.approx(waves(linked.current["sales"]).value("effect"), abs=1e-6)
