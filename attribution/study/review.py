"""The review: every rule, on the file alone, with the data before the launch, or with the follow-up."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from attribution.core.finding import Review
from attribution.design.prespecified import Prespecified
from attribution.design.schema import StudyDesign
from attribution.errors import require_type
from attribution.planning.records import DesignPower
from attribution.study.findings import findings_of
from attribution.study.link import Linked, link
from attribution.study.manifest import Manifest, build_manifest
from attribution.study.power import powers_of
from attribution.study.prespecified import NOT_FROZEN, prespecified
from attribution.study.result import StudyResult
from attribution.study.run import require_date, run_linked
from attribution.study.sources import Source, read_if_there

if TYPE_CHECKING:
    import pandas as pd

Stage: TypeAlias = Literal["file", "history", "followup"]
"""What a review had before it: the design file alone, the data before the launch as well, or a follow-up too."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StudyReview(Review):
    """The findings of a study and what they rest on: its design, the stage, what each primary analysis could see.

    `result` is the run of the study, where a follow-up is over; iterate over the review for its findings. `as_of` is
    the date that was given, with a follow-up that of the run; `manifest` says what was read, where there are data;
    `prespecified` whether the design is as it was frozen.
    """

    design: StudyDesign = field(repr=False)
    stage: Stage
    powers: Mapping[str, DesignPower] = field(repr=False)
    result: StudyResult | None = field(default=None, repr=False)
    as_of: datetime.date | None = field(default=None, repr=False)
    manifest: Manifest | None = field(default=None, repr=False)
    prespecified: Prespecified = field(default=NOT_FROZEN, repr=False)

    def _repr_html_(self) -> str:
        from html import escape

        from attribution.core.display import table_html
        from attribution.study.go import go_no_go

        decision = go_no_go(self)
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in decision.reasons)
        said = f"<p><b>{escape(decision.sentence)}</b></p>" + (f"<ul>{reasons}</ul>" if reasons else "")
        shown = _powers_frame(self.powers)
        powers = "" if shown is None else table_html(shown, caption="Effects are improvements, in units of the KPI")
        return said + powers + Review._repr_html_(self)


def _powers_frame(powers: Mapping[str, DesignPower]) -> pd.DataFrame | None:
    """Return what each analysis must see and can see, as a notebook shows it; None where nothing is known."""
    if not powers:
        return None
    import pandas as pd

    rows = [
        {
            "analysis": name,
            "must see": one.must_see,
            "can see": one.best.mde,
            "break-even": one.break_even,
            "unit": one.unit,
            "how": one.best.how,
            "note": one.best.reason,
        }
        for name, one in powers.items()
    ]
    return pd.DataFrame(rows).astype(object).where(lambda frame: frame.notna(), None)


def review(design: StudyDesign, *, as_of: datetime.date | None = None, simulate: int = 0) -> StudyReview:
    """Return the findings of every check; those whose evidence is missing are `skipped`, with the reason.

    Where the data file does not exist yet, the design alone is reviewed; where no follow-up period is over as of the
    date or in the data yet, the design with the data as far as they go. With `simulate` the smallest effect that can be
    seen is tried with the very test, on so many simulated data sets, beside the formula. Raises `AttributionError` for
    data that are there but cannot be used, and for an `as_of` that is not a date.

    Examples
    --------
    >>> import attribution as at
    >>> findings = at.review(at.load_design("designs/michigan-grants.toml"))
    >>> [finding.id for finding in findings.gates_failed]
    []
    """
    require_type(design, StudyDesign, name="design", remedy="load the file first: at.load_design(path)")
    require_date(as_of)
    source = read_if_there(design)
    if source is None:
        return _before_followup(design, None, None, as_of, simulate)
    linked = link(design, source, as_of)
    if linked.not_begun:
        return _before_followup(design, source, linked, as_of, simulate)
    result = run_linked(design, source, linked, simulate=simulate)
    return StudyReview(
        result.findings,
        design,
        "followup",
        result.powers,
        result,
        linked.as_of,
        result.manifest,
        result.prespecified,
    )


def _before_followup(
    design: StudyDesign, source: Source | None, linked: Linked | None, as_of: datetime.date | None, simulate: int
) -> StudyReview:
    """Return the review of a design before there are data, or of one with the data before the launch."""
    date, known = as_of or design.study.as_of, prespecified(design, source)
    powers = powers_of(design, linked, source, replications=simulate, fixes=True)
    found = findings_of(design, linked, {}, {}, {}, powers, prespecified=known, as_of=date)
    made = None if source is None or linked is None else build_manifest(design, source, linked)
    stage: Stage = "file" if linked is None else "history"
    return StudyReview(found, design, stage, powers, as_of=date, manifest=made, prespecified=known)
