"""The digest of a study's baseline: the same whatever rows follow later, or in which order, and another for any change.

It is of the columns that the design names for units, KPIs and what was known before: not of who adopted, who was
trained or who was assigned, which are filled in at the launch, in the very rows of the baseline.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from attribution.core.periods import label_text, parse_label
from attribution.design.prespecified import Difference
from attribution.design.schema import StudyDesign, Timing
from attribution.design.windows import first_day
from attribution.study.calendar import end_in_data
from attribution.study.lock import BaselineRecord
from attribution.study.sources import Source, id_columns, needed_columns

FIELD = "data.baseline"
"""The field of a difference in the baseline data."""


def baseline_of(design: StudyDesign, source: Source) -> BaselineRecord:
    """Return the digest of the baseline data, by the columns and the launch of a design.

    The baseline are the rows of periods that are over before the launch. Columns that the data lack are left out.
    """
    columns, frame = design.columns, source.frame
    ids, filled_later = id_columns(design), (columns.adopted, columns.trained, columns.assigned)
    before = _before(frame[columns.period], design.timing)
    measured = [kpi.column for kpi in design.kpi if kpi.column in frame]
    rows = frame[before]
    texts = {
        name: _periods(rows[name]) if name == columns.period else _texts(rows[name], as_id=name in ids)
        for name in needed_columns(design)
        if name in frame and name not in filled_later
    }
    keys = [name for name in (columns.unit, columns.period) if name in texts]
    return BaselineRecord(
        data=source.name,
        rows=len(rows),
        units=None if columns.unit is None else len(set(texts[columns.unit])),
        later_rows=int(frame.loc[~before, measured].notna().any(axis=1).sum()),
        digest=_digest(list(texts), list(texts.values())),
        columns={
            name: _digest([*keys, name], [*(texts[key] for key in keys), texts[name]])
            for name in texts
            if name not in keys
        },
    )


def can_compare(design: StudyDesign, source: Source) -> bool:
    """Say whether the data still hold the units and periods by which a version of the design tells its rows apart."""
    return all(name is None or name in source.frame for name in (design.columns.unit, design.columns.period))


def baseline_difference(old: BaselineRecord, new: BaselineRecord) -> Difference | None:
    """Return what is another in the baseline data than it was; None where nothing is.

    Where a design no longer reads a column, the columns that both know are compared one by one.
    """
    if old.digest == new.digest:
        return None
    shared = [name for name in old.columns if name in new.columns]
    changed = [name for name in shared if old.columns[name] != new.columns[name]]
    counts = (old.rows, old.units) != (new.rows, new.units)
    if len(shared) < len(old.columns) and not changed and not counts:
        return None
    told = []
    if counts:
        told.append(f"the size was {old.size}, is now {new.size}")
    if changed:
        told.append(f"{', '.join(changed[:4])}{' and others' * (len(changed) > 4)} changed in rows before the launch")
    words = f"The baseline data: {'; '.join(told) or 'values stand in other rows than they did'}"
    return Difference(FIELD, old.digest, new.digest, words, True)


def _before(column: pd.Series[Any], timing: Timing) -> pd.Series[bool]:
    """Return which rows are of periods that are over before the launch; what is no period belongs to none."""
    return column.isin([value for value in column.unique() if _is_before(value, timing)])


def _is_before(value: Any, timing: Timing) -> bool:
    launch, label = timing.launch, parse_label(value)
    if label is None:
        return False
    if isinstance(label, int) and timing.period != "year":
        # A counter has no place in the calendar: beside a launch by its date, the first follow-up says where it is.
        starts = [launch] if isinstance(launch, int) else [one for one in timing.followup if isinstance(one, int)]
        return bool(starts) and label < min(starts)
    end = end_in_data(value, timing.period)
    return end is not None and end < first_day(launch, timing.period)


def _periods(column: pd.Series[Any]) -> list[str]:
    written = {value: label_text(parse_label(value)) for value in column.unique()}
    return [written[value] for value in column]


def _texts(column: pd.Series[Any], *, as_id: bool) -> list[str]:
    """Return values as texts that do not depend on how a column is stored: 3, 3.0 and a "3" read as text are one.

    What a later row holds can change that: a missing value makes floats of integers, a word makes texts of numbers.
    An id is a label: "007" is not "7".
    """
    if not as_id and column.dtype.kind == "f":
        return [_number(value) for value in column.to_numpy(dtype=np.float64).tolist()]
    return [_text(value, as_id) for value in column.tolist()]


def _text(value: Any, as_id: bool) -> str:
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int):
        return str(int(value))
    written = str(value)
    if as_id or "_" in written:
        return written
    try:
        return _number(float(written))
    except ValueError:
        return written


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _digest(names: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    # Sorted as texts: an order of its own, whatever that of the file. In one piece: a row at a time takes seconds.
    written = json.dumps([names, *sorted(zip(*columns, strict=True))], ensure_ascii=False)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
