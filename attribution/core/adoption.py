"""Adoption: the first period with training, read from a date per unit or from a 0/1 column per row."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.codes import distinct, read_numbers
from attribution.core.panel import NEVER
from attribution.core.periods import Periods, label_index, label_text, ordinals
from attribution.core.rows import Rows, show
from attribution.errors import DataError


def read_adopted(
    column: pd.Series[Any], name: str, rows: Rows, nulls: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int32], dict[str, int], int]:
    """Return each unit's adoption code, how many units were written as never trained in which way, and a count.

    The count is of units that adopted in a period which the data do not hold, between two that they do: they count from
    the next one.

    Never trained is a missing value, inf, and 0 where all periods are positive integers. `nulls` marks rows
    that an Arrow table holds as null. Raises `DataError` for adoption that is unreadable, negative, of
    another kind than the periods, or not the same in all rows of a unit.
    """
    codes, values = distinct(column, name)
    never = _is_never(values, rows.periods)
    keep = np.flatnonzero(~never)
    if len(keep) < len(values):
        # The last place answers the code -1 of a missing value.
        lookup = np.full(len(values) + 1, -1, dtype=np.int64)
        lookup[keep] = np.arange(len(keep))
        codes = lookup[codes]
        values = values[keep]
    labels = label_index(values, codes, name)
    same, _ = pd.factorize(labels)
    first_codes = codes[rows.first]
    written = codes if len(labels) == 0 or same.max() + 1 == len(labels) else np.append(same, -1)[codes]
    rows.require_constant(
        written,
        column,
        name,
        what="adoption varies",
        remedy="give every row of a unit the same first period of training, missing in all rows if it never "
        "was trained; a column that says 0 or 1 for each period is passed as trained=",
    )
    adopted = np.full(len(rows.labels), NEVER, dtype=np.int32)
    unrecorded = 0
    if len(labels):
        code, between = _codes(labels, codes, name, rows.periods)
        trained = first_codes >= 0
        adopted[trained] = code[first_codes[trained]]
        unrecorded = int(between[first_codes[trained]].sum())
    return adopted, _never_read_as(column, rows.first[adopted == NEVER], nulls), unrecorded


def _is_never(values: pd.Index, periods: Periods) -> NDArray[np.bool_]:
    """Return which distinct values stand for never: inf, and 0 where every period is a positive integer."""
    positive = periods.kind == "integer" and int(periods.labels[0]) > 0
    if isinstance(values, (pd.DatetimeIndex, pd.PeriodIndex)):
        return np.zeros(len(values), dtype=bool)
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "if":
        numbers = values.to_numpy()
        return np.asarray((numbers == np.inf) | ((numbers == 0) & positive))
    return np.array(
        [
            isinstance(value, (int, float, np.integer, np.floating))
            and not isinstance(value, bool)
            and bool(value == np.inf or (positive and value == 0))
            for value in values.astype(object)
        ],
        dtype=bool,
    )


def _codes(
    labels: pd.Index, codes: NDArray[np.integer[Any]], name: str, periods: Periods
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return for each adoption label the code of the first period at or after it, and whether it lies between two.

    Plain dates lie between those of the periods as a rule: that is not meant.
    """
    where = f"column {name!r}"
    aligned = labels
    if isinstance(periods.labels, pd.PeriodIndex):
        frequency = periods.labels.freqstr
        if isinstance(labels, pd.DatetimeIndex):
            aligned = labels.to_period(frequency)
        elif isinstance(labels, pd.PeriodIndex) and labels.freqstr != frequency:
            # A coarser label (a quarter against months) means the first period inside it.
            aligned = labels.asfreq(frequency, how="S")
    elif periods.kind == "date" and isinstance(labels, pd.PeriodIndex):
        aligned = labels.to_timestamp(how="start")
    if type(aligned) is not type(periods.labels):
        raise DataError(
            f"adoption is written as {label_text(labels[0])}, the periods as {periods.text(0)}",
            where=where,
            remedy="write adoption and period in the same way",
        )
    place = ordinals(aligned)
    if periods.kind == "integer" and int(periods.labels[0]) >= 0 and bool((place < 0).any()):
        bad = np.flatnonzero(place < 0)
        raise DataError(
            f"{int(np.isin(codes, bad).sum()):,} rows hold a negative adoption, for example {labels[bad[0]]}",
            where=where,
            remedy="leave the cell empty (missing) for a unit that never was trained",
        )
    held = ordinals(periods.labels)
    code = np.searchsorted(held, place, side="left")
    inside = (code > 0) & (code < len(held)) & (periods.kind != "date")
    return code.astype(np.int32), np.asarray(inside & (held[np.minimum(code, len(held) - 1)] != place))


def _never_read_as(
    column: pd.Series[Any], rows: NDArray[np.integer[Any]], nulls: NDArray[np.bool_] | None
) -> dict[str, int]:
    """Return how never was written in the given rows (one for each never-trained unit), with counts."""
    counts: Counter[str] = Counter()
    if nulls is not None:
        counts["null"] = int(nulls[rows].sum())
        rows = rows[~nulls[rows]]
    cells = column.iloc[rows]
    gone = cells.isna().to_numpy()
    if cells.dtype == object:
        counts.update(_missing_text(value) for value in cells[gone])
    elif gone.any():
        counts[_missing_text_of(cells.dtype)] += int(gone.sum())
    counts.update(show(value) for value in cells[~gone])
    return {written: count for written, count in sorted(counts.items()) if count}


def _missing_text(value: Any) -> str:
    return "NaN" if isinstance(value, (float, np.floating)) else str(value)


def _missing_text_of(dtype: Any) -> str:
    if isinstance(dtype, np.dtype):
        return "NaT" if dtype.kind == "M" else "NaN"
    return _missing_text(dtype.na_value)


def read_trained(column: pd.Series[Any], name: str, rows: Rows) -> tuple[NDArray[np.int32], int]:
    """Return each unit's adoption code, the first period with 1, and how many units go back to 0 after it.

    Raises `DataError` for a value that is not 0 or 1, a missing one included.
    """
    values = read_zero_one(column, name, rows)
    trained = rows.sorted(values) == 1
    adopted = np.full(len(rows.labels), NEVER, dtype=np.int32)
    unit, period = rows.sorted(rows.unit), rows.sorted(rows.period)
    ones = np.flatnonzero(trained)
    if len(ones):
        unit_of_ones = unit[ones]
        leads = np.append(True, unit_of_ones[1:] != unit_of_ones[:-1])
        adopted[unit_of_ones[leads]] = period[ones[leads]]
    switched = unit[~trained & (period > adopted[unit])]
    return adopted, len(np.unique(switched))


def read_zero_one(column: pd.Series[Any], name: str, rows: Rows) -> NDArray[np.float64]:
    """Return a 0/1 or boolean column as float64; `DataError` for any other value, a missing one included."""
    values = read_numbers(column, name)
    bad = (values != 0) & (values != 1)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{int(bad.sum()):,} rows are neither 0 nor 1; for example, {rows.place(row)} has {show(column.iloc[row])}",
            where=f"column {name!r}",
            remedy="write 0 or 1 in every row; leave out a row whose training is not known",
        )
    return values
