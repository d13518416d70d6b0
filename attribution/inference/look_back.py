"""What the periods before the start say of an effect: pre-trends and breakdown value, from the estimate that can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attribution.core.estimate import Estimate
from attribution.core.terms import labels
from attribution.errors import MethodError
from attribution.inference.event_path import WHOLE
from attribution.inference.pretrends import Pretrends, pretrends
from attribution.inference.sensitivity import TrendSensitivity, trend_sensitivity

MOST_STEPS = 5
"""Periods before the reference and from the start on that are looked at, at most: far ones rest on few cohorts."""


METHODS = ("event_study", "staggered")
"""Methods whose effects before the start are a comparison, not what a fit left over or a mix of cohorts."""


@dataclass(frozen=True, slots=True, eq=False)
class LookBack:
    """Pre-trends and sensitivity of the analysis `name`; where one is None, `reason` says why."""

    name: str
    estimate: Estimate | None
    pretrends: Pretrends | None
    sensitivity: TrendSensitivity | None
    reason: str = ""


def look_back(estimates: Mapping[str, Estimate], *, level: float = 0.95, power: float = 0.8, seed: int = 0) -> LookBack:
    """Return what the first of several estimates, by name, that has effects before the start shows of trends.

    Five periods before the reference and five from the start on are looked at, fewer where the covariance does not
    carry them. The sensitivity is of the average effect of these periods, to relative magnitudes.

    Examples
    --------
    >>> import attribution as at
    >>> panel = at.Panel.from_frame(at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap",
    ...     trained="grant")
    >>> windows = at.did(panel, baseline=[1987], followup=[1988])
    >>> found = look_back({"two windows": windows, "path": at.event_study(panel)})
    >>> found.name, found.pretrends.path.pre
    ('path', (-2,))

    Source: Roth (2022), AER: Insights 4; Rambachan & Roth (2023), Rev. Econ. Stud. 90.
    """
    reasons = []
    for name, estimate in estimates.items():
        events = [int(one) for one in labels(estimate.terms, "effect", "event") if WHOLE.fullmatch(one)]
        if estimate.method not in METHODS or not any(event < 0 for event in events):
            reasons.append(f"{estimate.method} has no effects of periods before the start")
            continue
        for steps in range(MOST_STEPS, 0, -1):
            window = (-1 - steps, max(steps - 1, 0))
            try:
                shown = pretrends(estimate, power=power, level=level, window=window)
            except MethodError as error:
                reason = error.what
                continue
            try:
                tested = trend_sensitivity(estimate, level=level, target="average", window=window, seed=seed)
            except MethodError as error:
                return LookBack(name, estimate, shown, None, error.what)
            return LookBack(name, estimate, shown, tested)
        reasons.append(f"{estimate.method}: {reason}")
    return LookBack("", None, None, None, "; ".join(dict.fromkeys(reasons)) or "there is no estimate")
