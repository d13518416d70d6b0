"""What the commands share: their arguments, printing, findings, and the code to end with."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from attribution.core.finding import Finding

DONE, DEFECT, UNUSABLE, GATE_FAILED = 0, 1, 2, 3

Design = Annotated[Path, typer.Argument(help="The design file (TOML).", show_default=False)]
AsOf = Annotated[
    datetime.datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Date of the evaluation; later follow-up periods wait."),
]


def say(text: str, *, err: bool = False) -> None:
    """Print a line; where nobody reads on (a closed pipe), go on in silence: the exit code still says what was done."""
    try:
        typer.echo(text, err=err)
    except BrokenPipeError:
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Silent:
    """A status line for scripts: none."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def date_of(as_of: datetime.datetime | None) -> datetime.date | None:
    return None if as_of is None else as_of.date()


def shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def print_findings(findings: Iterable[Finding], only: tuple[str, ...] = ()) -> None:
    for finding in findings:
        if only and finding.status not in only:
            continue
        word = "waived" if finding.waived else finding.status
        say(f"\n  {word.upper():7} {finding.id}: {finding.message}")
        if finding.waived:
            say(f"          {finding.waived}")
        if finding.observed:
            say(f"          observed {finding.observed}; threshold {finding.threshold} [{finding.source}]")
        if finding.remedy:
            say(f"          remedy: {finding.remedy}")


def finish(findings: Iterable[Finding]) -> NoReturn:
    found = list(findings)
    failed = [finding.id for finding in found if finding.gate_failed]
    waived = [finding.id for finding in found if finding.waived]
    if failed:
        say(f"\nA gate failed: {', '.join(failed)} (exit {GATE_FAILED})")
        raise typer.Exit(GATE_FAILED)
    say(f"\nNo gate failed that is not waived: {', '.join(waived)} (exit 0)" if waived else "\nNo gate failed (exit 0)")
    raise typer.Exit(DONE)
