"""What a page says of the cohort of the headline analysis: how alike it made the arms, and whom it left out."""

from __future__ import annotations

from dataclasses import dataclass

from attribution.core.cohort import Cohort
from attribution.diagnostics.balance import Balance, balance
from attribution.diagnostics.lost import Lost, lost
from attribution.diagnostics.overlap import Overlap, overlap
from attribution.errors import MethodError
from attribution.study.result import StudyResult


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """The cohort of the headline analysis, by its id in the design, and what is known of it.

    `overlap` is None with `no_overlap`, the reason, where there is no propensity to look at.
    """

    id: str
    cohort: Cohort
    balance: Balance
    lost: Lost
    overlap: Overlap | None
    no_overlap: str = ""


def made(result: StudyResult) -> Made | None:
    """Return what is known of the headline analysis's cohort; None where it is on none."""
    name = result.primary[0]
    cohort = result.linked.cohorts.get(name)
    if cohort is None:
        return None
    panel, baseline = result.panel, list(result.estimate.n.baseline)
    analysis = result.design.analysis_of(name)
    found, reason = None, ""
    try:
        found = overlap(panel, cohort)
    except MethodError as error:
        reason = error.what
    return Made(
        id=str(analysis.cohort),
        cohort=cohort,
        balance=balance(panel, cohort, baseline=baseline),
        lost=lost(panel, cohort, baseline=baseline),
        overlap=found,
        no_overlap=reason,
    )
