"""What page one says first where it must: gates that failed or are waived, and what changed since the freezing."""

from __future__ import annotations

from collections.abc import Iterable

from attribution.checks.money import ILLUSTRATIVE
from attribution.core.finding import Finding
from attribution.design.prespecified import Amendment, Difference, Prespecified
from attribution.report.format import stop
from attribution.study.result import StudyResult

_MOST_CHANGES = 3
_MOST_AMENDMENTS = 2


def banner(result: StudyResult) -> tuple[str, ...]:
    """Return the lines of the banner, the gravest first; none where there is nothing to say."""
    lines = [f"Gate failed: {finding.message}." for finding in result.gates_failed]
    lines += [f"Gate failed and waived: {one.message}; {stop(one.waived)}" for one in result.findings if one.waived]
    lines += _departures(result.prespecified)
    lines += _amendments(result.prespecified)
    if result.roi is not None and illustrative(result.findings):
        lines.append("Money inputs are illustrative: no published source, no approver.")
    return tuple(dict.fromkeys(lines))


def illustrative(findings: Iterable[Finding]) -> bool:
    """Say whether a value or a cost is one that nobody vouches for."""
    return any(one.rule == ILLUSTRATIVE.id and one.status == "warn" for one in findings)


def standing(known: Prespecified) -> str:
    """Return in a few words whether the study may be called pre-specified."""
    if known.holds and known.time is not None:
        amended = ", amended since" if known.amendments else ""
        return f"pre-specified, frozen {known.time.date().isoformat()}{amended}"
    if known.state == "departed":
        return "not run as it was frozen"
    if known.state == "broken":
        return "not pre-specified: its lock cannot be trusted"
    return f"not pre-specified: {known.late}" if known.late else "not pre-specified"


def amendment_told(one: Amendment, most: int | None = None) -> str:
    """Return an amendment in a sentence or two: when, by whom, what was known, every field up to `most`, and why."""
    return (
        f"Amended on {one.time.date().isoformat()} by {one.name}, {_known(one)}: "
        f"{changes_told(one.changes, most)}. Reason: {stop(one.reason)}"
    )


def changes_told(changes: tuple[Difference, ...], most: int | None = None) -> str:
    """Return changes in words, what decides the claim first; of more than `most`, how many are left out."""
    ordered = sorted(changes, key=lambda one: not one.decides)
    shown = ordered if most is None else ordered[:most]
    more = len(ordered) - len(shown)
    told = "; ".join(one.words for one in shown)
    return f"{told}; and {more} more" if more else told


def _departures(known: Prespecified) -> list[str]:
    if known.state != "departed":
        return []
    told = changes_told(known.deviations, _MOST_CHANGES)
    return [f"Changed since the design was frozen, and not declared: {stop(told)}"]


def _amendments(known: Prespecified) -> list[str]:
    """Return a line for each amendment of what decides the claim, those made in view of data first."""
    major = sorted((one for one in known.amendments if one.kind == "major"), key=lambda one: not one.informed)
    lines = [amendment_told(one, _MOST_CHANGES) for one in major[:_MOST_AMENDMENTS]]
    rest = len(major) - len(lines)
    if rest:
        more = "1 more amendment" if rest == 1 else f"{rest} more amendments"
        lines.append(f"{more} of what decides the claim: see the manifest.")
    return lines


def _known(one: Amendment) -> str:
    if one.data_seen:
        return "after data of the follow-up had been seen"
    if one.later_rows:
        return "when data of the follow-up were there"
    return "before any data of the follow-up"
