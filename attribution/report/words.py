"""The sentences of the report, from signs, intervals and grades. Snapshot tests hold every one of them."""

from __future__ import annotations

import math

from attribution.core.estimate import Estimate, Percent
from attribution.core.interval import Interval
from attribution.design.schema import Kpi
from attribution.inference.factor import AttributionFactor
from attribution.numerics.ratio import fieller
from attribution.report.format import between, percent, plural, signed, signed_percent
from attribution.study.link import FIRST_CLAIM_DAY
from attribution.study.result import StudyResult

METHOD_NAMES = {
    "fieller": "the Fieller set",
    "delta": "the delta method",
    "percentile": "the percentile bootstrap",
    "bca": "the BCa bootstrap",
}

MOST_WORDS = 40


def primary_kpi(result: StudyResult) -> Kpi:
    """Return the KPI of the headline analysis."""
    analysis = next(one for one in result.design.analysis if one.id == result.primary[0])
    return next(kpi for kpi in result.design.kpi if kpi.id == analysis.kpi)


def units(result: StudyResult, count: int) -> str:
    """Return a count of units with the noun the design gives them: the level of assignment, where that is the unit."""
    columns, level = result.design.columns, result.design.assignment.level
    same = columns.cluster is None or columns.cluster == columns.unit
    return plural(count, level if level and same else "unit")


def listed(names: list[str]) -> str:
    """Return names in a sentence: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def improvement_ends(estimate: Estimate, interval: Interval) -> tuple[float, float]:
    """Return an interval's ends signed as improvement, the worse one first; NaN where it is undefined."""
    if estimate.direction == "higher":
        return interval.low, interval.high
    return -interval.high, -interval.low


def better_or_worse(estimate: Estimate, value: float) -> str:
    """Return whether a change of this sign is an improvement for the KPI's direction."""
    if value == 0:
        return "no change"
    return "an improvement" if (value > 0) == (estimate.direction == "higher") else "a deterioration"


def change_percent(estimate: Estimate, level: float) -> Percent:
    """Return the observed change relative to the baseline level, with its set."""
    if estimate.scale == "log" or "effect" not in estimate.terms:
        return estimate.percent(level, term="change")
    relative = estimate.combine(
        {"change": {"change": 1.0}, "baseline": {"untrained_level": 1.0, "effect": 1.0, "change": -1.0}}
    )
    undefined = Percent(float("nan"), Interval.undefined(level=level, method="fieller"), "no level to compare with")
    if estimate.outcome_range[0] < 0 < estimate.outcome_range[1]:
        return undefined
    found = fieller(relative.ratio_problem("change", "baseline", level))
    if found.kind != "bounded":
        return undefined
    return Percent(
        relative.value("change") / relative.value("baseline"),
        Interval(found.low, found.high, level, "bounded", "fieller"),
    )


def size(estimate: Estimate, value: float, interval: Interval, relative: Percent) -> tuple[str, str]:
    """Return a value and its interval in words: percent on the log scale, else KPI units with percent beside."""
    if estimate.scale == "log":
        if relative.interval.kind != "bounded":
            return signed_percent(relative.estimate), "no interval: the standard error is undefined"
        ends = between(signed_percent(relative.interval.low), signed_percent(relative.interval.high))
        return signed_percent(relative.estimate), ends
    shown = signed(value)
    if relative.interval.kind == "bounded":
        shown += f" ({signed_percent(relative.estimate)})"
    if interval.kind != "bounded":
        return shown, "no interval: the standard error is undefined"
    return shown, between(signed(interval.low), signed(interval.high))


def share_reading(factor: AttributionFactor) -> str:
    """Return what the share says, by the signs of effect and change as improvement, and what its set leaves open."""
    effect, change = factor.improvement
    if change > 0 and effect < 0:
        reading = "the KPI improved although training harmed it"
    elif change > 0:
        reading = "part of the gain" if factor.share <= 1 else "all of the gain and more, a decline being offset"
    elif effect > 0:
        reading = "training softened a decline"
    else:
        reading = "a share of the deterioration, not a benefit"
    open_ends = [name for mark, name in ((0.0, "none"), (1.0, "all")) if mark in factor.interval]
    if not open_ends:
        return reading
    verb = "are" if len(open_ends) > 1 else "is"
    return f"{reading} if the estimate holds; {' and '.join(open_ends)} of it {verb} possible too"


def sentence(result: StudyResult, grade: str, verdict: str) -> str:
    """Return the allowed claim, at most 40 words with its interval in words."""
    label, program = primary_kpi(result).label, result.design.program.name
    kpi = f"the {_lowered(label)}"
    for names in ((program, kpi), ("the training", kpi), ("the training", "the KPI")):
        written = _sentence(result, grade, verdict, *names)
        if len(written.split()) <= MOST_WORDS:
            return written
    return written


def _sentence(result: StudyResult, grade: str, verdict: str, program: str, kpi: str) -> str:
    estimate, level = result.estimate, result.manifest.level
    if verdict == "too_early":
        return (
            f"Day {result.linked.days_since_launch} after launch: too early to say what {program} did to {kpi}; "
            f"effects are reported from day {FIRST_CLAIM_DAY} on."
        )
    change, change_ends = _move(estimate, "change", level)
    if grade == "D":
        why = "without a comparison, these data cannot say why"
        return f"{_capital(kpi)} {change} where people were trained ({change_ends}); {why}."
    effect, ends = _move(estimate, "effect", level)
    if estimate.interval(level).kind != "bounded":
        why = "the estimate has no standard error, so nothing says how sure we are"
        return f"We cannot tell what {program} did to {kpi}: {why}."
    if verdict == "works":
        return {
            "A": f"{_capital(program)} caused it: {kpi} {effect} through training ({ends}).",
            "B": f"{_capital(program)} worked: {kpi} {effect} because of it, as far as a comparison can show ({ends}).",
            "C": f"{_capital(kpi)} {effect} compared with the untrained ({ends}): this fits a benefit of {program}, "
            "but does not prove it.",
        }[grade]
    if verdict == "does_not":
        _, best = improvement_ends(estimate, estimate.interval(level))
        if best < 0:
            return f"{_capital(program)} did not help: {kpi} {effect} compared with the untrained ({ends})."
        return f"{_capital(program)} did not move {kpi} by a worthwhile amount: its effect lies {ends}."
    return (
        f"We cannot tell whether {program} changed {kpi}: it {effect} compared with the untrained, "
        f"but the effect may lie anywhere {ends}."
    )


def _move(estimate: Estimate, term: str, level: float) -> tuple[str, str]:
    """Return a term as a movement in words, and its interval: fell by 27%, between −49% and +3.4%."""
    value, interval = estimate.value(term), estimate.interval(level, term=term)
    verb = "rose" if value > 0 else "fell"
    if estimate.scale == "log":
        relative = estimate.percent(level, term=term)
        shown = percent(abs(relative.estimate))
        low, high = signed_percent(math.expm1(interval.low)), signed_percent(math.expm1(interval.high))
    else:
        shown, low, high = signed(abs(value)).lstrip("+"), signed(interval.low), signed(interval.high)
    return f"{verb} by {shown}", between(low, high)


def _lowered(label: str) -> str:
    """Return a label as it stands inside a sentence; an abbreviation keeps its capitals."""
    return label[0].lower() + label[1:] if label[1:2].islower() or label[1:2] == " " else label


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
