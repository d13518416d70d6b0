"""The assignment of a rollout as files: which team starts when, and what it was drawn with."""

from __future__ import annotations

import json
import math
from pathlib import Path

from attribution.errors import OutputError, require_type
from attribution.report.write import safe_cell
from attribution.study.files import write_whole
from attribution.study.manifest import package_version
from attribution.study.rollout import Rollout

REMEDY = "choose a place that can be written to, with room on the disk"


def write_rollout(rollout: Rollout, path: Path, *, design_digest: str) -> tuple[Path, Path]:
    """Write the assignment as CSV and, beside it, as JSON what it was drawn with; return both paths.

    A draw that is written is final: nothing is written over. Raises `OutputError` for a file that is there, a name that
    does not end in `.csv`, and where the disk refuses.
    """
    require_type(rollout, Rollout, name="rollout", remedy="pass what at.plan_rollout(…) returns")
    beside = path.with_suffix(".json")
    if path.suffix.lower() != ".csv":
        raise OutputError(
            "an assignment is written as .csv", where=str(path), remedy="give it a name that ends in .csv"
        )
    for one in (path, beside):
        if one.exists():
            raise OutputError(
                "there is a file of this name already, and a draw is not written over",
                where=str(one),
                remedy="name another file: who draws again until he likes the result has not drawn",
            )
    frame = rollout.assignment()
    for column in ("team", "stratum", "start"):
        frame[column] = frame[column].map(safe_cell)
    text = json.dumps(_record(rollout, design_digest), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(beside, text, what="the record of the draw", remedy=REMEDY)
    write_whole(path, str(frame.to_csv(index=False, lineterminator="\n")), what="the assignment", remedy=REMEDY)
    return path, beside


def _record(rollout: Rollout, design_digest: str) -> dict[str, object]:
    return {
        "study": rollout.study,
        "design_digest": design_digest,
        "version": package_version(),
        "seed": rollout.seed,
        "tries": rollout.tries,
        "kpi": rollout.kpi.id,
        "unit": rollout.kpi.unit,
        "chosen": rollout.chosen.name,
        "mde_as_drawn": _plain(rollout.drawn.mde),
        "baseline_by_wave": [_plain(one) for one in rollout.baselines],
        "calendars": [
            {str(name): _plain(value) for name, value in row.items()} for row in rollout.tidy().to_dict("records")
        ],
        "notes": list(rollout.notes),
    }


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
