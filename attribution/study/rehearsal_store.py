"""The file that keeps finished rehearsals: a header, then a line for each; what is on it is not done twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attribution.errors import OutputError
from attribution.study.rehearsal_rows import Rehearsed, line_of, rows_of

Keep = Callable[[tuple[Rehearsed, ...]], None]


def kept_in(path: Path, header: Mapping[str, Any]) -> dict[int, tuple[Rehearsed, ...]]:
    """Return the rehearsals that a file keeps, by number; none where there is no file yet.

    A last line without its end was cut off while it was written, and is left out. Raises `OutputError` for a file of
    other rehearsals (another design, data, options or version), and for one that cannot be read.
    """
    if not path.exists():
        return {}
    lines = _whole_lines(path)
    if not lines:
        return {}
    try:
        found = json.loads(lines[0])
        if not isinstance(found, dict) or "rehearsals" not in found:
            raise ValueError
        rows = [rows_of(line) for line in lines[1:]]
    except (ValueError, TypeError, KeyError) as error:
        raise OutputError(
            "it holds something else than rehearsals, or a line of it was changed",
            where=str(path),
            remedy="name another folder, or take the file away",
        ) from error
    wrong = [name for name in {**header, **found} if found.get(name) != header.get(name)]
    if wrong:
        raise OutputError(
            f"it holds rehearsals of another {', '.join(wrong)}",
            where=str(path),
            remedy="name another folder, or take the file away: rehearsals of different studies are not mixed",
        )
    return {one[0].number: one for one in rows}


@contextmanager
def keeping(path: Path | None, header: Mapping[str, Any]) -> Iterator[Keep]:
    """Give a function that appends a rehearsal to the file; each line is handed to the system before the next."""
    if path is None:
        yield lambda rows: None
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beyond its last whole line, what was cut off is written over.
        whole = path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0
        with path.open("r+b" if path.exists() else "wb") as file:
            file.truncate(whole)
            file.seek(whole)
            if not whole:
                file.write(f"{json.dumps(dict(header), ensure_ascii=False)}\n".encode())
                file.flush()

            def keep(rows: tuple[Rehearsed, ...]) -> None:
                file.write(f"{line_of(rows)}\n".encode())
                file.flush()

            yield keep
    except OSError as error:
        raise OutputError(
            f"rehearsals cannot be kept: {error.strerror or error}",
            where=str(path),
            remedy="make room, or name a folder that can be written",
        ) from error


def _whole_lines(path: Path) -> list[str]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise OutputError(
            f"it cannot be read: {error.strerror or error}", where=str(path), remedy="name another folder"
        ) from error
    whole, _, _ = text.rpartition(b"\n")
    try:
        return whole.decode("utf-8").split("\n") if whole else []
    except UnicodeDecodeError as error:
        raise OutputError(
            "it holds something else than rehearsals", where=str(path), remedy="name another folder"
        ) from error
