"""Figures over time: the event study, the share by event time, the projected trend, and how much it would take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.errors import MethodError, require_type
from attribution.inference.sensitivity import TrendSensitivity
from attribution.report import drawing
from attribution.report.drawing import EDGE, GRID, INK, MUTED, PAGE, TRAINING
from attribution.report.events import EventRow, event_rows, event_times, reference_of
from attribution.report.format import MINUS, level_text, nth, number, percent, plural, signed, signed_percent
from attribution.report.projection import Projection, projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COMPACT = 450
"""Pixels below which the name of the vertical axis stands in the note."""

_SHARE_ENDS = (-1.0, 2.0)
"""The furthest that the axis of shares goes: beyond it a set ends in an arrow."""


def event_study(
    estimate: Estimate,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    unit: str | None = None,
    period: str = "period",
    level: float = 0.95,
    seed: int = 0,
    rows: Sequence[EventRow] | None = None,
) -> Axes:
    """Draw the effect by time since training began, with pointwise intervals and the band that holds all at once.

    Points before the start are in the ink of what is observed, those from the start on in the colour of training; the
    period that all others are measured from is hollow, at 0. `label`, `unit` and `period` name the KPI, its unit
    and the length of a period. Points without a standard error are hollow and bare. `rows` are those of a page that has
    them already, since a band takes a simulation. Raises `MethodError` for an estimate without effects by event time.

    Examples
    --------
    >>> import attribution as at
    >>> panel = at.Panel.from_frame(at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap",
    ...     trained="grant", direction="lower", scale="log")
    >>> axes = at.figures.event_study(at.event_study(panel), label="Scrap rate", unit="log points", period="year")
    """
    rows = _rows(estimate, level, seed, "event_study") if rows is None else rows
    ax = drawing.axes(ax, 4.2)
    reference = reference_of(tuple(row.event for row in rows))
    for side in ([row for row in rows if row.event < 0], [row for row in rows if row.event >= 0]):
        _band(ax, side, reference if side and side[0].event < 0 else None)
    _axes_of_time(ax, [row.event for row in rows])
    thick = 3 if len(rows) <= 20 else 2
    for row in rows:
        colour = TRAINING if row.event >= 0 else INK
        known = math.isfinite(row.low)
        if known:
            ax.plot(
                (row.event, row.event),
                (row.low, row.high),
                color=colour,
                linewidth=thick,
                solid_capstyle="butt",
                zorder=3,
            )
        ax.plot(row.event, row.effect, "o", markersize=7, color=colour, mfc=colour if known else PAGE, mew=2, zorder=4)
    if reference is not None:
        ax.plot(reference, 0, "o", markersize=7, color=INK, mfc=PAGE, mew=2, zorder=4)
    name = label or estimate.outcome
    note = [f"Across: {period}s since training began; left of the dashed line, before it."]
    note.append(
        f"Bars: {level_text(level)} interval of each point. Band: holds all points at once with {level_text(level)}."
    )
    if reference is not None:
        note.append(f"Hollow: {_when(reference, period)}, which all others are measured from.")
    elif rows[0].event < 0 and estimate.method == "staggered":
        note.append(f"A point before the start is the step from the {period} before it.")
    elif rows[0].event < 0 and estimate.method == "synthetic":
        note.append("Before the start, what the mix of others left unexplained.")
    _dress(ax, f"effect, {unit or estimate.outcome}", note)
    return drawing.titled(ax, f"{name}: {_path_story(estimate, rows, period)}")


def share_by_event(
    estimate: Estimate,
    *,
    ax: Axes | None = None,
    period: str = "period",
    level: float = 0.95,
    seed: int = 0,
    rows: Sequence[EventRow] | None = None,
) -> Axes:
    """Draw training's share of the change by time since training began, each with its Fieller set.

    Lines mark 0, none of the change, and 1, all of it. The axis goes from −100% to 200% at most: sets that go on
    end in an arrow; a share that is not estimable is a cross at the foot. `rows` as in `event_study`. Raises
    `MethodError` for an estimate without shares by event time.

    Examples
    --------
    >>> import attribution as at
    >>> panel = at.Panel.from_frame(at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap",
    ...     trained="grant", direction="lower", scale="log")
    >>> axes = at.figures.share_by_event(at.event_study(panel), period="year")
    """
    found = _rows(estimate, level, seed, "share_by_event") if rows is None else rows
    rows = [row for row in found if math.isfinite(row.change)]
    if not rows:
        raise MethodError(
            f"{estimate.method} has no observed change by event time",
            where="share_by_event",
            remedy="give an estimate of staggered or event_study, aggregated by event",
        )
    ax = drawing.axes(ax, 3.6)
    known = [row for row in rows if row.interval.kind == "bounded"]
    ends = [end for row in known for end in (row.interval.low, row.interval.high)]
    lowest, highest = max(_SHARE_ENDS[0], min([-0.2, *ends])), min(_SHARE_ENDS[1], max([1.2, *ends]))
    for row in known:
        low, high = max(row.interval.low, lowest), min(row.interval.high, highest)
        if low < high:
            ax.plot((row.event, row.event), (low, high), color=TRAINING, linewidth=3, solid_capstyle="butt", zorder=3)
        for beyond, place, marker in (
            (row.interval.low < lowest, lowest, "v"),
            (row.interval.high > highest, highest, "^"),
        ):
            if beyond:
                ax.plot(row.event, place, marker, markersize=8, color=TRAINING, clip_on=False, zorder=4)
        if lowest <= row.share <= highest:
            ax.plot(row.event, row.share, "o", markersize=7, color=TRAINING, zorder=5)
    for row in rows:
        if row.interval.kind != "bounded":
            ax.plot(row.event, lowest, "x", markersize=8, mew=2, color=MUTED, clip_on=False, zorder=4)
    _axes_of_time(ax, [row.event for row in rows], launch=False)
    ax.axhline(1, color=INK, linewidth=1, zorder=1)
    ax.set_ylim(lowest - 0.1, highest + 0.1)
    ax.set_yticks([tick for tick in (-1, -0.5, 0, 0.5, 1, 1.5, 2) if lowest - 0.1 <= tick <= highest + 0.1])
    ax.yaxis.set_major_formatter(lambda value, _: percent(value))
    what = "log change" if estimate.scale == "log" else "change"
    note = [
        f"Across: {period}s since training began. Bars: {level_text(level)} set of each share; an arrow goes on.",
        "0%: none of it; 100%: all of it.",
    ]
    if len(known) < len(rows):
        note.append("Crosses: not estimable, the observed change is within noise or undefined.")
    _dress(ax, f"share of the {what}", note)
    if not known:
        return drawing.titled(ax, f"Training’s share of the {what}: not estimable in any {period} since training began")
    median = percent(float(np.median([row.share for row in known])))
    counted = (
        f"all {plural(len(rows), period)}"
        if len(known) == len(rows)
        else f"{len(known)} of {plural(len(rows), period)}"
    )
    return drawing.titled(
        ax,
        f"Training’s share of the {what}: {median} in the median {period}, estimable in {counted} since training began",
    )


def sensitivity(
    tested: TrendSensitivity,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    unit: str | None = None,
    period: str = "period",
) -> Axes:
    """Draw the interval of an effect by how far trends may have parted, the breakdown value marked.

    Across are the magnitudes: multiples of the largest step between periods before the start, or KPI units of bend a
    period. The first interval is the estimate's own.

    Examples
    --------
    >>> import attribution as at
    >>> panel = at.Panel.from_frame(at.dataset("rollout"), unit="agent", period="month", outcome="handle_time",
    ...     adopted="training_start", cluster="team", direction="lower")
    >>> tested = at.trend_sensitivity(at.event_study(panel), window=(-4, 2), magnitudes=[0, 1])
    >>> axes = at.figures.sensitivity(tested, label="Handle time", unit="minutes")
    """
    require_type(tested, TrendSensitivity, name="tested", remedy="pass what at.trend_sensitivity(estimate) returns")
    ax = drawing.axes(ax, 3.6)
    steps = tested.magnitudes
    gap = min(np.diff(steps)) if len(steps) > 1 else 1.0
    places = [steps[0] - gap, *steps]
    shown = (tested.original, *tested.intervals)
    for place, interval in zip(places, shown, strict=True):
        own = interval is tested.original
        colour = INK if own else TRAINING
        ax.plot(
            (place, place), (interval.low, interval.high), color=colour, linewidth=4, solid_capstyle="butt", zorder=3
        )
        ax.plot(place, tested.estimate, "o", markersize=7, color=colour, mfc=PAGE, mew=2, zorder=4)
    ax.axhline(0, color=INK, linewidth=1, zorder=1)
    room = 0.6 * gap
    ax.set_xlim(places[0] - room, places[-1] + room)
    broke = tested.breakdown
    if 0 < broke <= places[-1]:
        ax.axvline(broke, color=MUTED, linewidth=1.5, linestyle=(0, (4, 3)), zorder=2)
    drawing.quiet(ax, grid="y")
    ax.set_xticks(places, ["own", *(f"{step:.3g}" for step in steps)])
    across = (
        "times the largest step between periods before the start by which trends may part in a period"
        if tested.kind == "relative"
        else "KPI units by which the difference in trends may bend in a period"
    )
    note = [f"Across: {across}; “own” is the interval that takes trends as parallel."]
    if 0 < broke <= places[-1]:
        note.append(f"Dashed: the breakdown value, {number(broke, 2)}.")
    _dress(ax, f"effect, {unit or tested.outcome}", note)
    effects = [event for event in tested.path.post if event >= 0]
    what = (
        "the effect"
        if not tested.target.startswith("average")
        else f"the mean effect of {_first(len(effects), period)}"
    )
    if broke == 0:
        story = f"{what} is not told from 0 even if trends are exactly parallel"
    elif not math.isfinite(broke):
        story = f"{what} is told from 0 whatever was tried"
    elif tested.kind == "relative":
        story = f"{what} is told from 0 until trends part by {number(broke, 2)} times what they did before the start"
    else:
        story = f"{what} is told from 0 until trends bend by {number(broke, 2)} a {period}"
    return drawing.titled(ax, f"{label or tested.outcome}: {story}")


def trend(
    estimate: Estimate,
    panel: Panel,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    unit: str | None = None,
    level: float = 0.95,
) -> Axes:
    """Draw the observed series, the trend of before carried on with its band, and where training began.

    `panel` is the one that the estimate of `trend` was made from. Raises `MethodError` for another method.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> sales = [50 + 2 * t + (t % 3) + 7 * (t >= 12) for t in range(18)]
    >>> frame = pd.DataFrame({"month": range(18), "sales": sales, "start": 12})
    >>> panel = at.Panel.from_frame(frame, period="month", outcome="sales", adopted="start", kind="series")
    >>> estimate = at.trend(panel, baseline=range(12), followup=range(12, 18))
    >>> axes = at.figures.trend(estimate, panel, label="Sales", unit="orders")
    """
    found = projection(estimate, panel, level)
    ax = drawing.axes(ax, 4.2)
    time, after = found.time, found.after
    first = float(time[after][0])
    ax.axvline(first - 0.5, color=MUTED, linewidth=1.5, linestyle=(0, (4, 3)), zorder=1.5)
    if np.isfinite(found.low[after]).all():
        ax.fill_between(time[after], found.low[after], found.high[after], color=GRID, linewidth=0, zorder=1)
        for edge in (found.low, found.high):
            ax.plot(time[after], edge[after], color=EDGE, linewidth=1, zorder=1.5)
    drawn = np.isfinite(found.projected)
    ax.plot(time[drawn], found.projected[drawn], color=EDGE, linewidth=2, linestyle=(0, (5, 2)), zorder=2)
    ax.plot(time, found.observed, color=INK, linewidth=1, zorder=2.5)
    for mask, colour in ((~after, INK), (after, TRAINING)):
        ax.plot(time[mask], found.observed[mask], "o", markersize=5, color=colour, zorder=3)
    drawing.quiet(ax, grid="y")
    compact = drawing.pixels(ax) < _COMPACT
    _label_periods(ax, found, 3 if compact else 6)
    band = f", with its {level_text(level)} band" if np.isfinite(found.low[after]).all() else "; it has no interval"
    launched = found.periods[int(np.flatnonzero(after)[0])]
    note = [f"Dots: observed, from {launched} on in training. Dashed: the trend of before, carried on{band}."]
    _dress(ax, unit or estimate.outcome, note)
    relative = estimate.scale == "log"
    size = estimate.percent(level).estimate if relative else estimate.value("effect")
    amount = signed_percent(size) if relative else signed(size)
    interval = estimate.interval(level, term="effect")
    if interval.kind == "bounded":
        ends = [np.expm1(end) if relative else end for end in (interval.low, interval.high)]
        write = signed_percent if relative else signed
        amount += f" ({write(float(ends[0]))} to {write(float(ends[1]))})"
    return drawing.titled(ax, f"{label or estimate.outcome} in training: {amount} on average against its own trend")


def _rows(estimate: Estimate, level: float, seed: int, where: str) -> tuple[EventRow, ...]:
    require_type(
        estimate, Estimate, name="estimate", remedy="pass what an estimator returns, such as at.event_study(…)"
    )
    if not event_times(estimate):
        raise MethodError(
            f"{estimate.method} has no effects by event time",
            where=where,
            remedy="give an estimate of event_study or staggered, aggregated by event: estimate.aggregate('event')",
        )
    return event_rows(estimate, level, seed=seed)


def _band(ax: Axes, rows: Sequence[EventRow], reference: int | None) -> None:
    """Fill the band that holds all points at once; at the reference it has no width."""
    known = [(float(row.event), row.band_low, row.band_high) for row in rows if math.isfinite(row.band_low)]
    if reference is not None and known:
        known.append((float(reference), 0.0, 0.0))
    if len(known) == 1:
        # One point has no breadth to fill.
        (event, low, high) = known[0]
        known = [(event - 0.2, low, high), (event + 0.2, low, high)]
    if not known:
        return
    across, lower, upper = (list(values) for values in zip(*sorted(known), strict=True))
    ax.fill_between(across, lower, upper, color=GRID, linewidth=0, zorder=1)
    for edge in (lower, upper):
        ax.plot(across, edge, color=EDGE, linewidth=1, zorder=1.5)


def _axes_of_time(ax: Axes, events: Sequence[int], *, launch: bool = True) -> None:
    ax.axhline(0, color=INK, linewidth=1, zorder=2)
    if launch:
        ax.axvline(-0.5, color=MUTED, linewidth=1.5, linestyle=(0, (4, 3)), zorder=1.5)
    ax.set_xlim(min(events[0], -1 if launch else events[0]) - 0.7, events[-1] + 0.7)
    ax.margins(y=0.06)
    drawing.quiet(ax, grid="y")
    step = max(1, math.ceil((events[-1] - events[0] + 1) / (8 if drawing.pixels(ax) < _COMPACT else 16)))
    ticks = [event for event in range(events[0], events[-1] + 1) if event % step == 0]
    ax.set_xticks(ticks, [str(tick).replace("-", MINUS) for tick in ticks])


def _label_periods(ax: Axes, found: Projection, most: int) -> None:
    step = max(1, math.ceil(len(found.time) / most))
    chosen = list(range(0, len(found.time), step))
    ax.set_xticks([float(found.time[place]) for place in chosen], [found.periods[place] for place in chosen])


def _dress(ax: Axes, axis: str, note: list[str]) -> None:
    """Name the vertical axis, in the note where there is no room beside it, and write the note."""
    if drawing.pixels(ax) < _COMPACT:
        note = [f"Upright: {axis}.", *note]
    else:
        ax.set_ylabel("\n".join(drawing.wrap(axis, 12, 230)), color=MUTED, fontsize=12)
    drawing.note_below(ax, " ".join(note), lines_down=1.6)


def _first(count: int, period: str) -> str:
    return f"the first {period}" if count == 1 else f"the first {plural(count, period)}"


def _when(event: int, period: str) -> str:
    return f"the {period} before the start" if event == -1 else f"{plural(-event, period)} before the start"


def _path_story(estimate: Estimate, rows: Sequence[EventRow], period: str) -> str:
    """Return the finding in words: the first and last effect, and where the band leaves out 0."""
    before, after = ([row for row in rows if (row.event >= 0) is late] for late in (False, True))

    def amount(row: EventRow) -> str:
        return signed_percent(math.expm1(row.effect)) if estimate.scale == "log" else signed(row.effect)

    def outside(side: Sequence[EventRow]) -> str:
        known = [row for row in side if math.isfinite(row.band_low)]
        count = sum(not row.band_low <= 0 <= row.band_high for row in known)
        return f"{count or 'none'} of {plural(len(known), period)}"

    if not after:
        return f"no {period} since training began"
    story = f"{amount(after[0])} in the {nth(after[0].event + 1)} {period} of training"
    if len(after) > 1:
        story += f", {amount(after[-1])} in the {nth(after[-1].event + 1)}"
    if any(math.isfinite(row.band_low) for row in after):
        story += f"; the band leaves out 0 in {outside(after)}"
        if any(math.isfinite(row.band_low) for row in before):
            story += f", before training in {outside(before)}"
    return story
