"""attribution check: the verdict first, what can be seen, the rules as lines or as a table, and the files it writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result
from typer.testing import CliRunner

import attribution as at
from attribution.cli import review_print
from attribution.cli.main import app
from attribution.errors import OutputError
from tests.powers import power_of

Study = Callable[..., Path]


def check(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def test_the_verdict_comes_first_and_the_skipped_last(make_study: Study) -> None:
    without = [{"category": "license", "amount": 2000, "source": "invoice"}]
    found = check(make_study(None, {"cost": without}))
    assert found.exit_code == 3
    said = list(lines(found.output))
    assert said[0].startswith("Sales training: ")
    # Either verdict may stand here: both stop a design whose gate fails.
    assert said[1].split()[0].rstrip(":,") in ("Change", "No")
    assert any(line.startswith("Before the data: the design file alone is reviewed") for line in said)
    order = [line.split()[0] for line in said if line.split()[0] in ("FAIL", "WARN", "PASS", "SKIPPED")]
    assert order == sorted(order, key=["FAIL", "WARN", "PASS", "SKIPPED"].index)
    assert order[0] == "FAIL"


def test_power_is_told_in_words_before_the_rules(make_study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {"kpi.0.expected_effect": 0.6, "kpi.0.effect_source": "the pilot of 2025"}
    review = replace(at.review(at.load_design(make_study(None, changes))), powers={"primary": power_of()})
    review_print.print_review(review)
    out = capsys.readouterr().out
    assert "What it can see: 0.510 orders (higher: 2.5% of the level before; worth $21.5K). Seen with 80%" in out
    assert "Does it pay? 0.370 orders (pays for the costs of $5.20K)." in out
    assert "24 more people untrained: 0.430 orders, enough; costs $6.40K (250 for each)" in out
    assert "2 more months of follow-up: 0.620 orders, not enough; costs not stated (the design does not say)" in out
    assert out.index("What it can see") < out.index("What this rests on") < out.index("WARN ")


def test_a_wide_terminal_shows_a_table_and_no_name_is_markup(
    make_study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(review_print, "_fits_a_table", lambda: True)
    monkeypatch.setenv("COLUMNS", "150")
    review = at.review(at.load_design(make_study(None, {"kpi.0.label": "[red]sales[/red]"})))
    review_print.print_review(review)
    out = capsys.readouterr().out
    assert "what to do" in out
    assert max(map(len, out.partition("what to do")[2].partition("SKIPPED")[0].splitlines())) <= 150
    assert "[red]sales[/red]" in out
    table = out.partition("what to do")[2].partition("SKIPPED")[0]
    for finding in review:
        if finding.status != "skipped":
            assert finding.id[:12] in table


def test_the_sheet_and_its_json_are_written_and_replaced(make_study: Study, tmp_path: Path) -> None:
    design, page, numbers = make_study(None), tmp_path / "out" / "review.html", tmp_path / "out" / "review.json"
    for _ in range(2):
        found = check(design, "--html", page, "--json", numbers)
        assert found.exit_code in (0, 3)
        assert "written: " in found.output
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    schema = CliRunner().invoke(app, ["schema", "review"])
    jsonschema.validate(json.loads(numbers.read_text(encoding="utf-8")), json.loads(schema.output))
    assert sorted(path.name for path in page.parent.iterdir()) == ["review.html", "review.json"]


@pytest.mark.parametrize(
    ("option", "name", "says"),
    [
        ("--html", "design.toml", "ends in .html"),
        ("--html", "review.json", "ends in .html"),
        ("--json", "review.html", "ends in .json"),
        ("--json", "settings.json", "not a review"),
    ],
)
def test_another_kind_of_file_is_refused_before_anything_is_reviewed(
    option: str, name: str, says: str, make_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = make_study(None)
    (design.parent / "settings.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in design.parent.iterdir()}

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the study was reviewed")

    monkeypatch.setattr("attribution.study.review.review", never)
    found = check(design, option, design.parent / name)
    assert isinstance(found.exception, OutputError)
    assert says in str(found.exception)
    assert found.exception.remedy
    assert {path.name: path.read_bytes() for path in design.parent.iterdir()} == before


def test_simulate_reaches_the_review(make_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    from attribution.study import review as module

    asked: list[int] = []

    def counted(*_: Any, replications: int, **__: Any) -> dict[str, Any]:
        asked.append(replications)
        return {}

    monkeypatch.setattr(module, "powers_of", counted)
    design = make_study(None)
    check(design)
    check(design, "--simulate", "300")
    assert asked == [0, 300]
    assert check(design, "--simulate", "-1").exit_code == 2
