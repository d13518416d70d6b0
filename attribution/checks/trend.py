"""Is the series of a trend long enough, and its errors short-lived enough, for the interval that is quoted?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.core.terms import labels
from attribution.estimators.trend import AUTOCORRELATION, DEFAULT, PERIODS_TO_JUDGE, SEGMENTS

SERIES = Rule(
    "series_length",
    "at least 8 baseline periods beside season and control (12 on the measured grid), a follow-up no longer than the "
    "baseline, autocorrelation up to .6 (above .8 fail), the default variance",
    "tests/calibration/TREND.md: coverage by length and autocorrelation",
)

MEASURED_PERIODS = 12
"""The shortest baseline of the grid on which the coverage is judged."""

WARN_ABOVE, FAIL_ABOVE = 0.6, 0.8
"""Estimated autocorrelations: the grid ends at .6; at .95 the interval covers less than 90%."""


@dataclass(frozen=True, slots=True)
class _Series:
    """What an estimate by `trend` says of its series: periods before and after, and columns beside level and slope."""

    before: int
    after: int
    extra: int

    @classmethod
    def of(cls, estimate: Estimate) -> _Series:
        count, after = len(estimate.influence), len(labels(estimate.terms, "effect", "event"))
        segments = sum(name in estimate.terms for name in SEGMENTS)
        return cls(count - after, after, count - int(estimate.stratum_df[0]) - segments)


def series_length(evidence: Evidence) -> Finding:
    """Count the periods of a trend and look at its errors' autocorrelation: short series say little of themselves."""
    estimate = evidence.estimate
    if estimate is None:
        return SERIES.waits(evidence, "no data to draw a trend in")
    if estimate.method != "trend":
        return SERIES.skipped(f"{estimate.method} projects no trend")
    if "effect" not in estimate.terms:
        return SERIES.skipped("too early after the launch for an effect")
    series = _Series.of(estimate)
    beside = f" ({series.extra} taken by season and control)" if series.extra else ""
    observed = f"{series.before} baseline periods{beside}, {series.after} of follow-up"
    needed = PERIODS_TO_JUDGE + series.extra
    if series.before < needed:
        return SERIES.finding(
            "fail",
            observed,
            f"the baseline is too short for an interval: {needed} periods are needed",
            "add earlier periods, or leave season and control out where they are not needed",
        )
    if not np.isfinite(estimate.std_error("effect")):
        return SERIES.finding(
            "fail",
            observed,
            "the series lies on its trend without any error, so that nothing says how sure we are",
            "look at the KPI: it may be constant, computed, or filled in",
        )
    if estimate.variance != DEFAULT:
        return SERIES.finding(
            "fail",
            f"{observed}, variance {estimate.variance}",
            f"the interval by {estimate.variance} is a reference: it covers far less than it says on a short series",
            "take variance='default' for the analysis that is claimed",
        )
    rho = estimate.value(AUTOCORRELATION)
    observed += f", autocorrelation {rho:.2f}"
    if rho > FAIL_ABOVE:
        return SERIES.finding(
            "fail",
            observed,
            "errors last so long that the interval covers less than it says: a drift could pass for the effect",
            "compare with units that were not trained, as regressor or difference or by did, or watch for longer",
        )
    doubts = []
    if rho > WARN_ABOVE:
        doubts.append("errors last from period to period, and the interval may cover a few points less than it says")
    if series.before < MEASURED_PERIODS:
        doubts.append(f"the baseline is shorter than the {MEASURED_PERIODS} periods of the measured grid")
    if series.after > series.before:
        doubts.append("the trend is projected further than it was watched")
    if doubts:
        return SERIES.finding(
            "warn",
            observed,
            "; ".join(doubts),
            "add earlier periods, shorten the follow-up, or compare with units that were not trained",
        )
    return SERIES.finding("pass", observed, "the series is long enough for its interval")
