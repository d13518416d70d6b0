"""Time ATT weighting with 999 full refits of the propensity, beside the bare numpy floor and a scikit-learn loop.

10,000 people seen once, four covariates, a third trained. All three get the same resampling weights of people, and must
find the same 999 effects. Ours is the whole of it: the cohort from a `Panel`, the estimate with its standard error, and
the estimate's map at the weights. The floor is what no program can leave out: Newton from the full-sample fit, many
draws at a time, and weighted means. scikit-learn lives in the environment of `make bench-peers`; without it, it is left
out. Ours and the floor take turns, so that what else the machine does meets both.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import attribution as at
from attribution.cohorts.propensity import propensity
from attribution.estimators.adjusted import adjusted

DRAWS, RUNS, BLOCK = 999, 5, 25
NAMES = ["x1", "x2", "x3", "x4"]
OVER_FLOOR, AHEAD = 1.5, 10.0
HERE = Path(__file__).resolve().parent

Floats = NDArray[np.float64]


def simulate(n: int) -> pd.DataFrame:
    """Return one row per person; who is trained and the KPI lean on the covariates, the effect is 1."""
    rng = np.random.default_rng(20261125)
    x = rng.normal(size=(n, 4))
    trained = rng.random(n) < 1 / (1 + np.exp(0.8 - x @ [0.4, 0.3, -0.2, 0.2]))
    frame = pd.DataFrame(x, columns=NAMES)
    return frame.assign(
        person=np.arange(n), trained=trained.astype(int), kpi=x.sum(axis=1) + trained + rng.normal(size=n)
    )


def resample(n: int) -> Floats:
    """Return how often each person is drawn, `[DRAWS, n]`."""
    rng = np.random.default_rng(7)
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(DRAWS)]).astype(float)


def ours(panel: at.Panel, draws: Floats) -> Floats:
    """Return the effect at weights of 1 and at each of `draws`, by the package."""
    cohort = propensity(panel, covariates=NAMES)
    estimate = adjusted(panel.with_cohort(cohort), adjust="none")
    assert estimate.replay is not None
    place = estimate.terms.index("effect")
    return np.append(estimate.values[place], estimate.replay(draws)[:, place])


def floor(frame: pd.DataFrame, draws: Floats) -> Floats:
    """Return the same by numpy alone, written as fast as its author could: blocks of draws that stay in the cache."""
    trained, outcome = frame["trained"].to_numpy() == 1, frame["kpi"].to_numpy()
    design = np.column_stack([np.ones(len(frame)), frame[NAMES].to_numpy()])
    k, controls = design.shape[1], ~trained
    left, right = np.triu_indices(k)
    pairs, turned = design[:, left] * design[:, right], np.ascontiguousarray(-design.T)
    # What is summed over the trained does not change between steps.
    fixed = np.column_stack([trained[:, None] * design, trained * outcome])
    own, columns = np.column_stack([np.ones(int(controls.sum())), outcome[controls]]), design[controls]

    def solve(weights: Floats, start: Floats) -> tuple[Floats, Floats]:
        totals = weights @ fixed
        coefficients = np.repeat(start, len(weights), axis=0)
        largest = 1.0
        while largest > 1e-5:
            chance = coefficients @ turned
            np.exp(chance, out=chance)
            chance += 1.0
            np.reciprocal(chance, out=chance)
            fitted = weights * chance
            gradient = totals[:, :k] - fitted @ design
            chance *= fitted
            fitted -= chance
            hessian = np.empty((len(weights), k, k))
            hessian[:, left, right] = hessian[:, right, left] = fitted @ pairs
            move = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
            coefficients += move
            largest = np.abs(move).max()
        odds = np.exp(coefficients @ columns.T)
        odds *= weights[:, controls]
        levels = odds @ own
        return coefficients, totals[:, k] / totals[:, 0] - levels[:, 1] / levels[:, 0]

    start, first = solve(np.ones((1, len(frame))), np.zeros((1, k)))
    blocks = [draws[at : at + BLOCK] for at in range(0, len(draws), BLOCK)]
    return np.concatenate([first, *(solve(block, start)[1] for block in blocks)])


def timed(*works: Callable[[], object]) -> list[float]:
    """Return the median seconds of each work over the runs; they take turns."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(RUNS):
        for work, mine in zip(works, seconds, strict=True):
            start = perf_counter()
            work()
            mine.append(perf_counter() - start)
    return [statistics.median(one) for one in seconds]


def loop(python: Path, frame: pd.DataFrame, draws: Floats) -> tuple[str, float, Floats]:
    """Return the name and version, the seconds and the effects of a loop over scikit-learn, in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.npz")
        np.savez(path, x=frame[NAMES], trained=frame["trained"], kpi=frame["kpi"], draws=draws.astype(np.uint8))
        command = [str(python), str(HERE / "contestants" / "loop_sklearn.py"), str(path)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return f"scikit-learn {found['version']}", found["seconds"], np.array(found["effects"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--peers", type=Path, default=HERE.parent / ".venv-peers", help="scikit-learn's environment")
    asked = parser.parse_args()
    frame, draws = simulate(asked.units), resample(asked.units)
    panel = at.Panel.from_frame(
        frame, unit="person", outcome="kpi", trained="trained", covariates=NAMES, kind="cross_section"
    )
    mine, bare = ours(panel, draws), floor(frame, draws)
    # All must compute the same thing, or the ratios mean nothing.
    np.testing.assert_allclose(mine, bare, rtol=1e-7)
    seconds = timed(lambda: ours(panel, draws), lambda: floor(frame, draws))
    rows = [("attribution", seconds[0]), ("numpy floor", seconds[1])]
    python = asked.peers / "bin" / "python"
    there = python.exists() and not subprocess.run([python, "-c", "import sklearn"], capture_output=True).returncode
    if there:
        name, slow, effects = loop(python, frame, draws)
        np.testing.assert_allclose(mine, effects, rtol=1e-4)
        rows.append((name, slow))
    print(f"{asked.units:,} people, ATT by propensity weights, {DRAWS} refits; median of {RUNS} after a warm-up\n")
    print("| | seconds | × ours |")
    print("|---|---:|---:|")
    for label, value in rows:
        print(f"| {label} | {value:.3f} | {value / seconds[0]:.2f} |")
    print(
        f"\nPython {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}, {platform.machine()}"
    )
    ratio = seconds[0] / seconds[1]
    met = ratio <= OVER_FLOOR
    print(f"{ratio:.2f} × the floor, the limit is {OVER_FLOOR:g}: {'met' if met else 'MISSED'}")
    if there:
        ahead = rows[2][1] / seconds[0]
        print(f"{ahead:.1f} × ahead of the loop, asked are {AHEAD:g}: {'met' if ahead >= AHEAD else 'MISSED'}")
        met = met and ahead >= AHEAD
    else:
        print("scikit-learn is left out: `make bench-peers` makes its environment")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
