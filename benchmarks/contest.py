"""Which contestant does which work, how one is run, and whether their numbers agree."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = "attribution"


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work. A limit of agreement is a part of the standard error, with its reason in `agreement`."""

    name: str
    title: str
    clusters: tuple[str, ...]
    contestants: tuple[str, ...]
    value_limit: float
    se_limit: float
    agreement: str


TASKS = (
    Task(
        "group_time",
        "Group-time ATT, doubly robust, 3 covariates, analytic standard errors",
        ("person", "team"),
        (OURS, "diff_diff", "csdid", "differences"),
        0.02,
        0.01,
        "diff-diff does not normalise the weights of the controls (up to 0.2% of a standard error here), and only some "
        "multiply the variance by G/(G−1)",
    ),
    Task(
        "group_time_draws",
        "Group-time ATT as above, with 999 multiplier draws and simultaneous bands by event time",
        ("person", "team"),
        (OURS, "diff_diff", "csdid", "differences"),
        0.02,
        0.20,
        "standard errors from 999 draws: four Monte Carlo standard deviations of the difference of two",
    ),
    Task(
        "event_study",
        "Event study by cohort and event time (Sun & Abraham 2021), cluster-robust standard errors",
        ("team",),
        (OURS, "pyfixest", "diff_diff", "linearmodels"),
        1e-4,
        0.01,
        "the others take the cohorts’ shares as known; ours count in the standard error and are held fixed for this "
        "comparison; iterated demeaning, and other small-sample factors",
    ),
    Task(
        "two_by_two",
        "2×2 difference-in-differences, 12 months before and after, cluster-robust standard error",
        ("team",),
        (OURS, "diff_diff", "pyfixest", "statsmodels", "linearmodels"),
        1e-6,
        0.01,
        "the same regression; other small-sample factors",
    ),
)


@dataclass(slots=True)
class Outcome:
    """What one contestant showed; `steps` holds the median seconds, `runs` how many runs after the warm-up."""

    contestant: str
    versions: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list[float]] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)
    runs: int = 0
    loaded: float = 0.0
    peak: float = 0.0
    failure: str = ""
    disagreement: str = ""

    @property
    def label(self) -> str:
        return self.contestant.replace("_", "-")

    @property
    def work(self) -> float:
        """Seconds without the reading of the frame, which only ours does apart."""
        return sum(seconds for step, seconds in self.steps.items() if step != "panel")

    @property
    def total(self) -> float:
        return sum(self.steps.values())


def make_data(python: Path, path: Path, n_units: int) -> None:
    """Write the panel in a process of its own: a child's peak memory counts from its parent's."""
    subprocess.run([python, HERE / "synthetic.py", str(n_units), path], check=True)


def run(contestant: str, python: Path, task: Task, cluster: str, data: Path, *, limit: float, threads: int) -> Outcome:
    """Run one contestant in a process of its own and read its lines, also those before a failure."""
    script = HERE / "contestants" / f"run_{contestant}.py"
    command = [str(python), str(script), "--task", task.name, "--cluster", cluster, "--data", str(data)]
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")
    environment = os.environ | {f"{name}_NUM_THREADS": str(threads) for name in names}
    environment["POLARS_MAX_THREADS"] = str(threads)
    outcome = Outcome(contestant)
    with tempfile.TemporaryFile("w+") as lines, tempfile.TemporaryFile("w+") as errors:
        # A session of its own, so that what it has started ends with it.
        process = subprocess.Popen(command, stdout=lines, stderr=errors, env=environment, start_new_session=True)
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        lines.seek(0)
        errors.seek(0)
        _read(outcome, lines.read().splitlines())
        if code is None:
            outcome.failure = f"stopped after {limit:g} s"
        elif code < 0:
            outcome.failure = f"ended by signal {-code} ({signal.Signals(-code).name})"
        elif code > 0:
            said = [line for line in errors.read().splitlines() if line.strip()]
            outcome.failure = said[-1].strip()[:160] if said else f"exit code {code}"
    return outcome


def _read(outcome: Outcome, lines: list[str]) -> None:
    runs: list[dict[str, float]] = []
    for line in lines:
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            continue  # cut off when its process was stopped
        outcome.versions = said.get("versions", outcome.versions)
        outcome.answers = said.get("answers", outcome.answers)
        outcome.loaded = said.get("loaded", outcome.loaded)
        outcome.peak = max(outcome.peak, said.get("peak", 0.0))
        if "run" in said:
            runs.append(said["seconds"])
    timed = runs[1:] or runs
    outcome.runs = len(runs) - 1
    outcome.steps = {step: statistics.median(one[step] for one in timed) for step in (timed[0] if timed else {})}


def compare(task: Task, outcomes: list[Outcome]) -> str:
    """Write into each outcome where it differs from the first that has numbers, and return that one's label.

    Values are compared in units of the first one's standard error, at all event times, not only those printed.
    """
    known = [one for one in outcomes if one.answers]
    if not known:
        return ""
    first, *rest = known
    for one in rest:
        shared = sorted(set(first.answers) & set(one.answers))
        if len(shared) < len(first.answers):
            one.disagreement = f"{len(first.answers) - len(shared)} of {len(first.answers)} numbers are missing"
            continue
        for key in shared:
            (value, se), (other, other_se) = first.answers[key], one.answers[key]
            apart, ratio = abs(other - value) / se, other_se / se
            # Written so that NaN counts as a difference.
            if not (apart <= task.value_limit and abs(ratio - 1) <= task.se_limit):
                one.disagreement = f"{key}: {apart:.2g} standard errors apart, standard errors {ratio:.3g} to 1"
                break
    return first.label
