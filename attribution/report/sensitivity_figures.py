"""Figures of what was not measured: the effect, or the money, by how strong an unmeasured influence would be."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError, require_type
from attribution.finance.robustness import RoiRobustness
from attribution.inference.unmeasured import Benchmark, Robustness
from attribution.numerics.partial_r2 import benchmarked
from attribution.report import drawing
from attribution.report.drawing import BACKGROUND, EDGE, GRID, INK, MUTED, PAGE, TRAINING
from attribution.report.format import MINUS, number, percent
from attribution.report.format import money as in_money

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_COMPACT = 450
"""Pixels below which the name of the vertical axis stands in the note, and fewer points are named."""

_GRID = 121
"""Points of the grid along each axis."""

_CLEAR = 0.07
"""The part of the upright axis that a name takes."""

_OTHERS = 2
"""Covariates shown beside the strongest one."""


def sensitivity_contours(
    robustness: Robustness,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    unit: str | None = None,
    money: RoiRobustness | None = None,
) -> Axes:
    """Draw what an unmeasured influence would leave of the effect, by its strength with training and with the KPI.

    Lines join strengths that leave the same effect; the thick one is 0, and beyond it, shaded, the effect would be the
    other way round. Dots are influences as strong as the strongest measured covariate, once and more, hollow ones as
    strong as others. With `money` (`at.roi_robustness`) the lines are net benefits, the thick one a ROI of zero.
    `label` and `unit` name the KPI. Raises `MethodError` for an effect of 0, or money of another effect.

    Examples
    --------
    >>> import attribution as at
    >>> from attribution.inference.robustness import robustness
    >>> panel = at.Panel.from_frame(at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap",
    ...     trained="grant", direction="lower", scale="log", covariates=["union"])
    >>> effect = at.did(panel, baseline=[1987], followup=[1988], covariates=["union"])
    >>> axes = sensitivity_contours(robustness(effect, panel), label="Scrap rate", unit="log points")
    """
    require_type(robustness, Robustness, name="robustness", remedy="pass what at.robustness(estimate, panel) returns")
    if robustness.effect == 0:
        raise MethodError("the effect is 0: there is nothing to undo", where="sensitivity_contours", remedy="")
    if money is not None and money.robustness is not robustness:
        raise MethodError(
            "the money is that of another robustness",
            where="money",
            remedy="pass money=at.roi_robustness(roi, robustness) of the same robustness",
        )
    ax = drawing.axes(ax, 5.2)
    compact = drawing.pixels(ax) < _COMPACT
    points = _points(robustness, compact)
    right, top = _limits(robustness, money, points)
    across, up = np.meshgrid(np.linspace(0, right, _GRID), np.linspace(0, top, _GRID))
    left = robustness.adjusted(across, up)[0]
    if money is not None:
        left = money.roi.plan.attributed(left) - money.roi.total_cost.estimate
    _lines(ax, across, up, left, money)
    for point in _labelled(points, right, top):
        face = INK if point.strong else PAGE
        ax.plot(point.across, point.up, "o", markersize=7, color=INK, mfc=face, mew=1.5, clip_on=False, zorder=4)
        if not point.label:
            continue
        end = point.across > 0.7 * right
        ax.annotate(
            point.label,
            (point.across, point.up),
            (-8 if end else 8, 0),
            textcoords="offset points",
            ha="right" if end else "left",
            va="center",
            fontsize=11,
            color=INK,
            bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 1.0},
            zorder=3.5,
        )
    ax.set_xlim(0, right)
    ax.set_ylim(0, top)
    drawing.quiet(ax, grid="y")
    ax.grid(visible=True, axis="x", color=GRID, linewidth=1)
    # One 0% at the corner, beside the upright axis.
    ax.xaxis.set_major_formatter(lambda value, _: percent(value) if value else "")
    ax.yaxis.set_major_formatter(lambda value, _: percent(value))
    ax.locator_params(axis="x", nbins=5)
    axes_say = "explains, of what is left of "
    drawing.axis_label(ax, f"{axes_say}who was trained")
    upright = f"{axes_say}the KPI"
    what = f"net benefit, {money.roi.currency}" if money is not None else f"effect, {unit or robustness.outcome}"
    note = [f"Lines: {what}, with something unmeasured counted that explains so much of both."]
    note.append(
        "Thick: an ROI of zero; shaded: a loss." if money is not None else "Thick: no effect; shaded: reversed."
    )
    if points:
        note.append("Dots: as strong as a measured covariate, so many times.")
    if compact:
        note = [f"Upright: {upright}.", *note]
    else:
        ax.set_ylabel("\n".join(drawing.wrap(upright, 12, 230)), color=MUTED, fontsize=12)
    drawing.note_below(ax, " ".join(note), lines_down=2.9)
    return drawing.titled(ax, f"{label or robustness.outcome}: {_story(robustness, money)}")


@dataclass(frozen=True, slots=True)
class _Point:
    """One dot: an influence so many times as strong as a measured covariate; `label` is empty where none fits."""

    across: float
    up: float
    times: float
    covariate: str
    strong: bool
    label: str = ""


def _points(robustness: Robustness, compact: bool) -> list[_Point]:
    found = []
    for place, one in enumerate(robustness.benchmarks[: 1 if compact else 1 + _OTHERS]):
        for times in robustness.multiples if place == 0 else (1.0,):
            across, up = _strength(one, times)
            if math.isfinite(across):
                found.append(_Point(across, up, times, one.covariate, place == 0))
    return found


def _labelled(points: list[_Point], right: float, top: float) -> list[_Point]:
    """Return the dots inside the axes with their names: one for those of the strongest covariate that lie close.

    A dot of another covariate whose name would not stand clear is left out.
    """
    inside = [point for point in points if point.across <= right and point.up <= top]
    # Names from the top down: each takes in the dots beneath it that have no room for one of their own.
    groups: list[list[_Point]] = []
    for point in sorted((one for one in inside if one.strong), key=lambda one: -one.times):
        if groups and abs(groups[-1][0].up - point.up) <= _CLEAR * top:
            groups[-1].append(point)
        else:
            groups.append([point])
    named: list[_Point] = []
    for first, *others in groups:
        times = ", ".join(f"{one.times:g}" for one in (*reversed(others), first))
        named += [replace(first, label=f"{times} × {first.covariate}"), *others]
    for point in inside:
        clear = all(abs(point.up - other.up) > _CLEAR * top for other in named) and point.up > 0.03 * top
        if not point.strong and clear:
            named.append(replace(point, label=f"{point.times:g} × {point.covariate}"))
    return named


def _strength(one: Benchmark, times: float) -> tuple[float, float]:
    trained, outcome = benchmarked(one.strength_trained, one.strength_outcome, times, times)
    return float(trained), float(outcome)


def _limits(robustness: Robustness, money: RoiRobustness | None, points: list[_Point]) -> tuple[float, float]:
    """Return the ends of the axes: the thick line's middle and the dots are inside."""
    middle = robustness.value if money is None else money.value
    strong = [point for point in points if point.strong]
    right = max([1.5 * middle, *(1.3 * point.across for point in strong)], default=0.1)
    top = max([1.5 * middle, *(1.15 * point.up for point in strong)], default=0.1)
    return min(max(right, 0.02), 0.9), min(max(top, 0.02), 1.0)


def _lines(ax: Axes, across: Floats, up: Floats, left: Floats, money: RoiRobustness | None) -> None:
    from matplotlib.ticker import MaxNLocator

    better = float(left[0, 0])
    # On the log scale and in money alike: what is left falls from the corner at no strength.
    signed_left = left * (1.0 if better >= 0 else -1.0)
    if signed_left.min() < 0 < signed_left.max():
        ax.contourf(across, up, signed_left, levels=[signed_left.min() - 1, 0.0], colors=[BACKGROUND], zorder=0.5)
        ax.contour(across, up, signed_left, levels=[0.0], colors=[TRAINING], linewidths=3, zorder=3)
    ticks = MaxNLocator(nbins=8).tick_values(float(left.min()), float(left.max()))
    levels = [float(tick) for tick in ticks if left.min() < tick < left.max() and abs(tick) > 1e-12]
    if levels:
        drawn = ax.contour(across, up, left, levels=levels, colors=[EDGE], linewidths=1, linestyles="solid", zorder=2)
        step = float(ticks[1] - ticks[0])
        written = {
            level: _plain_number(level) if money is None else in_money(level, money.roi.currency, width=10 * step)
            for level in levels
        }
        ax.clabel(drawn, fmt=written, fontsize=11, colors=[MUTED])


def _plain_number(value: float) -> str:
    """Return a tick with its sign, a true minus and no zeros at its end."""
    return f"{value:+.4g}".replace("-", MINUS)


def _story(robustness: Robustness, money: RoiRobustness | None) -> str:
    """Return in words what it takes."""
    one = robustness.strongest
    undone = "take the ROI to zero" if money is not None else "undo the effect"
    if money is not None and money.reason:
        return "the ROI is not above zero as it stands"
    value = robustness.value if money is None else money.value
    times = float("nan") if one is None else robustness.times() if money is None else money.times
    if one is None or not math.isfinite(times):
        return f"something that explains {percent(value)} of what is left of training and KPI would {undone}"
    return f"something {number(times, 2)} times as strong as {one.covariate} would {undone}"
