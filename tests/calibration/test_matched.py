"""A slice of the study of matched cohorts that fits into the tests; MATCHED.md holds the whole of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
REPLICATIONS = 60
SITES = 3


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """Return matched_study.py, a script beside the tests; on the path, so that worker processes find it too."""
    sys.path.insert(0, str(HERE))
    try:
        yield import_module("matched_study")
    finally:
        sys.path.remove(str(HERE))
        sys.modules.pop("matched_study", None)


@pytest.mark.parametrize("number", [0, SITES])
def test_coverage_is_within_its_bounds(study: ModuleType, number: int) -> None:
    # Four Monte Carlo standard errors around the bounds (about 11 points here): a run that fails is no accident.
    (summaries,) = study.run([number], REPLICATIONS, workers=1)
    methods = study.POPULATIONS[number].methods
    for method, one in zip(methods, summaries, strict=True):
        assert one.replications == REPLICATIONS
        assert study.passes(method, one, slack=4.0), (method.name, one)
        # Every sample has a standard error: one NaN would make the mean NaN.
        assert one.std_error > 0
        if method.bounds is not None:
            assert abs(one.bias) <= 4 * one.noise + 0.05 * one.spread, (method.name, one)
    named = dict(zip((method.name for method in methods), summaries, strict=True))
    if number == SITES:
        pairs = next(one for name, one in named.items() if "pairs alone" in name)
        assert pairs.std_error < 0.9 * pairs.spread
        return
    plain = named["1:1 without a caliper, plain difference"]
    assert plain.bias > 10 * plain.noise
    assert plain.coverage < 0.7
    assert "matched_difference" in plain.warned


def test_what_covers_too_little_fails_and_what_is_shown_for_contrast_does_not(study: ModuleType) -> None:
    def summary(coverage: float) -> Any:
        return study.Summary(2_000, 1.0, 0.0, 0.01, 0.1, 0.1, coverage, ())

    judged, shown = study.POPULATIONS[0].methods[0], study.POPULATIONS[0].methods[-1]
    assert study.passes(judged, summary(0.95))
    assert not study.passes(judged, summary(0.91))
    assert not study.passes(judged, summary(0.98))
    assert study.passes(shown, summary(0.1))
    page = study.report([[summary(0.5)] * len(one.methods) for one in study.POPULATIONS], "command", 60.0)
    assert "out of bounds" in page
    assert "**FAIL**" in page


def test_the_same_study_for_any_number_of_workers(study: ModuleType) -> None:
    assert study.run([2], 4, workers=1) == study.run([2], 4, workers=2)
