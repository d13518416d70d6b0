"""Were so many of a randomised study lost, and so unevenly, that chance no longer made the arms alike?"""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.checks.losses import without_kpi
from attribution.core.finding import Finding

ATTRITION = Rule(
    "attrition",
    "overall and differential attrition inside the cautious boundary (randomised designs analysed as assigned)",
    "What Works Clearinghouse (2022), Handbook 5.0, boundaries of attrition",
)

OVERALL = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 57.0, 65.0)
CAUTIOUS = (5.7, 6.3, 5.4, 4.1, 2.6, 1.0, 0.0)
OPTIMISTIC = (10.0, 10.9, 10.0, 8.2, 6.0, 3.7, 2.1, 0.3)
"""The largest difference between the arms, in points, that an overall attrition of so many percent allows."""


def boundaries(overall: float) -> tuple[float, float]:
    """Return the largest differential attrition in points, cautious and optimistic; NaN where none is allowed.

    >>> [round(one, 2) for one in boundaries(15.0)]
    [5.85, 10.45]
    """
    cautious = float(np.interp(overall, OVERALL[:-1], CAUTIOUS)) if overall <= OVERALL[-2] else float("nan")
    optimistic = float(np.interp(overall, OVERALL, OPTIMISTIC)) if overall <= OVERALL[-1] else float("nan")
    return cautious, optimistic


def attrition(evidence: Evidence) -> Finding:
    """Compare who was lost from each arm of a randomised study with the boundaries; `pass` is the cautious one."""
    design, estimate = evidence.design, evidence.estimate
    if design is None:
        return ATTRITION.skipped("no design says how training was assigned")
    if design.assignment.mechanism == "waitlist":
        return ATTRITION.skipped(
            "a waiting list says nothing of its order: where that was drawn at random write mechanism = 'random'; "
            "otherwise the balance of those measured is judged instead"
        )
    if design.assignment.mechanism != "random":
        return ATTRITION.skipped("training was not assigned at random: the balance of those measured is judged instead")
    if estimate is None:
        return ATTRITION.waits(evidence, "no data to count who was lost in")
    if estimate.estimand != "ITT":
        return ATTRITION.skipped(
            "the analysis is not by assignment, so that who was lost of those assigned cannot be said: name the column "
            "of the assignment and set as_assigned = true"
        )
    if evidence.panel is not None and evidence.panel.kind != "panel":
        return ATTRITION.skipped("every row is somebody else: nobody can be followed, so that losses cannot be counted")
    flow = estimate.n
    lost = [without_kpi(flow, name) for name in ("assigned", "not assigned")]
    size = [flow.trained.units + lost[0], flow.control.units + lost[1]]
    rates = [100 * one / count for one, count in zip(lost, size, strict=True)]
    overall, apart = 100 * sum(lost) / sum(size), abs(rates[0] - rates[1])
    cautious, optimistic = boundaries(overall)
    allowed = "none allowed" if np.isnan(cautious) else f"{cautious:.1f} allowed cautiously"
    observed = f"{overall:.1f}% lost, arms {apart:.1f} points apart; {allowed}" + (
        "" if np.isnan(optimistic) else f", {optimistic:.1f} optimistically"
    )
    if apart <= cautious:
        return ATTRITION.finding("pass", observed, "few enough were lost, and alike, for chance to have made the arms")
    between = apart <= optimistic
    return ATTRITION.finding(
        "warn",
        observed,
        "more were lost than a cautious reading allows: the comparison is good only if losses have little to do with "
        "the KPI"
        if between
        else "so many were lost, or so unevenly, that the arms are no longer those that chance made",
        "find the missing KPI values, or show that those measured were alike before the training",
    )
