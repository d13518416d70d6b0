"""attribution new: templates are listed, written once, and never over a file that is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from attribution.design.load import load_design
from attribution.design.templates import template_path, templates
from tests.unit.cli.ran import Ran


@pytest.fixture
def new(attribution: Callable[..., Ran]) -> Callable[..., Ran]:
    """Return the command, run in an empty current folder."""
    return partial(attribution, "new")


def test_without_a_name_all_are_listed_a_line_each(new: Callable[..., Ran], tmp_path: Path) -> None:
    found = new()
    assert (found.code, found.err) == (0, "")
    assert [line.split()[0] for line in found.out.partition("\n\n")[0].splitlines()] == list(templates())
    assert "onboarding-ramp      Onboarding: do new hires reach full output sooner?\n" in found.out
    assert list(tmp_path.iterdir()) == []


def test_a_template_is_written_under_its_own_name(new: Callable[..., Ran], tmp_path: Path) -> None:
    found = new("safety")
    assert (found.code, found.err) == (0, "")
    assert "written: safety.toml\n" in found.out
    assert found.out.endswith("review it: attribution check safety.toml\n")
    assert (tmp_path / "safety.toml").read_bytes() == template_path("safety").read_bytes()


def test_the_study_is_named_after_the_file(new: Callable[..., Ran], tmp_path: Path) -> None:
    found = new("sales-quota", "--out", "Academy 2027.toml")
    assert found.code == 0
    assert found.out.endswith("attribution check 'Academy 2027.toml'\n")
    assert load_design(tmp_path / "Academy 2027.toml").study.id == "academy-2027"


def test_a_file_that_is_there_is_left_as_it_is(new: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "safety.toml").write_text("mine")
    (tmp_path / "folder").mkdir()
    for arguments in (["safety"], ["safety", "--out", "folder"]):
        found = new(*arguments)
        assert (found.code, found.out) == (2, "")
        assert "there is a file or folder of this name already" in found.err
        assert "What to do: name another file with --out" in found.err
    assert (tmp_path / "safety.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["saftey"], "did you mean 'safety'? choose one of compliance, "),
        (["../safety"], "there is no template '../safety'"),
        (["safety", "--out", "no/such/folder/x.toml"], "its folder is not there"),
        (["safety", "--out", "x" * 300 + ".toml"], "the file cannot be written: "),
        (["--out", "x.toml"], "no template is named"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_nothing(
    arguments: list[str], said: str, new: Callable[..., Ran], tmp_path: Path
) -> None:
    found = new(*arguments)
    assert (found.code, found.out) == (2, "")
    assert said in found.err
    assert "What to do: " in found.err
    assert list(tmp_path.iterdir()) == []
