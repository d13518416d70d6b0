"""The page: one self-contained HTML file, rendered from the records and the compiled claim."""

from __future__ import annotations

import re
from dataclasses import replace

from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.finance.roi import Roi
from attribution.report import cohort_tables, pictures, tables
from attribution.report.banner import standing
from attribution.report.cells import Cell, integer
from attribution.report.claims import Claim
from attribution.report.compared import Sentence, as_read, compared, declared_table
from attribution.report.doubt import bounds_table, doubt, doubt_told, values_table
from attribution.report.format import MINUS, capital, declared_money, level_text, percent, plural
from attribution.report.made import made
from attribution.report.page import STATUSES, template
from attribution.report.words import (
    left_out_by_cohort,
    listed,
    no_money,
    priced_analysis,
    priced_kpi,
    step_unit,
    unit_noun,
    units,
)
from attribution.study.result import StudyResult
from attribution.study.verdict import primary_kpi

_NEGATIVE = re.compile(r"-(?=[0-9])")

FRAMES = {"roi": "return on investment", "outcomes": "outcomes, without money"}


def render(result: StudyResult, claim: Claim, previous: dict[str, str] | None = None) -> str:
    """Return the report as one HTML file without scripts or anything to fetch.

    Every text is escaped, whatever the design or the data hold. Every number that stands in `results.json` carries
    its path there as `data-source`. `previous` are the digests of the run that this one replaces.
    """
    kpi, estimate = primary_kpi(result), result.estimate
    money = result.roi
    return template("report.html.j2").render(
        study=result.design.study,
        program=result.design.program,
        kpi=kpi,
        as_of=result.manifest.as_of,
        frame=FRAMES[result.design.study.frame],
        standing=standing(result.prespecified),
        failed=bool(result.gates_failed),
        claim=claim,
        waterfall=pictures.waterfall(result),
        compared=compared(result),
        as_read=as_read(result),
        declared=declared_table(result),
        flow=tables.flow_table(result),
        arms=tables.arms_table(result),
        coverage=tables.coverage_table(result),
        balance=tables.balance_table(result),
        made=_made(result),
        shares=pictures.shares(result),
        share_reason=_share_reason(result),
        forest=pictures.forest(result),
        events=pictures.events(result),
        events_share=pictures.events_share(result),
        projected=pictures.projected(result),
        sensitive=pictures.sensitive(result),
        looked_back=_looked_back(result),
        unmeasured=_unmeasured(result),
        terms=tables.terms_table(result),
        roi=money,
        no_money=_no_money(result),
        money_facts=_money_facts(result),
        illustrative=_illustrative(result),
        ledger=None if money is None else tables.ledger_table(money),
        amounts=None if money is None else tables.money_table(result, money),
        scenarios=pictures.scenarios(result),
        findings=_reviewed(result),
        statuses=STATUSES,
        limits=result.design.limits.text,
        ours=_limits(estimate, result),
        manifest=tables.manifest_table(result, previous),
    )


def _made(result: StudyResult) -> dict[str, object]:
    """Return what the page says of the headline analysis's cohort; nothing where it is on none."""
    found = made(result)
    if found is None:
        return {}
    return {
        "told": cohort_tables.told(result, found),
        "alike": pictures.alike(result, found),
        "overlap": pictures.overlapping(found),
        "sizes": cohort_tables.sizes_table(found),
        "dropped": cohort_tables.dropped_table(result, found),
        "lost": cohort_tables.lost_table(result, found),
    }


def _unmeasured(result: StudyResult) -> dict[str, object]:
    """Return what the page says of what was not measured; nothing where that is no question, or nothing to undo."""
    found = doubt(result)
    if isinstance(found, str) or not found.told:
        return {}
    return {
        "told": doubt_told(result, found),
        "contours": pictures.contours(result, found),
        "bounds": bounds_table(result, found),
        "values": values_table(found),
    }


def _looked_back(result: StudyResult) -> str:
    """Return one sentence on what the periods before the start could have shown; nothing where there are none."""
    looked = result.looks_back.get(result.primary[0])
    if looked is None or looked.pretrends is None:
        return ""
    whose = "" if looked.name == result.primary[0] else f" (analysis {looked.name})"
    period = result.design.timing.period
    sentence = looked.pretrends.sentence.replace(" per period ", f" per {period} ")
    sentence = _NEGATIVE.sub(MINUS, sentence)
    return f"Before the start{whose}: {sentence[0].lower()}{sentence[1:]} That trends are parallel, no test can show."


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


def _whose_money(result: StudyResult, counted: Cell, trained: Cell) -> Sentence:
    """Return whose benefit stands against whose costs."""
    if result.estimate.estimand == "ITT":
        costs = " offered it and measured count in the benefit; the costs are those of "
        return (counted, costs, trained, " trained.")
    if left_out_by_cohort(result, priced_analysis(result)):
        return (counted, " of ", trained, " trained are compared: the benefit counts those, the costs cover all.")
    return (counted, " measured of ", trained, " trained: the benefit counts those measured, the costs cover all.")


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
        _whose_money(result, measured, trained),
        _counted(result, money, periods),
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


def _counted(result: StudyResult, money: Roi, periods: Cell) -> Sentence:
    """Return the periods that the benefit is counted over, and in a rollout how many units each of them holds."""
    if not money.plan.rolls_out:
        return ("Counted over ", periods, " of follow-up; nothing beyond it.")
    period = result.design.timing.period
    total = Cell(integer(round(money.plan.unit_periods)), "roi.unit_periods")
    first, last = (integer(round(money.plan.exposure[place])) for place in (0, -1))
    return (
        "Counted over ",
        total,
        f" {unit_noun(result)}-{period}s in training within ",
        periods,
        f" of follow-up, each at the mean effect: {first} in the first, {last} in the last; nothing beyond it.",
    )


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
    lines = [_assumption(estimate, result)]
    level = level_text(result.manifest.level)
    lines.append(f"The {level} intervals count chance alone: a comparison that is wrong in itself is not inside them.")
    if result.roi is not None:
        apart = " or are not in the cohort" if left_out_by_cohort(result, priced_analysis(result)) else ""
        lines.append(
            "No benefit after the last follow-up period is counted, and none of trained units that were not measured"
            f"{apart}."
        )
    lines += [f"{capital(note)}." for note in estimate.notes]
    return tuple(line for line in lines if line)


def _assumption(estimate: Estimate, result: StudyResult) -> str:
    """Return what the effect rests on and the data cannot prove; nothing where nobody was compared."""
    if estimate.rows == "periods":
        return (
            "The effect rests on the assumption that, without training, the trend of before would have gone on. The "
            "data cannot prove it, and whatever else began with the training counts as its effect."
        )
    if not estimate.n.control.units:
        return ""
    if estimate.method == "synthetic":
        return (
            "The effect rests on the assumption that, without training, the mix of others would have gone on moving "
            "with the trained as it did before. The data cannot prove it."
        )
    if estimate.estimand == "ITT" and result.design.assignment.mechanism == "random":
        return (
            "The effect is that of offering the training. It rests on the draw having been random, and on the offer to "
            "some not touching the KPI of the others."
        )
    given = f", at equal {listed(list(estimate.adjusted))}," if estimate.adjusted else ""
    return (
        f"The effect rests on the assumption that{given or ','} without training, both groups would "
        "have moved alike (parallel trends). The data cannot prove it."
    )
