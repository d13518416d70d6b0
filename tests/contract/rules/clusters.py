"""Clusters in the smaller arm at 10 and at 5, and standard errors that are there or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.estimators.synthetic import synthetic
from tests.contract.evidence import evidence_of
from tests.studies import sales_of


def _arms(trained: int = 12, control: int = 12, changes: Mapping[str, Any] | None = None) -> Evidence:
    return evidence_of(sales_of(trained, control), changes)


def _teams(size: int) -> Evidence:
    """Return 24 trained and 36 others in teams of so many, which are what was assigned."""
    frame = sales_of()
    frame["team"] = "t" + (frame["person"].astype(int) // size).astype(str)
    return evidence_of(frame, {"columns.cluster": "team"})


def _donors(count: int) -> Evidence:
    """Return one trained site beside so many donors."""
    rng = np.random.default_rng(3)
    site, month = np.repeat(np.arange(1 + count), 8), np.tile(np.arange(8), 1 + count)
    kpi = rng.normal(40, 3, 1 + count)[site] + rng.normal(0, 1, len(site))
    frame = pd.DataFrame({"site": site, "month": month, "kpi": kpi, "start": np.where(site < 1, 6.0, np.nan)})
    panel = at.Panel.from_frame(frame, unit="site", period="month", outcome="kpi", adopted="start")
    return Evidence(panel=panel, estimate=synthetic(panel, baseline=range(6), followup=[6, 7]))


def _alike() -> Evidence:
    """Return trained people who all changed by exactly 2: nothing says how sure their change is."""
    frame = sales_of()
    level = frame["person"].astype(int) + 2.0 * (frame["month"] >= "2026-02")
    return evidence_of(frame.assign(sales=frame["sales"].mask(frame["start"].notna(), level)))


CASES = {
    "clusters_per_arm": {
        "pass": lambda: _arms(trained=10),
        "warn": lambda: _arms(trained=9),
        "warn: the comparison": lambda: _arms(control=5),
        "fail": lambda: _arms(trained=4),
        "fail: the comparison": lambda: _arms(control=4),
        "fail: teams are assigned, not people": lambda: _teams(6),
        "pass: donors": lambda: _donors(10),
        "warn: donors": lambda: _donors(9),
        "fail: donors": lambda: _donors(4),
    },
    "standard_error": {
        "pass": lambda: _arms(trained=2),
        "fail": lambda: _arms(trained=1),
        "fail: all changed alike": _alike,
    },
}

NEVER = {
    "standard_error": {"warn": "there is a standard error, or there is none and nothing can be claimed"},
}
