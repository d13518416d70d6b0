"""The command that rehearses a study on its own history."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from attribution.cli.shared import DONE, GATE_FAILED, AsOf, Design, date_of, say, shown

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended."""


def rehearse(
    design: Design,
    rehearsals: Annotated[int, typer.Option(min=1, help="The number of placebo launches.")] = 500,
    effect: Annotated[
        list[float] | None,
        typer.Option(help="An improvement in KPI units to inject; may be given several times.", show_default=False),
    ] = None,
    analysis: Annotated[
        str | None, typer.Option(help="The analysis; the first primary one unless given.", show_default=False)
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            min=1, help="Draws of each replay; those of the design, 499 at most, unless given.", show_default=False
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the numbers do not depend on it.")] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The seed; that of the design unless given.", show_default=False)
    ] = None,
    as_of: AsOf = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder; runs/<study>/rehearsal unless given.", show_default=False)
    ] = None,
) -> None:
    """Rehearse a study on placebo launches in its history: how often would it claim what is not so?

    Interrupted, it keeps what is done, and the same command goes on from there. Exit 3: more false claims than chance.
    """
    from attribution.design.load import load_design
    from attribution.report.rehearsal_words import rehearsal_lines, verdict
    from attribution.report.rehearsal_write import ROWS, write_rehearsal
    from attribution.study.rehearse import rehearse as rehearse_study

    study = load_design(design)
    folder = out or Path("runs") / study.study.id / "rehearsal"
    finished = [0]
    try:
        with _bar(rehearsals) as advance:

            def progress(done: int, total: int) -> None:
                finished[0] = done
                advance(done, total)

            found = rehearse_study(
                study,
                rehearsals=rehearsals,
                effects=effect or None,
                analysis=analysis,
                draws=draws,
                workers=workers,
                seed=seed,
                as_of=date_of(as_of),
                store=folder / ROWS,
                progress=progress,
            )
    except KeyboardInterrupt:
        say(
            f"\ninterrupted: {finished[0]} of {rehearsals} rehearsals are kept in {shown(folder / ROWS)}; "
            "the same command goes on from there",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    written = write_rehearsal(found, folder)
    say(f"{study.study.title}: {found.label}")
    for line in rehearsal_lines(found):
        say(line)
    say(f"\nrows:    {shown(folder / ROWS)}\nsummary: {shown(written)}")
    code = GATE_FAILED if found.unsound else DONE
    say(f"\n{verdict(found)} (exit {code})")
    raise typer.Exit(code)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int, int], None]]:
    """Give a function that moves a progress bar; where nobody watches the terminal, nothing is drawn."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = TextColumn("rehearsing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("rehearsing", total=total)
        yield lambda done, total: bar.update(task, completed=done)
