"""Go, change or no: what a review says to whoever decides whether the training starts as it is planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from attribution.study.review import StudyReview

Decision: TypeAlias = Literal["go", "change", "no"]


@dataclass(frozen=True, slots=True)
class GoNoGo:
    """The verdict on a design, in one sentence, and the reasons for it, the weightiest first."""

    verdict: Decision
    sentence: str
    reasons: tuple[str, ...] = ()


def go_no_go(review: StudyReview) -> GoNoGo:
    """Return whether to go, to change the design first, or not to start: by the gates that fail."""
    failed = review.gates_failed
    if not failed:
        return GoNoGo("go", "Go: no gate fails.")
    what = "1 gate fails" if len(failed) == 1 else f"{len(failed)} gates fail"
    return GoNoGo("change", f"Change the design first: {what}.", tuple(finding.message for finding in failed))
