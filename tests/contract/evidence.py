"""Evidence from data, made without a whole run: the builders of the rules' cases."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.design.load import load_design
from attribution.design.schema import StudyDesign
from attribution.registry import ESTIMATORS, load, options
from attribution.study.ledger import ledger_of
from attribution.study.link import panel_for
from tests.studies import study_text


def design_of(changes: Mapping[str, Any] | None = None) -> StudyDesign:
    """Return the example design of `tests/studies.py` with changes: a dotted path sets a key, None removes it."""
    return _load(study_text(changes))


@cache
def _load(text: str) -> StudyDesign:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "design.toml")
        path.write_text(text, encoding="utf-8")
        return load_design(path)


def panel_of(design: StudyDesign, frame: pd.DataFrame) -> at.Panel:
    """Return the panel of a design's first KPI, linked as a run links it."""
    return panel_for(design, design.kpi[0], frame)


def evidence_of(frame: pd.DataFrame, changes: Mapping[str, Any] | None = None, *, draws: bool = False) -> Evidence:
    """Return design, panel, the first analysis's estimate, and the ledger; with `draws` the share as well."""
    design = design_of(changes)
    panel, analysis = panel_of(design, frame), design.analysis[0]
    method = load(ESTIMATORS, analysis.method, kind="method")
    known = {option.name for option in options(method)}
    filled = {"baseline": design.timing.baseline, "followup": design.timing.followup, **analysis.options}
    estimate = method(panel, **{name: value for name, value in filled.items() if name in known})
    drawn = design.inference
    factor = at.attribution_factor(estimate, draws=drawn.draws, seed=drawn.seed) if draws else None
    return Evidence(
        design=design,
        panel=panel,
        estimate=estimate,
        factor=factor,
        ledger=ledger_of(design),
        estimates={analysis.id: estimate},
    )
