"""Locks as an enemy might write them: refused in words, or shown as the text that they hold; nothing is run."""

from __future__ import annotations

import datetime
import html
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
import pytest

import attribution as at
from attribution.errors import AttributionError, DesignError
from attribution.report.claims import compile_claim
from attribution.report.html import render
from attribution.study.amend import amend
from attribution.study.freeze import freeze
from attribution.study.lock import MAX_BYTES, lock_path, read_lock
from attribution.study.prespecified import prespecified
from tests.locks import resigned
from tests.security.test_inputs import SCRIPT, TEMPLATE, _harmless

Make = Callable[..., Path]
WHEN = datetime.datetime(2026, 1, 20, tzinfo=datetime.UTC)
HOSTILE = f'{SCRIPT}{TEMPLATE}" onmouseover="alert(1)'


@pytest.fixture
def lock(make_study: Make) -> Path:
    return freeze(at.load_design(make_study(None)), reviewers=["Finance"], time=WHEN)


JUNK: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "another kind of file": b"\x89PNG\r\n\x1a\n\x00\x00",
    "half a character": b'{"lock": "\xff"}',
    "deep arrays": b"[" * 200_000 + b"]" * 200_000,
    "deep tables": b'{"frozen":' * 100_000 + b"1" + b"}" * 100_000,
    "a deep entry": b'{"lock": 1, "frozen": {"x": ' + b"[" * 900 + b"]" * 900 + b'}, "amendments": []}',
    "a huge number": b'{"lock": ' + b"9" * 100_000 + b"}",
    "no number": b'{"lock": 1, "frozen": {"time": NaN}}',
    "a list": b"[]",
    "a text": b'"lock"',
    "null": b"null",
    "half a surrogate": b'{"lock": 1, "frozen": {"x": "\\ud800"}, "amendments": []}',
    "too large": b" " * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("junk", JUNK)
def test_what_is_no_lock_is_refused_at_once_and_vouches_for_nothing(junk: str, lock: Path) -> None:
    lock.write_bytes(JUNK[junk])
    began = perf_counter()
    with pytest.raises(DesignError) as caught:
        read_lock(lock)
    assert caught.value.problems[0].remedy
    known = prespecified(at.load_design(lock.with_name("design.toml")), None)
    assert (known.state, known.holds) == ("broken", False)
    assert perf_counter() - began < 5
    assert len(str(caught.value)) < 2_000


def test_a_folder_in_its_place_is_said(lock: Path) -> None:
    lock.unlink()
    lock.mkdir()
    with pytest.raises(DesignError, match="the lock cannot be read"):
        read_lock(lock)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reviewers", ["a\u202eb"]),
        ("reviewers", ["a\x1b[31mb"]),
        ("reviewers", []),
        ("reviewers", ["x"] * 51),
        ("time", "2026-01-20T00:00:00"),
        ("time", "soon"),
        ("time", 1),
        ("commit", "--exec=touch"),
        ("version", ["1"]),
        ("data", {"rows": -1}),
        ("data", []),
        ("surprise", 1),
    ],
)
def test_signed_entries_that_hold_what_none_can_are_refused(name: str, value: Any, lock: Path) -> None:
    document = json.loads(lock.read_text(encoding="utf-8"))
    document["frozen"][name] = value
    lock.write_text(json.dumps(resigned(document)), encoding="utf-8")
    with pytest.raises(DesignError, match="not a lock that this version reads") as caught:
        read_lock(lock)
    assert caught.value.problems[0].key.startswith("frozen")


@pytest.mark.parametrize("name", ["words", "field"])
def test_what_a_signed_amendment_says_cannot_change_a_terminal(name: str, lock: Path, make_study: Make) -> None:
    amend(
        at.load_design(make_study(None, {"kpi.0.label": "Sales"})),
        reason="why",
        kind="minor",
        data_seen=False,
        name="Analyst",
        time=WHEN,
    )
    document = json.loads(lock.read_text(encoding="utf-8"))
    document["amendments"][0]["changes"][0][name] = "\x1b[2J"
    lock.write_text(json.dumps(resigned(document)), encoding="utf-8")
    with pytest.raises(DesignError, match="not a lock that this version reads"):
        read_lock(lock)


def test_a_hostile_design_in_a_signed_lock_is_read_with_the_limits_of_any_design(lock: Path) -> None:
    for text in ("x = " + "[" * 5_000, "a." * 50_000 + "b = 1", "[[kpi]]\n" * 20_000, "x = " + "9" * 10_000):
        document = json.loads(lock.read_text(encoding="utf-8"))
        document["frozen"]["design_text"] = text
        lock.write_text(json.dumps(resigned(document)), encoding="utf-8")
        began = perf_counter()
        assert prespecified(at.load_design(lock.with_name("design.toml")), None).state == "broken"
        assert perf_counter() - began < 5


def test_texts_of_a_lock_and_of_a_waiver_are_text_on_the_page(
    make_study: Make, sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales(trained=4)
    freeze(at.load_design(make_study(frame)), reviewers=[HOSTILE, "Finance"], time=WHEN)
    waiver = {"rule": "clusters_per_arm", "reason": HOSTILE, "name": HOSTILE, "expires": datetime.date(2027, 1, 1)}
    changes = {"kpi.0.label": HOSTILE[:80], "waiver": [waiver]}
    design = at.load_design(make_study(frame, changes))
    amend(design, reason=HOSTILE, kind="major", data_seen=True, name=HOSTILE, time=WHEN)
    again = {**changes, "limits": {"text": [HOSTILE]}, "program.kind": HOSTILE}
    result = at.run(at.load_design(make_study(frame, again)))
    assert result.prespecified.state == "departed"
    page = render(result, compile_claim(result))
    _harmless(page)
    assert "<script" not in page.lower()
    shown = html.unescape(page)
    assert f"waived by {HOSTILE} until 2027-01-01: {HOSTILE}" in shown
    assert f"by {HOSTILE}, after data of the follow-up had been seen" in shown
    assert "49" not in HOSTILE
    assert "4949" not in shown


def test_nothing_in_a_lock_names_a_file(lock: Path, make_study: Make) -> None:
    document = json.loads(lock.read_text(encoding="utf-8"))
    document["frozen"]["design_text"] = document["frozen"]["design_text"].replace("data.csv", "/etc/passwd.csv")
    lock.write_text(json.dumps(resigned(document)), encoding="utf-8")
    known = prespecified(at.load_design(lock.with_name("design.toml")), None)
    assert [one.field for one in known.deviations] == ["data.path"]
    assert lock_path(at.load_design(make_study(None))) == lock


@pytest.mark.parametrize("name", ["x" * 501, "a\x00b", "\u2028", ""])
def test_names_that_would_change_a_page_are_refused(name: str, make_study: Make) -> None:
    design = at.load_design(make_study(None))
    with pytest.raises(AttributionError):
        freeze(design, reviewers=[name], time=WHEN)
    assert not lock_path(design).exists()
