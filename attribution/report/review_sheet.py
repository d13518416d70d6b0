"""The review sheet: what a reviewer reads weeks before the training, on one page."""

from __future__ import annotations

import math
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
    DECISIONS,
    by_status,
    kpi_of,
    nouns,
    rests_on,
    skipped_by_reason,
    sources,
    stage_line,
    tiles,
    unit_of,
)
from attribution.study.go import go_no_go
from attribution.study.review import StudyReview

MARK = '<meta name="attribution-review" content="'
"""What begins the line of a sheet that names its study: such a file may be replaced by a later review of it."""


def review_record(review: StudyReview) -> ReviewRecord:
    """Return what a review says as the record of its JSON file."""
    return review_results(review, go_no_go(review))


def render_review(review: StudyReview) -> str:
    """Return the review sheet as one HTML file without scripts or anything to fetch.

    Every text is escaped. Every number that stands in the review's JSON file carries its path there as `data-source`.
    """
    design, decision = review.design, go_no_go(review)
    powers = list(review.powers.values())
    # The headline is the first primary analysis of which the power is known.
    first = next((one for one in powers if math.isfinite(judged(review, one)[1].mde)), powers[0] if powers else None)
    shown = tuple(_sentence(one, review) for one in review.findings)
    return template("review.html.j2").render(
        mark=design.study.id,
        study=design.study,
        program=design.program,
        stage=stage_line(review),
        decision=decision,
        label=DECISIONS[decision.verdict],
        tiles=tiles(review, first),
        curve=None if first is None else _curve(review, first),
        plan=None if first is None else _calendar(review, first),
        rests=() if first is None else rests_on(review, first),
        # Once there is a follow-up, a plan is past mending.
        fixes=None if first is None or review.stage == "followup" else fixes_table(design, first),
        powers=powers_table(review),
        found=by_status(shown) | {"pass": by_status(review.findings)["pass"]},
        counts=_counts(review),
        skipped=skipped_by_reason(review.findings),
        sources=sources(shown),
        statuses=STATUSES,
        limits=design.limits.text,
        facts=_facts(review),
    )


def _curve(review: StudyReview, found: DesignPower) -> Picture | None:
    found = replace(found, analytic=judged(review, found)[1], simulated=None)
    if not math.isfinite(found.best.mde):
        return None
    label, unit = kpi_of(review.design, found.kpi).label, unit_of(review.design, found)
    return drawn_twice(
        "power",
        lambda ax: power_figures.power_curve(found, ax=ax, label=label, unit=unit),
        curve_table(review.design, found),
        f"A rising curve: the chance to see an effect on {label}, by its size in {unit}. Upright lines mark the "
        "smallest effect that can be seen and those that the design declares.",
        heights=(300, 300),
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
