"""What may be claimed: grade, verdict and sentence are a function of the evidence, never of a wish."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from attribution.checks.money import CATEGORY, ILLUSTRATIVE, LEARNER
from attribution.core.finding import Finding
from attribution.inference.takers import TAKE_UP, effect_on_takers
from attribution.report import words
from attribution.report.banner import banner, illustrative
from attribution.report.format import between, capital, money, number, percent, signed, signed_percent
from attribution.report.grades import grade_of
from attribution.study.link import FIRST_CLAIM_DAY
from attribution.study.result import StudyResult
from attribution.study.verdict import Verdict, improvement_ends, primary_kpi, verdict_of


@dataclass(frozen=True, slots=True)
class Number:
    """A number as shown, its path in `results.json`, empty where it stands in words only, and the same in percent."""

    shown: str
    source: str
    relative: Number | None = None

    @property
    def text(self) -> str:
        """The number, with the same in percent beside it."""
        return self.shown if self.relative is None else f"{self.shown} ({self.relative.text})"


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the three numbers of page one; where it is not allowed, the headline says so and the note says why."""

    title: str
    headline: Number
    interval: str
    note: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What page one says: of the first primary KPI, and one sentence of each further one in `others`.

    `label` is the verdict in a few words, of all primary KPIs together.
    """

    grade: str
    meaning: str
    grade_reason: str
    verdict: Verdict
    label: str
    sentence: str
    others: tuple[str, ...]
    banner: tuple[str, ...]
    tiles: tuple[Tile, ...]
    threats: tuple[str, ...]
    interval_note: str


def compile_claim(result: StudyResult) -> Claim:
    """Compile the allowed claim of a run from its grade, its calendar and its primary intervals."""
    # Each primary analysis is read as if it were the headline: its own grade, verdict and sentence.
    views = [replace(result, primary=(name,)) for name in result.primary]
    read = [(view, grade_of(view), verdict_of(view)) for view in views]
    sentences = [words.sentence(view, grade.letter, verdict) for view, grade, verdict in read]
    labels = {words.verdict_label(grade.letter, verdict) for _, grade, verdict in read}
    _, grade, verdict = read[0]
    return Claim(
        grade=grade.letter,
        meaning=grade.meaning,
        grade_reason=grade.reason,
        verdict=verdict,
        label=labels.pop() if len(labels) == 1 else words.MIXED,
        sentence=sentences[0],
        others=tuple(sentences[1:]),
        banner=banner(result),
        tiles=(_changed(result), _effect(result, verdict), _worth(result)),
        threats=_threats(result, grade.letter),
        interval_note="" if verdict == "too_early" else interval_note(result),
    )


def interval_note(result: StudyResult) -> str:
    """Return one sentence on why the headline set is what it is, where another interval of the share disagrees."""
    factor = result.factor
    if factor.interval.kind == "undefined":
        return ""
    ruled_out = []
    for landmark, share in ((0.0, "0"), (1.0, "100%")):
        excluding = [one.method for one in factor.others if one.kind == "bounded" and landmark not in one]
        if excluding and landmark in factor.interval:
            names = words.listed([words.METHOD_NAMES[name] for name in excluding])
            ruled_out.append(f"{names} would rule out a share of {share}")
    if not ruled_out:
        return ""
    said = " and ".join(ruled_out)
    trained = words.units(result, factor.estimate.n.trained.units)
    return (
        f"{capital(said)}; the headline (Fieller) does not: it counts the noise in the observed change "
        f"that the share is divided by, which with {trained} is not small."
    )


def _size(result: StudyResult, term: str) -> tuple[Number, str]:
    """Return a term and its interval in words: percent on the log scale, else KPI units with percent beside."""
    estimate, level, name = result.estimate, result.manifest.level, result.primary[0]
    relative, interval = estimate.percent(level, term=term), estimate.interval(level, term=term)
    in_percent = Number(signed_percent(relative.estimate), f"percent.{name}.{term}.estimate")
    if estimate.scale == "log":
        shown, ends = in_percent, [signed_percent(end) for end in (relative.interval.low, relative.interval.high)]
    else:
        beside = in_percent if relative.interval.kind == "bounded" else None
        shown = Number(signed(estimate.value(term)), f"terms.{name}.{term}.estimate", beside)
        ends = [signed(end) for end in (interval.low, interval.high)]
    return shown, between(*ends) if interval.kind == "bounded" else "no interval: the standard error is undefined"


def _changed(result: StudyResult) -> Tile:
    estimate = result.estimate
    if "change" not in estimate.terms:
        return Tile(
            "What changed", Number("Not estimated", ""), "", f"{capital(estimate.method)} estimates no change.", False
        )
    value = estimate.value("change")
    interval = estimate.interval(result.manifest.level, term="change")
    shown, ends = _size(result, "change")
    way = f"{words.better_or_worse(estimate, value)}, as {estimate.direction} is better"
    if interval.kind == "bounded" and 0.0 in interval:
        way = f"within noise of no change; {estimate.direction} is better"
    kpi = primary_kpi(result)
    own = f"{signed(value)} {words.step_unit(kpi)}"
    return Tile(
        title="What changed",
        headline=shown,
        interval=ends,
        note=f"{kpi.label} of {words.comparison(estimate).trained} "
        f"({words.units(result, estimate.n.trained.units)}): {way}. {_since(result)}In the KPI's own unit: {own}.",
        allowed=True,
    )


def _since(result: StudyResult) -> str:
    """Return between when and when a change is that does not have the same two windows for everybody."""
    if not words.rolls_out(result.estimate):
        return ""
    before, after = words.own_windows(result)
    return f"On average over {after}, against {before}. "


def _effect(result: StudyResult, verdict: Verdict) -> Tile:
    title, estimate = "What training did", result.estimate
    if verdict == "too_early":
        days = (
            f"Day {result.linked.days_since_launch} after launch; effects are reported from day {FIRST_CLAIM_DAY} on."
        )
        return Tile(title, Number("Too early", ""), "", days, allowed=False)
    if "effect" not in estimate.terms:
        return Tile(
            title,
            Number("Not estimable", ""),
            "",
            "Nobody untrained was compared, so no effect can be told apart.",
            False,
        )
    shown, ends = _size(result, "effect")
    factor, kpi = result.factor, primary_kpi(result)
    of_what = "Share of the log change" if estimate.scale == "log" else "Share of the change"
    if factor.estimable:
        low, high = percent(factor.interval.low), percent(factor.interval.high)
        share = f"{of_what}: {percent(factor.share)} ({between(low, high)}), {words.share_reading(factor)}."
    else:
        share = f"{of_what}: not estimable, {factor.reason}."
    named = f"{kpi.label}. " if words.several_kpis(result) else ""
    unit = f" In the KPI's own unit: {signed(estimate.value('effect'))} {words.step_unit(kpi)}."
    return Tile(
        title,
        shown,
        ends,
        f"{named}{share}{unit}{_speaks_for(result)}{_takers(result)}{_worthwhile(result, verdict)}",
        allowed=True,
    )


def _speaks_for(result: StudyResult) -> str:
    """Return of how many of the trained the effect is, where the cohort left some out."""
    flow = result.estimate.n
    if not words.left_out_by_cohort(result, result.primary[0]):
        return ""
    return f" It speaks for {flow.trained.units} of the {flow.trained_in_window} trained."


def _takers(result: StudyResult) -> str:
    """Return the effect on those who took an offer up, where the analysis is of the offer."""
    estimate = result.estimate
    if TAKE_UP not in estimate.terms:
        return ""
    found, kpi = effect_on_takers(estimate, level=result.manifest.level), primary_kpi(result)
    taken = f" The offer trained {number(100 * found.take_up)} percentage points more of them"
    if found.interval.kind != "bounded":
        return f"{taken}; the effect on them is not estimable."
    low, high = (signed(end) for end in (found.interval.low, found.interval.high))
    return f"{taken}; on those the effect is {signed(found.value)} {words.step_unit(kpi)} ({between(low, high)})."


def _worthwhile(result: StudyResult, verdict: Verdict) -> str:
    """Return the declared smallest worthwhile effect, and whether one that works may still be smaller."""
    kpi, estimate = primary_kpi(result), result.estimate
    smallest = kpi.minimum_worthwhile_effect
    if smallest is None:
        return ""
    worst, _ = improvement_ends(estimate, estimate.interval(result.manifest.level))
    may_be_less = verdict == "works" and worst < abs(smallest)
    return (
        f" Worthwhile is an improvement of at least {words.worthwhile(kpi)}"
        f"{'; the interval still holds smaller ones' if may_be_less else ''}."
    )


def _worth(result: StudyResult) -> Tile:
    title, found = "What it is worth", result.roi
    if found is None:
        headline, reason = words.no_money(result)
        return Tile(title, Number(headline, ""), "", f"{capital(reason)}.", allowed=False)
    net, ratio = found.net_benefit, found.roi
    width = net.high - net.low
    shown = Number(f"ROI {signed_percent(ratio.estimate)}", "roi.roi.estimate")
    amount = money(net.estimate, found.currency, width=width)
    caution = " Inputs are illustrative." if illustrative(result.findings) else ""
    if _money_gates(result):
        caution += " A gate about money failed: do not quote it."
    elif any(one.waived for one in _about_money(result)):
        caution += " A gate about money failed and is waived."
    if found.benefit_draws is None:
        return Tile(
            title,
            shown,
            "no interval: the standard error is undefined",
            f"Net benefit {amount}, a point alone.{caution}",
            allowed=True,
        )
    ends = between(signed_percent(ratio.low), signed_percent(ratio.high))
    low, high = (money(end, found.currency, width=width) for end in (net.low, net.high))
    measured = words.units(result, found.plan.units)
    kpi = words.priced_kpi(result)
    of = "" if kpi is primary_kpi(result) else f" of {kpi.label}"
    counted = "compared" if words.left_out_by_cohort(result, words.priced_analysis(result)) else "measured"
    offered = "offered it and measured" if result.estimate.estimand == "ITT" else counted
    costs = _costs_of(result, found.trained_in_window)
    note = (
        f"Net benefit{of} {amount} ({between(low, high)}) for {measured} {offered}, against the costs of {costs}. "
        f"Above zero in {percent(found.probability_net_positive)} of draws."
    )
    return Tile(title, shown, ends, f"{note}{caution}", allowed=True)


def _costs_of(result: StudyResult, trained: int) -> str:
    """Return whose costs stand against the benefit: those declared are also for later waves."""
    if result.linked.waiting and result.estimate.n.later:
        return f"the whole program, with {trained} trained so far"
    return "the one trained" if trained == 1 else f"all {trained} trained"


def _money_gates(result: StudyResult) -> tuple[Finding, ...]:
    """Return the failed gates about money, but for those that are waived."""
    return tuple(finding for finding in _about_money(result) if finding.gate_failed)


def _about_money(result: StudyResult) -> tuple[Finding, ...]:
    rules = {rule.id for rule in (LEARNER, CATEGORY, ILLUSTRATIVE)}
    return tuple(finding for finding in result.findings if finding.rule in rules)


def _threats(result: StudyResult, grade: str) -> tuple[str, ...]:
    """Return three bullets: the strongest threats, the break-even effect, the next look."""
    ranked = [finding for status in ("fail", "warn") for finding in result.findings if finding.status == status]
    alone = not result.estimate.n.control.units
    no_share = alone and "effect" not in result.estimate.terms
    known = ("illustrative_money", "share_estimable") if no_share else ("illustrative_money",)
    closing = [line for line in (_break_even(result, grade), _next_look(result)) if line]
    # What the break-even line says already is not said twice, nor what several primary analyses have in common.
    bullets = [
        f"{capital(finding.message)}."
        for finding in ranked
        if not finding.id.startswith(known) and finding.message not in closing[0]
    ]
    bullets = list(dict.fromkeys(bullets))
    if alone:
        bullets.insert(0, "Nobody untrained was compared, so that anything else that happened may be the cause.")
    return tuple((bullets[: 3 - len(closing)] or ["No check found a fault in the comparison."]) + closing)


def _break_even(result: StudyResult, grade: str) -> str:
    if result.roi is None:
        return ""
    needed = result.roi.break_even_effect
    if math.isnan(needed.estimate):
        return f"Break-even: {needed.reason}."
    kpi = words.priced_kpi(result)
    if kpi.scale == "log":
        shown = signed_percent(math.expm1(needed.estimate))
    else:
        shown = f"{signed(needed.estimate)} {words.step_unit(kpi)}"
    # Judged by the net benefit, whose draws hold the costs' uncertainty too: the tile must not say otherwise.
    net, gates, proven = result.roi.net_benefit, _money_gates(result), grade in ("A", "B")
    if gates:
        reached = f"whether it pays cannot be said: {gates[0].message}"
    elif result.roi.benefit_draws is None:
        reached = "whether it was reached, these data do not show"
    elif net.low > 0:
        pays = "it pays" if proven else "it would pay if the effect is the training's"
        reached = f"{pays}, as the whole interval of the net benefit is above 0"
    elif net.high < 0:
        pays = "it does not pay" if proven else "it would not pay even if the effect is the training's"
        reached = f"{pays}, as the whole interval of the net benefit is below 0"
    else:
        reached = "it may or may not pay, as the interval of the net benefit includes 0"
    return f"Break-even is an effect of {shown}; {reached}."


def _next_look(result: StudyResult) -> str:
    if result.linked.waiting:
        return f"Next look: {result.linked.waiting[0]} joins the follow-up when it is over."
    trained = words.units(result, result.estimate.n.trained.units)
    return f"The follow-up is complete ({trained}): more trained, or more periods, would make the estimate sharper."
