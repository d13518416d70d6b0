"""The commands of the terminal, and how they end: exit 0 done, 2 unusable input, 3 a gate failed, 1 our defect."""

from __future__ import annotations

import io
import sys
from typing import Annotated, NoReturn

import typer

from attribution.cli import freezing, planning, rehearsing, studies, templates
from attribution.cli.shared import DONE, UNUSABLE, say
from attribution.errors import AttributionError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from attribution.study.manifest import package_version

        say(f"attribution {package_version()}")
        raise typer.Exit(DONE)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Say how much of a KPI's change a training program caused, how sure we are, and what that is worth."""


for command in (
    templates.new,
    studies.check,
    planning.plan,
    rehearsing.rehearse,
    freezing.freeze,
    freezing.amend,
    freezing.diff,
    studies.run,
    studies.schema,
    studies.methods,
):
    app.command()(command)


def main() -> NoReturn:
    """Run the command line; unusable input is exit 2 with its remedy, a defect of ours keeps its traceback (exit 1)."""
    for stream in (sys.stdout, sys.stderr):
        # A minus sign or a name that the terminal cannot show must not turn a finished run into a defect.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except AttributionError as error:
        say(f"error: {error}", err=True)
        sys.exit(UNUSABLE)
    sys.exit(DONE)
