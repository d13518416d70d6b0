"""Time the share of a difference-in-differences with 999 cluster draws, beside the bare numpy floor.

Run by `make bench`. 100,000 people × 24 months in teams of ten, adoption by team in four cohorts, 40% never; baseline
the 12 months before the first launch, follow-up the 12 from it on, so that every adopter is trained. The floor, in the
same run and from the same sorted arrays, is what no program can leave out: team × cell sums, multinomial draws of
teams within two strata by bincount, one matrix product, the quantiles of the ratio.
"""

from __future__ import annotations

import platform
import resource
import statistics
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import attribution as at

UNITS, PERIODS, TEAM, DRAWS, LEVEL = 100_000, 24, 10, 999, 0.95
LAUNCHES = (12, 15, 18, 21)
BASELINE, FOLLOWUP = list(range(12)), list(range(12, 24))
LIMIT = 5.0

Floats = NDArray[np.float64]


def simulate() -> pd.DataFrame:
    """Return 2.4 million rows in random order."""
    rng = np.random.default_rng(20261122)
    n_teams = UNITS // TEAM
    start = rng.choice([*LAUNCHES, np.inf], n_teams, p=[0.15, 0.15, 0.15, 0.15, 0.4])
    team = np.repeat(np.arange(n_teams), TEAM)
    kpi = (
        rng.normal(0, 1, n_teams)[team][:, None]
        + rng.normal(0, 1, UNITS)[:, None]
        + rng.normal(0, 0.3, PERIODS)
        + rng.normal(0, 1, (UNITS, PERIODS))
        + 0.3 * (np.arange(PERIODS) >= start[team][:, None])
    )
    frame = pd.DataFrame(
        {
            "person": np.repeat(np.arange(UNITS), PERIODS),
            "month": np.tile(np.arange(PERIODS), UNITS),
            "kpi": kpi.ravel(),
            "start": np.repeat(start[team], PERIODS),
            "team": np.repeat(team, PERIODS),
        }
    )
    return frame.sample(frac=1, random_state=1).reset_index(drop=True)


def build(frame: pd.DataFrame, cluster: str) -> at.Panel:
    """Return the panel, with teams or people as clusters."""
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start", cluster=cluster)


def share(panel: at.Panel) -> tuple[float, float, float]:
    """Return the share with its percentile ends, by the package: estimate, variance, Fieller, 999 draws, BCa."""
    estimate = at.did(panel, baseline=BASELINE, followup=FOLLOWUP)
    factor = at.attribution_factor(estimate, draws=DRAWS, seed=7, level=LEVEL)
    percentile = next(one for one in factor.others if one.method == "percentile")
    return factor.share, percentile.low, percentile.high


def floor(panel: at.Panel) -> tuple[float, float, float]:
    """Return the share with its percentile ends by numpy alone, from the panel's sorted arrays."""
    unit, period, outcome = panel.observations.unit, panel.observations.period, panel.observations.outcome
    cluster, n_clusters = panel.units.cluster, len(panel.units.cluster_labels)
    after = (period >= FOLLOWUP[0]).astype(np.intp)
    cell = cluster[unit].astype(np.intp) * 2 + after
    sums = np.bincount(cell, weights=outcome, minlength=2 * n_clusters).reshape(n_clusters, 2)
    size = np.bincount(cell, minlength=2 * n_clusters).reshape(n_clusters, 2)
    trained = np.zeros(n_clusters, dtype=bool)
    trained[cluster[panel.units.adopted < PERIODS]] = True
    columns = np.concatenate([sums, size], axis=1)
    rng = np.random.default_rng(7)
    levels = []
    for arm in (trained, ~trained):
        members = columns[arm]
        n = len(members)
        totals = np.empty((DRAWS, 4))
        for first in range(0, DRAWS, 100):
            stop = min(first + 100, DRAWS)
            picks = rng.integers(0, n, (stop - first, n)) + n * np.arange(stop - first)[:, None]
            weights = np.bincount(picks.ravel(), minlength=n * (stop - first)).reshape(stop - first, n)
            totals[first:stop] = weights.astype(float) @ members
        totals = np.concatenate([members.sum(axis=0)[None], totals])
        levels.append(totals[:, 1] / totals[:, 3] - totals[:, 0] / totals[:, 2])
    shares = (levels[0] - levels[1]) / levels[0]
    low, high = np.quantile(shares[1:], [0.025, 0.975])
    return float(shares[0]), float(low), float(high)


def timed(work: Callable[[], object]) -> float:
    """Return the median of three runs in seconds, after a warm-up."""
    work()
    seconds = []
    for _ in range(3):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return statistics.median(seconds)


def peak() -> float:
    """Return the largest resident memory of this process so far, in MB."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (1024**2 if sys.platform == "darwin" else 1024)


def main() -> int:
    frame = simulate()
    before = peak()
    reading = timed(lambda: build(frame, "team"))
    panels = {"teams of ten": build(frame, "team"), "people": build(frame, "person")}
    rows = []
    for name, panel in panels.items():
        ours, bare = share(panel), floor(panel)
        # Both must compute the same thing, or the ratio means nothing.
        np.testing.assert_allclose(ours[0], bare[0], rtol=1e-9)
        np.testing.assert_allclose(ours[1:], bare[1:], atol=0.2 * (bare[2] - bare[1]))
        seconds = timed(lambda panel=panel: share(panel)), timed(lambda panel=panel: floor(panel))
        rows.append((name, len(panel.units.cluster_labels), *seconds))
    estimating = timed(lambda: at.did(panels["teams of ten"], baseline=BASELINE, followup=FOLLOWUP))
    print(f"{UNITS:,} people × {PERIODS} months, {DRAWS} draws; seconds, median of three after a warm-up\n")
    print("| clusters | number | share from a Panel | numpy floor | ratio |")
    print("|---|---:|---:|---:|---:|")
    for name, number, ours_s, floor_s in rows:
        print(f"| {name} | {number:,} | {ours_s:.3f} | {floor_s:.3f} | {ours_s / floor_s:.2f} |")
    print(
        f"\n`from_frame` of {len(frame):,} unsorted rows: {reading:.2f} s; with the share: {reading + rows[0][2]:.2f} s"
    )
    print(f"`did` alone (teams): {estimating:.3f} s")
    print(f"peak memory {peak():,.0f} MB, of which data and imports {before:,.0f} MB")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}, {platform.machine()}")
    ratio = rows[0][2] / rows[0][3]
    print(f"\nteams of ten: {ratio:.2f} × the floor, the limit is {LIMIT:g}: {'met' if ratio < LIMIT else 'MISSED'}")
    return 0 if ratio < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
