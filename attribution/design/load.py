"""Read a design file: all of it or nothing, with every fault of the file in one error."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from attribution.design.draft import Draft
from attribution.design.fields import ID_PATTERN
from attribution.design.messages import is_echo, most_of, not_toml, place_of, problem, too_many
from attribution.design.rules import broken_rules
from attribution.design.schema import ARRAYS, Analysis, CohortTable, DesignFile, DesignSource, StudyDesign
from attribution.design.table import Table
from attribution.errors import DesignError, Problem

MAX_BYTES = 1_000_000
MAX_PROBLEMS = 100
MAX_DEPTH = 8
MAX_DOTS = 300


def load_design(path: str | os.PathLike[str]) -> StudyDesign:
    """Read and check a design file; a design that is returned holds to every rule.

    Parameters
    ----------
    path
        A TOML file, UTF-8, at most 1 MB. Relative paths in it are relative to its folder.

    Raises
    ------
    DesignError
        The file cannot be read, or it breaks a rule; `problems` lists every fault (of more than 100, the first 100 and
        how many there are) with the key's path, what was found, what was expected, and the remedy.

    Examples
    --------
    >>> design = load_design("designs/michigan-grants.toml")
    >>> design.study.id, design.kpi[0].scale, design.timing.baseline
    ('michigan-grants', 'log', (1987,))
    """
    file = os.fspath(path)
    return design_of(read_content(file), file)


def design_of(content: bytes, file: str) -> StudyDesign:
    """Return the design that the content of a file holds, as if it had been read from there; see `load_design`."""
    tables = _prepare(file, _parse(file, content))
    problems = _shorten(tables)
    faults: frozenset[tuple[str | int, ...]] = frozenset((found.key,) for found in problems)
    left_out = 0
    design: DesignFile | None = None
    try:
        design = DesignFile.model_validate(tables)
    except ValidationError as error:
        details = [detail for detail in error.errors(include_url=False) if not is_echo(detail)]
        faults |= {_key(detail["loc"]) for detail in details}
        problems += [problem(detail) for detail in details[: MAX_PROBLEMS + 1]]
        left_out = max(len(details) - MAX_PROBLEMS - 1, 0)
    problems += broken_rules(Draft(tables, faults))
    if design is None or problems:
        raise DesignError(file, _at_most(sorted(problems, key=lambda found: place_of(found.key)), left_out))
    source = DesignSource(path=Path(file), digest=hashlib.sha256(content).hexdigest())
    checked = {name: getattr(design, name) for name in DesignFile.model_fields}
    return StudyDesign.model_construct(set(design.model_fields_set | {"source"}), **checked, source=source)


def _refuse(file: str, what: str, remedy: str) -> DesignError:
    return DesignError(file, [Problem("file", what, remedy)])


def read_content(file: str) -> bytes:
    """Return what a design file holds; raises `DesignError` for one that cannot be read or is too large."""
    try:
        with open(file, "rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refuse(file, "there is no such file", "check the path; it is relative to the current folder") from None
    except OSError as error:
        raise _refuse(file, f"the file cannot be read: {error.strerror}", "name a file that can be read") from None
    except ValueError as error:
        raise _refuse(file, f"this is not a path: {error}", "name a file") from None
    if len(content) > MAX_BYTES:
        raise _refuse(file, f"the file has more than {MAX_BYTES:,} bytes", "keep data out of the design file")
    return content


def _parse(file: str, content: bytes) -> dict[str, Any]:
    try:
        # Some editors begin a UTF-8 file with a byte-order mark.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"the file is not UTF-8 (line {line}, byte {error.start})"
        raise _refuse(file, what, "save it as UTF-8") from None
    # tomllib takes time in the square of a dotted key's parts; texts are short, and an array may go over several lines.
    for number, written in enumerate(text.split("\n"), start=1):
        if written.count(".") > MAX_DOTS:
            what = f"line {number} holds more than {MAX_DOTS} full stops, a nesting too large to read"
            raise _refuse(file, what, "put each entry of an array on a line of its own")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, remedy = not_toml(str(error))
        raise _refuse(file, what, remedy) from None
    except (ValueError, RecursionError):
        # An integer of thousands of digits, arrays in arrays without end.
        what = "the file holds a number or a nesting too large to read"
        raise _refuse(file, what, "a design needs no such value") from None


def _prepare(file: str, parsed: dict[str, Any]) -> dict[str, Any]:
    """Return the file's tables as the models hold them: arrays as tuples, options apart, the one KPI filled in."""
    tables: dict[str, Any] = {name: _frozen(file, value, 0) for name, value in parsed.items()}
    only = _only_kpi(tables.get("kpi"))
    for name in ("analysis", "valuation"):
        if isinstance(tables.get(name), tuple):
            rows = [row | {"kpi": row.get("kpi", only)} if _needs(row, only) else row for row in tables[name]]
            tables[name] = tuple(rows)
    if isinstance(tables.get("cohort"), dict):
        tables["cohort"] = ({"id": "cohort"} | tables["cohort"],)
        only = tables["cohort"][0]["id"]
        if isinstance(tables.get("analysis"), tuple):
            rows = [{"cohort": only} | row if isinstance(row, dict) else row for row in tables["analysis"]]
            tables["analysis"] = tuple(rows)
    for name, table in (("analysis", Analysis), ("cohort", CohortTable)):
        if isinstance(tables.get(name), tuple):
            tables[name] = tuple(_split(row, table) if isinstance(row, dict) else row for row in tables[name])
    return tables


def _shorten(tables: dict[str, Any]) -> list[Problem]:
    """Cut arrays of too many tables to what a design can hold, so that thousands are not read; a problem for each."""
    problems = []
    for name in ARRAYS:
        rows, most = tables.get(name), most_of(name)
        if isinstance(rows, tuple) and len(rows) > most:
            problems.append(too_many(name, len(rows)))
            tables[name] = rows[:most]
    return problems


def _frozen(file: str, value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise _refuse(file, f"tables or arrays are nested more than {MAX_DEPTH} deep", "a design needs no such value")
    if isinstance(value, list):
        return tuple(_frozen(file, item, depth + 1) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(file, item, depth + 1) for key, item in value.items()}
    return value


def _only_kpi(kpis: Any) -> str | None:
    if not (isinstance(kpis, tuple) and len(kpis) == 1 and isinstance(kpis[0], dict)):
        return None
    written = kpis[0].get("id")
    # Where the id itself is at fault, one problem is enough: what refers to it is not blamed as well.
    return written if isinstance(written, str) and re.fullmatch(ID_PATTERN, written) else "kpi"


def _needs(row: Any, only: str | None) -> bool:
    return isinstance(row, dict) and "kpi" not in row and only is not None


def _split(row: dict[str, Any], table: type[Table]) -> dict[str, Any]:
    own = [name for name in table.model_fields if name != "options"]
    options = {key: value for key, value in row.items() if key not in own}
    return {key: row[key] for key in own if key in row} | {"options": options}


def _key(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return the path of the key that holds a fault: without the place inside an array of values."""
    return loc[:3] if len(loc) > 1 and isinstance(loc[1], int) else loc[:2]


def _at_most(problems: list[Problem], left_out: int) -> list[Problem]:
    more = len(problems) + left_out - MAX_PROBLEMS
    if more <= 0:
        return problems
    what = "1 more problem is not listed" if more == 1 else f"{more:,} more problems are not listed"
    rest = Problem("file", what, "mend these first, then check again")
    return [*problems[:MAX_PROBLEMS], rest]
