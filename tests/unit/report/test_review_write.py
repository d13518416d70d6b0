"""A review is written whole or not at all, over nothing but an older review of the same study."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import attribution as at
from attribution.errors import MethodError, OutputError
from attribution.report import review_write as module
from attribution.report.review_write import write_review, write_reviews
from attribution.study.review import StudyReview


@pytest.fixture
def review(make_study: Callable[..., Path]) -> StudyReview:
    return at.review(at.load_design(make_study(None)))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_the_ending_says_what_is_written(review: StudyReview, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "for it"
    page, numbers = write_reviews(review, [folder / "review.html", str(folder / "review.JSON")])
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    document = json.loads(numbers.read_text(encoding="utf-8"))
    assert (document["kind"], document["schema"], document["study"]) == ("review", 1, "sales-2026")
    assert [one["id"] for one in document["findings"]] == [one.id for one in review]
    assert names(folder) == ["review.JSON", "review.html"]
    assert page.stat().st_mode & 0o777 == 0o644


def test_a_review_of_the_same_study_is_replaced(review: StudyReview, tmp_path: Path) -> None:
    for name in ("review.html", "review.json"):
        first = write_review(review, tmp_path / name).read_bytes()
        fewer = replace(review, findings=review.findings[:3])
        assert write_review(fewer, tmp_path / name).read_bytes() != first
        assert write_review(review, tmp_path / name).read_bytes() == first


def test_markdown_is_replaced_and_other_markdown_stays(review: StudyReview, tmp_path: Path) -> None:
    text = write_review(review, tmp_path / "review.md").read_text(encoding="utf-8")
    assert text.startswith("<!-- attribution-review sales-2026 -->\n# Sales academy: review of the design\n")
    assert write_review(review, tmp_path / "review.md").read_text(encoding="utf-8") == text
    (tmp_path / "README.md").write_text("# Ours\n")
    with pytest.raises(OutputError, match="not a review"):
        write_review(review, tmp_path / "README.md")


@pytest.mark.parametrize("name", ["review.pdf", "review", "design.toml", "review.html.bak"])
def test_another_ending_is_refused(name: str, review: StudyReview, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.html") as caught:
        write_review(review, tmp_path / "out" / name)
    assert "ends in .html, .md or .json" in caught.value.remedy
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", b"<!DOCTYPE html><p>my page"),
        ("a.html", b""),
        ("a.html", b"\xff\xfe\x00"),
        ("a.json", b""),
        ("a.json", b"{}"),
        ("a.json", b"[1, 2]"),
        ("a.json", b'{"kind": "run", "study": "sales-2026"}'),
        ("a.json", b"[" * 100_000),
        ("a.json", b"\xff"),
    ],
)
def test_a_file_that_is_no_review_stays(name: str, content: bytes, review: StudyReview, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OutputError, match="not a review") as caught:
        write_review(review, tmp_path / name)
    assert "another file name" in caught.value.remedy
    assert (tmp_path / name).read_bytes() == content


def test_a_review_of_another_study_and_a_folder_stay(
    review: StudyReview, make_study: Callable[..., Path], tmp_path: Path
) -> None:
    other = at.review(at.load_design(make_study(None, {"study.id": "other"})))
    for name in ("review.html", "review.json"):
        before = write_review(other, tmp_path / name).read_bytes()
        with pytest.raises(OutputError, match="a review of study 'other'"):
            write_review(review, tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OutputError, match="a folder of this name"):
        write_review(review, tmp_path / "folder.html")


def test_all_files_are_refused_before_the_first_is_written(review: StudyReview, tmp_path: Path) -> None:
    (tmp_path / "numbers.json").write_text("{}")
    with pytest.raises(OutputError):
        write_reviews(review, [tmp_path / "review.html", tmp_path / "numbers.json"])
    assert names(tmp_path / ".") == ["design.toml", "numbers.json"]


def test_a_huge_file_is_not_read(review: StudyReview, tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(module._LARGEST + 1)
    with pytest.raises(OutputError, match="not a review"):
        write_review(review, tmp_path / "a.json")


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_disk_that_refuses_leaves_the_old_review_whole(
    fails: str, review: StudyReview, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = write_review(review, tmp_path / "out" / "review.html").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if fails == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left") as caught:
        write_review(review, tmp_path / "out" / "review.html")
    assert "as it was" in caught.value.remedy
    assert (tmp_path / "out" / "review.html").read_bytes() == before
    assert names(tmp_path / "out") == ["review.html"]


def test_a_folder_that_cannot_be_made_is_said(review: StudyReview, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        write_review(review, tmp_path / "file" / "review.html")


def test_something_else_is_no_review(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match="not a StudyReview"):
        write_review("review", tmp_path / "a.html")
