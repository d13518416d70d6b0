"""The JSON Schema: valid itself, true of the real study, and no laxer than the loader on a single key."""

from __future__ import annotations

import copy
import datetime
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from attribution.design.json_schema import design_json_schema
from attribution.registry import ESTIMATORS

MICHIGAN = Path(__file__).parents[3] / "designs" / "michigan-grants.toml"


def as_json(value: Any) -> Any:
    """Return a TOML value as JSON writes it: dates become text."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(json.dumps(design_json_schema()))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.fixture
def michigan() -> Any:
    return as_json(tomllib.loads(MICHIGAN.read_text(encoding="utf-8")))


def test_the_real_study_holds_to_it(validator: Draft202012Validator, michigan: Any) -> None:
    assert [error.message for error in validator.iter_errors(michigan)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("kpis",), []),
        (("study", "id"), "../x"),
        (("study", "as_of"), "soon"),
        (("kpi", 0, "directon"), "lower"),
        (("kpi", 0, "direction"), "down"),
        (("kpi", 0, "owner"), None),
        (("columns", "adopted"), "year"),
        (("data", "path"), "x.csv"),
        (("timing", "baseline"), []),
        (("timing", "launch"), 1988.5),
        (("analysis", 0, "method"), "dif"),
        (("analysis", 0, "control"), "never"),
        (("analysis", 0, "controls"), "nobody"),
        (("analysis", 0, "options"), {}),
        (("inference", "variance"), "HC9"),
        (("inference", "level"), 95),
        (("valuation", 0, "value_per_unit"), 3),
        (("cost", 0, "category"), "snacks"),
        (("limits", "text"), 3),
        (("source",), {"path": None, "digest": ""}),
    ],
)
def test_a_fault_of_a_single_key_is_seen(
    validator: Draft202012Validator, michigan: Any, path: tuple[str | int, ...], value: Any
) -> None:
    broken = copy.deepcopy(michigan)
    table = broken
    for part in path[:-1]:
        table = table[part]
    table[path[-1]] = value
    assert list(validator.iter_errors(broken)) != []


@pytest.mark.parametrize("text", ["one sentence", ["one", "two"]])
def test_limits_are_a_text_or_an_array(validator: Draft202012Validator, michigan: Any, text: Any) -> None:
    michigan["limits"]["text"] = text
    assert validator.is_valid(michigan)


def test_dates_quarters_and_integers_are_periods(validator: Draft202012Validator, michigan: Any) -> None:
    michigan["timing"] |= {"launch": "2026-03-01", "baseline": ["2026Q1", 3]}
    assert validator.is_valid(michigan)


def test_every_method_is_an_alternative_and_every_table_is_described() -> None:
    schema = design_json_schema()
    assert [method["title"] for method in schema["$defs"]["Analysis"]["oneOf"]] == list(ESTIMATORS)
    for name, table in schema["$defs"].items():
        assert table["description"], name
        for key, described in table.get("properties", {}).items():
            assert described["description"], f"{name}.{key}"


def test_each_call_gives_a_schema_of_its_own() -> None:
    design_json_schema()["$defs"].clear()
    assert "Kpi" in design_json_schema()["$defs"]
