"""The sentences of the report, from signs, intervals and grades. Snapshot tests hold every one of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from attribution.core.arms import TRAINED
from attribution.core.estimate import Estimate
from attribution.design.schema import Kpi
from attribution.diagnostics.baseline import ROLLOUTS
from attribution.inference.factor import AttributionFactor
from attribution.report.format import between, capital, nth, number, percent, plural, signed, signed_percent
from attribution.study.link import FIRST_CLAIM_DAY
from attribution.study.result import StudyResult
from attribution.study.verdict import JUDGED, improvement_ends, primary_kpi

METHOD_NAMES = {
    "fieller": "the Fieller set",
    "delta": "the delta method",
    "percentile": "the percentile bootstrap",
    "bca": "the BCa bootstrap",
}

MOST_WORDS = 40

LABELS = {
    "works": "It works",
    "does_not": "It does not work",
    "cannot_tell": "We cannot tell",
    "too_early": "Too early to tell",
}

TENTATIVE = {"works": "It may work", "does_not": "It may not work"}
"""The labels of grade C, whose sentence proves nothing either way."""

MIXED = "Mixed: see each KPI"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a sentence speaks of an estimate: what the trained did (`ended`, `averaged`), since when, and against what.

    `whose` follows the KPI where the effect is not on the trained, `trained` names those it speaks for, `others`
    what the background is read off, and `without` what the trained did not have there.
    """

    verb: str
    since: str
    basis: str
    whose: str = ""
    trained: str = "the trained"
    others: str = "the untrained"
    without: str = "without training"


def comparison(estimate: Estimate) -> Comparison:
    """Return how to speak of an estimate, by what it compares."""
    if estimate.rows == "periods":
        return Comparison("ended", "", "the earlier trend promised", others="their own trend")
    if estimate.estimand == "ITT":
        others = "those not offered it"
        return Comparison(
            "ended",
            "",
            f"expected from {others}",
            " of those offered it",
            "those offered the training",
            others,
            "without the offer",
        )
    if estimate.estimand == "ATE":
        return Comparison("would end", "", "with nobody trained", " with everybody trained")
    if estimate.estimand == "ATO":
        return Comparison("ended", "", "expected untrained", " of those who could be in either group")
    if estimate.method == "synthetic":
        mix = "a mix of the untrained"
        return Comparison("ended", "", f"expected from {mix}", others=mix)
    if rolls_out(estimate):
        return Comparison("averaged", " since training began", "expected from the untrained")
    return Comparison("ended", "", "expected from the untrained")


def rolls_out(estimate: Estimate) -> bool:
    """Say whether each cohort of the trained has its own before and after."""
    return estimate.method in ROLLOUTS


def own_windows(result: StudyResult) -> tuple[str, str]:
    """Return the before and the after that each cohort of a rollout has of its own.

    Washout and anticipation move them; two-way fixed effects take every period, whatever the calendar says.
    """
    analysis = result.design.analysis_of(result.primary[0])
    timing, period = result.design.timing, result.design.timing.period
    if analysis.method == "twfe":
        return f"every {period} before each began", f"the {period}s since each began"
    early = int(analysis.options.get("anticipation", timing.anticipation))
    late = int(analysis.options.get("washout", timing.washout))
    before = f"the {nth(early + 1)} {period} before each began" if early else f"the {period} before each began"
    after = (
        f"the {period}s from the {nth(late + 1)} of each one's training on"
        if late
        else f"the {period}s since each began"
    )
    return before, after


def verdict_label(grade: str, verdict: str) -> str:
    """Return a verdict in a few words, as careful as its sentence."""
    return TENTATIVE.get(verdict, LABELS[verdict]) if grade == "C" else LABELS[verdict]


def priced_kpi(result: StudyResult) -> Kpi:
    """Return the KPI that the money is of."""
    return next(kpi for kpi in result.design.kpi if kpi.id == result.design.valuation[0].kpi)


def priced_analysis(result: StudyResult) -> str:
    """Return the id of the analysis that the money is of."""
    kpi = priced_kpi(result).id
    return next(one.id for one in result.design.primary if one.kpi == kpi)


def several_kpis(result: StudyResult) -> bool:
    """Say whether the analyses are of more than one KPI, so that each number has to name its own."""
    return len({one.kpi for one in result.design.analysis}) > 1


def no_money(result: StudyResult) -> tuple[str, str]:
    """Return in a few words that there is no money, and why: not asked for, too early, or not allowed."""
    design, reason = result.design, result.roi_reason
    if not design.valuation or not design.cost or design.finance is None:
        return "No money stated", reason
    if result.linked.too_early:
        return "Too early", reason
    kpi = priced_kpi(result)
    # The reason is written where KPIs go by their id; a reader knows their labels.
    return "Not allowed", reason.replace(f" of {kpi.id} ", f" of {kpi.label} ")


def worthwhile(kpi: Kpi, unit: str | None = None) -> str:
    """Return the smallest worthwhile effect in words, without its sign; nothing where the design declares none."""
    smallest = kpi.minimum_worthwhile_effect
    if smallest is None:
        return ""
    if kpi.scale == "log":
        better = abs(smallest) if kpi.direction == "higher" else -abs(smallest)
        return percent(abs(math.expm1(better)))
    return f"{number(abs(smallest))} {step_unit(kpi) if unit is None else unit}".rstrip()


def unit_noun(result: StudyResult) -> str:
    """Return what the design calls a unit: the level of assignment, where that is the unit."""
    columns, level = result.design.columns, result.design.assignment.level
    kind = result.design.data.kind
    if kind != "panel":
        return "series" if kind == "series" else "row"
    same = columns.cluster is None or columns.cluster == columns.unit
    return level if same else "unit"


def units(result: StudyResult, count: int) -> str:
    """Return a count of units with the noun the design gives them."""
    return plural(count, unit_noun(result))


def left_out_by_cohort(result: StudyResult, analysis: str) -> int:
    """Return how many trained units with a KPI the cohort of an analysis left out; 0 where it is on none."""
    cohort = result.linked.cohorts.get(analysis)
    if cohort is None or cohort.arms is None or cohort.reasons is None:
        return 0
    reasons = cohort.reasons[(cohort.arms == TRAINED) & (cohort.weights == 0)]
    return sum("KPI value" not in str(reason) for reason in reasons)


def listed(names: list[str]) -> str:
    """Return names in a sentence: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def better_or_worse(estimate: Estimate, value: float) -> str:
    """Return whether a change of this sign is an improvement for the KPI's direction."""
    if value == 0:
        return "no change"
    return "an improvement" if (value > 0) == (estimate.direction == "higher") else "a deterioration"


def share_reading(factor: AttributionFactor) -> str:
    """Return what the share says, by the signs of effect and change as improvement, and what its set leaves open."""
    effect, change = factor.improvement
    if effect == 0:
        reading = "none of the change"
    elif change > 0 and effect < 0:
        reading = "the KPI improved despite a harmful effect"
    elif change > 0:
        reading = "part of the gain" if factor.share <= 1 else "all of the gain and more, a deterioration being offset"
    elif effect > 0:
        reading = "training softened a deterioration"
    else:
        reading = "a share of the deterioration and no benefit"
    zero, whole = (mark in factor.interval for mark in (0.0, 1.0))
    if zero and whole:
        return f"{reading}, if the estimate holds; neither 0 nor 100% is ruled out"
    if zero or whole:
        return f"{reading}, if the estimate holds; a share of {'0' if zero else '100%'} is not ruled out"
    return reading


def step_unit(kpi: Kpi) -> str:
    """Return the unit of a difference of the KPI: a KPI in percent moves by percentage points."""
    return "percentage points" if kpi.unit in ("%", "percent") else kpi.unit


def sentence(result: StudyResult, grade: str, verdict: str) -> str:
    """Return the allowed claim, at most 40 words with its interval in words.

    Long names give way, first the program's, then the KPI's and its unit's.
    """
    kpi, program = primary_kpi(result), result.design.program.name
    label, unit = _lowered(kpi.label), step_unit(kpi)
    named = label if label.startswith("the ") else f"the {label}"
    written = ""
    for names in ((program, named, unit), ("the training", named, unit), ("the training", "the KPI", "")):
        written = _sentence(result, grade, verdict, *names)
        if len(written.split()) <= MOST_WORDS:
            break
    return written


def _sentence(result: StudyResult, grade: str, verdict: str, program: str, kpi: str, unit: str) -> str:
    estimate, level = result.estimate, result.manifest.level
    if verdict == "too_early":
        return (
            f"Day {result.linked.days_since_launch} after launch: too early to say what {program} did to {kpi}; "
            f"effects are reported from day {FIRST_CLAIM_DAY} on."
        )
    if grade == "D":
        moved = _amount(estimate, "change", unit)
        verb = "did not move" if not moved else f"{'rose' if estimate.value('change') > 0 else 'fell'} by {moved}"
        why = "without a comparison, these data cannot say why"
        return f"{capital(kpi)} {verb} where people were trained ({_ends(estimate, 'change', level)}); {why}."
    if estimate.interval(level).kind != "bounded":
        return f"We cannot tell what {program} did to {kpi}: these data do not show how uncertain the estimate is."
    if estimate.estimand not in JUDGED:
        return (
            f"We cannot tell what {program} did to {kpi}: the primary analysis also compares with people already "
            "trained, and can have another sign than every effect."
        )
    amount, ends = _amount(estimate, "effect", unit), _ends(estimate, "effect", level)
    said = comparison(estimate)
    kpi += said.whose
    higher = "higher" if estimate.value("effect") > 0 else "lower"
    than = f"{amount} {higher}{said.since} than" if amount else f"the same{said.since} as"
    expected = f"{said.verb} {than} {said.basis}"
    if verdict == "works":
        return {
            "A": f"{capital(program)} caused {kpi} to end {than} {said.without} ({ends}).",
            "B": f"{capital(program)} worked, as far as a comparison can show: {kpi} {expected} ({ends}).",
            "C": f"{capital(kpi)} {expected} ({ends}): this fits a benefit of {program}, but does not prove it.",
        }[grade]
    if verdict == "does_not" and improvement_ends(estimate, estimate.interval(level))[1] < 0:
        return {
            "A": f"{capital(program)} did harm: {kpi} ended {than} {said.without} ({ends}).",
            "B": f"{capital(program)} did not help, as far as a comparison can show: {kpi} {expected} ({ends}).",
            "C": f"{capital(kpi)} {expected} ({ends}): this speaks against a benefit of {program}, "
            "but does not disprove it.",
        }[grade]
    if verdict == "does_not":
        least = worthwhile(primary_kpi(result), unit)
        lies = (
            f"did not improve {kpi} by a worthwhile amount (at least {least}): the effect lies "
            f"{_ends(estimate, 'effect', level, unit)}"
        )
        return f"If the comparison holds, {program} {lies}." if grade == "C" else f"{capital(program)} {lies}."
    return (
        f"We cannot tell whether {program} changed {kpi}, which {expected}: the effect may lie anywhere "
        f"{_ends(estimate, 'effect', level)}."
    )


def _amount(estimate: Estimate, term: str, unit: str) -> str:
    """Return the size of a term in words, without its sign: 27%, 3.2 orders; nothing where it is 0."""
    value = estimate.value(term)
    if value == 0:
        return ""
    if estimate.scale == "log":
        return percent(abs(math.expm1(value)))
    return f"{number(abs(value))} {unit}".rstrip()


def _ends(estimate: Estimate, term: str, level: float, unit: str = "") -> str:
    """Return the interval of a term in words, in percent on the log scale."""
    interval = estimate.interval(level, term=term)
    if interval.kind != "bounded":
        return "no interval can be given"
    if estimate.scale == "log":
        return between(signed_percent(math.expm1(interval.low)), signed_percent(math.expm1(interval.high)))
    return between(signed(interval.low), f"{signed(interval.high)} {unit}".rstrip())


def _lowered(label: str) -> str:
    """Return a label as it stands inside a sentence; an abbreviation keeps its capitals."""
    return label[0].lower() + label[1:] if label[1:2].islower() or label[1:2] == " " else label
