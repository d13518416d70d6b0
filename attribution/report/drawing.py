"""Drawing on an Axes: rows of intervals, whiskers, wrapped text, and the picture that a page shows.

The only module that imports matplotlib. Text is wrapped by its measured width, and left-aligned where it has several
lines, so that a browser's fonts, narrower or wider than matplotlib's, cannot push it out of place.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from attribution.core.interval import Interval
from attribution.errors import MethodError

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
PAGE = "#ffffff"

COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    TRAINING: "var(--training)",
    BACKGROUND: "var(--background)",
    EDGE: "var(--edge)",
    GRID: "var(--grid)",
    PAGE: "var(--page)",
}
"""What each colour is called in the page's style sheet, so that dark mode and print can change it."""

_WIDTH = 7.2
_LINE = 17 / 72
"""Inches that one line of text takes in a chart of rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a chart of intervals; `point` is NaN where there is nothing to mark."""

    label: str
    point: float
    interval: Interval
    strong: bool


def svg(ax: Axes, *, title: str, desc: str, name: str) -> Markup:
    """Return the figure of an Axes as inline SVG: text as text, colours as CSS variables, the same bytes every time.

    `name` must be unique in the page: it begins every id. `title` and `desc` are read to those who cannot see it.
    """
    from io import StringIO

    import matplotlib

    from attribution.report.svg import inline

    _plain(ax)
    buffer = StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), _any_script():
        _figure(ax).savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return inline(buffer.getvalue(), COLOURS, title=title, desc=desc, name=name)


@contextmanager
def _any_script() -> Iterator[None]:
    """Do not warn of letters that matplotlib's font lacks: the browser sets the text in a font that has them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def picture(draw: Callable[[Axes], Axes], *, width: int, height: int | None = None) -> Axes:
    """Draw on a figure of its own, `width` CSS pixels wide, that pyplot knows nothing of.

    Without a `height` the figure is as high as its rows need.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, (height or width) / 72), layout="constrained")
    ax = draw(figure.add_subplot())
    if height is None:
        fit(ax)
    return ax


def axes(ax: Axes | None, height: float) -> Axes:
    """Return the Axes given, or one on a figure of pyplot's, which a notebook shows."""
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


def pixels(ax: Axes) -> float:
    """Return the width that an Axes has when its axis labels take none, in points, which are the pixels of a page."""
    # Before the first layout an Axes alone on its figure spans .775 of it.
    return float(ax.get_position().width / 0.775 * _figure(ax).get_figwidth() * 72)


def wrap(words: str, size: float, width: float, *, bold: bool = False) -> list[str]:
    """Break a text into lines that are not wider than `width` points, inside a word where there is no other way."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")

    def fits(line: str) -> bool:
        with _any_script():
            return bool(text_to_path.get_text_width_height_descent(line, font, False)[0] <= width)

    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if fits(longer):
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and not fits(lines[-1] + character):
                lines.append("")
            lines[-1] += character
    return lines


def chart(ax: Axes | None, rows: Sequence[Row], limits: tuple[float, float], *, above: float = 0.0) -> Axes:
    """Draw rows of a label above an interval, and leave `above` lines free over them.

    One unit of the vertical axis is one line of text. An axis without length is given some around its place.
    """
    made = ax is None
    ax = axes(ax, 3.0)
    low, high = limits
    ax.set_xlim(*((low, high) if low < high else (low - (abs(low) or 1.0), high + (abs(high) or 1.0))))
    total = sum(_depth(ax, row) for row in rows)
    ax.set_ylim(-total, above)
    for place, row in zip(places(ax, rows), rows, strict=True):
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
                bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 1.5},
                zorder=1.5,
            )
        _set(ax, place, row)
    ax.set_yticks([])
    quiet(ax, grid="x")
    if made:
        fit(ax)
    return ax


def fit(ax: Axes) -> None:
    """Make the figure as high as its rows: one line of text is one unit of the vertical axis."""
    low, high = ax.get_ylim()
    titles = ax.get_title(loc="left").count("\n") + 1 if ax.get_title(loc="left") else 0
    figure = _figure(ax)
    figure.set_size_inches(figure.get_figwidth(), (high - low + 1.3 * titles) * _LINE + 0.75)


def _lines(ax: Axes, row: Row) -> list[str]:
    return wrap(row.label, 12, 0.93 * pixels(ax), bold=row.strong)


def _depth(ax: Axes, row: Row) -> float:
    return len(_lines(ax, row)) + 2.0


def places(ax: Axes, rows: Sequence[Row]) -> list[float]:
    """Return the height at which each row's interval lies."""
    found, top = [], 0.0
    for row in rows:
        top -= _depth(ax, row)
        found.append(top + 1.0)
    return found


def _set(ax: Axes, place: float, row: Row) -> None:
    """Draw one set with arrows where it leaves the axis, also of a piece that lies outside it, and its point."""
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
        marks = [(left, "<") if low < left else (low, "|"), (right, ">") if high > right else (high, "|")]
        if inside[0] > inside[1]:
            marks = [(left, "<") if high < left else (right, ">")]
        else:
            width = 4 if row.strong else 2
            ax.plot(inside, (place, place), color=colour, linewidth=width, solid_capstyle="butt", zorder=2)
        for where, marker in marks:
            ax.plot(
                where,
                place,
                marker=marker,
                markersize=10,
                markeredgewidth=2,
                color=colour,
                clip_on=False,
                zorder=3,
            )
    if math.isfinite(row.point) and left <= row.point <= right:
        # Hollow where nothing says how sure the point is.
        face = PAGE if interval.kind == "undefined" else colour
        ax.plot(row.point, place, "o", markersize=9 if row.strong else 7, color=colour, mfc=face, mew=2, zorder=4)


def whisker(ax: Axes, ends: tuple[float, float], *, vertical_at: float) -> None:
    """Draw an upright interval."""
    # A line in the page's colour beneath keeps the whisker visible on the bar.
    ax.plot((vertical_at, vertical_at), ends, color=PAGE, linewidth=4, solid_capstyle="butt", zorder=3.5)
    ax.plot((vertical_at, vertical_at), ends, color=INK, linewidth=2, solid_capstyle="butt", zorder=4)
    for end in ends:
        ax.plot((vertical_at - 0.09, vertical_at + 0.09), (end, end), color=INK, linewidth=2, zorder=4)


def beneath(ax: Axes, column: float, line: int, words: str, *, size: float) -> None:
    """Write one line of a column's label under the axis."""
    ax.annotate(
        words,
        (column, 0),
        (0, -6 - 15 * line),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=size,
        color=INK if line < 2 else MUTED,
        fontweight="bold" if line == 0 else "normal",
    )


def note_below(ax: Axes, words: str, *, lines_down: float) -> None:
    """Write a remark under the column labels."""
    for index, line in enumerate(wrap(words, 11, 0.88 * pixels(ax))):
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


def axis_label(ax: Axes, words: str) -> None:
    """Name the horizontal axis."""
    ax.set_xlabel("\n".join(wrap(words, 12, 0.93 * pixels(ax))), loc="left", color=MUTED, fontsize=12)


def quiet(ax: Axes, *, grid: Literal["x", "y"]) -> None:
    """Leave a faint grid and numbers, nothing else."""
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.grid(visible=True, axis=grid, color=GRID, linewidth=1)
    ax.set_axisbelow(True)
    ax.tick_params(length=0, labelcolor=MUTED, labelsize=11)
    ax.locator_params(axis=grid, nbins=6)


def titled(ax: Axes, words: str, *, part: float = 0.86) -> Axes:
    """Set the title, wrapped to a part of the width; the Axes' label keeps it in one piece for a page's own font."""
    lines = wrap(words, 13, part * pixels(ax), bold=True)
    ax.set_title("\n".join(lines), loc="left", color=INK, fontsize=13, fontweight="bold", pad=10)
    ax.set_label(words)
    _plain(ax)
    return ax


def _plain(ax: Axes) -> None:
    """Keep every $ a dollar sign: names of KPIs are no formulas."""
    from matplotlib.text import Text

    for text in ax.findobj(lambda artist: isinstance(artist, Text)):
        if isinstance(text, Text):
            text.set_parse_math(False)
