"""Two versions of a design, told apart in words: keys by their table, tables by their id and not by their place."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attribution.design.messages import BARE_KEY, LONGEST_ECHO, echo, place_of
from attribution.design.prespecified import Difference
from attribution.design.schema import ARRAYS, TABLES, Analysis, StudyDesign
from attribution.design.table import Table
from attribution.errors import require_type

EVERY = frozenset({"*"})

MINOR: Mapping[str, frozenset[str]] = {
    "study": frozenset({"title", "question"}),
    "program": EVERY,
    "kpi": frozenset({"label", "owner", "baseline_source", "effect_source"}),
    "data": frozenset({"path"}),
    "valuation": frozenset({"source", "approver"}),
    "cost": frozenset({"source", "reason"}),
    "power": EVERY,
    "limits": EVERY,
}
"""Keys that decide no claim: names, sources, where the file lies; of analyses that are not primary every key.

Every other key does, one that is added later too.
"""

HEADLINE = "headline"
"""The field of the first primary analysis, whose order decides what page one says."""

_LONGEST_ARRAY = 200


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One table of a design: its path, what a sentence calls it, its values, and which keys decide nothing."""

    path: str
    subject: str
    values: Mapping[str, Any]
    minor: frozenset[str]

    def decides(self, key: str) -> bool:
        return self.minor is not EVERY and key not in self.minor


def differences(old: StudyDesign, new: StudyDesign) -> tuple[Difference, ...]:
    """Return every field in which two designs differ, as the toolkit reads them, in the order of the tables.

    Tables are matched by their id (a cost by its category, a value by its KPI, a waiver by its rule), so that their
    order makes no difference, but for which primary analysis is the first. Comments, layout and defaults that are
    spelled out make none. Raises `MethodError` for what is not a design.

    Examples
    --------
    >>> import attribution as at
    >>> from dataclasses import asdict
    >>> old = at.load_design("designs/michigan-grants.toml")
    >>> new = old.model_copy(update={"inference": old.inference.model_copy(update={"draws": 999})})
    >>> [one.words for one in differences(old, new)]
    ['The inference: draws was 1999, is now 999']
    """
    for name, design in (("old", old), ("new", new)):
        require_type(design, StudyDesign, name=name, remedy="load the file first: at.load_design(path)")
    before, after = ({row.path: row for row in _rows(design)} for design in (old, new))
    found: list[Difference] = []
    for path in sorted({**before, **after}, key=place_of):
        one, other = before.get(path), after.get(path)
        if one is None or other is None:
            found.append(_whole(one, other))
        else:
            found += _keys(one, other)
    return (*found, *_headline(old, new))


def fields_of(design: StudyDesign) -> dict[str, dict[str, Any]]:
    """Return the fields of a design as JSON holds them: those of each table by its path, such as `kpi.sales`."""
    return {row.path: plain(row.values) for row in _rows(design)}


def _rows(design: StudyDesign) -> Iterator[_Row]:
    for name in TABLES:
        value = getattr(design, name)
        if value is None:
            continue
        if name not in ARRAYS:
            subject = "The money" if name == "finance" else f"The {name}"
            yield _Row(name, subject, _values(value), MINOR.get(name, frozenset()))
            continue
        # Rows that have no id of their own are told apart by what they hold: their order says nothing.
        rows = [(_key(name, row), row) for row in value]
        if name in ("cost", "other_intervention", "waiver"):
            rows = sorted(rows, key=lambda pair: (pair[0], json.dumps(plain(_values(pair[1])), sort_keys=True)))
        counted: dict[str, int] = {}
        for key, row in rows:
            counted[key] = counted.get(key, 0) + 1
            own = key if counted[key] == 1 else f"{key}-{counted[key]}"
            path = f"{name}.{own}" if BARE_KEY.fullmatch(own) else f"{name}[{json.dumps(own, ensure_ascii=False)}]"
            aside = isinstance(row, Analysis) and row.role != "primary"
            minor = EVERY if aside else MINOR.get(name, frozenset())
            yield _Row(path, _subject(name, own, row), _values(row), minor)


_KEYS = {"other_intervention": "name", "valuation": "kpi", "cost": "category", "waiver": "rule"}

_NOUNS = {
    "kpi": "KPI",
    "other_intervention": "other intervention",
    "valuation": "value of",
    "cost": "cost",
    "waiver": "waiver of",
}


def _key(name: str, row: Table) -> str:
    return str(getattr(row, _KEYS.get(name, "id")))


def _subject(name: str, key: str, row: Table) -> str:
    if isinstance(row, Analysis):
        return f"The {row.role} analysis" if key == row.role else f"The {row.role} analysis {key}"
    if name == "cohort":
        return "The cohort" if key == "cohort" else f"The cohort {key}"
    return f"The {_NOUNS[name]} {key.replace('_', ' ') if name == 'cost' else key}"


def _values(row: Table) -> dict[str, Any]:
    """Return what a table sets, a method's options among its other keys; keys that are None are not set."""
    values = {name: getattr(row, name) for name in type(row).model_fields}
    options = values.pop("options", {})
    return {name: value for name, value in {**values, **options}.items() if value is not None}


def _whole(old: _Row | None, new: _Row | None) -> Difference:
    """Return the difference of a table that is only in one of the two."""
    row = old or new
    assert row is not None
    was, now = (None if one is None else plain(one.values) for one in (old, new))
    told = f"{row.subject} is {'new' if old is None else 'gone'}"
    if "method" in row.values:
        told += f" (method {row.values['method']})"
    return Difference(row.path, was, now, told, any(map(row.decides, row.values)))


def _keys(old: _Row, new: _Row) -> Iterator[Difference]:
    for key in {**old.values, **new.values}:
        was, now = old.values.get(key), new.values.get(key)
        if same(was, now):
            continue
        decides = old.decides(key) or new.decides(key)
        subject = old.subject if old.subject == new.subject or key == "role" else new.subject
        yield Difference(f"{old.path}.{key}", plain(was), plain(now), f"{subject}: {_told(key, was, now)}", decides)


def _headline(old: StudyDesign, new: StudyDesign) -> Iterator[Difference]:
    """Yield the difference in which of several primary analyses comes first: it is the one that page one speaks of."""
    before, after = ([one.id for one in design.primary] for design in (old, new))
    if before[0] != after[0] and before[0] in after and after[0] in before:
        told = f"The headline: the first primary analysis was {before[0]}, is now {after[0]}"
        yield Difference(HEADLINE, before[0], after[0], told, True)


def same(one: Any, other: Any) -> bool:
    """Say whether two values of a design are the same: 1 is 1.0, but neither is true, nor a date its text."""
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def plain(value: Any) -> Any:
    """Return a value of a design as JSON can hold it: dates as text, arrays as lists."""
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    return value


def _told(key: str, was: Any, now: Any) -> str:
    if isinstance(was, tuple) and isinstance(now, tuple):
        gone = [_said(one) for one in was if not any(same(one, other) for other in now)]
        come = [_said(one) for one in now if not any(same(one, other) for other in was)]
        parts = [f"without {_listed(gone)}"] * bool(gone) + [f"with {_listed(come)}"] * bool(come)
        return f"{key} is now {' and '.join(parts) or 'in another order, or repeats'}"
    if was is None:
        return f"{key} was not set, is now {_said(now)}"
    if now is None:
        return f"{key} was {_said(was)}, is no longer set"
    one, other = _said(was), _said(now)
    if one == other and isinstance(was, str) != isinstance(now, str):
        one, other = (f"the {'text' if isinstance(value, str) else 'value'} {_said(value)}" for value in (was, now))
    if one == other:
        return f"{key} is another text after its first {LONGEST_ECHO} letters"
    return f"{key} was {one}, is now {other}"


def _said(value: Any) -> str:
    if isinstance(value, str) and BARE_KEY.fullmatch(value):
        return value
    if isinstance(value, (tuple, list)):
        inside = f"[{_listed([_said(one) for one in value])}]"
        return inside if len(inside) <= _LONGEST_ARRAY else echo(value)
    written = echo(int(value) if isinstance(value, float) and value.is_integer() else value)
    return f"−{written[1:]}" if isinstance(value, (int, float)) and written.startswith("-") else written


def _listed(values: list[str], most: int = 4) -> str:
    more = len(values) - most
    return ", ".join(values[:most]) + (f" and {more} more" if more > 0 else "")
