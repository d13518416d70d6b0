"""From a data frame to a panel: each column read once, the unusable refused with counts and a remedy."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.adoption import read_adopted, read_trained
from attribution.core.codes import distinct, read_ids, read_numbers
from attribution.core.panel import NEVER, Columns, Direction, Kind, Observations, Panel, PanelCounts, Scale, Units
from attribution.core.periods import Periods, kind_of, label_index, ordinals
from attribution.core.rows import Rows, arrange
from attribution.core.unit_columns import read_assigned, read_cluster, read_covariate, read_group, read_weight
from attribution.errors import DataError, MethodError

MAX_PERIODS = int(np.iinfo(np.int16).max)

UNIT_NAMES: dict[Kind, str] = {"repeated_cross_sections": "row", "series": "series", "cross_section": "row"}
"""What a unit is called where no column holds it."""


def panel_from_frame(
    frame: Any,
    *,
    unit: str | None,
    period: str | None,
    outcome: str,
    adopted: str | None,
    trained: str | None,
    cluster: str | None,
    weight: str | None,
    assigned: str | None,
    covariates: Sequence[str],
    groups: Sequence[str],
    direction: Direction,
    scale: Scale,
    kind: Kind,
) -> Panel:
    """Build a panel from a data frame, one row per unit and period, in any row order.

    `frame` is a pandas DataFrame or anything that Arrow reads as a table (polars, Arrow); it is not
    changed. `unit`: text, integers, categories or other ids of one type. `period`: integers, dates without
    a time zone, pandas Periods, or text ("2026Q1", "2026-01", "2026-01-31"). `adopted`: the first period of
    training, the same in every row of a unit; missing, inf, and 0 beside positive integer periods are
    never. Or `trained`: 0/1 in every row, adoption being the first 1. `outcome`: numbers, missing allowed.
    `weight`, `cluster`, `assigned` and `groups` are constant per unit. `covariates`: the first value before
    adoption. In repeated cross-sections every row is a unit, `adopted` is the adoption of its group, covariates
    are the row's own, and `unit`, where given, is the cluster unless `cluster` is. A series is one unit. A
    cross-section has one row per unit and no `period`: its KPI was measured once, after the training, `trained` says
    who was, and covariates are those of before it.

    Raises `DataError` for data that cannot be read so, with counts, an example and a remedy, and
    `MethodError` for options that do not fit together.

    >>> frame = pd.DataFrame({"firm": ["a", "a", "b", "b"], "year": [1, 2, 1, 2], "kpi": [5.0, 3, 5, 4],
    ...                       "start": [2, 2, None, None]})
    >>> panel = Panel.from_frame(frame, unit="firm", period="year", outcome="kpi", adopted="start")
    >>> panel.counts.never_read_as
    {'NaN': 1}
    """
    _require_options(unit, period, adopted, trained, covariates, groups, direction, scale, kind)
    _require_distinct_roles(unit=unit, period=period, outcome=outcome, adopted=adopted, trained=trained)
    crossed = kind == "repeated_cross_sections"
    if crossed and cluster is None:
        cluster = unit
    single = [unit, period, outcome, adopted, trained, cluster, weight, assigned]
    names = [name for name in single if name is not None]
    table, nulls = _select(frame, list(dict.fromkeys([*names, *covariates, *groups])), adopted)
    rows = _read_rows(table, unit, period, outcome, kind)
    values = _read_outcome(table[outcome], outcome, rows)

    never_read_as: dict[str, int] = {}
    switched_off = unrecorded = 0
    if trained is not None:
        adoption, switched_off = read_trained(table[trained], trained, rows)
    else:
        assert adopted is not None
        adoption, never_read_as, unrecorded = read_adopted(table[adopted], adopted, rows, nulls)
    n_units = len(rows.labels)
    cluster_codes, cluster_labels = np.arange(n_units, dtype=np.int32), rows.labels
    if cluster is not None and (crossed or cluster != unit):
        cluster_codes, cluster_labels = read_cluster(table[cluster], cluster, rows)
    # A row of a cross-section has no earlier row: its covariates are its own.
    until = np.full(n_units, NEVER, dtype=np.int32) if crossed or kind == "cross_section" else adoption
    fixed = {name: read_covariate(table[name], name, rows, until) for name in covariates}
    missing = np.isnan(values)
    called = unit if unit is not None and kind == "cross_section" else UNIT_NAMES.get(kind) or str(unit)
    return Panel(
        units=Units(
            label=rows.labels,
            adopted=adoption,
            cluster=cluster_codes,
            cluster_labels=cluster_labels,
            weight=np.ones(n_units) if weight is None else read_weight(table[weight], weight, rows),
            assigned=None if assigned is None else read_assigned(table[assigned], assigned, rows),
            groups={name: read_group(table[name], name, rows) for name in groups},
            covariates=fixed,
        ),
        observations=Observations(
            unit=np.repeat(np.arange(n_units, dtype=np.int32), np.diff(rows.starts, append=len(rows))),
            period=rows.sorted(rows.period),
            outcome=rows.sorted(values),
        ),
        periods=rows.periods,
        columns=Columns(called, period or "", outcome, adopted, trained, cluster, weight, assigned),
        kind=kind,
        direction=direction,
        scale=scale,
        counts=PanelCounts(
            rows=len(rows),
            units=n_units,
            rows_missing_outcome=int(missing.sum()),
            units_without_outcome=_units_without(missing, rows),
            rows_absent=0 if crossed else n_units * len(rows.periods) - len(rows),
            never_read_as=never_read_as,
            covariates_missing={name: int(pd.isna(column).sum()) for name, column in fixed.items()},
            switched_off=switched_off,
            adopted_unrecorded=unrecorded,
        ),
    )


def _require_options(
    unit: str | None,
    period: str | None,
    adopted: str | None,
    trained: str | None,
    covariates: Sequence[str],
    groups: Sequence[str],
    direction: str,
    scale: str,
    kind: str,
) -> None:
    if (adopted is None) == (trained is None):
        raise MethodError(
            "neither adopted= nor trained= is given" if adopted is None else "both adopted= and trained= are given",
            where="Panel.from_frame",
            remedy="give exactly one: adopted=, a column with each unit's first period of training, "
            "or trained=, a column with 0 or 1 in each period",
        )
    if kind not in get_args(Kind):
        raise MethodError(
            f"kind {kind!r} is not read",
            where="Panel.from_frame",
            remedy="pass 'panel' (the same units over periods), 'repeated_cross_sections' (other people each period), "
            "'cross_section' (one row per unit) or 'series' (one row per period)",
        )
    if period is None and kind != "cross_section":
        raise MethodError(
            "no period= is given",
            where="Panel.from_frame",
            remedy="name the column that says when each row was measured, or pass kind='cross_section' where every "
            "unit was measured once",
        )
    if kind == "cross_section" and period is not None:
        raise MethodError(
            f"a cross-section has one row per unit, and no period {period!r}",
            where="Panel.from_frame",
            remedy="keep the rows of one period and leave out period=, or pass kind='panel'",
        )
    if kind == "cross_section" and trained is None:
        raise MethodError(
            "adopted= says when a unit was first trained, and a cross-section has no periods",
            where="Panel.from_frame",
            remedy="pass trained=, a column with 1 for units trained before the KPI was measured and 0 for others",
        )
    if kind == "panel" and unit is None:
        raise MethodError(
            "no unit= is given",
            where="Panel.from_frame",
            remedy="name the column that says who each row is about, or pass kind='repeated_cross_sections' where "
            "every row is another person, kind='series' where there is one row per period",
        )
    if kind == "repeated_cross_sections" and trained is not None:
        raise MethodError(
            "trained= says who is trained in the row's period, not when the row's group was",
            where="Panel.from_frame",
            remedy="pass adopted=, the first period of training of the row's group, also in rows before it",
        )
    for option, value, allowed in (
        ("direction", direction, get_args(Direction)),
        ("scale", scale, get_args(Scale)),
    ):
        if value not in allowed:
            raise MethodError(
                f"{option} {value!r} is not known",
                where="Panel.from_frame",
                remedy=f"use {' or '.join(allowed)}",
            )
    for option, listed in (("covariates", covariates), ("groups", groups)):
        if isinstance(listed, str):
            raise MethodError(
                f"{option} is the text {listed!r}, not a list of columns",
                where="Panel.from_frame",
                remedy=f"pass {option}=[{listed!r}]",
            )


def _require_distinct_roles(**roles: str | None) -> None:
    used = Counter(name for name in roles.values() if name is not None)
    for name, count in used.items():
        if count > 1:
            twice = " and ".join(role for role, column in roles.items() if column == name)
            raise DataError(
                f"the column is given as {twice}",
                where=f"column {name!r}",
                remedy="name a different column for each",
            )


def _select(frame: Any, names: list[str], adopted: str | None) -> tuple[pd.DataFrame, NDArray[np.bool_] | None]:
    """Return the needed columns as pandas, and which rows of `adopted` were null in an Arrow table."""
    if isinstance(frame, pd.DataFrame):
        _require_columns(list(frame.columns), names, frame.index.names)
        _require_rows(len(frame))
        return frame[names], None
    import pyarrow as pa

    try:
        table = pa.table(frame)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"a {type(frame).__module__}.{type(frame).__qualname__} is not a data frame ({error})",
            where="Panel.from_frame",
            remedy="pass a pandas or polars DataFrame (a lazy one collected first) or an Arrow table",
        ) from None
    _require_columns(table.column_names, names, ())
    _require_rows(table.num_rows)
    table = table.select(names)
    nulls = None
    if adopted is not None and table.column(adopted).null_count:
        nulls = table.column(adopted).is_null().to_numpy()
    return table.to_pandas(date_as_object=False, ignore_metadata=True), nulls


def _require_columns(present: list[Any], names: list[str], index: Sequence[Any]) -> None:
    """Raise `DataError` listing each missing column with the nearest name, or each that stands twice."""
    absent = [name for name in names if name not in present]
    if absent:
        hints = []
        for name in absent:
            near = difflib.get_close_matches(name, map(str, present), n=1)
            hints.append(f"{name!r} (nearest: {near[0]!r})" if near else f"{name!r}")
        listed = ", ".join(map(str, present[:40])) + (f" and {len(present) - 40} more" if len(present) > 40 else "")
        in_index = [name for name in absent if name in index]
        raise DataError(
            f"{len(absent)} column{'s are' if len(absent) > 1 else ' is'} missing: {', '.join(hints)}; "
            f"the columns are: {listed}",
            where="columns of the frame",
            remedy=f"call frame.reset_index(), since {in_index[0]!r} is in the index"
            if in_index
            else "name columns that are there, or rename them in the data",
        )
    counts = Counter(present)
    twice = [name for name in names if counts[name] > 1]
    if twice:
        raise DataError(
            f"{len(twice)} column name{'s stand' if len(twice) > 1 else ' stands'} more than once: "
            + ", ".join(map(repr, twice)),
            where="columns of the frame",
            remedy="rename the columns so that each name stands once",
        )


def _require_rows(count: int) -> None:
    if count == 0:
        raise DataError(
            "the frame has no rows",
            where="Panel.from_frame",
            remedy="check the query or the filter that made it",
        )


def _read_rows(table: pd.DataFrame, unit: str | None, period: str | None, outcome: str, kind: Kind) -> Rows:
    """Return unit and period codes of every row with their order."""
    if period is None:
        once, only = np.zeros(len(table), dtype=np.int16), Periods(pd.Index([1]), "integer")
        if unit is None:
            return _each_row_a_unit(table, outcome, once, only)
        ids, labels = read_ids(table[unit], unit)
        return arrange(ids, once, labels, only)
    codes, values = distinct(table[period], period)
    missing = codes < 0
    if missing.any():
        raise DataError(
            f"{int(missing.sum()):,} rows have no period, the first is row {int(np.argmax(missing))} (counted from 0)",
            where=f"column {period!r}",
            remedy="give every row its period, or leave the row out",
        )
    index = label_index(values, codes, period)
    # Two spellings of one quarter are one period; sorting by ordinal makes them so.
    _, first, inverse = np.unique(ordinals(index), return_index=True, return_inverse=True)
    index = index[first]
    if len(index) > MAX_PERIODS:
        raise DataError(
            f"there are {len(index):,} periods, at most {MAX_PERIODS:,} can be read",
            where=f"column {period!r}",
            remedy="aggregate to days, weeks or months first",
        )
    period_codes = inverse.astype(np.int16)[codes]
    periods = Periods(index, kind_of(index))
    if kind == "repeated_cross_sections":
        return _each_row_a_unit(table, outcome, period_codes, periods)
    if kind == "series":
        return arrange(np.zeros(len(table), dtype=np.int32), period_codes, pd.Index(["series"]), periods)
    unit_codes, labels = read_ids(table[str(unit)], str(unit))
    return arrange(unit_codes, period_codes, labels, periods)


def _each_row_a_unit(table: pd.DataFrame, outcome: str, period: NDArray[np.int16], periods: Periods) -> Rows:
    """Return rows that are units of their own, by period and KPI so that the frame's order changes no sum.

    The label of a unit is its row's place in the frame, counted from 0.
    """
    order = np.lexsort((read_numbers(table[outcome], outcome), period))
    unit = np.empty(len(order), dtype=np.int32)
    unit[order] = np.arange(len(order), dtype=np.int32)
    return Rows(unit, period, order, np.arange(len(order)), pd.Index(order), periods)


def _read_outcome(column: pd.Series[Any], name: str, rows: Rows) -> NDArray[np.float64]:
    """Return the KPI, NaN where missing; `DataError` for text, infinite values, and no value at all."""
    values = read_numbers(column, name)
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"{int(infinite.sum()):,} rows hold an infinite value; for example, {rows.place(row)} has {values[row]}",
            where=f"column {name!r}",
            remedy="mend the logarithm or ratio that made it, or write a missing value",
        )
    if np.isnan(values).all():
        raise DataError(
            f"none of the {len(values):,} rows has a value",
            where=f"column {name!r}",
            remedy="name the column that holds the KPI, or check how its file was read",
        )
    return values


def _units_without(missing: NDArray[np.bool_], rows: Rows) -> int:
    """Return the number of units without any KPI value."""
    if not missing.any():
        return 0
    observed = np.zeros(len(rows.labels), dtype=bool)
    observed[rows.unit[~missing]] = True
    return int((~observed).sum())
