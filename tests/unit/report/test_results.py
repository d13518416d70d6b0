"""results.json: the record, its schema, and what becomes of numbers that are not there."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

import attribution as at
from attribution.report.claims import compile_claim
from attribution.report.results import Results, results, results_json_schema

Stated = Callable[..., at.StudyResult]


def _written(result: at.StudyResult, previous: dict[str, str] | None = None) -> dict[str, Any]:
    """Return what `results.json` holds, after the schema has found it valid."""
    text = results(result, compile_claim(result), previous).model_dump_json(by_alias=True)
    found: dict[str, Any] = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    jsonschema.validate(found, results_json_schema(), cls=jsonschema.Draft202012Validator)
    Results.model_validate_json(text)
    return found


def _at(found: Any, path: str) -> Any:
    """Return what a path names: keys of tables, and rows of arrays by their term, method, name or id."""
    for part in path.split("."):
        if isinstance(found, list):
            keys = ("term", "method", "name", "id")
            found = next(row for row in found if part in [row.get(key) for key in keys])
        else:
            found = found[part]
    return found


def test_the_schema_is_itself_valid_and_closed() -> None:
    schema = results_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert "schema" in schema["properties"]


@pytest.mark.parametrize(
    "case",
    [
        {"effect": 2.0, "change": 4.0},
        {"effect": 3.0, "change": 0.3},
        {"effect": 3.0, "change": 0.0},
        {"effect": -2.0, "change": -4.0},
        {"effect": 2.0, "change": 4.0, "errors": (math.nan, math.nan)},
        {"effect": 2.0, "change": 4.0, "as_of": datetime.date(2026, 4, 30)},
    ],
)
def test_every_kind_of_result_is_valid(case: dict[str, Any], stated: Stated) -> None:
    result = stated(**case)
    found = _written(result)
    assert found["schema"] == 1
    assert found["claim"]["verdict"] == compile_claim(result).verdict
    assert found["manifest"]["previous"] is None


def test_numbers_are_those_of_the_records(stated: Stated) -> None:
    result = stated(2.0, 4.0)
    found = _written(result)
    assert _at(found, "terms.primary.effect.estimate") == 2.0
    assert _at(found, "terms.primary.background.estimate") == 2.0
    row = result.estimate.tidy().set_index("term").loc["effect"]
    for name in ("std_error", "statistic", "p_value", "conf_low", "conf_high"):
        assert _at(found, f"terms.primary.effect.{name}") == row[name]
    assert found["factor"] == found["factors"]["primary"]
    assert found["factor"]["share"] == 0.5
    assert found["factor"]["interval"] == {
        "low": result.factor.interval.low,
        "high": result.factor.interval.high,
        "kind": "bounded",
        "level": 0.95,
        "method": "fieller",
    }
    assert [one["method"] for one in found["factor"]["others"]] == ["delta"]
    money = result.roi
    assert money is not None
    for name in ("attributed_benefit", "net_benefit", "roi", "bcr", "npv", "break_even_effect", "break_even_factor"):
        amount = getattr(money, name)
        assert found["roi"][name] == {
            "estimate": amount.estimate, "low": amount.low, "high": amount.high, "reason": amount.reason,
        }  # fmt: skip
    assert found["roi"]["probability_net_positive"] == money.probability_net_positive
    assert [one["name"] for one in found["roi"]["scenarios"]] == ["conservative", "base", "optimistic"]
    assert (found["roi"]["units_represented"], found["roi"]["units_trained"], found["roi"]["periods"]) == (24, 24, 4)


def test_paths_on_page_one_stand_in_the_file(stated: Stated) -> None:
    result = stated(2.0, 4.0)
    found = _written(result)
    paths = [tile.headline.source for tile in compile_claim(result).tiles]
    assert [round(_at(found, path), 6) for path in paths] == [4.0, 2.0, 0.152]


def test_what_is_not_there_is_null_with_its_reason(stated: Stated) -> None:
    found = _written(stated(2.0, 4.0, errors=(math.nan, math.nan)))
    effect = _at(found, "terms.primary.effect")
    assert effect["estimate"] == 2.0
    assert {effect[name] for name in ("std_error", "statistic", "p_value", "conf_low", "conf_high")} == {None}
    interval = found["factor"]["interval"]
    assert (interval["kind"], interval["low"], interval["high"]) == ("undefined", None, None)
    assert found["factor"]["reason"] == "the variance of the effect is undefined"
    net = found["roi"]["net_benefit"]
    assert (net["low"], net["high"]) == (None, None)
    assert net["reason"] == "the standard error is undefined: a point without an interval"
    assert found["roi"]["probability_net_positive"] is None


def test_a_disjoint_set_keeps_its_ends_and_an_unbounded_one_has_none(stated: Stated) -> None:
    disjoint = _written(stated(3.0, 0.3))["factor"]["interval"]
    assert disjoint["kind"] == "disjoint"
    assert disjoint["low"] < disjoint["high"]
    unbounded = _written(stated(0.3, 0.3))["factor"]
    assert (unbounded["interval"]["kind"], unbounded["interval"]["low"]) == ("unbounded", None)
    assert unbounded["reason"] == "the observed change is within noise"


def test_a_payback_outside_what_was_measured_is_null(stated: Stated) -> None:
    never = _written(stated(-2.0, -4.0))["roi"]["payback_periods"]
    assert never == {
        "estimate": None, "low": None, "high": None, "reason": "the measured benefit does not cover the cost",
    }  # fmt: skip
    # In some draws the measured benefit does not cover the cost: the upper end is infinite, hence null.
    some = _written(stated(2.0, 4.0))["roi"]["payback_periods"]
    assert some["estimate"] == pytest.approx(5000 / (24 * 30 * 2.0))
    assert some["low"] > 0
    assert some["high"] is None


def test_no_money_says_why(stated: Stated) -> None:
    found = _written(stated(2.0, 4.0, as_of=datetime.date(2026, 4, 30)))["roi"]
    assert found["reason"] == "day 89 after launch: nothing is attributed before day 90"
    assert found["net_benefit"] is None
    assert found["scenarios"] == []


def test_flow_adds_up_to_the_rows_read(make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]) -> None:
    frame = sales()
    frame.loc[frame["person"] == "003", "sales"] = float("nan")
    found = _written(at.run(at.load_design(make_study(frame))))
    flow = found["flow"]["primary"]
    assert sum(row["rows"] for row in flow) == len(frame) == found["manifest"]["rows"]
    assert sum(row["units"] for row in flow) == 60


def test_the_price_of_the_kpi_is_kept_with_its_source_and_the_rate_of_a_year(stated: Stated) -> None:
    finance = {"finance.hurdle": 0.25, "finance.discount_rate": 0.08}
    found = _written(stated(2.0, 4.0, changes=finance))["roi"]
    assert (found["value"], found["value_kind"]) == (30, "value_per_unit")
    assert (found["value_source"], found["approver"], found["value_illustrative"]) == ("price list", "finance", False)
    assert found["discount_rate"] == 0.08


def test_what_was_read_is_counted(make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]) -> None:
    frame = sales()
    frame["tenure"] = frame["person"].map(lambda one: None if one in ("007", "050") else 3.0 + int(one) % 5)
    frame.loc[frame["person"] == "003", "sales"] = float("nan")
    frame = frame[~((frame["person"] == "004") & (frame["month"] == "2026-03"))]
    read = _written(at.run(at.load_design(make_study(frame, {"columns.covariates": ["tenure"]}))))["cohort"]["read"]
    assert read == {
        "rows": 419,
        "units": 60,
        "rows_missing_outcome": 7,
        "units_without_outcome": 1,
        "rows_absent": 1,
        "switched_off": 0,
        "never_trained": 36,
        "never_read_as": [{"written": "NaN", "units": 36}],
        "covariates_missing": [{"variable": "tenure", "units": 2}],
    }


def test_what_the_design_declares_is_kept(make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]) -> None:
    changes = {
        "kpi.0.owner": "Head of sales",
        "kpi.0.expected_effect": 1.5,
        "kpi.0.effect_source": "pilot of 2025",
        "assignment.date": datetime.date(2026, 1, 15),
        "assignment.contamination": 0.05,
    }
    found = _written(at.run(at.load_design(make_study(sales(), changes))))
    kpi, assignment = found["declared"]["kpi"][0], found["declared"]["assignment"]
    assert (kpi["owner"], kpi["expected_effect"], kpi["effect_source"]) == ("Head of sales", 1.5, "pilot of 2025")
    assert assignment == {
        "mechanism": "manager", "level": "person", "date": "2026-01-15", "contamination": 0.05, "source": None,
        "roster_frozen": None, "reliability": None, "selected_share": None,
    }  # fmt: skip
    assert found["claim"]["grade_reason"] == "assigned by managers, not at random"


def test_previous_digests_are_kept(stated: Stated) -> None:
    previous = {"design_digest": "a", "data_digest": "b"}
    assert _written(stated(2.0, 4.0), previous)["manifest"]["previous"] == previous


def test_a_number_too_many_is_refused(stated: Stated) -> None:
    found = _written(stated(2.0, 4.0))
    found["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate(found, results_json_schema())


def test_findings_are_kept_as_they_are(stated: Stated) -> None:
    result = stated(2.0, 4.0)
    odd = replace(result.findings[0], message='<b>"=1+1"</b>\u2028')
    found = _written(replace(result, findings=(odd, *result.findings[1:])))
    assert found["findings"][0]["message"] == '<b>"=1+1"</b>\u2028'
    assert len(found["findings"]) == len(result.findings)
