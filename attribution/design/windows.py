"""The calendar of a design: windows that do not repeat, in their order, around the launch."""

from __future__ import annotations

import datetime
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from attribution.core.periods import PeriodLength, Periods, earlier, ordinals, parse_label, period_end, period_start
from attribution.design.messages import echo
from attribution.design.schema import Timing
from attribution.errors import DataError, Problem

Written = int | datetime.date | str


def baseline_problems(
    key: str, launch: Written, baseline: Sequence[Written], anticipation: int, length: PeriodLength | None
) -> Iterator[Problem]:
    """Yield the faults of a baseline that does not end before the launch, or before people could anticipate it.

    Labels are compared where they are integers, have a place in the calendar (given the `length` of a period), or are
    of one kind. What needs the periods of the data is checked when the design meets them.
    """
    last = _latest(baseline)
    if last is None:
        return
    if _is_over(last, launch, length) is False:
        what = f"found the launch {echo(launch)} not after the last baseline period {echo(last)}, expected after it"
        yield Problem(f"{key}.launch", what, "end the baseline before the launch")
    elif anticipation and isinstance(launch, int) and isinstance(last, int) and last >= launch - anticipation:
        what = (
            f"found the baseline until {last}, expected until {launch - anticipation - 1} "
            f"(launch {launch}, anticipation {anticipation})"
        )
        yield Problem(f"{key}.baseline", what, "end the baseline earlier, or shorten the anticipation")


def followup_problems(
    key: str, launch: Written, followup: Sequence[Written], washout: int, length: PeriodLength | None
) -> Iterator[Problem]:
    """Yield the faults of a follow-up that starts before the launch, or during the washout; see `baseline_problems`."""
    first, last = _earliest(followup), _latest(followup)
    if first is None or last is None:
        return
    if _is_over(last, launch, length):
        what = f"found the launch {echo(launch)} after the last follow-up period {echo(last)}, expected it by then"
        yield Problem(f"{key}.launch", what, "follow up until after the launch")
    elif isinstance(launch, int) and isinstance(first, int) and first < launch + washout:
        what = (
            f"found the follow-up from {first}, expected from {launch + washout} (launch {launch}, washout {washout})"
        )
        yield Problem(f"{key}.followup", what, "begin the follow-up later, or shorten the washout")
    elif _is_over(first, launch, length):
        what = f"found the follow-up from {echo(first)}, before the launch {echo(launch)}; expected from then on"
        yield Problem(f"{key}.followup", what, "begin the follow-up with the period of the launch, or later")


def first_day(launch: Written, length: PeriodLength) -> datetime.date:
    """Return the day of a launch, or the first of its period; raises `DataError` for what has no place in the calendar.

    Examples
    --------
    >>> first_day("2026-02", "month"), first_day(datetime.date(2026, 2, 9), "month")
    (datetime.date(2026, 2, 1), datetime.date(2026, 2, 9))
    """
    return launch if type(launch) is datetime.date else period_start(launch, length)


def launch_code(timing: Timing, periods: Periods) -> int | None:
    """Return the code of the first period of the data that is not over before the launch; their number if all are.

    None where the periods are counters and the launch is a date, which do not compare. Raises `DataError` for a launch
    that has no place in the calendar of the data.
    """
    launch, length = timing.launch, timing.period
    if periods.kind == "integer" and isinstance(launch, int):
        return int(np.searchsorted(ordinals(periods.labels), launch, side="left"))
    if periods.kind == "integer" and length != "year":
        return None
    day = first_day(launch, length)
    return bisect_left(range(len(periods)), day, key=lambda code: period_end(periods.labels[code], length))


def order_problems(key: str, baseline: Sequence[Written], followup: Sequence[Written]) -> Iterator[Problem]:
    """Yield the faults of two windows: a period that repeats, a follow-up that begins before the baseline ends."""
    seen: dict[object, Written] = {}
    ordered = True
    for name, window in (("baseline", baseline), ("followup", followup)):
        for period in window:
            same = _identity(period)
            if same in seen:
                ordered = False
                what = f"found the period {echo(period)} twice in baseline and followup, expected each once"
                yield Problem(f"{key}.{name}", what, "name each period once, in one of the windows")
            seen.setdefault(same, period)
    last, first = _latest(baseline), _earliest(followup)
    if ordered and last is not None and first is not None and _earlier(first, last):
        what = f"found the follow-up from {echo(first)}, before the last baseline period {echo(last)}; expected after"
        yield Problem(f"{key}.followup", what, "put every baseline period before every follow-up period")


def _is_over(period: Written, launch: Written, length: PeriodLength | None) -> bool | None:
    """Say whether a period ends before the launch, which may fall inside a period; None where they do not compare."""
    if length is not None and not (isinstance(period, int) and isinstance(launch, int)):
        try:
            return period_end(period, length) < first_day(launch, length)
        except DataError:
            pass  # not a place in the calendar: labels of one kind still have an order
    return earlier(parse_label(period), parse_label(launch))


def _identity(period: Written) -> object:
    label = parse_label(period)
    return period if label is None else label


def _earlier(one: Written, other: Written) -> bool:
    """Say whether a period is known to be earlier than another."""
    return bool(earlier(parse_label(one), parse_label(other)))


def _earliest(window: Sequence[Written]) -> Written | None:
    return _extreme(window, first=True)


def _latest(window: Sequence[Written]) -> Written | None:
    return _extreme(window, first=False)


def _extreme(window: Sequence[Written], *, first: bool) -> Written | None:
    """Return the first or last period of a window, None where its periods do not compare."""
    best = window[0]
    for period in window[1:]:
        if earlier(parse_label(best), parse_label(period)) is None:
            return None
        if _earlier(period, best) if first else _earlier(best, period):
            best = period
    return best
