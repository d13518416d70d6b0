"""The rules of the house that no tool checks for us."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "attribution"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 420
HEAVY = (
    "dowhy",
    "jinja2",
    "linearmodels",
    "matplotlib",
    "networkx",
    "pandas",
    "pydantic",
    "scipy.stats",
    "statsmodels",
)

# What git does not hold: environments, builds, caches, runs.
NOT_OURS = {"build", "dist", "runs", "__pycache__"}
# A path from the root of some machine; `docs/work/x`, `../work/x` and web addresses are none.
MACHINE_PATH = re.compile(r"(?<![\w.~$/-])/(?:home|opt|root|tmp|Users|work)/")
# What ties an install to one package index or one machine.
HOST = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host|://|^-[if]\s| @ ", re.MULTILINE)


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _text_files() -> Iterator[tuple[Path, str]]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and (name == ".ci" or name[0] != ".")]
        for name in names:
            path = Path(folder, name)
            # In a worktree `.git` is a file that holds a path of the machine; git does not hold it.
            if name in {".git", "uv.lock"}:
                continue
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture


@pytest.mark.parametrize("module", MODULES, ids=_relative)
def test_a_file_is_short_enough_to_read(module: Path) -> None:
    lines = len(module.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{_relative(module)} has {lines} lines: split it by meaning"


@pytest.mark.parametrize(
    "module",
    [path for path in MODULES if path.name == "__init__.py" and path.parent != PACKAGE],
    ids=_relative,
)
def test_a_room_exports_nothing(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{_relative(module)}: say in one line what the room is for"
    assert len(tree.body) == 1, f"{_relative(module)}: a room's __init__ holds its docstring and nothing else"


def test_every_folder_of_modules_is_a_package_with_a_module() -> None:
    for folder in {module.parent for module in MODULES}:
        names = {path.name for path in folder.glob("*.py")}
        assert "__init__.py" in names, f"{_relative(folder)}: add __init__.py with a one-line docstring"
        assert len(names) > 1 or any(folder.glob("*/__init__.py")), f"{_relative(folder)} is an empty room"


def test_the_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_import_attribution_loads_nothing_heavy() -> None:
    script = f"import sys, attribution; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [
        f"{_relative(path)}:{number}: {line.strip()}"
        for path, text in _text_files()
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_the_pins_name_no_host() -> None:
    found = HOST.findall((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert found == []
