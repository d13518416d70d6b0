"""A slice of the coverage study of synthetic sites; SYNTHETIC.md holds the whole of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
REPLICATIONS = 200


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """Return synthetic_study.py, a script beside the tests; its folder is on the path for worker processes too."""
    sys.path.insert(0, str(HERE))
    try:
        yield import_module("synthetic_study")
    finally:
        sys.path.remove(str(HERE))
        sys.modules.pop("synthetic_study", None)


@pytest.mark.parametrize(("donors", "kind"), [(20, "did"), (20, "control"), (40, "did")])
def test_coverage_is_within_its_bounds(study: ModuleType, donors: int, kind: Any) -> None:
    # Four Monte Carlo standard errors around the bounds (about 6 points here): a run that fails is no accident.
    cell = study.Cell(donors, 1, kind, 0.5)
    assert cell in study.GRID
    (tally,) = study.run([cell], REPLICATIONS, workers=1)
    assert tally.replications == REPLICATIONS
    assert study.passes(tally, slack=4.0), tally.coverage
    # Unbiased: within four standard errors of the mean.
    assert abs(tally.error / REPLICATIONS) <= 4 * (tally.error_squared / REPLICATIONS / REPLICATIONS) ** 0.5


def test_an_interval_that_covers_too_little_or_too_much_fails(study: ModuleType) -> None:
    def tally(effect: float, share: float) -> Any:
        covered = (int(2_000 * effect), 1_900, 1_900, int(2_000 * share), 1_700)
        return study.Tally(2_000, covered, 2_000, 0.0, 1.0, 1.0)

    assert study.passes(tally(0.95, 0.95))
    for effect, share in ((0.92, 0.95), (0.95, 0.92), (0.985, 0.95), (0.95, 1.0)):
        assert not study.passes(tally(effect, share))


def test_the_study_does_not_depend_on_the_number_of_workers(study: ModuleType) -> None:
    cells = [study.GRID[0], study.GRID[2]]
    assert study.run(cells, 10, workers=1) == study.run(cells, 10, workers=2)


def test_the_committed_table_is_that_of_the_whole_grid(study: ModuleType) -> None:
    page = (HERE / "SYNTHETIC.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(study.GRID) == 38
    for cell, row in zip(study.GRID, rows, strict=True):
        name, rho, periods, variance = (part.strip() for part in row.split("|")[1:5])
        assert name.startswith(str(cell))
        assert (rho, periods, variance) == (f"{cell.rho:g}", f"{cell.before}+{cell.after}", cell.variance)
        assert row.endswith("| pass |" if cell.held else "| beyond |")
    assert "python tests/calibration/synthetic_study.py" in page
    assert "2,000 replications a cell" in page
