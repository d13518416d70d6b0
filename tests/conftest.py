"""Shared by all tests: reproducible examples, and the reference values kept beside the checkout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings

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
def reference_data() -> Callable[[str], pd.DataFrame]:
    """Return a reader of the reference data: `reference_data("jtrain.csv")` is a fresh DataFrame."""

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(_need(REFERENCE / "data" / name))

    return read
