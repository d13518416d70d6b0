"""Units without a KPI at 5% of an arm, arms observed apart at 10 points, and composition at .25 standard errors."""

from __future__ import annotations

from functools import cache

from attribution.checks.evidence import Evidence
from tests.contract.evidence import evidence_of
from tests.studies import sales_of


def _lost(trained: int, control: int) -> Evidence:
    """Return 20 and 40 people of whom so many have no KPI from February on."""
    frame = sales_of(trained=20, control=40)
    number = frame["person"].astype(int)
    gone = (number < trained) | ((number >= 20) & (number < 20 + control))
    return evidence_of(frame[~gone | (frame["month"] < "2026-02")])


def _absent(trained: int) -> Evidence:
    """Return 20 and 40 people of whom so many of the trained are absent in March."""
    frame = sales_of(trained=20, control=40)
    gone = (frame["person"].astype(int) < trained) & (frame["month"] == "2026-03")
    return evidence_of(frame[~gone])


@cache
def _away(extra: float) -> Evidence:
    """Return a company whose two best sellers without training are away in March, the more above all others."""
    frame = sales_of(trained=20, control=40)
    best = frame["person"].astype(int) >= 58
    frame.loc[best, "sales"] += extra
    return evidence_of(frame[~(best & (frame["month"] == "2026-03"))])


CASES = {
    "units_lost": {
        "pass": lambda: _lost(1, 2),  # 5% of each arm
        "warn": lambda: _lost(2, 0),
        "warn: the comparison": lambda: _lost(0, 3),
    },
    "observation_gap": {
        "pass": lambda: _absent(2),  # 10 points
        "warn": lambda: _absent(3),
        "pass: composition just below .25 standard errors": lambda: _away(31.0),
        "warn: composition just above .25 standard errors": lambda: _away(31.4),
    },
}

NEVER = {
    "units_lost": {"fail": "the effect stands for those measured, and the page says for how many it speaks"},
    "observation_gap": {"fail": "window means take absence into account: what is left is a doubt, not a proof"},
}
