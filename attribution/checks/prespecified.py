"""Was the study decided before its launch, and is it run as it was decided?"""

from __future__ import annotations

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding
from attribution.design.prespecified import Prespecified

PRESPECIFIED = Rule(
    "prespecified",
    "frozen by the launch, before any data of the follow-up, and run as frozen but for declared amendments",
    "ICH E9 (1998), section 5.1: the plan is fixed before the blind is broken, and departures from it are reported; "
    "Nosek, Ebersole, DeHaven & Mellor (2018), The preregistration revolution, PNAS 115(11)",
)

_MOST = 5


def prespecified(evidence: Evidence) -> Finding:
    """Ask whether the design was frozen in time, and list what has changed since."""
    known = evidence.prespecified
    if known is None:
        return PRESPECIFIED.skipped("nothing says whether the design was frozen")
    if known.state == "not_frozen":
        return _not_frozen(evidence, known)
    if known.state == "broken":
        return PRESPECIFIED.finding(
            "fail",
            "a lock that cannot be trusted",
            known.sentence,
            "restore the lock from version control; declare changes by attribution amend, never by hand",
        )
    observed = _observed(known)
    if known.state == "departed":
        told = [one.words for one in known.deviations]
        more = f"; and {len(told) - _MOST} more" if len(told) > _MOST else ""
        return PRESPECIFIED.finding(
            "warn",
            observed,
            f"{known.sentence}: {'; '.join(told[:_MOST])}{more}",
            "take the changes back, or declare them with their reason: attribution amend",
        )
    if known.late:
        return PRESPECIFIED.finding(
            "warn",
            observed,
            known.sentence,
            "say so wherever the result is quoted; what is planned next, freeze before its launch",
        )
    return PRESPECIFIED.finding("pass", observed, known.sentence)


def _not_frozen(evidence: Evidence, known: Prespecified) -> Finding:
    if evidence.estimate is None and not evidence.estimates:
        return PRESPECIFIED.skipped("the design is not frozen yet; freeze it once it is reviewed: attribution freeze")
    return PRESPECIFIED.finding(
        "warn",
        "no lock beside the design",
        known.sentence,
        "say that the study was not pre-specified; freeze the next one before its launch: attribution freeze",
    )


def _observed(known: Prespecified) -> str:
    frozen = "" if known.time is None else f"frozen {known.time.date().isoformat()} ({known.time_from}); "
    return f"{frozen}amendments: {len(known.amendments)}; undeclared changes: {len(known.deviations)}"
