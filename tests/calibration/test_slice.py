"""A slice of the coverage study that fits into the tests; RESULTS.md holds the whole of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
REPLICATIONS = 800


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """Return study.py, a script beside the tests; its folder is on the path, so that worker processes find it too."""
    sys.path.insert(0, str(HERE))
    try:
        yield import_module("study")
    finally:
        sys.path.remove(str(HERE))
        sys.modules.pop("study", None)


SLICE = [
    (5, 7, 1.5, 0.85, False),
    (5, 7, 6.0, 0.3, False),
    (12, 12, 3.0, 0.85, False),
    (6, 44, 3.0, 0.3, False),
    (44, 6, 1.5, 0.3, False),
    (100, 100, 6.0, 0.85, False),
    (8, 12, 3.0, 0.85, True),
    (6, 44, 6.0, 0.3, True),
    (44, 6, 1.5, 0.85, True),
]


@pytest.mark.parametrize("cell", SLICE, ids=str)
def test_coverage_is_within_its_bounds(study: ModuleType, cell: tuple[Any, ...]) -> None:
    # Four Monte Carlo standard errors around the bounds (about 3.1 points here): a run that fails is no accident.
    one = study.Cell(*cell)
    assert one in study.GRID
    (tally,) = study.run([one], REPLICATIONS, workers=1)
    assert tally.replications == REPLICATIONS
    assert study.passes(one, tally, slack=4.0), tally
    bounded, unbounded, disjoint, undefined = tally.kinds
    assert bounded + unbounded + disjoint == REPLICATIONS
    assert undefined == 0
    # A change of six standard errors has a bounded share, one of 1.5 mostly has not.
    assert (bounded / REPLICATIONS > 0.95) if one.t_change == 6 else (bounded / REPLICATIONS < 0.9)


def test_an_interval_that_covers_too_little_or_too_much_fails(study: ModuleType) -> None:
    cell = study.GRID[0]
    good = study.Tally(10_000, 9_500, 9_500, (10_000, 0, 0, 0))
    assert study.passes(cell, good)
    for covered in (8_800, 9_340, 9_660, 10_000):
        assert not study.passes(cell, study.Tally(10_000, covered, 9_500, good.kinds))
        assert not study.passes(cell, study.Tally(10_000, 9_500, covered, good.kinds))
    assert not study.passes(
        cell, study.Tally(REPLICATIONS, round(0.88 * REPLICATIONS), round(0.95 * REPLICATIONS), good.kinds), slack=4.0
    )


def test_the_study_does_not_depend_on_the_number_of_workers(study: ModuleType) -> None:
    cells = [study.GRID[0], study.GRID[30]]
    assert study.run(cells, 60, workers=1) == study.run(cells, 60, workers=2)


def test_the_committed_table_is_that_of_the_whole_grid(study: ModuleType) -> None:
    page = (HERE / "RESULTS.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(study.GRID) == 48
    for cell, row in zip(study.GRID, rows, strict=True):
        name, t_change, share = (part.strip() for part in row.split("|")[1:4])
        assert (name, t_change, share) == (str(cell), f"{cell.t_change:g}", f"{cell.share:g}")
        assert row.endswith("| pass |")
    assert "make coverage-study" in page
    assert "10,000 replications a cell" in page
