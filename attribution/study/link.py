"""From a design and its data to one panel per KPI, and to the windows that count as of a date."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from attribution.core.panel import Panel
from attribution.core.periods import PeriodLength, Periods, label_text, ordinals, period_end, period_start
from attribution.design.schema import StudyDesign
from attribution.errors import DataError
from attribution.study.sources import Source

DAYS = {"year": 365, "quarter": 91, "month": 30, "week": 7, "day": 1}

FIRST_CLAIM_DAY = 90
"""Before this day after launch there is a baseline-and-progress report only."""


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """A study's panels by KPI id, and the windows as of a date. `waiting` are follow-up periods not yet over."""

    panels: Mapping[str, Panel]
    baseline: tuple[Any, ...]
    followup: tuple[Any, ...]
    waiting: tuple[str, ...]
    as_of: datetime.date
    days_since_launch: int

    @property
    def too_early(self) -> bool:
        """Say whether there may be a baseline-and-progress report only."""
        return self.days_since_launch < FIRST_CLAIM_DAY


def link(design: StudyDesign, source: Source, as_of: datetime.date | None) -> Linked:
    """Build the panels and keep the follow-up periods that are over as of the date.

    `as_of` defaults to the design's own, then to the end of the last follow-up period. Raises `DataError` where
    no follow-up period is over, or a counter of periods needs the date to be given.
    """
    timing = design.timing
    date = as_of or design.study.as_of or _last_day(timing.followup, timing.period)
    over: list[Any] = []
    waiting: list[Any] = []
    for label in timing.followup:
        end = _end(label, timing.period)
        (over if end is None or end <= date else waiting).append(label)
    if not over:
        raise DataError(
            f"no follow-up period is over on {date}; the first, {label_text(timing.followup[0])}, ends "
            f"{_end(timing.followup[0], timing.period)}",
            where="timing.followup",
            remedy="run the study later, or give a later --as-of",
        )
    columns = design.columns
    panels = {
        kpi.id: Panel.from_frame(
            source.frame,
            unit=columns.unit,
            period=columns.period,
            outcome=kpi.column,
            adopted=columns.adopted,
            trained=columns.trained,
            cluster=columns.cluster,
            weight=columns.weight,
            assigned=columns.assigned,
            covariates=columns.covariates,
            groups=columns.groups,
            direction=kpi.direction,
            scale=kpi.scale,
        )
        for kpi in design.kpi
    }
    _require_distances(design, next(iter(panels.values())), over)
    return Linked(
        panels=panels,
        baseline=tuple(timing.baseline),
        followup=tuple(over),
        waiting=tuple(label_text(label) for label in waiting),
        as_of=date,
        days_since_launch=_days_since_launch(design, over, date),
    )


def _require_distances(design: StudyDesign, panel: Panel, over: list[Any]) -> None:
    """Raise `DataError` unless washout and anticipation, counted in periods of the data, lie between the windows.

    The design file checks integers by itself; months, quarters and dates can be counted only with the data.
    """
    timing, periods = design.timing, panel.periods
    if isinstance(timing.launch, int) or not (timing.washout or timing.anticipation):
        return
    launch = _launch_code(timing.launch, periods)
    first = min(periods.codes(over, where="timing.followup"))
    last = max(periods.codes(timing.baseline, where="timing.baseline"))
    if first < launch + timing.washout:
        raise DataError(
            f"the follow-up starts in {periods.text(first)}, within {timing.washout} periods of the launch",
            where="timing.followup",
            remedy="begin the follow-up later, or shorten the washout",
        )
    if last >= launch - timing.anticipation:
        raise DataError(
            f"the baseline ends in {periods.text(last)}, within {timing.anticipation} periods before the launch",
            where="timing.baseline",
            remedy="end the baseline earlier, or shorten the anticipation",
        )


def _launch_code(launch: Any, periods: Periods) -> int:
    """Return the code of the period in which the launch falls; a dated period is labelled by its first day."""
    if periods.kind == "date" and isinstance(launch, datetime.date):
        return int(np.searchsorted(ordinals(periods.labels), ordinals(pd.DatetimeIndex([launch]))[0], side="right")) - 1
    return periods.code(launch, where="timing.launch")


def _end(label: Any, length: PeriodLength) -> datetime.date | None:
    """Return the last day of a period; None for a counter, which has no place in the calendar."""
    if isinstance(label, int) and length != "year":
        return None
    return period_end(label, length)


def _last_day(labels: tuple[Any, ...], length: PeriodLength) -> datetime.date:
    ends = [end for label in labels if (end := _end(label, length)) is not None]
    if not ends:
        raise DataError(
            f"the periods are counters ({label_text(labels[-1])} …), which have no place in the calendar",
            where="study.as_of",
            remedy="give the date of the evaluation: as_of in [study], or --as-of",
        )
    return max(ends)


def _days_since_launch(design: StudyDesign, over: list[Any], date: datetime.date) -> int:
    timing = design.timing
    if isinstance(timing.launch, int) and timing.period != "year":
        return (int(over[-1]) - timing.launch + 1) * DAYS[timing.period]
    launch = timing.launch
    start = launch if type(launch) is datetime.date else period_start(launch, timing.period)
    return (date - start).days + 1
