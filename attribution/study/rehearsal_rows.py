"""What one rehearsal found, as a row and as a line of a file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the pipeline said of one placebo launch with one injected effect; NaN where it said nothing.

    `injected`, `estimate` and `change` are in KPI units and not signed as improvement. `estimate` is the effect, or the
    observed change (`term`) of an analysis without comparison. `gates` are the rules that failed, `verdict` what the
    interval says before them. `problem` says why a rehearsal has no estimate.
    """

    number: int
    launch: str
    injected: float
    trained: int = 0
    control: int = 0
    term: str = ""
    estimate: float = NAN
    std_error: float = NAN
    df: float = NAN
    low: float = NAN
    high: float = NAN
    change: float = NAN
    share: float = NAN
    share_low: float = NAN
    share_high: float = NAN
    share_kind: str = ""
    roi: float = NAN
    roi_low: float = NAN
    roi_high: float = NAN
    verdict: str = ""
    gates: tuple[str, ...] = ()
    problem: str = ""


NUMBERS = tuple(field.name for field in fields(Rehearsed) if field.type == "float")


def line_of(rows: Sequence[Rehearsed]) -> str:
    """Return the rows of one rehearsal as a line of JSON; NaN is null, and infinity a text."""
    shown = [{name: _written(value) for name, value in asdict(row).items()} for row in rows]
    return json.dumps({"number": rows[0].number, "rows": shown}, allow_nan=False, ensure_ascii=False)


def rows_of(line: str) -> tuple[Rehearsed, ...]:
    """Return the rows that a line of `line_of` holds; raises `ValueError`, `TypeError` or `KeyError` for another."""
    made = []
    for values in json.loads(line)["rows"]:
        read: dict[str, Any] = dict(values)
        read |= {name: NAN if read[name] is None else float(read[name]) for name in NUMBERS}
        made.append(Rehearsed(**(read | {"gates": tuple(read["gates"])})))
    return tuple(made)


def _written(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
