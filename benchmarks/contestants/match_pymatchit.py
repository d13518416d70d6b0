"""Nearest matching on the logit within a caliper, without replacement, by pymatchit-causal: pairs and seconds."""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import sys
import warnings
from importlib.metadata import version
from time import perf_counter

import numpy as np
import pandas as pd
from pymatchit import MatchIt

warnings.simplefilter("ignore")

RUNS = 3


def pairs(frame: pd.DataFrame, formula: str, caliper: float) -> list[tuple[int, int]]:
    """Return who was matched with whom, by the trained."""
    # It prints what it does.
    with contextlib.redirect_stdout(io.StringIO()):
        found = MatchIt(frame, method="nearest", link="linear.logit", caliper=caliper, m_order="largest").fit(formula)
    return sorted((int(one), int(other)) for one, others in found.matched_indices.items() for other in others)


if __name__ == "__main__":
    with np.load(sys.argv[1]) as data:
        names = [f"x{place + 1}" for place in range(data["x"].shape[1])]
        given = pd.DataFrame(data["x"], columns=names).assign(trained=data["trained"])
        width = float(data["caliper"])
    wanted = f"trained ~ {' + '.join(names)}"
    matched = pairs(given, wanted, width)
    seconds = []
    for _ in range(RUNS):
        begin = perf_counter()
        pairs(given, wanted, width)
        seconds.append(perf_counter() - begin)
    print(json.dumps({"version": version("pymatchit-causal"), "seconds": statistics.median(seconds), "pairs": matched}))
