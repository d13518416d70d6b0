"""Is what matching leaves between the arms adjusted for, or read as effect?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.checks.evidence import Evidence, Rule
from attribution.core.cohort import Cohort
from attribution.core.finding import Finding

DIFFERENCE = Rule(
    "matched_difference",
    "a regression within the matches wherever covariates differ within them",
    "Abadie & Imbens (2011), Journal of Business & Economic Statistics 29; Abadie & Spiess (2022), JASA 117",
)

SAME = 1e-9
"""A difference within a match, in standard deviations, below which covariates are the same."""

SHOWN = 3
"""How many columns a finding names."""


def matched_difference(evidence: Evidence) -> Finding:
    """Warn of a plain difference of matched arms whose covariates still differ, and say by how much.

    Exact matches leave nothing. Nearest matching with replacement on the propensity leaves what vanishes as the data
    grow; without replacement, on several covariates, or in classes, what is left does not vanish fast enough for the
    interval to cover.
    """
    estimate, cohort = evidence.estimate, evidence.made_with
    if cohort is None:
        return DIFFERENCE.without_cohort(evidence)
    if cohort.matches is None or cohort.columns is None or cohort.arms is None:
        return DIFFERENCE.skipped("the cohort is weighted, not matched")
    if estimate is None:
        return DIFFERENCE.waits(evidence, "no estimate on the matched cohort yet")
    if "effect" not in estimate.terms:
        return DIFFERENCE.skipped(f"{estimate.method} compares no arms")
    entering = estimate.clusters >= 0
    if estimate.rows != "units" or not all((entering & (cohort.arms == arm)).any() for arm in (0, 1)):
        return DIFFERENCE.skipped(f"{estimate.method} compares no arms")
    left = _left(cohort, entering)
    order = np.argsort(-np.abs(left), kind="stable")[:SHOWN]
    shown = ", ".join(f"{cohort.labels[place]} " + f"{left[place]:+.2f}".replace("-", "−") for place in order)
    observed = f"between matched arms, in SDs of the trained: {shown}"
    if estimate.adjusted:
        return DIFFERENCE.finding("pass", observed, f"a regression takes out what {', '.join(estimate.adjusted)} leave")
    if _exact(cohort, entering):
        return DIFFERENCE.finding("pass", observed, "within every match the covariates are the same")
    if cohort.matches.replacement and cohort.matches.on_propensity:
        return DIFFERENCE.finding(
            "pass",
            observed,
            "every trained unit has the controls nearest in propensity: the difference left vanishes as data grow",
        )
    return DIFFERENCE.finding(
        "warn",
        observed,
        f"the plain difference after {cohort.method} reads as effect what the covariates leave between the arms, and "
        "its interval does not count that",
        'use method = "adjusted", which by default takes a regression within the matches, or did or staggered with '
        "covariates",
    )


def _left(cohort: Cohort, entering: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weighted difference of each column between the arms, in SDs of the trained before matching."""
    assert cohort.columns is not None
    assert cohort.arms is not None
    means = []
    for arm in (1, 0):
        mine = entering & (cohort.arms == arm)
        means.append(np.average(cohort.columns[mine], axis=0, weights=cohort.weights[mine]))
    could = cohort.arms == 1 if cohort.candidates is None else (cohort.arms == 1) & cohort.candidates
    if could.sum() < 2:
        could = cohort.arms >= 0
    spread = cohort.columns[could].std(axis=0, ddof=1)
    return np.asarray((means[0] - means[1]) / np.where(spread > 0, spread, 1.0))


def _exact(cohort: Cohort, entering: NDArray[np.bool_]) -> bool:
    """Say whether every unit has the covariates of those it is matched with."""
    assert cohort.columns is not None
    assert cohort.matches is not None
    columns, matches = cohort.columns, cohort.matches
    spread = columns[entering].std(axis=0)
    scaled = columns / np.where(spread > 0, spread, 1.0)
    if matches.sets is None:
        return bool(np.abs(scaled[matches.trained] - scaled[matches.control]).max(initial=0.0) <= SAME)
    inside = np.flatnonzero(entering & (matches.sets >= 0))
    order = inside[np.argsort(matches.sets[inside], kind="stable")]
    same = np.diff(matches.sets[order]) == 0
    return bool(np.abs(np.diff(scaled[order], axis=0)[same]).max(initial=0.0) <= SAME)
