"""The commands that freeze a design before its launch, declare what changes later, and show what did."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.shared import Design, say, shown
from attribution.errors import MethodError

if TYPE_CHECKING:
    from attribution.design.prespecified import Difference
    from attribution.design.schema import StudyDesign

Time = Annotated[
    str | None,
    typer.Option("--time", help="When, with its zone, such as 2026-01-31T10:00:00+00:00.", show_default=False),
]
Git = Annotated[bool, typer.Option("--git", help="When: the time of the last commit of the design file.")]


class Class(StrEnum):
    """How much an amendment changes."""

    minor = "minor"
    major = "major"


def freeze(
    design: Design,
    reviewer: Annotated[
        list[str], typer.Option(help="Who reviewed it; may be given several times.", show_default=False)
    ],
    time: Time = None,
    git: Git = False,
) -> None:
    """Freeze a reviewed design before its launch: writes its lock, <design>.lock.json, beside it."""
    from attribution.design.load import load_design
    from attribution.study.freeze import freeze as freeze_design
    from attribution.study.lock import require_lock
    from attribution.study.prespecified import prespecified

    study = load_design(design)
    path = freeze_design(study, reviewers=reviewer, time=_time(time), git=git)
    frozen = require_lock(study)[0].frozen
    say(f"{study.study.title}: frozen on {frozen.time.date()} ({frozen.time_from})")
    say(f"  reviewed by {', '.join(frozen.reviewers)}")
    say(f"  design: {shown(design)}, SHA-256 {frozen.design_digest}")
    if frozen.data is None:
        say("  baseline data: none yet, so that nothing will show whether they were changed")
    else:
        say(f"  baseline data: {frozen.data.size} before the launch, SHA-256 {frozen.data.digest}")
    late = prespecified(study, None).late
    if late:
        say(f"  note: {late}: the study will not be called pre-specified")
    say(f"\nlock: {shown(path)}; keep it under version control, beside the design")


def amend(
    design: Design,
    reason: Annotated[str, typer.Option(help="Why it changed.", show_default=False)],
    kind: Annotated[
        Class, typer.Option("--class", help="major where it is of what decides the claim.", show_default=False)
    ],
    name: Annotated[str, typer.Option(help="Who declares it.", show_default=False)],
    data_seen: Annotated[
        bool | None,
        typer.Option(
            "--data-seen/--data-unseen", help="Whether data of the follow-up had been seen.", show_default=False
        ),
    ] = None,
    time: Time = None,
    git: Git = False,
) -> None:
    """Declare what changed in a frozen design since it was frozen or last amended."""
    from attribution.design.load import load_design
    from attribution.study.amend import amend as amend_design
    from attribution.study.lock import lock_path
    from attribution.study.prespecified import held

    if data_seen is None:  # typer would ask for the first of the two alone
        raise MethodError(
            "nothing says whether data of the follow-up had been seen",
            where="amend",
            remedy="say --data-seen or --data-unseen",
        )
    study = load_design(design)
    made = amend_design(
        study, reason=reason, kind=kind.value, data_seen=data_seen, name=name, time=_time(time), git=git
    )
    say(f"{study.study.title}: amended on {made.time.date()} ({made.time_from}) by {made.name}, {made.kind}")
    _print_changes(made.changes)
    if made.later_rows and not made.data_seen:
        say(f"\n  note: {held(made.later_rows)}, seen or not")
    if made.kind == "major" and made.informed:
        say("\n  note: the study will not be called pre-specified any more; page one will say what changed and why")
    say(f"\nlock: {shown(lock_path(study))}")


def diff(
    old: Design,
    new: Annotated[
        Path | None,
        typer.Argument(help="Another version; without it, OLD is compared with what was frozen.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
) -> None:
    """Show in words what differs between two versions of a design, or since it was frozen or last amended."""
    from attribution.design.load import load_design

    if new is None:
        heading, found = _since_frozen(load_design(old))
    else:
        from attribution.study.differences import differences

        heading, found = f"{shown(old)} against {shown(new)}", differences(load_design(old), load_design(new))
    if as_json:
        say(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
        return
    say(f"{heading}: {_counted(found)}")
    _print_changes(found)


def _since_frozen(design: StudyDesign) -> tuple[str, Sequence[Difference]]:
    from attribution.study.amend import changes_since
    from attribution.study.lock import require_lock
    from attribution.study.sources import read_if_there

    remedy = "name another version to compare with, or freeze the design: attribution freeze"
    lock, _ = require_lock(design, remedy=remedy)
    what = "amended" if lock.amendments else "frozen"
    return f"Since it was {what} on {lock.last.time.date()}", changes_since(lock.last, design, read_if_there(design))


def _counted(found: Sequence[Difference]) -> str:
    if not found:
        return "no difference, but at most in comments and layout"
    return "1 difference" if len(found) == 1 else f"{len(found)} differences"


def _print_changes(found: Sequence[Difference]) -> None:
    for one in found:
        say(f"  {'major' if one.decides else 'minor'}  {one.words}")


def _time(text: str | None) -> datetime.datetime | None:
    if text is None:
        return None
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        remedy = "write the day, the time and the zone: 2026-01-31T10:00:00+00:00"
        raise MethodError(f"{text!r} is not a time", where="--time", remedy=remedy) from None
