"""Columns with one value per unit: weight, cluster, assignment, groups, and covariates before adoption."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.adoption import read_zero_one
from attribution.core.codes import distinct, is_numeric, read_ids, read_numbers
from attribution.core.rows import Rows, show
from attribution.errors import DataError


def read_weight(column: pd.Series[Any], name: str, rows: Rows) -> NDArray[np.float64]:
    """Return one weight per unit; raises `DataError` unless finite, not negative and constant per unit."""
    values = read_numbers(column, name)
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{int(bad.sum()):,} rows have a weight that is missing, infinite or negative; for example, "
            f"{rows.place(row)} has {show(column.iloc[row])}",
            where=f"column {name!r}",
            remedy="give every row of a unit the same weight, 0 to leave the unit out",
        )
    rows.require_constant(
        values, column, name, what="the weight varies", remedy="give every row of a unit the same weight"
    )
    return np.asarray(values[rows.first])


def read_cluster(column: pd.Series[Any], name: str, rows: Rows) -> tuple[NDArray[np.int32], pd.Index]:
    """Return each unit's cluster code and the sorted ids; a missing or varying cluster is a `DataError`."""
    codes, labels = read_ids(column, name)
    rows.require_constant(
        codes,
        column,
        name,
        what="the cluster varies",
        remedy="keep each unit in the cluster it had at assignment, so that nobody changes cluster by moving",
    )
    return codes[rows.first], labels


def read_assigned(column: pd.Series[Any], name: str, rows: Rows) -> NDArray[np.float64]:
    """Return each unit's assignment, 0 or 1; a missing, other or varying value is a `DataError`."""
    values = read_zero_one(column, name, rows)
    rows.require_constant(
        values,
        column,
        name,
        what="the assignment varies",
        remedy="give every row of a unit its original assignment",
    )
    return np.asarray(values[rows.first])


def read_group(column: pd.Series[Any], name: str, rows: Rows) -> NDArray[np.object_]:
    """Return each unit's group as written, None where missing in all its rows; varying is a `DataError`."""
    codes, values = distinct(column, name)
    rows.require_constant(
        codes,
        column,
        name,
        what="the group varies (a value missing in some rows counts as another)",
        remedy="give every row of a unit the group it had at assignment",
    )
    return np.asarray(_objects(values)[codes[rows.first]])


def read_covariate(
    column: pd.Series[Any], name: str, rows: Rows, adopted: NDArray[np.int32]
) -> NDArray[np.float64] | NDArray[np.object_]:
    """Return each unit's first value that is not missing in a period strictly before its adoption.

    Numbers and booleans become float64 with NaN, categories and text objects with None. Raises `DataError`
    for infinite numbers, and for dates and other types.
    """
    if is_numeric(column):
        numbers = read_numbers(column, name)
        infinite = np.isinf(numbers)
        if infinite.any():
            raise DataError(
                f"{int(infinite.sum()):,} rows hold an infinite value; for example, "
                f"{rows.place(int(np.argmax(infinite)))}",
                where=f"column {name!r}",
                remedy="replace infinite values by missing ones, or mend the ratio that made them",
            )
        place, found = _before_adoption(~np.isnan(numbers), rows, adopted)
        fixed = np.full(len(rows.labels), np.nan)
        fixed[found] = numbers[place]
        return fixed
    codes, values = distinct(column, name)
    written = _objects(values)
    bad = [value for value in written if value is not None and not isinstance(value, (str, int, float, bool))]
    if bad:
        raise DataError(
            f"a covariate holds numbers, categories or text, not {type(bad[0]).__name__}, for example {bad[0]}",
            where=f"column {name!r}",
            remedy="turn it into a number (days since a date) or a category first",
        )
    place, found = _before_adoption(codes >= 0, rows, adopted)
    chosen = np.full(len(rows.labels), None, dtype=object)
    chosen[found] = written[codes[place]]
    return chosen


def _objects(values: pd.Index) -> NDArray[np.object_]:
    """Return distinct values as objects, with None in the last place to answer the code -1."""
    objects = np.empty(len(values) + 1, dtype=object)
    objects[:-1] = values.astype(object)
    return objects


def _before_adoption(
    present: NDArray[np.bool_], rows: Rows, adopted: NDArray[np.int32]
) -> tuple[NDArray[np.integer[Any]], NDArray[np.int32]]:
    """Return each unit's first row (in the frame's order) with a value before adoption, and the units."""
    usable = np.flatnonzero(rows.sorted(present & (rows.period < adopted[rows.unit])))
    rows_of_values = usable if rows.order is None else rows.order[usable]
    unit = rows.unit[rows_of_values]
    leads = np.ones(len(unit), dtype=bool)
    leads[1:] = unit[1:] != unit[:-1]
    return rows_of_values[leads], unit[leads]
