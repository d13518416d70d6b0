"""The JSON Schema of a design file, with the options of every method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from attribution import registry
from attribution.design.options import adapter, options_of
from attribution.design.schema import DesignFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{model}"


def design_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a design file, for editors and other tools.

    It describes each table and key and each method's options; dates are strings of format `date`. Rules that look at
    several tables (references, order of the windows, money) are not in it: `load_design` checks them.

    Examples
    --------
    >>> design_json_schema()["properties"]["schema"]["const"]
    1
    """
    schema: dict[str, Any] = _without_null(DesignFile.model_json_schema(by_alias=True, ref_template=_REF))
    definitions = schema["$defs"]
    # The loader fills it in where there is one KPI.
    definitions["Valuation"]["required"].remove("kpi")
    definitions["Limits"]["properties"]["text"]["anyOf"] = _text_or_array(definitions["Limits"]["properties"]["text"])
    definitions["CohortTable"]["required"].remove("id")
    option_schemas, option_definitions = _option_schemas(registry.ESTIMATORS)
    cohort_schemas, cohort_definitions = _option_schemas(registry.COHORTS)
    definitions.update(option_definitions | cohort_definitions)
    definitions["Analysis"] = _one_of_methods(definitions["Analysis"], registry.ESTIMATORS, option_schemas)
    definitions["CohortTable"] = _one_of_methods(definitions["CohortTable"], registry.COHORTS, cohort_schemas)
    cohorts = schema["properties"]["cohort"]
    array = {key: cohorts.pop(key) for key in ("type", "items", "maxItems")}
    cohorts["anyOf"] = [array["items"], array]
    variances = [options["variance"] for options in option_schemas.values() if "variance" in options]
    distinct = [schema for number, schema in enumerate(variances) if schema not in variances[:number]]
    definitions["Inference"]["properties"]["variance"]["anyOf"] = distinct
    return {"$schema": DIALECT, **schema, "title": "Design of a study of training, version 1"}


def _option_schemas(methods: Mapping[str, str]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the JSON Schema of each option by method and name, and the definitions that they refer to."""
    inputs = []
    for name in methods:
        method = registry.load(methods, name, kind="method")
        for option in options_of(method):
            inputs.append(((name, option), "validation", adapter(method, option)))
    found, shared = TypeAdapter.json_schemas(inputs, ref_template=_REF)  # type: ignore[arg-type]
    by_method: dict[str, dict[str, Any]] = {name: {} for name in methods}
    for (key, _), schema in found.items():
        name, option = key
        by_method[name][option] = _without_null(schema)
    return by_method, _without_null(shared.get("$defs", {}))


def _one_of_methods(
    common: dict[str, Any], methods: Mapping[str, str], option_schemas: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the schema of a row that names a method: one alternative for each, told apart by `method`."""
    alternatives = []
    for name in methods:
        method = registry.load(methods, name, kind="method")
        own = {key: value for key, value in common["properties"].items() if key != "options"}
        own["method"] = own["method"] | {"const": name}
        required = [key for key in common["required"] if key != "kpi"]
        options = {}
        for option in options_of(method).values():
            options[option.name] = dict(option_schemas[name][option.name])
            if option.name in registry.FROM_DESIGN:
                continue  # filled from [timing] and [inference]
            if option.required:
                required.append(option.name)
            elif isinstance(option.default, (bool, int, float, str)):
                options[option.name]["default"] = option.default
        alternatives.append(
            {
                "title": name,
                "description": registry.summary(method),
                "type": "object",
                "properties": own | options,
                "required": required,
                "additionalProperties": False,
            }
        )
    return {"description": common["description"], "oneOf": alternatives}


def _text_or_array(schema: dict[str, Any]) -> list[dict[str, Any]]:
    array = {key: schema.pop(key) for key in ("type", "items", "maxItems")}
    return [array["items"], array]


def _without_null(schema: Any) -> Any:
    """Return a schema without `null`, which TOML cannot write."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _without_null(value) for key, value in schema.items()}
    choices = kept.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        del kept["anyOf"]
        kept |= rest[0] if len(rest) == 1 else {"anyOf": rest}
        if kept.get("default", 0) is None:
            del kept["default"]
    return kept
