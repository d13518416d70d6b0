"""What a study plans, as a rehearsal needs it: its clusters by their start, its windows, and where its history ends."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.panel import NEVER, Panel
from attribution.core.periods import PeriodLength, Periods, ordinals, parse_label
from attribution.design.options import flat
from attribution.design.schema import Analysis, StudyDesign
from attribution.design.windows import launch_code
from attribution.errors import DataError
from attribution.planning.placebo import BY_KPI
from attribution.planning.records import Plan, PlannedCohort

if TYPE_CHECKING:
    from attribution.study.sources import Source


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A plan with its place in the data: `end`, the code of the first period that is not history; `baseline`, codes."""

    plan: Plan
    end: int
    baseline: tuple[int, ...]


def planned(design: StudyDesign, analysis: Analysis, panel: Panel, source: Source) -> Planned:
    """Return what an analysis plans: who is trained when, and its windows.

    Who is trained is what the data say, be it after their last period, and where they say nothing what [power] says.
    Raises `DataError` where neither does, and for periods whose distance from the data is not known.
    """
    timing, periods = design.timing, panel.periods
    labels = analysis.options.get("baseline", timing.baseline)
    codes = sorted(periods.codes(labels, where="timing.baseline"))
    first, last = codes[0], codes[-1]
    followup = sorted(
        place_of(label, periods, timing.period) - first
        for label in flat(analysis.options.get("followup", timing.followup))
    )
    reached = launch_code(timing, periods)
    launch = last + 1 if reached is None else reached
    end = max(launch - timing.anticipation, last + 1)
    begins = launch if launch < len(periods) else place_of(timing.launch, periods, timing.period)
    starts = _known_starts(design, panel, source, begins)
    takes_part = panel.units.adopted >= end
    size = np.bincount(panel.units.cluster[takes_part], minlength=len(panel.units.cluster_labels)).astype(float)
    if (starts[takes_part] != NEVER).any():
        cohorts = _from_data(panel, starts, takes_part, size, first, followup[-1])
        source_of = "the data say who is trained when"
    else:
        cohorts = _from_file(design, size[size > 0], begins - first, periods, first)
        source_of = "the design file says how many clusters are trained"
    plan = Plan(
        method=analysis.method,
        options=dict(analysis.options),
        cohorts=cohorts,
        baseline=tuple(code - first for code in codes),
        followup=tuple(followup),
        source=source_of,
    )
    return Planned(plan, min(end, len(periods)), tuple(codes))


def place_of(label: Any, periods: Periods, length: PeriodLength) -> int:
    """Return the code of a period, counted on beyond the last one that the data have.

    Raises `DataError` for a period before or between those of the data that these do not have.
    """
    parsed, end = parse_label(label), parse_label(periods.labels[-1])
    if isinstance(parsed, int) and isinstance(end, int):
        steps = np.diff(ordinals(periods.labels))
        ahead = (parsed - end) / (int(steps.min()) if len(steps) else 1)
    else:
        one, other = _day(label), _day(periods.labels[-1])
        if one is None or other is None:
            return periods.code(label, where="timing")
        ahead = _distance(one, other, length)
    if ahead <= 0:
        return periods.code(label, where="timing")
    return len(periods) - 1 + int(np.ceil(ahead))


def _day(label: Any) -> datetime.date | None:
    """Return a day inside a period; an integer is a year."""
    if type(label) is datetime.date:
        return label
    parsed = parse_label(label)
    if isinstance(parsed, int):
        return datetime.date(parsed, 1, 1) if 1 <= parsed <= 9999 else None
    if isinstance(parsed, pd.Period):
        return parsed.start_time.date()
    return None if parsed is None else parsed.date()


def _distance(one: datetime.date, other: datetime.date, length: PeriodLength) -> float:
    months = 12 * (one.year - other.year) + one.month - other.month
    if length == "month":
        return months
    if length == "quarter":
        return 4 * (one.year - other.year) + (one.month - 1) // 3 - (other.month - 1) // 3
    if length == "year":
        return one.year - other.year
    days = (one - other).days
    # A launch in the middle of the last week is in that week.
    return days if length == "day" else days // 7


def _known_starts(design: StudyDesign, panel: Panel, source: Source, launch: int) -> NDArray[np.int64]:
    """Return each unit's start as a code, counted on beyond the data where the column of the adoption says when."""
    starts = panel.units.adopted.astype(np.int64)
    late = starts == len(panel.periods)
    if not late.any():
        return starts
    starts[late] = max(launch, len(panel.periods))
    columns = design.columns
    if columns.adopted is None or columns.unit is None or panel.kind != "panel":
        return starts
    written = source.frame.groupby(columns.unit, sort=False)[columns.adopted].first().reindex(panel.units.label[late])
    known = written.notna().to_numpy()
    places = {label: place_of(label, panel.periods, design.timing.period) for label in written[known].unique()}
    found = np.array([places.get(label, launch) for label in written], dtype=np.int64)
    starts[late] = np.maximum(found, len(panel.periods))
    return starts


def _from_data(
    panel: Panel,
    starts: NDArray[np.int64],
    takes_part: NDArray[np.bool_],
    size: NDArray[np.float64],
    first: int,
    last: int,
) -> tuple[PlannedCohort, ...]:
    """Return the clusters by the first start of any of their units; who starts after the follow-up is not trained."""
    begins = np.full(len(size), NEVER, dtype=np.int64)
    np.minimum.at(begins, panel.units.cluster[takes_part], starts[takes_part])
    begins = np.where(begins - first > last, NEVER, begins)
    return tuple(
        PlannedCohort(None if code == NEVER else int(code) - first, size[(begins == code) & (size > 0)])
        for code in np.unique(begins[size > 0])
    )


def _from_file(
    design: StudyDesign, size: NDArray[np.float64], launch: int, periods: Periods, first: int
) -> tuple[PlannedCohort, ...]:
    """Return as many clusters as [power] plans, or picks by the share that is picked."""
    power, share = design.power, design.assignment.selected_share
    trained, control = power.trained_clusters, power.control_clusters
    if trained is None and share is not None and design.assignment.mechanism in BY_KPI:
        trained = max(round(share * len(size)), 1)
        control = len(size) - trained if control is None else control
    if trained is None and design.data.kind == "series":
        trained = len(size)
    if trained is None:
        raise DataError(
            "neither the data nor the design say how many are to be trained",
            where=f"column {design.columns.adopted or design.columns.trained!r}, power.trained_clusters",
            remedy="write the planned start of each unit into the data, or trained_clusters and control_clusters in "
            "[power]",
        )
    mean = float(size.mean()) if len(size) else 1.0
    waves = (
        [launch]
        if power.waves is None
        else sorted(place_of(one, periods, design.timing.period) - first for one in power.waves)
    )
    parts = np.array_split(np.arange(trained), len(waves))
    found = [
        PlannedCohort(start, np.full(len(part), mean)) for start, part in zip(waves, parts, strict=True) if len(part)
    ]
    if control:
        found.append(PlannedCohort(None, np.full(control, mean)))
    return tuple(found)
