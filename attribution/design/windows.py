"""The calendar of a design: windows that do not repeat, in their order, around the launch."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

import pandas as pd

from attribution.core.periods import Label, parse_label
from attribution.design.messages import echo
from attribution.design.schema import Timing
from attribution.errors import Problem

Written = int | datetime.date | str


def window_problems(key: str, timing: Timing) -> Iterator[Problem]:
    """Yield the faults of `[timing]`.

    Labels are compared where they are of one kind: integers, dates, or quarters or months in text. What needs the
    periods of the data (other text, a washout counted in months) is checked when the design meets its data.
    """
    yield from order_problems(key, timing.baseline, timing.followup)
    launch = timing.launch
    before, after = _latest(timing.baseline), _latest(timing.followup)
    if before is not None and _earlier(launch, before, or_same=True):
        what = f"found the launch {echo(launch)} not after the last baseline period {echo(before)}, expected after it"
        yield Problem(f"{key}.launch", what, "end the baseline before the launch")
    if after is not None and _earlier(after, launch):
        what = f"found the launch {echo(launch)} after the last follow-up period {echo(after)}, expected it by then"
        yield Problem(f"{key}.launch", what, "follow up until after the launch")
    if isinstance(launch, int):
        yield from _distances(key, timing, launch)


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


def _distances(key: str, timing: Timing, launch: int) -> Iterator[Problem]:
    before, after = _latest(timing.baseline), _earliest(timing.followup)
    if isinstance(after, int) and after < launch + timing.washout:
        what = (
            f"found the follow-up from {after}, expected from {launch + timing.washout} "
            f"(launch {launch}, washout {timing.washout})"
        )
        yield Problem(f"{key}.followup", what, "begin the follow-up later, or shorten the washout")
    if timing.anticipation and isinstance(before, int) and before >= launch - timing.anticipation:
        what = (
            f"found the baseline until {before}, expected until {launch - timing.anticipation - 1} "
            f"(launch {launch}, anticipation {timing.anticipation})"
        )
        yield Problem(f"{key}.baseline", what, "end the baseline earlier, or shorten the anticipation")


def _identity(period: Written) -> object:
    label = parse_label(period)
    return period if label is None else label


def _comparable(one: Label | None, other: Label | None) -> bool:
    if isinstance(one, pd.Period) and isinstance(other, pd.Period):
        return one.freqstr == other.freqstr
    return one is not None and type(one) is type(other)


def _earlier(one: Written, other: Written, *, or_same: bool = False) -> bool:
    """Say whether a period is known to be earlier than another."""
    first, second = parse_label(one), parse_label(other)
    if not _comparable(first, second):
        return False
    return bool(first < second or (or_same and first == second))  # type: ignore[operator]


def _earliest(window: Sequence[Written]) -> Written | None:
    return _extreme(window, first=True)


def _latest(window: Sequence[Written]) -> Written | None:
    return _extreme(window, first=False)


def _extreme(window: Sequence[Written], *, first: bool) -> Written | None:
    """Return the first or last period of a window, None where its periods do not compare."""
    best = window[0]
    for period in window[1:]:
        if not _comparable(parse_label(best), parse_label(period)):
            return None
        if _earlier(period, best) if first else _earlier(best, period):
            best = period
    return best
