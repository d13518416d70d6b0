"""A trend's baseline at 8 and 12 periods and its autocorrelation at .6 and .8; mixes of donors; staggered adoption."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.estimators.synthetic import synthetic
from attribution.estimators.trend import trend
from attribution.estimators.twfe import twfe
from tests.contract.evidence import design_of, panel_of
from tests.studies import sales_of


@cache
def _series(before: int, after: int = 6, rho: float = 0.0, seed: int = 1, variance: Any = "default") -> Evidence:
    """Return a series with a trend and errors that last by `rho` from one period to the next."""
    time = np.arange(before + after)
    drawn = np.random.default_rng(seed).standard_normal(len(time))
    for t in range(1, len(time)):
        drawn[t] += rho * drawn[t - 1]
    frame = pd.DataFrame({"t": time, "kpi": 50 + 0.2 * time + 4 * (time >= before) + drawn, "start": before})
    panel = at.Panel.from_frame(frame, period="t", outcome="kpi", adopted="start", kind="series")
    windows = {"baseline": range(before), "followup": range(before, before + after)}
    return Evidence(estimate=trend(panel, **windows, variance=variance))


@cache
def _sites(own: float = 0.0, like: float = 0.0, kind: Any = "did") -> Evidence:
    """Return a trained site and 14 donors; its path is their mean and `own` moves, or `like` times that of one."""
    rng = np.random.default_rng(2)
    kpi = rng.normal(40, 3, (15, 1)) + rng.normal(0, 2, 11) + rng.normal(0, 1, (15, 11))
    kpi[0] = kpi[1:].mean(axis=0) + own * rng.normal(0, 1, 11)
    kpi[0] += like * (kpi[7] - kpi[0])
    site = np.repeat(np.arange(15), 11)
    frame = pd.DataFrame({"site": site, "month": np.tile(np.arange(11), 15), "kpi": kpi.ravel()})
    frame["start"] = np.where(site < 1, 8.0, np.nan)
    panel = at.Panel.from_frame(frame, unit="site", period="month", outcome="kpi", adopted="start")
    return Evidence(panel=panel, estimate=synthetic(panel, baseline=range(8), followup=[8, 9, 10], kind=kind))


def _two_way(dates: tuple[int, ...]) -> Evidence:
    """Return 12 people over 6 months, six of them trained at these dates in turn, and two-way fixed effects."""
    rng = np.random.default_rng(7)
    unit, month = np.repeat(np.arange(12), 6), np.tile(np.arange(6), 12)
    start = np.array([dates[one % len(dates)] if one < 6 else np.nan for one in range(12)])
    frame = pd.DataFrame({"id": unit, "month": month, "kpi": rng.normal(0, 1, 72), "start": start[unit]})
    panel = at.Panel.from_frame(frame, unit="id", period="month", outcome="kpi", adopted="start")
    return Evidence(panel=panel, estimate=twfe(panel))


def _planned(waves: list[str] | None) -> Evidence:
    """Return a design of two-way fixed effects before the launch, with the waves that it plans, and data until then."""
    changes = {"analysis.0.method": "twfe"} | ({} if waves is None else {"power": {"waves": waves}})
    design, frame = design_of(changes), sales_of()
    return Evidence(design=design, panel=panel_of(design, frame[frame["month"] < "2026-02"]))


CASES = {
    "series_length": {
        "pass": lambda: _series(12),
        "warn": lambda: _series(11),
        "warn: the shortest baseline": lambda: _series(8),
        "fail": lambda: _series(7),
        "pass: a follow-up as long as the baseline": lambda: _series(12, after=12),
        "warn: a follow-up longer than the baseline": lambda: _series(12, after=13),
        "pass: autocorrelation just below .6": lambda: _series(60, 12, rho=0.547, seed=5),
        "warn: autocorrelation just above .6": lambda: _series(60, 12, rho=0.548, seed=5),
        "warn: autocorrelation just below .8": lambda: _series(60, 12, rho=0.728, seed=5),
        "fail: autocorrelation just above .8": lambda: _series(60, 12, rho=0.729, seed=5),
        "fail: a reference variance": lambda: _series(24, variance="newey_west"),
    },
    "synthetic_fit": {
        "pass": lambda: _sites(own=2.08),
        "warn": lambda: _sites(own=2.09),
        "warn: just below 20 times": lambda: _sites(own=4.10),
        "fail": lambda: _sites(own=4.12),
        "pass: no donor above half": lambda: _sites(like=0.52, kind="control"),
        "warn: one donor above half": lambda: _sites(like=0.54, kind="control"),
        "skipped: another method": lambda: _series(12),
    },
    "two_way_primary": {
        "pass": lambda: _two_way((3,)),
        "fail": lambda: _two_way((3, 4)),
        "pass: another method": lambda: _series(12),
        "pass: one wave is planned": lambda: _planned(["2026-02"]),
        "fail: two waves are planned": lambda: _planned(["2026-02", "2026-03"]),
        "skipped: nobody is trained yet": lambda: _planned(None),
    },
}

NEVER = {
    "two_way_primary": {"warn": "adoption is at one date or at several: there is nothing between"},
}
