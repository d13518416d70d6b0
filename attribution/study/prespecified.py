"""Whether a study is what was decided before its launch: its lock, read beside the design and the data of today."""

from __future__ import annotations

import datetime

from attribution.design.prespecified import Amendment, Difference, Prespecified
from attribution.design.schema import StudyDesign
from attribution.design.windows import first_day
from attribution.errors import DataError, DesignError
from attribution.study.amend import amendment_of, changes_since
from attribution.study.lock import Lock, lock_path, read_lock, require_study, version_of
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


def held(rows: int) -> str:
    """Return in words that measured rows of the follow-up were there to be looked at."""
    return f"the data held measured rows from the launch on ({rows:,})"


def _late(design: StudyDesign, lock: Lock) -> str:
    """Return why a design was frozen, or amended in what decides the claim, too late to be called pre-specified."""
    frozen, timing = lock.frozen, version_of(lock.last, design).timing
    try:
        launch: datetime.date | None = first_day(timing.launch, timing.period)
    except DataError:
        launch = None  # a counter: what the data held by then is all that can tell
    if frozen.data is not None and frozen.data.later_rows:
        return f"frozen when {held(frozen.data.later_rows)}"
    if launch is not None and frozen.time.date() > launch:
        return f"frozen after the launch ({launch.isoformat()})"
    for one in map(amendment_of, lock.amendments):
        if one.kind == "major" and one.informed:
            seen = "data of the follow-up had been seen" if one.data_seen else held(one.later_rows)
            return f"amended on {one.time.date()} in what decides the claim, when {seen}"
    return ""


def _sentence(lock: Lock, departures: tuple[Difference, ...], amendments: tuple[Amendment, ...], late: str) -> str:
    frozen = lock.frozen.time.date()
    if departures:
        since = f", amended last on {amendments[-1].time.date()}" if amendments else ""
        what = "1 field differs" if len(departures) == 1 else f"{len(departures)} fields differ"
        return f"{what} from what was frozen on {frozen}{since}, and nobody declared it"
    if amendments:
        major = sum(one.kind == "major" for one in amendments)
        times = "once" if len(amendments) == 1 else f"{len(amendments)} times"
        share = "" if major == len(amendments) else f"{major} of them " if major else "not "
        kept = f"the design was frozen on {frozen} and amended {times}, {share}in what decides the claim"
    else:
        kept = f"the design was frozen on {frozen} and is as it was"
    return f"{kept}, yet it is not pre-specified: {late}" if late else kept
