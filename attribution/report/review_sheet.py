"""The review sheet: what a reviewer reads weeks before the training, on one page."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from attribution.core.finding import Finding
from attribution.planning.records import DesignPower
from attribution.report import power_figures
from attribution.report.cells import Cell
from attribution.report.format import capital
from attribution.report.page import STATUSES, template
from attribution.report.pictures import Picture, drawn_twice
from attribution.report.review_records import ReviewRecord
from attribution.report.review_results import judged, review_results
from attribution.report.review_tables import curve_table, fixes_table, powers_table, starts_table
from attribution.report.review_words import (
    by_status,
    frozen,
    kpi_of,
    nouns,
    plain,
    rests_on,
    skipped_by_reason,
    sources,
    stage_line,
    tiles,
    unit_of,
)
from attribution.study.go import go_no_go
from attribution.study.review import StudyReview

_PUNCTUATION = re.compile(r"([\\\\`*_\[\]|~$#])")

MARK = '<meta name="attribution-review" content="'
"""What begins the line of a sheet that names its study: such a file may be replaced by a later review of it."""

MARKDOWN_MARK = "attribution-review "
"""The same in Markdown, in a comment on the first line."""


def review_record(review: StudyReview) -> ReviewRecord:
    """Return what a review says as the record of its JSON file."""
    return review_results(review, go_no_go(review))


def render_review(review: StudyReview) -> str:
    """Return the review sheet as one HTML file without scripts or anything to fetch.

    Every text is escaped. Every number that stands in the review's JSON file carries its path there as `data-source`.
    """
    first = _first(review)
    return template("review.html.j2").render(
        mark=review.design.study.id,
        curve=None if first is None else _curve(review, first),
        plan=None if first is None else _calendar(review, first),
        fixes=None if first is None else fixes_table(review, first),
        powers=powers_table(review),
        **_said(review, first),
    )


def review_markdown(review: StudyReview) -> str:
    """Return the same in Markdown, for a forge or a message: its figures as tables, every text escaped."""
    from markupsafe import Markup

    def md(text: str) -> Markup:
        return Markup(_PUNCTUATION.sub(r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))

    first = _first(review)
    grids = [powers_table(review)]
    if first is not None:
        grids += [fixes_table(review, first), starts_table(review.design, first) if first.plan.cohorts else None]
    made = f"<!-- {MARKDOWN_MARK}{review.design.study.id} -->\n"
    return made + template("review.md.j2").render(
        md=md, plain=plain, grids=[one for one in grids if one is not None], **_said(review, first)
    )


def _first(review: StudyReview) -> DesignPower | None:
    """Return the headline's power: that of the first primary analysis of which it is known, or else of the first."""
    powers = list(review.powers.values())
    return next((one for one in powers if math.isfinite(judged(review, one)[1].mde)), powers[0] if powers else None)


def _said(review: StudyReview, first: DesignPower | None) -> dict[str, object]:
    """Return what the sheet says in words, whatever it is written in."""
    design = review.design
    shown = tuple(_sentence(one, review) for one in review.findings)
    return {
        "study": design.study,
        "program": design.program,
        "stage": stage_line(review),
        "decision": go_no_go(review),
        "tiles": tiles(review, first),
        "rests": () if first is None else rests_on(review, first),
        "found": by_status(shown) | {"pass": by_status(review.findings)["pass"]},
        "counts": _counts(review),
        "skipped": skipped_by_reason(review.findings),
        "sources": sources(shown),
        "statuses": STATUSES,
        "frozen": frozen(review),
        "limits": design.limits.text,
        "facts": _facts(review),
    }


def _curve(review: StudyReview, found: DesignPower) -> Picture | None:
    found = replace(found, analytic=judged(review, found)[1], simulated=None)
    if not math.isfinite(found.best.mde):
        return None
    label, unit = kpi_of(review.design, found).label, unit_of(review.design, found)
    return drawn_twice(
        "power",
        lambda ax: power_figures.power_curve(found, ax=ax, label=label, unit=unit),
        curve_table(review.design, found),
        f"A rising curve: the chance to see an effect on {label}, by its size in {unit}. Upright lines mark the "
        "smallest effect that can be seen and those that the design declares.",
        heights=(300, 250),
    )


def _calendar(review: StudyReview, found: DesignPower) -> Picture | None:
    if not found.plan.cohorts:
        return None
    cluster, unit = nouns(review.design)
    period = review.design.timing.period
    return drawn_twice(
        "plan",
        lambda ax: power_figures.calendar(found.plan, ax=ax, period=period, cluster=cluster, unit=unit),
        starts_table(review.design, found),
        f"One bar for each start, over the {period}s of the plan, dark from the {period} in which training starts; the "
        "baseline and the follow-up are shaded.",
        heights=None,
    )


def _sentence(finding: Finding, review: StudyReview) -> Finding:
    """Return a finding whose message begins as a sentence does; a column's name keeps its letters."""
    design = review.design
    columns = {*(kpi.column for kpi in design.kpi), *design.columns.covariates}
    named = finding.message.partition(" ")[0].rstrip(",") in columns
    return finding if named else replace(finding, message=capital(finding.message))


def _counts(review: StudyReview) -> str:
    found = by_status(review.findings)
    said = {"fail": "failed", "waived": "waived", "warn": "warned", "pass": "passed", "skipped": "not applied"}
    return ", ".join(f"{len(found[status])} {words}" for status, words in said.items() if found[status])


def _facts(review: StudyReview) -> tuple[tuple[str, Cell], ...]:
    """Return what the sheet was made of."""
    source, made = review.design.source, review.manifest
    facts = [
        ("Design", Cell("" if source.path is None else source.path.name, "design")),
        ("SHA-256", Cell(source.digest, "design_digest")),
    ]
    if made is not None:
        facts += [("Data", Cell(made.data, "data.name")), ("SHA-256", Cell(made.data_digest, "data.digest"))]
    return tuple((name, cell) for name, cell in facts if cell.text)
