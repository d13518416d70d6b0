"""Columns to codes: distinct values, unit and cluster ids, and numbers, with what cannot be read refused."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.errors import DataError

_TABLE_FLOOR = 1 << 20


def distinct(column: pd.Series[Any], name: str) -> tuple[NDArray[np.integer[Any]], pd.Index]:
    """Return per row the position among the column's distinct values, -1 where missing, and those values."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories()
        return used.cat.codes.to_numpy(), used.cat.categories
    if isinstance(dtype, np.dtype) and dtype.kind in "iu":
        return factorize_integers(column.to_numpy())
    try:
        codes, values = pd.factorize(column)
    except TypeError as error:
        raise DataError(
            f"holds values that cannot be compared ({error})",
            where=f"column {name!r}",
            remedy="use text, numbers or dates, one value in each cell",
        ) from None
    return codes, pd.Index(values)


def factorize_integers(values: NDArray[Any]) -> tuple[NDArray[np.integer[Any]], pd.Index]:
    """Return each value's position among the distinct values, and those; a table serves a small range."""
    low, high = int(values.min()), int(values.max())
    span = high - low + 1
    if span > max(_TABLE_FLOOR, 4 * len(values)) or high > np.iinfo(np.int64).max:
        codes, labels = pd.factorize(values)
        return codes, pd.Index(labels)
    offset = values.astype(np.int64)
    if low:
        offset -= low
    present = np.zeros(span, dtype=bool)
    present[offset] = True
    found = np.flatnonzero(present)
    if len(found) == span:
        return offset.astype(np.int32), pd.Index(found + low)
    lookup = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return lookup[offset], pd.Index(found + low)


def read_ids(column: pd.Series[Any], name: str) -> tuple[NDArray[np.int32], pd.Index]:
    """Return per row the code of its id, and the sorted ids.

    Ids are text, integers (also integer-valued floats), categories of these, or objects of one orderable type
    such as UUIDs. Raises `DataError` for missing ids (blank text too) and for ids of several types.
    """
    codes, values = distinct(column, name)
    ids, blank = _id_index(values, name)
    missing = codes < 0
    if blank is not None:
        missing |= codes == blank
    if missing.any():
        raise DataError(
            f"{int(missing.sum()):,} rows have no id, the first is row {int(np.argmax(missing))} (counted from 0)",
            where=f"column {name!r}",
            remedy="give every row its id, or leave out the rows that belong to nobody",
        )
    if not ids.is_monotonic_increasing:
        try:
            order = ids.argsort()
        except TypeError:
            raise DataError(
                f"ids of type {type(ids[0]).__name__} have no order, for example {ids[0]!r}",
                where=f"column {name!r}",
                remedy="use text or integer ids",
            ) from None
        rank = np.empty(len(ids), dtype=np.int32)
        rank[order] = np.arange(len(ids), dtype=np.int32)
        return rank[codes], ids[order]
    return codes.astype(np.int32, copy=False), ids


def _id_index(values: pd.Index, name: str) -> tuple[pd.Index, int | None]:
    """Return distinct ids in one type, and the position of the blank text where there is one."""
    where = f"column {name!r}"
    if pd.api.types.is_integer_dtype(values.dtype):
        wide = values.to_numpy()
        return pd.Index(wide.astype(np.uint64 if wide.dtype == np.uint64 else np.int64)), None
    if pd.api.types.is_float_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64)
        whole = (np.abs(numbers) < 2.0**63) & (numbers == np.floor(numbers))
        if not whole.all():
            raise DataError(
                f"{int((~whole).sum()):,} ids are not whole numbers, for example {numbers[np.argmin(whole)]}",
                where=where,
                remedy="use text or integer ids",
            )
        return pd.Index(numbers.astype(np.int64)), None
    written = list(values.astype(object))
    types: dict[type, Any] = {}
    for value in written:
        types.setdefault(_id_type(value), value)
    if len(types) > 1:
        raise DataError(
            f"the ids are of {len(types)} types, for example "
            + " and ".join(f"{value!r} ({kind.__name__})" for kind, value in types.items()),
            where=where,
            remedy=f"write all ids in one type, for example frame[{name!r}].astype(str)",
        )
    kind = next(iter(types), str)
    if kind in (bool, float) or issubclass(kind, (np.datetime64, pd.Timestamp, pd.Timedelta, pd.Period)):
        raise DataError(
            f"ids are of type {kind.__name__}, for example {written[0]!r}",
            where=where,
            remedy="use text or integer ids",
        )
    if kind is int:
        return pd.Index(written), None
    if kind is str:
        blank = [position for position, value in enumerate(written) if not value.strip()]
        return pd.Index(written), blank[0] if blank else None
    return pd.Index(written, dtype=object), None


def _id_type(value: Any) -> type:
    if isinstance(value, (bool, np.bool_)):
        return bool
    if isinstance(value, (int, np.integer)):
        return int
    return str if isinstance(value, str) else type(value)


def is_numeric(column: pd.Series[Any]) -> bool:
    """Return whether a column holds numbers or booleans, as its dtype or as objects."""
    if column.dtype == object:
        present = column[column.notna()]
        return all(isinstance(value, (Real, Decimal, np.bool_)) for value in present)
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_complex_dtype(dtype):
        return False
    # Arrow's booleans count as no numbers in pandas.
    return bool(pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype))


def read_numbers(column: pd.Series[Any], name: str) -> NDArray[np.float64]:
    """Return a column of numbers or booleans as float64, NaN where missing; `DataError` for anything else."""
    if is_numeric(column):
        if column.dtype == object:
            missing = column.isna().to_numpy()
            cells = zip(column.to_numpy(), missing, strict=True)
            return np.array([np.nan if gone else float(value) for value, gone in cells], dtype=np.float64)
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = column.to_numpy(dtype=object)
    present = column.notna().to_numpy()
    bad = present & np.array([not isinstance(value, (Real, Decimal, np.bool_)) for value in values], dtype=bool)
    if not bad.any():
        # Categories, for example, may hold numbers, yet their order and distances were given up.
        bad = present
    if not bad.any():
        return np.full(len(values), np.nan)
    row = int(np.argmax(bad))
    raise DataError(
        f"{int(bad.sum()):,} rows hold no number ({column.dtype}), for example {values[row]!r} in row {row} "
        "(counted from 0)",
        where=f"column {name!r}",
        remedy=f"convert the column to numbers first, for example pandas.to_numeric(frame[{name!r}])",
    )
