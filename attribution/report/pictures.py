"""The figures of the page, each drawn for a wide and for a narrow one, with its data as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attribution.report import cohort_figures, cohort_tables, drawing, event_tables, figures, tables
from attribution.report.cells import Table
from attribution.report.doubt import Doubt, bounds_table
from attribution.report.events import event_rows
from attribution.report.format import signed
from attribution.report.made import Made
from attribution.report.projection import projection, projects
from attribution.report.words import priced_kpi, several_kpis
from attribution.study.result import StudyResult
from attribution.study.verdict import primary_kpi

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

WIDE, NARROW = 760, 330
"""CSS pixels that each figure is drawn for: a screen or a sheet of paper, and a phone."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure twice, for wide and for narrow pages, with its finding and its data."""

    name: str
    title: str
    wide: Markup
    narrow: Markup
    data: Table


def drawn_twice(
    name: str, draw: Callable[[Axes], Axes], data: Table, desc: str, *, heights: tuple[int, int] | None
) -> Picture:
    """Draw a figure for both widths. Its title becomes the caption, where the page's own font sets it."""
    drawn, title = [], ""
    for index, width in enumerate((WIDE, NARROW)):

        def untitled(ax: Axes) -> Axes:
            nonlocal title
            title = str(draw(ax).get_label())
            ax.set_title("", loc="left")
            return ax

        ax = drawing.picture(untitled, width=width, height=None if heights is None else heights[index])
        suffix = ("wide", "narrow")[index]
        drawn.append(drawing.svg(ax, title=title, desc=desc, name=f"{name}-{suffix}"))
    return Picture(name, title, drawn[0], drawn[1], data)


def waterfall(result: StudyResult) -> Picture | None:
    """Return the waterfall; None where the estimate has no background."""
    factor, kpi = result.factor, primary_kpi(result)
    if not {"effect", "change", "background"} <= set(factor.estimate.terms):
        return None
    return drawn_twice(
        "waterfall",
        lambda ax: figures.waterfall(factor, ax=ax, label=kpi.label, unit=kpi.unit),
        tables.steps_table(result),
        "Bars from the level before, through what would have happened anyway and what training did, to the level "
        f"after, in {kpi.unit}. The training bar carries the interval of the effect.",
        heights=(330, 330),
    )


def shares(result: StudyResult) -> Picture | None:
    """Return every set of the share; None without an effect."""
    factor = result.factor
    if "effect" not in factor.estimate.terms:
        return None
    return drawn_twice(
        "shares",
        lambda ax: figures.share_sets(factor, ax=ax),
        tables.share_table(factor),
        "One line for each way of computing the interval of the share, with lines at 0, none of the change, and at "
        "1, all of it.",
        heights=None,
    )


def forest(result: StudyResult) -> Picture | None:
    """Return the effect of every analysis; None without an effect."""
    if "effect" not in result.estimate.terms:
        return None
    return drawn_twice(
        "analyses",
        lambda ax: figures.effect_forest(result, ax=ax),
        tables.terms_table(result),
        "One line for each analysis: the estimated effect of training with its interval, and a line at 0, no effect.",
        heights=None,
    )


def scenarios(result: StudyResult) -> Picture | None:
    """Return the corner cases; None where money has no interval."""
    money = result.roi
    if money is None or money.benefit_draws is None:
        return None
    label = priced_kpi(result).label if several_kpis(result) else None
    return drawn_twice(
        "scenarios",
        lambda ax: figures.scenarios(money, ax=ax, label=label),
        tables.scenario_table(money, label),
        "One bar for each corner case: conservative takes the worse end of the effect’s interval and the upper costs, "
        "optimistic the better end and the lower costs. 0 is break-even.",
        heights=None,
    )


def events(result: StudyResult) -> Picture | None:
    """Return the event study of the headline estimate; None where it has no event times."""
    kpi, level, period = primary_kpi(result), result.manifest.level, result.design.timing.period
    estimate, seed = result.estimate, result.manifest.seed
    rows = event_rows(estimate, level, seed=seed)
    if not rows or projects(estimate):
        return None
    return drawn_twice(
        "events",
        lambda ax: figures.event_study(
            estimate, ax=ax, label=kpi.label, unit=kpi.unit, period=period, level=level, rows=rows
        ),
        event_tables.events_table(estimate, rows, period, level),
        f"Points for each {period} before and since training began, with the interval of each and a band that holds "
        f"all of them, in {kpi.unit}. A dashed line marks where training began, a line marks 0, no effect.",
        heights=(390, 400),
    )


def events_share(result: StudyResult) -> Picture | None:
    """Return the share by event time; None where the headline estimate has no change by event time."""
    level, period, seed = result.manifest.level, result.design.timing.period, result.manifest.seed
    estimate = result.estimate
    rows = event_rows(estimate, level, seed=seed)
    if projects(estimate) or not any(row.change == row.change for row in rows):
        return None
    return drawn_twice(
        "events-share",
        lambda ax: figures.share_by_event(estimate, ax=ax, period=period, level=level, rows=rows),
        event_tables.events_table(estimate, rows, period, level),
        f"Training’s share of the change for each {period} since training began, with its set, and lines at 0, none of "
        "the change, and at 1, all of it.",
        heights=(330, 360),
    )


def projected(result: StudyResult) -> Picture | None:
    """Return the observed and the projected series; None where the headline estimate is no trend."""
    estimate, panel, kpi, level = result.estimate, result.panel, primary_kpi(result), result.manifest.level
    if not projects(estimate):
        return None
    return drawn_twice(
        "projection",
        lambda ax: figures.trend(estimate, panel, ax=ax, label=kpi.label, unit=kpi.unit, level=level),
        event_tables.projection_table(projection(estimate, panel, level), level),
        f"The observed series of the trained in {kpi.unit}, and the trend of before, carried on.",
        heights=(370, 370),
    )


def sensitive(result: StudyResult) -> Picture | None:
    """Return the interval by how far trends may part; None where nothing before the start was estimated."""
    looked, kpi = result.looks_back.get(result.primary[0]), primary_kpi(result)
    tested = None if looked is None else looked.sensitivity
    if tested is None:
        return None
    period = result.design.timing.period
    return drawn_twice(
        "sensitivity",
        lambda ax: figures.sensitivity(tested, ax=ax, label=kpi.label, unit=kpi.unit, period=period),
        event_tables.sensitivity_table(tested),
        f"Intervals of an effect of {signed(tested.estimate)} {kpi.unit}, the wider the further trends part; a line "
        "marks 0, no effect.",
        heights=(330, 380),
    )


def alike(result: StudyResult, made: Made) -> Picture | None:
    """Return the love plot of the cohort; None where it has no difference to draw."""
    data = cohort_tables.alike_table(result, made)
    drawable = any(one == one for row in made.balance for one in (row.before.smd, row.after.smd))
    if data is None or not drawable:
        return None
    names = {row.variable: cohort_tables.shown_name(result, row.variable) for row in made.balance}
    return drawn_twice(
        "alike",
        lambda ax: cohort_figures.love_plot(made.balance, ax=ax, names=names),
        data,
        "One line for each variable: how many standard deviations the arms are apart before the cohort and after it, "
        "with dashed lines at 0.1 and 0.25.",
        heights=None,
    )


def overlapping(made: Made) -> Picture | None:
    """Return the propensities of both arms; None where there are none."""
    found, data = made.overlap, cohort_tables.overlap_table(made)
    if found is None or data is None:
        return None
    return drawn_twice(
        "overlap",
        lambda ax: cohort_figures.draw_overlap(found, ax=ax),
        data,
        "Bars of the propensities, those of the trained upwards and those of the controls downwards, before the cohort "
        "and as it weighs them.",
        heights=(360, 390),
    )


def contours(result: StudyResult, found: Doubt) -> Picture | None:
    """Return what something unmeasured would leave of the effect, or of the money; None where nothing is to undo."""
    data, kpi = bounds_table(result, found), primary_kpi(result)
    if data is None or not found.told:
        return None
    money = None if found.money is None or found.money.reason else found.money
    what = "the net benefit" if money is not None else f"the effect in {kpi.unit}"
    return drawn_twice(
        "contours",
        lambda ax: figures.sensitivity_contours(found.robustness, ax=ax, label=kpi.label, unit=kpi.unit, money=money),
        data,
        f"Lines of what would be left of {what}, by how much something unmeasured explains of who was trained (across) "
        "and of the KPI (upright). A thick line marks 0; dots are as strong as measured covariates.",
        heights=(420, 440),
    )
