"""From a design and its data to one panel per KPI, and to the windows that count as of a date."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.core.periods import PeriodLength, Periods, earlier, label_text, parse_label
from attribution.design.schema import Analysis, Kpi, StudyDesign
from attribution.design.windows import first_day, launch_code
from attribution.errors import DataError
from attribution.registry import ESTIMATORS, load, options
from attribution.study.calendar import end_of, is_over, rows_over
from attribution.study.sources import Source

DAYS = {"year": 365, "quarter": 91, "month": 30, "week": 7, "day": 1}

FIRST_CLAIM_DAY = 90
"""Before this day after launch there is a baseline-and-progress report only."""


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """A study's panels by KPI id, and the windows as of a date. `waiting` are follow-up periods not yet over.

    `panels` hold all that was read; `current`, for methods that look at every period, leave out the `rows_waiting` of
    periods that are not over. `followup` is empty before there is any, and `not_begun` then says why. `cohorts` are
    those of the analyses, by their id.
    """

    panels: Mapping[str, Panel]
    current: Mapping[str, Panel]
    rows_waiting: int
    period: PeriodLength
    baseline: tuple[Any, ...]
    followup: tuple[Any, ...]
    waiting: tuple[str, ...]
    as_of: datetime.date
    days_since_launch: int
    not_begun: str = ""
    cohorts: Mapping[str, Cohort] = field(default_factory=dict)

    @property
    def too_early(self) -> bool:
        """Say whether there may be a baseline-and-progress report only."""
        return self.days_since_launch < FIRST_CLAIM_DAY

    def panel_of(self, analysis: Analysis) -> Panel:
        """Return the panel that an analysis is made from, with its cohort."""
        whole = compares_windows(analysis.method) or analysis.kpi not in self.current
        panel = self.panels[analysis.kpi] if whole else self.current[analysis.kpi]
        return panel.with_cohort(self.cohorts[analysis.id]) if analysis.id in self.cohorts else panel

    def is_over(self, label: Any) -> bool:
        """Say whether a period that the design names is over."""
        return is_over(label, self.period, self.as_of)


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
        (over if is_over(label, timing.period, date) else waiting).append(label)
    panels = {kpi.id: panel_for(design, kpi, source.frame) for kpi in design.kpi}
    periods = next(iter(panels.values())).periods
    not_begun = ""
    if not over:
        first = timing.followup[0]
        ends = end_of(first, timing.period)
        not_begun = f"no follow-up period is over on {date}; the first, {label_text(first)}, ends {ends}"
    elif all(_is_later(label, periods) for label in over):
        last = periods.text(len(periods) - 1)
        not_begun = f"no follow-up period is in the data yet; they end with {last}, before {label_text(over[0])}"
    if not_begun:
        over, waiting = [], list(timing.followup)
    _require_periods(design, periods, over)
    if over:
        _require_distances(design, periods, over)
    current, rows_waiting = _current(design, source, panels, date) if over else ({}, 0)
    return Linked(
        panels=panels,
        current=current,
        rows_waiting=rows_waiting,
        period=timing.period,
        baseline=tuple(timing.baseline),
        followup=tuple(over),
        waiting=tuple(label_text(label) for label in waiting),
        as_of=date,
        days_since_launch=_days_since_launch(design, over, date),
        not_begun=not_begun,
    )


def panel_for(design: StudyDesign, kpi: Kpi, frame: pd.DataFrame) -> Panel:
    """Return the panel of a KPI, of the columns that a design names."""
    columns = design.columns
    return Panel.from_frame(
        frame,
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
        kind=design.data.kind,
    )


def compares_windows(method: str) -> bool:
    """Say whether a method looks at the periods of its two windows alone, not at all periods of the panel."""
    return any(option.name == "baseline" for option in options(load(ESTIMATORS, method, kind="method")))


def own_options(analysis: Analysis, linked: Linked) -> dict[str, Any]:
    """Return the options that an analysis states, its own follow-up without periods that are not over."""
    stated = dict(analysis.options)
    if "followup" not in stated:
        return stated
    windows = [[one] if not isinstance(one, tuple) else list(one) for one in stated["followup"]]
    over = [kept for window in windows if (kept := [label for label in window if linked.is_over(label)])]
    if not over:
        raise DataError(
            f"no period of its own follow-up is over on {linked.as_of}",
            where=f"analysis {analysis.id!r}, followup",
            remedy="run the study later, or leave the analysis out until then",
        )
    nested = any(isinstance(one, tuple) for one in stated["followup"])
    return stated | {"followup": over if nested else [label for window in over for label in window]}


def own_windows(analysis: Analysis, linked: Linked) -> dict[str, list[Any]]:
    """Return the windows that an analysis compares, a follow-up of several windows as all of their periods."""
    stated = own_options(analysis, linked)
    followup = [one for window in stated.get("followup", linked.followup) for one in _as_list(window)]
    return {"baseline": list(stated.get("baseline", linked.baseline)), "followup": followup}


def _as_list(window: Any) -> list[Any]:
    return list(window) if isinstance(window, (list, tuple)) else [window]


def _current(
    design: StudyDesign, source: Source, panels: Mapping[str, Panel], date: datetime.date
) -> tuple[dict[str, Panel], int]:
    """Return the panels of KPIs that a method looks at whole, without rows of periods that are not over; and how many.

    Two-window methods name periods that are over; what the data say beyond these tells them only who is trained later.
    """
    over = rows_over(source.frame[design.columns.period], design.timing.period, date)
    wanted = {one.kpi for one in design.analysis if not compares_windows(one.method)}
    if over.all():
        return {name: panels[name] for name in panels if name in wanted}, 0
    frame = source.frame[over]
    return {kpi.id: panel_for(design, kpi, frame) for kpi in design.kpi if kpi.id in wanted}, int((~over).sum())


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


def _last_day(labels: tuple[Any, ...], length: PeriodLength) -> datetime.date:
    ends = [end for label in labels if (end := end_of(label, length)) is not None]
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
    return (date - first_day(timing.launch, timing.period)).days + 1
