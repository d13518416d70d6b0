"""Values that other software computed, committed with their source; the data they came from are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def values() -> dict[str, dict[str, Any]]:
    """Return the committed entries of `reference.json` by id: spec, estimate, std_error, ci, p_value, df, source …"""
    found: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("values.json").read_text(encoding="utf-8"))
    return found
