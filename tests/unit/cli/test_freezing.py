"""attribution freeze, amend and diff: what is printed, what is written, and the exit code; and what a run then says."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.unit.cli.ran import Ran

Make = Callable[..., Path]
WHEN = ("--time", "2026-01-20T09:30:00+01:00")
LATER = ("--time", "2026-01-25T09:30:00+01:00")
WHO = ("--reviewer", "Head of sales", "--reviewer", "Finance")
CHANGED = {"analysis.0.controls": "never", "kpi.0.owner": "Head of sales"}
WHY = ("--reason", "advice of the reviewer", "--name", "Analyst")


@pytest.fixture
def history(sales: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    frame = sales()
    return frame[frame["month"] < "2026-02"]


def test_freeze_says_what_is_frozen(attribution: Callable[..., Ran], make_study: Make, history: pd.DataFrame) -> None:
    found = attribution("freeze", make_study(history), *WHO, *WHEN)
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(
        "Sales training: frozen on 2026-01-20 (given by hand)\n  reviewed by Head of sales, Finance\n"
    )
    assert "baseline data: 180 rows of 60 units before the launch, SHA-256 " in found.out
    assert "lock: study/design.lock.json; keep it under version control" in found.out
    assert "note:" not in found.out
    again = attribution("freeze", "study/design.toml", *WHO, *WHEN)
    assert (again.code, again.out) == (2, "")
    assert "the design is frozen already" in again.err


def test_freezing_without_data_or_too_late_is_said(attribution: Callable[..., Ran], make_study: Make) -> None:
    found = attribution("freeze", make_study(None), *WHO, "--time", "2026-03-01T00:00:00Z")
    assert found.code == 0
    assert "baseline data: none yet" in found.out
    assert "note: frozen after the launch (2026-02-01): the study will not be called pre-specified" in found.out


def test_diff_shows_what_changed_and_amend_declares_it(
    attribution: Callable[..., Ran], make_study: Make, history: pd.DataFrame
) -> None:
    design = make_study(history)
    attribution("freeze", design, *WHO, *WHEN)
    assert (
        attribution("diff", design).out
        == "Since it was frozen on 2026-01-20: no difference, but at most in comments and layout\n"
    )
    make_study(history, CHANGED)
    lines = [
        "  minor  The KPI sales: owner was not set, is now 'Head of sales'",
        "  major  The primary analysis: controls was not set, is now never",
    ]
    assert attribution("diff", design).out.splitlines() == ["Since it was frozen on 2026-01-20: 2 differences", *lines]
    assert [(one["field"], one["new"]) for one in json.loads(attribution("diff", design, "--json").out)] == [
        ("kpi.sales.owner", "Head of sales"), ("analysis.primary.controls", "never"),
    ]  # fmt: skip
    refused = attribution("amend", design, *WHY, "--class", "minor", "--data-unseen", *LATER)
    assert (refused.code, refused.out) == (2, "")
    assert "can decide what is claimed, so that the amendment is major" in refused.err
    silent = attribution("amend", design, *WHY, "--class", "major", *LATER)
    assert silent.code == 2
    assert "say --data-seen or --data-unseen" in silent.err
    made = attribution("amend", design, *WHY, "--class", "major", "--data-unseen", *LATER)
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines()[:3] == [
        "Sales training: amended on 2026-01-25 (given by hand) by Analyst, major", *lines,
    ]  # fmt: skip
    assert "note:" not in made.out
    assert "Since it was amended on 2026-01-25: no difference" in attribution("diff", design).out


def test_two_files_are_told_apart_without_a_lock(attribution: Callable[..., Ran], make_study: Make) -> None:
    old, new = make_study(None, name="old.toml"), make_study(None, CHANGED, name="new.toml")
    found = attribution("diff", old, new)
    assert found.out.startswith("study/old.toml against study/new.toml: 2 differences\n")
    alone = attribution("diff", old)
    assert (alone.code, alone.out) == (2, "")
    assert "there is no lock: the design was not frozen" in alone.err


@pytest.mark.parametrize(
    ("time", "said"),
    [("yesterday", "'yesterday' is not a time"), ("2026-01-20T09:30:00", "has no zone"), ("2026-01-20", "has no zone")],
)
def test_a_time_without_a_zone_is_refused(
    time: str, said: str, attribution: Callable[..., Ran], make_study: Make
) -> None:
    found = attribution("freeze", make_study(None), *WHO, "--time", time)
    assert (found.code, found.out) == (2, "")
    assert said in found.err
    assert "2026-01-31T10:00:00+00:00" in found.err


def test_a_run_says_what_was_frozen_amended_and_not_declared(
    attribution: Callable[..., Ran], make_study: Make, history: pd.DataFrame, sales: Callable[..., pd.DataFrame]
) -> None:
    design = make_study(history)
    attribution("freeze", design, *WHO, *WHEN)
    make_study(history, CHANGED)
    attribution("amend", design, *WHY, "--class", "major", "--data-seen", *LATER)
    make_study(sales(), CHANGED | {"inference.draws": 299})
    found = attribution("run", design)
    assert "\n  Not run as it was frozen\n" in found.out
    assert "WARN    prespecified: 1 field differs from what was frozen on 2026-01-20" in found.out
    page = Path("runs/sales-2026/2026-05-31/report.html").read_text(encoding="utf-8")
    first = page.partition("</section>")[0]
    assert "not declared: The inference: draws was 199, is now 299." in first
    assert (
        "after data of the follow-up had been seen: The primary analysis: controls was not set, is now never" in first
    )
    # A lock that was edited is a gate.
    lock = Path("study/design.lock.json")
    lock.write_text(lock.read_text(encoding="utf-8").replace("Analyst", "Finance"), encoding="utf-8")
    found = attribution("run", design)
    assert found.code == 3
    assert "A gate failed: prespecified (exit 3)" in found.out


WAIVER: dict[str, Any] = {"rule": "clusters_per_arm", "reason": "a pilot in one site", "name": "Head of sales"}


def test_a_waived_gate_is_printed_and_the_exit_code_is_0_until_it_expires(
    attribution: Callable[..., Ran], make_study: Make, sales: Callable[..., pd.DataFrame]
) -> None:
    until = WAIVER | {"expires": datetime.date(2026, 5, 31)}
    design = make_study(sales(trained=4), {"waiver": [until]})
    for command, said in (
        ("run", "grade C"),
        ("check", "\nGo, but 1 gate that fails is waived.\n  - fewer than 5 clusters"),
    ):
        found = attribution(command, design)
        assert found.code == 0, found.out
        assert said in found.out
        assert "WAIVED  clusters_per_arm: fewer than 5 clusters" in found.out
        assert "waived by Head of sales until 2026-05-31: a pilot in one site" in found.out
        assert found.out.endswith("No gate failed that is not waived: clusters_per_arm (exit 0)\n")
    late = attribution("run", design, "--as-of", "2026-06-01")
    assert late.code == 3
    assert "; the waiver by Head of sales expired on 2026-05-31" in late.out


def test_before_there_are_data_a_waiver_is_judged_on_the_day_of_the_launch(
    attribution: Callable[..., Ran], make_study: Make
) -> None:
    """Without a date nobody knows which day it is; the claim cannot be made before the launch."""
    for day, code in (("2026-02-01", 0), ("2026-01-31", 3)):
        gate = WAIVER | {"rule": "learner_time", "expires": datetime.date.fromisoformat(day)}
        assert attribution("check", make_study(None, {"cost.1": None, "waiver": [gate]})).code == code
    given = attribution("check", "study/design.toml", "--as-of", "2026-01-31")
    assert given.code == 0
