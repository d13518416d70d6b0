"""The documentation runs: its Python, its commands, its files, its links, and the numbers it prints."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attribution import registry

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
METHODS = ROOT / "docs" / "methods"

BLOCK = re.compile(
    r"^(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
NUMBER = re.compile(r"[-−+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
LINK = re.compile(r"\]\(([^)\s]+)\)")
RUN = [sys.executable, "-W", "error", "-c", "from attribution.cli.main import main; main()"]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, and the file that it is, if any."""

    language: str
    body: str
    file: str
    line: int


def relative(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["body"], found["file"] or "", text[: found.start()].count("\n") + 1)
        for found in BLOCK.finditer(text)
    ]


def runs(page: Path) -> bool:
    """Say whether a page holds anything to run; setting up an environment is not run here."""
    return any(
        block.language == "python" or (block.language == "console" and "$ attribution" in block.body)
        for block in blocks(page)
    )


def same_numbers(shown: str, printed: str) -> bool:
    """Compare two texts: words and whole numbers alike, others within one unit of the last decimal that is shown."""
    if NUMBER.sub("#", shown).split() != NUMBER.sub("#", printed).split():
        return False
    for one, other in zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True):
        values = [float(text.replace(",", "").replace("−", "-")) for text in (one, other)]
        decimals = len(one.partition("e")[0].partition(".")[2])
        if abs(values[0] - values[1]) > (1.001 * 10.0**-decimals if decimals else 0.0):
            return False
    return True


def follow(commands: str, where: str) -> None:
    """Run each `$ attribution …` of a console block; every line shown must be printed, in this order.

    A line that ends with … shows the beginning of a line; a line of … alone stands for lines left out.
    """
    for part in re.split(r"^\$ ", commands, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        words = shlex.split(command, comments=True)
        if words[0] != "attribution":
            continue
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run([*RUN, *words[1:]], capture_output=True, encoding="utf-8", check=False, env=environment)
        assert done.returncode == 0, f"{where}: {command}: exit {done.returncode}\n{done.stderr}"
        printed = iter(done.stdout.splitlines())
        for line in filter(None, map(str.rstrip, shown.splitlines())):
            if line == "…":
                continue
            begins = line[:-1].rstrip() if line.endswith("…") else ""
            found = any((other.startswith(begins) if begins else same_numbers(line, other)) for other in printed)
            assert found, f"{where}: {command} does not print {line!r}, or not there\n{done.stdout}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run in an empty folder that holds the designs of the checkout."""
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    shutil.copytree(ROOT / "designs", tmp_path / "designs")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    plt.close("all")


@pytest.mark.parametrize("page", [page for page in PAGES if runs(page)], ids=relative)
def test_a_page_does_what_it_shows(page: Path, folder: Path) -> None:
    names: dict[str, object] = {"__name__": "page"}
    printed = None
    for block in blocks(page):
        where = f"{relative(page)}, line {block.line}"
        if block.file:
            (folder / block.file).write_text(block.body, encoding="utf-8")
        elif block.language == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(block.body, where, "exec"), names)
            printed = output.getvalue()
        elif block.language == "console":
            follow(block.body, where)
        elif block.language == "text":
            assert printed is not None, f"{where}: printed by no block of Python"
            assert same_numbers(block.body, printed), f"{where}: the page shows\n{block.body}\nand prints\n{printed}"
            printed = None
        # Whatever is printed is shown: the next block, or the end of the page, must not find any left.
        if block.language == "python":
            following = [other for other in blocks(page) if other.line > block.line]
            shown = bool(following) and following[0].language == "text"
            assert shown or not printed, f"{where}: what it prints is not shown\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{relative(page)}: {target}"
        if heading:
            titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]
            assert heading in slugs, f"{relative(page)}: {target}; the headings are {slugs}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:attribution|tests|designs|notebooks)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), f"{relative(page)}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_design_shown_is_toml(page: Path) -> None:
    for block in blocks(page):
        if block.language == "toml":
            assert tomllib.loads(block.body)


def test_the_readme_gives_the_commands_of_the_makefile() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    commands = re.findall(r"^\$ make (\w+)", readme, re.MULTILINE)
    assert commands == ["demo", "test"]
    assert set(commands) <= set(targets)


def test_the_readme_warns_of_the_name() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"the distribution is `{project['name']}`" in readme
    assert list(project["scripts"]) == ["attribution"]


def test_the_architecture_names_every_room_from_the_top_down() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.partition("\n## Rooms")[2].partition("\n## ")[0]
    shown = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in re.findall(r"^\| `.*$", table, re.MULTILINE)]
    with (ROOT / "pyproject.toml").open("rb") as file:
        contract = tomllib.load(file)["tool"]["importlinter"]["contracts"][0]
    layers = [re.findall(r"\w+", layer) for layer in contract["layers"]]
    assert [sorted(rooms) for rooms in shown] == [sorted(rooms) for rooms in layers]


def test_every_method_has_a_page_with_its_options() -> None:
    for name in registry.ESTIMATORS:
        page = (METHODS / f"{name}.md").read_text(encoding="utf-8")
        for option in registry.options(registry.load(registry.ESTIMATORS, name, kind="method")):
            assert f"`{option.name}`" in page, f"docs/methods/{name}.md: the option {option.name}"


def test_every_named_variance_is_on_the_page() -> None:
    from typing import get_args

    from attribution.estimators.windows.variances import Variance

    page = (METHODS / "did.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|[^|]*\|$", page, re.MULTILINE)) >= set(get_args(Variance)) - {
        "default"
    }


def test_the_readme_counts_the_checks() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"runs {len(registry.CHECKS)} checks" in readme


def test_every_dependency_has_its_line() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        needed = tomllib.load(file)["project"]["dependencies"]
    page = (ROOT / "docs" / "decisions" / "0012-dependencies.md").read_text(encoding="utf-8")
    header, *listed = re.findall(r"^\| (\w+) \|", page, re.MULTILINE)
    assert header == "package"
    assert sorted(listed) == sorted(re.split(r"[<>=]", one)[0] for one in needed)


def test_the_parity_tables_hold_the_reference_values() -> None:
    values = json.loads((ROOT / "tests" / "parity" / "values.json").read_text(encoding="utf-8"))
    found = set()
    for page in METHODS.glob("*.md"):
        for row in re.findall(r"^\| `(\w+)` \|(.*)\|$", page.read_text(encoding="utf-8"), re.MULTILINE):
            name, cells = row[0], [cell.strip() for cell in row[1].split("|")]
            if name not in values:
                continue
            entry = values[name]
            numbers = [entry.get("estimate"), entry.get("std_error"), *(entry.get("ci") or [None, None])]
            for shown, value in zip(cells, numbers, strict=False):
                assert shown == ("–" if value is None else f"{value:.6f}".replace("-", "−")), f"{page.name}: {name}"
            assert cells[-1] == entry["source"], f"{page.name}: {name}"
            found.add(name)
    assert found == set(values)


def test_the_decisions_are_all_listed_and_dated() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for page in sorted(folder.glob("0*.md")):
        text = page.read_text(encoding="utf-8")
        title = text.partition("\n")[0].removeprefix("# ")
        assert f"[{title}]({page.name})" in index
        assert re.search(r"^Date: \d{4}-\d{2}-\d{2}$", text, re.MULTILINE), page.name
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequence")), page.name
