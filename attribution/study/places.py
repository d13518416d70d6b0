"""The places of a plan's periods: counted in the periods of the data as far as these go, then in the calendar."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from attribution.core.periods import PeriodLength, Periods, label_text, parse_label
from attribution.design.schema import StudyDesign

EPOCH = 719_163
"""The ordinal of 1970-01-01, from which days and weeks count."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where windows, launch and waves of a design are, counted from the first period of the baseline, 0.

    `first` is the code of that period in the data, `known` the number of periods of the data from there on (0 without
    data). `labels` name all places to the last of the follow-up; `of` finds the place of any other period.
    """

    baseline: tuple[int, ...]
    followup: tuple[int, ...]
    launch: int
    waves: tuple[int, ...]
    labels: tuple[str, ...]
    first: int
    known: int
    of: Callable[[Any], int] = field(repr=False)

    @property
    def last(self) -> int:
        """The last place that is looked at."""
        return max((*self.baseline, *self.followup))


def places_of(
    design: StudyDesign, baseline: Sequence[Any], followup: Sequence[Any], periods: Periods | None = None
) -> Places:
    """Return the places of two windows, of the launch and of the waves of [power].

    Periods that the data hold are counted as there, so that a period that they skip is none; later ones, and all
    without data, in the calendar by the length that the design declares.
    """
    length = design.timing.period
    # A week begins on the weekday that the design and its data begin theirs on.
    anchor = weekday_of(baseline[0]) if length == "week" else 0
    held = [] if periods is None else [position(label, length, anchor) for label in periods.labels]

    def place(label: Any) -> int:
        found = position(label, length, anchor)
        if not held:
            return found
        return bisect_left(held, found) if found <= held[-1] else len(held) - 1 + found - held[-1]

    first = min(map(place, baseline))
    before, after = (tuple(sorted({place(label) - first for label in window})) for window in (baseline, followup))
    launch, counter = design.timing.launch, isinstance(parse_label(baseline[0]), int)
    # A launch by its date cannot be found among counters: then it is after the baseline.
    lost = counter and length != "year" and not isinstance(parse_label(launch), int)
    starts = before[-1] + 1 if lost else place(launch) - first
    waves = () if design.power.waves is None else tuple(sorted({place(wave) - first for wave in design.power.waves}))
    stop = max((*before, *after)) + 1
    known = max(len(held) - first, 0) if held else 0
    labels = []
    for one in range(stop):
        if periods is not None and one < known:
            labels.append(periods.text(first + one))
        else:
            at = first + one if not held else held[-1] + one - known + 1
            labels.append(_name(at, length, anchor, counter=counter))
    return Places(before, after, starts, waves, tuple(labels), first, known, lambda label: place(label) - first)


def position(label: Any, length: PeriodLength, anchor: int = 0) -> int:
    """Return the number of a period of that length in the calendar; a counter and a year are their own.

    Examples
    --------
    >>> [position(label, "month") for label in ("2026-01", "2025-12-31")], position("2026Q2", "quarter")
    ([24312, 24311], 8105)
    """
    parsed = parse_label(label)
    if parsed is None or isinstance(parsed, int):
        return int(label if parsed is None else parsed)
    day = (parsed.start_time if isinstance(parsed, pd.Period) else parsed).date()
    if length == "year":
        return day.year
    if length == "quarter":
        return 4 * day.year + (day.month - 1) // 3
    if length == "month":
        return 12 * day.year + day.month - 1
    days = day.toordinal() - EPOCH
    return (days - anchor) // 7 if length == "week" else days


def weekday_of(label: Any) -> int:
    """Return by how many days a week that begins with a label is later than one that begins on a Thursday, as 1970."""
    parsed = parse_label(label)
    if parsed is None or isinstance(parsed, int):
        return 0
    return ((parsed.start_time if isinstance(parsed, pd.Period) else parsed).date().toordinal() - EPOCH) % 7


def _name(at: int, length: PeriodLength, anchor: int, *, counter: bool) -> str:
    if counter or length == "year":
        return str(at)
    if length == "quarter":
        return f"{at // 4}Q{at % 4 + 1}"
    if length == "month":
        return f"{at // 12}-{at % 12 + 1:02d}"
    days = 7 * at + anchor if length == "week" else at
    return label_text(pd.Timestamp("1970-01-01") + pd.Timedelta(days=days))
