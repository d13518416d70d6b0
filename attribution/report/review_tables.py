"""The tables of the review sheet: fixes, several analyses, and the data of its figures."""

from __future__ import annotations

import math

import numpy as np

from attribution.design.schema import StudyDesign
from attribution.planning.records import DesignPower
from attribution.report.cells import Cell, Columns, Table, decimals_of, fixed, headings, integer, numeric
from attribution.report.format import NOT_ESTIMABLE, money, number, percent, plural
from attribution.report.power_figures import in_order, period_names, start_name
from attribution.report.review_results import chance, judged, relative
from attribution.report.review_words import kpi_of, unit_of
from attribution.study.review import StudyReview


def fixes_table(review: StudyReview, found: DesignPower) -> Table | None:
    """Return the changes that would let the study see more, the cheapest first; None where there are none.

    Nor is there one once there is a follow-up, when the plan is past mending.
    """
    if review.stage == "followup" or not found.fixes:
        return None
    decimals, rows = decimals_of([fix.mde.mde for fix in found.fixes]), []
    for place, fix in enumerate(found.fixes):
        base = f"powers.{found.analysis}.fixes.{place}"
        cost = Cell("not stated") if fix.cost is None else numeric(money(fix.cost, found.currency), f"{base}.cost")
        rows.append(
            (
                Cell(fix.words, kind="head"),
                Cell("yes" if fix.enough else "no", kind="words"),
                numeric(fixed(fix.mde.mde, decimals), f"{base}.mde"),
                numeric(percent(chance(fix.mde, found.must_see)), f"{base}.power"),
                cost,
                Cell(fix.cost_words, kind="words"),
            )
        )
    columns: Columns = (
        ("change", "words"),
        ("enough?", "words"),
        (f"then seen, {unit_of(review.design, found)}", "number"),
        ("chance to see what it must", "number"),
        ("costs", "number"),
        ("of which", "words"),
    )
    return Table("What would let it see more", columns, tuple(rows))


def powers_table(review: StudyReview) -> Table | None:
    """Return what each primary analysis must see and can see; None where there is one."""
    if len(review.powers) < 2:
        return None
    rows, design = [], review.design
    for name, found in review.powers.items():
        base, (key, best) = f"powers.{name}", judged(review, found)
        must = (
            Cell("not declared") if found.must_see is None else numeric(number(abs(found.must_see)), f"{base}.must_see")
        )
        pays = found.break_even
        rows.append(
            (
                Cell(f"{kpi_of(design, found).label} ({name}), {unit_of(design, found)}", kind="head"),
                must,
                numeric(number(best.mde), f"{base}.{key}.mde"),
                numeric(percent(relative(found, best.mde)), f"{base}.{key}.percent"),
                numeric(percent(chance(best, found.must_see)), f"{base}.power"),
                Cell("no money") if pays is None else numeric(number(pays), f"{base}.break_even"),
            )
        )
    names = ("KPI", "must see", "can see", "the same in percent", "chance to see what it must", "break-even")
    return Table("What each primary analysis must see and can see", headings(names, first="words"), tuple(rows))


def curve_table(design: StudyDesign, found: DesignPower) -> Table:
    """Return the power curve at eleven effects up to twice the smallest that can be seen."""
    best = found.best
    effects = np.linspace(0, 2 * best.mde, 11)
    decimals = decimals_of(effects)
    rows = tuple((Cell(fixed(float(one), decimals)), Cell(percent(best.power_at(float(one))))) for one in effects)
    columns = headings((f"effect, {unit_of(design, found)}", "chance to see it"), first="number")
    return Table("The chance to see an effect, by its size", columns, rows)


def starts_table(design: StudyDesign, found: DesignPower) -> Table:
    """Return who starts when."""
    plan, base = found.plan, f"powers.{found.analysis}.plan.starts"
    names = period_names(plan)
    rows = tuple(
        (
            Cell("not trained by the end" if one.start is None else start_name(names, one.start), kind="head"),
            numeric(integer(one.clusters), f"{base}.{place}.clusters"),
            numeric(integer(round(one.units)) if math.isfinite(one.units) else NOT_ESTIMABLE, f"{base}.{place}.units"),
        )
        for place, one in enumerate(in_order(plan))
    )
    cluster = plural(2, design.assignment.level).removeprefix("2 ")
    heads = (f"start ({design.timing.period})", cluster, "units")
    return Table("Who starts when", headings(heads, first="words"), rows)
