"""A review in the terminal: the verdict first, what the study can see, then every rule, the failed ones on top."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attribution.cli.shared import print_findings, say

if TYPE_CHECKING:
    from attribution.core.finding import Finding
    from attribution.planning.records import DesignPower
    from attribution.study.review import StudyReview

_WIDE = 110
"""Columns of a terminal from which on the rules are a table; in a narrower one its cells would be towers of words."""

_COLOURS = {"fail": "bold red", "waived": "bold red", "warn": "yellow", "pass": "green"}


def print_review(review: StudyReview) -> None:
    """Print a review; where no terminal reads, one line for each thing that a rule says."""
    from attribution.report.review_words import by_status, frozen, stage_line
    from attribution.study.go import go_no_go

    design, decision = review.design, go_no_go(review)
    say(f"{design.study.title}: {len({one.rule for one in review})} rules")
    say(f"\n{decision.sentence}")
    for reason in decision.reasons:
        say(f"  - {reason}")
    say(f"\n{stage_line(review)}")
    for name, power in review.powers.items():
        _print_power(review, name, power)
    if not review.powers:
        _print_tiles(review, None)
    found = by_status(review.findings)
    shown = [one for status in ("fail", "waived", "warn", "pass") for one in found[status]]
    if _fits_a_table():
        _print_table(shown)
    else:
        print_findings(shown)
    _print_skipped(found["skipped"])
    say("")
    for line in frozen(review):
        say(f"  frozen? {line}")
    for line in design.limits.text:
        say(f"  limit: {line}")


def _print_power(review: StudyReview, name: str, power: DesignPower) -> None:
    from attribution.report.review_tables import fixes_table
    from attribution.report.review_words import plain, rests_on, unit_of

    if len(review.powers) > 1:
        say(f"\nAnalysis {name}:")
    _print_tiles(review, power)
    fixes = fixes_table(review, power)
    if fixes is not None:
        unit = unit_of(review.design, power)
        say(f"  {fixes.caption}:")
        for change, enough, seen, _, cost, words in fixes.rows:
            said = "enough" if enough.text == "yes" else "not enough"
            say(f"    {change.text}: {seen.text} {unit}, {said}; costs {cost.text} ({words.text})")
    say("  What this rests on:")
    for line in rests_on(review, power):
        say(f"    {plain(line)}")


def _print_tiles(review: StudyReview, power: DesignPower | None) -> None:
    from attribution.report.review_words import plain, tiles

    say("")
    for tile in tiles(review, power):
        beneath = f" ({plain(tile.beneath)})" if tile.beneath else ""
        say(f"  {tile.lead} {tile.headline.text}{beneath}. {plain(tile.note)}".rstrip())


def _print_table(findings: Iterable[Finding]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, ratio in (("", None), ("rule", 3), ("observed", 4), ("threshold", 4), ("what to do", 4)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for one in findings:
        word = "waived" if one.waived else one.status
        seen = f"{one.message}: {one.observed}" if one.observed else one.message
        remedy = f"{one.remedy} {one.waived}".strip()
        # As Text, so that no name of a design is read as a colour or a link.
        cells = [Text(word, style=_COLOURS[word]), *map(Text, (one.id, seen, one.threshold, remedy))]
        table.add_row(*cells)
    Console().print(table)


def _print_skipped(findings: tuple[Finding, ...]) -> None:
    if findings:
        say("")
    for one in findings:
        say(f"  SKIPPED {one.id}: {one.message}")


def _fits_a_table() -> bool:
    from rich.console import Console

    return sys.stdout.isatty() and Console().width >= _WIDE
