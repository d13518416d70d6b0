"""What the review sheet says in words: its stage, three tiles, and what the power rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from attribution.core.finding import Finding
from attribution.design.schema import Kpi, StudyDesign
from attribution.planning.records import DesignPower
from attribution.report.banner import amendment_told, changes_told, illustrative
from attribution.report.cells import Cell, integer
from attribution.report.compared import Sentence
from attribution.report.format import capital, level_text, money, number, percent, plural, stop
from attribution.report.grades import MECHANISMS
from attribution.report.page import STATUSES
from attribution.report.review_results import chance, judged, measured, relative
from attribution.report.words import listed, step_unit
from attribution.study.review import StudyReview

STAGES = {
    "file": "Before the data: the design file alone is reviewed",
    "history": "Before the follow-up: the design file and the data so far are reviewed",
    "followup": "With follow-up data: what was planned is judged beside what was measured",
}


@dataclass(frozen=True, slots=True)
class SheetTile:
    """One of the three tiles: its headline, a line beneath, and a note."""

    title: str
    headline: Cell
    beneath: Sentence
    note: Sentence
    known: bool = True

    @property
    def lead(self) -> str:
        """The title as it begins a line: a question stands for itself."""
        return self.title if self.title.endswith("?") else f"{self.title}:"


def stage_line(review: StudyReview) -> str:
    """Return in one line what was reviewed, as of when, and how it is decided who is trained."""
    design = review.design
    said = [STAGES[review.stage]]
    if review.as_of is not None:
        said.append(f"as of {review.as_of.isoformat()}")
    said.append(f"assigned {MECHANISMS[design.assignment.mechanism]}")
    said.append(listed([f"{one.method.replace('_', ' ')} of {design.kpi_of(one).label}" for one in design.primary]))
    return " · ".join(said)


def kpi_of(design: StudyDesign, found: DesignPower) -> Kpi:
    """Return the KPI of what an analysis could see."""
    return design.kpi_of(design.analysis_of(found.analysis))


def unit_of(design: StudyDesign, found: DesignPower) -> str:
    """Return the unit of an effect of the KPI in words."""
    return step_unit(kpi_of(design, found))


def nouns(design: StudyDesign) -> tuple[str, str]:
    """Return what is assigned and what is measured, in the design's words."""
    columns, level = design.columns, design.assignment.level
    measured = level if columns.cluster is None or columns.cluster == columns.unit else "unit"
    return level, measured


def tiles(review: StudyReview, found: DesignPower | None) -> tuple[SheetTile, ...]:
    """Return what the study must see, what it can see, and whether that pays."""
    design = review.design
    kpi = design.kpi_of(design.primary[0]) if found is None else kpi_of(design, found)
    return _must_see(kpi, found), _can_see(review, kpi, found), _pays(review, kpi, found)


def _must_see(kpi: Kpi, found: DesignPower | None) -> SheetTile:
    title, unit = "What it must see", step_unit(kpi)
    worthwhile, expected = kpi.minimum_worthwhile_effect, kpi.expected_effect
    wanted = worthwhile if expected is None else expected
    if wanted is None:
        note = "The design names neither an expected effect (with its source) nor the smallest that is worthwhile."
        return SheetTile(title, Cell("Not declared"), (), (note,), known=False)
    base = "" if found is None else f"powers.{found.analysis}"
    headline = Cell(f"{number(abs(wanted))} {unit}", f"{base}.must_see" if base else "")
    share = math.nan if found is None else relative(found, abs(wanted))
    beneath = _beneath(kpi, share, f"{base}.must_see_percent")
    if expected is None:
        note = "The smallest effect that is worthwhile."
    else:
        source = f" ({kpi.effect_source})" if kpi.effect_source else ""
        also = "" if worthwhile is None else f" Worthwhile from {number(abs(worthwhile))} {unit} on."
        note = f"The expected effect{source}.{also}"
    return SheetTile(title, headline, beneath, (note,))


def _beneath(kpi: Kpi, share: float, source: str) -> Sentence:
    if not math.isfinite(share):
        return (kpi.direction,)
    of_what = "" if kpi.scale == "log" else " of the level before"
    return (f"{kpi.direction}: ", Cell(percent(share), source), of_what)


def _can_see(review: StudyReview, kpi: Kpi, found: DesignPower | None) -> SheetTile:
    title, unit = "What it can see", step_unit(kpi)
    name, best = ("analytic", None) if found is None else judged(review, found)
    if found is None or best is None or not math.isfinite(best.mde):
        why = _why_unknown(review) if best is None else best.reason
        return SheetTile(title, Cell("Not known"), (), (stop(capital(why)),), known=False)
    base = f"powers.{found.analysis}"
    headline = Cell(f"{number(best.mde)} {unit}", f"{base}.{name}.mde")
    beneath = _beneath(kpi, relative(found, best.mde), f"{base}.{name}.percent")
    worth = found.benefit_at_mde
    if worth is not None and math.isfinite(worth) and best is found.best:
        beneath = (*beneath, "; worth ", Cell(money(worth, found.currency), f"{base}.benefit_at_mde"))
    note: Sentence = (
        "Seen with ",
        Cell(level_text(best.power), f"{base}.{name}.power"),
        " probability at the ",
        Cell(level_text(best.level), f"{base}.{name}.level"),
        " level",
        "." if best is found.best else ", by the standard error that was measured.",
    )
    power = chance(best, found.must_see)
    if math.isfinite(power):
        note = (*note, " What it must see, it would see with ", Cell(percent(power), f"{base}.power"), ".")
    return SheetTile(title, headline, beneath, note)


def _why_unknown(review: StudyReview) -> str:
    said = next((one for one in review.findings if one.rule == "power"), None)
    return "nothing says how much the KPI varies or who is to be trained" if said is None else said.message


def _pays(review: StudyReview, kpi: Kpi, found: DesignPower | None) -> SheetTile:
    title, unit = "Does it pay?", step_unit(kpi)
    if found is None or found.break_even is None or not math.isfinite(found.break_even):
        design = review.design
        stated = design.valuation and design.cost and design.finance is not None
        priced = stated and any(one.kpi == kpi.id for one in design.valuation)
        why = (
            "The design states no value and no costs."
            if not stated
            else f"{kpi.label} has no value in money."
            if not priced
            else "The planned units and periods are not known."
        )
        return SheetTile(title, Cell("No money stated" if not stated else "Not known"), (), (why,), known=False)
    base = f"powers.{found.analysis}"
    headline = Cell(f"{number(found.break_even)} {unit}", f"{base}.break_even")
    beneath = ("pays for the costs", *_costs(found, base))
    note: Sentence = ()
    if found.expected is not None:
        enough = abs(found.expected) >= found.break_even
        said = "enough: it would pay" if enough else "too little: it would not pay even if it works"
        note = ("Expected are ", Cell(number(abs(found.expected)), f"{base}.expected"), f" {unit}, {said}.")
    power = chance(judged(review, found)[1], found.break_even)
    if math.isfinite(power):
        seen = Cell(percent(power), f"{base}.power_at_break_even")
        note = (*note, " " * bool(note), "An effect that just pays would be seen with ", seen, " probability.")
    if illustrative(review.findings):
        note = (*note, " " * bool(note), "The money is illustrative: nobody vouches for it.")
    return SheetTile(title, headline, beneath, note)


def _costs(found: DesignPower, base: str) -> Sentence:
    if found.total_cost is None or not math.isfinite(found.total_cost):
        return ()
    return (" of ", Cell(money(found.total_cost, found.currency), f"{base}.total_cost"))


def rests_on(review: StudyReview, found: DesignPower) -> tuple[Sentence, ...]:
    """Return what the smallest effect rests on: who is planned, how the KPI varies, and what had to be assumed."""
    plan, noise, best = found.plan, found.noise, found.best
    base, (cluster, _), period = f"powers.{found.analysis}", nouns(review.design), review.design.timing.period
    who: Sentence = (
        "Planned: ",
        Cell(plural(plan.trained_clusters, cluster), f"{base}.plan.trained_clusters"),
        " trained by the end and ",
        Cell(integer(plan.control_clusters), f"{base}.plan.control_clusters"),
        f" not{f' (from {plan.source})' if plan.source else ''}, over "
        f"{plural(len(plan.baseline), period)} of baseline and {plural(len(plan.followup), period)} of follow-up.",
    )
    lines: list[Sentence] = [who]
    if math.isfinite(noise.sd):
        varies: Sentence = ("The KPI varies between units by ", Cell(number(noise.sd), f"{base}.noise.sd"), " (SD)")
        # Where each cluster is one unit, all that varies lies between clusters: nothing to say.
        if math.isfinite(noise.icc) and any(one.units > one.clusters for one in plan.cohorts):
            varies = (*varies, "; share between clusters ", Cell(percent(noise.icc), f"{base}.noise.icc"))
        lines.append((*varies, f". Source: {stop(noise.source)}"))
    if best.how == "simulated":
        simulated: Sentence = (
            "Simulated ",
            Cell(integer(best.replications), f"{base}.simulated.replications"),
            " times with the very test of the design",
        )
        if math.isfinite(best.size):
            simulated = (
                *simulated,
                "; without any effect it rejects in ",
                Cell(percent(best.size), f"{base}.simulated.size"),
            )
        by_formula: Sentence = ("; by formula ", Cell(number(found.analytic.mde), f"{base}.analytic.mde"))
        lines.append((*simulated, *(by_formula if math.isfinite(found.analytic.mde) else ()), "."))
    since = measured(review, found)
    if since is not None and math.isfinite(best.std_error):
        lines.append(
            (
                "Measured since: a standard error of ",
                Cell(number(since.std_error), f"{base}.measured.std_error"),
                "; by what was known before the launch it would have been ",
                Cell(number(best.std_error), f"{base}.{best.how}.std_error"),
                " and the smallest effect ",
                Cell(number(best.mde), f"{base}.{best.how}.mde"),
                ".",
            )
        )
    lines += [(f"Assumed: {stop(one)}",) for one in noise.assumed]
    # What the plan's formula leaves out is no matter where the estimate's own standard error is known.
    caveats = best.caveats if since is None else ()
    lines += [(stop(capital(one)),) for one in (*caveats, *found.notes)]
    return tuple(lines)


def frozen(review: StudyReview) -> tuple[str, ...]:
    """Return whether the design is as it was frozen, by whom it was reviewed, and all that changed since."""
    known = review.prespecified
    if known.state == "not_frozen" and review.stage != "followup":
        return ("Not frozen yet. Freeze it once it is reviewed: attribution freeze.",)
    lines = [stop(capital(known.sentence))]
    if known.reviewers and known.time is not None:
        lines.append(f"Reviewed by {listed(list(known.reviewers))}, frozen {known.time.date().isoformat()}.")
    # Of a design that is run as it was frozen the sentence says why that was too late.
    if known.late and known.state == "departed":
        lines.append(stop(capital(known.late)))
    if known.deviations:
        lines.append(f"Changed since, and not declared: {stop(changes_told(known.deviations))}")
    return (*lines, *(amendment_told(one) for one in known.amendments))


def by_status(findings: tuple[Finding, ...]) -> dict[str, tuple[Finding, ...]]:
    """Return the findings of each status, waived gates apart under `waived`, in the order of the rules."""
    found = {status: tuple(one for one in findings if one.status == status and not one.waived) for status in STATUSES}
    return {"waived": tuple(one for one in findings if one.waived), **found}


def skipped_by_reason(findings: tuple[Finding, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return why rules were skipped, with the rules that share each reason."""
    reasons: dict[str, list[str]] = {}
    for one in findings:
        if one.status == "skipped":
            reasons.setdefault(one.message, []).append(one.id)
    return tuple((reason, tuple(names)) for reason, names in reasons.items())


def sources(findings: tuple[Finding, ...]) -> dict[str, int]:
    """Return the sources of the findings that are not skipped, numbered from 1 in their order."""
    names = dict.fromkeys(one.source for one in findings if one.status != "skipped")
    return {name: place for place, name in enumerate(names, start=1)}


def plain(sentence: Sentence) -> str:
    """Return a sentence as text alone."""
    return "".join(part if isinstance(part, str) else part.text for part in sentence)
