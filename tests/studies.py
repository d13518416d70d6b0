"""A small company's sales and a sound design of their study, for tests to change; conftest has them as fixtures."""

from __future__ import annotations

import copy
import datetime
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

MONTHS = tuple(month.strftime("%Y-%m") for month in pd.period_range("2025-11", "2026-05", freq="M"))

_STUDY: dict[str, Any] = {
    "schema": 1,
    "study": {"id": "sales-2026", "title": "Sales training", "question": "Did it raise sales?", "frame": "roi"},
    "program": {"name": "Sales academy"},
    "kpi": [
        {
            "id": "sales",
            "column": "sales",
            "label": "Monthly sales",
            "unit": "orders",
            "direction": "higher",
            "expected_effect": 2.0,
            "effect_source": "a pilot",
        }
    ],
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


def sales_of(
    trained: int = 24, control: int = 36, effect: float = 2.0, trend: float = 0.5, noise: float = 0.5, seed: int = 5
) -> pd.DataFrame:
    """Return a known effect on the trained, arms alike before the training: columns person, month, start, sales."""
    rng = np.random.default_rng(seed)
    people = trained + control
    is_trained = np.arange(people) < trained
    level = np.concatenate([np.linspace(15, 25, arm) if arm > 1 else np.full(arm, 20.0) for arm in (trained, control)])
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


def study_text(changes: Mapping[str, Any] | None = None) -> str:
    """Return the design as TOML: a dotted path of `changes` sets a key or appends a table, None removes it."""
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
    return "\n".join(text)


def with_g(frame: pd.DataFrame, g: float, column: str) -> pd.DataFrame:
    """Return the frame with the trained shifted in a column, so that Hedges' g of its baseline is the one wanted."""
    trained = frame["start"].notna()
    before = frame["month"] < "2026-02"
    means = [frame[before & arm].groupby("person")[column].mean() for arm in (trained, ~trained)]
    n = [len(one) for one in means]
    pooled = np.sqrt(sum((len(one) - 1) * one.var() for one in means) / (sum(n) - 2))
    wanted = g * pooled / (1 - 3 / (4 * sum(n) - 9))
    shift = wanted - (means[0].mean() - means[1].mean())
    return frame.assign(**{column: frame[column] + shift * trained})
