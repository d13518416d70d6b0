"""The notebooks execute, and hold the outputs that they had when they were executed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# What the quickstart must show, wherever it shows it: the known values of the Michigan study.
QUICKSTART = (
    "Panel('lscrap': 157 units, 471 rows, periods 1987 to 1989)",
    "effect -0.31706 (SE 0.1722)",
    "change -0.37449 (SE 0.1461)",
    "19 trained against 35 not trained, 103 left out",
    "effect     -27.2%",
    "share 0.84663, fieller [-0.3346, 1.4482]",
    "net benefit -141,874 USD",
    "effect -0.37898",
    "share 1.012",
)

# What the notebook of cohorts must show: the experiment's values, and the counts that its last paragraph gives.
COHORTS = (
    "change +1,529 (SE 715)",
    "level  +1,794 (SE 671)",
    "change of the trained +4,817",
    "share 0.31745",
    "CPS    fail       19    16",
    "       pass        2     2",
    "       warn       15    13",
    "PSID   fail       34    11",
    "       warn        4     2",
    "27 of 53 that failed came near",
)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def shown(notebook: Any) -> list[str]:
    """Return the text of every output, cell by cell: what a cell prints may come in one piece or in several."""
    texts = []
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        texts.append("".join(one.get("text", "") + one.get("data", {}).get("text/plain", "") for one in outputs))
    return texts


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return every notebook, executed anew in an empty folder."""
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("notebooks")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        for path in NOTEBOOKS:
            notebook = read(path)
            client = NotebookClient(
                notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
            )
            client.execute()
            found[path.name] = notebook
    return found


def test_there_is_a_quickstart() -> None:
    assert "quickstart.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_stored_outputs_are_those_of_a_run(path: Path, executed: dict[str, Any]) -> None:
    stored = read(path)
    assert shown(executed[path.name]) == shown(stored)
    counts = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_the_quickstart_shows_the_known_values(executed: dict[str, Any]) -> None:
    text = "\n".join(shown(executed["quickstart.ipynb"]))
    assert [value for value in QUICKSTART if value not in text] == []


def test_the_notebook_of_cohorts_shows_the_experiment_and_its_counts(executed: dict[str, Any]) -> None:
    text = "\n".join(shown(executed["cohorts.ipynb"]))
    assert [value for value in COHORTS if value not in text] == []


def test_the_quickstart_draws_its_waterfall(executed: dict[str, Any]) -> None:
    outputs = [one for cell in executed["quickstart.ipynb"].cells for one in cell.get("outputs", [])]
    assert any("image/png" in one.get("data", {}) for one in outputs)
    assert all(one.output_type != "error" and one.get("name") != "stderr" for one in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_of_no_machine(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert all(not cell.metadata for cell in notebook.cells)
    assert not re.search(r"/(?:home|tmp|root|Users|work)/|<ipython-input", path.read_text(encoding="utf-8"))
