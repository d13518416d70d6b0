"""How often rehearsals find an effect where there is none, over many histories, by simulation.

Run by `python tests/calibration/rehearsal_study.py [--histories N] [--rehearsals N] [--workers N] [--out FILE]`. Every
history is a company of its own in which nobody is trained (A/A). It is written to a file with its design, and
rehearsed by the package's own path. The rehearsals of one history share its data, so that the unit of the Monte Carlo
error is the history: each has one rate, and the error is that of their mean.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from textwrap import fill
from time import perf_counter

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from attribution.design.load import load_design
from attribution.study.rehearse import rehearse

SEED, LEVEL, MONTHS, AHEAD = 20261125, 0.95, 18, 3
LABELS = [str(month) for month in pd.period_range("2024-07", periods=MONTHS + AHEAD, freq="M")]

DESIGN = """
schema = 1
[study]
id = "history"
title = "A history without training"
question = "What would be said where nothing happened?"
frame = "outcomes"
[program]
name = "none"
[[kpi]]
id = "kpi"
column = "kpi"
label = "KPI"
unit = "points"
direction = "higher"
[data]
source = "file"
path = "data.csv"
[columns]
unit = "person"
period = "month"
adopted = "start"
cluster = "team"
[assignment]
mechanism = "{mechanism}"
level = "team"
selected_share = 0.4
[timing]
period = "month"
launch = "{launch}"
baseline = {baseline}
followup = {followup}
[[analysis]]
id = "primary"
method = "{method}"
role = "primary"
[inference]
draws = 99
seed = 1
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the study: a design, and the company that it is rehearsed on."""

    name: str
    trained: int
    control: int
    size: int = 1
    icc: float = 0.0
    lasting: float = 0.0
    method: str = "did"
    mechanism: str = "random"
    waves: int = 1
    effect: float = 0.5
    sound: bool = True


CELLS = (
    Cell("24 of 60 people", 24, 36),
    Cell("24 of 60 people, AR(1) 0.6", 24, 36, lasting=0.6),
    Cell("10 of 24 teams of 8, ICC 0.2", 10, 14, size=8, icc=0.2),
    Cell("10 of 24 teams of 8, ICC 0.2, AR(1) 0.6", 10, 14, size=8, icc=0.2, lasting=0.6),
    Cell("24 of 60 people in three waves, staggered", 24, 36, lasting=0.6, method="staggered", waves=3),
    Cell("the worst 24 of 60 people, compared", 24, 36, mechanism="performance", sound=False),
    Cell("the worst 24 of 60 people, before and after", 24, 36, mechanism="performance", method="prepost", sound=False),
)


@dataclass(frozen=True, slots=True)
class Rates:
    """What the rehearsals of one history say."""

    false_claims: float
    success_claims: float
    bias: float
    coverage: float
    power: float
    share_coverage: float


ABOUT = """Every history is a company of its own in which nobody is trained: people with levels, errors of people and
teams of total variance 1 (which last where the row says AR(1)), shocks of all in a month; 18 months, a plan of three
before and three after, 13 fake launches. A rehearsal draws who is trained and runs the design; the unit of ± (one Monte
Carlo error) is the history, because its rehearsals share the data. A sound design must find an effect where there is
none in 5% of rehearsals, within three errors. Power and the coverage of the share are with an effect of 0.5 injected.
The last two rows are unsound by design, and shown for contrast."""

NAMES = tuple(Rates.__dataclass_fields__)


def history(cell: Cell, rng: np.random.Generator) -> pd.DataFrame:
    """Return a company's months: levels of people, shocks of teams and people that last, shocks of all in a month."""
    teams = cell.trained + cell.control
    people = teams * cell.size
    team = np.repeat(np.arange(teams), cell.size)
    own = _lasting(rng.normal(size=(people, MONTHS)), cell.lasting) * np.sqrt(1 - cell.icc)
    shared = _lasting(rng.normal(size=(teams, MONTHS)), cell.lasting) * np.sqrt(cell.icc)
    kpi = 20 + rng.normal(size=(people, 1)) + own + shared[team] + 0.5 * rng.normal(size=MONTHS)
    begins = np.full(teams, "", dtype=object)
    waves = np.arange(cell.trained) % cell.waves
    begins[rng.permutation(teams)[: cell.trained]] = np.array(LABELS[MONTHS:], dtype=object)[waves]
    return pd.DataFrame(
        {
            "person": np.repeat([f"p{number:04d}" for number in range(people)], MONTHS),
            "team": np.repeat([f"t{number:03d}" for number in team], MONTHS),
            "month": np.tile(LABELS[:MONTHS], people),
            "start": np.repeat(begins[team], MONTHS),
            "kpi": kpi.ravel(),
        }
    )


def _lasting(shocks: np.ndarray, rho: float) -> np.ndarray:
    """Return stationary AR(1) errors of variance 1."""
    for month in range(1, shocks.shape[1]):
        shocks[:, month] = rho * shocks[:, month - 1] + np.sqrt(1 - rho**2) * shocks[:, month]
    return shocks


def rates(task: tuple[int, int], rehearsals: int) -> Rates:
    """Return the rates of one history of one cell."""
    place, number = task
    cell = CELLS[place]
    text = DESIGN.format(
        mechanism=cell.mechanism,
        method=cell.method,
        launch=LABELS[MONTHS],
        baseline=LABELS[MONTHS - 3 : MONTHS],
        followup=LABELS[MONTHS:],
    )
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(limits=1, user_api="blas"):
        history(cell, np.random.default_rng([SEED, place, number])).to_csv(Path(folder, "data.csv"), index=False)
        path = Path(folder, "design.toml")
        path.write_text(text, encoding="utf-8")
        found = rehearse(load_design(path), rehearsals=rehearsals, effects=[cell.effect], seed=number)
    nothing = {one.name: one.value for one in found.measures(0.0)}
    injected = {one.name: one.value for one in found.measures(cell.effect)}
    return Rates(
        nothing["false_claims"],
        nothing["success_claims"],
        nothing["bias"],
        nothing["coverage"],
        injected["power"],
        injected.get("share_coverage", float("nan")),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A cell's means over histories, and their Monte Carlo errors."""

    histories: int
    mean: dict[str, float]
    error: dict[str, float]


def run(places: Sequence[int], histories: int, rehearsals: int, workers: int) -> list[Row]:
    """Return a row for each cell."""
    tasks = [(place, number) for place in places for number in range(histories)]
    work = partial(rates, rehearsals=rehearsals)
    if workers == 1:
        found = [work(task) for task in tasks]
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(work, tasks, chunksize=4))
    rows = []
    for place in range(len(places)):
        mine = found[place * histories : (place + 1) * histories]
        values = {name: np.array([getattr(one, name) for one in mine]) for name in NAMES}
        rows.append(
            Row(
                histories,
                {name: float(one.mean()) for name, one in values.items()},
                {name: float(one.std(ddof=1) / np.sqrt(histories)) for name, one in values.items()},
            )
        )
    return rows


def passes(cell: Cell, row: Row, *, slack: float = 3.0) -> bool:
    """Say whether a sound design's false claims lie within so many Monte Carlo errors of the nominal rate."""
    if not cell.sound:
        return True
    return abs(row.mean["false_claims"] - (1 - LEVEL)) <= slack * row.error["false_claims"]


def report(rows: Sequence[Row], command: str, rehearsals: int, seconds: float) -> str:
    """Return the page."""
    lines = [
        "# False claims of rehearsals",
        "",
        fill(
            f"Made by `{command}` ({rows[0].histories} histories a row, {rehearsals} rehearsals each, seed {SEED}, "
            f"{seconds / 60:.0f} minutes; Python {platform.python_version()}, numpy {np.__version__}, "
            f"pandas {pd.__version__}).",
            120,
        ),
        "",
        fill(ABOUT, 120),
        "",
        "| design | false claims ± | success could be claimed ± | bias ± | coverage ± | power ± | share covered ± | |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for cell, row in zip(CELLS, rows, strict=True):
        shown = " | ".join(_shown(row, name) for name in NAMES)
        verdict = ("pass" if passes(cell, row) else "FAIL") if cell.sound else "for contrast"
        lines.append(f"| {cell.name} | {shown} | {verdict} |")
    return "\n".join(lines) + "\n"


def _shown(row: Row, name: str) -> str:
    value, error = row.mean[name], row.error[name]
    if np.isnan(value):
        return "none"
    return f"{value:+.3f} ± {error:.3f}" if name == "bias" else f"{100 * value:.1f}% ± {100 * error:.1f}%"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=400)
    parser.add_argument("--rehearsals", type=int, default=39)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("REHEARSAL.md"))
    options = parser.parse_args(arguments)
    start = perf_counter()
    rows = run(range(len(CELLS)), options.histories, options.rehearsals, options.workers)
    command = "python tests/calibration/rehearsal_study.py"
    for name in ("histories", "rehearsals"):
        if getattr(options, name) != parser.get_default(name):
            command += f" --{name} {getattr(options, name)}"
    page = report(rows, command, options.rehearsals, perf_counter() - start)
    options.out.write_text(page, encoding="utf-8")
    print(page)
    return 0 if all(passes(cell, row) for cell, row in zip(CELLS, rows, strict=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
