"""Freeze a reviewed design before its launch: what was decided, by whom, when, and on which baseline data."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from attribution.design.fields import Text
from attribution.design.load import read_content
from attribution.design.messages import problem
from attribution.design.schema import StudyDesign
from attribution.errors import DesignError, MethodError, OutputError, Problem, require_type
from attribution.study.baseline import baseline_of
from attribution.study.files import write_whole
from attribution.study.lock import (
    MAX_BYTES,
    MAX_REVIEWERS,
    VERSION,
    Lock,
    design_path,
    digest_of,
    lock_path,
    read_lock,
)
from attribution.study.manifest import package_version
from attribution.study.sources import Source, read_if_there
from attribution.study.stamp import Stamp, stamp_of

ANOTHER_STUDY = "a design that was amended so often is another study: give it a new id and file name, and freeze that"


def freeze(
    design: StudyDesign, *, reviewers: Sequence[str], time: datetime.datetime | None = None, git: bool = False
) -> Path:
    """Write the lock of a design beside it, and return its path.

    Parameters
    ----------
    design
        As `load_design` read it; its file must not have changed since.
    reviewers
        Who reviewed it, at least one, each once.
    time, git
        When: a time with its zone, or with `git` that of the last commit of the file. Exactly one of the two.

    Raises
    ------
    DesignError
        The file has changed since it was read, or there is a lock that is broken.
    MethodError
        No reviewer or more than 50, one twice, no time, or a design that git does not hold as it stands.
    OutputError
        There is a lock already (`amend` adds to it), or the folder cannot be written to.

    Examples
    --------
    >>> import datetime, shutil, tempfile
    >>> import attribution as at
    >>> day = datetime.datetime(2026, 11, 25, 10, tzinfo=datetime.timezone.utc)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = shutil.copy("designs/michigan-grants.toml", folder)
    ...     freeze(at.load_design(file), reviewers=["Head of learning"], time=day).name
    'michigan-grants.lock.json'
    """
    require_type(design, StudyDesign, name="design", remedy="load the file first: at.load_design(path)")
    path = lock_path(design)
    names = _reviewers(reviewers)
    if read_lock(path) is not None:
        raise OutputError(
            "the design is frozen already",
            where=str(path),
            remedy="declare what changed: attribution amend; see it with attribution diff",
        )
    entry = version_entry(design, stamp_of(design_path(design), time, git), read_if_there(design))
    entry = {"study": design.study.id, "reviewers": list(names), **entry}
    write_lock(path, {"lock": VERSION, "frozen": signed(entry), "amendments": []})
    return path


def _reviewers(reviewers: Sequence[str]) -> tuple[str, ...]:
    named = [reviewers] if isinstance(reviewers, str) else list(reviewers)
    if not named:
        raise MethodError("nobody is named who reviewed the design", where="reviewers", remedy="name at least one")
    if len(named) > MAX_REVIEWERS:
        what = f"{len(named):,} are named who reviewed the design, and a lock holds at most {MAX_REVIEWERS}"
        raise MethodError(what, where="reviewers", remedy="name those who answer for it")
    names = [clean(name, "reviewers") for name in named]
    known: set[str] = set()
    for name in names:
        same = " ".join(name.casefold().split())
        if same in known:
            raise MethodError(f"{name!r} is named twice", where="reviewers", remedy="name each reviewer once")
        known.add(same)
    return tuple(names)


def clean(value: object, name: str) -> str:
    """Return a text that may stand on a page; raises `MethodError` for one that may not."""
    try:
        text: str = TypeAdapter(Text).validate_python(value, strict=True)
    except ValidationError as error:
        found = problem(error.errors(include_url=False)[0], key=name)
        raise MethodError(found.what, where=name, remedy=found.remedy) from error
    return text


def version_entry(design: StudyDesign, stamp: Stamp, source: Source | None) -> dict[str, Any]:
    """Return what every entry of a lock holds; raises `DesignError` where the file is not the design any more."""
    path = str(design_path(design))
    content = read_content(path)
    if hashlib.sha256(content).hexdigest() != design.source.digest:
        what = "the file has changed since it was read"
        raise DesignError(path, [Problem("file", what, "load it again, and look at what changed")])
    return {
        "time": stamp.time.isoformat(),
        "commit": stamp.commit,
        "version": package_version(),
        "design_digest": design.source.digest,
        "design_text": content.decode("utf-8"),
        "data": None if source is None else baseline_of(design, source).model_dump(),
    }


def signed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with the digest of its content."""
    return {**entry, "digest": digest_of(entry)}


def write_lock(path: Path, document: Mapping[str, Any]) -> None:
    """Write a lock, whole or not at all; raises `OutputError`, what was there being as it was."""
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    size = len(text.encode("utf-8"))
    Lock.model_validate_json(text)  # what cannot be read again is not written
    if size > MAX_BYTES:
        raise OutputError(
            f"the lock would have {size:,} bytes, which is more than the {MAX_BYTES:,} that are read",
            where=str(path),
            remedy=ANOTHER_STUDY,
        )
    write_whole(
        path,
        text,
        what="the lock",
        remedy="the lock stands beside the design: make its folder one that can be written to",
    )
