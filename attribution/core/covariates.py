"""Covariates of the units as columns of a design: numbers as they are, categories as 0/1 columns, interactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.errors import DataError, MethodError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SHOWN = 12
"""Names of covariates that an error lists."""

DEPENDENT = 1e-8
"""What is left of a column after those before it, relative to its spread, below which it is a combination of them."""


def covariate_matrix(
    panel: Panel, names: Sequence[str], inside: Bools, *, independent: bool = True
) -> tuple[Floats, tuple[str, ...]]:
    """Return the design of the units `inside[n_units]`, `[n_units, k]` with the intercept first, and its column names.

    Categories become one 0/1 column per level but the first in sorted order; `"a:b"` is every column of a times every
    column of b. Rows of other units are 0. Raises `MethodError` for a name that the panel has no covariate of,
    and `DataError`, naming the column, for values missing inside, a column that is constant and, where columns must be
    `independent`, one that is a combination of the others and more columns than units.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"p": [1, 1, 2, 2, 3, 3], "t": [0, 1] * 3, "y": 1.0, "start": [1, 1] + [None] * 4,
    ...     "age": [40, 40, 30, 30, 50, 50], "site": ["b", "b", "a", "a", "a", "a"]})
    >>> panel = at.Panel.from_frame(frame, unit="p", period="t", outcome="y", adopted="start",
    ...     covariates=["age", "site"])
    >>> design, columns = covariate_matrix(panel, ["site"], panel.units.adopted >= 0)
    >>> columns, design.tolist()
    (('intercept', 'site[b]'), [[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    """
    require_names(panel, names)
    columns: dict[str, Floats] = {}
    for name in names:
        columns |= _columns(panel, name, inside)
    constant = [name for name, column in columns.items() if np.ptp(column[inside]) == 0] if inside.any() else []
    if constant:
        value = columns[constant[0]][inside][0]
        raise DataError(
            f"{_listed(constant)} {'is' if len(constant) == 1 else 'are'} the same for all {int(inside.sum()):,} units "
            f"({value:g})",
            where=f"covariate {constant[0]!r}",
            remedy="leave it out: what does not vary cannot tell units apart",
        )
    design = np.zeros((len(panel.units), len(columns) + 1))
    design[inside, 0] = 1.0
    for place, column in enumerate(columns.values(), start=1):
        design[inside, place] = column[inside]
    labels = ("intercept", *columns)
    if independent:
        _require_independent(design[inside], labels)
    return design, labels


def require_names(panel: Panel, names: Sequence[str], *, option: str = "covariates") -> None:
    """Raise `MethodError` for names of which the panel has no covariate, or that stand twice; `option` named them."""
    if isinstance(names, str):
        raise MethodError(
            f"{option} is the text {names!r}, not a list of names",
            where=option,
            remedy=f"pass {option}=[{names!r}]",
        )
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise MethodError(f"{_listed(twice)} stands twice", where=option, remedy="name each covariate once")
    known = panel.units.covariates
    for name in names:
        for part in [name] if name in known else name.split(":"):
            if part in known:
                continue
            near = get_close_matches(part, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            more = f" and {len(known) - SHOWN:,} more" if len(known) > SHOWN else ""
            listed = f"choose from {', '.join([*known][:SHOWN])}{more}" if known else "the panel has none"
            raise MethodError(
                f"there is no covariate {part!r}",
                where=option,
                remedy=f"{hint}{listed}; covariates are read by Panel.from_frame(covariates=[…]), in a design file by "
                "columns.covariates",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """What an effect is adjusted for: the design `[n_units, k]`, its columns, the covariates, and what to say of it."""

    design: Floats
    labels: tuple[str, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def adjustment(panel: Panel, covariates: Sequence[str] | None, inside: Bools) -> Adjustment | None:
    """Return the columns that an effect is adjusted for among the units `inside[n_units]`; None where there are none.

    Covariates that are None are those of a matched cohort: a match is never exact on all of them, and what it leaves is
    taken out by regression. Raises as `covariate_matrix`.
    """
    if covariates is not None:
        if not len(covariates):
            return None
        return Adjustment(*covariate_matrix(panel, covariates, inside), tuple(covariates))
    cohort = panel.cohort
    if cohort is None or cohort.matches is None or cohort.columns is None:
        return None
    design, labels, gone = cohort_matrix(cohort, inside)
    if len(labels) == 1:
        return None
    notes = (f"the match is exact in {_listed(gone)}: nothing is left to adjust",) if gone else ()
    return Adjustment(design, labels, cohort.covariates, notes)


def cohort_matrix(cohort: Cohort, inside: Bools) -> tuple[Floats, tuple[str, ...], tuple[str, ...]]:
    """Return the design of the columns that made a cohort, its column names, and those left out of it.

    `[n_units, k]` with the intercept first, rows of other units 0. A column that is constant or a combination of those
    before it among the units `inside[n_units]`, as an exact match makes it, has nothing left to adjust for and is left
    out.
    """
    assert cohort.columns is not None
    used, kept, gone = inside & (cohort.weights > 0), ["intercept"], []
    design = [np.where(used, 1.0, 0.0)]
    for label, column in zip(cohort.labels, cohort.columns.T, strict=True):
        rows = column[used]
        spread = float(np.sqrt(np.mean((rows - rows.mean()) ** 2))) if len(rows) else 0.0
        before = np.column_stack(design)[used]
        left = rows - before @ np.linalg.lstsq(before, rows, rcond=None)[0]
        if spread <= DEPENDENT * max(1.0, float(np.abs(rows).max(initial=0.0))) or (
            float(np.sqrt(np.mean(left**2))) <= DEPENDENT * spread
        ):
            gone.append(label)
            continue
        kept.append(label)
        design.append(np.where(used, column, 0.0))
    return np.column_stack(design), tuple(kept), tuple(gone)


def _columns(panel: Panel, name: str, inside: Bools) -> dict[str, Floats]:
    """Return the columns of one covariate, or the products of those of an interaction."""
    if name in panel.units.covariates:
        return _coded(panel, name, inside)
    parts = [_coded(panel, part, inside) for part in name.split(":")]
    found = {}
    for chosen in product(*(part.items() for part in parts)):
        column = np.ones(len(panel.units))
        for _, values in chosen:
            column = column * values
        found[":".join(label for label, _ in chosen)] = column
    return found


def _coded(panel: Panel, name: str, inside: Bools) -> dict[str, Floats]:
    values = panel.units.covariates[name]
    missing = np.asarray(pd.isna(values)) & inside
    if missing.any():
        count, first = int(missing.sum()), panel.units.label[int(np.argmax(missing))]
        raise DataError(
            f"{count:,} of {int(inside.sum()):,} units that enter have no value before adoption; for example, "
            f"{panel.columns.unit or 'row'} {first}",
            where=f"covariate {name!r}",
            remedy="fill the values and add a column that says where they were missing, or leave the covariate out",
        )
    if values.dtype != object:
        return {name: np.where(inside, values, 0.0)}
    levels = sorted(set(values[inside]), key=lambda level: (type(level).__name__, level))
    # A category with one level has no column of its own; it is constant, and said to be so.
    shown = levels[1:] or levels
    return {f"{name}[{level}]": np.where(inside, values == level, 0.0).astype(float) for level in shown}


def _require_independent(rows: Floats, labels: tuple[str, ...]) -> None:
    n, k = rows.shape
    if n <= k:
        raise DataError(
            f"{k} columns ({_listed(labels[:8])}{' …' if k > 8 else ''}) for {n} units",
            where="covariates",
            remedy="leave covariates out, or merge levels of a category",
        )
    found = dependence(rows, labels)
    if found is None:
        return
    worst, others = found
    raise DataError(
        f"column {worst!r} is a linear combination of {_listed(others)}",
        where=f"covariate {worst!r}",
        remedy=f"leave it out, or {others[-1]!r}" if others else "leave it out",
    )


def dependence(rows: Floats, labels: tuple[str, ...]) -> tuple[str, list[str]] | None:
    """Return the first column of a design that follows from those before it, and these; None where there is none.

    `rows[n, k]` has the intercept first, and no other column that is constant.
    """
    centred = rows[:, 1:] - rows[:, 1:].mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    scaled = centred / size
    left = np.abs(np.diag(np.asarray(np.linalg.qr(scaled, mode="r"))))
    dependent = np.flatnonzero(left < DEPENDENT)
    if not len(dependent):
        return None
    worst = int(dependent[0])
    weights = np.linalg.lstsq(scaled[:, :worst], scaled[:, worst], rcond=None)[0]
    return labels[1 + worst], [labels[1 + place] for place in np.flatnonzero(np.abs(weights) > 1e-6)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
