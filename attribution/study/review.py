"""The review: every rule, on the file alone or with the data as far as they go."""

from __future__ import annotations

import datetime

from attribution.checks.evidence import Evidence, review_evidence
from attribution.core.finding import Finding
from attribution.design.schema import StudyDesign
from attribution.study.run import ledger_of, run
from attribution.study.sources import data_path


def review(design: StudyDesign, *, as_of: datetime.date | None = None) -> tuple[Finding, ...]:
    """Return the findings of every check; those whose evidence is missing are `skipped`, with the reason.

    Where the data file does not exist yet, the design alone is reviewed. Raises `AttributionError` for data that are
    there but cannot be used.
    """
    path = data_path(design)
    if path is not None and not path.exists():
        return review_evidence(Evidence(design=design, ledger=ledger_of(design)))
    return run(design, as_of=as_of).findings
