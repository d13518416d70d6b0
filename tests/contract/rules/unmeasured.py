"""Something as strong as the strongest covariate: undoes the effect, leaves it within noise of 0, or neither."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence

N = 200


@cache
def _skilled(effect: float, covariates: tuple[str, ...] = ("skill",)) -> Evidence:
    """Return people whose skill pulls them into training, and their sales up."""
    rng = np.random.default_rng(11)
    skill = rng.normal(size=N)
    trained = 0.5 * skill + rng.normal(size=N) > 0
    before = rng.normal(20, 1, N)
    after = before + effect * trained + 0.5 * skill + rng.normal(size=N)
    frame = pd.DataFrame(
        {
            "person": np.tile(range(N), 2),
            "month": np.repeat([1, 2], N),
            "sales": np.concatenate([before, after]),
            "start": np.tile(np.where(trained, 2.0, np.nan), 2),
            "skill": np.tile(skill, 2),
        }
    )
    panel = at.Panel.from_frame(
        frame, unit="person", period="month", outcome="sales", adopted="start", covariates=["skill"]
    )
    estimate = at.did(panel, baseline=[1], followup=[2], covariates=covariates)
    return Evidence(panel=panel, estimate=estimate)


CASES = {
    "unmeasured_confounding": {
        "pass": lambda: _skilled(1.62),  # 1.0004 times as strong as skill is not told from 0
        "warn": lambda: _skilled(1.615),  # .997 times
        "warn: as strong would not quite undo it": lambda: _skilled(1.115),  # 1.002 times undoes it
        "warn: as strong would undo it": lambda: _skilled(1.11),  # .999 times
        "skipped: not told from 0": lambda: _skilled(0.0),
        "skipped: nothing is adjusted for": lambda: _skilled(3.0, ()),
    },
}

NEVER = {
    "unmeasured_confounding": {
        "fail": "what nobody measured cannot be shown to be there: how likely it is, people judge"
    },
}
