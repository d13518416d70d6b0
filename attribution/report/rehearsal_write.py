"""The files of a rehearsal, beside the one that keeps its rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import require_type
from attribution.report.record import or_null
from attribution.report.rehearsal_words import rehearsal_lines, verdict
from attribution.study.files import write_whole
from attribution.study.rehearsal import Rehearsal

if TYPE_CHECKING:
    import pandas as pd

ROWS, SUMMARY, TABLE = "rehearsals.jsonl", "summary.json", "summary.csv"


def write_rehearsal(rehearsal: Rehearsal, folder: Path) -> Path:
    """Write `summary.json` and `summary.csv` into a folder, each whole or not at all; return the first one's path.

    Raises `OutputError` where the folder cannot be written.
    """
    require_type(rehearsal, Rehearsal, name="rehearsal", remedy="pass what at.rehearse(…) returns")
    table = rehearsal.summary()
    trained, control = rehearsal.arms
    summary = {
        "study": rehearsal.study,
        "analysis": rehearsal.analysis,
        "method": rehearsal.method,
        "mechanism": rehearsal.mechanism,
        "kpi": {"label": rehearsal.label, "unit": rehearsal.unit, "direction": rehearsal.direction},
        "level": rehearsal.level,
        "seed": rehearsal.seed,
        "rehearsals": rehearsal.rehearsals,
        "trained_clusters": trained,
        "control_clusters": control,
        "notes": list(rehearsal.notes),
        "problems": rehearsal.problems,
        "sound": not rehearsal.unsound,
        "verdict": verdict(rehearsal),
        "measures": _records(table),
        "launches": _records(rehearsal.by_launch()),
        "gates": _records(rehearsal.gates()),
        "text": list(rehearsal_lines(rehearsal)),
    }
    texts = {
        SUMMARY: json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        TABLE: str(table.to_csv(index=False, lineterminator="\n")),
    }
    for name, text in texts.items():
        write_whole(
            folder / name,
            text,
            what="the summary",
            remedy="choose a folder that can be written to, with room on the disk",
        )
    return folder / SUMMARY


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table; a number that is not finite is null."""
    return [
        {str(name): or_null(value) if isinstance(value, float) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]
