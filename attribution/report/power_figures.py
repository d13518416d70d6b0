"""Figures of the review before launch: what the study can see, and who starts when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.core.periods import parse_label
from attribution.errors import MethodError, require_type
from attribution.planning.records import DesignPower, Mde, Plan, PlannedCohort
from attribution.report import drawing
from attribution.report.drawing import BACKGROUND, EDGE, GRID, INK, MUTED, PAGE, TRAINING
from attribution.report.format import level_text, number, percent, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FARTHEST = 2.5
"""How many times the smallest effect that can be seen the axis reaches; a mark beyond it is named at the edge."""

_ROOM = 0.12
"""What the name of a mark takes above the curve, of its height from 0 to 1."""

_ROWS = 8
"""The most rows of a calendar: of more starts, neighbours share a row."""


@dataclass(frozen=True, slots=True)
class _Mark:
    words: str
    effect: float
    strong: bool = False


def power_curve(
    found: DesignPower | Mde,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    unit: str | None = None,
) -> Axes:
    """Draw the chance to see an effect by its size, with the smallest effect that can be seen and what is hoped for.

    Effects are improvements, in KPI units. Of a `DesignPower` the MDE that is judged is drawn (the simulated one where
    there is one), with the expected, the worthwhile and the break-even effect; one that lies beyond the axis is
    named at its edge. `label` and `unit` name the KPI and its unit. Raises `MethodError` where there is no MDE.

    Examples
    --------
    >>> import numpy as np
    >>> import attribution as at
    >>> from attribution.planning.records import Mde
    >>> effects = np.linspace(0, 2, 21)
    >>> found = Mde(1.0, 0.35, 58.0, 0.95, 0.8, "analytic", effects, 1 - 0.95 * np.exp(-1.56 * effects**2))
    >>> axes = at.figures.power_curve(found, label="Monthly sales", unit="orders")
    """
    if not isinstance(found, Mde):
        require_type(found, DesignPower, name="found", remedy="pass one of review.powers, or an Mde")
    best = found.best if isinstance(found, DesignPower) else found
    if not math.isfinite(best.mde) or not len(best.effects):
        raise MethodError(
            f"there is no smallest effect that can be seen{f': {best.reason}' if best.reason else ''}",
            where="power_curve",
            remedy="state in [power] what is not known",
        )
    unit = unit or (found.unit if isinstance(found, DesignPower) else "KPI units")
    name = label or (found.kpi if isinstance(found, DesignPower) else "")
    ax = drawing.axes(ax, 3.6)
    marks = _marks(found) if isinstance(found, DesignPower) else []
    marks.append(_Mark("smallest to be seen", best.mde, strong=True))
    within = [mark for mark in marks if mark.effect <= _FARTHEST * best.mde]
    beyond = [mark for mark in marks if mark.effect > _FARTHEST * best.mde]
    end = max(1.6 * best.mde, *(1.12 * mark.effect for mark in within))
    effects = np.linspace(0, end, 121)
    ax.plot(effects, np.interp(effects, best.effects, best.powers), color=TRAINING, linewidth=3, zorder=3)
    ax.plot((0, best.mde), (best.power, best.power), color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=2)
    ax.plot(best.mde, best.power, "o", markersize=8, color=TRAINING, mfc=PAGE, mew=2, zorder=4)
    ax.set_xlim(0, end)
    rows = len(within) + len(beyond)
    ax.set_ylim(0, 1.04 + _ROOM * rows)
    # Names of the left half run right, those of the right half run left: so ordered, the fewest cross a line.
    left = sorted((mark for mark in within if mark.effect <= 0.5 * end), key=lambda mark: mark.effect)
    right = sorted((mark for mark in within if mark.effect > 0.5 * end), key=lambda mark: -mark.effect)
    _name_marks(ax, [*left, *right], beyond, end)
    drawing.quiet(ax, grid="y")
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    ax.yaxis.set_major_formatter(lambda value, _: percent(value))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    ax.locator_params(axis="x", nbins=6 if drawing.pixels(ax) > 450 else 4)
    how = f"simulated {best.replications:,} times".replace(",", "\u202f") if best.how == "simulated" else "computed"
    axis = f"effect, as an improvement in {unit}; upright: chance to see it ({how})"
    # Narrower than an axis label is elsewhere: the percents of the upright axis stand left of where it begins.
    ax.set_xlabel("\n".join(drawing.wrap(axis, 12, 0.78 * drawing.pixels(ax))), loc="left", color=MUTED, fontsize=12)
    wanted = found.must_see if isinstance(found, DesignPower) else None
    what = "worthwhile" if isinstance(found, DesignPower) and found.expected is None else "expected"
    told = "" if wanted is None else f"; the {what} {number(abs(wanted))} with {percent(best.power_at(wanted))}"
    begins = f"{name}: the" if name else "The"
    smallest = f"smallest effect seen with {level_text(best.power)} probability is {number(best.mde)} {unit}"
    return drawing.titled(ax, f"{begins} {smallest}{told}")


def _marks(found: DesignPower) -> list[_Mark]:
    declared = (("expected", found.expected), ("worthwhile", found.worthwhile), ("break-even", found.break_even))
    return [_Mark(name, abs(effect)) for name, effect in declared if effect is not None and math.isfinite(effect)]


def _name_marks(ax: Axes, within: list[_Mark], beyond: list[_Mark], end: float) -> None:
    """Draw a line for each mark, and its name in a row of its own above the curve, so that no two names meet."""
    total = len(within) + len(beyond)
    for row, mark in enumerate(within):
        height = 1.04 + _ROOM * (total - row - 1)
        colour = TRAINING if mark.strong else INK
        # The line of the smallest effect ends at the curve: above, it would hide where it comes from.
        ax.plot((mark.effect, mark.effect), (0, height + 0.05), color=colour, linewidth=1.5, zorder=2)
        to_left = mark.effect > 0.5 * end
        ax.annotate(
            f"{mark.words} {number(mark.effect)}",
            (mark.effect, height + 0.05),
            (-6 if to_left else 6, 0),
            textcoords="offset points",
            ha="right" if to_left else "left",
            va="center",
            fontsize=12,
            color=colour,
            fontweight="bold" if mark.strong else "normal",
            bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 1.0},
            zorder=5,
        )
    for row, mark in enumerate(beyond):
        ax.annotate(
            f"{mark.words} {number(mark.effect)} →",
            (end, 1.09 + _ROOM * row),
            ha="right",
            va="center",
            fontsize=12,
            color=INK,
            bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 1.0},
            zorder=5,
        )


def calendar(
    plan: Plan, *, ax: Axes | None = None, period: str = "period", cluster: str = "cluster", unit: str = "unit"
) -> Axes:
    """Draw who starts when: a bar for each start from its period on, with the baseline and follow-up windows shaded.

    `period`, `cluster` and `unit` name the length of a period, what is assigned and what is measured. Of more than
    eight starts neighbours share a row.

    Examples
    --------
    >>> import numpy as np
    >>> import attribution as at
    >>> from attribution.planning.records import Plan, PlannedCohort
    >>> cohorts = (PlannedCohort(3, np.full(12, 8.0)), PlannedCohort(None, np.full(14, 8.0)))
    >>> plan = Plan("did", {}, cohorts, (0, 1, 2), (3, 4, 5))
    >>> axes = at.figures.calendar(plan, period="month", cluster="team", unit="person")
    """
    require_type(plan, Plan, name="plan", remedy="pass the plan of a DesignPower: power.plan")
    ax = drawing.axes(ax, 3.0)
    labels = period_names(plan)
    rows = _rows(plan)
    ax.set_xlim(0, plan.span)
    ax.set_ylim(-2.1 * len(rows), 1.45)
    for words, window, side in (("baseline", plan.baseline, "left"), ("follow-up", plan.followup, "right")):
        _shade(ax, words, window, side)
    for place, row in enumerate(rows):
        foot = -2.1 * place - 2.0
        start = plan.span if row[0].start is None else row[0].start
        ax.barh(foot + 0.4, start, 0.62, color=BACKGROUND, edgecolor=EDGE, linewidth=0.8, align="center", zorder=2)
        if start < plan.span:
            ax.barh(foot + 0.4, plan.span - start, 0.62, left=start, color=TRAINING, align="center", zorder=2)
        ax.text(
            0.0,
            foot + 0.82,
            _row_label(row, labels, cluster, unit),
            transform=ax.get_yaxis_transform(),
            ha="left",
            va="bottom",
            fontsize=12,
            color=INK,
            zorder=4,
        )
    _ticks(ax, labels)
    ax.set_yticks([])
    drawing.quiet(ax, grid="x")
    ax.grid(visible=False)
    drawing.axis_label(ax, f"{period}; dark once training has started")
    return drawing.titled(ax, _who_starts(plan, labels, cluster))


def period_names(plan: Plan) -> tuple[str, ...]:
    """Return the name of each period of a plan: its label, or its number from 1 on where labels are not known."""
    known = len(plan.labels) >= plan.span
    return plan.labels[: plan.span] if known else tuple(str(place + 1) for place in range(plan.span))


def in_order(plan: Plan) -> list[PlannedCohort]:
    """Return the cohorts of a plan by their start, those who are not trained last."""
    return sorted(plan.cohorts, key=lambda one: plan.span if one.start is None else one.start)


def _rows(plan: Plan) -> list[list[PlannedCohort]]:
    trained = [one for one in in_order(plan) if one.start is not None]
    never = [one for one in plan.cohorts if one.start is None]
    size = math.ceil(len(trained) / _ROWS) if trained else 1
    rows = [trained[first : first + size] for first in range(0, len(trained), size)]
    return [*rows, never] if never else rows


def _shade(ax: Axes, words: str, window: tuple[int, ...], side: str) -> None:
    """Shade the periods of a window, and name it at its end of the axis, where the names cannot meet."""
    for place in window:
        ax.axvspan(place, place + 1, color=GRID, linewidth=0, zorder=0)
    # The shade alone would not tell windows apart that touch.
    ax.plot((min(window) + 0.04, max(window) + 0.96), (0.16, 0.16), color=EDGE, linewidth=3, zorder=3)
    edge = min(window) if side == "left" else max(window) + 1
    ax.text(edge, 0.34, words, ha=side, va="bottom", fontsize=12, color=MUTED, zorder=4)


def _ticks(ax: Axes, labels: tuple[str, ...]) -> None:
    longest = max(len(label) for label in labels)
    fitting = max(2, int(drawing.pixels(ax) / (7.5 * longest + 16)))
    step = math.ceil(len(labels) / fitting)
    places = range(0, len(labels), step)
    ax.set_xticks([place + 0.5 for place in places], [labels[place] for place in places])


def _row_label(row: list[PlannedCohort], labels: tuple[str, ...], cluster: str, unit: str) -> str:
    clusters, units = sum(one.clusters for one in row), round(sum(one.units for one in row))
    first, last = row[0].start, row[-1].start
    when = "not trained"
    if first is not None and last is not None:
        when = start_name(labels, first) if first == last else f"{labels[first]} to {labels[last]}"
    return f"{when}: {_counted(clusters, units, cluster, unit)}"


def start_name(labels: tuple[str, ...], start: int) -> str:
    """Return the period of a start, with "by" where it may have been earlier, in periods that are not in the data."""
    return f"by {labels[start]}" if _after_a_gap(labels, start) else labels[start]


def _after_a_gap(labels: tuple[str, ...], start: int) -> bool:
    """Say whether periods are missing right before a start, so that training may have begun in one of them."""
    if start == 0:
        return True
    before, first = (int(label) if label.isdecimal() else parse_label(label) for label in labels[start - 1 : start + 1])
    if isinstance(before, int) and isinstance(first, int):
        return first - before > 1
    if isinstance(before, pd.Period) and isinstance(first, pd.Period):
        return before + 1 != first
    return False


def _counted(clusters: int, units: int, cluster: str, unit: str) -> str:
    return plural(clusters, cluster) + (f", {plural(units, unit)}" if units != clusters else "")


def _who_starts(plan: Plan, labels: tuple[str, ...], cluster: str) -> str:
    starts = sorted({one.start for one in plan.trained if one.start is not None})
    if not starts:
        return f"Nobody starts: {plural(plan.control_clusters, cluster)} are followed"
    when = f"{'by' if _after_a_gap(labels, starts[0]) else 'in'} {labels[starts[0]]}"
    if len(starts) > 1:
        when = f"in {len(starts)} waves from {labels[starts[0]]} to {labels[starts[-1]]}"
    verb = "starts" if plan.trained_clusters == 1 else "start"
    rest = plan.control_clusters
    after = f"{rest:,} {'is' if rest == 1 else 'are'} not trained by the end" if rest else "all are trained by the end"
    return f"{plural(plan.trained_clusters, cluster)} {verb} {when}; {after}"
