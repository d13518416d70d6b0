"""What an analysis plans by the design file alone, before there are data: windows by the calendar, arms by [power]."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd

from attribution.core.periods import PeriodLength, parse_label
from attribution.design.options import flat
from attribution.design.schema import Analysis, StudyDesign
from attribution.errors import DataError
from attribution.planning.records import Plan, PlannedCohort
from attribution.study.rehearsal_plan import Planned


def plan_of_the_file(design: StudyDesign, analysis: Analysis) -> Planned:
    """Return what an analysis plans where there are no data yet.

    Raises `DataError` where [power] does not say how many clusters are trained, or periods have no distance.
    """
    timing, power = design.timing, design.power
    before = [_place(one, timing.period) for one in analysis.options.get("baseline", timing.baseline)]
    after = [_place(one, timing.period) for one in flat(analysis.options.get("followup", timing.followup))]
    first = min(before)
    if power.trained_clusters is None:
        raise DataError(
            "there are no data yet, and the design does not say how many are to be trained",
            where="power.trained_clusters",
            remedy="add trained_clusters and control_clusters to [power], with cluster_size where a cluster is not a "
            "single unit",
        )
    size = 1.0 if power.cluster_size is None else power.cluster_size
    starts = [timing.launch] if power.waves is None else list(power.waves)
    parts = np.array_split(np.arange(power.trained_clusters), len(starts))
    cohorts = [
        PlannedCohort(_place(start, timing.period) - first, np.full(len(part), size))
        for start, part in zip(starts, parts, strict=True)
        if len(part)
    ]
    if power.control_clusters:
        cohorts.append(PlannedCohort(None, np.full(power.control_clusters, size)))
    plan = Plan(
        method=analysis.method,
        options=dict(analysis.options),
        cohorts=tuple(cohorts),
        baseline=tuple(sorted(one - first for one in before)),
        followup=tuple(sorted(one - first for one in after)),
        source="the design file says how many clusters are trained",
    )
    return Planned(plan, 0, ())


def _place(label: Any, length: PeriodLength) -> int:
    """Return the place of a period in its calendar, or the number that it is."""
    if isinstance(label, int) and not isinstance(label, bool):
        return label
    parsed = label if type(label) is datetime.date else parse_label(label)
    if isinstance(parsed, int):
        return parsed
    day = parsed.start_time.date() if isinstance(parsed, pd.Period) else parsed
    if isinstance(day, pd.Timestamp):
        day = day.date()
    if day is None:
        raise DataError(
            f"the period {label!r} has no place in the calendar",
            where="timing",
            remedy="write periods as integers, dates, or texts such as 2026-01 or 2026Q1",
        )
    months = 12 * day.year + day.month - 1
    if length in ("month", "quarter", "year"):
        return int(months // {"month": 1, "quarter": 3, "year": 12}[length])
    return int(day.toordinal() // (1 if length == "day" else 7))
