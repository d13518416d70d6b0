"""Figures of a cohort: how alike it makes the arms, and whether everybody has somebody to be compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.diagnostics.balance import CLOSE, FAR, Balance, BalanceRow
from attribution.diagnostics.overlap import ALMOST_CERTAIN, CRUMP, Overlap, overlap
from attribution.errors import MethodError, require_type
from attribution.report import drawing
from attribution.report.drawing import BACKGROUND, EDGE, INK, MUTED, PAGE, TRAINING
from attribution.report.format import percent, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COMPACT = 450
"""Pixels below which a label stands above its row, and the name of the vertical axis in the note."""

_MOST = 40
"""Rows of a love plot; those furthest apart are drawn."""


_ROOM = 32
"""Pixels between the dashed lines of a love plot below which they have no numbers beside them."""


def love_plot(
    balance: Balance, *, ax: Axes | None = None, most: int = _MOST, names: Mapping[str, str] | None = None
) -> Axes:
    """Draw how far apart the arms are before and after a cohort, variable by variable, the furthest before first.

    Across are standardised differences without their sign; hollow is before, filled is after, dashed are .1 and .25.
    Of more than `most` variables those furthest apart are drawn, and the rest is counted; `names` says variables in
    words. Variables whose difference
    cannot be computed are left to the table. Raises `MethodError` for a balance without any.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"id": range(6), "y": 1.0, "treat": [1, 1, 0, 0, 0, 0], "age": [30, 40, 34, 36, 50, 60]})
    >>> panel = at.Panel.from_frame(frame, unit="id", outcome="y", trained="treat", covariates=["age"],
    ...     kind="cross_section")
    >>> axes = at.figures.love_plot(at.balance(panel))

    Source: Love (2004), Graphical display of covariate balance.
    """
    require_type(balance, Balance, name="balance", remedy="pass what at.balance(panel, cohort) returns")
    known = [row for row in balance.rows if math.isfinite(row.before.smd) or math.isfinite(row.after.smd)]
    if not known:
        raise MethodError(
            "there is no standardised difference to draw",
            where="love_plot",
            remedy="name covariates that vary: at.balance(panel, covariates=[…])",
        )
    known.sort(key=lambda row: -max(_size(row.before.smd), _size(row.after.smd)))
    rows = sorted(known[:most], key=lambda row: -_size(row.before.smd))
    made = ax is None
    ax = drawing.axes(ax, 3.0)
    furthest = max(max(_size(row.before.smd), _size(row.after.smd)) for row in rows)
    ax.set_xlim(-0.03 * max(furthest, FAR), 1.06 * max(furthest, 1.15 * FAR))
    said = names or {}
    places = _labelled(ax, [said.get(row.variable, row.variable) for row in rows])
    top = ax.get_ylim()[1]
    apart = (FAR - CLOSE) / (ax.get_xlim()[1] - ax.get_xlim()[0]) * drawing.pixels(ax)
    for threshold in (CLOSE, FAR):
        ax.axvline(threshold, color=MUTED, linewidth=1.5, linestyle=(0, (4, 3)), zorder=1)
        if apart >= _ROOM:
            ax.annotate(
                f"{threshold:g}",
                (threshold, top),
                (3, -1),
                textcoords="offset points",
                ha="left",
                va="top",
                color=MUTED,
                fontsize=11,
            )
    ax.axvline(0, color=INK, linewidth=1, zorder=1)
    for place, row in zip(places, rows, strict=True):
        _dots(ax, place, row, matched=bool(balance.method))
    drawing.quiet(ax, grid="x")
    how = "hollow: before; filled: after; " if balance.method else ""
    left = (
        f"; {plural(len(known) - len(rows), 'variable')} nearer than these not drawn" if len(known) > len(rows) else ""
    )
    words = f"difference of the arms in standard deviations; {how}dashed: {CLOSE:g} (alike) and {FAR:g} (too far){left}"
    # Names beside the axis take room from what stands beneath and above it.
    part = 0.86 if drawing.pixels(ax) < _COMPACT else 0.58
    ax.set_xlabel("\n".join(drawing.wrap(words, 12, part * drawing.pixels(ax))), loc="left", color=MUTED, fontsize=12)
    if made:
        drawing.fit(ax)
    return drawing.titled(ax, _love_story(balance, known), part=part)


def _size(value: float) -> float:
    return abs(value) if math.isfinite(value) else 0.0


def _labelled(ax: Axes, names: Sequence[str]) -> list[float]:
    """Write the names, beside the axis where there is room, and return the heights of their rows in lines of text."""
    compact = drawing.pixels(ax) < _COMPACT
    wrapped = [drawing.wrap(name, 12, (0.93 if compact else 0.36) * drawing.pixels(ax)) for name in names]
    depths = [len(lines) + (1.0 if compact else 0.35) for lines in wrapped]
    ax.set_ylim(-sum(depths), 1.2)
    found, below = [], 0.0
    for lines, depth in zip(wrapped, depths, strict=True):
        below -= depth
        found.append(below + 0.5 if compact else below + depth / 2)
        if compact:
            ax.text(
                0,
                below + 0.95,
                "\n".join(lines),
                transform=ax.get_yaxis_transform(),
                ha="left",
                va="bottom",
                fontsize=12,
                color=INK,
                bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 1.0},
                zorder=1.5,
            )
    if compact:
        ax.set_yticks([])
    else:
        ax.set_yticks(found, ["\n".join(lines) for lines in wrapped])
    return found


def _dots(ax: Axes, place: float, row: BalanceRow, *, matched: bool) -> None:
    before, after = abs(row.before.smd), abs(row.after.smd)
    if matched and math.isfinite(before) and math.isfinite(after):
        ax.plot((before, after), (place, place), color=BACKGROUND, linewidth=2, solid_capstyle="butt", zorder=2)
    if math.isfinite(before):
        face = PAGE if matched else TRAINING
        colour = EDGE if matched else TRAINING
        ax.plot(before, place, "o", markersize=8, color=colour, mfc=face, mew=2, zorder=3)
    if matched and math.isfinite(after):
        ax.plot(after, place, "o", markersize=8, color=TRAINING, mew=2, zorder=4)


def _love_story(balance: Balance, known: Sequence[BalanceRow]) -> str:
    """Return the finding in words: how many columns are too far apart after, and how many were before."""
    before, after = (sum(_size(getattr(row, when).smd) >= CLOSE for row in known) for when in ("before", "after"))
    total = plural(len(known), "column")
    if not balance.method:
        return f"{before or 'None'} of {total} {_is(before)} {CLOSE:g} standard deviations apart or more"
    story = f"{after or 'None'} of {total} {_is(after)} {CLOSE:g} standard deviations apart or more after the cohort"
    return f"{story}, {before or 'none'} before"


def _is(count: int) -> str:
    return "is" if count in (0, 1) else "are"


def overlap_plot(panel: Panel, cohort: Cohort | None = None, *, ax: Axes | None = None, bins: int = 20) -> Axes:
    """Draw the propensities of the trained, upwards, and of the controls, downwards, before and after a cohort.

    Bars are shares of their arm: outlined before, filled as the cohort weighs them. Dashed lines are the ends of the
    range that both arms reach; for the effect on all, .1 and .9. `cohort` is by default the panel's. Raises
    `MethodError` as `at.overlap`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"id": range(8), "y": 1.0, "treat": [1, 1, 1, 1, 0, 0, 0, 0],
    ...     "age": [30, 40, 50, 60, 20, 30, 40, 52]})
    >>> panel = at.Panel.from_frame(frame, unit="id", outcome="y", trained="treat", covariates=["age"],
    ...     kind="cross_section")
    >>> axes = at.figures.overlap_plot(panel, at.Cohort("given", "ATT", np.ones(8), labels=("age",),
    ...     columns=frame[["age"]].to_numpy(float)))
    """
    return draw_overlap(overlap(panel, cohort), ax=ax, bins=bins)


def draw_overlap(found: Overlap, *, ax: Axes | None = None, bins: int = 20) -> Axes:
    """Draw an overlap that is known; see `overlap_plot`."""
    require_type(found, Overlap, name="found", remedy="pass what at.overlap(panel, cohort) returns")
    ax = drawing.axes(ax, 4.2)
    edges = np.linspace(0, 1, bins + 1)
    highest = 0.0
    weighted = bool(found.method)
    for mask, side, colour, edge in ((found.trained, 1, TRAINING, TRAINING), (found.control, -1, BACKGROUND, EDGE)):
        before = np.histogram(found.probability[mask], edges)[0] / mask.sum()
        weights = found.weights[mask]
        after = np.histogram(found.probability[mask], edges, weights=weights)[0] / weights.sum()
        highest = max(highest, float(before.max()), float(after.max()))
        ax.bar(edges[:-1], side * (after if weighted else before), 1 / bins, align="edge", color=colour, edgecolor=PAGE,
               linewidth=0.5, zorder=2)  # fmt: skip
        if weighted:
            ax.stairs(side * before, edges, color=edge if side < 0 else INK, linewidth=1.5, zorder=3)
    ax.axhline(0, color=INK, linewidth=1, zorder=4)
    lines = CRUMP if found.estimand == "ATE" else found.common
    for place in lines:
        if lines[0] <= lines[1]:
            ax.axvline(place, color=MUTED, linewidth=1.5, linestyle=(0, (4, 3)), zorder=1.5)
    ax.set_xlim(0, 1)
    ax.set_ylim(-1.22 * highest, 1.22 * highest)
    for words, place, align in (("Trained", 0.985, "top"), ("Controls", 0.015, "bottom")):
        ax.text(0.01, place, words, transform=ax.transAxes, ha="left", va=align, fontsize=12, color=INK,
                fontweight="bold", zorder=5, bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 1.0})  # fmt: skip
    drawing.quiet(ax, grid="y")
    ax.yaxis.set_major_formatter(lambda value, _: percent(abs(value)))
    note = ["Across: propensity, the probability of being trained given the covariates."]
    if weighted:
        note.append("Filled: as the cohort weighs them. Outline: all who could take part.")
    if lines[0] <= lines[1]:
        what = "within which the effect on all can be told" if found.estimand == "ATE" else "the range of both arms"
        note.append(f"Dashed: {lines[0]:.2f} and {lines[1]:.2f}, {what}.")
    axis = "share of the arm"
    if drawing.pixels(ax) < _COMPACT:
        note.insert(0, f"Upright: {axis}.")
    else:
        ax.set_ylabel(axis, color=MUTED, fontsize=12)
    drawing.note_below(ax, " ".join(note), lines_down=1.6)
    return drawing.titled(ax, _overlap_story(found))


def _overlap_story(found: Overlap) -> str:
    """Return the finding in words: who has nobody to be compared with."""
    used = found.weights > 0
    if found.estimand == "ATO":
        return "Overlap weights compare those who could have been in either arm"
    count = len(found.outside)
    if found.estimand == "ATE":
        total = int((used & (found.trained | found.control)).sum())
        if not count:
            return f"All {total:,} units have a propensity within {CRUMP[0]:g} to {CRUMP[1]:g}"
        return f"{count:,} of {plural(total, 'unit')} have a propensity outside {CRUMP[0]:g} to {CRUMP[1]:g}"
    total = int((used & found.trained).sum())
    if not count:
        return f"All {total:,} trained have controls like them"
    certain = sum(one.why == f"above {ALMOST_CERTAIN:g}" for one in found.outside)
    beyond = count - certain
    if not certain:
        return f"{beyond:,} of {total:,} trained {'lies' if beyond == 1 else 'lie'} beyond every control"
    if not beyond:
        return f"{certain:,} of {total:,} trained {'was' if certain == 1 else 'were'} almost certain to be trained"
    return (
        f"{beyond:,} of {total:,} trained lie beyond every control, {certain:,} more were almost certain to be trained"
    )
