"""When something was decided: a time that somebody gives, or that of the git commit that holds the design. No clock."""

from __future__ import annotations

import datetime
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from attribution.errors import MethodError

_GIVE = "commit the design first (git add, git commit), or give the time: --time 2026-01-31T10:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time with its zone, and the git commit that it is of; None where the time was given by hand."""

    time: datetime.datetime
    commit: str | None


def stamp_of(path: Path, time: datetime.datetime | None, git: bool) -> Stamp:
    """Return the time that was given, or with `git` that of the last commit of the file.

    Raises `MethodError` unless exactly one of the two is asked for, for a time without a zone, and with `git` where
    the file is not committed as it stands.
    """
    if git == (time is not None):
        what = "both a time and git are given" if git else "nothing says when this is"
        raise MethodError(what, where="time", remedy="give either the time (--time) or the commit's (--git)")
    if time is None:
        return _committed(path)
    if time.utcoffset() is None:
        raise MethodError(
            f"the time {time} has no zone", where="time", remedy="write it with its zone: 2026-01-31T10:00:00+00:00"
        )
    return Stamp(time, None)


def _committed(path: Path) -> Stamp:
    """Return the last commit of a file, whose content must be that of the file as it stands."""
    here = f"./{path.name}"
    held = _git(path, "rev-parse", "--verify", "--quiet", f"HEAD:{here}")
    if not held:
        raise MethodError("git holds no commit of this file", where=str(path), remedy=_GIVE)
    if _git(path, "hash-object", "--", here) != held:
        raise MethodError("the file has changes that are not committed", where=str(path), remedy=_GIVE)
    commit, _, written = _git(path, "log", "-1", "--format=%H %cI", "--", here).partition(" ")
    if not written:
        raise MethodError("git knows no commit that touched this file", where=str(path), remedy=_GIVE)
    return Stamp(datetime.datetime.fromisoformat(written), commit)


def _git(path: Path, *arguments: str) -> str:
    """Return what git prints in the file's folder, "" where it finds nothing."""
    # The repository is the one that the file lies in, whatever a hook or a shell has set.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=path.parent,
            env=ours | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise MethodError(
            f"git cannot be run: {error.strerror}",
            where="--git",
            remedy="give the time: --time 2026-01-31T10:00:00+00:00",
        ) from error
    if done.returncode > 1:
        said = done.stderr.strip().splitlines()
        raise MethodError(f"git says: {said[0] if said else 'nothing'}", where=str(path), remedy=_GIVE)
    return done.stdout.strip()
