"""Errors of the toolkit: each says what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import get_args


class AttributionError(Exception):
    """Root of every error that a user can mend; the command line turns it into exit code 2.

    `what` is the fault, `where` the file, key or column with counts and an example, `remedy` what to do.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        parts = [f"{where}: {what}" if where else what]
        if remedy:
            parts.append(f"What to do: {remedy}")
        super().__init__("\n  ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only fields do not survive the default pickling, which worker processes need.
        return (_rebuild, (type(self), self.what, self.where, self.remedy))


def _rebuild(kind: type[AttributionError], what: str, where: str, remedy: str) -> AttributionError:
    return kind(what, where=where, remedy=remedy)


class DataError(AttributionError):
    """The data cannot be used as they are: a column, a row, a label or a value."""


class MethodError(AttributionError):
    """A method cannot be applied: an option it does not know, an empty arm, a variance that does not fit."""


class OutputError(AttributionError):
    """A run folder cannot be written, or holds something that must not be overwritten."""


def require_type(value: object, kind: type, *, name: str, remedy: str) -> None:
    """Raise `MethodError` unless a public function's argument is of the kind it takes."""
    if not isinstance(value, kind):
        raise MethodError(f"{name} is a {type(value).__name__}, not a {kind.__name__}", where=name, remedy=remedy)


def require_known(**given: tuple[object, object]) -> None:
    """Raise `MethodError` for an option whose value is not one of its literals: `controls=(value, Controls)`."""
    for name, (value, literal) in given.items():
        known = get_args(literal)
        if value not in known:
            raise MethodError(f"{name} is {value!r}", where=name, remedy=f"choose one of {', '.join(known)}")


def require_counts(**given: tuple[object, int]) -> None:
    """Raise `MethodError` for what is no whole number of at least so much: `draws=(value, 1)`."""
    for name, (value, least) in given.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise MethodError(f"{name} is {value!r}", where=name, remedy=f"give a whole number of at least {least}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a design file: the key's path, what is wrong, what was expected, and the remedy."""

    key: str
    what: str
    remedy: str


class DesignError(AttributionError):
    """A design file is unusable; `problems` lists every fault of the file in one go."""

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = [f"{count} problem{'s' if count != 1 else ''} in the design"]
        for problem in self.problems:
            lines.append(f"[{problem.key}] {problem.what}\n    What to do: {problem.remedy}")
        super().__init__("\n  ".join(lines), where=path)

    def __reduce__(self) -> tuple[object, ...]:
        return (DesignError, (self.path, self.problems))
