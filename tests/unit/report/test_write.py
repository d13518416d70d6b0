"""A run folder: whole or not at all, replaced whole, and nothing of others touched."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import attribution as at
from attribution.errors import OutputError
from attribution.report import write as module

FILES = ["estimates.csv", "findings.csv", "report.html", "results.json"]


@pytest.fixture
def result(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> at.StudyResult:
    """Return a result whose page is quick to render; the page has tests of its own."""
    monkeypatch.setattr(module, "render", lambda result, claim, previous: f"<p>{claim.sentence}</p>")
    return at.run(at.load_design(make_study(sales())))


def _other(result: at.StudyResult, **manifest: Any) -> at.StudyResult:
    return replace(result, manifest=replace(result.manifest, **manifest))


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_run_is_four_files_in_folders_made_for_it(result: at.StudyResult, tmp_path: Path) -> None:
    report = at.write(result, tmp_path / "runs" / "sales" / "2026-05-31")
    assert report == (tmp_path / "runs" / "sales" / "2026-05-31" / "report.html").resolve()
    assert sorted(path.name for path in report.parent.iterdir()) == FILES
    assert sorted(path.name for path in report.parent.parent.iterdir()) == ["2026-05-31"]
    assert report.parent.stat().st_mode & 0o777 == 0o755
    table = pd.read_csv(report.parent / "estimates.csv")
    pd.testing.assert_frame_equal(table, result.tidy(), check_dtype=False)
    findings = pd.read_csv(report.parent / "findings.csv")
    assert list(findings["id"]) == [finding.id for finding in result.findings]


def test_the_same_result_makes_the_same_bytes(result: at.StudyResult, tmp_path: Path) -> None:
    assert _tree(at.write(result, tmp_path / "a").parent) == _tree(at.write(result, str(tmp_path / "b")).parent)


def test_the_real_page_is_the_same_bytes_too(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    result = at.run(at.load_design(make_study(sales())))
    first = at.write(result, tmp_path / "a").read_text(encoding="utf-8")
    assert at.write(result, tmp_path / "b").read_text(encoding="utf-8") == first
    assert first.startswith("<!DOCTYPE html>")


def test_a_run_of_the_same_study_and_date_is_replaced_whole(result: at.StudyResult, tmp_path: Path) -> None:
    at.write(result, tmp_path / "run")
    (tmp_path / "run" / "old-table.csv").write_text("left over from another version")
    later = _other(result, data_digest="0" * 64)
    at.write(later, tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == FILES
    manifest = json.loads((tmp_path / "run" / "results.json").read_text())["manifest"]
    assert manifest["data_digest"] == "0" * 64
    assert manifest["previous"] == {
        "design_digest": result.manifest.design_digest,
        "data_digest": result.manifest.data_digest,
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "study"]


@pytest.mark.parametrize("change", [{"study": "other"}, {"as_of": "2026-06-30"}])
def test_another_study_or_date_is_refused_and_untouched(
    change: dict[str, str], result: at.StudyResult, tmp_path: Path
) -> None:
    at.write(_other(result, **change), tmp_path / "run")
    before = _tree(tmp_path)
    with pytest.raises(OutputError, match="holds a run of study") as caught:
        at.write(result, tmp_path / "run")
    assert caught.value.remedy
    assert _tree(tmp_path) == before


@pytest.mark.parametrize(
    "content",
    [
        {"thesis.docx": "years of work"},
        {"results.json": "not JSON"},
        {"results.json": "[]"},
        {"results.json": "[" * 100_000},
        {"results.json": '{"manifest": {"study": "sales-2026"}}'},
        {"results.json": '{"manifest": null}'},
        {"results.json/nested": "a folder of that name"},
    ],
)
def test_a_folder_of_others_is_refused_and_untouched(
    content: dict[str, str], result: at.StudyResult, tmp_path: Path
) -> None:
    for name, text in content.items():
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    before = _tree(tmp_path)
    with pytest.raises(OutputError):
        at.write(result, tmp_path / "run")
    assert _tree(tmp_path) == before


def test_a_file_in_the_place_of_the_folder_is_refused(result: at.StudyResult, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match="not a run"):
        at.write(result, tmp_path / "run")
    with pytest.raises(OutputError, match="cannot write the run"):
        at.write(result, tmp_path / "run" / "below")
    assert (tmp_path / "run").read_text() == "mine"


def test_an_empty_folder_is_free(result: at.StudyResult, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert at.write(result, tmp_path / "run").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "study"]


def test_a_link_to_a_folder_stays_a_link(result: at.StudyResult, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    for _ in range(2):
        report = at.write(result, tmp_path / "link")
        assert report.parent == tmp_path.resolve() / "real"
        assert (tmp_path / "link").is_symlink()
        assert sorted(path.name for path in (tmp_path / "link").iterdir()) == FILES


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("where", ["os.fsync", "tempfile.mkdtemp", "pathlib.Path.mkdir"])
def test_a_disk_that_refuses_leaves_everything_as_it_was(
    where: str, existing: bool, result: at.StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if existing:
        at.write(result, tmp_path / "run")
    before = _tree(tmp_path)
    monkeypatch.setattr(where, _full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        at.write(_other(result, data_digest="0" * 64), tmp_path / "run")
    assert "room on the disk" in caught.value.remedy
    monkeypatch.undo()
    assert _tree(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == (["run", "study"] if existing else ["study"])


class _Renames:
    """Path.rename that fails at its n-th calls."""

    def __init__(self, failing: dict[int, BaseException]) -> None:
        self.calls = 0
        self.failing = failing
        self.real = Path.rename

    def __call__(self, path: Path, target: Path) -> Path:
        self.calls += 1
        if self.calls in self.failing:
            raise self.failing[self.calls]
        return self.real(path, target)


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), KeyboardInterrupt()])
def test_a_move_that_fails_or_is_interrupted_puts_the_old_run_back(
    call: int, error: BaseException, result: at.StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.write(result, tmp_path / "run")
    before = _tree(tmp_path)
    renames = _Renames({call: error})
    monkeypatch.setattr(Path, "rename", lambda path, target: renames(path, target))
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else OutputError):
        at.write(_other(result, data_digest="0" * 64), tmp_path / "run")
    assert _tree(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "study"]


def test_a_first_run_that_cannot_be_moved_in_place_leaves_nothing(
    result: at.StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renames = _Renames({1: OSError(errno.EACCES, "Permission denied")})
    monkeypatch.setattr(Path, "rename", lambda path, target: renames(path, target))
    with pytest.raises(OutputError, match="Permission denied"):
        at.write(result, tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


def test_an_old_run_that_cannot_be_put_back_is_kept_and_named(
    result: at.StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.write(result, tmp_path / "run")
    before = _tree(tmp_path / "run")
    gone = OSError(errno.EIO, "Input/output error")
    renames = _Renames({2: gone, 3: gone})
    monkeypatch.setattr(Path, "rename", lambda path, target: renames(path, target))
    with pytest.raises(OutputError, match="nor the old one back") as caught:
        at.write(result, tmp_path / "run")
    (kept,) = tmp_path.glob(".run-old-*/run")
    assert str(kept) in caught.value.remedy
    assert _tree(kept) == before


def test_a_process_killed_between_the_moves_leaves_the_old_run_whole(
    result: at.StudyResult, tmp_path: Path, make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    at.write(result, tmp_path / "run")
    before = _tree(tmp_path / "run")
    design = make_study(sales())
    script = f"""
import os
from pathlib import Path
import attribution as at
from attribution.report import write
write.render = lambda *_: "new"
calls, real = [], Path.rename
def rename(self, target):
    calls.append(target)
    if len(calls) == 2:
        os._exit(9)
    return real(self, target)
Path.rename = rename
at.write(at.run(at.load_design({str(design)!r})), {str(tmp_path / "run")!r})
"""
    found = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (9, "")
    assert not (tmp_path / "run").exists()
    (kept,) = tmp_path.glob(".run-old-*/run")
    assert _tree(kept) == before
    # The next run is written as if nothing had happened.
    assert at.write(result, tmp_path / "run").is_file()


def test_a_folder_that_cannot_be_looked_into_is_refused(
    result: at.StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()

    def denied(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(OutputError):
        at.write(result, tmp_path / "run")
