"""A slice of the study of realised power that fits into the tests; POWER.md holds the whole of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import power_cells as cells
import power_study as study
import pytest

from attribution.planning.mde import analytic_mde

PAGE = Path(__file__).with_name("POWER.md").read_text(encoding="utf-8")
REPLICATIONS = 4_000

SLICE = [
    cells.Cell("did", study.two_arms(10, 10), 0.1, 0.4),
    cells.Cell("did", study.two_arms(10, 90), 0.3, 0.8, unequal=True),
    cells.Cell("did", study.two_arms(50, 50), 0.0, 0.0),
    cells.Cell("staggered", study.waves(10, 20), 0.1, 0.8),
    cells.Cell("staggered", study.waves(5, 15, 4), 0.0, 0.4),
]


@pytest.mark.parametrize("cell", SLICE, ids=lambda cell: f"{cell.method} {cell.clusters}")
def test_the_formula_has_the_power_that_it_names(cell: cells.Cell) -> None:
    row = study.run(cell, REPLICATIONS)
    assert row.applies, row.mde.caveats
    # 77% to 83%, and one Monte Carlo error of .6 points for cells that lie near 78%.
    assert study.LOW - 0.0063 <= row.power <= study.HIGH + 0.0063
    assert 0.035 < row.size < 0.07
    # The SD of 4,000 estimates is known to 1.1%; waves of 5 have a standard error that is up to 7% too small.
    assert row.se_over_sd == pytest.approx(1.0, abs=0.04 if cell.method == "did" else 0.1)


def test_small_waves_have_less_power_and_the_formula_says_so() -> None:
    row = study.run(cells.Cell("staggered", study.waves(2, 10, 4), 0.3, 0.8), REPLICATIONS)
    assert not row.applies
    assert "waves of fewer than 5 clusters: 4 of 4" in row.mde.caveats[0]
    assert row.power < study.LOW - 4 * 0.0063


@pytest.mark.parametrize("cell", study.kinds(), ids=lambda cell: f"{cell.method} {cell.clusters}")
def test_the_fast_test_is_that_of_the_estimator(cell: cells.Cell) -> None:
    # Two replications here, 20 in the study: the two ways are the same algebra, so that only rounding is left.
    assert cells.furthest(cell, 2) < cells.EXACT


def test_noise_that_is_estimated_is_right_on_average() -> None:
    found = study.estimated(cells.Cell("did", study.two_arms(10, 10), 0.1, 0.4), 2_000, histories=20)
    # 20 histories spread by about 6 points, so that their mean is known to 1.5; two more points for the 2,000 draws.
    assert found.mean() == pytest.approx(0.8, abs=0.06)
    assert found.std() > 0.02


def test_a_row_outside_its_bounds_fails() -> None:
    cell = SLICE[0]
    row = study.Row(cell, analytic_mde(cell.plan, cell.noise), power=0.8, size=0.05, se_over_sd=1.0, replications=10)
    assert row.verdict == "applies"
    assert replace(row, power=0.769).verdict == "**FAIL**"
    assert replace(row, power=0.831).verdict == "**FAIL**"
    few = cells.Cell("did", study.two_arms(5, 5), 0.1, 0.4)
    assert replace(row, mde=analytic_mde(few.plan, few.noise), power=0.5).verdict == "warned"


def test_every_row_of_the_committed_table_that_applies_is_within_its_bounds() -> None:
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.count("|") == 12]
    rows = [row for row in rows if row[0] != "method" and not row[0].startswith("---")]
    asked = [*study.GRID, *study.UNEVEN, *study.OTHERS]
    assert [(row[0], row[1], row[2], row[3]) for row in rows] == [
        (cell.name, cell.clusters, f"{cell.icc:g}", f"{cell.keeps:g}") for cell in asked
    ]
    assert {row[10] for row in rows} == {"applies", "warned"}
    for row in rows:
        assert int(row[6].replace(",", "")) >= 5_000
        if row[10] == "applies":
            assert 0.77 <= float(row[7].rstrip("%")) / 100 <= 0.83, row
    assert "`python tests/calibration/power_study.py`" in PAGE


def test_what_applies_is_what_the_formula_says_today() -> None:
    said = {tuple(part.strip() for part in line.split("|")[1:5]): line for line in PAGE.splitlines()}
    for cell in (*study.GRID[::3], *study.UNEVEN[::3]):
        line = said[cell.name, cell.clusters, f"{cell.icc:g}", f"{cell.keeps:g}"]
        found = analytic_mde(cell.plan, cell.noise)
        assert line.endswith("| warned |" if found.caveats else "| applies |")
        assert f"| {found.mde:.3f} | {found.df:.1f} |" in line


def test_the_grid_is_the_one_asked_for() -> None:
    for method in ("did", "staggered"):
        grid = [cell for cell in study.GRID if cell.method == method]
        assert {sum(count for _, count in cell.starts) for cell in grid} == {10, 20, 50, 100, 200}
        assert {(cell.icc, cell.keeps) for cell in grid} == {(i, k) for i in (0.0, 0.1, 0.3) for k in (0.0, 0.4, 0.8)}
    assert np.isclose(SLICE[1].noise.sd, 1.0)
