"""Coverage of the effect's interval and of the Fieller set of the share, by simulation with the package's own path.

Run by `make coverage-study`, or `python tests/calibration/study.py [--replications N] [--workers N] [--out FILE]`.
Each cell builds its panels with `Panel.from_frame`; a replication replaces the outcome, runs `did`, reads the
effect's interval and inverts the share's test. Nothing of the statistics is written a second time here.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import attribution as at
from attribution.core.interval import Interval
from attribution.core.panel import Panel
from attribution.numerics.ratio import fieller

LEVEL, SEED = 0.95, 20261122
BLOCK = 500
"""Replications that share a panel: with teams, every block draws new team sizes."""
TEAM_SIZES = (3, 40)
TEAM_SD, PERSON_SD = 0.5, 1.0
LEVEL_BEFORE, LEVEL_SD = 20.0, 3.0
KINDS = ("bounded", "unbounded", "disjoint", "undefined")


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the study: trained and control clusters, the change in its standard errors, the true share."""

    trained: int
    control: int
    t_change: float
    share: float
    teams: bool

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which the coverage must be."""
        return (0.93, 0.965) if self.teams else (0.935, 0.965)

    def __str__(self) -> str:
        return f"{self.trained}v{self.control}{' teams' if self.teams else ''}"


EQUAL = [(5, 7), (12, 12), (6, 44), (44, 6), (100, 100)]
TEAMS = [(8, 12), (6, 44), (44, 6)]
CHANGES, SHARES = (1.5, 3.0, 6.0), (0.3, 0.85)
GRID = [
    Cell(trained, control, t, share, teams)
    for arms, teams in ((EQUAL, False), (TEAMS, True))
    for (trained, control), t, share in product(arms, CHANGES, SHARES)
]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over replications; they add up over blocks."""

    replications: int
    effect_covered: int
    share_covered: int
    kinds: tuple[int, int, int, int]

    def __add__(self, other: Tally) -> Tally:
        kinds = tuple(one + two for one, two in zip(self.kinds, other.kinds, strict=True))
        return Tally(
            self.replications + other.replications,
            self.effect_covered + other.effect_covered,
            self.share_covered + other.share_covered,
            (kinds[0], kinds[1], kinds[2], kinds[3]),
        )


def block_panel(cell: Cell, rng: np.random.Generator) -> Panel:
    """Return a panel of two periods whose KPI is still to be drawn; teams of 3–40 people, or one person a cluster."""
    n_clusters = cell.trained + cell.control
    size = rng.integers(TEAM_SIZES[0], TEAM_SIZES[1] + 1, n_clusters) if cell.teams else np.ones(n_clusters, dtype=int)
    team = np.repeat(np.arange(n_clusters), size)
    frame = pd.DataFrame(
        {
            "person": np.repeat(np.arange(len(team)), 2),
            "period": np.tile([0, 1], len(team)),
            "kpi": 0.0,
            "start": np.repeat(np.where(team < cell.trained, 1.0, np.nan), 2),
            "team": np.repeat(team, 2),
        }
    )
    return Panel.from_frame(
        frame, unit="person", period="period", outcome="kpi", adopted="start", cluster="team" if cell.teams else None
    )


def true_change(cell: Cell, team: NDArray[np.int32]) -> float:
    """Return the change that is `t_change` of its own standard errors: that of the trained people's mean change."""
    size = np.bincount(team)[: cell.trained].astype(float)
    variance = PERSON_SD**2 / size.sum()
    if cell.teams:
        variance += TEAM_SD**2 * float(np.sum(size**2)) / size.sum() ** 2
    return cell.t_change * float(np.sqrt(variance))


def run_block(task: tuple[int, Cell, int, int]) -> tuple[int, Tally]:
    """Return the tally of one block of replications; its seed is that of the cell and the block."""
    number, cell, block, replications = task
    key = (cell.trained, cell.control, round(10 * cell.t_change), round(100 * cell.share), int(cell.teams), block)
    rng = np.random.default_rng([SEED, *key])
    panel = block_panel(cell, rng)
    team = panel.units.cluster
    n_units, n_clusters = len(panel.units), cell.trained + cell.control
    change = true_change(cell, team)
    effect = cell.share * change
    mean = np.where(panel.units.adopted == 1, change, change - effect)
    effect_covered = share_covered = 0
    kinds = dict.fromkeys(KINDS, 0)
    # The matrices are small: threads of BLAS would only stand in each other's way.
    with threadpool_limits(limits=1, user_api="blas"):
        for _ in range(replications):
            moved = mean + rng.normal(0, PERSON_SD, n_units)
            if cell.teams:
                moved += rng.normal(0, TEAM_SD, n_clusters)[team]
            kpi = np.empty((n_units, 2))
            kpi[:, 0] = rng.normal(LEVEL_BEFORE, LEVEL_SD, n_units)
            kpi[:, 1] = kpi[:, 0] + moved
            drawn = replace(panel, observations=replace(panel.observations, outcome=kpi.ravel()))
            estimate = at.did(drawn, baseline=[0], followup=[1])
            found = fieller(estimate.ratio_problem("effect", "change", LEVEL))
            effect_covered += effect in estimate.interval(LEVEL)
            share_covered += cell.share in Interval(found.low, found.high, LEVEL, found.kind, "fieller")
            kinds[found.kind] += 1
    counts = tuple(kinds[kind] for kind in KINDS)
    return number, Tally(replications, effect_covered, share_covered, (counts[0], counts[1], counts[2], counts[3]))


def run(cells: Sequence[Cell], replications: int, workers: int) -> list[Tally]:
    """Return the tally of every cell; the same for any number of workers."""
    tasks = [
        (number, cell, block, min(BLOCK, replications - block * BLOCK))
        for number, cell in enumerate(cells)
        for block in range(-(-replications // BLOCK))
    ]
    tallies = [Tally(0, 0, 0, (0, 0, 0, 0)) for _ in cells]
    if workers == 1:
        found: Iterable[tuple[int, Tally]] = map(run_block, tasks)
        for number, tally in found:
            tallies[number] += tally
        return tallies
    # Spawned, since a process that has threads must not be forked.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for number, tally in pool.map(run_block, tasks, chunksize=2):
            tallies[number] += tally
    return tallies


def passes(cell: Cell, tally: Tally, slack: float = 0.0) -> bool:
    """Say whether both coverages are within the cell's bounds, widened by `slack` Monte Carlo standard errors."""
    low, high = cell.bounds
    for covered in (tally.effect_covered, tally.share_covered):
        coverage = covered / tally.replications
        error = monte_carlo_error(coverage, tally.replications)
        if not low - slack * error <= coverage <= high + slack * error:
            return False
    return True


def monte_carlo_error(coverage: float, replications: int) -> float:
    """Return the standard error of a simulated coverage."""
    return float(np.sqrt(coverage * (1 - coverage) / replications))


def table(cells: Sequence[Cell], tallies: Sequence[Tally]) -> str:
    """Return the Markdown table, one row per cell."""
    lines = [
        "| clusters | t(change) | share | effect | share's set | ± "
        "| bounded | disjoint | unbounded | undefined | bounds | |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for cell, tally in zip(cells, tallies, strict=True):
        effect, share = tally.effect_covered / tally.replications, tally.share_covered / tally.replications
        error = max(monte_carlo_error(one, tally.replications) for one in (effect, share))
        kinds = dict(zip(KINDS, (count / tally.replications for count in tally.kinds), strict=True))
        low, high = cell.bounds
        lines.append(
            f"| {cell} | {cell.t_change:g} | {cell.share:g} | {effect:.2%} | {share:.2%} | {error:.2%} "
            f"| {kinds['bounded']:.1%} | {kinds['disjoint']:.1%} | {kinds['unbounded']:.1%} | {kinds['undefined']:.1%} "
            f"| {low:.1%} to {high:.1%} | {'pass' if passes(cell, tally) else '**FAIL**'} |"
        )
    return "\n".join(lines)


def report(cells: Sequence[Cell], tallies: Sequence[Tally], command: str, seconds: float) -> str:
    """Return the page that is committed as RESULTS.md."""
    import scipy

    failed = sum(not passes(cell, tally) for cell, tally in zip(cells, tallies, strict=True))
    verdict = "All cells are within their bounds."
    if failed:
        verdict = f"**{failed} of {len(cells)} cells are out of bounds.**"
    made = (
        f"Made by `{command}` ({tallies[0].replications:,} replications a cell, 95% nominal, seed {SEED}, "
        f"{seconds / 60:.0f} minutes; attribution\n{_version()}, Python {platform.python_version()}, "
        f"numpy {np.__version__}, scipy {scipy.__version__}). {verdict}"
    )
    design = (
        "Every replication runs `did` on a `Panel` and inverts the test of its share; the default variance. "
        "Changes are normal. Clusters of\n"
        f"equal size are single people (SD of a change {PERSON_SD:g}); teams have {TEAM_SIZES[0]}–{TEAM_SIZES[1]} "
        f"people, sizes drawn anew for every {BLOCK} replications, with a\n"
        f'team effect (SD {TEAM_SD:g}) beside the person\'s (SD {PERSON_SD:g}). "6v44": 6 trained clusters against 44. '
        "t(change) is the true change in its\n"
        "true standard errors; where it is small, the share is not estimable in most samples, and its set is disjoint "
        "or unbounded. ± is\nthe Monte Carlo standard error."
    )
    title = "# Coverage of the effect's interval and of the share's Fieller set"
    return "\n\n".join([title, made, design, table(cells, tallies)]) + "\n"


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("training-attribution")
    except PackageNotFoundError:
        return "from the checkout"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    options = parser.parse_args(arguments)
    start = perf_counter()
    tallies = run(GRID, options.replications, options.workers)
    command = "make coverage-study"
    if options.replications != parser.get_default("replications"):
        command = f"python tests/calibration/study.py --replications {options.replications}"
    page = report(GRID, tallies, command, perf_counter() - start)
    options.out.write_text(page, encoding="utf-8")
    print(page)
    return 0 if all(passes(cell, tally) for cell, tally in zip(GRID, tallies, strict=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
