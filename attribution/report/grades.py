"""The evidence grade: how strong the design is, whatever the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attribution.design.schema import Mechanism
from attribution.report.format import plural
from attribution.study.result import StudyResult

MEANINGS = {
    "A": "randomised, analysed as assigned, attrition within bounds",
    "B": "compared with similar people over several earlier periods, or assigned nearly at random; every gate passed",
    "C": "compared, but too few earlier periods, or a failed gate, to rule out other causes",
    "D": "no comparison: what changed, not why",
}

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

    B needs a comparison, no failed gate, and three baseline periods or an assignment that is random-like with its
    source; a comparison with less is C; none is D. A would need an analysis as assigned with attrition inside its
    bounds, which no method of this version does.
    """
    estimate = result.estimate
    if not estimate.n.control.units:
        return Grade("D", MEANINGS["D"], "nobody untrained was compared")
    if result.gates_failed:
        failed = ", ".join(finding.id.replace("_", " ") for finding in result.gates_failed)
        return Grade("C", MEANINGS["C"], f"failed: {failed}")
    assignment = result.design.assignment
    sourced = assignment.mechanism in RANDOM_LIKE and bool(assignment.source)
    if len(estimate.n.baseline) >= 3 or sourced:
        return Grade("B", MEANINGS["B"], "the analysis is by training taken, not by assignment")
    periods = plural(len(estimate.n.baseline), "baseline period")
    hearsay = ", which no source says" if assignment.mechanism in RANDOM_LIKE else ""
    return Grade("C", MEANINGS["C"], f"{periods}, assigned {MECHANISMS[assignment.mechanism]}{hearsay}")
