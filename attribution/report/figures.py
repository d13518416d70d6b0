"""The figures: each takes `ax=`, returns the Axes, and can be restyled; `svg` turns them into a page's pictures.

Nothing here changes matplotlib's global settings. Text is set line by line and left-aligned where it wraps, so that a
browser's fonts, which are narrower or wider than matplotlib's, cannot push it out of place.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.core.interval import Interval
from attribution.errors import MethodError
from attribution.finance.roi import Roi
from attribution.inference.factor import AttributionFactor
from attribution.report.format import money, number, percent, signed, signed_percent
from attribution.study.result import StudyResult

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1f2933"
MUTED = "#566270"
TRAINING = "#0b5cad"
BACKGROUND = "#c5ccd6"
EDGE = "#75808e"
GRID = "#e4e7eb"

COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    TRAINING: "var(--training)",
    BACKGROUND: "var(--background)",
    EDGE: "var(--edge)",
    GRID: "var(--grid)",
}
"""What each colour is called in the page's style sheet, so that dark mode and print can change it."""

METHODS = {
    "fieller": "Fieller (headline)",
    "delta": "delta method",
    "percentile": "bootstrap percentile",
    "bca": "bootstrap BCa",
}

_WIDTH = 7.2
_LINE = 17 / 72
"""Inches that one line of text takes in a chart of rows."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a chart of intervals; `point` is NaN where there is nothing to mark."""

    label: str
    point: float
    interval: Interval
    strong: bool


def waterfall(
    factor: AttributionFactor,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    unit: str | None = None,
    from_zero: bool | None = None,
) -> Axes:
    """Draw how the trained came from baseline to follow-up: background first, then training with its interval.

    Bars are in KPI units. `label` and `unit` name the KPI in words, by default its column. With `from_zero` the outer
    bars show the levels themselves; without it every bar counts from the baseline, which is 0. By default levels are
    drawn where the steps would still be seen beside them, never on a log scale, whose zero has no meaning. Raises
    `MethodError` for an estimate without effect, change and background.

    Examples
    --------
    >>> import attribution as at
    >>> panel = at.Panel.from_frame(
    ...     at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap", trained="grant", direction="lower")
    >>> factor = at.attribution_factor(at.did(panel, baseline=[1987], followup=[1988]), seed=7)
    >>> axes = at.figures.waterfall(factor, label="Log scrap rate", unit="log points")
    """
    estimate = factor.estimate
    missing = [term for term in ("effect", "change", "background") if term not in estimate.terms]
    if missing:
        raise MethodError(
            f"{estimate.method} has no {', '.join(missing)}",
            where="waterfall",
            remedy="give the share of an estimate with a comparison, such as did",
        )
    ax = _axes(ax, 4.2)
    before, after = _levels(estimate)
    change, background = estimate.value("change"), estimate.value("background")
    if from_zero is None:
        from_zero = estimate.scale == "linear" and max(abs(change), abs(background)) >= 0.15 * max(
            abs(before), abs(after)
        )
    start = before if from_zero and math.isfinite(before) else 0.0
    untrained, end = start + background, start + change
    bars = (
        (0.0, start, INK, INK),
        (start, untrained, BACKGROUND, EDGE),
        (untrained, end, TRAINING, TRAINING),
        (0.0, end, INK, INK),
    )
    for column, (low, high, colour, edge) in enumerate(bars):
        ax.bar(column, high - low, 0.62, bottom=low, color=colour, edgecolor=edge, linewidth=1, zorder=2)
    for column, level in enumerate((start, untrained, end)):
        ax.plot([column - 0.31, column + 1.31], [level, level], color=EDGE, linewidth=1, zorder=1.5)
    ax.plot([-0.31, 0.31], [start, start], color=INK, linewidth=3, solid_capstyle="butt", zorder=3)
    interval = estimate.interval(factor.interval.level, term="effect")
    if interval.kind == "bounded":
        ends = untrained + interval.low, untrained + interval.high
        _whisker(ax, ends, vertical_at=2)
        note = (
            f"Whisker: {interval.level:.0%} interval of the training’s effect, "
            f"{number(interval.low)} to {number(interval.high)}"
        )
    else:
        note = "The training’s effect has no interval: its standard error is undefined"
    ax.axhline(0, color=INK, linewidth=1, zorder=1)
    names = (
        ("Before", number(before), _span(estimate.n.baseline)),
        ("Background", signed(background), _relative(estimate, "background")),
        ("Training", signed(estimate.value("effect")), _relative(estimate, "effect")),
        ("After", number(after), _span(estimate.n.followup)),
    )
    for column, lines in enumerate(names):
        for line, words in enumerate(lines):
            _beneath(ax, column, line, words, strong=line == 0)
    ax.set_xlim(-0.6, 3.6)
    ax.margins(y=0.08)
    ax.set_xticks([])
    _quiet(ax, grid="y")
    kind = "level" if start else "change since before"
    ax.set_ylabel("\n".join(textwrap.wrap(f"{kind}, {unit or estimate.outcome}", 40)), color=MUTED, fontsize=12)
    _note(ax, note, lines_down=3.6)
    return _titled(ax, f"{label or estimate.outcome}: {_story(estimate)}")


def share_sets(factor: AttributionFactor, *, ax: Axes | None = None) -> Axes:
    """Draw every interval of the share on one axis, the headline first, with lines at 0 (none) and 1 (all).

    A set that runs on beyond the axis ends in an arrow, a disjoint set shows its gap, and one that is undefined says
    so.

    Examples
    --------
    >>> import attribution as at
    >>> panel = at.Panel.from_frame(
    ...     at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap", trained="grant", direction="lower")
    >>> factor = at.attribution_factor(at.did(panel, baseline=[1987], followup=[1988]), seed=7)
    >>> axes = at.figures.share_sets(factor)
    """
    rows = [
        _Row(f"{METHODS.get(one.method, one.method)}: {_in_words(one)}", factor.share, one, one is factor.interval)
        for one in (factor.interval, *factor.others)
    ]
    shown = [end for row in rows if row.interval.kind in ("bounded", "disjoint") for end in _ends(row.interval)]
    shown += [factor.share] if math.isfinite(factor.share) else []
    low, high = min([-0.6, *shown]), max([1.6, *shown])
    limits = max(low - 0.05 * (high - low), -3.0), min(high + 0.05 * (high - low), 4.0)
    ax = _chart(ax, rows, limits)
    top = ax.get_ylim()[1]
    for place, words, side in ((0, "0: none of it", "right"), (1, "1: all of it", "left")):
        ax.axvline(place, color=INK, linewidth=1, zorder=1)
        shift = -4 if side == "right" else 4
        ax.annotate(
            words, (place, top), (shift, -2), textcoords="offset points", ha=side, va="top", color=MUTED, fontsize=12
        )
    ax.set_xlabel("share of the change that the training caused", color=MUTED, fontsize=12)
    if factor.estimable:
        excluded = [text for place, text in ((0, "none"), (1, "all")) if place not in factor.interval]
        leaves = " and ".join(excluded)
        finding = (
            f"the headline set rules out {leaves} of it"
            if leaves
            else "the headline set rules out neither none nor all of it"
        )
        return _titled(ax, f"Share of the change caused by training: {number(factor.share)}; {finding}")
    return _titled(ax, f"Share of the change caused by training: not estimable; {factor.reason}")


def scenarios(roi: Roi, *, ax: Axes | None = None) -> Axes:
    """Draw the net benefit in the three corner cases, which have no confidence level.

    Raises `MethodError` where the effect has no interval to take a corner of.
    """
    if any(not math.isfinite(one.net_benefit) for one in roi.scenarios):
        raise MethodError(
            "the effect has no interval, hence no corner cases",
            where="scenarios",
            remedy="report the point alone, or give each arm at least two clusters",
        )
    width = roi.scenarios[-1].net_benefit - roi.scenarios[0].net_benefit
    nets = [one.net_benefit for one in roi.scenarios]
    shown = [money(net, roi.currency, width=width) for net in nets]
    low, high = min(0.0, *nets), max(0.0, *nets)
    room = 0.06 * (high - low)
    nothing = Interval.undefined(level=roi.level, method="corner case")
    rows = [
        _Row(f"{one.name.capitalize()}: {text}", float("nan"), nothing, one.name == "base")
        for one, text in zip(roi.scenarios, shown, strict=True)
    ]
    ax = _chart(ax, rows, (low - room, high + room))
    for place, row, net in zip(_places(ax, rows), rows, nets, strict=True):
        colours = (TRAINING, TRAINING) if row.strong else (BACKGROUND, EDGE)
        ax.barh(place, net, 0.9, color=colours[0], edgecolor=colours[1], linewidth=1, zorder=2)
    ax.axvline(0, color=INK, linewidth=1, zorder=3)
    ax.xaxis.set_major_formatter(lambda value, _: money(value, roi.currency))
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel("net benefit; 0 is break-even", color=MUTED, fontsize=12)
    return _titled(
        ax, f"Net benefit is {shown[0]} in the conservative corner case and {shown[-1]} in the optimistic one"
    )


def effect_forest(result: StudyResult, *, ax: Axes | None = None, kpi: str | None = None) -> Axes:
    """Draw the effect of every analysis of one KPI with its interval, the primary analysis strong.

    `kpi` is the KPI's id, by default that of the headline. Analyses without an effect are left to the tables. Raises
    `MethodError` for a KPI that no analysis estimates an effect on.
    """
    analyses = {one.id: one for one in result.design.analysis}
    wanted = analyses[result.primary[0]].kpi if kpi is None else kpi
    rows = []
    for name, estimate in result.estimates.items():
        if analyses[name].kpi != wanted or "effect" not in estimate.terms:
            continue
        interval = estimate.interval(result.manifest.level, term="effect")
        effect, strong = estimate.value("effect"), name in result.primary
        role = "primary" if strong else analyses[name].role
        rows.append(_Row(f"{name} ({role}): {number(effect)}, {_in_words(interval)}", effect, interval, strong))
    if not rows:
        raise MethodError(
            f"no analysis estimates an effect on {wanted!r}",
            where="effect_forest",
            remedy=f"choose one of {', '.join(sorted({one.kpi for one in analyses.values()}))}",
        )
    rows.sort(key=lambda row: not row.strong)
    ends = [end for row in rows for end in (0.0, row.point, *_ends(row.interval))]
    room = 0.06 * (max(ends) - min(ends))
    ax = _chart(ax, rows, (min(ends) - room, max(ends) + room))
    ax.axvline(0, color=INK, linewidth=1, zorder=1)
    measure = next(one for one in result.design.kpi if one.id == wanted)
    better = "left of 0 is better" if measure.direction == "lower" else "right of 0 is better"
    ax.set_xlabel(f"effect, {measure.unit}; {better}", color=MUTED, fontsize=12)
    covering = sum(0.0 in row.interval for row in rows)
    return _titled(ax, f"The interval of the effect includes 0 in {covering} of {len(rows)} analyses")


def svg(ax: Axes, *, title: str, desc: str, name: str) -> Markup:
    """Return the figure of an Axes as inline SVG: text as text, colours as CSS variables, the same bytes every time.

    `name` must be unique in the page: it begins every id. `title` and `desc` are read to those who cannot see it.
    """
    from io import StringIO

    import matplotlib
    from matplotlib.text import Text

    from attribution.report.svg import inline

    figure = ax.figure
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # type: ignore[attr-defined]
    buffer = StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(  # type: ignore[call-arg]
            buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    return inline(buffer.getvalue(), COLOURS, title=title, desc=desc, name=name)


def picture(draw: Callable[[Axes], Axes], *, width: int, height: int | None = None) -> Axes:
    """Draw on a figure of its own, `width` CSS pixels wide, that pyplot knows nothing of.

    Without a `height` the figure is as high as its rows need.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, (height or width) / 72), layout="constrained")
    ax = draw(figure.add_subplot())
    if height is None:
        _fit(ax)
    return ax


def _axes(ax: Axes | None, height: float) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    made: Axes = plt.subplots(figsize=(_WIDTH, height), layout="constrained")[1]
    return made


def _figure(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    if figure is None:
        raise MethodError("the Axes belongs to no figure", where="ax", remedy="give the Axes of a figure")
    return figure


def _characters(ax: Axes, size: float) -> int:
    """Return how many characters of a font size fit side by side into the Axes."""
    return max(20, int(ax.get_position().width / 0.775 * _figure(ax).get_figwidth() * 72 / (0.6 * size)))


def _levels(estimate: Estimate) -> tuple[float, float]:
    """Return the mean level of the trained before and after; NaN where the estimate does not carry levels."""
    if UNTRAINED_LEVEL not in estimate.terms:
        return float("nan"), float("nan")
    after = estimate.value(UNTRAINED_LEVEL) + estimate.value("effect")
    return after - estimate.value("change"), after


def _span(periods: Sequence[str]) -> str:
    return periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"


def _relative(estimate: Estimate, term: str) -> str:
    if estimate.scale == "linear":
        return ""
    return signed_percent(estimate.percent(term=term).estimate)


def _moved(value: float, unit_free: bool) -> str:
    size = percent(abs(value)) if unit_free else number(abs(value))
    return f"{'fell' if value < 0 else 'rose'} by {size}" if value else "did not move"


def _story(estimate: Estimate) -> str:
    """Return the finding in words: what the trained did, and what they would have done untrained."""
    relative = estimate.scale == "log"
    change, background = (
        estimate.percent(term=term).estimate if relative else estimate.value(term) for term in ("change", "background")
    )
    untrained = _moved(background, relative).replace("fell", "have fallen").replace("rose", "have risen")
    return (
        f"{_moved(change, relative)} among the trained; untrained it would {untrained.replace('did not', 'not have')}"
    )


def _ends(interval: Interval) -> tuple[float, ...]:
    return tuple(end for end in (interval.low, interval.high) if math.isfinite(end))


def _in_words(interval: Interval) -> str:
    """Return a set in words, for a label."""
    if interval.kind == "bounded":
        return f"{number(interval.low)} to {number(interval.high)}"
    if interval.kind == "disjoint":
        return f"up to {number(interval.low)}, and from {number(interval.high)} on"
    return "any share fits the data" if interval.kind == "unbounded" else "undefined"


def _chart(ax: Axes | None, rows: Sequence[_Row], limits: tuple[float, float]) -> Axes:
    """Draw rows of a label above an interval. One unit of the vertical axis is one line of text."""
    made = ax is None
    ax = _axes(ax, 3.0)
    ax.set_xlim(*limits)
    total = sum(_depth(ax, row) for row in rows)
    ax.set_ylim(-total, 1.4)
    for place, row in zip(_places(ax, rows), rows, strict=True):
        lines = _lines(ax, row)
        for index, words in enumerate(lines):
            ax.text(
                0,
                place + 0.75 + (len(lines) - 1 - index),
                words,
                transform=ax.get_yaxis_transform(),
                ha="left",
                va="bottom",
                fontsize=12,
                color=INK,
                fontweight="bold" if row.strong else "normal",
            )
        _set(ax, place, row)
    ax.set_yticks([])
    _quiet(ax, grid="x")
    if made:
        _fit(ax)
    return ax


def _fit(ax: Axes) -> None:
    """Make the figure as high as its rows: one line of text is one unit of the vertical axis."""
    low, high = ax.get_ylim()
    titles = ax.get_title(loc="left").count("\n") + 1 if ax.get_title(loc="left") else 0
    figure = _figure(ax)
    figure.set_size_inches(figure.get_figwidth(), (high - low + 1.3 * titles) * _LINE + 0.75)


def _lines(ax: Axes, row: _Row) -> list[str]:
    return textwrap.wrap(row.label, _characters(ax, 12.5)) or [""]


def _depth(ax: Axes, row: _Row) -> float:
    return len(_lines(ax, row)) + 2.0


def _places(ax: Axes, rows: Sequence[_Row]) -> list[float]:
    places, top = [], 0.0
    for row in rows:
        top -= _depth(ax, row)
        places.append(top + 1.0)
    return places


def _set(ax: Axes, place: float, row: _Row) -> None:
    """Draw one set with arrows where it leaves the axis, and its point."""
    left, right = ax.get_xlim()
    interval, colour = row.interval, TRAINING if row.strong else MUTED
    pieces: list[tuple[float, float]] = []
    if interval.kind == "bounded":
        pieces = [(interval.low, interval.high)]
    elif interval.kind == "disjoint":
        pieces = [(-math.inf, interval.low), (interval.high, math.inf)]
    elif interval.kind == "unbounded":
        pieces = [(-math.inf, math.inf)]
    for low, high in pieces:
        inside = max(low, left), min(high, right)
        if inside[0] > inside[1]:
            continue
        ax.plot(inside, (place, place), color=colour, linewidth=4 if row.strong else 2, solid_capstyle="butt", zorder=2)
        for end, limit, marker in ((low, left, "<"), (high, right, ">")):
            beyond = end < left or end > right
            ax.plot(
                limit if beyond else end,
                place,
                marker=marker if beyond else "|",
                markersize=10,
                markeredgewidth=2,
                color=colour,
                clip_on=False,
                zorder=3,
            )
    if math.isfinite(row.point) and left <= row.point <= right and interval.kind != "undefined":
        ax.plot(row.point, place, marker="o", markersize=9 if row.strong else 7, color=colour, zorder=4)


def _whisker(ax: Axes, ends: tuple[float, float], *, vertical_at: float) -> None:
    ax.plot((vertical_at, vertical_at), ends, color=INK, linewidth=2, solid_capstyle="butt", zorder=4)
    for end in ends:
        ax.plot((vertical_at - 0.09, vertical_at + 0.09), (end, end), color=INK, linewidth=2, zorder=4)


def _beneath(ax: Axes, column: float, line: int, words: str, *, strong: bool) -> None:
    ax.annotate(
        words,
        (column, 0),
        (0, -6 - 15 * line),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=12,
        color=INK if line < 2 else MUTED,
        fontweight="bold" if strong else "normal",
    )


def _note(ax: Axes, words: str, *, lines_down: float) -> None:
    for index, line in enumerate(textwrap.wrap(words, _characters(ax, 12))):
        ax.annotate(
            line,
            (0, 0),
            (0, -6 - 15 * (lines_down + index)),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="left",
            va="top",
            fontsize=11,
            color=MUTED,
        )


def _quiet(ax: Axes, *, grid: Literal["x", "y"]) -> None:
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.grid(visible=True, axis=grid, color=GRID, linewidth=1)
    ax.set_axisbelow(True)
    ax.tick_params(length=0, labelcolor=MUTED, labelsize=11)
    ax.locator_params(axis=grid, nbins=6)


def _titled(ax: Axes, words: str) -> Axes:
    from matplotlib.text import Text

    wrapped = textwrap.wrap(words, _characters(ax, 13.5))
    ax.set_title("\n".join(wrapped), loc="left", color=INK, fontsize=13, fontweight="bold", pad=10)
    for text in ax.findobj(Text):
        text.set_parse_math(False)  # type: ignore[attr-defined]
    return ax
