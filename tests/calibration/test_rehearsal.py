"""A slice of the study of rehearsals that fits into the tests; REHEARSAL.md holds the whole of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """Return rehearsal_study.py, a script beside the tests."""
    sys.path.insert(0, str(HERE))
    try:
        yield import_module("rehearsal_study")
    finally:
        sys.path.remove(str(HERE))
        sys.modules.pop("rehearsal_study", None)


def test_false_claims_of_a_sound_design_are_those_of_the_level(study: ModuleType) -> None:
    # Thirteen dates once each in 12 histories; four Monte Carlo errors over histories, about seven points.
    (row,) = study.run([0], 12, 13, workers=1)
    assert study.CELLS[0].sound
    assert study.passes(study.CELLS[0], row, slack=4.0), row
    assert row.error["false_claims"] < 0.04


def test_an_unsound_design_claims_what_is_not_so(study: ModuleType) -> None:
    place = len(study.CELLS) - 1
    (row,) = study.run([place], 4, 13, workers=1)
    assert not study.CELLS[place].sound
    assert row.mean["success_claims"] > 0.2
    assert not study.passes(study.CELLS[0], row)


def test_the_committed_table_is_that_of_every_cell(study: ModuleType) -> None:
    page = (HERE / "REHEARSAL.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert [row.split("|")[1].strip() for row in rows] == [cell.name for cell in study.CELLS]
    for cell, row in zip(study.CELLS, rows, strict=True):
        assert row.endswith("| pass |" if cell.sound else "| for contrast |")
    assert "python tests/calibration/rehearsal_study.py" in page
    assert "400 histories a row" in page
