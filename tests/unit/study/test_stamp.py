"""When a design was frozen by git: the last commit that touched the file, and only if it holds the file as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import attribution as at
from attribution.design.schema import StudyDesign
from attribution.errors import MethodError
from attribution.study.freeze import freeze
from attribution.study.prespecified import prespecified

Make = Callable[..., Path]
CHANGED = {"analysis.0.controls": "never"}


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git, which this machine does not have")


def git(folder: Path, *arguments: str, day: str = "2026-01-15T12:00:00+01:00") -> str:
    names = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    names |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": day}
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "commit.gpgsign=false", *arguments]
    done = subprocess.run(command, cwd=folder, env=plain | names, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def committed(make_study: Make, sales: Callable[..., pd.DataFrame]) -> StudyDesign:
    frame = sales(trained=6, control=8)
    path = make_study(frame[frame["month"] < "2026-02"])
    git(path.parent, "init", "--quiet")
    git(path.parent, "add", path.name)
    git(path.parent, "commit", "--quiet", "-m", "the design")
    (path.parent / "notes.txt").write_text("later\n", encoding="utf-8")
    git(path.parent, "add", "notes.txt")
    git(path.parent, "commit", "--quiet", "-m", "notes", day="2026-06-01T12:00:00+01:00")
    return at.load_design(path)


@needs_git
def test_git_gives_the_time_of_the_last_commit_that_touched_the_file(
    committed: StudyDesign, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A hook sets these; the repository is still the one of the file.
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    lock = freeze(committed, reviewers=["Finance"], git=True)
    entry = json.loads(lock.read_text(encoding="utf-8"))["frozen"]
    assert entry["time"] == "2026-01-15T12:00:00+01:00"
    assert entry["commit"] == git(lock.parent, "rev-parse", "HEAD~1")
    assert prespecified(committed, None).time_from == f"git commit {entry['commit'][:12]}"


@needs_git
@pytest.mark.parametrize("staged", [False, True])
def test_git_vouches_for_no_change_that_is_not_committed(
    committed: StudyDesign, make_study: Make, staged: bool
) -> None:
    path = make_study(None, CHANGED)
    if staged:
        git(path.parent, "add", path.name)
    with pytest.raises(MethodError, match="changes that are not committed") as caught:
        freeze(at.load_design(path), reviewers=["Finance"], git=True)
    assert "commit the design first" in caught.value.remedy


@needs_git
def test_git_knows_no_file_that_was_never_committed(committed: StudyDesign, make_study: Make) -> None:
    with pytest.raises(MethodError, match="no commit of this file"):
        freeze(at.load_design(make_study(None, name="-x.toml")), reviewers=["Finance"], git=True)


@needs_git
def test_a_folder_that_is_no_repository_is_said(make_study: Make, tmp_path: Path) -> None:
    with pytest.raises(MethodError, match=r"git says|no commit of this file") as caught:
        freeze(at.load_design(make_study(None)), reviewers=["Finance"], git=True)
    assert "--time" in caught.value.remedy


def test_without_git_the_time_is_asked_for(make_study: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MethodError, match="git cannot be run") as caught:
        freeze(at.load_design(make_study(None)), reviewers=["Finance"], git=True)
    assert "--time" in caught.value.remedy
