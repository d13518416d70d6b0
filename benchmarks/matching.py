"""Time nearest matching within a caliper, without replacement, beside the bare numpy floor and pymatchit-causal.

People seen once, four covariates, two fifths of them trained. All must find the same pairs. Ours is the whole of it:
from a `Panel` to the cohort with its weights, reasons and matched sets. The floor is what no program can leave out: the
logit by Newton's method, sorting, and the greedy match with skip links, with nothing checked or told. pymatchit-causal
lives in the environment of `make bench-peers`; without it, it is left out. It holds all distances at once, so that it
takes part at 10,000 people only. Ours and the floor take turns, so that what else the machine does meets both.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
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

RUNS, CALIPER, UNITS, PEER_UNITS = 7, 0.2, 100_000, 10_000
NAMES = ["x1", "x2", "x3", "x4"]
OVER_FLOOR, AHEAD = 3.0, 10.0
HERE = Path(__file__).resolve().parent

Pairs = NDArray[np.int64]


def simulate(n: int) -> pd.DataFrame:
    """Return one row per person; who is trained leans on the covariates."""
    rng = np.random.default_rng(20261125)
    x = rng.normal(size=(n, 4))
    trained = rng.random(n) < 1 / (1 + np.exp(0.5 - x @ [0.5, 0.4, 0.3, 0.2]))
    frame = pd.DataFrame(x, columns=NAMES)
    return frame.assign(person=np.arange(n), trained=trained.astype(int), kpi=x.sum(axis=1) + trained)


def build(frame: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="person", outcome="kpi", trained="trained", covariates=NAMES, kind="cross_section"
    )


def ours(panel: at.Panel) -> Pairs:
    """Return the pairs `[n_pairs, 2]` by the package."""
    matches = at.nearest(panel, covariates=NAMES, caliper=CALIPER).matches
    assert matches is not None
    return np.stack([matches.trained, matches.control], axis=1)


def floor(frame: pd.DataFrame) -> Pairs:
    """Return the same by numpy alone."""
    return greedy(*logit(frame))


def logit(frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    trained = frame["trained"].to_numpy() == 1
    design = np.column_stack([np.ones(len(frame)), frame[NAMES].to_numpy()])
    coefficients, move = np.zeros(design.shape[1]), np.ones(1)
    while np.abs(move).max() > 1e-9:
        chance = 1 / (1 + np.exp(-(design @ coefficients)))
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design
        move = np.linalg.solve(hessian, design.T @ (trained - chance))
        coefficients += move
    return design @ coefficients, trained


def greedy(index: NDArray[np.float64], trained: NDArray[np.bool_]) -> Pairs:
    caliper = CALIPER * index.std(ddof=1)
    order = np.argsort(index)
    arm = trained[order]
    controls = order[~arm]
    at_place = np.cumsum(~arm)[arm].tolist()
    values = index[order[arm]].tolist()
    score = [-np.inf, *index[controls].tolist(), np.inf]
    down, up = list(range(len(score))), list(range(len(score)))
    taken = [-1] * len(values)
    for place in range(len(values) - 1, -1, -1):
        left = at_place[place]
        right = left + 1
        while down[left] != left:
            down[left] = left = down[down[left]]
        while up[right] != right:
            up[right] = right = up[up[right]]
        value = values[place]
        below, above = value - score[left], score[right] - value
        nearest, distance = (left, below) if below <= above else (right, above)
        if distance <= caliper:
            down[nearest], up[nearest] = nearest - 1, nearest + 1
            taken[place] = nearest - 1
    whom = np.array(taken)
    found = np.stack([order[arm][whom >= 0], controls[whom[whom >= 0]]], axis=1)
    return found[np.argsort(found[:, 0])]


def timed(*works: Callable[[], object]) -> list[float]:
    """Return the median seconds of each work over the runs; they take turns."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(RUNS):
        for work, mine in zip(works, seconds, strict=True):
            start = perf_counter()
            work()
            mine.append(perf_counter() - start)
    return [statistics.median(one) for one in seconds]


def peer(python: Path, frame: pd.DataFrame) -> tuple[str, float, Pairs]:
    """Return the name and version, the seconds and the pairs of pymatchit-causal, in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.npz")
        np.savez(path, x=frame[NAMES], trained=frame["trained"], caliper=CALIPER)
        command = [str(python), str(HERE / "contestants" / "match_pymatchit.py"), str(path)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return f"pymatchit-causal {found['version']}", found["seconds"], np.array(found["pairs"])


def measure(n: int, python: Path | None) -> bool:
    """Print the table for `n` people and say whether what is asked is met."""
    frame = simulate(n)
    panel = build(frame)
    mine, bare = ours(panel), floor(frame)
    # All must compute the same thing, or the ratios mean nothing.
    np.testing.assert_array_equal(mine, bare)
    index, trained = logit(frame)
    seconds = timed(lambda: ours(panel), lambda: floor(frame), lambda: greedy(index, trained), lambda: build(frame))
    rows = [("attribution", seconds[0]), ("numpy floor", seconds[1]), ("… of which sorting and matching", seconds[2])]
    rows.append(("attribution, reading the frame", seconds[3]))
    if python is not None:
        name, slow, pairs = peer(python, frame)
        np.testing.assert_array_equal(mine, pairs)
        rows.append((name, slow))
    print(
        f"\n{n:,} people, {len(mine):,} pairs; median of {RUNS} after a warm-up\n\n"
        "| | seconds | × ours |\n|---|---:|---:|"
    )
    for label, value in rows:
        print(f"| {label} | {value:.3f} | {value / seconds[0]:.2f} |")
    ratio = seconds[0] / seconds[1]
    met = ratio <= OVER_FLOOR
    print(f"\n{ratio:.2f} × the floor, the limit is {OVER_FLOOR:g}: {'met' if met else 'MISSED'}")
    if python is not None:
        ahead = rows[-1][1] / (seconds[0] + seconds[3])
        ahead_met = ahead >= AHEAD
        print(
            f"{ahead:.1f} × ahead of {name}, reading the frame included, asked are {AHEAD:g}: "
            f"{'met' if ahead_met else 'MISSED'}"
        )
        met = met and ahead_met
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, default=HERE.parent / ".venv-peers", help="pymatchit's environment")
    asked = parser.parse_args()
    python: Path | None = asked.peers / "bin" / "python"
    if not python.exists() or subprocess.run([python, "-c", "import pymatchit"], capture_output=True).returncode:
        print("pymatchit-causal is left out: `make bench-peers` makes its environment")
        python = None
    met = [measure(PEER_UNITS, python), measure(UNITS, None)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    print(
        f"\nPython {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}, {platform.machine()}; "
        f"peak memory {peak:.0f} MB"
    )
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
