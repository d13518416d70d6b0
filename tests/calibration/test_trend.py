"""A slice of the trend's coverage study that fits into the tests; TREND.md holds the whole of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

import attribution as at
from attribution.core.interval import Interval
from attribution.estimators.trend import functionals, trend
from attribution.numerics.ratio import fieller
from attribution.numerics.series import autoregression, segmented

HERE = Path(__file__).parent
REPLICATIONS = 1_500


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """Return trend_study.py, a script beside the tests."""
    sys.path.insert(0, str(HERE))
    try:
        yield import_module("trend_study")
    finally:
        sys.path.remove(str(HERE))
        sys.modules.pop("trend_study", None)


SLICE = [
    (0, 12, 3, 0.0),
    (0, 12, 12, 0.6),
    (0, 24, 6, 0.6),
    (0, 36, 12, 0.3),
    (4, 12, 6, 0.6),
    (4, 18, 12, 0.6),
    (12, 24, 3, 0.6),
    (12, 36, 6, 0.6),
]


@pytest.mark.parametrize("cell", SLICE, ids=str)
def test_coverage_is_at_least_that_of_the_grid(study: ModuleType, cell: tuple[int, int, int, float]) -> None:
    # Three Monte Carlo standard errors below 92% are 2 points here; the committed coverages are 94% and more.
    one = study.Cell(*cell)
    tally = study.run(study.GRID.index(one), one, REPLICATIONS)
    assert study.passes(tally, slack=3.0), tally
    # The references are that: far below.
    if one.rho == 0.6:
        assert tally.rate(tally.newey_west) < 0.85
        assert tally.rate(tally.classical) < 0.92


def test_a_coverage_below_the_bound_fails(study: ModuleType) -> None:
    good = study.Tally(10_000, 9_400, (9_400, 9_400), 1.0, 0, 0, (0, 0))
    assert study.passes(good)
    assert not study.passes(replace(good, effect=9_190))
    assert not study.passes(replace(good, shares=(9_400, 9_190)))
    assert not study.passes(replace(good, effect=8_700), slack=3.0)


def test_the_study_looks_at_what_the_estimator_gives(study: ModuleType) -> None:
    """Level, slope, season and effect added to a series of errors leave the study's verdicts as they are."""
    before, after, share = 24, 6, 0.3
    time = np.arange(before + after)
    segments = segmented(time, before, 4)
    solution = segments.solution()
    read = functionals(segments, solution, time, before)
    matrix = np.stack([read["effect"], read["change"]])
    series = study.errors_of(study.Cell(4, before, after, 0.6), 40, np.random.default_rng(5))
    covariance = autoregression(series, segments.design, time).covariance(matrix)
    quantile = float(stdtrit(len(time) - len(segments.columns), 0.975))
    effect = 6.0
    # A slope that makes the observed change effect/share.
    past = (effect / share - effect) / (time[before:].mean() - time[:before].mean())
    season = np.array([0.0, 1.0, -2.0, 1.0])[time % 4]
    moved = float(season[before:].mean() - season[:before].mean())
    truth = 100 + past * time + season + effect * (time >= before)
    target = effect / (effect / share + moved)
    for errors, spread in zip(series, covariance, strict=True):
        frame = pd.DataFrame({"t": time, "kpi": truth + errors, "start": before})
        panel = at.Panel.from_frame(frame, period="t", outcome="kpi", adopted="start", kind="series")
        estimate = trend(panel, baseline=range(before), followup=range(before, before + after), season=4)
        found = matrix @ errors
        assert estimate.value("effect") - effect == pytest.approx(found[0], abs=1e-9)
        assert estimate.std_error("effect") == pytest.approx(float(np.sqrt(spread[0, 0])), rel=1e-6)
        assert (effect in estimate.interval()) == (abs(found[0]) <= quantile * np.sqrt(spread[0, 0]))
        contrast = np.array([1.0, -target])
        covered = abs(contrast @ found) <= quantile * np.sqrt(contrast @ spread @ contrast)
        inverted = fieller(estimate.ratio_problem("effect", "change", 0.95))
        assert (target in Interval(inverted.low, inverted.high, 0.95, inverted.kind, "fieller")) == covered


def test_the_committed_table_is_that_of_the_whole_grid(study: ModuleType) -> None:
    page = (HERE / "TREND.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and "errors | season" not in line]
    cells = [*study.GRID, *study.BEYOND]
    assert len(rows) == len(cells)
    for cell, row in zip(cells, rows, strict=True):
        name, season, before, after, rho = (part.strip() for part in row.split("|")[1:6])
        shown = (str(cell), str(cell.season or "none"), str(cell.before), str(cell.after), f"{cell.rho:g}")
        assert (name, season, before, after, rho) == shown
        assert row.endswith("| pass |") == (cell in study.GRID)
    assert "10,000 replications a cell" in page
