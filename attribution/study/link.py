"""From a design and its data to one panel per KPI, and to the windows that count as of a date."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from attribution.core.panel import Panel
from attribution.core.periods import PeriodLength, Periods, earlier, label_text, parse_label, period_end, period_start
from attribution.design.schema import StudyDesign
from attribution.design.windows import launch_code
from attribution.errors import DataError
from attribution.study.sources import Source

DAYS = {"year": 365, "quarter": 91, "month": 30, "week": 7, "day": 1}

FIRST_CLAIM_DAY = 90
"""Before this day after launch there is a baseline-and-progress report only."""


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """A study's panels by KPI id, and the windows as of a date. `waiting` are follow-up periods not yet over.

    `followup` is empty before there is any, and `not_begun` then says why.
    """

    panels: Mapping[str, Panel]
    baseline: tuple[Any, ...]
    followup: tuple[Any, ...]
    waiting: tuple[str, ...]
    as_of: datetime.date
    days_since_launch: int
    not_begun: str = ""

    @property
    def too_early(self) -> bool:
        """Say whether there may be a baseline-and-progress report only."""
        return self.days_since_launch < FIRST_CLAIM_DAY


def link(design: StudyDesign, source: Source, as_of: datetime.date | None) -> Linked:
    """Build the panels and keep the follow-up periods that are over as of the date.

    `as_of` defaults to the design's own, then to the end of the last follow-up period. Raises `DataError` for a window
    that the data do not have or the launch does not allow, or a counter of periods without a date.
    """
    timing = design.timing
    date = as_of or design.study.as_of or _last_day(timing.followup, timing.period)
    over: list[Any] = []
    waiting: list[Any] = []
    for label in timing.followup:
        end = _end(label, timing.period)
        (over if end is None or end <= date else waiting).append(label)
    panels = _panels(design, source)
    periods = next(iter(panels.values())).periods
    not_begun = ""
    if not over:
        first = timing.followup[0]
        not_begun = (
            f"no follow-up period is over on {date}; the first, {label_text(first)}, ends {_end(first, timing.period)}"
        )
    elif all(_is_later(label, periods) for label in over):
        last = periods.text(len(periods) - 1)
        not_begun = f"no follow-up period is in the data yet; they end with {last}, before {label_text(over[0])}"
    if not_begun:
        over, waiting = [], list(timing.followup)
    _require_periods(design, periods, over)
    if over:
        _require_distances(design, periods, over)
    return Linked(
        panels=panels,
        baseline=tuple(timing.baseline),
        followup=tuple(over),
        waiting=tuple(label_text(label) for label in waiting),
        as_of=date,
        days_since_launch=_days_since_launch(design, over, date),
        not_begun=not_begun,
    )


def _panels(design: StudyDesign, source: Source) -> dict[str, Panel]:
    columns = design.columns
    return {
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


def _is_later(label: Any, periods: Periods) -> bool:
    """Say whether a period of the design comes after all of the data's; a label of another kind does not."""
    one, last = parse_label(label), parse_label(periods.labels[-1])
    if isinstance(one, pd.Timestamp) and isinstance(last, pd.Period):
        one = one.to_period(last.freqstr)
    elif isinstance(one, pd.Period) and isinstance(last, pd.Timestamp):
        one = one.start_time
    return bool(earlier(last, one))


def _require_periods(design: StudyDesign, periods: Periods, over: list[Any]) -> None:
    """Raise one `DataError` that names every period of both windows that the data do not have."""
    errors: list[tuple[str, DataError]] = []
    for name, labels in (("baseline", design.timing.baseline), ("followup", over)):
        for label in labels:
            try:
                periods.code(label, where=f"timing.{name}")
            except DataError as error:
                errors.append((f"{label_text(label)} ({name})", error))
    if len(errors) == 1:
        raise errors[0][1]
    if errors:
        raise DataError(
            f"{len(errors)} periods are not in the data: {', '.join(shown for shown, _ in errors)}; "
            f"the data have {periods.text(0)} to {periods.text(len(periods) - 1)}",
            where=", ".join(dict.fromkeys(error.where for _, error in errors)),
            remedy="name periods that the data have, written as the data do",
        ) from errors[0][1]


def _require_distances(design: StudyDesign, periods: Periods, over: list[Any]) -> None:
    """Raise `DataError` unless the launch, washout and anticipation counted in periods of the data, parts the windows.

    The design file checks what compares by itself; months, quarters and dates can be counted only with the data.
    """
    timing = design.timing
    launch = launch_code(timing, periods)
    if launch is None:
        return
    first = min(periods.codes(over, where="timing.followup"))
    last = max(periods.codes(timing.baseline, where="timing.baseline"))
    if first < launch + timing.washout:
        within = f"within {timing.washout} periods of the launch" if first >= launch else "before the launch"
        raise DataError(
            f"the follow-up starts in {periods.text(first)}, {within}",
            where="timing.followup",
            remedy="begin the follow-up later" + (", or shorten the washout" if first >= launch else ""),
        )
    if last >= launch - timing.anticipation:
        within = f"within {timing.anticipation} periods before" if last < launch else "not before"
        raise DataError(
            f"the baseline ends in {periods.text(last)}, {within} the launch",
            where="timing.baseline",
            remedy="end the baseline earlier" + (", or shorten the anticipation" if last < launch else ""),
        )


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
        if not over:
            return 0
        return (int(over[-1]) - timing.launch + 1) * DAYS[timing.period]
    launch = timing.launch
    start = launch if type(launch) is datetime.date else period_start(launch, timing.period)
    return (date - start).days + 1
