"""A design file as it was read, sound or not, for the rules to look at what can be read of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from attribution.design.messages import key_path
from attribution.design.schema import TABLES
from attribution.design.table import Table

Row = TypeVar("Row", bound=Table)

_NAMES = {model: name for name, model in TABLES.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """The tables of a file as values, and the paths of the values that cannot be read.

    A rule that waited for a whole sound file would be silent while anything else is wrong. Here a rule asks for the
    keys that it needs and gets the rows in which these are sound, so that all faults come to light in one go.
    """

    tables: Mapping[str, Any]
    faults: frozenset[tuple[str | int, ...]]

    def has(self, name: str) -> bool:
        """Say whether a table is in the file."""
        return bool(self.tables.get(name, ()) != ())

    def rows(self, table: type[Row], *keys: str) -> Iterator[tuple[str, Row]]:
        """Yield the path and the values of each row of a table in which `keys` are sound."""
        name = _NAMES[table]
        found = self.tables.get(name)
        if found is None or (name,) in self.faults:
            return
        rows = enumerate(found) if isinstance(found, tuple) else [(None, found)]
        for number, row in rows:
            path: tuple[str | int, ...] = (name,) if number is None else (name, number)
            if path in self.faults or any((*path, key) in self.faults for key in keys):
                continue
            sound = {key: row[key] for key in table.model_fields if key in row and (*path, key) not in self.faults}
            yield key_path(path), table.model_construct(**sound)

    def all_rows(self, table: type[Row], *keys: str) -> list[tuple[str, Row]] | None:
        """Return every row of a table, or None where a row cannot be read, so that nothing can be said of all."""
        found = self.tables.get(_NAMES[table], ())
        rows = list(self.rows(table, *keys))
        return rows if isinstance(found, tuple) and len(rows) == len(found) else None
