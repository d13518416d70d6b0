"""Designs frozen on the day of the launch and the day after, changed with and without saying so, and a touched lock."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from attribution.checks.evidence import Evidence
from attribution.design.load import load_design
from attribution.design.schema import StudyDesign
from attribution.study.amend import amend
from attribution.study.freeze import freeze
from attribution.study.lock import lock_path
from attribution.study.prespecified import prespecified
from attribution.study.sources import read
from tests.contract.evidence import evidence_of
from tests.studies import sales_of, study_text

FRAME = sales_of()
LAUNCH = datetime.datetime(2026, 2, 1, 9, tzinfo=datetime.UTC)
LATER = LAUNCH + datetime.timedelta(days=40)
CHANGED = {"analysis.0.adjust": "regression", "columns.covariates": ["age"]}


def _evidence(
    then: Callable[[StudyDesign], Any] | None = None,
    *,
    at: datetime.datetime | None = LAUNCH,
    held: str = "2026-01",
    by_then: str = "2026-01",
    changes: Mapping[str, Any] | None = None,
    estimated: bool = True,
) -> Evidence:
    """Freeze the example study when its data go up to `held`, change it, amend it when they go up to `by_then`."""
    with tempfile.TemporaryDirectory() as folder:
        path, data = Path(folder, "design.toml"), Path(folder, "data.csv")
        path.write_text(study_text(), encoding="utf-8")
        FRAME[FRAME["month"] <= held].assign(age=30).to_csv(data, index=False)
        if at is not None:
            freeze(load_design(path), reviewers=["Head of learning"], time=at)
        path.write_text(study_text(changes), encoding="utf-8")
        design = load_design(path)
        if then is not None:
            FRAME[FRAME["month"] <= by_then].assign(age=30).to_csv(data, index=False)
            then(design)
        FRAME.assign(age=30).to_csv(data, index=False)
        whole = evidence_of(FRAME)
        known = prespecified(design, read(design))
        return replace(whole, prespecified=known) if estimated else Evidence(design=design, prespecified=known)


def _amend(data_seen: bool = False) -> Callable[[StudyDesign], Any]:
    return lambda design: amend(
        design, reason="age is known after all", kind="major", data_seen=data_seen, name="Analyst", time=LATER
    )


def _touch(design: StudyDesign) -> None:
    lock = lock_path(design)
    lock.write_text(lock.read_text(encoding="utf-8").replace("Head of learning", "Head of sales"), encoding="utf-8")


CASES = {
    "prespecified": {
        "pass: on the first day of the launch": _evidence,
        "pass: amended before data were seen": lambda: _evidence(_amend(), changes=CHANGED),
        "pass: a label amended after data were seen": lambda: _evidence(
            lambda design: amend(design, reason="typo", kind="minor", data_seen=True, name="Analyst", time=LATER),
            changes={"kpi.0.label": "Sales"},
        ),
        "warn: on the day after": lambda: _evidence(at=LAUNCH + datetime.timedelta(days=1)),
        "warn: when a month of the follow-up was there": lambda: _evidence(held="2026-02"),
        "warn: changed, and nobody said so": lambda: _evidence(changes=CHANGED),
        "warn: amended after data were seen": lambda: _evidence(_amend(data_seen=True), changes=CHANGED),
        "warn: amended when they were there": lambda: _evidence(_amend(), changes=CHANGED, by_then="2026-02"),
        "warn: never frozen": lambda: _evidence(at=None),
        "fail": lambda: _evidence(_touch),
        "skipped: not frozen yet": lambda: _evidence(at=None, estimated=False),
    },
}
