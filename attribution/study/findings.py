"""The checks applied to a study, as far as it goes, and the gates that its design waives."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace

from attribution.checks.evidence import Evidence, review_evidence
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.design.prespecified import Prespecified
from attribution.design.schema import StudyDesign
from attribution.inference.factor import AttributionFactor
from attribution.inference.look_back import LookBack
from attribution.planning.records import DesignPower
from attribution.registry import CHECKS, ONCE_A_STUDY
from attribution.study.ledger import ledger_of
from attribution.study.link import Linked
from attribution.study.waivers import with_waivers


def findings_of(
    design: StudyDesign,
    linked: Linked | None,
    estimates: Mapping[str, Estimate],
    factors: Mapping[str, AttributionFactor],
    looks_back: Mapping[str, LookBack],
    powers: Mapping[str, DesignPower],
    checks: Iterable[str] = tuple(CHECKS),
    *,
    prespecified: Prespecified | None = None,
    as_of: datetime.date | None = None,
) -> tuple[Finding, ...]:
    """Apply the checks to each primary analysis, those of the whole study once; with several, the id says which.

    Before there are data `linked` is None; before there is a follow-up, `estimates`, `factors` and `looks_back` are
    empty. The checks that need what is not there are skipped. Gates are waived as of the date of the run,
    before there is a follow-up of `as_of`; see `with_waivers`.
    """
    ledger, wanted = ledger_of(design), tuple(checks)
    # Before there is a follow-up, the date of the panels is the end of the last one planned: nobody reviews on it.
    date = as_of if linked is None or linked.not_begun else linked.as_of
    evidence = {
        analysis.id: Evidence(
            design=design,
            panel=None if linked is None else linked.panel_of(analysis),
            cohort=None if linked is None else linked.cohorts.get(analysis.id),
            estimate=estimates.get(analysis.id),
            factor=factors.get(analysis.id),
            ledger=ledger,
            look_back=looks_back.get(analysis.id),
            estimates=estimates,
            power=powers.get(analysis.id),
            analysis=analysis,
            prespecified=prespecified,
        )
        for analysis in design.primary
    }
    if len(evidence) == 1:
        return with_waivers(review_evidence(next(iter(evidence.values())), wanted), design, date)
    each = [name for name in wanted if name not in ONCE_A_STUDY]
    once = [name for name in wanted if name in ONCE_A_STUDY]
    found = [_named(finding, name) for name, own in evidence.items() for finding in review_evidence(own, each)]
    whole = Evidence(design=design, ledger=ledger, estimates=estimates, prespecified=prespecified)
    return with_waivers((*found, *review_evidence(whole, once)), design, date)


def _named(finding: Finding, analysis: str) -> Finding:
    return replace(finding, id=f"{finding.id}[{analysis}]")
