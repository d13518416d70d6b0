"""The review: every rule, on the file alone or with the data as far as they go."""

from __future__ import annotations

import datetime

from attribution.checks.evidence import Evidence, review_evidence
from attribution.core.finding import Review
from attribution.design.schema import StudyDesign
from attribution.errors import require_type
from attribution.study.link import link
from attribution.study.run import findings_of, ledger_of, require_date, run_linked
from attribution.study.sources import data_path, read


def review(design: StudyDesign, *, as_of: datetime.date | None = None) -> Review:
    """Return the findings of every check; those whose evidence is missing are `skipped`, with the reason.

    Where the data file does not exist yet, the design alone is reviewed; where no follow-up period is over as of the
    date or in the data yet, the design with the data as far as they go. Raises `AttributionError` for data that are
    there but cannot be used, and for an `as_of` that is not a date.

    Examples
    --------
    >>> import attribution as at
    >>> findings = at.review(at.load_design("designs/michigan-grants.toml"))
    >>> [finding.id for finding in findings.gates_failed]
    []
    """
    require_type(design, StudyDesign, name="design", remedy="load the file first: at.load_design(path)")
    require_date(as_of)
    path = data_path(design)
    if path is not None and not path.exists():
        return Review(review_evidence(Evidence(design=design, ledger=ledger_of(design))))
    source = read(design)
    linked = link(design, source, as_of)
    if linked.not_begun:
        return Review(findings_of(design, linked, {}, {}, {}))
    return Review(run_linked(design, source, linked).findings)
