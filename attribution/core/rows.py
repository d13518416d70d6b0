"""Rows of a panel: their order by unit and period, duplicates refused, and values that are fixed per unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.periods import Periods, label_text
from attribution.errors import DataError

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Where each row of a frame belongs.

    `unit` and `period` are codes in the frame's row order; `order` sorts the rows by (unit, period), None
    where they are sorted; `starts` is the place of each unit's first row in the sorted rows.
    """

    unit: NDArray[np.int32]
    period: NDArray[np.int16]
    order: NDArray[np.integer[Any]] | None
    starts: NDArray[np.int64]
    labels: pd.Index
    periods: Periods

    def __len__(self) -> int:
        return len(self.unit)

    def sorted(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return a copy of a column's values, sorted by (unit, period)."""
        return values.copy() if self.order is None else values[self.order]

    @property
    def first(self) -> NDArray[np.integer[Any]]:
        """Return the row, in the frame's order, of each unit's first period."""
        return self.starts if self.order is None else self.order[self.starts]

    def varying(self, codes: NDArray[Any]) -> NDArray[np.int32]:
        """Return the units over whose rows the codes are not all the same."""
        differs = codes != codes[self.first][self.unit]
        return np.unique(self.unit[differs]) if differs.any() else np.empty(0, dtype=np.int32)

    def place(self, row: int) -> str:
        """Return unit and period of a row, for a message."""
        return f"unit {show(self.labels[self.unit[row]])} in {self.periods.text(int(self.period[row]))}"

    def require_constant(
        self, codes: NDArray[Any], column: pd.Series[Any], name: str, *, what: str, remedy: str
    ) -> None:
        """Raise `DataError`, with a count of units and an example, unless the codes are constant per unit."""
        units = self.varying(codes)
        if len(units) == 0:
            return
        rows = np.flatnonzero(self.unit == units[0])
        rows = rows[np.argsort(self.period[rows], kind="stable")]
        seen = list(dict.fromkeys(show(value) for value in column.iloc[rows]))
        example = ", ".join(seen[:4]) + (", …" if len(seen) > 4 else "")
        raise DataError(
            f"{what} within {len(units):,} of {len(self.labels):,} units; "
            f"for example, unit {show(self.labels[units[0]])} has {example}",
            where=f"column {name!r}",
            remedy=remedy,
        )


def show(value: Any) -> str:
    """Return a value as a message writes it: text in quotes, `missing`, a date without its midnight."""
    if isinstance(value, str):
        return repr(value)
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return "missing"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return label_text(value)


def arrange(unit: NDArray[np.int32], period: NDArray[np.int16], labels: pd.Index, periods: Periods) -> Rows:
    """Return the rows' order by (unit, period); raises `DataError` where a pair occurs more than once."""
    n_units, n_periods = len(labels), len(periods)
    per_unit = np.bincount(unit, minlength=n_units)
    starts = np.cumsum(per_unit) - per_unit
    key = unit.astype(np.int64)
    key *= n_periods
    key += period
    order: NDArray[np.integer[Any]] | None
    if bool((key[1:] > key[:-1]).all()):
        order = None
    elif n_units * n_periods <= 4 * len(unit):
        # One slot per (unit, period) sorts and finds duplicates in two passes, without comparing.
        slots = np.full(n_units * n_periods, -1, dtype=np.int32)
        slots[key] = np.arange(len(unit), dtype=np.int32)
        order = slots if len(unit) == len(slots) and slots.min() >= 0 else slots[slots >= 0]
        if len(order) < len(unit):
            raise _duplicates(key, labels, periods)
    else:
        order = np.argsort(key, kind="stable")
        placed = key[order]
        if bool((placed[1:] == placed[:-1]).any()):
            raise _duplicates(key, labels, periods)
    return Rows(unit, period, order, starts, labels, periods)


def _duplicates(key: NDArray[np.int64], labels: pd.Index, periods: Periods) -> DataError:
    pairs, count = np.unique(key, return_counts=True)
    pairs, count = pairs[count > 1], count[count > 1]
    unit, period = divmod(int(pairs[0]), len(periods))
    return DataError(
        f"{len(pairs):,} pairs of unit and period occur more than once, in {int(count.sum()):,} rows; "
        f"for example, unit {show(labels[unit])} has {int(count[0])} rows in {periods.text(period)}",
        where="rows of the frame",
        remedy="aggregate to one row per unit and period first (mean, sum or last, as the KPI asks), "
        "or remove the repeated rows",
    )
