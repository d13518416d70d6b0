"""The page: one self-contained HTML file, rendered from the records and the compiled claim."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.finance.roi import Roi
from attribution.report import drawing, figures, tables
from attribution.report.claims import Claim
from attribution.report.compared import Sentence, as_read, compared, declared_table
from attribution.report.format import MINUS, SYMBOLS, capital, declared_money, level_text, percent, plural
from attribution.report.tables import Cell, Table
from attribution.report.words import no_money, priced_kpi, primary_kpi, several_kpis, step_unit, unit_noun, units
from attribution.study.result import StudyResult

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

TEMPLATES = Path(__file__).parent / "templates"

_BEFORE_CURRENCY = re.compile(f"{MINUS}(?=[{''.join(SYMBOLS.values())}])")

WIDE, NARROW = 760, 330
"""CSS pixels that each figure is drawn for: a screen or a sheet of paper, and a phone."""

FRAMES = {"roi": "return on investment", "outcomes": "outcomes, without money"}

STATUSES = {"fail": ("✕", "fail"), "warn": ("!", "warn"), "pass": ("✓", "pass"), "skipped": ("–", "skipped")}
"""Sign and word of each status, in the order of the review: meaning never rests on colour alone."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure twice, for wide and for narrow pages, with its finding and its data."""

    name: str
    title: str
    wide: Markup
    narrow: Markup
    data: Table


def render(result: StudyResult, claim: Claim, previous: dict[str, str] | None = None) -> str:
    """Return the report as one HTML file without scripts or anything to fetch.

    Every text is escaped, whatever the design or the data hold. Every number that stands in `results.json` carries
    its path there as `data-source`. `previous` are the digests of the run that this one replaces.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        finalize=_unbroken,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    kpi, estimate = primary_kpi(result), result.estimate
    money = result.roi
    return environment.get_template("report.html.j2").render(
        study=result.design.study,
        program=result.design.program,
        kpi=kpi,
        as_of=result.manifest.as_of,
        frame=FRAMES[result.design.study.frame],
        failed=bool(result.gates_failed),
        claim=claim,
        waterfall=_waterfall(result),
        compared=compared(result),
        as_read=as_read(result),
        declared=declared_table(result),
        flow=tables.flow_table(result),
        arms=tables.arms_table(result),
        coverage=tables.coverage_table(result),
        balance=tables.balance_table(result),
        shares=_shares(result),
        share_reason=_share_reason(result),
        forest=_forest(result),
        terms=tables.terms_table(result),
        roi=money,
        no_money=_no_money(result),
        money_facts=_money_facts(result),
        illustrative=_illustrative(result),
        ledger=None if money is None else tables.ledger_table(money),
        amounts=None if money is None else tables.money_table(result, money),
        scenarios=_scenarios(result),
        findings=_reviewed(result),
        statuses=STATUSES,
        limits=result.design.limits.text,
        ours=_limits(estimate, result),
        manifest=tables.manifest_table(result, previous),
    )


def _unbroken(value: object) -> object:
    """Join a minus to the currency sign after it, where a browser might break the line: for the page alone."""
    return _BEFORE_CURRENCY.sub(f"{MINUS}\u2060", value) if type(value) is str else value


def _picture(
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


def _waterfall(result: StudyResult) -> Picture | None:
    factor, kpi = result.factor, primary_kpi(result)
    if not {"effect", "change", "background"} <= set(factor.estimate.terms):
        return None
    return _picture(
        "waterfall",
        lambda ax: figures.waterfall(factor, ax=ax, label=kpi.label, unit=kpi.unit),
        tables.steps_table(result),
        "Bars from the level before, through what would have happened anyway and what training did, to the level "
        f"after, in {kpi.unit}. The training bar carries the interval of the effect.",
        heights=(330, 330),
    )


def _shares(result: StudyResult) -> Picture | None:
    factor = result.factor
    if "effect" not in factor.estimate.terms:
        return None
    return _picture(
        "shares",
        lambda ax: figures.share_sets(factor, ax=ax),
        tables.share_table(factor),
        "One line for each way of computing the interval of the share, with lines at 0, none of the change, and at "
        "1, all of it.",
        heights=None,
    )


def _forest(result: StudyResult) -> Picture | None:
    if "effect" not in result.estimate.terms:
        return None
    return _picture(
        "analyses",
        lambda ax: figures.effect_forest(result, ax=ax),
        tables.terms_table(result),
        "One line for each analysis: the estimated effect of training with its interval, and a line at 0, no effect.",
        heights=None,
    )


def _scenarios(result: StudyResult) -> Picture | None:
    money = result.roi
    if money is None or money.benefit_draws is None:
        return None
    label = priced_kpi(result).label if several_kpis(result) else None
    return _picture(
        "scenarios",
        lambda ax: figures.scenarios(money, ax=ax, label=label),
        tables.scenario_table(money, label),
        "One bar for each corner case: conservative takes the worse end of the effect’s interval and the upper costs, "
        "optimistic the better end and the lower costs. 0 is break-even.",
        heights=None,
    )


def _no_money(result: StudyResult) -> str:
    """Return one sentence on why the section on money has no numbers."""
    if result.roi is not None:
        return ""
    headline, reason = no_money(result)
    return f"{'No money is stated' if headline == 'No money stated' else f'No money: {headline.lower()}'}: {reason}."


def _share_reason(result: StudyResult) -> str:
    factor = result.factor
    if factor.estimable:
        return ""
    left = "effect" if "effect" in factor.estimate.terms else "observed change"
    return f"The share is not estimable: {factor.reason}. What follows speaks of the {left} alone."


def _money_facts(result: StudyResult) -> tuple[Sentence, ...]:
    money, finance = result.roi, result.design.finance
    if money is None or finance is None:
        return ()
    measured = Cell(str(money.plan.units), "roi.units_represented")
    trained = Cell(units(result, money.trained_in_window), "roi.units_trained")
    periods = Cell(plural(money.plan.periods, result.design.timing.period), "roi.periods")
    rate = Cell(level_text(finance.discount_rate), "roi.discount_rate")
    hurdle = Cell(level_text(money.hurdle), "roi.hurdle")
    facts: list[Sentence] = [
        _priced(result, money),
        (measured, " measured of ", trained, " trained: the benefit counts those measured, the costs cover all."),
        ("Counted over ", periods, " of follow-up; nothing beyond it."),
        ("The net present value is discounted at ", rate, " a year."),
    ]
    if money.benefit_draws is not None:
        positive = Cell(percent(money.probability_net_positive), "roi.probability_net_positive")
        above = Cell(percent(money.probability_above_hurdle), "roi.probability_above_hurdle")
        facts += [
            ("Share of draws with a net benefit above zero: ", positive, "."),
            ("Share of draws with an ROI above the hurdle of ", hurdle, ": ", above, "."),
        ]
    return tuple(facts)


def _priced(result: StudyResult, money: Roi) -> Sentence:
    """Return what the KPI is valued at, by whom, and on whose word."""
    kpi, valuation = priced_kpi(result), result.design.valuation[0]
    unit, whole = f"One unit of {kpi.label} ({step_unit(kpi)})", f"The whole level of {kpi.label} without training"
    what = whole if money.plan.log else unit
    value = Cell(declared_money(money.plan.value, money.currency), "roi.value")
    per = f" per {unit_noun(result)} and {result.design.timing.period}"
    source: Sentence = ("source: ", Cell(valuation.source, "roi.value_source")) if valuation.source else ("no source",)
    approver: Sentence = (
        ("approved by ", Cell(valuation.approver, "roi.approver")) if valuation.approver else ("no approver",)
    )
    marked = "illustrative; " if valuation.illustrative else ""
    return (
        f"{what} is valued at ",
        value,
        f"{per} ({marked}",
        *source,
        "; ",
        *approver,
        ").",
    )


def _illustrative(result: StudyResult) -> str:
    if result.roi is None:
        return ""
    values = [one for one in result.design.valuation if one.illustrative]
    costs = [one for one in result.design.cost if one.illustrative and one.amount]
    parts = ["the value of the KPI"] * bool(values) + [plural(len(costs), "cost")] * bool(costs)
    if not parts:
        return ""
    what = " and ".join(parts)
    verb = "has" if parts in (["the value of the KPI"], ["1 cost"]) else "have"
    return f"Illustrative: {what} {verb} no source. This section shows the method; it is not a finding about money."


def _reviewed(result: StudyResult) -> tuple[Finding, ...]:
    """Return the findings, the worst first, each message as a sentence."""
    order = list(STATUSES)
    # A column's name keeps its letters, wherever it stands.
    columns = {*(kpi.column for kpi in result.design.kpi), *result.design.columns.covariates}
    found = []
    for finding in sorted(result.findings, key=lambda finding: order.index(finding.status)):
        named = finding.message.partition(" ")[0].rstrip(",") in columns
        found.append(finding if named else replace(finding, message=capital(finding.message)))
    return tuple(found)


def _limits(estimate: Estimate, result: StudyResult) -> tuple[str, ...]:
    """Return our own words on what no interval of this report covers."""
    lines = []
    if estimate.n.control.units:
        lines.append(
            "The effect rests on the assumption that, without training, both groups would have moved alike (parallel "
            "trends). The data cannot prove it."
        )
    level = level_text(result.manifest.level)
    lines.append(f"The {level} intervals count chance alone: a comparison that is wrong in itself is not inside them.")
    if result.roi is not None:
        lines.append(
            "No benefit after the last follow-up period is counted, and none of trained units that were not measured."
        )
    lines += [f"{capital(note)}." for note in estimate.notes]
    return tuple(lines)
