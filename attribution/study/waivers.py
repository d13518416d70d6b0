"""Waivers: gates that fail and are accepted all the same, by somebody, for a reason, until a day."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace

from attribution.core.finding import Finding
from attribution.design.review_tables import Waiver
from attribution.design.schema import StudyDesign
from attribution.design.windows import first_day
from attribution.errors import DataError


def with_waivers(findings: Sequence[Finding], design: StudyDesign, date: datetime.date | None) -> tuple[Finding, ...]:
    """Return the findings, those that fail marked where a waiver of their rule holds on a date.

    A waiver holds to the end of its last day, for each analysis of its rule. Without a date the first day of the launch
    stands for it. A waiver that has expired, or of which no date says whether it has, is not applied; the finding's
    message says so, as it says that a waiver of a rule which does not fail is not needed.
    """
    found, date = list(findings), _date(design, date)
    # Of several waivers of a rule the one that holds longest counts.
    longest = {one.rule: one for one in sorted(design.waiver, key=lambda one: one.expires)}
    for rule, waiver in longest.items():
        own = [place for place, one in enumerate(found) if _rule_of(one) == rule]
        failed = [place for place in own if found[place].status == "fail"]
        for place in failed:
            found[place] = _waived(found[place], waiver, date)
        if not failed and own:
            one = found[own[0]]
            so_far = " so far" if one.status == "skipped" else ""
            found[own[0]] = replace(one, message=f"{one.message}; the waiver by {waiver.name} is not needed{so_far}")
    return tuple(found)


def _date(design: StudyDesign, given: datetime.date | None) -> datetime.date | None:
    """Return the date that is given, else the first day of the launch; None where that has no place in the calendar."""
    try:
        return given or first_day(design.timing.launch, design.timing.period)
    except DataError:
        return None


def _waived(finding: Finding, waiver: Waiver, date: datetime.date | None) -> Finding:
    if date is None:
        unknown = f"the waiver by {waiver.name} is not applied, as no date says whether it has expired"
        return replace(finding, message=f"{finding.message}; {unknown}", remedy=f"{finding.remedy}; give --as-of")
    if date > waiver.expires:
        return replace(finding, message=f"{finding.message}; the waiver by {waiver.name} expired on {waiver.expires}")
    return replace(finding, waived=f"waived by {waiver.name} until {waiver.expires}: {waiver.reason}")


def _rule_of(finding: Finding) -> str:
    # With several primary analyses a finding's id is followed by the analysis in brackets.
    return finding.id.partition("[")[0]
