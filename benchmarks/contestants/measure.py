"""Run one contestant once: a warm-up, the median of three, peak memory and its numbers, as lines of JSON.

A contestant's script hands `main` its packages and one function per task. Such a function takes the frame and the
column to cluster by, prepares what its package wants (outside the clock), and returns the steps to be timed, each fed
with what the one before returned, and a function that reads estimates and standard errors from the last.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd
import synthetic

Steps = dict[str, Callable[[Any], Any]]
Answers = dict[str, tuple[float, float]]
Task = Callable[[pd.DataFrame, str], tuple[Steps, Callable[[Any], Answers]]]

RUNS = 4  # the first is the warm-up


def peak() -> float:
    """Return the largest resident memory so far of this process or of one that it started, in MB."""
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return largest / (1024**2 if sys.platform == "darwin" else 1024)


def stay_within_memory() -> None:
    """Let an allocation beyond the machine's memory fail here, instead of the machine ending some process."""
    if sys.platform == "linux":
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        resource.setrlimit(resource.RLIMIT_AS, (whole, whole))


def main(packages: list[str], tasks: Mapping[str, Task]) -> None:
    """Measure the task that the command line names; the first package is the contestant's own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", required=True, choices=sorted(tasks))
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--data", required=True, type=Path)
    asked = parser.parse_args()
    stay_within_memory()
    # A package may warn of its own dependencies at every call: printing that is not what is timed.
    warnings.simplefilter("ignore")

    # What a package prints goes nowhere; the lines of JSON go to the real standard output.
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(**fields: Any) -> None:
        print(json.dumps(fields), file=lines, flush=True)

    say(versions={name: version(name) for name in [*packages, "numpy", "pandas"]})
    frame = synthetic.read(asked.data)
    steps, answers = tasks[asked.task](frame, asked.cluster)
    say(loaded=peak())
    for run in range(RUNS):
        seconds, result = {}, None
        for name, step in steps.items():
            start = perf_counter()
            result = step(result)
            seconds[name] = perf_counter() - start
        say(run=run, seconds=seconds, peak=peak())
        if run == 0:
            found = {key: (float(value), float(se)) for key, (value, se) in answers(result).items()}
            say(answers=found)
        del result
        gc.collect()
