"""Effects and shares by time since training began, as rows that the figure, the table and the file have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attribution.core.estimate import Estimate
from attribution.core.interval import Interval, IntervalKind
from attribution.core.terms import labels, part
from attribution.inference.bands import simultaneous
from attribution.inference.event_path import WHOLE
from attribution.inference.factor import shares
from attribution.report.format import NOT_ESTIMABLE, percent


@dataclass(frozen=True, slots=True)
class EventRow:
    """One period, counted from the first in training (0): effect with its intervals, change and share; NaN if none.

    `low` and `high` hold this period alone, `band_low` and `band_high` all periods at once. `share` is of the change
    since before training, with its Fieller set `interval`, and `reason` says why there is none.
    """

    event: int
    effect: float
    low: float
    high: float
    band_low: float
    band_high: float
    change: float
    share: float
    interval: Interval
    reason: str


def event_times(estimate: Estimate) -> tuple[int, ...]:
    """Return the event times that an estimate has effects of, in order."""
    return tuple(sorted(int(one) for one in labels(estimate.terms, "effect", "event") if WHOLE.fullmatch(one)))


def reference_of(events: tuple[int, ...]) -> int | None:
    """Return the event that all others are measured from: the last before the start, where it alone is absent.

    >>> reference_of((-3, -2, 0, 1)), reference_of((-2, -1, 0))
    (-1, None)
    """
    before = [event for event in events if event < 0]
    if not before:
        return None
    missing = [event for event in range(before[0], 0) if event not in events]
    return missing[-1] if missing and not any(event > missing[-1] for event in before) else None


def event_rows(estimate: Estimate, level: float, *, seed: int = 0) -> tuple[EventRow, ...]:
    """Return a row for each event time that the estimate has an effect of; none where it has no event times."""
    events = event_times(estimate)
    if not events:
        return ()
    names = [part("effect", "event", event) for event in events]
    bands = np.full((len(names), 2), np.nan)
    if any(np.isfinite(estimate.std_error(name)) for name in names):
        bands = simultaneous(estimate, names, level=level, seed=seed)[["conf_low", "conf_high"]].to_numpy(dtype=float)
    found = {str(one["part"]): one for one in shares(estimate, level=level).to_dict("records")}
    rows = []
    for event, name, band in zip(events, names, bands, strict=True):
        own = estimate.interval(level, term=name)
        change, share, reason = float("nan"), float("nan"), "no observed change is counted before training"
        interval = Interval.undefined(level=level, method="fieller")
        if f"event={event}" in found:
            one = found[f"event={event}"]
            change, share, reason = float(one["change"]), float(one["share"]), str(one["reason"])
            kind: IntervalKind = one["kind"]
            interval = Interval(float(one["low"]), float(one["high"]), level, kind, "fieller")
        elif event >= 0:
            reason = f"{estimate.method} has no observed change by period"
        rows.append(
            EventRow(
                event, estimate.value(name), own.low, own.high, float(band[0]), float(band[1]), change, share, interval,
                reason,
            )
        )  # fmt: skip
    return tuple(rows)


def share_words(row: EventRow) -> tuple[str, str]:
    """Return a share and its set in words; not estimable where its set is not bounded."""
    if row.interval.kind != "bounded":
        return NOT_ESTIMABLE, ""
    return percent(row.share), f"{percent(row.interval.low)} to {percent(row.interval.high)}"
