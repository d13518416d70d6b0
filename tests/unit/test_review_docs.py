"""The committed review sheets are what the command in their README makes."""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from attribution.cli.main import app
from tests.unit.report.pages import text_of

ROOT = Path(__file__).resolve().parents[2]
REVIEWS = ROOT / "docs" / "reviews"
COMMANDS = re.findall(r"^attribution (check .*)$", (REVIEWS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def said(page: str) -> str:
    """Return what a page says outside its figures, whose places in the plane depend on the fonts of a machine."""
    return text_of(re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL))


def test_every_sheet_has_a_command() -> None:
    made = {Path(word).name for command in COMMANDS for word in shlex.split(command) if word.startswith("docs/reviews")}
    kept = {path.name for path in REVIEWS.iterdir() if path.suffix in (".html", ".md")}
    assert kept == made | {"README.md"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: shlex.split(command)[-1].rpartition("/")[2])
def test_the_command_makes_the_sheet_again(command: str, tmp_path: Path) -> None:
    """Draws take most of the time and move nothing on a sheet but their own number: here there are fewer."""
    _, path, *options = shlex.split(command)
    text = (ROOT / path).read_text(encoding="utf-8")
    fewer = re.sub(r"(?m)^draws = 1999$", "draws = 99", text)
    assert fewer != text
    design, made = tmp_path / Path(path).name, tmp_path / "made"
    design.write_text(fewer, encoding="utf-8")
    found = CliRunner().invoke(
        app, ["check", str(design), *(one.replace("docs/reviews", str(made)) for one in options)]
    )
    assert found.exit_code in (0, 3), found.output
    digests = [hashlib.sha256(one.encode()).hexdigest() for one in (text, fewer)]
    for file in made.iterdir():
        kept = (REVIEWS / file.name).read_text(encoding="utf-8").replace(*digests).replace("0 of 1,999", "0 of 99")
        new = file.read_text(encoding="utf-8")
        same = said(new) == said(kept) if file.suffix == ".html" else new == kept
        assert same, f"{file.name} is not what the design says today: run its command in {REVIEWS.name}/README.md"
