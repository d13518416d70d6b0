"""Go, change or no: what a review says to whoever decides whether the training starts as it is planned."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal, TypeAlias

from attribution.checks.power import fix_words
from attribution.core.finding import Finding
from attribution.planning.records import DesignPower
from attribution.study.review import StudyReview

Decision: TypeAlias = Literal["go", "change", "no"]


@dataclass(frozen=True, slots=True)
class GoNoGo:
    """The verdict on a design, in one sentence, and the reasons for it, the weightiest first."""

    verdict: Decision
    sentence: str
    reasons: tuple[str, ...] = ()


def go_no_go(review: StudyReview) -> GoNoGo:
    """Return whether to go, to change the design first, or not to start: by what it could see, and the gates that fail.

    No: it cannot pay even if it works, or cannot see what it must after any change that was tried. Change: a gate
    fails, or before the launch nobody can say what the study could see. A gate that is waived does not fail.
    """
    failed = review.gates_failed
    unknown = () if review.stage == "followup" else tuple(one for one in review if _is_unknown(one, review))
    reasons = tuple(one.message for one in sorted(failed, key=_weight)) + tuple(one.message for one in unknown)
    waived = tuple(one for one in review if one.waived)
    if not reasons and waived:
        # Whoever decides by this sentence must see that somebody took responsibility, and for what.
        said = tuple(f"{one.message}; {one.waived}" for one in waived)
        return GoNoGo("go", f"Go, but {_gates(len(waived), 'that fails is waived', 'that fail are waived')}.", said)
    if not reasons:
        # Once the data are in there is nothing left to start: what stands is the claim, at whatever grade it has.
        stands = ", so that the claim stands at its grade" if review.stage == "followup" else ""
        return GoNoGo("go", f"Go: no gate fails{stands}.")
    if review.stage == "followup":
        return GoNoGo("change", f"Change: {_gates(len(failed))}, so that the claim does not stand.", reasons)
    if any(one.rule == "pays" for one in failed):
        return GoNoGo("no", "No: it cannot pay even if it works.", reasons)
    mended = []
    for one in failed:
        if one.rule == "power":
            found = _power_of(one, review)
            enough = [] if found is None else [fix for fix in found.fixes if fix.enough]
            if found is None or not enough:
                return GoNoGo("no", "No: it cannot see what it must, and no change that was tried is enough.", reasons)
            mended.append(fix_words(enough[0], found))
    if mended:
        others = len(failed) - len(mended)
        rest = f" to see what it must; {_gates(others, 'more fails', 'more fail')}" if others else ""
        return GoNoGo("change", f"Change the design first: {'; and '.join(mended)} would be enough{rest}.", reasons)
    if not failed:
        return GoNoGo("change", "Change the design first: nobody can say yet what it could see.", reasons)
    return GoNoGo("change", f"Change the design first: {_gates(len(failed))}.", reasons)


def _is_unknown(finding: Finding, review: StudyReview) -> bool:
    """Say whether a finding warns that nobody can say what an analysis could see."""
    found = _power_of(finding, review)
    return finding.rule == "power" and finding.status == "warn" and (found is None or not isfinite(found.best.mde))


def _weight(finding: Finding) -> int:
    order = ("pays", "power", "effect_declared")
    return order.index(finding.rule) if finding.rule in order else len(order)


def _power_of(finding: Finding, review: StudyReview) -> DesignPower | None:
    """Return the power of the analysis that a finding is of: the one in its id, or the only one."""
    if finding.analysis:
        return review.powers.get(finding.analysis)
    return next(iter(review.powers.values()), None)


def _gates(count: int, one: str = "fails", several: str = "fail") -> str:
    return f"1 gate {one}" if count == 1 else f"{count} gates {several}"
