"""Coverage of `synthetic`: effect, change, background and the share's set, by simulation with the package's own path.

Run `python tests/calibration/synthetic_study.py [--replications N] [--workers N] [--out FILE]`. Sites follow a factor
model with autocorrelated noise; a replication draws all of it anew, replaces the panel's outcome and runs `synthetic`.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from attribution.core.interval import Interval
from attribution.core.panel import Panel
from attribution.estimators.sites.weights import synthetic_weights
from attribution.estimators.synthetic import SyntheticVariance, synthetic
from attribution.numerics.ratio import fieller
from attribution.numerics.synthetic import Kind

Floats = NDArray[np.float64]

LEVEL, SEED, BLOCK = 0.95, 20270310, 250
EFFECT = 3.0
LEVEL_SD, TREND, SHOCK_SD, FACTORS, FACTOR_SD = 3.0, 0.5, 1.0, 2, 0.4
PLACEBOS = 200
TARGETS = ("effect", "change", "background", "share", "share of these")
LOW, HIGH = 0.925, 0.98


@dataclass(frozen=True, slots=True)
class Cell:
    """One row: donors, trained sites, periods, autocorrelation; `noisier` multiplies the trained sites' noise."""

    donors: int
    trained: int
    kind: Kind
    rho: float
    before: int = 16
    after: int = 6
    variance: SyntheticVariance = "placebo"
    noisier: float = 1.0

    @property
    def held(self) -> bool:
        """Say whether the cell is one whose coverage is promised: the others show where it ends."""
        enough = self.donors >= 10 * self.trained or (self.donors >= 20 and self.trained <= 3)
        return enough and self.variance == "placebo" and self.noisier == 1

    def __str__(self) -> str:
        return f"{self.donors}v{self.trained} {self.kind}"


GRID = [
    *(Cell(donors, trained, kind, rho) for donors in (20, 40) for trained in (1, 2, 3) for kind in ("did", "control")
      for rho in (0.0, 0.5)),
    *(Cell(donors, 1, kind, 0.5) for donors in (5, 10) for kind in ("did", "control")),
    *(Cell(20, 1, kind, 0.5, before=6, after=3) for kind in ("did", "control")),
    *(Cell(20, trained, "did", 0.5) for trained in (5, 10)),
    *(Cell(20, trained, "did", 0.5, variance="jackknife") for trained in (2, 3, 5, 10)),
    *(Cell(20, 1, kind, 0.5, noisier=1.5) for kind in ("did", "control")),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over replications, how often each of `TARGETS` was covered; they add up over blocks."""

    replications: int
    covered: tuple[int, ...]
    bounded: int
    error: float
    error_squared: float
    half_width: float

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.replications + other.replications,
            tuple(one + two for one, two in zip(self.covered, other.covered, strict=True)),
            self.bounded + other.bounded,
            self.error + other.error,
            self.error_squared + other.error_squared,
            self.half_width + other.half_width,
        )

    @property
    def coverage(self) -> dict[str, float]:
        return {name: count / self.replications for name, count in zip(TARGETS, self.covered, strict=True)}


NOTHING = Tally(0, (0,) * len(TARGETS), 0, 0.0, 0.0, 0.0)


def block_panel(cell: Cell) -> Panel:
    """Return a panel of sites by periods, the trained first, whose KPI is still to be drawn."""
    sites, periods = cell.trained + cell.donors, cell.before + cell.after
    site = np.repeat(np.arange(sites), periods)
    start = np.where(site < cell.trained, float(cell.before), np.nan)
    frame = pd.DataFrame({"site": site, "period": np.tile(np.arange(periods), sites), "kpi": 0.0, "start": start})
    return Panel.from_frame(frame, unit="site", period="period", outcome="kpi", adopted="start")


def draw(cell: Cell, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return the KPI, the common path, and the sites' paths without noise and effect, `[n_sites, n_periods]`."""
    sites, periods = cell.trained + cell.donors, cell.before + cell.after
    noise = rng.normal(size=(sites, periods))
    for period in range(1, periods):
        noise[:, period] = cell.rho * noise[:, period - 1] + np.sqrt(1 - cell.rho**2) * noise[:, period]
    noise[: cell.trained] *= cell.noisier
    factors = np.cumsum(rng.normal(0, FACTOR_SD, (FACTORS, periods)), axis=1)
    common = TREND * np.arange(periods) + rng.normal(0, SHOCK_SD, periods)
    paths = rng.normal(50, LEVEL_SD, (sites, 1)) + common + rng.normal(size=(sites, FACTORS)) @ factors
    kpi = paths + noise
    kpi[: cell.trained, cell.before :] += EFFECT
    return kpi, common, paths


def run_block(task: tuple[int, Cell, int, int]) -> tuple[int, Tally]:
    """Return the tally of one block of replications; its seed is that of the cell and the block."""
    number, cell, block, replications = task
    rng = np.random.default_rng([SEED, number, block])
    panel = block_panel(cell)
    baseline, followup = list(range(cell.before)), list(range(cell.before, cell.before + cell.after))
    tally = NOTHING
    with threadpool_limits(limits=1, user_api="blas"):
        for replication in range(replications):
            kpi, common, paths = draw(cell, rng)
            drawn = replace(panel, observations=replace(panel.observations, outcome=kpi.ravel()))
            estimate = synthetic(
                drawn, baseline=baseline, followup=followup, kind=cell.kind, variance=cell.variance,
                placebos=PLACEBOS, seed=replication,
            )  # fmt: skip
            fit = synthetic_weights(drawn, baseline=baseline, followup=followup, kind=cell.kind)
            weights = fit.baseline_weights
            # The change of sites like these, and that of these very sites, both over the baseline weights as fitted.
            like, these = (
                EFFECT + path[cell.before :].mean() - weights @ path[: cell.before]
                for path in (common, paths[: cell.trained].mean(axis=0))
            )
            found = fieller(estimate.ratio_problem("effect", "change", LEVEL))
            share = Interval(found.low, found.high, LEVEL, found.kind, "fieller")
            truths = {"effect": EFFECT, "change": like, "background": like - EFFECT}
            hit = [truth in estimate.interval(LEVEL, term=term) for term, truth in truths.items()]
            hit += [EFFECT / like in share, EFFECT / these in share]
            interval = estimate.interval(LEVEL)
            error = estimate.value("effect") - EFFECT
            tally += Tally(
                1, tuple(int(one) for one in hit), int(found.kind == "bounded"), error, error**2,
                (interval.high - interval.low) / 2,
            )  # fmt: skip
    return number, tally


def run(cells: Sequence[Cell], replications: int, workers: int) -> list[Tally]:
    """Return the tally of every cell of the grid that is asked for; the same for any number of workers."""
    tasks = [
        (GRID.index(cell), cell, block, min(BLOCK, replications - block * BLOCK))
        for cell in cells
        for block in range(-(-replications // BLOCK))
    ]
    tallies = dict.fromkeys((GRID.index(cell) for cell in cells), NOTHING)
    if workers == 1:
        found: Iterable[tuple[int, Tally]] = map(run_block, tasks)
        for number, tally in found:
            tallies[number] += tally
        return list(tallies.values())
    # Spawned, since a process that has threads must not be forked.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for number, tally in pool.map(run_block, tasks):
            tallies[number] += tally
    return list(tallies.values())


def monte_carlo_error(coverage: float, replications: int) -> float:
    """Return the standard error of a simulated coverage."""
    return float(np.sqrt(coverage * (1 - coverage) / replications))


def passes(tally: Tally, slack: float = 0.0) -> bool:
    """Say whether effect, change, background and share are covered within the bounds, widened by `slack` errors."""
    for name in TARGETS[:4]:
        coverage = tally.coverage[name]
        error = monte_carlo_error(coverage, tally.replications)
        if not LOW - slack * error <= coverage <= HIGH + slack * error:
            return False
    return True


def table(cells: Sequence[Cell], tallies: Sequence[Tally]) -> str:
    """Return the Markdown table, one row per cell."""
    lines = [
        "| sites | ρ | periods | variance | effect | change | background | share | share of these "
        "| bounded | bias | SD | half width | |",
        "|---|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for cell, tally in zip(cells, tallies, strict=True):
        count = tally.replications
        bias = tally.error / count
        spread = float(np.sqrt(tally.error_squared / count - bias**2))
        verdict = ("pass" if passes(tally) else "**FAIL**") if cell.held else "beyond"
        noisier = f", trained ×{cell.noisier:g} noise" if cell.noisier != 1 else ""
        covered = " | ".join(f"{tally.coverage[name]:.1%}" for name in TARGETS)
        lines.append(
            f"| {cell}{noisier} | {cell.rho:g} | {cell.before}+{cell.after} | {cell.variance} | {covered} "
            f"| {tally.bounded / count:.0%} | {bias:+.3f} | {spread:.2f} | {tally.half_width / count:.2f} | {verdict} |"
        )
    return "\n".join(lines)


def report(cells: Sequence[Cell], tallies: Sequence[Tally], command: str, seconds: float) -> str:
    """Return the page that is committed as SYNTHETIC.md."""
    import scipy

    failed = sum(cell.held and not passes(tally) for cell, tally in zip(cells, tallies, strict=True))
    held = sum(cell.held for cell in cells)
    verdict = f"All {held} cells of the grid are within {LOW:.1%} to {HIGH:.1%}."
    if failed:
        verdict = f"**{failed} of {held} cells are out of bounds.**"
    count = tallies[0].replications
    made = (
        f"Made by `{command}` ({count:,} replications a cell, 95% nominal, Monte Carlo error "
        f"{monte_carlo_error(0.95, count):.1%}, seed {SEED},\n{PLACEBOS} placebos at most, {seconds / 60:.0f} minutes; "
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}). {verdict}"
    )
    design = (
        f'Every replication runs `synthetic` on a `Panel`. "20v1": 20 donors, 1 trained site. Sites have their own '
        f"level (SD {LEVEL_SD:g}), a common\npath (trend {TREND:g} a period, shocks of SD {SHOCK_SD:g}), {FACTORS} "
        f"random walks (steps of SD {FACTOR_SD:g}) to which each responds in its own way (SD 1),\nand AR(1) noise "
        f"of SD 1. Trained sites are of the same kind as the donors; the effect is {EFFECT:g}. `change`, `background`"
        '\nand `share` are judged against what sites like these would show on average; "share of these" against the '
        "path that the\n"
        "trained sites of the replication would have taken without noise. Rows marked `beyond` are not promised: few "
        "donors, many trained\nsites, the jackknife, trained sites that are noisier than the donors. SD is that of the "
        "estimated effect."
    )
    title = "# Coverage of synthetic control and synthetic difference-in-differences"
    return "\n\n".join([title, made, design, table(cells, tallies)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("SYNTHETIC.md"))
    options = parser.parse_args(arguments)
    start = perf_counter()
    tallies = run(GRID, options.replications, options.workers)
    command = "python tests/calibration/synthetic_study.py"
    if options.replications != parser.get_default("replications"):
        command += f" --replications {options.replications}"
    page = report(GRID, tallies, command, perf_counter() - start)
    options.out.write_text(page, encoding="utf-8")
    print(page)
    return 0 if all(passes(tally) for cell, tally in zip(GRID, tallies, strict=True) if cell.held) else 1


if __name__ == "__main__":
    sys.exit(main())
