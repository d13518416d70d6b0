"""Bias and coverage of a staggered rollout whose effects grow with exposure and differ by cohort, by simulation.

Run by `python tests/calibration/staggered_study.py [--replications N] [--workers N] [--out FILE]`. Each block builds a
panel with `Panel.from_frame`; a replication replaces the outcome, runs `staggered`, reads the overall effect's interval
and inverts the test of the overall share. Two-way fixed effects stand beside it, from the same outcomes, by numpy.
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
from attribution.estimators.staggered import staggered
from attribution.numerics.ratio import fieller

Floats = NDArray[np.float64]

LEVEL, SEED = 0.95, 20261124
BLOCK = 20
"""Replications that share a panel: team sizes are drawn anew for every block."""
TEAM_SIZES = (6, 18)
LEVEL_BEFORE, TEAM_LEVEL_SD, PERSON_LEVEL_SD = 20.0, 2.0, 3.0
PERSON_SD = 1.5
TEAM_SD, TEAM_AR = 0.5, 0.5
"""Shocks of a team, the same for its people: AR(1) over months with this standard deviation."""
TREND, SEASON = 0.12, 0.4


@dataclass(frozen=True, slots=True)
class Cohort:
    """Teams that start in one month: how many, and what training does to them in the long run."""

    start: int
    teams: int
    depth: float
    pace: float

    def effect(self, months: int) -> Floats:
        """Return the effect in every month: it grows with exposure, by the cohort's own depth and pace."""
        since = np.arange(months) - self.start
        return np.where(since >= 0, self.depth * (1 - np.exp(-(since + 1) / self.pace)), 0.0)


@dataclass(frozen=True, slots=True)
class Design:
    """One row of the study."""

    name: str
    cohorts: tuple[Cohort, ...]
    never: int
    months: int
    bounds: tuple[float, float]
    noise: float = 1.0

    @property
    def teams(self) -> int:
        return self.never + sum(one.teams for one in self.cohorts)


def three(early: int, middle: int, late: int) -> tuple[Cohort, ...]:
    """Return three cohorts: the first gains most and longest, the last least."""
    return (Cohort(4, early, 2.4, 4.0), Cohort(6, middle, 1.6, 3.0), Cohort(8, late, 0.8, 2.0))


MONTHLY = tuple(Cohort(3 + k, 1 + k % 2, 2.4 - 0.14 * k, 4.0 - 0.15 * k) for k in range(12))

DESIGNS = (
    Design("12 teams, a cohort of one", three(4, 3, 1), 4, 12, (0.925, 0.98)),
    Design("25 teams", three(6, 6, 5), 8, 12, (0.93, 0.97)),
    Design("50 teams", three(12, 12, 10), 16, 12, (0.93, 0.97)),
    Design("monthly, a team or two each month", MONTHLY, 8, 18, (0.925, 0.98)),
    # Where noise is small beside the differences between cohorts, counting their sizes as random covers too much.
    Design("25 teams, half the noise", three(6, 6, 5), 8, 12, (0.93, 1.0), noise=0.5),
    Design("50 teams, half the noise", three(12, 12, 10), 16, 12, (0.93, 1.0), noise=0.5),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over replications; they add up over blocks. Errors are estimate − truth."""

    replications: int = 0
    error: float = 0.0
    error_square: float = 0.0
    two_way_error: float = 0.0
    two_way_square: float = 0.0
    std_error: float = 0.0
    effect_covered: int = 0
    share_covered: int = 0
    given_effect_covered: int = 0
    given_share_covered: int = 0
    bounded: int = 0
    truth: float = 0.0
    share_truth: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def mean(self, name: str) -> float:
        """Return the mean of one sum."""
        return float(getattr(self, name)) / self.replications

    def bias(self, two_way: bool = False) -> tuple[float, float]:
        """Return the bias of the overall effect and its Monte Carlo standard error."""
        first, second = ("two_way_error", "two_way_square") if two_way else ("error", "error_square")
        mean = self.mean(first)
        return mean, float(np.sqrt((self.mean(second) - mean**2) / self.replications))

    def coverage(self, of: str) -> tuple[float, float]:
        """Return a coverage and its Monte Carlo standard error."""
        share = self.mean(f"{of}_covered")
        return share, float(np.sqrt(share * (1 - share) / self.replications))


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A panel whose outcome is still to be drawn: its teams, true effects, and the weights of two-way fixed effects."""

    panel: Panel
    team: NDArray[np.int64]
    effect: Floats
    background: Floats
    truth: float
    share: float
    two_way: Floats


def make_block(design: Design, rng: np.random.Generator) -> Block:
    """Draw team sizes, and return the panel with the truth about the people who are in it."""
    months = design.months
    start = np.repeat(
        [*(one.start for one in design.cohorts), months], [*(one.teams for one in design.cohorts), design.never]
    )
    size = rng.integers(TEAM_SIZES[0], TEAM_SIZES[1] + 1, design.teams)
    team = np.repeat(np.arange(design.teams), size)
    starts = start[team]
    n = len(team)
    frame = pd.DataFrame(
        {
            "person": np.repeat(np.arange(n), months),
            "month": np.tile(np.arange(months), n),
            "kpi": 0.0,
            "start": np.repeat(np.where(starts < months, starts, np.nan), months),
            "team": np.repeat(team, months),
        }
    )
    panel = Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start", cluster="team")
    by_start = {one.start: one.effect(months) for one in design.cohorts} | {months: np.zeros(months)}
    effect = np.stack([by_start[int(one)] for one in starts])
    month = np.arange(months)
    background = TREND * month + SEASON * np.sin(2 * np.pi * month / 12)
    # Every trained person and month counts alike; the observed change is from the month before the start.
    trained = month >= starts[:, None]
    truth = float(effect[trained].mean())
    since = background - background[np.minimum(starts, months) - 1][:, None]
    share = truth / (truth + float(since[trained].mean()))
    demeaned = trained - trained.mean(axis=1, keepdims=True) - trained.mean(axis=0) + trained.mean()
    return Block(panel, team, effect, background, truth, share, demeaned / (demeaned**2).sum())


def run_block(task: tuple[int, int, int]) -> tuple[int, Tally]:
    """Return the tally of one block of replications; its seed is that of the design and the block."""
    number, block, replications = task
    design = DESIGNS[number]
    rng = np.random.default_rng([SEED, number, block])
    made = make_block(design, rng)
    n, months = made.effect.shape
    tally = Tally()
    # The matrices are small: threads of BLAS would only stand in each other's way.
    with threadpool_limits(limits=1, user_api="blas"):
        for _ in range(replications):
            shock = rng.normal(0, design.noise * TEAM_SD, (design.teams, months))
            for month in range(1, months):
                shock[:, month] = TEAM_AR * shock[:, month - 1] + np.sqrt(1 - TEAM_AR**2) * shock[:, month]
            level = (
                LEVEL_BEFORE + rng.normal(0, TEAM_LEVEL_SD, design.teams)[made.team] + rng.normal(0, PERSON_LEVEL_SD, n)
            )
            kpi = (
                level[:, None]
                + made.background
                + shock[made.team]
                + made.effect
                + rng.normal(0, design.noise * PERSON_SD, (n, months))
            )
            drawn = replace(made.panel, observations=replace(made.panel.observations, outcome=kpi.ravel()))
            estimate = staggered(drawn, aggregate="simple")
            given = staggered(drawn, aggregate="simple", variance="sizes_given")
            found, found_given = (fieller(one.ratio_problem("effect", "change", LEVEL)) for one in (estimate, given))
            error = estimate.value("effect") - made.truth
            two_way = float((made.two_way * kpi).sum()) - made.truth
            tally += Tally(
                replications=1,
                error=error,
                error_square=error**2,
                two_way_error=two_way,
                two_way_square=two_way**2,
                std_error=estimate.std_error("effect"),
                effect_covered=int(made.truth in estimate.interval(LEVEL)),
                share_covered=int(made.share in Interval(found.low, found.high, LEVEL, found.kind, "fieller")),
                given_effect_covered=int(made.truth in given.interval(LEVEL)),
                given_share_covered=int(
                    made.share in Interval(found_given.low, found_given.high, LEVEL, found_given.kind, "fieller")
                ),
                bounded=int(found.kind == "bounded"),
                truth=made.truth,
                share_truth=made.share,
            )
    return number, tally


def run(numbers: Sequence[int], replications: int, workers: int) -> list[Tally]:
    """Return the tally of each design; the same for any number of workers."""
    tasks = [
        (number, block, min(BLOCK, replications - block * BLOCK))
        for number in numbers
        for block in range(-(-replications // BLOCK))
    ]
    tallies = dict.fromkeys(numbers, Tally())
    if workers == 1:
        found: Iterable[tuple[int, Tally]] = map(run_block, tasks)
        for number, tally in found:
            tallies[number] += tally
    else:
        # Spawned, since a process that has threads must not be forked.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for number, tally in pool.map(run_block, tasks, chunksize=4):
                tallies[number] += tally
    return [tallies[number] for number in numbers]


def passes(design: Design, tally: Tally, slack: float = 0.0) -> bool:
    """Say whether bias and both coverages are within bounds, the coverages' widened by `slack` Monte Carlo errors."""
    bias, error = tally.bias()
    low, high = design.bounds
    inside = abs(bias) <= (3.0 + slack / 2) * error
    for of in ("effect", "share"):
        share, noise = tally.coverage(of)
        inside &= low - slack * noise <= share <= high + slack * noise
    return bool(inside)


def table(designs: Sequence[Design], tallies: Sequence[Tally]) -> str:
    """Return the Markdown table, one row per design."""
    lines = [
        "| rollout | true effect | bias ± | bias of two-way FE ± | SD | mean SE | effect | share's set "
        "| effect, sizes given | share's set, sizes given | ± | bounded | bounds | |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for design, tally in zip(designs, tallies, strict=True):
        (bias, error), (other, other_error) = tally.bias(), tally.bias(two_way=True)
        effect, share = tally.coverage("effect"), tally.coverage("share")
        low, high = design.bounds
        lines.append(
            f"| {design.name} | {tally.mean('truth'):.3f} | {bias:+.4f} ± {error:.4f} "
            f"| {other:+.4f} ± {other_error:.4f} | {error * np.sqrt(tally.replications):.3f} "
            f"| {tally.mean('std_error'):.3f} | {effect[0]:.2%} | {share[0]:.2%} "
            f"| {tally.coverage('given_effect')[0]:.2%} | {tally.coverage('given_share')[0]:.2%} "
            f"| {max(effect[1], share[1]):.2%} "
            f"| {tally.mean('bounded'):.1%} | {low:.1%} to {high:.1%} "
            f"| {'pass' if passes(design, tally) else '**FAIL**'} |"
        )
    return "\n".join(lines)


def report(designs: Sequence[Design], tallies: Sequence[Tally], command: str, seconds: float) -> str:
    """Return the page that is committed as STAGGERED.md."""
    import scipy

    failed = sum(not passes(design, tally) for design, tally in zip(designs, tallies, strict=True))
    verdict = (
        f"**{failed} of {len(designs)} rows are out of bounds.**" if failed else "All rows are within their bounds."
    )
    made = (
        f"Made by `{command}` ({tallies[0].replications:,} replications a row, 95% nominal, seed {SEED}, "
        f"{seconds / 60:.0f} minutes; Python\n{platform.python_version()}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}). {verdict}"
    )
    text = f"""Teams are trained at different times. The effect grows with exposure, depth·(1 − exp(−(e+1)/pace)), and
differs by cohort: the first gains most. Every replication runs `staggered` (controls not yet trained, the default
variance) on a `Panel` of people in teams of {TEAM_SIZES[0]} to {TEAM_SIZES[1]}, sizes drawn anew for
every {BLOCK} replications, and inverts the test of the overall share. People have levels (SD {PERSON_LEVEL_SD:g},
and {TEAM_LEVEL_SD:g} by team) and monthly noise (SD {PERSON_SD:g}); teams have AR({TEAM_AR:g}) shocks
(SD {TEAM_SD:g}); all months share a trend and a season. Every sample has a standard error. ± is the Monte Carlo one.

The truth is the average effect over the trained people and months in the sample; "effect" and "share's set" are
coverages of it. The default variance takes a team out of its cohort without putting another in, and so counts the
cohorts' sizes as random (as the analytic standard errors of Callaway & Sant'Anna do): where effects differ by cohort,
the mean SE is above the SD, and the coverage above 95%, more so where the noise is small. "sizes given" are the
coverages of `variance="sizes_given"`, which takes the cohorts' sizes as they are; rows are judged by the default.
"bounded" is the part of the samples in which the share can be quoted. "two-way FE" is the coefficient of being trained
in a regression on person and month effects, on the same outcomes: teams already trained serve it as controls, and it
misses the truth."""
    rows = "\n".join(
        f"- {design.name}: "
        + ", ".join(f"{one.teams} from month {one.start}" for one in design.cohorts)
        + f"; {design.never} never; {design.months} months."
        for design in designs
    )
    title = "# Bias and coverage of a staggered rollout"
    return "\n\n".join([title, made, text, table(designs, tallies), rows]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("STAGGERED.md"))
    options = parser.parse_args(arguments)
    start = perf_counter()
    tallies = run(range(len(DESIGNS)), options.replications, options.workers)
    command = "python tests/calibration/staggered_study.py"
    if options.replications != parser.get_default("replications"):
        command += f" --replications {options.replications}"
    page = report(DESIGNS, tallies, command, perf_counter() - start)
    options.out.write_text(page, encoding="utf-8")
    print(page)
    return 0 if all(passes(design, tally) for design, tally in zip(DESIGNS, tallies, strict=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
