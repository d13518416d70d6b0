"""Power that a study really has at the smallest effect that the formula says it can see, by simulation.

Run by `python tests/calibration/power_study.py [--replications N] [--out FILE]`. A cell is a plan with a known
covariance of its KPI. A replication draws the path of every cluster's mean, adds the formula's MDE to the trained ones
and tests it as the estimator does: its weights, its jackknife, its degrees of freedom, for all replications at once.
That these are the estimator's own is checked in every kind of cell, on units, to 1e-10.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import scipy
from power_cells import (
    AFTER,
    BEFORE,
    CHECKED,
    EXACT,
    SEED,
    UNEQUAL,
    UNITS,
    Cell,
    Floats,
    Starts,
    fast_draws,
    furthest,
)
from scipy.special import stdtrit
from threadpoolctl import threadpool_limits

from attribution.core.panel import NEVER, Panel
from attribution.planning.history import declared_noise, noise_of
from attribution.planning.mde import analytic_mde
from attribution.planning.records import Mde
from attribution.planning.simulated import Draws, drawn, path_model, simulated_mde
from attribution.planning.skeleton import apply_method, plain_panel

REPLICATIONS = 10_000
LOW, HIGH = 0.77, 0.83
"""Between which the realised power of a nominal 80% must lie where the formula applies."""

HISTORIES, HISTORY = 200, 24
"""Histories from which the noise is estimated, and the periods of each."""

BY_ESTIMATOR = 5_000
"""Replications of cells without a fast equivalent, each by the estimator itself."""


def two_arms(trained: int, control: int) -> Starts:
    """Return one start."""
    return ((4, trained), (None, control))


def waves(each: int, control: int, many: int = 3) -> Starts:
    """Return a rollout in waves, one a period from the launch on."""
    return (*((4 + wave, each) for wave in range(many)), (None, control))


VARIES = tuple(product((0.0, 0.1, 0.3), (0.0, 0.4, 0.8)))
GRID = tuple(
    Cell(method, starts, icc, keeps)
    for method, plans in (
        ("did", [two_arms(half, half) for half in (5, 10, 25, 50, 100)]),
        ("staggered", [waves(fifth, 2 * fifth) for fifth in (2, 4, 10, 20, 40)]),
    )
    for starts, (icc, keeps) in product(plans, VARIES)
)
UNEVEN = tuple(
    Cell(method, starts, icc, keeps, unequal, after=after)
    for (method, starts, unequal, after), (icc, keeps) in product(
        [
            ("did", two_arms(3, 3), False, 4),
            ("did", two_arms(7, 7), False, 4),
            ("did", two_arms(5, 95), False, 4),
            ("did", two_arms(10, 90), False, 4),
            ("did", two_arms(90, 10), False, 4),
            ("did", two_arms(10, 10), True, 4),
            ("did", two_arms(25, 25), True, 4),
            ("did", two_arms(10, 90), True, 4),
            ("did", two_arms(10, 190), True, 4),
            ("staggered", waves(2, 10, 4), False, 4),
            ("staggered", waves(3, 12, 4), False, 4),
            ("staggered", waves(4, 16, 4), False, 4),
            ("staggered", waves(4, 88), False, 4),
            ("staggered", waves(5, 15, 4), False, 4),
            ("staggered", waves(5, 85), False, 4),
            ("staggered", waves(5, 20, 8), False, 8),
            ("staggered", waves(1, 10, 10), False, 10),
            ("staggered", waves(4, 8), True, 4),
            ("staggered", waves(5, 15, 4), True, 4),
            ("staggered", waves(10, 20), True, 4),
        ],
        ((0.0, 0.0), (0.1, 0.4), (0.3, 0.8)),
    )
)
OTHERS = (
    Cell("lagged", two_arms(10, 10), 0.1, 0.4),
    Cell("lagged", two_arms(25, 25), 0.1, 0.4),
    Cell("lagged", two_arms(25, 25), 0.3, 0.8),
    Cell("lagged", two_arms(5, 5), 0.1, 0.4),
    Cell("adjusted", two_arms(10, 10), 0.1, 0.4),
    Cell("adjusted", two_arms(25, 25), 0.1, 0.4, outcome="level"),
)
ESTIMATED = tuple(
    Cell(method, starts, icc, keeps)
    for method, starts in (
        ("did", two_arms(10, 10)),
        ("did", two_arms(25, 25)),
        ("did", two_arms(100, 100)),
        ("staggered", waves(10, 20)),
    )
    for icc, keeps in ((0.0, 0.4), (0.3, 0.8))
)
SIMULATED = (
    Cell("did", two_arms(10, 10), 0.1, 0.4),
    Cell("did", two_arms(25, 25), 0.3, 0.8),
    Cell("staggered", waves(4, 8), 0.1, 0.4),
    Cell("staggered", waves(10, 20), 0.3, 0.8),
)


def estimator_draws(cell: Cell, replications: int) -> Draws:
    """Return the same from the estimator itself."""
    model, plan = path_model(cell.plan, cell.noise), cell.plan

    def one(number: int) -> object:
        return apply_method(plan, model.draw(np.random.default_rng([SEED, 3, number])))

    return drawn(one, replications)


def rejected(draws: Draws, effect: float) -> float:
    """Return the share of replications that reject at 5% when this effect is there."""
    return float(np.mean(np.abs(draws.effect + effect) > stdtrit(draws.df, 0.975) * draws.std_error))


@dataclass(frozen=True, slots=True)
class Row:
    """What a cell says: the realised power at the formula's MDE, the size, and the mean SE over the SD of estimates."""

    cell: Cell
    mde: Mde
    power: float
    size: float
    se_over_sd: float
    replications: int

    @property
    def applies(self) -> bool:
        """Say whether the formula has no reservation about this plan."""
        return not self.mde.caveats

    @property
    def verdict(self) -> str:
        """The last column of the table."""
        if not self.applies:
            return "warned"
        return "applies" if LOW <= self.power <= HIGH else "**FAIL**"


def run(cell: Cell, replications: int = REPLICATIONS) -> Row:
    """Return the row of a cell."""
    fast = cell.method in ("did", "staggered")
    count = replications if fast else min(BY_ESTIMATOR, replications)
    draws = fast_draws(cell, count) if fast else estimator_draws(cell, count)
    mde = analytic_mde(cell.plan, cell.noise)
    ratio = float(np.sqrt(np.mean(draws.std_error**2)) / np.std(draws.effect))
    return Row(cell, mde, rejected(draws, mde.mde), rejected(draws, 0.0), ratio, count)


def history(cell: Cell, rng: np.random.Generator) -> Panel:
    """Return what the cell's clusters and units did in the periods before the plan."""
    between, within = declared_roots(cell)
    cohorts = cell.plan.cohorts
    sizes = np.concatenate([one.sizes for one in cohorts]).astype(int)
    arm = np.repeat([0 if one.start is not None else 1 for one in cohorts], [one.clusters for one in cohorts])
    cluster = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    shared = rng.standard_normal((len(sizes), HISTORY)) @ between.T
    value = shared[cluster] + rng.standard_normal((len(cluster), HISTORY)) @ within.T
    adopted = np.where(arm == 0, HISTORY, NEVER)[cluster].astype(np.int32)
    return plain_panel(adopted, cluster, np.ones(len(cluster)), value, len(sizes))


def declared_roots(cell: Cell) -> tuple[Floats, Floats]:
    """Return the roots of what clusters share, and of units around them, over the history."""
    shape = np.linalg.cholesky(declared_noise(sd=1.0, icc=0.0, autocorrelation=cell.keeps, span=HISTORY).within)
    return shape * np.sqrt(cell.icc), shape * np.sqrt(1.0 - cell.icc)


def estimated(cell: Cell, replications: int, histories: int = HISTORIES) -> Floats:
    """Return the realised power at the MDE of the noise that each of many histories shows, `[histories]`."""
    draws, rng = fast_draws(cell, replications), cell.rng(4)
    found = [analytic_mde(cell.plan, noise_of(history(cell, rng), span=cell.span)).mde for _ in range(histories)]
    return np.array([rejected(draws, mde) for mde in found])


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the Markdown table, one row per cell."""
    lines = [
        "| method | clusters by start | ICC | AR(1) | MDE/SD | df | replications "
        "| realised power | size at 0 | SE/SD | |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        cell = row.cell
        lines.append(
            f"| {cell.name} | {cell.clusters} | {cell.icc:g} | {cell.keeps:g} | {row.mde.mde:.3f} | {row.mde.df:.1f} "
            f"| {row.replications:,} | {row.power:.1%} | {row.size:.1%} "
            f"| {row.se_over_sd:.2f} | {row.verdict} |"
        )
    return lines


def kinds() -> list[Cell]:
    """Return one cell of every kind of plan that has a fast test: method, clusters, sizes."""
    found = {(cell.method, cell.starts, cell.unequal): cell for cell in (*GRID, *UNEVEN)}
    return [replace(cell, icc=0.1, keeps=0.4) for cell in found.values()]


def page(replications: int) -> tuple[str, bool]:
    """Return the page of results, and whether every row that applies is within its bounds."""
    worst = max(furthest(cell) for cell in kinds())
    if not worst < EXACT:
        raise AssertionError(f"the fast test is {worst:.2g} from the estimator")
    parts = {
        "Equal clusters": [run(cell, replications) for cell in GRID],
        "Unbalanced arms, clusters of unequal size, small waves": [run(cell, replications) for cell in UNEVEN],
        "`lagged` and `adjusted`, by the estimator itself": [run(cell, replications) for cell in OTHERS],
    }
    rows = [row for part in parts.values() for row in part]
    error = np.sqrt(0.8 * 0.2 / replications)
    lines = [
        "# Realised power at the formula's MDE",
        "",
        f"Made by `python tests/calibration/power_study.py` ({replications:,} replications a row, seed {SEED}; Python",
        f"{platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}). Nominal power 80%, tests at",
        f"5%; one Monte Carlo error of a power is {error:.1%}, of a size {np.sqrt(0.05 * 0.95 / replications):.1%}.",
        f"A row that the formula has no reservation about must lie within {LOW:.0%} to {HIGH:.0%}; where it has one",
        '(`Mde.caveats`), the row says "warned". Clusters by start: the waves from the launch on, one a period,',
        f"and last those that are not trained. {UNITS} units in a cluster",
        f"({', '.join(f'{one:g}' for one in UNEQUAL)} in turn where unequal), "
        f"{BEFORE} periods before and {AFTER} after",
        "the launch (as many as waves where those are more), unit SD 1, AR(1) paths of clusters and of units around",
        "them. SE/SD: the root mean square of the tests' standard errors over the standard deviation of the estimates.",
        f"On {CHECKED} replications of each of the {len(kinds())} kinds of plan the fast test is that of the",
        f"estimator, on units, to {worst:.0e} (effect, standard error, degrees of freedom).",
    ]
    for title, part in parts.items():
        lines += ["", f"## {title}", "", *table(part)]
    lines += [
        "",
        "## The noise estimated from a history",
        "",
        f"{HISTORIES} histories a row, {HISTORY} periods of the same clusters, each giving an MDE of its own.",
        "",
        "| method | clusters by start | ICC | AR(1) | mean realised power | 10th to 90th percentile |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for cell in ESTIMATED:
        found = estimated(cell, replications)
        low, high = np.quantile(found, [0.1, 0.9])
        lines.append(
            f"| {cell.name} | {cell.clusters} | {cell.icc:g} | {cell.keeps:g} | {found.mean():.1%} "
            f"| {low:.1%} to {high:.1%} |"
        )
    lines += [
        "",
        "## The formula and `simulated_mde`",
        "",
        "2,000 histories each: the power that the simulation gives the formula's MDE is known to about 0.9 points.",
        "",
        "| method | clusters by start | ICC | AR(1) | formula | simulated | simulated power at the formula's |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for cell in SIMULATED:
        formula = analytic_mde(cell.plan, cell.noise)
        other = simulated_mde(
            cell.plan, cell.noise, estimate=partial(apply_method, cell.plan), replications=2_000, seed=SEED
        )
        lines.append(
            f"| {cell.name} | {cell.clusters} | {cell.icc:g} | {cell.keeps:g} | {formula.mde:.3f} | {other.mde:.3f} "
            f"| {other.power_at(formula.mde):.1%} |"
        )
    return "\n".join(lines) + "\n", all(row.verdict != "**FAIL**" for row in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and write its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("POWER.md"))
    given = parser.parse_args(arguments)
    with threadpool_limits(limits=1, user_api="blas"):
        text, passed = page(given.replications)
    given.out.write_text(text, encoding="utf-8")
    print(text)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
