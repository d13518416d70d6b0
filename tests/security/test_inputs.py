"""Hostile designs and data: nothing runs, nothing leaves the run folder, and no folder's name gets into a report."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import DesignError

SCRIPT = "<script>alert(1)</script>"
TEMPLATE = "{{7*7}}{% raw %}${7*7}"
FORMULA = '=HYPERLINK("http://example.org","open")'

Sales = Callable[..., pd.DataFrame]
Study = Callable[..., Path]


class _Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def _harmless(page: str) -> None:
    """Assert that a page holds no script and loads nothing from anywhere."""
    for tag, attributes in _Elements(page).found:
        assert tag not in {
            "script",
            "iframe",
            "object",
            "embed",
            "link",
            "base",
            "form",
            "img",
            "image",
            "foreignobject",
        }
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href", "xlink:href", "action", "formaction", "srcset", "poster", "data"}:
                assert value.startswith("#"), (tag, name, value)
            assert "javascript:" not in value.lower()
            for target in re.findall(r"url\(([^)]*)\)", value):
                assert target.strip("'\" ").startswith("#"), target
    for style in re.findall(r"<style[^>]*>(.*?)</style>", page, flags=re.DOTALL):
        assert "@import" not in style
        for target in re.findall(r"url\(([^)]*)\)", style):
            assert target.strip("'\" ").startswith(("#", "data:")), target


def _write(design: Path, folder: Path) -> dict[str, str]:
    report = at.write(at.run(at.load_design(design)), folder)
    return {path.name: path.read_text(encoding="utf-8") for path in report.parent.iterdir()}


def test_texts_of_the_design_and_names_of_the_data_are_text(make_study: Study, sales: Sales, tmp_path: Path) -> None:
    frame = sales()
    frame["person"] = SCRIPT + frame["person"]
    frame[SCRIPT] = frame["person"].str[-1].astype(int) + 0.5 * frame["start"].notna()
    frame[TEMPLATE] = np.where(frame["start"].notna(), f"{SCRIPT}{TEMPLATE}", "south")
    changes: dict[str, Any] = {
        "study.title": f"{SCRIPT}{TEMPLATE}",
        "study.question": f"{TEMPLATE} & <b>{SCRIPT}",
        "program.name": f"{SCRIPT}{TEMPLATE}",
        "kpi.0.label": f"{SCRIPT}{TEMPLATE}",
        "kpi.0.unit": "<img src=x onerror=alert(1)>",
        "columns.covariates": [SCRIPT],
        "columns.groups": [TEMPLATE],
        "assignment.level": SCRIPT,
        "other_intervention": [{"name": f"{SCRIPT}{TEMPLATE}", "arm": "trained", "share": 0.5}],
        "limits": {"text": [f"{SCRIPT}{TEMPLATE}", '" onmouseover="alert(1)', "</style><svg onload=alert(1)>"]},
        "cost.2.reason": f"{SCRIPT}{TEMPLATE}",
    }
    files = _write(make_study(frame, changes), tmp_path / "run")
    page = files["report.html"]
    _harmless(page)
    assert "<script" not in page.lower()
    shown = html.unescape(page)
    # What was written is shown as it was written: 7*7 is not 49.
    assert SCRIPT in shown
    assert TEMPLATE in shown
    assert "4949" not in shown


def test_the_page_of_a_sound_study_is_harmless(make_study: Study, sales: Sales, tmp_path: Path) -> None:
    page = _write(make_study(sales()), tmp_path / "run")["report.html"]
    _harmless(page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("first", ["=", "+", "-", "@"])
def test_no_cell_of_a_table_is_a_formula(first: str, make_study: Study, sales: Sales, tmp_path: Path) -> None:
    name = first + FORMULA[1:]
    frame = sales()
    frame[name] = frame["person"].astype(int) % 5 + 2.0 * frame["start"].notna()
    files = _write(make_study(frame, {"columns.covariates": [name], "kpi.0.label": name}), tmp_path / "run")
    seen = 0
    for table in ("findings.csv", "estimates.csv"):
        for row in csv.reader(files[table].splitlines()):
            for cell in row:
                seen += name in cell
                assert not cell.startswith(("=", "@", "+", "\t", "\r"))
                # A number may be negative; a text may not begin like one.
                assert not cell.startswith("-") or re.fullmatch(r"-[0-9.e-]+", cell)
    assert seen


@pytest.mark.parametrize(
    "name", ["../../etc", "..", "a/b", "a\\b", "/etc", "~root", "a b", "A", "", "-rf", "a.b", "ä", "a\u0000b", "x" * 65]
)
def test_a_study_cannot_name_another_folder(name: str, make_study: Study) -> None:
    with pytest.raises(DesignError) as caught:
        at.load_design(make_study(None, {"study.id": name}))
    assert caught.value.problems[0].remedy


def test_an_analysis_cannot_carry_a_formula_or_a_path(make_study: Study) -> None:
    for name in (FORMULA, "../x", "a.b", "<b>"):
        with pytest.raises(DesignError):
            at.load_design(make_study(None, {"analysis.0.id": name}))


def test_data_from_elsewhere_are_named_without_their_folder(make_study: Study, sales: Sales, tmp_path: Path) -> None:
    secret = tmp_path / "secret-client"
    secret.mkdir()
    sales().to_csv(secret / "kpi.csv", index=False)
    for path in (str(secret / "kpi.csv"), "../secret-client/kpi.csv"):
        files = _write(make_study(None, {"data.path": path}), tmp_path / "run")
        for text in files.values():
            assert "secret-client" not in text
            assert str(tmp_path) not in text
        assert '"data": "kpi.csv"' in files["results.json"]


def test_a_huge_or_deep_design_is_refused_at_once(tmp_path: Path) -> None:
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"schema = 1\n" + b"# more\n" * 200_000)
    with pytest.raises(DesignError, match="more than 1,000,000 bytes"):
        at.load_design(huge)
    for text in ("x = " + "[" * 5000 + "]" * 5000, f"x = {'9' * 5000}", "x = {" + "a = {" * 2000 + "}" * 2001):
        deep = tmp_path / "deep.toml"
        deep.write_text(text)
        with pytest.raises(DesignError):
            at.load_design(deep)


@pytest.mark.parametrize("text", ["a\u202eb", "a\nb", "a\u0007b", "\u2028", " ", "\u2066x"])
def test_text_that_would_change_the_page_around_it_is_refused(text: str, make_study: Study) -> None:
    with pytest.raises(DesignError):
        at.load_design(make_study(None, {"kpi.0.label": text}))


@pytest.mark.parametrize("text", ["Vertriebsschulung – Größe Ł", "営業研修", "تدريب", "🙂 smile", "e\u0301", "𝔘𝔫𝔦"])
def test_any_script_gets_through_whole(text: str, make_study: Study, sales: Sales, tmp_path: Path) -> None:
    frame = sales()
    frame["person"] = text + frame["person"]
    frame = frame.rename(columns={"sales": text})
    changes = {"kpi.0.label": text, "program.name": text, "kpi.0.column": text}
    files = _write(make_study(frame, changes), tmp_path / "run")
    assert text in html.unescape(files["report.html"])
    assert text in files["results.json"]
