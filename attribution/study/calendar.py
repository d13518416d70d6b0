"""Which periods are over on a date, and which rows of the data belong to them."""

from __future__ import annotations

import datetime
from typing import Any

import pandas as pd

from attribution.core.periods import PeriodLength, parse_label, period_end


def end_of(label: Any, length: PeriodLength) -> datetime.date | None:
    """Return the last day of a period of the design; None for a counter, which has no place in the calendar."""
    if isinstance(label, int) and length != "year":
        return None
    return period_end(label, length)


def is_over(label: Any, length: PeriodLength, date: datetime.date) -> bool:
    """Say whether a period of the design is over on a date; a counter always is."""
    end = end_of(label, length)
    return end is None or end <= date


def rows_over(column: pd.Series[Any], length: PeriodLength, date: datetime.date) -> pd.Series[bool]:
    """Return which rows of a column of periods belong to a period that is over on a date.

    What is no period is kept, for the panel to refuse by its column.
    """
    late = [value for value in column.unique() if (end := end_in_data(value, length)) is not None and end > date]
    return ~column.isin(late)


def end_in_data(value: Any, length: PeriodLength) -> datetime.date | None:
    """Return the last day of a period as the data write it: there a month may go by its last day, or be a Period."""
    label = parse_label(value)
    if label is None or (isinstance(label, int) and (length != "year" or not 1 <= label <= 9999)):
        return None
    if isinstance(label, pd.Period):
        return label.end_time.date()
    if isinstance(label, pd.Timestamp) and length not in ("week", "day") and label.is_month_end:
        return label.date()
    return period_end(label, length)
