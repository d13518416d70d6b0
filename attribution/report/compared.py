"""Who was compared, what was read before anybody was left out, and what the design declares: sentences and a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from attribution.core.panel import NEVER
from attribution.design.schema import Kpi
from attribution.report.cells import Cell, Table, integer
from attribution.report.format import capital, level_text, number, plural, signed, span
from attribution.report.grades import MECHANISMS
from attribution.report.words import (
    left_out_by_cohort,
    listed,
    own_windows,
    rolls_out,
    step_unit,
    units,
)
from attribution.study.result import StudyResult
from attribution.study.verdict import primary_kpi

Sentence: TypeAlias = tuple[str | Cell, ...]
"""Words and numbers in turn."""


def compared(result: StudyResult) -> tuple[Sentence, ...]:
    """Return sentences on who was compared with whom."""
    flow = result.estimate.n
    estimate = result.estimate
    windows = f"before is {span(flow.baseline)}, after is {span(flow.followup)}"
    if rolls_out(estimate):
        before, after = own_windows(result)
        windows = f"before is {before}, after are {after}, of {span(flow.followup)}"
    trained = Cell(units(result, flow.trained.units), "cohort.trained.units")
    if estimate.rows == "periods":
        return tuple(_with_the_past(result, trained, windows))
    if estimate.estimand == "ITT":
        control = Cell(integer(flow.control.units), "cohort.control.units")
        everyone = Cell(integer(flow.trained_in_window), "cohort.trained_in_window")
        return (
            (trained, " offered the training and measured, compared with ", control, f" not offered it; {windows}."),
            ("Everybody counts as assigned, whether trained or not; ", everyone, " were trained in this time."),
        )
    if not flow.control.units:
        return ((trained, f" trained and measured; {windows}. Nobody untrained was compared with them."),)
    control = Cell(integer(flow.control.units), "cohort.control.units")
    lines: list[Sentence] = [(trained, " trained and measured, compared with ", control, f" not trained; {windows}.")]
    if estimate.method in ("staggered", "event_study"):
        lines.append(
            (
                "Those who began together are compared in each period (a cell) with those not trained by then; the "
                "effect is the mean of the cells.",
            )
        )
    if estimate.method == "twfe":
        lines.append(("Where adoption has several dates, those trained already are compared with as well.",))
    if flow.later:
        late: list[str | Cell] = ["Of those compared, some are trained later and count as untrained until then:"]
        for index, (start, count) in enumerate(flow.later):
            late += [", " if index else " ", Cell(integer(count), f"cohort.later.{index}.units"), f" in {start}"]
        lines.append((*late, "."))
    lost = flow.trained_in_window - flow.trained.units
    apart = min(lost, left_out_by_cohort(result, result.primary[0]))
    everyone = Cell(integer(flow.trained_in_window), "cohort.trained_in_window")
    if apart:
        lines.append(
            (
                f"The cohort left out {apart} of the ",
                everyone,
                " trained in this time, for whom the effect does not speak.",
            )
        )
    if lost > apart:
        lines.append(
            (
                f"{lost - apart} of the ",
                everyone,
                " trained in this time could not be measured: the effect does not speak for them.",
            )
        )
    return tuple(lines)


def _with_the_past(result: StudyResult, trained: Cell, windows: str) -> Iterator[Sentence]:
    flow = result.estimate.n
    yield (trained, f" trained and measured, compared with the trend of its own past; {windows}.")
    if flow.control.units:
        control = Cell(integer(flow.control.units), "cohort.control.units")
        yield ("What moved ", control, " never trained at the same time is taken out of it.")
    else:
        yield ("Nobody untrained was compared: what else began with the training is read as its effect.",)


def as_read(result: StudyResult) -> tuple[Sentence, ...]:
    """Return sentences on what was read of the headline KPI: only counts that are not 0."""
    panel = result.linked.panels[primary_kpi(result).id]
    counts, base = panel.counts, "cohort.read"
    never = int((panel.units.adopted == NEVER).sum())
    found: list[Sentence] = []
    units_waiting, rows_waiting = result.not_over(result.primary[0])
    if rows_waiting:
        last = f"periods that were not over on {result.manifest.as_of}"
        cell = Cell(plural(rows_waiting, "row"), "cohort.rows_not_over")
        extra = f" ({units(result, units_waiting)} appear only there)" if units_waiting else ""
        found.append((cell, f" of {last} left out{extra}."))
    if never:
        line: list[str | Cell] = [Cell(units(result, never), f"{base}.never_trained"), " never trained: read "]
        if counts.never_read_as:
            for index, (written, count) in enumerate(counts.never_read_as.items()):
                cell = Cell(str(count), f"{base}.never_read_as.{index}.units")
                line += [", " if index else "from ", f"{written} (", cell, ")"]
            line.append(f" in column {panel.columns.adopted}.")
        else:
            line.append(f"from column {panel.columns.trained}, which never turns 1.")
        found.append(tuple(line))
    if counts.switched_off:
        stop, go_on = (
            ("stops", "it counts as trained from its")
            if counts.switched_off == 1
            else ("stop", "they count as trained from their")
        )
        said = f" {stop} being marked as trained after the start: {go_on} first period of training on."
        found.append((Cell(units(result, counts.switched_off), f"{base}.switched_off"), said))
    if counts.rows_missing_outcome:
        rows = Cell(plural(counts.rows_missing_outcome, "row"), f"{base}.rows_missing_outcome")
        without = Cell(units(result, counts.units_without_outcome), f"{base}.units_without_outcome")
        found.append((rows, " without a value of the KPI; ", without, " without one in any period."))
    if counts.rows_absent:
        absent = Cell(plural(counts.rows_absent, "row"), f"{base}.rows_absent")
        found.append((absent, " absent: pairs of a unit and a period that the data do not hold."))
    for index, (name, count) in enumerate(counts.covariates_missing.items()):
        if count:
            lacking = Cell(units(result, count), f"{base}.covariates_missing.{index}.units")
            found.append((lacking, f" without a value of {name}: left out of its balance, not of the effect."))
    return tuple(found)


def declared_table(result: StudyResult) -> Table:
    """Return what the design declares about program, KPIs and assignment; what it leaves open in the last row."""
    design = result.design
    rows: list[tuple[Cell, Cell]] = []
    silent: list[str] = []
    lines = [("kind of program", design.program.kind, "program.kind")]
    for index, kpi in enumerate(design.kpi):
        named = f" ({kpi.label})" if len(design.kpi) > 1 else ""
        lines += [(f"{what}{named}", text, f"kpi.{index}.{key}") for what, text, key in _of_kpi(kpi)]
    lines += _of_assignment(result)
    for what, text, key in lines:
        if text is None:
            silent.append(what)
        else:
            rows.append((Cell(capital(what), kind="head"), Cell(text, f"declared.{key}", "words")))
    if silent:
        rows.append((Cell("Not declared", kind="head"), Cell(capital(listed(silent)), kind="words")))
    return Table("What the design declares", (("what", "words"), ("as declared", "words")), tuple(rows))


def _of_kpi(kpi: Kpi) -> Iterator[tuple[str, str | None, str]]:
    unit = step_unit(kpi)
    expected, smallest = kpi.expected_effect, kpi.minimum_worthwhile_effect
    yield "owner of the KPI", kpi.owner, "owner"
    yield "source of the baseline", kpi.baseline_source, "baseline_source"
    yield "expected effect", None if expected is None else f"{signed(expected)} {unit}", "expected_effect"
    if expected is not None or kpi.effect_source is not None:
        yield "source of the expected effect", kpi.effect_source, "effect_source"
    least = None if smallest is None else f"{number(smallest)} {unit}"
    yield "smallest worthwhile effect", least, "minimum_worthwhile_effect"


def _of_assignment(result: StudyResult) -> list[tuple[str, str | None, str]]:
    one = result.design.assignment
    exposed = None if one.contamination is None else level_text(one.contamination)
    return [
        ("how it was assigned", MECHANISMS[one.mechanism], "assignment.mechanism"),
        ("what was assigned", one.level, "assignment.level"),
        ("date of the assignment", None if one.date is None else one.date.isoformat(), "assignment.date"),
        ("share of the comparison trained or helped all the same", exposed, "assignment.contamination"),
        ("source of the assignment", one.source, "assignment.source"),
    ]
