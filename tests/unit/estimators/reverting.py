"""People whose KPI reverts to the mean, or who keep their levels: shared by the tests of lagged and bracket."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import attribution as at

WINDOWS: dict[str, Any] = {"baseline": [0, 1], "followup": [2, 3]}


def frame(kind: str = "ignorable", *, people: int = 200, noise: float = 1.0, effect: float = 2.0) -> pd.DataFrame:
    """Return people whose KPI reverts to the mean and whose lower half is trained, or who keep their levels.

    `ignorable`: follow-up = half of the baseline plus noise, trained by the baseline alone. `parallel`: fixed levels.
    """
    rng = np.random.default_rng(2)
    level = rng.normal(0, 3, people)
    trained = level < np.median(level) if kind == "ignorable" else np.arange(people) < people // 2
    if kind == "parallel":
        level = level - 3.0 * trained
    later = 0.5 * level if kind == "ignorable" else level
    base = np.stack([level, level, later + 1.0, later + 1.0], axis=1)
    base[:, 2:] += (noise * rng.normal(0, 1, people) + effect * trained)[:, None]
    if kind == "parallel":
        base[:, :2] += noise * rng.normal(0, 1, (people, 1))
    person, month = np.repeat(np.arange(people), 4), np.tile(np.arange(4), people)
    start = np.where(trained, 2.0, np.nan)
    return pd.DataFrame({"person": person, "month": month, "start": start[person], "kpi": base.ravel()})


def build(rows: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(rows, unit="person", period="month", outcome="kpi", adopted="start", **options)
