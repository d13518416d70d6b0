"""The declared graph: all that it asks for, a part of it, or what no column holds; and the refuters on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

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


def _carried(extra: float) -> Evidence:
    """Return an effect of 0 among 10 trained and 190 others, one of whom has so much `extra` from the launch on."""
    frame = sales_of(trained=10, control=190, effect=0.0)
    after = frame["month"] >= "2026-02"
    frame.loc[(frame["person"] == "199") & after, "sales"] += extra
    return evidence_of(frame, {"graph": {"edges": ["training -> sales"], "unmeasured": []}})


CASES = {
    "causal_graph": {
        "pass": lambda: _graph(EDGES, "tenure"),
        "warn": lambda: _graph(EDGES),
        "fail": lambda: _graph([*EDGES, *DRIVE], "tenure", unmeasured=("drive",)),
    },
    "placebo_refuter": {
        "pass": lambda: _graph(EDGES, "tenure"),
        "warn": lambda: _carried(1e6),
    },
    "random_cause_refuter": {
        "pass": lambda: _graph(EDGES, "tenure"),
    },
    "subset_refuter": {
        "pass": lambda: _graph(EDGES, "tenure"),
    },
}

NEVER = {
    "placebo_refuter": {"fail": "a refuter that an effect does not withstand says where to look, not that it is wrong"},
    "random_cause_refuter": {"fail": "as the placebo: where to look, not that the effect is wrong"},
    "subset_refuter": {"fail": "as the placebo: where to look, not that the effect is wrong"},
}

NEEDS = dict.fromkeys(CASES, "dowhy")
