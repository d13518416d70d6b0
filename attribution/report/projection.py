"""The series of a trend and what was projected for it, period by period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import windows
from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.core.terms import part
from attribution.errors import MethodError, require_type
from attribution.estimators.trend_series import trend_series

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """The observed series, `[n]`, and the trend of before: fitted before the start, carried on after it with its band.

    `projected` is NaN before the start where season or control make the fit more than a straight line; `low` and `high`
    are NaN before the start, and everywhere without an interval.
    """

    periods: tuple[str, ...]
    time: NDArray[np.int64]
    after: NDArray[np.bool_]
    observed: Floats
    projected: Floats
    low: Floats
    high: Floats


def projects(estimate: Estimate) -> bool:
    """Say whether an estimate is a projected trend with an effect."""
    return estimate.method == "trend" and "effect" in estimate.terms


def projection(estimate: Estimate, panel: Panel, level: float) -> Projection:
    """Return what a `trend` observed and projected, in KPI units; raises `MethodError` for another method."""
    require_type(estimate, Estimate, name="estimate", remedy="pass what at.trend(…) returns")
    require_type(panel, Panel, name="panel", remedy="pass the panel that the estimate was made from")
    if not projects(estimate):
        raise MethodError(f"{estimate.method} projects no trend", where="trend", remedy="pass what at.trend(…) returns")
    before, after = windows(panel, estimate.n.baseline, estimate.n.followup)
    series = trend_series(panel, before, after, compare=bool(estimate.n.control.units))
    late = np.asarray(series.time >= series.launch)
    projected, low, high = (np.full(len(series.time), np.nan) for _ in range(3))
    for place in np.flatnonzero(late):
        term = part("effect", "event", int(series.time[place] - series.launch))
        own, seen = estimate.interval(level, term=term), series.trained[place]
        projected[place] = seen - estimate.value(term)
        low[place], high[place] = seen - own.high, seen - own.low
    line = estimate.value("intercept") + estimate.value("trend") * (series.time - series.time[0])
    if np.allclose(line[late], projected[late], rtol=1e-8, atol=1e-8 * float(np.abs(series.trained).max())):
        projected[~late] = line[~late]
    return Projection(
        tuple(panel.periods.text(int(code)) for code in series.codes),
        series.time,
        late,
        series.trained,
        projected,
        low,
        high,
    )
