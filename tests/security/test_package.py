"""What the package never does: run text as code, unpickle, open a connection, start a program but git when asked to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from attribution.errors import MethodError
from attribution.registry import CHECKS, DATASETS, ESTIMATORS, dataset, load

PACKAGE = Path(__file__).resolve().parents[2] / "attribution"
MODULES = sorted(PACKAGE.rglob("*.py"))

CALLS = {"eval", "exec", "compile", "__import__", "input", "breakpoint"}
METHODS = {"eval", "query", "read_pickle", "to_pickle", "system", "popen", "read_html", "from_string"}
IMPORTS = {
    "pickle", "cloudpickle", "joblib", "dill", "marshal", "shelve", "yaml", "subprocess", "ctypes", "code",
    "socket", "http", "urllib", "requests", "httpx", "ftplib", "smtplib", "webbrowser",
}  # fmt: skip


GIT = "study/stamp.py"
"""The one module that starts a program: git, where somebody asks for the time of a commit (--git)."""


def _faults(source: str) -> Iterator[str]:
    """Yield each forbidden call and import of a module, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            # `re.compile` and a model's own methods are attributes; a bare name is the builtin.
            if isinstance(called, ast.Name) and called.id in CALLS:
                yield f"line {node.lineno}: {called.id}()"
            # A k-d tree's query takes points, a table's takes text.
            if isinstance(called, ast.Attribute) and called.attr in METHODS and ast.unparse(called) != "tree.query":
                yield f"line {node.lineno}: .{called.attr}()"
            for keyword in node.keywords:
                if keyword.arg in ("shell", "allow_pickle") and not (
                    isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                ):
                    yield f"line {node.lineno}: {keyword.arg}="
        elif isinstance(node, ast.Import):
            yield from (f"line {node.lineno}: {one.name}" for one in node.names if one.name.split(".")[0] in IMPORTS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in IMPORTS:
            yield f"line {node.lineno}: {node.module}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_runs_no_text_and_opens_no_door(module: Path) -> None:
    found = [fault.partition(": ")[2] for fault in _faults(module.read_text(encoding="utf-8"))]
    assert found == (["subprocess"] if module.relative_to(PACKAGE).as_posix() == GIT else [])


def test_the_one_program_is_git_with_words_of_our_own() -> None:
    tree = ast.parse((PACKAGE / GIT).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    started = [ast.unparse(one) for one in calls if ast.unparse(one.func).startswith("subprocess.")]
    assert len(started) == 1
    assert started[0].startswith("subprocess.run(command, cwd=path.parent, ")
    assert "shell" not in started[0]
    (command,) = [
        one for one in ast.walk(tree) if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "command"
    ]
    assert ast.unparse(command.value) == "['git', '-c', 'core.fsmonitor=false', *arguments]"
    # The only word that is not ours is the file's name, after ./ so that it is no option.
    asked = [[ast.unparse(word) for word in one.args[1:]] for one in calls if ast.unparse(one.func) == "_git"]
    others = {word for words in asked for word in words if not word.startswith("'")}
    assert others == {"here", "f'HEAD:{here}'"}


@pytest.mark.parametrize(
    "source",
    ["eval('1')", "import pickle", "from urllib.request import urlopen", "frame.query(text)", "run(x, shell=True)"],
)
def test_the_search_finds_what_it_looks_for(source: str) -> None:
    assert len(list(_faults(source))) == 1


def test_modules_are_imported_by_name_from_the_registries_alone() -> None:
    users = [path.relative_to(PACKAGE).as_posix() for path in MODULES if "import_module(" in path.read_text("utf-8")]
    assert users == ["__init__.py", "registry.py"]
    for registry in (ESTIMATORS, DATASETS, CHECKS):
        assert all(target.startswith("attribution.") for target in registry.values())


@pytest.mark.parametrize("name", ["os:system", "attribution.registry:load", "../did", "__class__", ""])
def test_a_name_from_a_design_is_no_import_path(name: str) -> None:
    with pytest.raises(MethodError, match="there is no"):
        load(ESTIMATORS, name, kind="method")
    with pytest.raises(MethodError, match="there is no dataset"):
        dataset(name)
