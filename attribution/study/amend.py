"""Declare a change of a frozen design: every field, why, by whom, and whether data of the follow-up had been seen."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict

from attribution.design.prespecified import Amendment, Difference, Kind
from attribution.design.schema import StudyDesign
from attribution.errors import MethodError, OutputError, require_known, require_type
from attribution.study.baseline import baseline_difference, baseline_of, can_compare
from attribution.study.differences import differences
from attribution.study.freeze import ANOTHER_STUDY, clean, signed, version_entry, write_lock
from attribution.study.lock import (
    MAX_AMENDMENTS,
    Amended,
    Version,
    design_path,
    lock_path,
    require_lock,
    version_of,
)
from attribution.study.sources import Source, read_if_there
from attribution.study.stamp import stamp_of


def amend(
    design: StudyDesign,
    *,
    reason: str,
    kind: Kind,
    data_seen: bool,
    name: str,
    time: datetime.datetime | None = None,
    git: bool = False,
) -> Amendment:
    """Add to a lock what changed since the design was frozen or last amended, and return it.

    Parameters
    ----------
    design
        The design as it is now.
    reason, name
        Why it changed, and who declares it.
    kind
        `major` or `minor`; a change of what decides the claim is major.
    data_seen
        Whether data of the follow-up had been seen.
    time, git
        When: as in `freeze`; not before the entry before.

    Raises
    ------
    DesignError
        There is no lock, or it is broken, or it is that of another study.
    MethodError
        Nothing changed, the change is major and was called minor, `data_seen` is neither True nor False, or the time is
        before that of the last entry.
    OutputError
        The lock cannot be written; it is then as it was.
    """
    require_type(design, StudyDesign, name="design", remedy="load the file first: at.load_design(path)")
    require_known(kind=(kind, Kind))
    require_type(data_seen, bool, name="data_seen", remedy="pass True or False")
    path = lock_path(design)
    lock, document = require_lock(design)
    if len(lock.amendments) >= MAX_AMENDMENTS:
        raise OutputError(
            f"the design was amended {MAX_AMENDMENTS} times, and no more are read",
            where=str(path),
            remedy=ANOTHER_STUDY,
        )
    declared = {"name": clean(name, "name"), "reason": clean(reason, "reason"), "kind": kind, "data_seen": data_seen}
    stamp = stamp_of(design_path(design), time, git)
    if stamp.time < lock.last.time:
        raise MethodError(
            f"{stamp.time.isoformat()} is before the last entry of the lock, {lock.last.time.isoformat()}",
            where="time",
            remedy="give the time of this amendment" if stamp.commit is None else "commit the amended design",
        )
    source = read_if_there(design)
    changes = changes_since(lock.last, design, source)
    if not changes:
        raise MethodError(
            "nothing changed since the last entry but, at most, comments and layout",
            where=str(path),
            remedy="there is nothing to declare",
        )
    _require_kind(kind, changes)
    entry = signed(
        {
            "before": lock.last.digest,
            **declared,
            "changes": [asdict(one) for one in changes],
            **version_entry(design, stamp, source),
        }
    )
    write_lock(path, {**document, "amendments": [*document["amendments"], entry]})
    return amendment_of(Amended.model_validate_json(json.dumps(entry)))


def changes_since(version: Version, design: StudyDesign, source: Source | None) -> tuple[Difference, ...]:
    """Return what is another in the design, and in its baseline data, than in a version of the lock.

    The baseline is that of the version, by its columns and its launch: a launch that moved changes no data.
    """
    was = version_of(version, design)
    found = differences(was, design)
    if source is None or version.data is None or not can_compare(was, source):
        return found
    moved = baseline_difference(version.data, baseline_of(was, source))
    return found if moved is None else (*found, moved)


def amendment_of(entry: Amended) -> Amendment:
    """Return an entry of a lock as what it declares."""
    return Amendment(
        time=entry.time,
        time_from=entry.time_from,
        name=entry.name,
        reason=entry.reason,
        kind=entry.kind,
        data_seen=entry.data_seen,
        later_rows=0 if entry.data is None else entry.data.later_rows,
        changes=tuple(change.difference() for change in entry.changes),
    )


def _require_kind(kind: Kind, changes: tuple[Difference, ...]) -> None:
    deciding = [one.field for one in changes if one.decides]
    if kind == "minor" and deciding:
        shown = ", ".join(deciding[:5]) + (f" and {len(deciding) - 5} more" if len(deciding) > 5 else "")
        raise MethodError(
            f"{shown} can decide what is claimed, so that the amendment is major",
            where="class",
            remedy="say --class major, or take these changes back; names, sources and limits are minor",
        )
