"""Cells and tables, ready for the one table macro, and the numbers in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from attribution.core.interval import Interval
from attribution.report.format import NOT_ESTIMABLE, THIN, number

Kind: TypeAlias = Literal["number", "words"]
Columns: TypeAlias = tuple[tuple[str, Kind], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, where the number stands in `results.json`, and whether it is a number or words."""

    text: str
    source: str = ""
    kind: Literal["number", "words", "head"] = "number"


@dataclass(frozen=True, slots=True)
class Table:
    """A caption, column headings with their kind, and rows of as many cells."""

    caption: str
    columns: Columns
    rows: tuple[tuple[Cell, ...], ...]


def headings(names: Sequence[str], *, first: Kind) -> Columns:
    """Return headings of columns of numbers, the first of another kind."""
    return ((names[0], first), *((name, "number") for name in names[1:]))


def numeric(text: str, source: str) -> Cell:
    """Return a number with its path in `results.json`."""
    return Cell(text, source)


def integer(value: int) -> str:
    """Return a whole number with thin separators."""
    return f"{value:,}".replace(",", THIN)


def in_full(value: float) -> str:
    """Return an amount as declared, to the unit: nothing is estimated about it."""
    return f"{integer(round(value))}" if math.isfinite(value) else NOT_ESTIMABLE


def hedges_text(value: float) -> str:
    """Return a standardised difference."""
    return NOT_ESTIMABLE if math.isnan(value) else fixed(value, 2)


def decimals_of(values: Iterable[float]) -> int:
    """Return the decimals that show three significant digits of the largest value, so that a column lines up."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return min(max(0, 2 - math.floor(math.log10(largest))), 12) if largest else 0


def fixed(value: float, decimals: int) -> str:
    """Return a number with so many decimals and a true minus."""
    if not math.isfinite(value):
        return NOT_ESTIMABLE
    written = f"{value:,.{decimals}f}".replace(",", THIN)
    return written.lstrip("-") if float(f"{value:.{decimals}f}") == 0 else written.replace("-", "−")


def set_ends(interval: Interval, base: str) -> tuple[Cell, Cell]:
    """Return the ends of a set in words, each with its path."""
    if interval.kind == "bounded":
        return numeric(fixed(interval.low, 2), f"{base}.low"), numeric(fixed(interval.high, 2), f"{base}.high")
    if interval.kind == "disjoint":
        return numeric(f"up to {number(interval.low)}", f"{base}.low"), numeric(
            f"{number(interval.high)} on", f"{base}.high"
        )
    word = "no limit" if interval.kind == "unbounded" else "undefined"
    return numeric(word, f"{base}.low"), numeric(word, f"{base}.high")
