"""The evidence of a small real study, for every check to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.design.load import load_design
from attribution.study.run import ledger_of, run


@pytest.fixture
def evidence_of(make_study: Callable[..., Path]) -> Callable[..., Evidence]:
    """Return a maker of evidence: data and changes of the design in, everything that a run knows out."""

    def make(frame: pd.DataFrame, changes: Mapping[str, Any] | None = None) -> Evidence:
        design = load_design(make_study(frame, changes))
        result = run(design)
        return Evidence(
            design=design,
            panel=result.panel,
            estimate=result.estimate,
            factor=result.factor,
            ledger=ledger_of(design),
        )

    return make


@pytest.fixture
def run_study(make_study: Callable[..., Path]) -> Callable[..., at.StudyResult]:
    """Return a runner of a study: data and changes of the design in, the result out."""

    def make(frame: pd.DataFrame, changes: Mapping[str, Any] | None = None) -> at.StudyResult:
        return run(load_design(make_study(frame, changes)))

    return make
