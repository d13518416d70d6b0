"""The share on both sides of a change within noise, and failed draws on both sides of 5%."""

from __future__ import annotations

from functools import cache

from scipy.special import stdtrit

from attribution.checks.evidence import Evidence
from tests.contract.evidence import evidence_of
from tests.studies import sales_of

FEW = {"inference.draws": 99}
PASSES, FAILS = 0, 2
"""Seeds of 199 draws of which 9 and 10 fail: 4.5% and 5.03%."""


@cache
def _slope_of(times: float) -> float:
    """Return the common trend at which the observed change is so many times its critical value."""
    plain = evidence_of(sales_of(trend=0.0), FEW).estimate
    assert plain is not None
    found = plain.contrast({"change": 1.0})
    return times * float(stdtrit(found.df, 0.975)) * found.std_error - found.value


def _change(times: float) -> Evidence:
    return evidence_of(sales_of(trend=_slope_of(times)), FEW, draws=True)


def _seen(controls: int, seed: int) -> Evidence:
    """Return a month that only a few controls were observed in: a resample without them has no comparison there."""
    frame = sales_of(trained=12, control=24)
    gone = (frame["month"] == "2026-03") & (frame["person"].astype(int) >= 12 + controls)
    return evidence_of(frame[~gone], {"inference.draws": 199, "inference.seed": seed}, draws=True)


CASES = {
    "share_estimable": {
        "pass": lambda: _change(1.01),
        "warn": lambda: _change(0.99),
    },
    "draws_failed": {
        "pass": lambda: _seen(3, PASSES),
        "fail": lambda: _seen(3, FAILS),
    },
}

NEVER = {
    "share_estimable": {
        "fail": "the effect may be told from 0 where its share of the change is not: it can be claimed"
    },
    "draws_failed": {"warn": "a few failed draws are left out and counted; above 5% no interval of draws is trusted"},
}
