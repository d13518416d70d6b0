"""Periods: labels of time, their order, and where each ends in the calendar."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.errors import DataError

PeriodKind = Literal["integer", "date", "period"]
PeriodLength = Literal["year", "quarter", "month", "week", "day"]
Label: TypeAlias = int | pd.Timestamp | pd.Period

_QUARTER = re.compile(r"([0-9]{4})[- ]?[Qq]([1-4])")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*")
_MONTHS: dict[str, int] = {"year": 12, "quarter": 3, "month": 1}
_LARGEST = 2**62
_DAYS: dict[str, int] = {"week": 7, "day": 1}
_LENGTH_OF_FREQUENCY = {"Y": "year", "A": "year", "Q": "quarter", "M": "month", "W": "week", "D": "day"}
_READABLE = "use integers (1987), dates, Periods, or text: '2026Q1', '2026-Q1', '2026-01', '2026-01-31'"


@dataclass(frozen=True, slots=True, eq=False)
class Periods:
    """The sorted distinct periods of a panel; an observation's code is the position in `labels`.

    `kind` is `integer` (years or counters), `date` (timestamps) or `period` (pandas Periods: months,
    quarters).
    """

    labels: pd.Index
    kind: PeriodKind

    def __len__(self) -> int:
        return len(self.labels)

    def text(self, code: int) -> str:
        """Return the label of a code as a reader writes it."""
        return label_text(self.labels[code])

    def code(self, label: Any, *, where: str = "periods") -> int:
        """Return the code of a label as a user types it.

        An integer, a date, a pandas Period, or text (`"2026Q1"`, `"2026-01"`, `"2026-01-31"`). A date
        stands for the Period that holds it; a month or quarter for the one date label inside it. Raises
        `DataError`, which begins with `where`, naming the nearest, first and last periods where there is
        none.

        >>> Periods(pd.period_range("2026Q1", periods=4, freq="Q"), "period").code("2026-Q3")
        2
        """
        written = label_text(label)
        for position in range(len(self)):
            if self.text(position) == written:
                return position
        parsed = parse_label(label)
        if parsed is None:
            what, remedy = _unreadable(label)
            raise DataError(f"{what}; {self._span()}", where=where, remedy=remedy)
        bounds = self._bounds(parsed)
        if bounds is None:
            raise DataError(
                f"{written} is not of the same kind as the panel's periods; {self._span()}",
                where=where,
                remedy="write the period as the data do",
            )
        low, high = bounds
        values = ordinals(self.labels)
        found = np.flatnonzero((values >= low) & (values <= high))
        if len(found) > 1:
            raise DataError(
                f"{written} holds {len(found)} of the panel's periods, "
                f"{self.text(int(found[0]))} to {self.text(int(found[-1]))}",
                where=where,
                remedy="name each period that is meant",
            )
        if len(found) == 0:
            nearest = int(np.argmin(np.abs(values.astype(np.float64) - float(low))))
            raise DataError(
                f"there is no period {written}; the nearest is {self.text(nearest)}, {self._span()}",
                where=where,
                remedy="name a period that the data have",
            )
        return int(found[0])

    def codes(self, labels: Iterable[Any], *, where: str = "periods") -> list[int]:
        """Return the code of each label, in the order given; see `code`."""
        if isinstance(labels, str):
            raise DataError(
                f"expected a list of periods, got the text {labels!r}",
                where=where,
                remedy=f"write [{labels!r}]",
            )
        return [self.code(label, where=where) for label in labels]

    def _span(self) -> str:
        return f"the first of the {len(self)} periods is {self.text(0)}, the last {self.text(len(self) - 1)}"

    def _bounds(self, label: Label) -> tuple[int, int] | None:
        """Return the lowest and highest ordinal that a label stands for, None where kinds do not compare."""
        if isinstance(label, int):
            return (label, label) if self.kind == "integer" else None
        if self.kind == "date":
            if isinstance(label, pd.Period):
                ends = pd.DatetimeIndex([label.start_time, label.end_time]).as_unit("us")
            else:
                ends = pd.DatetimeIndex([label, label]).as_unit("us")
            return int(ends.asi8[0]), int(ends.asi8[1])
        if isinstance(self.labels, pd.PeriodIndex):
            if isinstance(label, pd.Timestamp):
                label = label.to_period(self.labels.freqstr)
            if label.freqstr == self.labels.freqstr:
                return label.ordinal, label.ordinal
        return None


def label_text(label: Any) -> str:
    """Return a period label as a reader writes it: a date without its midnight."""
    written = str(label)
    return written.removesuffix(" 00:00:00")


def ordinals(labels: pd.Index) -> NDArray[np.int64]:
    """Return labels as ordered integers: themselves, microseconds, or Period ordinals."""
    if isinstance(labels, pd.PeriodIndex):
        return np.asarray(labels.asi8)
    if isinstance(labels, pd.DatetimeIndex):
        return np.asarray(labels.as_unit("us").asi8)
    return labels.to_numpy(dtype=np.int64)


def kind_of(labels: pd.Index) -> PeriodKind:
    """Return the kind of the labels that `label_index` made."""
    if isinstance(labels, pd.PeriodIndex):
        return "period"
    return "date" if isinstance(labels, pd.DatetimeIndex) else "integer"


def parse_label(value: Any) -> Label | None:
    """Return one label as an int, a Timestamp or a Period; None where it is not a readable period."""
    if isinstance(value, (bool, np.bool_)) or value is pd.NaT:
        return None
    if isinstance(value, (int, np.integer)):
        return int(value) if abs(int(value)) < _LARGEST else None
    if isinstance(value, (float, np.floating)):
        return int(value) if float(value).is_integer() and abs(float(value)) < _LARGEST else None
    if isinstance(value, pd.Period):
        return value
    if isinstance(value, str):
        return _parse_text(value.strip())
    if isinstance(value, (datetime.date, np.datetime64)):
        stamp: Any = pd.Timestamp(value)
        return None if pd.isna(stamp) or stamp.tzinfo is not None else stamp.as_unit("us")
    return None


def earlier(one: Label | None, other: Label | None) -> bool | None:
    """Say whether a label is earlier than another; None where they are of different kinds and do not compare."""
    if isinstance(one, int) and isinstance(other, int):
        return one < other
    if isinstance(one, pd.Timestamp) and isinstance(other, pd.Timestamp):
        return bool(one < other)
    if isinstance(one, pd.Period) and isinstance(other, pd.Period) and one.freqstr == other.freqstr:
        return bool(one < other)
    return None


def _parse_text(written: str) -> Label | None:
    if match := _QUARTER.fullmatch(written):
        return pd.Period(year=int(match[1]), quarter=int(match[2]), freq="Q")
    if match := _MONTH.fullmatch(written):
        month = int(match[2])
        return pd.Period(year=int(match[1]), month=month, freq="M") if 1 <= month <= 12 else None
    stamp = _parse_date(written)
    return None if stamp is None or stamp.tzinfo is not None else pd.Timestamp(stamp).as_unit("us")


def _parse_date(written: str) -> datetime.datetime | None:
    if not _DATE.fullmatch(written):
        return None
    try:
        return datetime.datetime.fromisoformat(written)
    except ValueError:
        return None


def _unreadable(value: Any) -> tuple[str, str]:
    """Return what is wrong with a label that `parse_label` refused, and the remedy."""
    stamp = _parse_date(value.strip()) if isinstance(value, str) else value
    if isinstance(stamp, datetime.datetime) and stamp.tzinfo is not None:
        return (
            f"{value} has a time zone, so that the day it belongs to is not certain",
            "drop the time zone first: column.dt.tz_convert('<zone of the sites>').dt.tz_localize(None)",
        )
    return f"{value!r} is not a readable period", _READABLE


def label_index(values: pd.Index, codes: NDArray[np.integer[Any]], column: str) -> pd.Index:
    """Return the distinct values of a column of periods as labels, in the same order.

    Integers become int64, dates timestamps in microseconds, quarters and months in text pandas Periods.
    `codes` are the rows' positions in `values` and serve to count. Raises `DataError` for values that are
    not periods, have a time zone, or are of several kinds.
    """
    where = f"column {column!r}"
    if isinstance(values, pd.PeriodIndex):
        return values
    if isinstance(values, pd.DatetimeIndex):
        if values.tz is not None:
            what, remedy = _unreadable(values[0])
            raise DataError(what, where=where, remedy=remedy)
        return values.as_unit("us")
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "i":
        return values.astype(np.int64)
    written = list(values.astype(object))
    labels = [parse_label(value) for value in written]
    bad = [position for position, label in enumerate(labels) if label is None]
    if bad:
        what, remedy = _unreadable(written[bad[0]])
        rows = int(np.isin(codes, bad).sum())
        raise DataError(f"{rows:,} rows cannot be read as a period; for example, {what}", where=where, remedy=remedy)
    kinds: dict[str, Any] = {}
    for value, label in zip(written, labels, strict=True):
        kinds.setdefault(label.freqstr if isinstance(label, pd.Period) else type(label).__name__, value)
    if len(kinds) > 1:
        raise DataError(
            f"the periods are of {len(kinds)} kinds; for example, {' and '.join(map(repr, kinds.values()))}",
            where=where,
            remedy="write every period in the same way",
        )
    if any(isinstance(label, pd.Period) for label in labels):
        return pd.PeriodIndex(labels)
    if any(isinstance(label, pd.Timestamp) for label in labels):
        return pd.DatetimeIndex(labels).as_unit("us")
    return pd.Index(np.asarray(labels, dtype=np.int64))


def period_start(label: Any, length: PeriodLength) -> datetime.date:
    """Return the first day of a period.

    `label` is an integer year (`length="year"`), a pandas Period of that length, or the date (or ISO text)
    on which a period of that length starts. Raises `DataError` for an integer counter and for a Period of
    another length.

    >>> period_start(1988, "year")
    datetime.date(1988, 1, 1)
    """
    return _calendar(label, length)[0]


def period_end(label: Any, length: PeriodLength) -> datetime.date:
    """Return the last day of a period; see `period_start` for the labels.

    A date on the last day of a month is refused for months, quarters and years: it labels an end.

    >>> period_end("2026Q1", "quarter")
    datetime.date(2026, 3, 31)
    """
    return _calendar(label, length)[1]


def _calendar(label: Any, length: PeriodLength) -> tuple[datetime.date, datetime.date]:
    where = f"period {label_text(label)}"
    if length not in _MONTHS and length not in _DAYS:
        raise DataError(
            f"{length!r} is not a length of a period",
            where=where,
            remedy="use year, quarter, month, week or day",
        )
    parsed = parse_label(label)
    if parsed is None:
        what, remedy = _unreadable(label)
        raise DataError(what, where=where, remedy=remedy)
    if isinstance(parsed, int):
        if length != "year" or not 1 <= parsed <= 9999:
            raise DataError(
                f"an integer counter has no place in the calendar as a {length}",
                where=where,
                remedy="label the periods with dates or Periods, or with calendar years and length 'year'",
            )
        return datetime.date(parsed, 1, 1), datetime.date(parsed, 12, 31)
    if isinstance(parsed, pd.Period):
        own = _LENGTH_OF_FREQUENCY.get(parsed.freqstr.partition("-")[0])
        if own != length:
            raise DataError(
                f"the label has the frequency {parsed.freqstr}, which is not a {length}",
                where=where,
                remedy=f"declare the length {own!r}" if own else "convert the periods to dates",
            )
        return parsed.start_time.date(), parsed.end_time.date()
    start = parsed.date()
    if length in _DAYS:
        return start, start + datetime.timedelta(days=_DAYS[length] - 1)
    if parsed.is_month_end:
        raise DataError(
            f"the date is the last day of a month, so that it does not start a {length}",
            where=where,
            remedy="label each period by its first day, or by text such as '2026-01' or '2026Q1'",
        )
    after = parsed + pd.DateOffset(months=_MONTHS[length])
    return start, after.date() - datetime.timedelta(days=1)
