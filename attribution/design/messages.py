"""A fault of a design file in words: the key's path, what was found, what was expected, and the remedy."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from attribution.design.fields import PATTERNS
from attribution.design.schema import ARRAYS, TABLES, DesignFile
from attribution.errors import Problem

Path = Sequence[str | int]

BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A key that TOML writes without quotes."""

LONGEST_ECHO = 60
"""How many letters of a text are repeated in a message."""

_LARGEST_ECHO = 10**18

# Pydantic's type of an error -> what was expected, and the remedy.
_KINDS = {
    "string_type": ("a text", "put the value in quotes"),
    "int_type": ("a whole number", "write it in digits, without quotes and without a decimal point"),
    "float_type": ("a number", "write it in digits, without quotes, such as 0.95"),
    "finite_number": ("a finite number", "write it in digits, such as 0.95"),
    "sequence_str": ("an array of texts", 'write it in square brackets, such as ["tenure"]'),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "date_type": ("a date", "write it without quotes, such as 2026-01-31"),
    "tuple_type": ("an array", "write it in square brackets, such as [1987]"),
}
_SHAPES = ("model_type", "tuple_type")

# What a number below its bound usually means, by key; and of which tables there are easily too many.
_TOO_LOW = {
    "cost": "write what is paid, without a minus sign; what the program saves is measured, as its effect",
    "valuation": "write what one step for the better is worth; the KPI's direction says which way that is",
}
_TOO_MANY = {
    "kpi": "keep the KPIs that matter: two to four primary ones, and those that they may be bought with",
    "waiver": "a design that needs so many waivers needs mending",
}

# What the reader of TOML says of the commonest slips -> in words, and the remedy.
_TOML = (
    (r"Cannot declare \('(?P<name>.*)',\) twice", "the table [{name}] is there twice", "put its keys into one table"),
    (r"Cannot overwrite a value", "a key is there twice", "take one of the two out"),
    (r"Invalid date or datetime", "a date that is in no calendar", "write year-month-day, such as 2026-01-31"),
    (r"Illegal character '\\n'", "a text goes on over the end of its line", "close it with a quote"),
    (r"Illegal character (?P<name>'\S+')", "the character {name} cannot be in a text", "take it out"),
)
_BOUNDS = {
    "greater_than": ("gt", "a number above {}"),
    "greater_than_equal": ("ge", "a number of at least {}"),
    "less_than": ("lt", "a number below {}"),
    "less_than_equal": ("le", "a number of at most {}"),
    "string_too_short": ("min_length", "a text of at least {} character"),
    "string_too_long": ("max_length", "a text of at most {} characters"),
    "too_short": ("min_length", "at least {} entry"),
    "too_long": ("max_length", "at most {} entries"),
}


def key_path(path: Path) -> str:
    """Return a path as a reader writes it: `analysis[2].variance`."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            written += ("." if written else "") + (part if BARE_KEY.fullmatch(part) else echo(part))
    return written


def place_of(path: str) -> int:
    """Return the place of a key's table in the file, -1 where it is in none."""
    table = re.split(r"[.\[]", path, maxsplit=1)[0]
    return list(TABLES).index(table) if table in TABLES else -1


def echo(value: object) -> str:
    """Return a value of the file, short enough to print on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= LONGEST_ECHO else value[:LONGEST_ECHO] + "…")
    if isinstance(value, int) and abs(value) > _LARGEST_ECHO:
        return "a huge integer"
    if isinstance(value, (int, float, datetime.date, datetime.time)):
        return str(value)
    if isinstance(value, dict):
        return f"a table of {'1 key' if len(value) == 1 else f'{len(value)} keys'}"
    if isinstance(value, (list, tuple)):
        return f"an array of {'1 entry' if len(value) == 1 else f'{len(value)} entries'}"
    return f"a {type(value).__name__}"


def nearest(name: object, known: Iterable[str], *, none: str = "choose one of these") -> str:
    """Return the remedy of an unknown name: the nearest known one, `none` where none is near."""
    near = get_close_matches(name[:LONGEST_ECHO], list(known), n=1) if isinstance(name, str) else []
    return f"did you mean {near[0]!r}?" if near else none


def not_known(key: str, value: object, known: Iterable[str]) -> Problem:
    """Return the problem of a value that is none of the known names."""
    known = list(known)
    return Problem(key, f"found {echo(value)}, expected one of {', '.join(known)}", nearest(value, known))


def keys_of(table: type[BaseModel]) -> list[str]:
    """Return the keys of a table as they stand in the file."""
    return [field.alias or name for name, field in table.model_fields.items()]


def most_of(name: str) -> int:
    """Return how many tables of a name a design can hold, written [[name]]."""
    (most,) = (limit.max_length for limit in DesignFile.model_fields[name].metadata if hasattr(limit, "max_length"))
    return int(most)


def too_many(name: str, count: int) -> Problem:
    """Return the problem of more tables of a name than a design can hold."""
    what = f"found {count:,} tables written [[{name}]], expected at most {most_of(name)}"
    return Problem(name, what, _TOO_MANY.get(name, f"keep at most {most_of(name)}"))


def not_toml(said: str) -> tuple[str, str]:
    """Return in words what the reader of TOML says of a file, with the line, and the remedy."""
    for pattern, words, remedy in _TOML:
        found = re.search(pattern, said)
        if found is not None:
            place = re.search(r"at line (\d+)", said)
            line = f" (line {place[1]})" if place is not None else ""
            return f"the file is not TOML: {words.format(**found.groupdict())}{line}", remedy
    return f"the file is not TOML: {said}", "mend the line; texts are in quotes"


def is_echo(error: ErrorDetails) -> bool:
    """Say whether an error only follows from others: an array that is too short because its entries are faulty."""
    return error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]


def problem(error: ErrorDetails, *, key: str | None = None) -> Problem:
    """Return pydantic's error as a problem; `key` is the path where the error's own does not begin at the file."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if key is None:
        loc = error["loc"]
        key = key_path(loc)
        if kind == "extra_forbidden":
            return _unknown(loc)
        if kind == "missing":
            return _missing(loc)
        if kind in _SHAPES and (len(loc) == 1 or (len(loc) == 2 and isinstance(loc[1], int))):
            return _shape(loc, value)
    if kind == "design":
        return Problem(key, f"found {echo(value)}, expected {context['expected']}", context["remedy"])
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        return not_known(key, value, known)
    if kind == "string_pattern_mismatch":
        expected = PATTERNS[context["pattern"]]
        return Problem(key, f"found {echo(value)}, expected {expected}", "choose another, or shorten it")
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        low = kind.startswith("greater") and isinstance(value, (int, float)) and value < 0
        remedy = _TOO_LOW.get(key.partition("[")[0], "") if low else ""
        what = f"found {echo(value)}, expected {words.format(_bound(context[name]))}"
        return Problem(key, what, remedy or "bring it into these bounds")
    if kind.startswith("date_") and isinstance(value, (datetime.datetime, datetime.time)):
        return Problem(
            key, f"found {echo(value)}, expected a date without a time", "write the day alone, such as 2026-01-31"
        )
    expected, remedy = _KINDS.get(kind, (error["msg"].lower(), "write a value of this kind"))
    return Problem(key, f"found {echo(value)}, expected {expected}", remedy)


def _bound(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _unknown(loc: Path) -> Problem:
    name = loc[-1]
    if len(loc) == 1:
        heads = [f"[[{table}]]" if table in ARRAYS else f"[{table}]" for table in TABLES]
        what = f"unknown table or key {echo(name)}, expected schema, {', '.join(heads)}"
        known = ["schema", *TABLES]
    else:
        known = keys_of(TABLES[str(loc[0])])
        what = f"unknown key {echo(name)}, expected one of {', '.join(known)}"
    homes = [f"[{table}]" for table, model in TABLES.items() if name in keys_of(model)]
    hint = f"{echo(name)} is a key of {', '.join(homes)}" if homes else nearest(name, known)
    return Problem(key_path(loc), what, f"{hint}; rename the key, move it or take it out")


def _missing(loc: Path) -> Problem:
    name = str(loc[-1])
    if len(loc) == 1 and name in TABLES:
        head = f"[[{name}]]" if name in ARRAYS else f"[{name}]"
        required = [key for key, field in TABLES[name].model_fields.items() if field.is_required()]
        what = f"the table {head} is missing, expected {DesignFile.model_fields[name].description}"
        return Problem(name, what, f"add {head} with {', '.join(required)}")
    table = DesignFile if len(loc) == 1 else TABLES[str(loc[0])]
    field = {field.alias or key: field for key, field in table.model_fields.items()}[name]
    remedy = f"add {name} = 2026-01-31 or another day" if field.annotation is datetime.date else f"add {name} = …"
    return Problem(key_path(loc), f"the key is missing, expected {field.description}", remedy)


def _shape(loc: Path, value: object) -> Problem:
    name = str(loc[0])
    several = name in ARRAYS
    head = f"[[{name}]]" if several else f"[{name}]"
    what = f"found {echo(value)}, expected {'tables' if several else 'one table'} written {head}"
    return Problem(key_path(loc), what, f"write {head} on a line of its own, its keys below it")
