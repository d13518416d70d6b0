"""What is known of a design before its launch and since: the records that a rule and a page read."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

State: TypeAlias = Literal["frozen", "amended", "departed", "not_frozen", "broken"]
"""Run as frozen, with declared amendments, with undeclared ones, never frozen, or with a lock that nobody can trust."""

Kind: TypeAlias = Literal["minor", "major"]
"""A major amendment is of what decides the claim."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two versions of a design differ, as values that JSON can hold, and in words.

    `field` is a path such as `analysis.primary.method`, or that of a whole table, which is new or gone; `old` and
    `new` are None where a key is not set. `decides` says that the field can decide what is claimed.
    """

    field: str
    old: Any
    new: Any
    words: str
    decides: bool


@dataclass(frozen=True, slots=True)
class Amendment:
    """A declared change of a frozen design: when, by whom, why, and what was known of the follow-up by then.

    `data_seen` is what was declared, `later_rows` how many measured rows of the periods from the launch on were in the
    data at the time.
    """

    time: datetime.datetime
    time_from: str
    name: str
    reason: str
    kind: Kind
    data_seen: bool
    later_rows: int
    changes: tuple[Difference, ...]

    @property
    def informed(self) -> bool:
        """Say whether it can have been made in view of the follow-up."""
        return self.data_seen or self.later_rows > 0


@dataclass(frozen=True, slots=True)
class Prespecified:
    """Whether a study is what was decided before its launch: the state, in a sentence, and all that changed since.

    `deviations` are changes that nobody declared. `late` says why a design that was frozen, or amended, was so too
    late to be called pre-specified; empty where it was in time. `time` is that of the freezing.
    """

    state: State
    sentence: str
    deviations: tuple[Difference, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    reviewers: tuple[str, ...] = ()
    time: datetime.datetime | None = None
    time_from: str = ""
    late: str = ""

    @property
    def holds(self) -> bool:
        """Say whether the study may be called pre-specified."""
        return self.state in ("frozen", "amended") and not self.late
