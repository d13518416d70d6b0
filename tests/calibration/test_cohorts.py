"""A slice of the study of matched and weighted cohorts that fits into the tests; COHORTS.md holds the whole of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

HERE = Path(__file__).parent
PEOPLE, POOR, CHANGES, SITES = 0, 4, 5, 7


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """Return cohort_study.py, a script beside the tests; on the path, so that its workers find cohort_designs too."""
    sys.path.insert(0, str(HERE))
    try:
        yield import_module("cohort_study")
    finally:
        sys.path.remove(str(HERE))
        sys.modules.pop("cohort_study", None)
        sys.modules.pop("cohort_designs", None)


def named(study: ModuleType, number: int, replications: int) -> dict[tuple[str, str], Any]:
    """Return the summaries of a population by name and estimand, after what holds for each of its rows."""
    (summaries,) = study.run([number], replications, workers=1)
    found = {}
    for method, one in zip(study.POPULATIONS[number].methods, summaries, strict=True):
        assert one.failed == 0, method.name
        if method.bounds is not None:
            # Four Monte Carlo standard errors of a coverage of 95% around the bounds: a run that fails is no accident.
            low, high = method.bounds
            slack = 4 * (0.95 * 0.05 / replications) ** 0.5
            assert low - slack <= one.coverage <= high + slack, (method.name, one)
            # Where bounds are asked for, bias is at most a third of the spread of the estimates.
            assert abs(one.bias) <= 4 * one.noise + one.spread / 3, (method.name, one)
        found[method.name, method.speaks] = one
    return found


def warned(summary: Any) -> dict[str, float]:
    return dict(summary.warned)


def test_coverage_of_400_people_is_within_its_bounds(study: ModuleType) -> None:
    found = named(study, PEOPLE, 30)
    plain = found["1:1, plain", "ATT"]
    assert plain.bias > 4 * plain.noise
    assert plain.coverage < 0.9
    assert warned(plain)["matched_difference"] == 1.0
    # Weights taken as given leave out that the arms are alike in every draw: too wide by a third at least.
    for name in ("propensity weights", "entropy weights"):
        fixed = found[f"{name} taken as fixed", "ATT"]
        right = found[name if name.startswith("prop") else "entropy balancing", "ATT"]
        assert fixed.bias == pytest.approx(right.bias, abs=1e-12)
        assert fixed.std_error > 1.3 * right.std_error


def test_poor_overlap_is_warned_of(study: ModuleType) -> None:
    found = named(study, POOR, 15)
    weighted = found["propensity weights", "ATT"]
    assert warned(weighted)["overlap"] > 0.9
    assert warned(weighted)["effective_sample_size"] > 0.9
    overlap = found["remedy: propensity weights for the overlap", "ATO"]
    assert overlap.spread < 0.7 * weighted.spread
    assert "overlap" not in warned(overlap)


def test_coverage_of_changes_is_within_its_bounds(study: ModuleType) -> None:
    found = named(study, CHANGES, 40)
    assert found["plain DiD", "ATT"].coverage < 0.5


def test_people_of_a_site_are_not_independent(study: ModuleType) -> None:
    found = named(study, SITES, 40)
    for name in ("DiD, 1:1 …, regression, pairs alone", "DiD, propensity weights, people alone"):
        one = next(summary for (own, _), summary in found.items() if own == name)
        assert one.std_error < 0.9 * one.spread


def test_true_effects_are_those_of_many_people(study: ModuleType) -> None:
    designs = sys.modules["cohort_designs"]
    for number in (PEOPLE, POOR):
        population = study.POPULATIONS[number]
        rng = np.random.default_rng(1)
        numbers = rng.normal(0, 1, (500_000, 3))
        senior = (rng.random(500_000) < designs.SENIOR).astype(float)
        chance = expit(designs.logit_of(population, numbers, senior))
        effect = designs.effect_of(numbers[:, 0], senior)
        for estimand, weight in (("ATT", chance), ("ATE", chance**0), ("ATO", chance * (1 - chance))):
            # Half a million people tell the mean of effects with an SD of about 0.4 to .0006.
            seen = weight @ effect / weight.sum()
            assert designs.truths(population)[estimand] == pytest.approx(seen, abs=0.0025)


def test_what_covers_too_little_fails_and_what_is_shown_for_contrast_does_not(study: ModuleType) -> None:
    def summary(coverage: float) -> Any:
        return study.Summary(2_000, 0, 1.0, 0.0, 0.01, 0.1, 0.1, coverage, (("overlap", 0.5),))

    judged, shown = study.POPULATIONS[0].methods[0], study.POPULATIONS[0].methods[-1]
    assert study.passes(judged, summary(0.95))
    assert not study.passes(judged, summary(0.91))
    assert not study.passes(judged, summary(0.98))
    assert study.passes(shown, summary(0.1))
    numbers = range(len(study.POPULATIONS))
    page = study.report(numbers, [[summary(0.5)] * len(one.methods) for one in study.POPULATIONS], "command", 60.0)
    assert "out of bounds" in page
    assert "**FAIL**" in page
    assert "overlap 50%" in page


def test_a_refused_replication_is_counted_as_not_covered(study: ModuleType) -> None:
    population = study.POPULATIONS[0]
    rows = np.array([[1.16, 0.1, 2.0, 1.0], [np.nan] * 4, [1.16, np.nan, 2.0, 1.0], [1.2, 0.1, 2.0, 1.0]])
    one = study.summarise(population, population.methods[0], [study.Found(rows, 0, study.Counter())])
    assert (one.replications, one.failed, one.coverage) == (4, 2, 0.5)


def test_the_same_study_for_any_number_of_workers(study: ModuleType) -> None:
    assert study.run([CHANGES], 2, workers=1) == study.run([CHANGES], 2, workers=2)
