"""The declared graph: all that it asks for, a part of it, or what no column holds; and the refuters on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence
from tests.contract.evidence import evidence_of
from tests.studies import sales_of

EDGES = ["tenure -> training", "tenure -> sales", "training -> sales"]
DRIVE = ["drive -> training", "drive -> sales"]


@cache
def _people() -> pd.DataFrame:
    """Return the company with a tenure that has nothing to do with its sales."""
    frame = sales_of()
    tenure = np.random.default_rng(2).integers(1, 9, 60).astype(float)
    return frame.assign(tenure=tenure[frame["person"].astype(int)])


def _graph(edges: list[str], *used: str, unmeasured: tuple[str, ...] = ()) -> Evidence:
    changes: Mapping[str, Any] = {
        "columns.covariates": ["tenure"],
        "graph": {"edges": edges, "unmeasured": list(unmeasured)},
        "analysis.0.method": "staggered",
        "analysis.0.covariates": list(used),
    }
    return evidence_of(_people(), changes)


def _carried(trained: int) -> Evidence:
    """Return an effect of 0, and one of 600 people who was not trained and sells a million more from the launch on."""
    frame = sales_of(trained=trained, control=600 - trained, effect=0.0)
    after = frame["month"] >= "2026-02"
    frame.loc[(frame["person"] == "599") & after, "sales"] += 1e6
    return evidence_of(frame, {"graph": {"edges": ["training -> sales"], "unmeasured": []}})


def _columns(count: int) -> Evidence:
    """Return 26 people matched on so many columns of chance; four fifths of them are 20."""
    frame = sales_of(trained=13, control=13)
    names = [f"x{number}" for number in range(count)]
    drawn = np.random.default_rng(6).normal(size=(26, count))[frame["person"].astype(int)]
    frame = pd.concat([frame, pd.DataFrame(drawn, columns=names, index=frame.index)], axis=1)
    changes = {"columns.covariates": names, "graph": {"edges": ["training -> sales"], "unmeasured": []}}
    cohort = at.Cohort("given", "ATT", np.ones(26), covariates=tuple(names))
    return replace(evidence_of(frame, changes), cohort=cohort)


CASES = {
    "causal_graph": {
        "pass": lambda: _graph(EDGES, "tenure"),
        "warn": lambda: _graph(EDGES),
        "fail": lambda: _graph([*EDGES, *DRIVE], "tenure", unmeasured=("drive",)),
    },
    "placebo_refuter": {
        # Shuffled, one of the trained has the million in as many draws as there are trained among all: 2.7% or 2%.
        "pass": lambda: _carried(16),
        "warn": lambda: _carried(12),
    },
    "random_cause_refuter": {
        "pass": lambda: _columns(16),
        "skipped: as many columns as a part has units": lambda: _columns(17),
    },
    "subset_refuter": {
        "pass": lambda: _columns(16),
        "skipped: as many columns as a part has units": lambda: _columns(17),
    },
}

NEVER = {
    "placebo_refuter": {"fail": "a refuter that an effect does not withstand says where to look, not that it is wrong"},
    "random_cause_refuter": {
        "warn": "by least squares a column of chance moves an effect up as often as down, whatever the data: dowhy's "
        "question is shown because it is asked for, and its page says how little passing means",
        "fail": "as the placebo: where to look, not that the effect is wrong",
    },
    "subset_refuter": {
        "warn": "by least squares random parts scatter to both sides of the whole, however few units carry it: "
        "its page says how little passing means",
        "fail": "as the placebo: where to look, not that the effect is wrong",
    },
}

NEEDS = dict.fromkeys(CASES, "dowhy")
