"""Files that are whole or not there: written aside, on the disk, then moved in place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from attribution.errors import OutputError


def store(path: Path, text: str) -> None:
    """Write a text, as it stands and in UTF-8, and wait until the disk has it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, text: str, *, what: str, remedy: str) -> None:
    """Write a file beside its place and move it there; raises `OutputError`, what was there being as it was.

    Folders that are missing are made. `what` names the file in the message.
    """
    staged: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        os.close(number)
        staged = Path(name)
        store(staged, text)
        staged.chmod(0o644)
        staged.replace(path)
    except OSError as error:
        raise OutputError(
            f"cannot write {what}: {error.strerror or error}",
            where=str(path),
            remedy=f"{remedy}; what was there is as it was",
        ) from error
    finally:
        if staged is not None:
            staged.unlink(missing_ok=True)
