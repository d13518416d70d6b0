"""Shared by all tests: reproducible examples, and the reference values kept beside the checkout."""

from __future__ import annotations

import copy
import datetime
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
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
def reference_file() -> Callable[[str], Path]:
    """Return a finder of the reference data's files."""
    return lambda name: _need(REFERENCE / "data" / name)


@pytest.fixture(scope="session")
def reference_data(reference_file: Callable[[str], Path]) -> Callable[[str], pd.DataFrame]:
    """Return a reader of the reference data: `reference_data("jtrain.csv")` is a fresh DataFrame."""
    return lambda name: pd.read_csv(reference_file(name))


MONTHS = tuple(month.strftime("%Y-%m") for month in pd.period_range("2025-11", "2026-05", freq="M"))

_STUDY: dict[str, Any] = {
    "schema": 1,
    "study": {"id": "sales-2026", "title": "Sales training", "question": "Did it raise sales?", "frame": "roi"},
    "program": {"name": "Sales academy"},
    "kpi": [{"id": "sales", "column": "sales", "label": "Monthly sales", "unit": "orders", "direction": "higher"}],
    "data": {"source": "file", "path": "data.csv"},
    "columns": {"unit": "person", "period": "month", "adopted": "start"},
    "assignment": {"mechanism": "manager", "level": "person"},
    "timing": {"period": "month", "launch": "2026-02", "baseline": [*MONTHS[:3]], "followup": [*MONTHS[3:]]},
    "analysis": [{"id": "primary", "method": "did", "role": "primary"}],
    "inference": {"draws": 199, "seed": 3},
    "valuation": [{"value_per_unit": 30, "source": "price list", "approver": "finance"}],
    "cost": [
        {"category": "license", "amount": 2000, "source": "invoice"},
        {"category": "learner_time", "amount": 3000, "low": 2000, "high": 4000, "source": "payroll"},
        *(
            {"category": category, "amount": 0, "reason": "none"}
            for category in ("implementation", "content", "integration", "manager_time", "ai_usage", "evaluation")
        ),
    ],
    "finance": {"currency": "USD"},
}


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value)


def _lines(head: str, table: Mapping[str, Any]) -> str:
    return "\n".join([head, *(f"{key} = {_toml(value)}" for key, value in table.items()), ""])


@pytest.fixture(scope="session")
def sales() -> Callable[..., pd.DataFrame]:
    """Return a maker of a small company's sales: a known effect on the trained, arms alike before the training.

    `sales(trained=24, control=36, effect=2.0, trend=0.5, noise=0.5, seed=5)`: columns person, month, start, sales.
    """

    def make(
        trained: int = 24, control: int = 36, effect: float = 2.0, trend: float = 0.5, noise: float = 0.5, seed: int = 5
    ) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        people = trained + control
        is_trained = np.arange(people) < trained
        level = np.concatenate(
            [np.linspace(15, 25, arm) if arm > 1 else np.full(arm, 20.0) for arm in (trained, control)]
        )
        after = np.arange(len(MONTHS)) >= 3
        values = level[:, None] + after * (trend + effect * is_trained[:, None])
        values = values + rng.normal(0, noise, values.shape)
        return pd.DataFrame(
            {
                "person": np.repeat([f"{number:03d}" for number in range(people)], len(MONTHS)),
                "month": np.tile(MONTHS, people),
                "start": np.repeat(np.where(is_trained, "2026-02", None), len(MONTHS)),
                "sales": values.ravel(),
            }
        )

    return make


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
        design = copy.deepcopy(_STUDY)
        for path, value in (changes or {}).items():
            *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
            inside: Any = design
            for part in parents:
                inside = inside[part] if isinstance(part, int) else inside.setdefault(part, {})
            if value is None:
                del inside[last]
            elif isinstance(inside, list) and last == len(inside):
                inside.append(value)
            else:
                inside[last] = value
        text = []
        for key, value in design.items():
            if isinstance(value, dict):
                text.append(_lines(f"[{key}]", value))
            elif isinstance(value, list):
                text += [_lines(f"[[{key}]]", table) for table in value]
            else:
                text.append(f"{key} = {_toml(value)}\n")
        path = folder / name
        path.write_text("\n".join(text), encoding="utf-8")
        return path

    return make
