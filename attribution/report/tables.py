"""The report's tables: cells with their path in `results.json`, ready for the one table macro."""

from __future__ import annotations

import math
from collections.abc import Mapping

from attribution.core.estimate import Estimate
from attribution.core.terms import parse
from attribution.design.prespecified import Prespecified
from attribution.diagnostics.baseline import baseline_balance
from attribution.finance.costs import CATEGORIES
from attribution.finance.roi import QUANTITIES, Amount, Roi
from attribution.inference.factor import AttributionFactor
from attribution.report.banner import amendment_told
from attribution.report.cells import (
    Cell,
    Columns,
    Table,
    decimals_of,
    fixed,
    headings,
    hedges_text,
    in_full,
    integer,
    numeric,
    set_ends,
)
from attribution.report.figures import METHODS, analysis_label
from attribution.report.format import NOT_ESTIMABLE, level_text, money, number, percent, signed, signed_percent
from attribution.report.words import priced_kpi, several_kpis
from attribution.study.result import StudyResult
from attribution.study.verdict import primary_kpi

QUANTITY_NAMES = {
    "attributed_benefit": "Attributed benefit",
    "total_cost": "Total cost",
    "net_benefit": "Net benefit",
    "roi": "Return on investment (ROI)",
    "bcr": "Benefit for each unit of cost (BCR)",
    "payback_periods": "Payback, {period}s",
    "npv": "Net present value (NPV)",
    "break_even_effect": "Break-even effect, {unit}",
    "break_even_factor": "Break-even share",
}

ARMS = {"control": "not trained (control)"}

OFFERED = {"trained": "offered (assigned)", "control": "not offered (control)"}
"""The arms where the effect is that of being offered the training."""

TERMS = {
    "effect": "training (effect)",
    "change": "observed change",
    "background": "background",
    "take_up": "more trained than of the others (take-up)",
}

NOT_OVER = "periods not over"
"""Why rows are left out that belong to periods after the date of the report."""

_MONEY = ("attributed_benefit", "total_cost", "net_benefit", "npv")


def flow_table(result: StudyResult) -> Table:
    """Return who and what entered the headline analysis, and who did not, by arm and reason."""
    flow, name = result.estimate.n, result.primary[0]
    entered = [("trained", flow.trained), ("control", flow.control)]
    counted = [(arm, "measured and compared", count.units, count.rows) for arm, count in entered if count.units]
    counted += [(part.arm, f"left out: {part.reason}", part.units, part.rows) for part in flow.left_out]
    units_waiting, rows_waiting = result.not_over(name)
    if rows_waiting:
        counted.append(("all", f"left out: {NOT_OVER}", units_waiting, rows_waiting))
    rows = []
    for index, (arm, fate, units, observed) in enumerate(counted):
        cells = (
            numeric(integer(units), f"flow.{name}.{index}.units"),
            numeric(integer(observed), f"flow.{name}.{index}.rows"),
        )
        rows.append((Cell(_arms(result).get(arm, arm), kind="head"), Cell(fate, kind="words"), *cells))
    everybody, whole = sum(row[2] for row in counted), sum(row[3] for row in counted)
    read = numeric(integer(whole), "manifest.rows") if whole == result.manifest.rows else Cell(integer(whole))
    rows.append((Cell("all", kind="head"), Cell("as read", kind="words"), Cell(integer(everybody)), read))
    columns: Columns = (("arm", "words"), ("fate", "words"), ("units", "number"), ("rows", "number"))
    return Table("Who entered the comparison, and who did not", columns, tuple(rows))


def _arms(result: StudyResult) -> Mapping[str, str]:
    return OFFERED if result.estimate.estimand == "ITT" else ARMS


def _sides(result: StudyResult) -> tuple[str, str]:
    return ("offered", "not offered") if result.estimate.estimand == "ITT" else ("trained", "not trained")


NOISE = 1e-9
"""A difference of fewer standard deviations is what rounding leaves where weights make means equal."""


def balance_table(result: StudyResult) -> Table | None:
    """Return the arms' baseline means and their standardised differences; None where nobody was compared."""
    estimate = result.estimate
    kpi, frame = primary_kpi(result), baseline_balance(result.panel, estimate)
    if frame.empty:
        return None
    keys = (("trained", number), ("control", number), ("difference", signed), ("g", hedges_text))
    rows = []
    for index, variable in enumerate(frame["variable"]):
        base = f"cohort.balance.{index}"
        shown = {key: float(frame[key].iloc[index]) for key, _ in keys}
        if abs(shown["g"]) < NOISE:
            shown["difference"] = 0.0
        cells = [numeric(write(shown[key]), f"{base}.{key}") for key, write in keys]
        missing = numeric(integer(int(frame["missing"].iloc[index])), f"{base}.missing")
        name = kpi.label if variable == estimate.outcome else str(variable)
        rows.append((Cell(name, kind="head"), *cells, missing))
    names = ("variable", *_sides(result), "difference", "in SD (Hedges’ g)", "units without")
    return Table("Alike before the training?", headings(names, first="words"), tuple(rows))


def arms_table(result: StudyResult) -> Table:
    """Return units, independent groups and observed shares of each arm."""
    flow = result.estimate.n
    arms = [("trained", flow.trained)] + ([("control", flow.control)] if flow.control.units else [])
    rows = []
    for name, arm in arms:
        cells = [
            numeric(integer(getattr(arm, part)), f"cohort.{name}.{part}") for part in ("units", "clusters", "rows")
        ]
        rows.append((Cell(_arms(result).get(name, name), kind="head"), *cells))
    title = "The two arms" if flow.control.units else "The arm"
    return Table(title, headings(("arm", "units", "clusters", "rows used"), first="words"), tuple(rows))


def coverage_table(result: StudyResult) -> Table | None:
    """Return the share of all units of each arm, measured or not, with a KPI value; None where nobody lacks one."""
    flow, coverage = result.estimate.n, result.estimate.n.coverage
    shares = [*coverage.trained, *(value for value in coverage.control if math.isfinite(value))]
    if all(value == 1 for value in shares):
        return None
    arms = [("trained", coverage.trained)] + ([("control", coverage.control)] if flow.control.units else [])
    rows = []
    for index, period in enumerate(coverage.periods):
        cells = [numeric(percent(float(values[index])), f"cohort.coverage.{index}.{arm}") for arm, values in arms]
        rows.append((Cell(period, kind="head"), *cells))
    columns = headings(("period", *_sides(result))[: 1 + len(arms)], first="words")
    return Table("Share of each arm with a KPI value, by period", columns, tuple(rows))


def share_table(factor: AttributionFactor) -> Table:
    """Return every set of the share, the headline first."""
    what = "log change" if factor.estimate.scale == "log" else "change"
    rows = []
    share = numeric(fixed(factor.share, 2), "factor.share") if factor.estimable else Cell(NOT_ESTIMABLE)
    for interval in (factor.interval, *factor.others):
        headline = interval is factor.interval
        base = "factor.interval" if headline else f"factor.others.{interval.method}"
        rows.append(
            (
                Cell(METHODS.get(interval.method, interval.method), kind="head"),
                share,
                *set_ends(interval, base),
                Cell(interval.kind, f"{base}.kind", "words"),
            )
        )
    columns: Columns = (*headings(("interval", "share", "from", "to"), first="words"), ("kind", "words"))
    return Table(f"The share of the {what} and its sets at {level_text(factor.interval.level)}", columns, tuple(rows))


def terms_table(result: StudyResult) -> Table:
    """Return every term of the primary analyses with its interval, and the main term of all others.

    Where the analyses are of several KPIs, a column names each one's with its unit.
    """
    analyses, level = {one.id: one for one in result.design.analysis}, result.manifest.level
    kpis, several = {one.id: one for one in result.design.kpi}, several_kpis(result)
    rows = []
    for name, estimate in result.estimates.items():
        for term in _tabled(estimate) if name in result.primary else (estimate.main,):
            found, interval = estimate.contrast({term: 1.0}), estimate.interval(level, term=term)
            values = {
                "estimate": found.value,
                "std_error": found.std_error,
                "conf_low": interval.low,
                "conf_high": interval.high,
            }
            decimals = decimals_of(values.values())
            cells = [numeric(fixed(value, decimals), f"terms.{name}.{term}.{key}") for key, value in values.items()]
            label = Cell(analysis_label(analyses[name]), kind="head")
            named = TERMS.get(term, term.replace("_", " "))
            kpi = kpis[analyses[name].kpi]
            measured = [Cell(f"{kpi.label}, {kpi.unit}", kind="words")] if several else []
            rows.append((label, *measured, Cell(named, kind="words"), *cells))
    kpi_column: Columns = (("KPI", "words"),) if several else ()
    columns: Columns = (
        ("analysis", "words"),
        *kpi_column,
        ("term", "words"),
        *headings(("estimate", "standard error", "from", "to"), first="number"),
    )
    return Table(f"All analyses, in KPI units, {level_text(level)} intervals", columns, tuple(rows))


def _tabled(estimate: Estimate) -> tuple[str, ...]:
    """Return the terms of a primary analysis that this table shows: event times, cohorts and cells have their own."""
    found = []
    for term in estimate.shown_terms:
        parsed = parse(term)
        if parsed is None or parsed[1] == "window":
            found.append(term)
    return tuple(found)


def steps_table(result: StudyResult) -> Table:
    """Return the steps of the waterfall, in percent as well: on the linear scale where its sets are bounded."""
    estimate, name, level = result.estimate, result.primary[0], result.manifest.level
    shown = [term for term in ("change", "background", "effect") if term in estimate.terms]
    decimals = decimals_of([estimate.value(term) for term in shown])
    relative = {term: estimate.percent(level, term=term) for term in shown}
    in_percent = estimate.scale == "log" or all(one.interval.kind == "bounded" for one in relative.values())
    rows = []
    for term in shown:
        interval = estimate.interval(level, term=term)
        base = f"terms.{name}.{term}"
        cells = [
            numeric(fixed(estimate.value(term), decimals), f"{base}.estimate"),
            numeric(fixed(interval.low, decimals), f"{base}.conf_low"),
            numeric(fixed(interval.high, decimals), f"{base}.conf_high"),
        ]
        if in_percent:
            cells.append(numeric(signed_percent(relative[term].estimate), f"percent.{name}.{term}.estimate"))
        rows.append((Cell(TERMS[term], kind="head"), *cells))
    names = ["step", "KPI units", "from", "to"] + ["in percent"] * in_percent
    return Table(f"The steps, with {level_text(level)} intervals", headings(names, first="words"), tuple(rows))


def ledger_table(roi: Roi) -> Table:
    """Return the costs by category with range and source, and their sum."""
    rows = []
    for index, line in enumerate(roi.costs.lines):
        # A cost without a range is its own lower and upper end.
        keys = ("amount", *(("low", "high") if line.low is not None else ("amount", "amount")))
        amounts = [
            numeric(in_full(value), f"roi.costs.{index}.{key}")
            for key, value in zip(keys, (line.amount, *line.ends), strict=True)
        ]
        origin = line.source or line.reason or "no source given"
        marked = f"{origin} (illustrative)" if line.illustrative and line.amount else origin
        rows.append((Cell(CATEGORIES[line.category], kind="head"), *amounts, Cell(marked, kind="words")))
    low, high = roi.costs.ends
    total = [
        numeric(in_full(roi.costs.total), "roi.total_cost.estimate"),
        Cell(in_full(low)),
        Cell(in_full(high)),
    ]
    rows.append((Cell("all costs", kind="head"), *total, Cell("", kind="words")))
    columns: Columns = (
        *headings(("cost", "amount", "low", "high"), first="words"),
        ("source, or reason for zero", "words"),
    )
    return Table(f"What the program cost, {roi.currency}, for all trained", tuple(columns), tuple(rows))


def money_table(result: StudyResult, roi: Roi) -> Table:
    """Return every quantity of the return with its interval from joint draws, or the reason why there is none."""
    kpi, period = priced_kpi(result), result.design.timing.period
    amounts: dict[str, Amount] = {name: getattr(roi, name) for name in QUANTITIES}
    noted = any(amount.reason for amount in amounts.values())
    rows = []
    for name, amount in amounts.items():
        label = QUANTITY_NAMES[name].format(period=period, unit=kpi.unit)
        shown = [
            numeric(_quantity(name, value, roi, amount), f"roi.{name}.{key}")
            for key, value in zip(("estimate", "low", "high"), _values(name, amount), strict=True)
        ]
        note = [Cell(amount.reason, kind="words")] if noted else []
        rows.append((Cell(label, kind="head"), *shown, *note))
    columns: Columns = headings(("measured benefit only", "estimate", "from", "to"), first="words")
    if noted:
        columns = (*columns, ("note", "words"))
    worth = f"What the effect on {kpi.label} is worth" if several_kpis(result) else "What it is worth"
    caption = f"{worth}, {roi.currency}, with {level_text(roi.level)} intervals from joint draws"
    return Table(caption, columns, tuple(rows))


def scenario_table(roi: Roi, label: str | None = None) -> Table:
    """Return the corner cases; `label` names the KPI that the money is of, where a study has several."""
    # The width of the interval beside it: the base case is then written as the table above writes it.
    width = roi.net_benefit.high - roi.net_benefit.low
    rows = []
    for one in roi.scenarios:
        base = f"roi.scenarios.{one.name}"
        rows.append(
            (
                Cell(one.name, kind="head"),
                numeric(number(one.effect), f"{base}.effect"),
                numeric(money(one.attributed_benefit, roi.currency, width=width), f"{base}.attributed_benefit"),
                numeric(money(one.total_cost, roi.currency), f"{base}.total_cost"),
                numeric(money(one.net_benefit, roi.currency, width=width), f"{base}.net_benefit"),
                numeric(signed_percent(one.roi), f"{base}.roi"),
            )
        )
    names = ("corner case", "effect", "benefit", "cost", "net benefit", "ROI")
    caption = f"Corner cases{f' of {label}' if label else ''}, without a confidence level"
    return Table(caption, headings(names, first="words"), tuple(rows))


def manifest_table(result: StudyResult, previous: dict[str, str] | None) -> Table:
    """Return what the run was made of: files, digests, seed, versions, and the digests of the run it replaced."""
    manifest = result.manifest
    facts = [
        ("study", manifest.study, "study"),
        ("as of", manifest.as_of, "as_of"),
        ("design file", manifest.design, "design"),
        ("design digest (SHA-256)", manifest.design_digest, "design_digest"),
        ("data", manifest.data, "data"),
        ("data digest (SHA-256)", manifest.data_digest, "data_digest"),
        ("rows read", integer(manifest.rows), "rows"),
        ("seed", str(manifest.seed), "seed"),
        ("draws", integer(manifest.draws), "draws"),
        ("confidence level", level_text(manifest.level), "level"),
        *_prespecified(result.prespecified),
        *((f"version of {name}", one, f"versions.{name}") for name, one in manifest.versions.items()),
        *((f"previous run: {_words(name)}", one, f"previous.{name}") for name, one in (previous or {}).items()),
    ]
    rows = tuple((Cell(name, kind="head"), Cell(value, f"manifest.{key}", "words")) for name, value, key in facts)
    return Table("What this report was made of", (("what", "words"), ("value", "words")), rows)


def _prespecified(known: Prespecified) -> list[tuple[str, str, str]]:
    """Return what the manifest says of the freezing, the amendments and what was not declared."""
    base = "prespecified"
    facts = [("decided before the launch", known.sentence, f"{base}.sentence")]
    if known.time is not None:
        facts.append(("frozen", known.time.isoformat(), f"{base}.time"))
        facts.append(("frozen, time by", known.time_from, f"{base}.time_from"))
    facts += [("reviewed by", name, f"{base}.reviewers.{place}") for place, name in enumerate(known.reviewers)]
    for place, one in enumerate(known.amendments):
        facts.append((f"{one.kind} amendment", amendment_told(one), f"{base}.amendments.{place}.told"))
    for place, change in enumerate(known.deviations):
        facts.append(("changed, not declared", change.words, f"{base}.deviations.{place}.words"))
    return facts


def _words(name: str) -> str:
    return name.replace("_", " ")


def _values(name: str, amount: Amount) -> tuple[float, float, float]:
    """Return a quantity and its ends; a payback that has no estimate is one not reached."""
    never = name == "payback_periods" and math.isnan(amount.estimate)
    return math.inf if never else amount.estimate, amount.low, amount.high


def _quantity(name: str, value: float, roi: Roi, amount: Amount) -> str:
    if name in _MONEY:
        return money(value, roi.currency, width=amount.high - amount.low)
    if name in ("roi", "break_even_factor"):
        return signed_percent(value) if name == "roi" else percent(value)
    if name == "payback_periods" and math.isinf(value):
        return "not reached"
    return number(value)
