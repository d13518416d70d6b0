"""Freezing and amending: what the lock holds, what is refused, and that an entry touched by hand is found out."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import attribution as at
from attribution.errors import DesignError, MethodError, OutputError
from attribution.study import amend as amending
from attribution.study import freeze as freezing
from attribution.study.amend import amend
from attribution.study.freeze import freeze
from attribution.study.lock import digest_of, lock_path, read_lock
from attribution.study.prespecified import prespecified
from attribution.study.sources import read
from tests.locks import resigned

Make = Callable[..., Path]
WHEN = datetime.datetime(2026, 1, 20, 9, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
LATER = datetime.datetime(2026, 1, 25, tzinfo=datetime.UTC)
CHANGED = {"analysis.0.controls": "never"}
WHY: dict[str, Any] = {"reason": "advice of the reviewer", "kind": "major", "data_seen": False, "name": "Analyst"}


@pytest.fixture
def history(sales: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    frame = sales(trained=6, control=8)
    return frame[frame["month"] < "2026-02"]


@pytest.fixture
def frozen(make_study: Make, history: pd.DataFrame) -> Path:
    """Return the lock of the example study, frozen on data before the launch."""
    return freeze(at.load_design(make_study(history)), reviewers=["Head of sales", "Finance"], time=WHEN)


def whole(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_the_lock_holds_the_design_the_reviewers_the_time_and_the_baseline(frozen: Path) -> None:
    design = frozen.with_name("design.toml")
    assert frozen == design.with_name("design.lock.json")
    document = whole(frozen)
    assert (document["lock"], document["amendments"]) == (1, [])
    entry = document["frozen"]
    assert entry["design_text"] == design.read_text(encoding="utf-8")
    assert entry["design_digest"] == hashlib.sha256(design.read_bytes()).hexdigest()
    assert entry["reviewers"] == ["Head of sales", "Finance"]
    assert (entry["time"], entry["commit"]) == ("2026-01-20T09:30:00+02:00", None)
    assert (entry["data"]["rows"], entry["data"]["units"], entry["data"]["later_rows"]) == (42, 14, 0)
    assert (entry["data"]["data"], entry["study"]) == ("data.csv", "sales-2026")
    assert sorted(path.name for path in frozen.parent.iterdir()) == ["data.csv", "design.lock.json", "design.toml"]


def test_without_data_there_is_no_baseline_to_vouch_for(make_study: Make, history: pd.DataFrame) -> None:
    design = at.load_design(make_study(None))
    lock = freeze(design, reviewers=["Finance"], time=WHEN)
    assert whole(lock)["frozen"]["data"] is None
    make_study(history.assign(sales=0.0))
    assert prespecified(design, read(design)).state == "frozen"


def test_a_byte_order_mark_and_line_ends_stay_as_they_are(make_study: Make) -> None:
    path = make_study(None)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    lock = freeze(at.load_design(path), reviewers=["Finance"], time=WHEN)
    assert whole(lock)["frozen"]["design_text"].encode() == path.read_bytes()
    assert prespecified(at.load_design(path), None).state == "frozen"


@pytest.mark.parametrize(
    ("asked", "what", "remedy"),
    [
        ({"reviewers": []}, "nobody is named", "name at least one"),
        ({"reviewers": [f"Reviewer {place}" for place in range(51)]}, "51 are named", "who answer for it"),
        ({"reviewers": ["Finance", " finance"]}, "is named twice", "each reviewer once"),
        ({"reviewers": [" "]}, "not blank", "write the text"),
        ({"reviewers": ["a\nb"]}, "control characters", "remove the character"),
        ({"reviewers": ["x" * 501]}, "at most 500", "bring it into these bounds"),
        ({"time": None}, "nothing says when", "--time"),
        ({"git": True}, "both a time and git", "either"),
        ({"time": datetime.datetime(2026, 1, 1)}, "has no zone", "2026-01-31T10:00:00"),
    ],
)
def test_what_cannot_be_frozen_is_refused(asked: dict[str, Any], what: str, remedy: str, make_study: Make) -> None:
    design = at.load_design(make_study(None))
    with pytest.raises(MethodError, match=what) as caught:
        freeze(design, **({"reviewers": ["Finance"], "time": WHEN} | asked))
    assert remedy in caught.value.remedy
    assert not lock_path(design).exists()


def test_a_lock_is_never_written_over(frozen: Path) -> None:
    before = frozen.read_bytes()
    with pytest.raises(OutputError, match="frozen already") as caught:
        freeze(at.load_design(frozen.with_name("design.toml")), reviewers=["Finance"], time=LATER)
    assert "attribution amend" in caught.value.remedy
    assert frozen.read_bytes() == before


def test_a_file_that_changed_since_it_was_read_is_refused(make_study: Make) -> None:
    path = make_study(None)
    design = at.load_design(path)
    path.write_text(path.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    with pytest.raises(DesignError, match="has changed since it was read"):
        freeze(design, reviewers=["Finance"], time=WHEN)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_refuses_leaves_what_was_there(
    call: str, frozen: Path, make_study: Make, history: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = frozen.read_bytes()
    design = at.load_design(make_study(history, CHANGED))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[call], refuse)
    with pytest.raises(OutputError, match="No space left") as caught:
        amend(design, **WHY, time=LATER)
    assert "beside the design" in caught.value.remedy
    assert frozen.read_bytes() == before
    assert sorted(path.name for path in frozen.parent.iterdir()) == ["data.csv", "design.lock.json", "design.toml"]


def test_an_amendment_records_every_field_and_the_state_of_the_data(
    frozen: Path, make_study: Make, history: pd.DataFrame
) -> None:
    design = at.load_design(make_study(history, CHANGED | {"program.kind": "sales"}))
    made = amend(design, **WHY, time=LATER)
    assert [(one.field, one.old, one.new) for one in made.changes] == [
        ("program.kind", None, "sales"), ("analysis.primary.controls", None, "never"),
    ]  # fmt: skip
    read = read_lock(frozen)
    assert read is not None
    (entry,) = read[0].amendments
    assert (entry.before, entry.kind, entry.data_seen, entry.name) == (read[0].frozen.digest, "major", False, "Analyst")
    assert entry.design_text == (frozen.with_name("design.toml")).read_text(encoding="utf-8")
    known = prespecified(design, None)
    assert (known.state, known.holds, known.amendments) == ("amended", True, (made,))
    assert known.reviewers == ("Head of sales", "Finance")


def test_changed_baseline_data_are_declared_like_any_field(
    frozen: Path, make_study: Make, history: pd.DataFrame
) -> None:
    design = at.load_design(make_study(history.assign(sales=history["sales"] + 1)))
    known = prespecified(design, read(design))
    assert [one.field for one in known.deviations] == ["data.baseline"]
    made = amend(design, **WHY, time=LATER)
    assert [one.words for one in made.changes] == ["The baseline data: sales changed in rows before the launch"]
    assert prespecified(design, read(design)).state == "amended"


def test_a_launch_that_moves_changes_no_data(frozen: Path, make_study: Make, history: pd.DataFrame) -> None:
    months = ["2025-11", "2025-12"]
    changes = {"timing.launch": "2026-01", "timing.baseline": months, "timing.followup": ["2026-01", "2026-02"]}
    design = at.load_design(make_study(history, changes))
    assert {one.field for one in prespecified(design, read(design)).deviations} == {
        "timing.launch", "timing.baseline", "timing.followup",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "asked", "what", "remedy"),
    [
        ({}, {}, "nothing changed", "nothing to declare"),
        (CHANGED, {"kind": "minor"}, "analysis.primary.controls can decide what is claimed", "--class major"),
        (CHANGED, {"kind": "small"}, "kind is 'small'", "minor, major"),
        (CHANGED, {"data_seen": "no"}, "data_seen is a str, not a bool", "True or False"),
        (CHANGED, {"reason": " "}, "not blank", "write the text"),
        (CHANGED, {"name": ""}, "at least 1 character", ""),
        (CHANGED, {"time": WHEN - datetime.timedelta(seconds=1)}, "before the last entry", "time of this amendment"),
    ],
)
def test_what_cannot_be_declared_is_refused(
    changes: dict[str, Any], asked: dict[str, Any], what: str, remedy: str,
    frozen: Path, make_study: Make, history: pd.DataFrame,
) -> None:  # fmt: skip
    before = frozen.read_bytes()
    design = at.load_design(make_study(history, changes))
    with pytest.raises(MethodError, match=what) as caught:
        amend(design, **(WHY | {"time": LATER} | asked))
    assert remedy in caught.value.remedy
    assert frozen.read_bytes() == before


def test_names_and_sources_are_minor(frozen: Path, make_study: Make, history: pd.DataFrame) -> None:
    design = at.load_design(make_study(history, {"kpi.0.owner": "Head of sales"}))
    made = amend(design, **(WHY | {"kind": "minor", "data_seen": True}), time=LATER)
    assert [one.decides for one in made.changes] == [False]
    assert prespecified(design, None).holds


def test_without_a_lock_there_is_nothing_to_amend(make_study: Make) -> None:
    with pytest.raises(DesignError, match="the design was not frozen") as caught:
        amend(at.load_design(make_study(None)), **WHY, time=LATER)
    assert "attribution freeze" in caught.value.problems[0].remedy


def test_the_lock_of_another_study_is_refused(frozen: Path, make_study: Make, history: pd.DataFrame) -> None:
    design = at.load_design(make_study(history, {"study.id": "other"}))
    with pytest.raises(DesignError, match="this lock is of study 'sales-2026'"):
        amend(design, **WHY, time=LATER)
    known = prespecified(design, None)
    assert (known.state, known.holds) == ("broken", False)
    assert "of study 'sales-2026'" in known.sentence


TOUCHED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a reviewer": (lambda lock: lock["frozen"].update(reviewers=["Nobody"]), "[frozen] this entry was changed"),
    "the time": (lambda lock: lock["frozen"].update(time="2020-01-01T00:00:00Z"), "[frozen] this entry was changed"),
    "the design": (
        lambda lock: lock["amendments"][0].update(design_text=lock["frozen"]["design_text"]),
        "[amendments[0]] this entry was changed",
    ),
    "the first entry, signed anew": (
        lambda lock: (
            lock["frozen"].update(reviewers=["Nobody"]),
            lock["frozen"].update(digest=digest_of(lock["frozen"])),
        ),
        "[amendments[0]] an entry before this one was changed",
    ),
    "an entry taken out": (lambda lock: lock["amendments"].pop(0), "[amendments[0]] an entry before this one"),
    "entries in another order": (lambda lock: lock["amendments"].reverse(), "[amendments[0]] an entry before this one"),
    "the text under another digest": (
        lambda lock: (
            lock["amendments"][1].update(design_text="schema = 1"),
            lock["amendments"][1].update(digest=digest_of(lock["amendments"][1])),
        ),
        "[amendments[1].design_text] the text of the design does not have the digest",
    ),
    "no entry": (lambda lock: lock.update(amendments=[1]), "[amendments[0]] this is no entry"),
    "no list of entries": (lambda lock: lock.update(amendments={}), "[amendments[0]] this is no entry"),
    "another version": (lambda lock: lock.update(lock=2), "this lock is of version 2"),
    "nothing frozen": (lambda lock: lock.pop("frozen"), "it holds no frozen design"),
    "a key too many": (lambda lock: lock.update(note="x"), "[note] this is not a lock that this version reads"),
}


@pytest.mark.parametrize("case", TOUCHED)
def test_a_lock_that_was_edited_by_hand_is_found_out(
    case: str, frozen: Path, make_study: Make, history: pd.DataFrame
) -> None:
    for place, label in enumerate(("Sales", "Orders")):
        design = at.load_design(make_study(history, {"kpi.0.label": label}))
        amend(design, **WHY, time=LATER + datetime.timedelta(days=place))
    edit, said = TOUCHED[case]
    document = whole(frozen)
    edit(document)
    frozen.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DesignError) as caught:
        read_lock(frozen)
    assert said in str(caught.value)
    assert "version" in caught.value.problems[0].remedy
    # A run goes on, and says it.
    known = prespecified(design, None)
    assert (known.state, known.holds) == ("broken", False)
    assert said.partition("] ")[2] in known.sentence


def test_layout_alone_breaks_nothing(frozen: Path) -> None:
    frozen.write_text(json.dumps(whole(frozen), indent=8, sort_keys=True), encoding="utf-8")
    assert read_lock(frozen) is not None


def test_the_last_amendment_taken_out_is_a_change_that_nobody_declared(
    frozen: Path, make_study: Make, history: pd.DataFrame
) -> None:
    design = at.load_design(make_study(history, CHANGED))
    amend(design, **WHY, time=LATER)
    frozen.write_text(json.dumps(whole(frozen) | {"amendments": []}), encoding="utf-8")
    known = prespecified(design, None)
    assert (known.state, [one.field for one in known.deviations]) == ("departed", ["analysis.primary.controls"])


def test_a_frozen_text_that_is_refused_today_vouches_for_nothing(
    frozen: Path, make_study: Make, history: pd.DataFrame
) -> None:
    document = whole(frozen)
    document["frozen"]["design_text"] += "\n[study.tomorrow]\nx = 1\n"
    frozen.write_text(json.dumps(resigned(document)), encoding="utf-8")
    known = prespecified(at.load_design(make_study(history)), None)
    assert known.state == "broken"
    assert "is refused today" in known.sentence


@pytest.mark.parametrize(
    ("time", "late"),
    [
        (datetime.datetime(2026, 2, 1, 23, 59, tzinfo=datetime.UTC), ""),
        (datetime.datetime(2026, 2, 2, tzinfo=datetime.UTC), "frozen after the launch (2026-02-01)"),
    ],
)
def test_frozen_by_the_day_of_the_launch_is_in_time(
    time: datetime.datetime, late: str, make_study: Make, history: pd.DataFrame
) -> None:
    design = at.load_design(make_study(history))
    freeze(design, reviewers=["Finance"], time=time)
    known = prespecified(design, None)
    assert (known.state, known.late, known.holds) == ("frozen", late, not late)
    assert ("yet it is not pre-specified" in known.sentence) == bool(late)


def test_a_counter_has_no_day_so_that_the_data_of_the_time_say_whether_it_was_late(
    make_study: Make, sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales(trained=6, control=8)
    frame["month"] = frame["month"].rank(method="dense").astype(int)
    frame["start"] = frame["start"].map({"2026-02": 4})
    timing = {"period": "month", "launch": 4, "baseline": [1, 2, 3], "followup": [4, 5]}
    changes = {"timing": timing, "study.as_of": datetime.date(2026, 5, 31)}
    design = at.load_design(make_study(frame[frame["month"] < 4], changes))
    lock = freeze(design, reviewers=["Finance"], time=datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
    assert prespecified(design, None).late == ""
    lock.unlink()
    make_study(frame, changes)
    freeze(design, reviewers=["Finance"], time=WHEN)
    assert prespecified(design, None).late == "frozen when the data held measured rows from the launch on (56)"


def test_a_design_from_no_file_was_not_frozen(make_study: Make) -> None:
    design = at.load_design(make_study(None))
    nowhere = design.model_copy(update={"source": design.source.model_copy(update={"path": None})})
    assert prespecified(nowhere, None).state == "not_frozen"
    with pytest.raises(MethodError, match="comes from no file"):
        freeze(nowhere, reviewers=["Finance"], time=WHEN)


def test_a_lock_that_would_grow_too_large_is_refused(
    frozen: Path, make_study: Make, history: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freezing, "MAX_BYTES", frozen.stat().st_size + 100)
    with pytest.raises(OutputError, match="bytes, which is more") as caught:
        amend(at.load_design(make_study(history, CHANGED)), **WHY, time=LATER)
    assert "another study" in caught.value.remedy
    monkeypatch.setattr(amending, "MAX_AMENDMENTS", 0)
    with pytest.raises(OutputError, match="amended 0 times"):
        amend(at.load_design(make_study(history, CHANGED)), **WHY, time=LATER)
