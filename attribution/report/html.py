"""The page: one self-contained HTML file, rendered from the records and the compiled claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.report import drawing, figures, tables
from attribution.report.claims import Claim
from attribution.report.format import percent, plural
from attribution.report.tables import Cell, Table
from attribution.report.words import no_money, priced_kpi, primary_kpi, several_kpis, units
from attribution.study.result import StudyResult

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

TEMPLATES = Path(__file__).parent / "templates"

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


Sentence: TypeAlias = tuple[str | Cell, ...]
"""Words and numbers in turn."""


def render(result: StudyResult, claim: Claim, previous: dict[str, str] | None = None) -> str:
    """Return the report as one HTML file without scripts or anything to fetch.

    Every text is escaped, whatever the design or the data hold. Every number that stands in `results.json` carries
    its path there as `data-source`. `previous` are the digests of the run that this one replaces.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
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
        compared=_compared(result),
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


def _compared(result: StudyResult) -> tuple[Sentence, ...]:
    """Return sentences on who was compared with whom."""
    flow = result.estimate.n
    windows = f"before is {_span(flow.baseline)}, after is {_span(flow.followup)}"
    trained = Cell(units(result, flow.trained.units), "cohort.trained.units")
    if not flow.control.units:
        return ((trained, f" trained and measured; {windows}. Nobody untrained was compared with them."),)
    control = Cell(str(flow.control.units), "cohort.control.units")
    lines: list[Sentence] = [(trained, " trained and measured, compared with ", control, f" not trained; {windows}.")]
    if flow.later:
        late: list[str | Cell] = ["Of those compared, some are trained later and count as untrained until then:"]
        for index, (period, count) in enumerate(flow.later):
            late += [", " if index else " ", Cell(str(count), f"cohort.later.{index}.units"), f" in {period}"]
        lines.append((*late, "."))
    lost = flow.trained_in_window - flow.trained.units
    if lost:
        everyone = Cell(str(flow.trained_in_window), "cohort.trained_in_window")
        lines.append(
            (
                f"{lost} of the ",
                everyone,
                " trained in this time could not be measured: the effect does not speak for them.",
            )
        )
    return tuple(lines)


def _money_facts(result: StudyResult) -> tuple[Sentence, ...]:
    money = result.roi
    if money is None:
        return ()
    measured = Cell(str(money.plan.units), "roi.units_represented")
    trained = Cell(units(result, money.trained_in_window), "roi.units_trained")
    periods = Cell(plural(money.plan.periods, result.design.timing.period), "roi.periods")
    facts: list[Sentence] = [
        (measured, " measured of ", trained, " trained: the benefit counts those measured, the costs cover all."),
        ("Counted over ", periods, " of follow-up; nothing beyond it."),
    ]
    if money.benefit_draws is not None:
        positive = Cell(percent(money.probability_net_positive), "roi.probability_net_positive")
        above = Cell(percent(money.probability_above_hurdle), "roi.probability_above_hurdle")
        facts += [
            ("Share of draws with a net benefit above zero: ", positive, "."),
            (f"Share of draws with an ROI above the hurdle of {percent(money.hurdle)}: ", above, "."),
        ]
    return tuple(facts)


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
        found.append(finding if named else replace(finding, message=_capital(finding.message)))
    return tuple(found)


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _limits(estimate: Estimate, result: StudyResult) -> tuple[str, ...]:
    """Return our own words on what no interval of this report covers."""
    lines = []
    if estimate.n.control.units:
        lines.append(
            "The effect rests on the assumption that, without training, both groups would have moved alike (parallel "
            "trends). The data cannot prove it."
        )
    level = percent(result.manifest.level)
    lines.append(f"The {level} intervals count chance alone: a comparison that is wrong in itself is not inside them.")
    if result.roi is not None:
        lines.append(
            "No benefit after the last follow-up period is counted, and none of trained units that were not measured."
        )
    lines += [f"{_capital(note)}." for note in estimate.notes]
    return tuple(lines)


def _span(periods: tuple[str, ...]) -> str:
    return periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"
