"""The figures: each takes `ax=`, returns the Axes, and can be restyled. No global setting of matplotlib changes.

The title stands on the left: `ax.set_title("…", loc="left")` replaces it, without `loc` a second one is drawn over it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.core.interval import Interval
from attribution.design.cohorts import NO_COHORT
from attribution.design.schema import Analysis
from attribution.errors import MethodError, require_type
from attribution.finance.roi import Roi
from attribution.inference.factor import AttributionFactor
from attribution.report import drawing
from attribution.report.cohort_figures import love_plot, overlap_plot
from attribution.report.drawing import BACKGROUND, EDGE, INK, MUTED, TRAINING, Row
from attribution.report.event_figures import event_study, sensitivity, share_by_event, trend
from attribution.report.format import level_text, money, number, percent, signed, signed_percent, span
from attribution.report.power_figures import calendar, power_curve
from attribution.report.sensitivity_figures import sensitivity_contours
from attribution.report.words import comparison, rolls_out
from attribution.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "analysis_label",
    "calendar",
    "effect_forest",
    "event_study",
    "love_plot",
    "overlap_plot",
    "power_curve",
    "scenarios",
    "sensitivity",
    "sensitivity_contours",
    "share_by_event",
    "share_sets",
    "trend",
    "waterfall",
]

METHODS = {
    "fieller": "Fieller (headline)",
    "delta": "delta method",
    "percentile": "bootstrap percentile",
    "bca": "bootstrap BCa",
}

_COMPACT = 450
"""Pixels below which a waterfall has no room for the numbers of its vertical axis."""


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
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(
    ...     frame, unit="fcode", period="year", outcome="lscrap", trained="grant", direction="lower")
    >>> factor = at.attribution_factor(at.did(panel, baseline=[1987], followup=[1988]), seed=7)
    >>> axes = at.figures.waterfall(factor, label="Log scrap rate", unit="log points")
    """
    require_type(factor, AttributionFactor, name="factor", remedy="wrap the estimate: at.attribution_factor(estimate)")
    estimate = factor.estimate
    missing = [term for term in ("effect", "change", "background") if term not in estimate.terms]
    if missing:
        raise MethodError(
            f"{estimate.method} has no {', '.join(missing)}",
            where="waterfall",
            remedy="give the share of an estimate with a comparison, such as did",
        )
    ax = drawing.axes(ax, 4.2)
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
        drawing.whisker(ax, ends, vertical_at=2)
        note = (
            f"Whisker: {level_text(interval.level)} interval of the training’s effect, "
            f"{number(interval.low)} to {number(interval.high)}"
        )
    else:
        note = "The training’s effect has no interval: its standard error is undefined"
    ax.axhline(0, color=INK, linewidth=1, zorder=1)
    rolling = rolls_out(estimate)
    names = (
        ("Before", number(before), "before each began" if rolling else span(estimate.n.baseline)),
        ("Background", signed(background), _relative(estimate, "background")),
        ("Training", signed(estimate.value("effect")), _relative(estimate, "effect")),
        ("After", number(after), "since then" if rolling else span(estimate.n.followup)),
    )
    ax.set_xlim(-0.6, 3.6)
    ax.use_sticky_edges = False
    ax.margins(y=0.06)
    ax.set_xticks([])
    drawing.quiet(ax, grid="y")
    compact = drawing.pixels(ax) < _COMPACT
    for column, lines in enumerate(names):
        for line, words in enumerate(lines):
            drawing.beneath(ax, column, line, words, size=11 if compact else 12)
    axis = f"{'level' if start else 'change since before'}, {unit or estimate.outcome}"
    if compact:
        # Every bar's number stands beneath it; the room of a second set of numbers is better given to the bars.
        ax.tick_params(labelleft=False)
        note = f"Bars: {axis}. {note}"
    else:
        ax.set_ylabel("\n".join(drawing.wrap(axis, 12, 230)), color=MUTED, fontsize=12)
    drawing.note_below(ax, note, lines_down=3.6)
    return drawing.titled(ax, f"{label or estimate.outcome}: {_story(estimate)}")


def share_sets(factor: AttributionFactor, *, ax: Axes | None = None) -> Axes:
    """Draw every interval of the share on one axis, the headline first, with lines at 0 (none) and 1 (all).

    The axis holds the headline's ends and its point, whatever they are; where the share is not estimable its point is
    not drawn. A set that runs on beyond the axis ends in an arrow, a disjoint set shows its gap, and one that is
    undefined says so.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(
    ...     frame, unit="fcode", period="year", outcome="lscrap", trained="grant", direction="lower")
    >>> factor = at.attribution_factor(at.did(panel, baseline=[1987], followup=[1988]), seed=7)
    >>> axes = at.figures.share_sets(factor)
    """
    require_type(factor, AttributionFactor, name="factor", remedy="wrap the estimate: at.attribution_factor(estimate)")
    rows = [
        Row(
            f"{METHODS.get(one.method, one.method)}: {_in_words(one, percent, 'any share fits the data')}",
            factor.share if factor.estimable else math.nan,
            one,
            one is factor.interval,
        )
        for one in (factor.interval, *factor.others)
    ]
    limits = _share_axis(factor)
    ax = drawing.chart(ax, rows, limits, above=1.4)
    # The longer the numbers of a far axis, the fewer stand side by side on a narrow page.
    longest = max(len(percent(limit)) for limit in limits)
    ax.locator_params(axis="x", nbins=min(6, max(4, 11 - longest)))
    top = ax.get_ylim()[1]
    for place, words, side in ((0, "0%: none of it", "right"), (1, "100%: all of it", "left")):
        ax.axvline(place, color=INK, linewidth=1, zorder=1)
        shift = -4 if side == "right" else 4
        ax.annotate(
            words, (place, top), (shift, -2), textcoords="offset points", ha=side, va="top", color=MUTED, fontsize=12
        )
    ax.xaxis.set_major_formatter(lambda value, _: percent(value))
    what = "log change" if factor.estimate.scale == "log" else "change"
    drawing.axis_label(ax, f"share of the {what} that training caused")
    if factor.estimable:
        ends = _in_words(factor.interval, percent, "")
        return drawing.titled(
            ax, f"Training’s share of the {what}: {percent(factor.share)} estimated, {ends} fit the data"
        )
    return drawing.titled(ax, f"Training’s share of the {what}: not estimable; {factor.reason}")


def _share_axis(factor: AttributionFactor) -> tuple[float, float]:
    """Return the ends of the axis: the headline whole, the other sets from −300% to 400% where they reach so far."""
    headline = [*_ends(factor.interval), *([factor.share] if factor.estimable else [])]
    others = [min(max(end, -3.0), 4.0) for one in factor.others for end in _ends(one)]
    low, high = min([-0.6, *headline, *others]), max([1.6, *headline, *others])
    # Room for the words beside the lines at 0 and 1: each line stands a quarter of the axis from its edge or more.
    low, high = min(low, -0.35 * high), max(high, 1 + 0.35 * (1 - low))
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def scenarios(roi: Roi, *, ax: Axes | None = None, label: str | None = None) -> Axes:
    """Draw the net benefit in the three corner cases, which have no confidence level.

    `label` names the KPI that the money is of, where a study has several. Raises `MethodError` where the effect has
    no interval to take a corner of.

    Examples
    --------
    >>> import attribution as at
    >>> result = at.run(at.load_design("designs/michigan-grants.toml"))
    >>> axes = at.figures.scenarios(result.roi)
    """
    if any(not math.isfinite(one.net_benefit) for one in roi.scenarios):
        raise MethodError(
            "the effect has no interval, hence no corner cases",
            where="scenarios",
            remedy="report the point alone, or give each arm at least two clusters",
        )
    width = roi.net_benefit.high - roi.net_benefit.low
    nets = [one.net_benefit for one in roi.scenarios]
    shown = [money(net, roi.currency, width=width) for net in nets]
    low, high = min(0.0, *nets), max(0.0, *nets)
    room = 0.06 * (high - low)
    nothing = Interval.undefined(level=roi.level, method="corner case")
    rows = [
        Row(f"{one.name.capitalize()}: {text}", float("nan"), nothing, one.name == "base")
        for one, text in zip(roi.scenarios, shown, strict=True)
    ]
    ax = drawing.chart(ax, rows, (low - room, high + room))
    for place, row, net in zip(drawing.places(ax, rows), rows, nets, strict=True):
        colours = (TRAINING, TRAINING) if row.strong else (BACKGROUND, EDGE)
        ax.barh(place, net, 0.9, color=colours[0], edgecolor=colours[1], linewidth=1, zorder=2)
    # Beneath the labels, which it must not cross.
    ax.axvline(0, color=INK, linewidth=1, zorder=1)
    ax.xaxis.set_major_formatter(lambda value, _: money(value, roi.currency))
    ax.locator_params(axis="x", nbins=5)
    drawing.axis_label(ax, "net benefit; 0 is break-even")
    whose = f"Net benefit of {label}" if label else "Net benefit"
    return drawing.titled(
        ax, f"{whose} is {shown[0]} in the conservative corner case and {shown[-1]} in the optimistic one"
    )


def effect_forest(result: StudyResult, *, ax: Axes | None = None, kpi: str | None = None) -> Axes:
    """Draw the effect of every analysis of one KPI with its interval, the primary analysis strong.

    `kpi` is the KPI's id, by default that of the headline. Analyses without an effect are left to the tables. Raises
    `MethodError` for a KPI that no analysis estimates an effect on.

    Examples
    --------
    >>> import attribution as at
    >>> result = at.run(at.load_design("designs/michigan-grants.toml"))
    >>> axes = at.figures.effect_forest(result)
    """
    analyses = {one.id: one for one in result.design.analysis}
    wanted = analyses[result.primary[0]].kpi if kpi is None else kpi
    rows = []
    for name, estimate in result.estimates.items():
        if analyses[name].kpi != wanted or "effect" not in estimate.terms:
            continue
        interval = estimate.interval(result.manifest.level, term="effect")
        effect, strong = estimate.value("effect"), name in result.primary
        rows.append(
            Row(
                f"{analysis_label(analyses[name])}: {number(effect)}, {_in_words(interval, number, 'any effect')}",
                effect,
                interval,
                strong,
            )
        )
    if not rows:
        raise MethodError(
            f"no analysis estimates an effect on {wanted!r}",
            where="effect_forest",
            remedy=f"choose one of {', '.join(sorted({one.kpi for one in analyses.values()}))}",
        )
    rows.sort(key=lambda row: not row.strong)
    ends = [end for row in rows for end in (0.0, row.point, *_ends(row.interval))]
    room = 0.06 * (max(ends) - min(ends))
    ax = drawing.chart(ax, rows, (min(ends) - room, max(ends) + room))
    ax.axvline(0, color=INK, linewidth=1, zorder=1)
    measure = next(one for one in result.design.kpi if one.id == wanted)
    better = "left of 0 is better" if measure.direction == "lower" else "right of 0 is better"
    drawing.axis_label(ax, f"effect, {measure.unit}; {better}")
    effect_on = "effect" if len({one.kpi for one in analyses.values()}) == 1 else f"effect on {measure.label}"
    known = [row.interval for row in rows if row.interval.kind == "bounded"]
    if not known:
        return drawing.titled(ax, f"No analysis has an interval of the {effect_on}")
    covering = sum(0.0 in interval for interval in known)
    counted = f"{covering} of {len(known)}" if 0 < covering < len(known) else f"all {len(known)}"
    counted = "1 analysis" if len(known) == 1 else f"{counted} analyses"
    if len(known) < len(rows):
        counted += f"; {len(rows) - len(known)} of {len(rows)} {'has' if len(rows) - len(known) == 1 else 'have'} none"
    verb = "includes" if covering else "leaves out"
    return drawing.titled(ax, f"The interval of the {effect_on} {verb} 0 in {counted}")


def analysis_label(analysis: Analysis) -> str:
    """Return an analysis in words: its id, its role where the id does not say it, its method, cohort and options."""
    role = "" if analysis.id == analysis.role else f" ({analysis.role})"
    cohort = "" if analysis.cohort in (None, NO_COHORT, analysis.id) else f" on {analysis.cohort}"
    options = "".join(f", {_option(name, value)}" for name, value in analysis.options.items())
    return f"{analysis.id}{role}, {analysis.method.replace('_', ' ')}{cohort}{options}"


def _option(name: str, value: object) -> str:
    said = name.replace("_", " ")
    if isinstance(value, bool):
        return said if value else f"not {said}"
    if name == "followup" and isinstance(value, tuple):
        windows = value if isinstance(value[0], tuple) else (value,)
        return f"{said} {' and '.join(span([str(one) for one in window]) for window in windows)}"
    return f"{said} {_listed(value)}"


def _listed(value: object) -> str:
    if isinstance(value, tuple):
        return " and ".join(_listed(one) for one in value) if len(value) < 4 else f"{value[0]} to {value[-1]}"
    return str(value)


def _levels(estimate: Estimate) -> tuple[float, float]:
    """Return the mean level of the trained before and after; NaN where the estimate does not carry levels."""
    if UNTRAINED_LEVEL not in estimate.terms:
        return float("nan"), float("nan")
    after = estimate.value(UNTRAINED_LEVEL) + estimate.value("effect")
    return after - estimate.value("change"), after


def _relative(estimate: Estimate, term: str) -> str:
    if estimate.scale == "linear":
        return ""
    return signed_percent(estimate.percent(term=term).estimate)


def _moved(value: float, unit_free: bool) -> str:
    size = percent(abs(value)) if unit_free else number(abs(value))
    return f"{'fell' if value < 0 else 'rose'} by {size}" if value else "did not move"


def _story(estimate: Estimate) -> str:
    """Return the finding in words: what the trained did, and what the untrained did."""
    relative = estimate.scale == "log"
    trained, untrained = (
        _moved(estimate.percent(term=term).estimate if relative else estimate.value(term), relative)
        for term in ("change", "background")
    )
    said = comparison(estimate)
    if estimate.rows == "periods":
        return f"{trained} among the trained, {untrained} on {said.others}"
    return f"{trained} among {said.trained}, {untrained} among {said.others}"


def _ends(interval: Interval) -> tuple[float, ...]:
    return tuple(end for end in (interval.low, interval.high) if math.isfinite(end))


def _in_words(interval: Interval, write: Callable[[float], str], anything: str) -> str:
    """Return a set in words, for a label."""
    if interval.kind == "bounded":
        return f"{write(interval.low)} to {write(interval.high)}"
    if interval.kind == "disjoint":
        return f"up to {write(interval.low)}, and from {write(interval.high)} on"
    return anything if interval.kind == "unbounded" else "undefined"
