"""What page one, the file and the terminal say of a frozen study, of what changed since, and of a waived gate."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import attribution as at
from attribution.design.prespecified import Amendment, Difference, Prespecified
from attribution.report.banner import amendment_told, banner, standing
from attribution.report.claims import compile_claim
from attribution.report.grades import grade_of
from attribution.report.html import render
from attribution.report.results import results_json_schema
from attribution.report.write import write
from tests.unit.report.pages import text_of

Stated = Callable[..., at.StudyResult]

DAY = datetime.datetime(2026, 1, 20, 9, tzinfo=datetime.UTC)
METHOD = Difference(
    "analysis.primary.method", "did", "staggered", "The primary analysis: method was did, is now staggered", True
)
LABEL = Difference("kpi.sales.label", "Orders", "Sales", "The KPI sales: label was Orders, is now Sales", False)
FROZEN = Prespecified(
    "frozen", "the design was frozen on 2026-01-20 and is as it was", time=DAY, time_from="given by hand"
)


def amended(*, seen: bool = False, rows: int = 0, kind: Any = "major", number: int = 1) -> Amendment:
    when = DAY + datetime.timedelta(days=number)
    return Amendment(
        when, "given by hand", f"Analyst {number}", "the sites opened late", kind, seen, rows, (METHOD, LABEL)
    )


@pytest.fixture
def result(stated: Stated) -> at.StudyResult:
    return stated(2.0, 4.0)


def lines_of(result: at.StudyResult, **known: Any) -> tuple[str, ...]:
    return banner(replace(result, prespecified=replace(FROZEN, **known)))


def test_a_study_that_is_as_it_was_frozen_needs_no_banner(result: at.StudyResult) -> None:
    assert lines_of(result) == ()
    assert banner(result) == ()  # nor does one that was never frozen: the line below the title says it


def test_what_nobody_declared_stands_on_page_one(result: at.StudyResult) -> None:
    assert lines_of(result, state="departed", deviations=(LABEL, METHOD)) == (
        "Changed since the design was frozen, and not declared: The primary analysis: method was did, is now "
        "staggered; The KPI sales: label was Orders, is now Sales.",
    )
    (line,) = lines_of(result, state="departed", deviations=(METHOD,) * 8)
    assert line.endswith("is now staggered; and 5 more.")


def test_amendments_of_what_decides_the_claim_stand_there_with_what_was_known(result: at.StudyResult) -> None:
    made = (amended(), amended(number=2, rows=9), amended(number=3, seen=True), amended(number=4, kind="minor"))
    lines = lines_of(result, state="amended", amendments=made)
    assert lines[0].startswith("Amended on 2026-01-22 by Analyst 2, when data of the follow-up were there: The primary")
    assert lines[1].startswith("Amended on 2026-01-23 by Analyst 3, after data of the follow-up had been seen: ")
    assert lines[2] == "1 more amendment of what decides the claim: see the manifest."
    assert amendment_told(amended()) == (
        "Amended on 2026-01-21 by Analyst 1, before any data of the follow-up: The primary analysis: method was did, "
        "is now staggered; The KPI sales: label was Orders, is now Sales. Reason: the sites opened late."
    )
    assert len(lines) == 3
    many = lines_of(result, state="amended", amendments=tuple(amended(number=place) for place in range(6)))
    assert (len(many), many[-1]) == (3, "4 more amendments of what decides the claim: see the manifest.")


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (FROZEN, "pre-specified, frozen 2026-01-20"),
        (replace(FROZEN, state="amended", amendments=(amended(),)), "pre-specified, frozen 2026-01-20, amended since"),
        (replace(FROZEN, late="frozen after the launch"), "not pre-specified: frozen after the launch"),
        (replace(FROZEN, state="departed"), "not run as it was frozen"),
        (Prespecified("broken", "x"), "not pre-specified: its lock cannot be trusted"),
        (Prespecified("not_frozen", "x"), "not pre-specified"),
    ],
)
def test_only_a_study_that_is_pre_specified_is_called_so(known: Prespecified, said: str) -> None:
    assert standing(known) == said
    assert said.startswith("pre-specified") == known.holds


def test_the_line_below_the_title_says_it(result: at.StudyResult) -> None:
    page = text_of(render(result, compile_claim(result)))
    assert "return on investment · not pre-specified · Did it raise sales?" in page


def test_the_file_and_the_manifest_hold_all_of_it(result: at.StudyResult, tmp_path: Path) -> None:
    known = replace(
        FROZEN, state="departed", reviewers=("Head of sales", "Finance"), deviations=(METHOD,), amendments=(amended(),)
    )
    shown = replace(result, prespecified=known)
    report = write(shown, tmp_path / "run")
    document = json.loads((report.parent / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, results_json_schema(), cls=jsonschema.Draft202012Validator)
    found = document["manifest"]["prespecified"]
    assert (found["state"], found["holds"], found["time"]) == ("departed", False, "2026-01-20T09:00:00+00:00")
    assert found["deviations"] == [
        {"field": METHOD.field, "old": "did", "new": "staggered", "words": METHOD.words, "decides": True}
    ]
    assert found["amendments"][0]["told"] == amendment_told(amended())
    assert found["reviewers"] == ["Head of sales", "Finance"]
    page = text_of(report.read_text(encoding="utf-8"))
    assert "return on investment · not run as it was frozen · Did it raise sales?" in page
    manifest = page.partition("What this report was made of")[2]
    for text in (known.sentence, *known.reviewers, amendment_told(amended()), METHOD.words):
        assert text in manifest


def waived(result: at.StudyResult, rule: str) -> at.StudyResult:
    """Return a result with one of its rules failed and waived."""
    said = "waived by Head of sales until 2026-12-31: the pilot is small"
    found = tuple(
        replace(one, status="fail", remedy="mend it", observed="4", waived=said) if one.id == rule else one
        for one in result.findings
    )
    return replace(result, findings=found)


def test_a_waived_gate_lets_the_claim_be_made_and_is_said_wherever_it_is(
    result: at.StudyResult, tmp_path: Path
) -> None:
    shown = waived(result, "clusters_per_arm")
    assert grade_of(result).letter == "B"
    assert (grade_of(shown).letter, grade_of(shown).reason) == ("C", "failed: clusters per arm (waived)")
    assert shown.gates_failed == ()
    message = next(one.message for one in shown.findings if one.waived)
    line = f"Gate failed and waived: {message}; waived by Head of sales until 2026-12-31: the pilot is small."
    assert banner(shown) == (line,)
    report = write(shown, tmp_path / "run")
    page = report.read_text(encoding="utf-8")
    assert line in text_of(page)
    assert 'class="banner failed"' not in page
    assert 'data-source="findings.clusters_per_arm.waived"' in page
    document = json.loads((report.parent / "results.json").read_text(encoding="utf-8"))
    said = {one["id"]: one["waived"] for one in document["findings"] if one["waived"]}
    assert said == {"clusters_per_arm": "waived by Head of sales until 2026-12-31: the pilot is small"}
    rows = csv.DictReader((report.parent / "findings.csv").read_text(encoding="utf-8").splitlines())
    assert {row["id"]: row["waived"] for row in rows if row["waived"]} == said


def test_money_behind_a_waived_gate_is_quoted_with_the_waiver(result: at.StudyResult) -> None:
    tile = compile_claim(waived(result, "learner_time")).tiles[2]
    assert tile.allowed
    assert tile.note.endswith(" A gate about money failed and is waived.")
    assert "do not quote" not in tile.note
