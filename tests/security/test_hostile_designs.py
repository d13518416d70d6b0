"""Hostile and broken designs: refused at once, in words, with a remedy each; nothing is run or written for them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

import attribution as at
from attribution.cli import main as cli
from attribution.design.load import MAX_PROBLEMS
from attribution.errors import DataError, DesignError
from tests.studies import study_text

WAIVER = {"rule": "pre_periods", "reason": "why", "name": "Head of sales"}
SCRIPT, TEMPLATE, LOOKUP = "<script>alert(1)</script>", "{{7*7}}{% raw %}", "${jndi:ldap://example.org/a}"
FORMULA = '=HYPERLINK("http://example.org","open")'


def waiver(expires: str) -> str:
    return study_text({"waiver": [WAIVER]}) + f"expires = {expires}\n"


def many(table: str, row: str, count: int = 10_000) -> str:
    return study_text() + "".join(f"[[{table}]]\n{row.format(number)}\n" for number in range(count))


KPI = 'id = "k{0}"\ncolumn = "c"\nlabel = "l"\nunit = "u"\ndirection = "lower"'

# What is written -> the key that the problem is at, a part of what it says, and a part of its remedy.
BROKEN: dict[str, tuple[str, str, str, str]] = {
    "10,000 KPIs": (many("kpi", KPI), "kpi", "found 10,001 tables written [[kpi]], expected at most 20", "that matter"),
    "10,000 broken KPIs": (many("kpi", "x = 1"), "kpi", "found 10,001 tables", "that matter"),
    "10,000 waivers": (many("waiver", "x = 1"), "waiver", "found 10,000 tables", "needs mending"),
    "10,000 analyses": (many("analysis", 'id = "a{0}"'), "analysis", "found 10,001 tables", "keep at most 100"),
    "10,000 cohorts": (many("cohort", 'id = "c{0}"'), "cohort", "found 10,000 tables", "keep at most 20"),
    "10,000 costs": (many("cost", "amount = -{0}"), "cost", "found 10,008 tables", "keep at most 200"),
    "10,000 arrows": (
        study_text({"graph": {"edges": [f"a{number} -> b" for number in range(10_000)]}}),
        "graph.edges",
        "expected at most 1,000 entries",
        "bring it into these bounds",
    ),
    "10,000 periods": (
        study_text({"timing.baseline": [f"p{number}" for number in range(10_000)]}),
        "timing.baseline",
        "expected at most 1,000 entries",
        "bring it into these bounds",
    ),
    "follow-up before baseline": (
        study_text({"timing.baseline": ["2026-03"], "timing.followup": ["2026-01"]}),
        "timing.followup",
        "found the follow-up from '2026-01', before the last baseline period '2026-03'",
        "put every baseline period before every follow-up period",
    ),
    "launch before the baseline ends": (
        study_text({"timing.launch": "2025-12"}),
        "timing.launch",
        "not after the last baseline period '2026-01'",
        "end the baseline before the launch",
    ),
    "launch after follow-up": (
        study_text({"timing.launch": "2027-01"}),
        "timing.launch",
        "found the launch '2027-01' after the last follow-up period '2026-05'",
        "follow up until after the launch",
    ),
    "negative cost": (study_text({"cost.0.amount": -5}), "cost[0].amount", "found -5", "without a minus sign"),
    "negative range": (study_text({"cost.1.low": -0.5}), "cost[1].low", "found -0.5", "without a minus sign"),
    "negative value": (
        study_text({"valuation.0.value_per_unit": -30}),
        "valuation[0].value_per_unit",
        "found -30, expected a number above 0",
        "the KPI's direction says which way",
    ),
    "a cost that is no number": (
        study_text({"cost.0.amount": float("nan")}),
        "cost[0].amount",
        "found nan, expected a finite number",
        "write it in digits",
    ),
    "a value without end": (
        study_text({"valuation.0.value_per_unit": float("inf")}),
        "valuation[0].value_per_unit",
        "found inf, expected a finite number",
        "write it in digits",
    ),
    "a power of minus infinity": (study_text({"power": {"sd": float("-inf")}}), "power.sd", "found -inf", "in digits"),
    "a waiver without expiry": (
        study_text({"waiver": [WAIVER]}),
        "waiver[0].expires",
        "expected the last day on which it holds",
        "add expires = 2026-01-31 or another day",
    ),
    "a waiver that ends at an hour": (
        waiver("2027-01-01T10:00:00"),
        "waiver[0].expires",
        "found 2027-01-01 10:00:00, expected a date without a time",
        "write the day alone",
    ),
    "a waiver with an hour alone": (waiver("10:00:00"), "waiver[0].expires", "a date without a time", "the day alone"),
    "a waiver with a text as date": (waiver('"2027-01-01"'), "waiver[0].expires", "a date", "without quotes"),
    "a waiver that nobody signs": (
        study_text({"waiver": [{"rule": "x", "reason": "y"}]}) + "expires = 2027-01-01\n",
        "waiver[0].name",
        "expected who takes responsibility for it",
        "add name",
    ),
    "a text as date": (study_text({"assignment.date": "2026-01-31"}), "assignment.date", "a date", "without quotes"),
    "a day in no calendar": (
        study_text().replace('level = "person"', 'level = "person"\ndate = 2026-02-30'),
        "file",
        "a date that is in no calendar (line ",
        "year-month-day",
    ),
    "nested without end": (study_text() + f"x = {'[' * 50}{']' * 50}\n", "file", "nested more than 8 deep", "needs no"),
    "a quote that is not closed": (
        study_text().replace('level = "person"', 'level = "person'),
        "file",
        "a text goes on over the end of its line (line ",
        "close it with a quote",
    ),
    "a null byte": (study_text().replace("Did it", "Did\0it"), "file", "the character '\\x00' cannot", "take it out"),
    "a table twice": (study_text() + '[study]\nid = "x"\n', "file", "the table [study] is there twice", "one table"),
    "a key twice": (study_text().replace("[study]", '[study]\nid = "x"'), "file", "a key is there twice", "one of the"),
    "a file of 1 MB": (study_text() + "#" * 1_000_000, "file", "more than 1,000,000 bytes", "keep data out"),
    "nothing": ("", "study", "the table [study] is missing", "add [study]"),
    "a folder outside": (study_text({"data.path": "../../etc"}), "data.path", "found '../../etc'", "CSV (UTF-8"),
    "a file of the system": (study_text({"data.path": "/etc/passwd"}), "data.path", "ends in .csv", "name that file"),
    "a device": (study_text({"data.path": "/dev/zero"}), "data.path", "found '/dev/zero'", "name that file"),
    "an address": (
        study_text({"data.path": "http://example.org/x.csv"}),
        "data.path",
        "nothing is loaded from elsewhere",
        "save the data beside the design",
    ),
    "a method that is a module": (
        study_text({"analysis.0.method": "os:system"}), "analysis[0].method", "found 'os:system'", "choose one of these"
    ),
    "a study in another folder": (study_text({"study.id": "../../etc"}), "study.id", "found '../../etc'", "choose"),
    "no clusters": (study_text({"power": {"trained_clusters": 0}}), "power.trained_clusters", "at least 1", "bounds"),
    "perfect memory": (study_text({"power": {"autocorrelation": 1.0}}), "power.autocorrelation", "below 1", "bounds"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_design_says_what_is_wrong_where_and_what_to_do(case: str, tmp_path: Path) -> None:
    text, key, what, remedy = BROKEN[case]
    path = tmp_path / "design.toml"
    path.write_text(text, encoding="utf-8")
    began = perf_counter()
    with pytest.raises(DesignError) as caught:
        at.load_design(path)
    # Ten thousand tables take about half a second; ten times that would be a way to keep a machine busy.
    assert perf_counter() - began < 5
    error = caught.value
    mine = [problem for problem in error.problems if problem.key == key]
    assert any(what in problem.what and remedy in problem.remedy for problem in mine), str(error)[:2_000]
    assert all(problem.key and problem.what and problem.remedy for problem in error.problems)
    assert len(error.problems) <= MAX_PROBLEMS + 1
    assert len(str(error)) < 60_000
    assert str(path) in str(error)


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("case", ["10,000 KPIs", "negative cost", "a waiver without expiry", "a device", "a null byte"])
def test_the_command_ends_with_2_and_leaves_nothing(
    case: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "design.toml").write_text(BROKEN[case][0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["attribution", command, "design.toml"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    shown = capsys.readouterr()
    assert (caught.value.code, shown.out) == (2, "")
    assert shown.err.startswith("error: design.toml: ")
    assert "What to do: " in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["design.toml"]


@pytest.mark.parametrize("text", [SCRIPT, TEMPLATE, LOOKUP, FORMULA, "%s%n{0}{__class__}", "\u001b[31m"])
def test_what_is_refused_is_quoted_and_not_run(text: str, tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    path.write_text(study_text({"kpi.0.direction": text, "analysis.0.method": text}), encoding="utf-8")
    with pytest.raises(DesignError) as caught:
        at.load_design(path)
    shown = str(caught.value)
    assert repr(text) in shown
    assert "\u001b" not in shown
    assert "49" not in shown


@pytest.mark.parametrize("text", [SCRIPT, TEMPLATE, LOOKUP, FORMULA])
def test_texts_of_a_design_are_only_texts_in_its_review(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "design.toml"
    changes: dict[str, Any] = {"study.title": text, "kpi.0.label": text, "kpi.0.owner": text, "assignment.source": text}
    changes |= {"waiver": [WAIVER | {"reason": text, "name": text}], "power": {"source": text}}
    path.write_text(study_text(changes).replace("[power]", "expires = 2027-01-01\n[power]"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["attribution", "check", "design.toml"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    shown = capsys.readouterr().out
    assert caught.value.code in (0, 3)
    assert text in shown
    assert "49" not in shown.replace(text, "")


def test_a_design_that_is_a_folder_or_a_device_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        if path.exists():
            with pytest.raises(DesignError) as caught:
                at.load_design(path)
            assert caught.value.problems[0].remedy


def test_data_that_are_a_folder_or_a_device_are_refused(make_study: Callable[..., Path]) -> None:
    design = make_study(None)
    data = design.parent / "data.csv"
    data.mkdir()
    with pytest.raises(DataError, match="no file, but a folder or a device"):
        at.review(at.load_design(design))
    data.rmdir()
    data.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="no file, but a folder or a device"):
        at.review(at.load_design(design))
