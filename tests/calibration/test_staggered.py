"""A slice of the study of staggered rollouts that fits into the tests; STAGGERED.md holds the whole of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
REPLICATIONS = 250
ROWS = [0, 1, 2, 3]


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """Return staggered_study.py, a script beside the tests; on the path, so that worker processes find it too."""
    sys.path.insert(0, str(HERE))
    try:
        yield import_module("staggered_study")
    finally:
        sys.path.remove(str(HERE))
        sys.modules.pop("staggered_study", None)


@pytest.mark.parametrize("number", ROWS)
def test_bias_and_coverage_are_within_their_bounds(study: ModuleType, number: int) -> None:
    # Four Monte Carlo standard errors around the bounds (about 4 points here): a run that fails is no accident.
    (tally,) = study.run([number], REPLICATIONS, workers=1)
    assert tally.replications == REPLICATIONS
    assert study.passes(study.DESIGNS[number], tally, slack=4.0), tally
    # Every sample has a standard error: one NaN would make the sum NaN.
    assert 0.9 < tally.mean("std_error") / (tally.bias()[1] * REPLICATIONS**0.5) < 1.25
    missed, error = tally.bias(two_way=True)
    assert missed < -10 * error
    assert missed < -0.2 * tally.mean("truth")


@pytest.mark.parametrize("number", ROWS)
def test_without_noise_the_estimate_is_the_truth(
    study: ModuleType, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "TEAM_SD", 0.0)
    monkeypatch.setattr(study, "PERSON_SD", 0.0)
    (tally,) = study.run([number], 2, workers=1)
    assert tally.error_square < 1e-24
    assert tally.two_way_square > 0.02


def test_what_covers_too_little_or_too_much_or_is_biased_fails(study: ModuleType) -> None:
    design = study.DESIGNS[1]

    def tally(effect: int, share: int, bias: float = 0.0) -> object:
        return study.Tally(
            replications=2_000,
            error=2_000 * bias,
            error_square=2_000 * (1.0 + bias**2),
            effect_covered=effect,
            share_covered=share,
        )

    assert study.passes(design, tally(1_900, 1_900, bias=0.05))
    for covered in (1_850, 1_950):
        assert not study.passes(design, tally(covered, 1_900))
        assert not study.passes(design, tally(1_900, covered))
    assert not study.passes(design, tally(1_900, 1_900, bias=0.07))  # three Monte Carlo errors are .067
    assert not study.passes(design, tally(1_760, 1_900), slack=4.0)


def test_the_study_does_not_depend_on_the_number_of_workers(study: ModuleType) -> None:
    assert study.run([0, 3], 22, workers=1) == study.run([0, 3], 22, workers=2)


def test_the_designs_are_those_asked_for(study: ModuleType) -> None:
    assert [design.teams for design in study.DESIGNS[:3]] == [12, 25, 50]
    assert min(one.teams for one in study.DESIGNS[0].cohorts) == 1
    monthly = study.DESIGNS[3]
    starts = [one.start for one in monthly.cohorts]
    assert starts == list(range(starts[0], starts[-1] + 1))
    assert {one.teams for one in monthly.cohorts} == {1, 2}


def test_the_committed_table_is_that_of_the_whole_study(study: ModuleType) -> None:
    page = (HERE / "STAGGERED.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert [row.split("|")[1].strip() for row in rows] == [design.name for design in study.DESIGNS]
    assert all(row.endswith("| pass |") for row in rows)
    assert "2,000 replications a row" in page
    assert "`python tests/calibration/staggered_study.py`" in page
