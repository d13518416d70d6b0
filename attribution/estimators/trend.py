"""Interrupted series: the trained against the projection of their own past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import windows
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.core.panel import Panel
from attribution.core.terms import part
from attribution.errors import MethodError, require_counts
from attribution.estimators.options import require_att, require_given_weights, require_known, require_periods
from attribution.estimators.trend_series import TrendSeries, trend_series
from attribution.numerics.series import (
    Segmented,
    autoregression,
    durbin_watson,
    durbin_watson_p,
    newey_west,
    segmented,
)

Floats = NDArray[np.float64]
Controls: TypeAlias = Literal["none", "difference", "regressor"]
Variance: TypeAlias = Literal["default", "newey_west", "classical"]

DEFAULT = "AR(1)"
"""The name of the default variance: without a map of weights, the variance that holds is named."""

AUTOCORRELATION = "autocorrelation"
"""The term of the default variance that says how much of an error lasts to the next period."""

CHANGES = ("level_change", "slope_change")
SEGMENTS = ("intercept", "trend", *CHANGES)

PERIODS_TO_DRAW, PERIODS_TO_JUDGE = 3, 8
"""Baseline periods, beside one for each season dummy and control, for a trend and for an interval."""


def trend(
    panel: Panel,
    *,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    season: int = 0,
    controls: Controls = "none",
    variance: Variance = "default",
    lags: int | None = None,
) -> Estimate:
    """Estimate the effect on the trained as their distance from the projection of their own trend.

    The series is the weighted mean of the trained units per period, or one aggregate KPI (`kind="series"`). Level and
    slope, each free to change at the launch, are fitted over both windows by least squares; the background is the
    projection of the level, slope, season and control of before. The estimand is the ATT over the follow-up in KPI
    units, `change` what was observed, `effect[event=e]` the distance e periods after the launch. Further terms:
    `level_change`, `slope_change`, `intercept` (at the first period, in its season), `trend`, `control_coefficient`,
    and the errors' `autocorrelation`.

    Parameters
    ----------
    baseline, followup
        Periods of the two windows; at least 3 before, and 8 for an interval, beside those that season terms take.
    season
        Periods per year, 12 for months, for a dummy of each season; 0 for none.
    controls
        `"difference"` looks at the trained less the never trained, `"regressor"` takes these as a regressor.
    variance
        `"default"` (AR(1) errors, the coefficient integrated out), or `"newey_west"` or `"classical"` for parity.
    lags
        Lags of `"newey_west"`, by default 4(n/100)^(2/9).

    Raises
    ------
    MethodError
        Several launches, too few periods, an empty arm, options that do not go together.
    DataError
        A period that is not in the panel, units that share no period.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"month": range(12), "sales": [50 + 2 * t + 7 * (t >= 9) for t in range(12)], "start": 9})
    >>> panel = at.Panel.from_frame(frame, period="month", outcome="sales", adopted="start", kind="series")
    >>> found = trend(panel, baseline=range(9), followup=range(9, 12))
    >>> round(found.value("effect"), 6), round(found.value("change"), 6)
    (7.0, 19.0)

    Source: Wagner, Soumerai, Zhang & Ross-Degnan (2002), Segmented regression analysis of interrupted time series,
    eq. 1; variance after Harville (1974), eq. 4.
    """
    _require_options(panel, season, controls, variance, lags)
    before, after = windows(panel, baseline, followup)
    series = trend_series(panel, before, after, compare=controls != "none")
    fit = _fit(series, season, controls)
    no_interval = _no_interval(fit)
    judged = _judge(fit, variance, lags, no_interval)
    terms, values, influence, covariance = fit.terms, fit.values, fit.influence, judged.covariance
    if judged.autocorrelation is not None:
        mean, spread = judged.autocorrelation
        terms, values = (*terms, AUTOCORRELATION), np.append(values, mean)
        influence = np.pad(influence, ((0, 0), (0, 1)))
        covariance = np.pad(covariance, (0, 1))
        covariance[-1, -1] = spread
    return Estimate(
        method="trend",
        estimand="ATT",
        outcome=panel.columns.outcome,
        terms=terms,
        values=values,
        influence=influence,
        rows="periods",
        clusters=np.arange(len(series.time), dtype=np.int32),
        strata=np.zeros(len(series.time), dtype=np.int32),
        stratum_names=("periods",),
        covariance=covariance[None],
        stratum_df=np.array([max(float(fit.free), 1.0)]),
        variance=DEFAULT if variance == "default" else variance,
        n=series.flow,
        direction=panel.direction,
        scale=panel.scale,
        outcome_range=series.outcome_range,
        replay=None,
        no_replay="a series is one course of one arm, and its periods are not clusters to draw from",
        notes=(*series.notes, *_notes(fit, season, no_interval), *judged.notes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """The fitted series: `functionals[n_terms, n]` read each term off the series, up to what a control adds."""

    terms: tuple[str, ...]
    functionals: Floats
    values: Floats
    work: Floats
    residual: Floats
    segments: Segmented
    series: TrendSeries

    @property
    def after(self) -> NDArray[np.bool_]:
        return np.asarray(self.series.time >= self.series.launch)

    @property
    def extra(self) -> int:
        """How many columns the season dummies and a control take."""
        return sum(name not in SEGMENTS for name in self.segments.columns)

    @property
    def free(self) -> int:
        """The residual degrees of freedom."""
        return len(self.residual) - len(self.segments.columns)

    @property
    def influence(self) -> Floats:
        """The weights of each period times its residual, `[n, n_terms]`."""
        rows = (self.functionals * self.residual).T
        # What is observed in one period carries that period's residual: centred, so that all columns sum to 0.
        return np.asarray(rows - rows.mean(axis=0))


def _fit(series: TrendSeries, season: int, controls: str) -> _Fit:
    after = series.time >= series.launch
    shift = np.zeros(len(series.time))
    if controls == "difference" and series.control is not None:
        shift = series.control
    segments = segmented(
        series.time, series.launch, season, control=series.control if controls == "regressor" else None
    )
    _require_estimable(segments, after)
    solution = segments.solution()
    read = functionals(segments, solution, series.time, series.launch)
    terms, matrix = tuple(read), np.stack(list(read.values()))
    # Around its mean a series of large numbers keeps its digits; two terms are levels, and take the mean back.
    center = float((series.trained - shift).mean())
    work = series.trained - shift - center
    values = matrix @ work
    values[[name in ("intercept", UNTRAINED_LEVEL) for name in terms]] += center
    moved = float(shift[after].mean() - shift[~after].mean())
    for name, added in (("change", moved), ("background", moved), (UNTRAINED_LEVEL, float(shift[after].mean()))):
        values[terms.index(name)] += added
    residual = work - segments.design @ (solution @ work)
    return _Fit(terms, matrix, values, work, residual, segments, series)


def functionals(segments: Segmented, solution: Floats, time: NDArray[np.int64], launch: int) -> dict[str, Floats]:
    """Return how each term is read off the series, `[n]` weights a term: observed means, projections, coefficients."""
    after = time >= launch
    projection = segments.projected[after] @ solution
    observed = np.eye(len(after))[after]
    change = observed.mean(axis=0) - np.where(after, 0.0, 1 / (~after).sum())
    untrained = projection.mean(axis=0)
    effect = observed.mean(axis=0) - untrained
    read = {"effect": effect, "change": change, "background": change - effect, UNTRAINED_LEVEL: untrained}
    read |= {name: row for name, row in zip(segments.columns, solution, strict=True) if not name.startswith("season")}
    events = (time - launch)[after]
    return read | {part("effect", "event", one): row for one, row in zip(events, observed - projection, strict=True)}


def _require_estimable(segments: Segmented, after: NDArray[np.bool_]) -> None:
    """Raise `MethodError` where the baseline cannot carry the projection with a period to spare."""
    kept = [index for index, name in enumerate(segments.columns) if name not in CHANGES]
    before, names = segments.design[~after][:, kept], [segments.columns[index] for index in kept]
    count, seasons = len(before), sum(name.startswith("season") for name in names)
    takes = [f"{PERIODS_TO_DRAW} for level and slope"]
    takes += [f"{seasons} for the seasons"] if seasons else []
    takes += ["1 for the control"] if "control_coefficient" in names else []
    if count <= len(names):
        raise MethodError(
            f"the baseline has {count} periods with a value, and a trend needs {len(names) + 1} ({', '.join(takes)})",
            where="baseline",
            remedy="add earlier periods" + (", or leave the season terms out" if seasons else ""),
        )
    size = np.abs(before).max(axis=0)
    unseen = [name for name, largest in zip(names, size, strict=True) if largest == 0 and name.startswith("season")]
    if unseen:
        raise MethodError(
            f"{len(unseen)} seasons of the follow-up are in no baseline period",
            where="baseline",
            remedy="give a baseline of more than one full year, or leave the season terms out",
        )
    if np.linalg.matrix_rank(before / np.maximum(size, 1e-300)) < len(names):
        raise MethodError(
            f"{', '.join(names)} cannot be told apart in the baseline",
            where="baseline",
            remedy="give a baseline with more than one full year of periods, and a control that is not a straight line",
        )


def _no_interval(fit: _Fit) -> str:
    count, needed = int((~fit.after).sum()), PERIODS_TO_JUDGE + fit.extra
    if count >= needed:
        return ""
    beside = f" ({PERIODS_TO_JUDGE} beside the {fit.extra} that season and control take)" if fit.extra else ""
    return f"no interval and no share: {count} baseline periods, at least {needed} are needed{beside}"


@dataclass(frozen=True, slots=True, eq=False)
class _Judgement:
    """The covariance of the fit's terms, mean and variance of the autocorrelation where it was fitted, and notes."""

    covariance: Floats
    autocorrelation: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


def _judge(fit: _Fit, variance: str, lags: int | None, no_interval: str) -> _Judgement:
    if no_interval:
        return _Judgement(np.full((len(fit.terms), len(fit.terms)), np.nan))
    if variance == "classical":
        return _Judgement(
            float(fit.residual @ fit.residual) / fit.free * fit.functionals @ fit.functionals.T,
            notes=("classical errors are independent over time, which those of a KPI seldom are",),
        )
    if variance == "newey_west":
        used = int(4 * (len(fit.residual) / 100) ** (2 / 9)) if lags is None else lags
        note = f"Newey–West ({used} lags) is a reference: its nominal 95% covers 62–90% on series of 15–48 periods"
        return _Judgement(newey_west(fit.functionals, fit.residual, fit.series.time, used, fit.free), notes=(note,))
    fitted = autoregression(fit.work[None], fit.segments.design, fit.series.time)
    return _Judgement(fitted.covariance(fit.functionals)[0], (float(fitted.mean[0]), float(fitted.variance[0])))


def _notes(fit: _Fit, season: int, no_interval: str) -> tuple[str, ...]:
    notes = [no_interval] if no_interval else []
    if season:
        dummies = sum(name.startswith("season") for name in fit.segments.columns)
        notes.append(
            f"{dummies} season dummies are fitted over both windows and take as many degrees of freedom; "
            f"{fit.free} remain"
        )
    if (np.diff(fit.series.time) == 1).all() and fit.free > 0 and fit.residual.any():
        found = durbin_watson(fit.residual)
        notes.append(
            f"Durbin–Watson {found:.3f}, p = {durbin_watson_p(found, fit.segments.design):.2g} against positive "
            "autocorrelation"
        )
    return tuple(notes)


def _require_options(panel: Panel, season: Any, controls: str, variance: str, lags: Any) -> None:
    require_known(controls=(controls, Controls), variance=(variance, Variance))
    if isinstance(season, bool) or not isinstance(season, (int, np.integer)) or season < 0 or season == 1:
        raise MethodError(
            f"season is {season!r}",
            where="season",
            remedy="give the number of periods per year: 12 for months, 4 for quarters, 0 for no season terms",
        )
    if lags is not None:
        if variance != "newey_west":
            raise MethodError("lags is given without Newey–West", where="lags", remedy="pass variance='newey_west'")
        require_counts(lags=(lags, 0))
    require_periods(panel, "trend")
    if panel.kind == "repeated_cross_sections":
        raise MethodError(
            "a trend follows the same units, and these data have other people in every period",
            where="panel",
            remedy="aggregate them to one row per period and pass kind='series', or use did",
        )
    require_att(panel, "trend")
    require_given_weights(panel, "trend")
