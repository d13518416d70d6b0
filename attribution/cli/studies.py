"""The commands that run and review a study, and those that say what a design can hold."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from attribution.cli.shared import AsOf, Design, Silent, date_of, finish, print_findings, say, shown


class Schema(StrEnum):
    """The files that have a schema."""

    design = "design"
    results = "results"
    review = "review"


def run(
    design: Design,
    as_of: AsOf = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/<study>/<as-of> unless given.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Threads for the draws; the numbers do not depend on it.")] = 1,
) -> None:
    """Run a study and write its report: exit 0 done, 2 unusable input, 3 done but a gate failed."""
    from rich.console import Console

    from attribution.design.load import load_design
    from attribution.report.banner import standing
    from attribution.report.claims import compile_claim
    from attribution.report.format import capital
    from attribution.report.write import write
    from attribution.study.run import run as run_study

    study = load_design(design)
    with Console(stderr=True).status("running the study") if sys.stderr.isatty() else Silent():
        result = run_study(study, as_of=date_of(as_of), workers=workers)
        folder = out or Path("runs") / result.manifest.study / result.manifest.as_of
        report = write(result, folder)
    claim = compile_claim(result)
    say(f"{study.study.title}, as of {result.manifest.as_of} (grade {claim.grade}: {claim.meaning})")
    if result.prespecified.state != "not_frozen":
        say(f"  {capital(standing(result.prespecified))}")
    say("".join(f"\n  {sentence}\n" for sentence in (claim.sentence, *claim.others)))
    for tile in claim.tiles:
        say(f"  {tile.title}: {tile.headline.text}" + (f" ({tile.interval})" if tile.interval else ""))
        say(f"      {tile.note}")
    print_findings(result.findings, only=("fail", "warn"))
    say(f"\nreport:  {shown(report)}\nresults: {shown(report.parent / 'results.json')}")
    finish(result.findings)


def check(
    design: Design,
    as_of: AsOf = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the review sheet, one page, to this file.")] = None,
    markdown: Annotated[Path | None, typer.Option("--md", help="Write the same in Markdown to this file.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the same as JSON to this file.")] = None,
    simulate: Annotated[
        int, typer.Option(min=0, help="Try the smallest effect on so many simulated data sets; 0: by formula alone.")
    ] = 0,
) -> None:
    """Review a design: go, change or no, what it can see, and every rule with its threshold and remedy."""
    from rich.console import Console

    from attribution.cli.review_print import print_review
    from attribution.design.load import load_design
    from attribution.study.review import review
    from attribution.study.sources import data_path

    study = load_design(design)
    endings = {".html": html, ".md": markdown, ".json": json_file}
    files = {ending: file for ending, file in endings.items() if file is not None}
    if files:
        from attribution.report.review_write import require_files, write_reviews

        require_files(study, files)
    with Console(stderr=True).status("simulating the study") if simulate and sys.stderr.isatty() else Silent():
        found = review(study, as_of=date_of(as_of), simulate=simulate)
    written = write_reviews(found, list(files.values())) if files else ()
    print_review(found)
    path = data_path(study)
    if found.stage == "file" and path is not None:
        say(f"\nThere is no file {path} yet: the design alone is reviewed.")
    for file in written:
        say(f"\nwritten: {shown(file)}")
    finish(found)


def schema(which: Annotated[Schema, typer.Argument(help="Which file's schema to print.")] = Schema.design) -> None:
    """Print the JSON Schema of the design file, of results.json, or of a review."""
    if which is Schema.design:
        from attribution.design.json_schema import design_json_schema

        say(json.dumps(design_json_schema(), indent=2))
    elif which is Schema.review:
        from attribution.report.review_results import review_json_schema

        say(json.dumps(review_json_schema(), indent=2))
    else:
        from attribution.report.results import results_json_schema

        say(json.dumps(results_json_schema(), indent=2))


def methods() -> None:
    """List the methods a design can name, with their options."""
    from attribution.registry import COHORTS, ESTIMATORS, FROM_DESIGN, load, options, summary

    for title, registry in (("Analyses", ESTIMATORS), ("Cohorts", COHORTS)):
        say(f"{title}:")
        for name in registry:
            method = load(registry, name, kind="method")
            say(f"{name}: {summary(method)}")
            for option in options(method):
                stated = "required" if option.required else f"default {option.default!r}"
                say(f"    {option.name} ({'from [timing] or [inference]' if option.name in FROM_DESIGN else stated})")
