"""The evidence grade: how strong the design is, whatever the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attribution.checks.attrition import ATTRITION
from attribution.design.schema import Assignment, Mechanism
from attribution.report.format import plural
from attribution.study.result import StudyResult

MEANINGS = {
    "A": "randomised, analysed as assigned, attrition within bounds",
    "B": "compared with similar people over several earlier periods, or assigned nearly at random; every gate passed",
    "C": "compared, but too few earlier periods, or a failed gate, to rule out other causes",
    "D": "no comparison: what changed, not why",
}

PROJECTED = "compared with a projection of their own past, which cannot rule out other causes"
"""What C means where a trend is projected."""

RANDOM_LIKE = ("random", "waitlist")

MECHANISMS: Mapping[Mechanism, str] = {
    "random": "at random",
    "waitlist": "by a waiting list",
    "threshold": "by a threshold",
    "manager": "by managers",
    "voluntary": "by their own choice",
    "performance": "by performance",
    "first_come": "first come, first served",
}
"""How it was decided who is trained, as it stands after "assigned"."""


@dataclass(frozen=True, slots=True)
class Grade:
    """A letter, its one-line meaning, and why it is not better."""

    letter: str
    meaning: str
    reason: str


def grade_of(result: StudyResult) -> Grade:
    """Return the evidence grade of a run.

    A is a study randomised by a source that says so, analysed as assigned, with attrition inside the cautious
    boundary. B needs a comparison, no failed gate, and three baseline periods or an assignment that is random-like
    with its source; a comparison with less is C, and so is a projected trend, whatever it is compared with; none is D.
    A gate that is waived counts as failed.
    """
    estimate = result.estimate
    projected = estimate.rows == "periods"
    if not projected and not estimate.n.control.units:
        return Grade("D", MEANINGS["D"], "nobody untrained was compared")
    # A waiver lets the claim be made; it makes the evidence no better.
    failed = [one for one in result.findings if one.status == "fail"]
    if failed:
        named = ", ".join(f"{one.id.replace('_', ' ')}{' (waived)' * bool(one.waived)}" for one in failed)
        return Grade("C", PROJECTED if projected else MEANINGS["C"], f"failed: {named}")
    if projected:
        return Grade("C", PROJECTED, "what would have happened is projected from the trained’s own past")
    assignment = result.design.assignment
    sourced = assignment.mechanism in RANDOM_LIKE and bool(assignment.source)
    by_assignment = estimate.estimand == "ITT"
    if sourced and assignment.mechanism == "random" and by_assignment and _kept(result):
        return Grade("A", MEANINGS["A"], "every condition of the best grade is met")
    if len(estimate.n.baseline) >= 3 or sourced:
        return Grade("B", MEANINGS["B"], _not_better(assignment, by_assignment))
    periods = plural(len(estimate.n.baseline), "baseline period")
    hearsay = ", which no source says" if assignment.mechanism in RANDOM_LIKE else ""
    return Grade("C", MEANINGS["C"], f"{periods}, assigned {MECHANISMS[assignment.mechanism]}{hearsay}")


def _kept(result: StudyResult) -> bool:
    """Say whether attrition was found inside the cautious boundary."""
    own = (ATTRITION.id, f"{ATTRITION.id}[{result.primary[0]}]")
    return any(finding.id in own and finding.status == "pass" for finding in result.findings)


def _not_better(assignment: Assignment, by_assignment: bool) -> str:
    """Return why a comparison that is good enough for B is no A."""
    if not by_assignment and assignment.mechanism in RANDOM_LIKE:
        return "the analysis is by training taken, not by assignment"
    if assignment.mechanism != "random":
        return f"assigned {MECHANISMS[assignment.mechanism]}, not at random"
    return "more were lost than a cautious reading allows" if assignment.source else "no source says that it was random"
