"""What pre-periods could have missed at half of the effect, their joint test at .05, the breakdown value at 1."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.core.estimate import Estimate
from attribution.inference.look_back import LookBack
from attribution.inference.pretrends import pretrends
from attribution.inference.sensitivity import trend_sensitivity
from tests.contract.evidence import evidence_of
from tests.studies import sales_of

MONTHS = [str(month) for month in pd.period_range("2025-01", periods=6, freq="M")]


@cache
def _estimate(effect: float, drift: float = 0.0) -> Estimate:
    """Return 40 people over 6 months, of whom 20 start in the fifth; these drift by so much a month."""
    rng = np.random.default_rng(1)
    start = np.repeat([4, 6], 20)
    unit, month = np.repeat(np.arange(40), 6), np.tile(np.arange(6), 40)
    kpi = rng.normal(20, 2, 40)[unit] + rng.normal(0, 0.3, 240) + drift * month * (start < 6)[unit]
    frame = pd.DataFrame(
        {
            "person": unit,
            "month": np.array(MONTHS)[month],
            "start": np.array([*MONTHS, None], dtype=object)[start[unit]],
            "sales": kpi + effect * (month >= start[unit]),
        }
    )
    panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    return at.event_study(panel)


def _shown(effect: float, drift: float = 0.0) -> Evidence:
    """Return what the pre-periods could show, without the sensitivity, which takes longer."""
    estimate = _estimate(effect, drift)
    return Evidence(estimate=estimate, look_back=LookBack("", estimate, pretrends(estimate, power=0.8), None))


def _missed(share: float) -> Evidence:
    """Return the study whose effect is such that what its pre-periods miss one time in five is so much of it."""
    shown = pretrends(_estimate(1.0), power=0.8)
    # An effect of 1 more moves the estimates by 1 and leaves their covariance as it is.
    path = shown.path
    found = float(path.beta[len(path.pre) :][[event >= 0 for event in path.post]].mean())
    return _shown(1.0 + abs(shown.average_bias) / share - found)


def _tested(effect: float) -> Evidence:
    estimate = _estimate(effect)
    return Evidence(
        estimate=estimate, look_back=LookBack("", estimate, None, trend_sensitivity(estimate, target="average"))
    )


def _no_path() -> Evidence:
    return evidence_of(sales_of(trained=12, control=12))


CASES = {
    "pre_trends": {
        "pass": lambda: _missed(0.499),
        "warn": lambda: _missed(0.501),
        "pass: joint test just above .05": lambda: _shown(3.0, 0.051),
        "warn: joint test just below .05": lambda: _shown(3.0, 0.052),
        "skipped: no effects before the start": _no_path,
    },
    "trend_breakdown": {
        "pass": lambda: _tested(0.71),
        "warn": lambda: _tested(0.69),
        "warn: not told from 0 at all": lambda: _tested(0.0),
        "skipped: no effects before the start": _no_path,
    },
}

NEVER = {
    "pre_trends": {
        "fail": "pre-periods show no more than what they could have missed: parallel trends are an assumption"
    },
    "trend_breakdown": {
        "fail": "how far trends may part is for the reader to judge: there is no value that is too small"
    },
}
