"""The command line: parse, call, print, exit code."""

from __future__ import annotations

import datetime
import io
import json
import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from attribution.errors import AttributionError

if TYPE_CHECKING:
    from attribution.core.finding import Finding

DONE, DEFECT, UNUSABLE, GATE_FAILED = 0, 1, 2, 3

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Design = Annotated[Path, typer.Argument(help="The design file (TOML).", show_default=False)]
AsOf = Annotated[
    datetime.datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Date of the evaluation; later follow-up periods wait."),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        from attribution.study.manifest import package_version

        _say(f"attribution {package_version()}")
        raise typer.Exit(DONE)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Say how much of a KPI's change a training program caused, how sure we are, and what that is worth."""


class Schema(StrEnum):
    """The files that have a schema."""

    design = "design"
    results = "results"


@app.command()
def run(
    design: Design,
    as_of: AsOf = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/<study>/<as-of> unless given.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Threads for the draws; the numbers do not depend on it.")] = 1,
) -> None:
    """Run a study and write its report: exit 0 done, 2 unusable input, 3 done but a gate failed."""
    from rich.console import Console

    from attribution.design.load import load_design
    from attribution.report.claims import compile_claim
    from attribution.report.write import write
    from attribution.study.run import run as run_study

    study = load_design(design)
    with Console(stderr=True).status("running the study") if sys.stderr.isatty() else _Silent():
        result = run_study(study, as_of=_date(as_of), workers=workers)
        folder = out or Path("runs") / result.manifest.study / result.manifest.as_of
        report = write(result, folder)
    claim = compile_claim(result)
    _say(f"{study.study.title}, as of {result.manifest.as_of} (grade {claim.grade}: {claim.meaning})")
    _say("".join(f"\n  {sentence}\n" for sentence in (claim.sentence, *claim.others)))
    for tile in claim.tiles:
        _say(f"  {tile.title}: {tile.headline.text}" + (f" ({tile.interval})" if tile.interval else ""))
        _say(f"      {tile.note}")
    _print_findings(result.findings, only=("fail", "warn"))
    _say(f"\nreport:  {_shown(report)}\nresults: {_shown(report.parent / 'results.json')}")
    _finish(result.findings)


@app.command()
def check(design: Design, as_of: AsOf = None) -> None:
    """Review a design: every rule with its status, observed value, threshold and remedy."""
    from attribution.design.load import load_design
    from attribution.study.review import review
    from attribution.study.sources import data_path

    study = load_design(design)
    findings = review(study, as_of=_date(as_of))
    _say(f"{study.study.title}: {len(findings)} rules")
    path = data_path(study)
    if path is not None and not path.exists():
        _say(f"There is no file {path} yet: the design alone is reviewed.")
    _print_findings(findings)
    _finish(findings)


@app.command()
def schema(which: Annotated[Schema, typer.Argument(help="Which file's schema to print.")] = Schema.design) -> None:
    """Print the JSON Schema of the design file, or of results.json."""
    if which is Schema.design:
        from attribution.design.json_schema import design_json_schema

        _say(json.dumps(design_json_schema(), indent=2))
    else:
        from attribution.report.results import results_json_schema

        _say(json.dumps(results_json_schema(), indent=2))


@app.command()
def methods() -> None:
    """List the methods a design can name, with their options."""
    from attribution.registry import COHORTS, ESTIMATORS, FROM_DESIGN, load, options, summary

    for title, registry in (("Analyses", ESTIMATORS), ("Cohorts", COHORTS)):
        _say(f"{title}:")
        for name in registry:
            method = load(registry, name, kind="method")
            _say(f"{name}: {summary(method)}")
            for option in options(method):
                stated = "required" if option.required else f"default {option.default!r}"
                _say(f"    {option.name} ({'from [timing] or [inference]' if option.name in FROM_DESIGN else stated})")


def main() -> NoReturn:
    """Run the command line; unusable input is exit 2 with its remedy, a defect of ours keeps its traceback (exit 1)."""
    for stream in (sys.stdout, sys.stderr):
        # A minus sign or a name that the terminal cannot show must not turn a finished run into a defect.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except AttributionError as error:
        _say(f"error: {error}", err=True)
        sys.exit(UNUSABLE)
    sys.exit(DONE)


def _say(text: str, *, err: bool = False) -> None:
    """Print a line; where nobody reads on (a closed pipe), go on in silence: the exit code still says what was done."""
    try:
        typer.echo(text, err=err)
    except BrokenPipeError:
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Silent:
    """A status line for scripts: none."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _date(as_of: datetime.datetime | None) -> datetime.date | None:
    return None if as_of is None else as_of.date()


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _print_findings(findings: Iterable[Finding], only: tuple[str, ...] = ()) -> None:
    for finding in findings:
        if only and finding.status not in only:
            continue
        _say(f"\n  {finding.status.upper():7} {finding.id}: {finding.message}")
        if finding.observed:
            _say(f"          observed {finding.observed}; threshold {finding.threshold} [{finding.source}]")
        if finding.remedy:
            _say(f"          remedy: {finding.remedy}")


def _finish(findings: Iterable[Finding]) -> NoReturn:
    failed = [finding.id for finding in findings if finding.status == "fail"]
    if failed:
        _say(f"\nA gate failed: {', '.join(failed)} (exit {GATE_FAILED})")
        raise typer.Exit(GATE_FAILED)
    _say("\nNo gate failed (exit 0)")
    raise typer.Exit(DONE)
