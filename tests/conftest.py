"""Shared by all tests: reproducible examples, and the reference values kept beside the checkout."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings

from tests.studies import sales_of, study_text

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"

# The same examples on every machine and in every run; a slow machine is no failure.
settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.load_profile("deterministic")


def _need(path: Path) -> Path:
    if not path.is_file():
        pytest.skip(
            f"needs {path.name} of the reference data, which are kept beside the checkout "
            "(../shared/reference) and not copied into it"
        )
    return path


@pytest.fixture(scope="session")
def reference() -> dict[str, dict[str, Any]]:
    """Return the entries of `reference.json` by id: estimate, std_error, ci, df, source, extra …"""
    with _need(REFERENCE / "reference.json").open(encoding="utf-8") as file:
        entries: dict[str, dict[str, Any]] = json.load(file)["entries"]
    return entries


@pytest.fixture(scope="session")
def reference_file() -> Callable[[str], Path]:
    """Return a finder of the reference data's files."""
    return lambda name: _need(REFERENCE / "data" / name)


@pytest.fixture(scope="session")
def reference_data(reference_file: Callable[[str], Path]) -> Callable[[str], pd.DataFrame]:
    """Return a reader of the reference data: `reference_data("jtrain.csv")` is a fresh DataFrame."""
    return lambda name: pd.read_csv(reference_file(name))


@pytest.fixture(scope="session")
def sales() -> Callable[..., pd.DataFrame]:
    """Return a maker of a small company's sales: a known effect on the trained, arms alike before the training.

    `sales(trained=24, control=36, effect=2.0, trend=0.5, noise=0.5, seed=5)`: columns person, month, start, sales.
    """
    return sales_of


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of a study: data and a sound design in a folder of their own, the design's path returned.

    `make_study(frame, {"kpi.0.label": "Sales", "cost": None}, name="x.toml")`: a dotted path sets a key or appends a
    table, None removes it.
    """

    def make(frame: pd.DataFrame | None, changes: Mapping[str, Any] | None = None, name: str = "design.toml") -> Path:
        folder = tmp_path / "study"
        folder.mkdir(exist_ok=True)
        if frame is not None:
            frame.to_csv(folder / "data.csv", index=False)
        path = folder / name
        path.write_text(study_text(changes), encoding="utf-8")
        return path

    return make
