"""The lock beside a design: what was frozen, each amendment since, and a chain of digests that shows what was touched.

Every entry holds the digest of its own content and of the entry before. Whoever edits one by hand and computes no
digests anew is found out; who does is not, so that a lock belongs under version control, as the design does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, ValidationError

from attribution.design.fields import Line, Text
from attribution.design.load import design_of
from attribution.design.messages import key_path
from attribution.design.prespecified import Difference, Kind
from attribution.design.schema import StudyDesign
from attribution.design.table import Table
from attribution.errors import DesignError, MethodError, Problem

VERSION = 1
ENDING = ".lock.json"
MAX_BYTES = 8_000_000
MAX_AMENDMENTS = 500
MAX_REVIEWERS = 50

Sha: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Commit: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{40,64}$")]

FREEZE = "freeze the design first: attribution freeze"
RESTORE = "restore the lock from version control (git checkout -- FILE); changes are declared by attribution amend"


class BaselineRecord(Table):
    """What the data held when a version was written: their baseline, as a digest, and how much of the follow-up."""

    data: Text
    """the file or data set"""
    rows: Annotated[int, Field(ge=0)]
    """the rows of periods that are over before the launch"""
    units: Annotated[int, Field(ge=0)] | None
    """the units in these rows; null where the data follow none"""
    later_rows: Annotated[int, Field(ge=0)]
    """the rows from the launch on that hold a KPI"""
    digest: Sha
    """the SHA-256 of the baseline, all columns together"""
    columns: dict[str, Sha]
    """the SHA-256 of each column with its units and periods"""

    @property
    def size(self) -> str:
        """The rows and units, in words."""
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        return rows if self.units is None else f"{rows} of {'1 unit' if self.units == 1 else f'{self.units:,} units'}"


class ChangeRecord(Table):
    """One field that an amendment changed."""

    field: Line
    """the path of the field"""
    old: Any
    """what it was; null where it was not set"""
    new: Any
    """what it is now; null where it is no longer set"""
    words: Line
    """the change in a sentence"""
    decides: bool
    """whether the field can decide what is claimed"""

    def difference(self) -> Difference:
        """Return the change as the difference that it records."""
        return Difference(self.field, self.old, self.new, self.words, self.decides)


class Version(Table):
    """What every entry holds: a version of the design, and when it was written."""

    time: AwareDatetime
    """the time, with its zone"""
    commit: Commit | None
    """the git commit that the time is of; null where it was given by hand"""
    version: Text
    """the version of the toolkit"""
    design_digest: Sha
    """the SHA-256 of the design file"""
    design_text: Annotated[str, Field(max_length=1_000_000)]
    """the design file, whole"""
    data: BaselineRecord | None
    """the data of the time; null where there were none"""
    digest: Sha
    """the SHA-256 of all else in this entry"""

    @property
    def time_from(self) -> str:
        """Where the time comes from, in words."""
        return "given by hand" if self.commit is None else f"git commit {self.commit[:12]}"


class Frozen(Version):
    """The first entry: the design as it was frozen."""

    study: Text
    """the id of the study"""
    reviewers: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_REVIEWERS)]
    """who reviewed the design"""


class Amended(Version):
    """A declared change of the design."""

    before: Sha
    """the digest of the entry before"""
    name: Text
    """who declares it"""
    reason: Text
    """why it was made"""
    kind: Kind
    """major where it is of what decides the claim, else minor"""
    data_seen: bool
    """whether data of the follow-up had been seen"""
    changes: Annotated[tuple[ChangeRecord, ...], Field(min_length=1)]
    """every field that changed"""


class Lock(Table):
    """The file beside the design."""

    lock: Literal[1]
    """the version of this file"""
    frozen: Frozen
    """the design as it was frozen"""
    amendments: Annotated[tuple[Amended, ...], Field(max_length=MAX_AMENDMENTS)]
    """the amendments since, in their order"""

    @property
    def last(self) -> Version:
        """The version that holds now."""
        return self.amendments[-1] if self.amendments else self.frozen


def design_path(design: StudyDesign) -> Path:
    """Return the file that a design was read from; raises `MethodError` for one that was read from none."""
    path = design.source.path
    if path is None:
        raise MethodError("the design comes from no file", where="design", remedy="load it: at.load_design(path)")
    return path


def lock_path(design: StudyDesign) -> Path:
    """Return where the lock of a design is; raises as `design_path`."""
    path = design_path(design)
    return path.with_name(f"{path.stem}{ENDING}")


def digest_of(entry: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an entry as JSON holds it, of all but its own digest."""
    content = {key: value for key, value in entry.items() if key != "digest"}
    return _sha(json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def read_lock(path: Path) -> tuple[Lock, dict[str, Any]] | None:
    """Return a lock whose chain holds, and the same as JSON; None where there is none.

    Raises `DesignError` for a file that is no lock, and for an entry that is not as it was written.
    """
    document = _document(path)
    if document is None:
        return None
    problems = list(_touched(document))
    if problems:
        raise DesignError(str(path), problems)
    try:
        return Lock.model_validate_json(json.dumps(document)), document
    except (ValueError, RecursionError) as error:
        key = key_path(error.errors()[0]["loc"]) if isinstance(error, ValidationError) else "file"
        raise _refuse(path, "this is not a lock that this version reads", RESTORE, key=key) from error


def require_lock(design: StudyDesign, *, remedy: str = FREEZE) -> tuple[Lock, dict[str, Any]]:
    """Return the lock of a design as `read_lock` does; raises `DesignError` where there is none that is its own."""
    path = lock_path(design)
    read = read_lock(path)
    if read is None:
        raise _refuse(path, "there is no lock: the design was not frozen", remedy)
    require_study(design, read[0])
    return read


def require_study(design: StudyDesign, lock: Lock) -> None:
    """Raise `DesignError` where a lock is that of another study."""
    if lock.frozen.study != design.study.id:
        what = f"this lock is of study {lock.frozen.study!r}, and the design is of {design.study.id!r}"
        remedy = "give the study the id that was frozen; a study of another id is frozen anew, under another file name"
        raise _refuse(lock_path(design), what, remedy, key="frozen.study")


def version_of(entry: Version, design: StudyDesign) -> StudyDesign:
    """Return the design that an entry of its lock holds, which is the design itself where its file is as it was.

    Raises `DesignError` where this version of the toolkit refuses what the entry holds.
    """
    if entry.design_digest == design.source.digest:
        return design
    path = lock_path(design)
    try:
        return design_of(entry.design_text.encode("utf-8"), str(path))
    except DesignError as error:
        first = error.problems[0]
        what = f"the design that was written by version {entry.version} is refused today: [{first.key}] {first.what}"
        raise _refuse(path, what, "run the study with that version, or amend the design") from error


def _document(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refuse(path, f"the lock cannot be read: {error.strerror}", "make it a file that can be read") from error
    if len(content) > MAX_BYTES:
        raise _refuse(path, f"the file has more than {MAX_BYTES:,} bytes, which no lock has", RESTORE)
    try:
        document = json.loads(content.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _refuse(path, "this is not readable JSON", RESTORE) from error
    if not isinstance(document, dict) or not isinstance(document.get("frozen"), dict):
        raise _refuse(path, "this is not a lock: it holds no frozen design", RESTORE)
    if document.get("lock") != VERSION:
        what = f"this lock is of version {str(document.get('lock'))[:20]}, and version {VERSION} is read here"
        raise _refuse(path, what, "read it with the version of the toolkit that wrote it")
    return document


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _touched(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each entry that is not as it was written, or does not follow on the one before."""
    amendments = document.get("amendments")
    entries = [document["frozen"], *(amendments if isinstance(amendments, list) else [None])]
    names = ["frozen", *(f"amendments[{place}]" for place in range(len(entries) - 1))]
    before = None
    for name, entry in zip(names, entries, strict=True):
        if not isinstance(entry, dict):
            yield Problem(name, "this is no entry", RESTORE)
            return
        try:
            own = digest_of(entry)
        except (ValueError, RecursionError):
            yield Problem(name, "this entry cannot be read", RESTORE)
            return
        if entry.get("digest") != own:
            yield Problem(name, "this entry was changed after it was written: its digest is another", RESTORE)
        elif entry.get("before") != before:
            yield Problem(name, "an entry before this one was changed, taken out or put elsewhere", RESTORE)
        elif not _text_matches(entry):
            yield Problem(f"{name}.design_text", "the text of the design does not have the digest beside it", RESTORE)
        before = own


def _text_matches(entry: Mapping[str, Any]) -> bool:
    text = entry.get("design_text")
    return isinstance(text, str) and _sha(text) == entry.get("design_digest")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _refuse(path: Path, what: str, remedy: str, *, key: str = "file") -> DesignError:
    return DesignError(str(path), [Problem(key, what, remedy)])
