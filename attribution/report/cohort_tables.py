"""The tables of a cohort, with their paths in `results.json`: alike before and after, weights, who is lost."""

from __future__ import annotations

import math
from collections.abc import Iterator

from attribution.report.cells import Cell, Columns, Table, headings, hedges_text, integer, numeric
from attribution.report.compared import Sentence
from attribution.report.format import NOT_ESTIMABLE, capital, number, percent, plural
from attribution.report.made import Made
from attribution.report.words import unit_noun
from attribution.study.result import StudyResult
from attribution.study.verdict import primary_kpi

BASE = "cohort.made"

ESTIMANDS = {
    "ATT": "the trained",
    "ATE": "all of both arms, trained or not",
    "ATO": "those who could as well have been in either arm",
}

DENOMINATORS = {
    "trained": "the standard deviation of the trained",
    "pooled": "the pooled standard deviation of both arms",
    "weighted": "the standard deviation of all as weighted",
}

_ARMS = {"trained": "trained", "control": "not trained (control)", "neither": "neither arm"}


def told(result: StudyResult, made: Made) -> tuple[Sentence, ...]:
    """Return sentences on how the comparison was made, for whom it speaks, and on whose opposite nobody was found."""
    method = Cell(made.cohort.method, f"{BASE}.method")
    lines: list[Sentence] = [
        (
            "The untrained are not compared as they are: a cohort (",
            method,
            f") says who of them stands for the trained, and with which weight. It speaks for "
            f"{ESTIMANDS.get(made.cohort.estimand, made.cohort.estimand)} (",
            Cell(made.cohort.estimand, f"{BASE}.estimand"),
            ").",
        )
    ]
    lines += [(f"{capital(note)}.",) for note in made.cohort.notes]
    if made.lost.lost:
        lost = Cell(integer(made.lost.lost), f"{BASE}.lost.lost")
        kept = Cell(integer(made.lost.kept), f"{BASE}.lost.kept")
        verb = "has" if made.lost.lost == 1 else "have"
        lines.append(("Of the trained, ", lost, f" {verb} no weight; the effect speaks for the other ", kept, "."))
    if made.overlap is None:
        lines.append((f"Overlap cannot be shown: {made.no_overlap}.",))
    return tuple(lines)


def alike_table(result: StudyResult, made: Made) -> Table | None:
    """Return each variable's means and differences before and after; None where the cohort has no variable."""
    if not made.balance.rows:
        return None
    rows = []
    for index, row in enumerate(made.balance):
        base = f"{BASE}.balance.{index}"
        name = shown_name(result, row.variable)
        cells = [
            numeric(_mean(row.after.trained), f"{base}.after.trained"),
            numeric(_mean(row.after.control), f"{base}.after.control"),
            numeric(hedges_text(row.before.smd), f"{base}.before.smd"),
            numeric(hedges_text(row.after.smd), f"{base}.after.smd"),
            _ratio(row.after.variance_ratio, f"{base}.after.variance_ratio"),
            numeric(hedges_text(row.after.ks), f"{base}.after.ks"),
        ]
        rows.append((Cell(name, kind="head"), *cells))
    names = (
        "variable",
        "trained",
        "not trained, weighted",
        "apart before, in SD",
        "apart after",
        "variance ratio",
        "distributions apart (KS)",
    )
    whose = DENOMINATORS[made.balance.denominator]
    return Table(f"Alike after the cohort? Differences in {whose}", headings(names, first="words"), tuple(rows))


def shown_name(result: StudyResult, variable: str) -> str:
    """Return a variable's name, the KPI's in words."""
    outcome = result.panel.columns.outcome
    own = variable in (f"{outcome} at baseline", *(f"{outcome} in {period}" for period in result.estimate.n.baseline))
    return primary_kpi(result).label + variable.removeprefix(outcome) if own else variable


def _mean(value: float) -> str:
    return number(value) if math.isfinite(value) else NOT_ESTIMABLE


def _ratio(value: float, source: str) -> Cell:
    return numeric(number(value), source) if math.isfinite(value) else Cell("two values")


def sizes_table(made: Made) -> Table:
    """Return what the weights leave of each arm."""
    rows = []
    for index, one in enumerate((made.balance.trained, made.balance.control)):
        base = f"{BASE}.arms.{index}"
        cells = (
            numeric(integer(one.units), f"{base}.units"),
            numeric(integer(one.weighted), f"{base}.weighted"),
            numeric(number(one.effective), f"{base}.effective"),
            numeric(percent(one.heaviest[0][1]), f"{base}.largest_share"),
        )
        rows.append((Cell(_ARMS[one.arm], kind="head"), *cells))
    names = ("arm", "could take part", "with a weight", "tell as much as", "largest share of one")
    return Table("What the weights leave of each arm", headings(names, first="words"), tuple(rows))


def dropped_table(result: StudyResult, made: Made) -> Table | None:
    """Return who has no weight, by arm and reason; None where everybody has one."""
    if not made.cohort.dropped:
        return None
    rows = []
    for index, part in enumerate(made.cohort.dropped):
        count = numeric(integer(part.units), f"{BASE}.dropped.{index}.units")
        rows.append((Cell(_ARMS[part.arm], kind="head"), Cell(part.reason, kind="words"), count))
    several = plural(2, unit_noun(result)).partition(" ")[2]
    columns: Columns = (("arm", "words"), ("why without a weight", "words"), (several, "number"))
    return Table("Who has no weight in the comparison", columns, tuple(rows))


def lost_table(result: StudyResult, made: Made) -> Table | None:
    """Return the trained without a weight beside those with one; None where nobody is lost."""
    rows = list(_lost_rows(result, made))
    if not rows:
        return None
    names = ("variable", "trained with a weight", "trained without", "apart, in SD", "without a value")
    return Table("Whose effect is told: the trained who were left out", headings(names, first="words"), tuple(rows))


def _lost_rows(result: StudyResult, made: Made) -> Iterator[tuple[Cell, ...]]:
    for index, row in enumerate(made.lost):
        base = f"{BASE}.lost.rows.{index}"
        name = shown_name(result, row.variable)
        yield (
            Cell(name, kind="head"),
            numeric(_mean(row.kept), f"{base}.kept"),
            numeric(_mean(row.lost), f"{base}.lost"),
            numeric(hedges_text(row.smd), f"{base}.smd"),
            numeric(integer(row.missing), f"{base}.missing"),
        )


def overlap_table(made: Made) -> Table | None:
    """Return the propensities of each arm; None where there are none."""
    if made.overlap is None:
        return None
    frame = made.overlap.tidy()
    keys = ("lowest", "quarter", "median", "three_quarters", "highest")
    rows = []
    for index, arm in enumerate(frame["arm"]):
        base = f"{BASE}.overlap.arms.{index}"
        cells = [numeric(number(float(frame[key].iloc[index])), f"{base}.{key}") for key in keys]
        outside = numeric(integer(int(frame["outside"].iloc[index])), f"{base}.outside")
        rows.append((Cell(_ARMS[str(arm)], kind="head"), *cells, outside))
    names = ("arm", "lowest", "a quarter below", "half below", "three quarters", "highest", "with nobody like them")
    return Table("Propensities: how likely each was to be trained", headings(names, first="words"), tuple(rows))
