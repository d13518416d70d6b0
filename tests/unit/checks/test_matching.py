"""The check of what matching leaves between the arms, on both sides of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.matching import matched_difference
from attribution.cohorts.coarsened import coarsened
from attribution.cohorts.exact import exact
from attribution.cohorts.propensity import propensity
from attribution.cohorts.subclass import subclass
from attribution.core.cohort import Cohort, Matches
from attribution.estimators.adjusted import adjusted


@pytest.fixture(scope="module")
def panel() -> at.Panel:
    rng = np.random.default_rng(1)
    n = 240
    age, grade = rng.normal(40, 8, n), rng.choice(["a", "b"], n)
    trained = rng.random(n) < 1 / (1 + np.exp(1 - 0.06 * (age - 40)))
    kpi = 10 + 0.2 * age + trained + rng.normal(0, 1, n)
    frame = pd.DataFrame({"id": range(n), "kpi": kpi, "trained": trained * 1, "age": age, "grade": grade})
    return at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="trained", covariates=["age", "grade"], kind="cross_section"
    )


def nearest(panel: at.Panel, *, replacement: bool, on_propensity: bool) -> Cohort:
    """Return the first controls as matches of the trained, or one control of them all."""
    found = subclass(panel, covariates=["age"])
    assert found.arms is not None
    trained, control = np.flatnonzero(found.arms == 1), np.flatnonzero(found.arms == 0)
    pick = control[: len(trained)] if not replacement else control[np.arange(len(trained)) % 9]
    sets = np.full(len(panel.units), -1, dtype=np.int32)
    sets[trained] = sets[pick] = np.arange(len(trained))
    weights = np.bincount(np.append(trained, pick), minlength=len(sets)).astype(float)
    matches = Matches(replacement, None if replacement else sets, trained, pick, np.ones(len(pick)), on_propensity)
    return Cohort(
        "nearest",
        "ATT",
        weights,
        arms=found.arms,
        covariates=found.covariates,
        labels=found.labels,
        columns=found.columns,
        matches=matches,
        propensity=found.propensity,
    )


def status(panel: at.Panel, cohort: Cohort, adjust: Any = "none") -> str:
    matched = panel.with_cohort(cohort)
    found = matched_difference(Evidence(panel=matched, estimate=adjusted(matched, adjust=adjust)))
    assert found.id == "matched_difference"
    assert bool(found.remedy) == (found.status == "warn")
    return found.status


@pytest.mark.parametrize(
    ("replacement", "on_propensity", "expected"),
    [(False, True, "warn"), (False, False, "warn"), (True, False, "warn"), (True, True, "pass")],
)
def test_a_plain_difference_after_nearest_matching(
    panel: at.Panel, replacement: bool, on_propensity: bool, expected: str
) -> None:
    cohort = nearest(panel, replacement=replacement, on_propensity=on_propensity)
    assert status(panel, cohort) == expected
    assert status(panel, cohort, adjust="regression") == "pass"


def test_classes_and_bins_leave_something_and_exact_matches_nothing(panel: at.Panel) -> None:
    assert status(panel, subclass(panel, covariates=["age"])) == "warn"
    assert status(panel, coarsened(panel, covariates=["age"])) == "warn"
    assert status(panel, exact(panel, covariates=["grade"])) == "pass"


def test_it_says_what_is_left(panel: at.Panel) -> None:
    matched = panel.with_cohort(subclass(panel, covariates=["age"], subclasses=2))
    found = matched_difference(Evidence(panel=matched, estimate=adjusted(matched, adjust="none")))
    assert "age +0." in found.observed
    assert 'method = "adjusted"' in found.remedy


def test_without_matches_or_an_estimate_it_waits(panel: at.Panel) -> None:
    assert matched_difference(Evidence(panel=panel)).status == "skipped"
    weighted = panel.with_cohort(propensity(panel, covariates=["age"]))
    assert "weighted, not matched" in matched_difference(Evidence(panel=weighted)).message
    matched = panel.with_cohort(subclass(panel, covariates=["age"]))
    assert matched_difference(Evidence(panel=matched)).status == "skipped"
