"""Bias and coverage of estimates on matched and weighted cohorts, by simulation.

Run by `python tests/calibration/cohort_study.py [--replications N] [--workers N] [--only NUMBER ...] [--out FILE]`.
A replication draws people, makes each cohort and each estimate of `cohort_designs.py`, and asks whether the interval
holds the average effect on those the estimate says it speaks for.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from cohort_designs import DRAWN_TOGETHER, POPULATIONS, SITE_SKILL, Method, Population, draw, truths
from numpy.typing import NDArray
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from attribution.checks.evidence import Evidence, review_evidence
from attribution.core.cohort import Cohort
from attribution.errors import DataError, MethodError

Floats = NDArray[np.float64]

LEVEL, SEED, BLOCK = 0.95, 20261126, 50
LOOKED_AT = 5
"""Replications of a block whose cohorts and estimates the checks look at."""
WATCHED = ("cohort_balance", "overlap", "effective_sample_size", "trained_dropped", "matched_difference")
"""Checks of which the page says how often they warned or failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What one method found in a block: rows of estimate, standard error, t quantile and the sample's own truth.

    A replication that was refused is a row of NaN. `looks` counts what the checks looked at, `warned` each check's
    warnings and failures.
    """

    rows: Floats
    looks: int
    warned: Counter[str]


def run_block(task: tuple[int, int, int]) -> tuple[int, list[Found]]:
    """Return what each method found in one block of replications; its seed is that of the population and the block."""
    number, block, replications = task
    population = POPULATIONS[number]
    rng = np.random.default_rng([SEED, number, block])
    count = len(population.methods)
    rows = np.full((count, replications, 4), np.nan)
    looks, warned = [0] * count, [Counter[str]() for _ in range(count)]
    with threadpool_limits(limits=1, user_api="blas"):
        for replication in range(replications):
            panel, effect = draw(population, rng)
            cohorts: dict[Any, Cohort | None] = {None: None}
            for place, method in enumerate(population.methods):
                try:
                    if method.cohort not in cohorts:
                        assert method.cohort is not None
                        cohorts[method.cohort] = method.cohort(panel)
                    cohort = cohorts[method.cohort]
                    made = panel if cohort is None else panel.with_cohort(cohort)
                    found = method.estimate(made)
                except (MethodError, DataError):
                    continue
                contrast = found.contrast({"effect": 1.0})
                if cohort is None or cohort.arms is None:
                    spoken = panel.units.adopted < len(panel.periods)
                else:
                    spoken = (cohort.arms == 1) & (cohort.weights > 0)
                quantile = float(student.ppf((1 + LEVEL) / 2, contrast.df))
                rows[place, replication] = contrast.value, contrast.std_error, quantile, effect[spoken].mean()
                if replication < LOOKED_AT and cohort is not None:
                    findings = review_evidence(Evidence(panel=made, estimate=found), WATCHED)
                    looks[place] += 1
                    warned[place].update(one.id for one in findings if one.status in ("warn", "fail"))
    return number, [Found(rows[place], looks[place], warned[place]) for place in range(count)]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the replications of one method say; bias and spread are of those that have a standard error."""

    replications: int
    failed: int
    truth: float
    bias: float
    noise: float
    spread: float
    std_error: float
    coverage: float
    warned: tuple[tuple[str, float], ...]

    @property
    def coverage_noise(self) -> float:
        return float(np.sqrt(self.coverage * (1 - self.coverage) / self.replications))


def summarise(population: Population, method: Method, blocks: Sequence[Found]) -> Summary:
    """Return bias and coverage against the average effect on those whom the estimate speaks for.

    On all trained, all people or the overlap it is exact; on the trained that a cohort kept, and where sites are drawn
    too, the mean over the samples of their own average. A failed replication does not cover.
    """
    rows = np.concatenate([one.rows for one in blocks])
    count = len(rows)
    rows = rows[~np.isnan(rows[:, 1])]
    own = method.speaks == "kept" or population.sites > 0
    truth = float(rows[:, 3].mean()) if own else truths(population)[method.speaks]
    error = rows[:, 0] - truth
    covered = np.abs(error) <= rows[:, 1] * rows[:, 2]
    looks = sum(one.looks for one in blocks)
    total = sum((one.warned for one in blocks), Counter[str]())
    return Summary(
        replications=count,
        failed=count - len(rows),
        truth=truth,
        bias=float(error.mean()),
        noise=float(error.std(ddof=1) / np.sqrt(len(rows))),
        spread=float(error.std(ddof=1)),
        std_error=float(rows[:, 1].mean()),
        coverage=float(covered.sum() / count),
        warned=tuple((check, total[check] / looks) for check in WATCHED if looks and total[check]),
    )


def run(numbers: Sequence[int], replications: int, workers: int) -> list[list[Summary]]:
    """Return the summaries of each population's methods; the same for any number of workers."""
    tasks = [
        (number, block, min(BLOCK, replications - block * BLOCK))
        for number in numbers
        for block in range(-(-replications // BLOCK))
    ]
    blocks: dict[int, list[list[Found]]] = {number: [] for number in numbers}
    if workers == 1:
        for number, found in map(run_block, tasks):
            blocks[number].append(found)
    else:
        # Spawned, since a process that has threads must not be forked.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for number, found in pool.map(run_block, tasks):
                blocks[number].append(found)
    return [
        [
            summarise(POPULATIONS[number], method, one)
            for method, one in zip(POPULATIONS[number].methods, zip(*blocks[number], strict=True), strict=True)
        ]
        for number in numbers
    ]


def passes(method: Method, summary: Summary, slack: float = 0.0) -> bool:
    """Say whether the coverage is within bounds, widened by `slack` Monte Carlo errors; True where there are none."""
    if method.bounds is None:
        return True
    low, high = method.bounds
    return low - slack * summary.coverage_noise <= summary.coverage <= high + slack * summary.coverage_noise


def all_pass(numbers: Sequence[int], found: Sequence[Sequence[Summary]]) -> bool:
    """Say whether every method is within its bounds."""
    return all(
        passes(method, one)
        for number, summaries in zip(numbers, found, strict=True)
        for method, one in zip(POPULATIONS[number].methods, summaries, strict=True)
    )


def table(population: Population, summaries: Sequence[Summary]) -> str:
    """Return the Markdown table of one population, one row per method."""
    lines = [
        f"## {population.name}",
        "",
        "| cohort and comparison | speaks for | true effect | bias ± | SD | mean SE | coverage ± | failed | bounds | "
        "| warned by |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|---|---|",
    ]
    for method, one in zip(population.methods, summaries, strict=True):
        bounds = "for contrast" if method.bounds is None else f"{method.bounds[0]:.1%} to {method.bounds[1]:.1%}"
        verdict = "" if method.bounds is None else "pass" if passes(method, one) else "**FAIL**"
        warned = ", ".join(f"{check} {share:.0%}" for check, share in one.warned if share >= 0.05)
        speaks = "ATT of those kept" if method.speaks == "kept" else method.speaks
        lines.append(
            f"| {method.name} | {speaks} | {one.truth:.3f} | {one.bias:+.3f} ± {one.noise:.3f} | {one.spread:.3f} "
            f"| {one.std_error:.3f} | {one.coverage:.1%} ± {one.coverage_noise:.1%} | {one.failed} "
            f"| {bounds} | {verdict} | {warned or ('none' if method.cohort else '')} |"
        )
    return "\n".join(lines)


TEXT = """People are trained by a logit of three normal covariates and a binary one: a third is trained,
and 96% of the propensities are within .1 to .9; where overlap is poor the slopes are three times as large, and 61% are.
The KPI is linear in the covariates but for a square and a product with coefficients of {mild} ({strong} where strongly
curved); noise has SD 1, and the effect, 1 + 0.4 skill + 0.3 (senior − 0.4), differs by person. No method is told of
square or product: the logit is right and a regression is not. Where training is curved too, a square is missing in the
logit, and nobody's assumptions hold. Changes: the same KPI as the change of each person from one period to the next.
Sites of {together} people share a shock (SD {shock}) and lean (SD {skill} of skill); they differ in take-up by
SD {pull} of the logit, or 12 of 30 are trained as a whole.

Every replication draws people anew, makes each cohort and estimate with the defaults but for what a row names, and asks
whether the interval holds the average effect on those it speaks for: on the trained (ATT), all (ATE) and the overlap
(ATO) by numeric integration; on the trained that a cohort kept (within a caliper, with a counterpart, within a range
of propensities) and in sites, the mean over all samples of the average effect on those people. "warned by": in which
part of the samples looked at ({looked} in each {block}) a check warned or failed, if in at least 5%. "failed": no
cohort, no estimate or no standard error, counted as not covered. ± is the Monte Carlo error.

What it shows. Where the assumptions hold, weighting, doubly robust, matching with a regression on top and subclasses
cover what they say. A plain difference after matching without replacement, on several covariates or in classes reads as
effect what is left between the arms, and covers less the more people there are; `matched_difference` warns of it every
time. Weights taken as fixed make intervals too wide, because they leave out that estimated weights make the arms more
alike than chance does. With poor overlap weights for the trained or for all cover too little, and `overlap` and
`effective_sample_size` warn every time; weights for the overlap, a range of propensities or a caliper answer a narrower
question and cover it. A strongly curved KPI needs a right logit or close matches: pairs within a caliper of 0.2 SD
and matches on several covariates lean on a regression that is wrong. Where a square is missing in the logit too, nobody
covers; `cohort_balance` often sees it after weighting, by the variances that means do not make alike, and seldom after
matching. With sites, people or pairs taken as independent cover too little; the defaults count the sites. `overlap`
names single trained people beyond the controls, and so it warns in most samples of good overlap too."""


def report(numbers: Sequence[int], found: Sequence[Sequence[Summary]], command: str, seconds: float) -> str:
    """Return the page that is committed as COHORTS.md."""
    import scipy

    judged = [
        passes(method, one)
        for number, summaries in zip(numbers, found, strict=True)
        for method, one in zip(POPULATIONS[number].methods, summaries, strict=True)
        if method.bounds is not None
    ]
    failed = judged.count(False)
    verdict = (
        f"**{failed} of {len(judged)} rows are out of bounds.**" if failed else "All rows are within their bounds."
    )
    made = (
        f"Made by `{command}` ({found[0][0].replications:,} replications a row, 95% nominal, seed {SEED}, "
        f"{seconds / 60:.0f} minutes; Python\n{platform.python_version()}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}). {verdict}"
    )
    sites = POPULATIONS[-2]
    text = TEXT.format(
        mild=POPULATIONS[0].curve,
        strong=POPULATIONS[2].curve,
        together=DRAWN_TOGETHER,
        shock=sites.shock,
        skill=SITE_SKILL,
        pull=sites.pull,
        looked=LOOKED_AT,
        block=BLOCK,
    )
    tables = [table(POPULATIONS[number], summaries) for number, summaries in zip(numbers, found, strict=True)]
    return "\n\n".join(["# Bias and coverage on matched and weighted cohorts", made, text, *tables]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, nargs="+", choices=range(len(POPULATIONS)), help="numbers of populations")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("COHORTS.md"))
    options = parser.parse_args(arguments)
    numbers = options.only or range(len(POPULATIONS))
    start = perf_counter()
    found = run(numbers, options.replications, options.workers)
    command = "python tests/calibration/cohort_study.py"
    if options.only:
        command += " --only " + " ".join(map(str, options.only))
    if options.replications != parser.get_default("replications"):
        command += f" --replications {options.replications}"
    page = report(numbers, found, command, perf_counter() - start)
    options.out.write_text(page, encoding="utf-8")
    print(page)
    return 0 if all_pass(numbers, found) else 1


if __name__ == "__main__":
    sys.exit(main())
