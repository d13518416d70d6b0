"""Whether a study is what was decided before its launch: its lock, read beside the design and the data of today."""

from __future__ import annotations

import datetime

from attribution.design.prespecified import Amendment, Difference, Prespecified
from attribution.design.schema import StudyDesign
from attribution.errors import DataError, DesignError
from attribution.study.amend import amendment_of, changes_since, require_study
from attribution.study.baseline import first_day
from attribution.study.lock import Lock, lock_path, read_lock, version_of
from attribution.study.sources import Source

NOT_FROZEN = Prespecified("not_frozen", "the design was not frozen: nothing shows what was decided before the launch")


def prespecified(design: StudyDesign, source: Source | None) -> Prespecified:
    """Return whether a design is as it was frozen, or what changed since, declared or not.

    `source` are the data of today, None where there are none. A lock that cannot be trusted is a state, not an error:
    the study runs, and says so.
    """
    if design.source.path is None:
        return NOT_FROZEN
    path = lock_path(design)
    try:
        read = read_lock(path)
        if read is None:
            return NOT_FROZEN
        lock, _ = read
        require_study(design, lock)
        departures = changes_since(lock.last, design, source)
        late = _late(design, lock)
    except DesignError as error:
        first = error.problems[0]
        return Prespecified("broken", f"the lock {path.name} vouches for nothing: {first.key}: {first.what}")
    amendments = tuple(amendment_of(entry) for entry in lock.amendments)
    return Prespecified(
        state="departed" if departures else "amended" if amendments else "frozen",
        sentence=_sentence(lock, departures, amendments, late),
        deviations=departures,
        amendments=amendments,
        reviewers=lock.frozen.reviewers,
        time=lock.frozen.time,
        time_from=lock.frozen.time_from,
        late=late,
    )


def day(time: datetime.datetime) -> str:
    """Return the day of a time, where it was written."""
    return time.date().isoformat()


def _late(design: StudyDesign, lock: Lock) -> str:
    """Return why a design was frozen, or amended in what decides the claim, too late to be called pre-specified."""
    last, frozen = lock.last, lock.frozen
    now = design if last.design_digest == design.source.digest else version_of(last, lock_path(design))
    try:
        launch: datetime.date | None = first_day(now.timing)
    except DataError:
        launch = None  # a counter: what the data held by then is all that can tell
    if frozen.data is not None and frozen.data.later_rows:
        return f"frozen when {frozen.data.later_rows:,} measured rows from the launch on were in the data"
    if launch is not None and frozen.time.date() > launch:
        return f"frozen after the launch ({launch.isoformat()})"
    for one in map(amendment_of, lock.amendments):
        if one.kind == "major" and one.informed:
            seen = "data of the follow-up had been seen" if one.data_seen else _there(one)
            return f"amended on {day(one.time)} in what decides the claim, when {seen}"
    return ""


def _there(one: Amendment) -> str:
    return f"{one.later_rows:,} measured rows from the launch on were in the data"


def _sentence(lock: Lock, departures: tuple[Difference, ...], amendments: tuple[Amendment, ...], late: str) -> str:
    frozen = day(lock.frozen.time)
    if departures:
        since = f", amended last on {day(amendments[-1].time)}" if amendments else ""
        what = "1 field differs" if len(departures) == 1 else f"{len(departures)} fields differ"
        return f"{what} from the design that was frozen on {frozen}{since}, and nobody declared it"
    if amendments:
        major = sum(one.kind == "major" for one in amendments)
        times = "once" if len(amendments) == 1 else f"{len(amendments)} times"
        share = "" if major == len(amendments) else f"{major} of them " if major else "never "
        kept = f"the design was frozen on {frozen} and amended {times}, {share}in what decides the claim"
    else:
        kept = f"the design was frozen on {frozen} and is as it was"
    return f"{kept}, yet it is not pre-specified: {late}" if late else kept
