"""A study on a cohort: its section of the page, its part of results.json, and the findings beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

import attribution as at
from attribution.diagnostics.balance import balance
from attribution.report.claims import compile_claim
from attribution.report.html import render
from attribution.report.made import made
from attribution.report.results import results, results_json_schema
from attribution.report.words import MOST_WORDS
from tests.unit.report.pages import text_of

OverTime = Callable[..., at.StudyResult]


def _written(result: at.StudyResult) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(results(result, compile_claim(result), None).model_dump_json(by_alias=True))
    jsonschema.validate(found, results_json_schema(), cls=jsonschema.Draft202012Validator)
    return found


def _page(result: at.StudyResult) -> str:
    return render(result, compile_claim(result))


def test_the_page_says_how_the_comparison_was_made(over_time: OverTime) -> None:
    result = over_time("matched")
    page = text_of(_page(result))
    for words in (
        "Who stands for the untrained",
        "a cohort ( nearest ) says who of them stands for the trained",
        "It speaks for the trained ( ATT ).",
        "standard deviations apart or more after the cohort",
        "Alike after the cohort? Differences in the standard deviation of the trained",
        "What the weights leave of each arm",
        "no control within the caliper",
        "Whose effect is told: the trained who were left out",
        "Propensities: how likely each was to be trained",
        "Monthly sales at baseline",
    ):
        assert words in page, words


def test_results_hold_what_the_diagnostics_say(over_time: OverTime) -> None:
    result = over_time("weighted")
    stored = _written(result)["cohort"]["made"]
    found = balance(result.panel, baseline=list(result.estimate.n.baseline))
    assert (stored["id"], stored["method"], stored["estimand"]) == ("cohort", "propensity", "ATT")
    assert [row["variable"] for row in stored["balance"]] == [row.variable for row in found]
    for row, own in zip(stored["balance"], found, strict=True):
        assert row["after"]["smd"] == own.after.smd
        assert row["before"]["ks"] == own.before.ks
    assert stored["balance"][3]["after"]["variance_ratio"] is None  # a level of a category
    assert [arm["effective"] for arm in stored["arms"]] == [found.trained.effective, found.control.effective]
    dropped = {(part["arm"], part["reason"]): part["units"] for part in stored["dropped"]}
    assert dropped.keys() <= {
        (arm, f"propensity {how}") for arm in ("trained", "control") for how in ("below 0.1", "above 0.9")
    }
    assert stored["lost"]["lost"] + stored["lost"]["kept"] == 40
    assert stored["overlap"]["low"] < stored["overlap"]["high"]


def test_nobody_is_named_in_the_numbers_of_a_cohort(over_time: OverTime) -> None:
    stored = json.dumps(_written(over_time("matched"))["cohort"]["made"])
    assert "heaviest" not in stored
    assert '"unit"' not in stored


def test_the_trained_whom_the_cohort_left_out_are_not_said_to_be_unmeasured(over_time: OverTime) -> None:
    result = over_time("matched", {"cohort.caliper": 0.01})
    kept, roi = result.estimate.n.trained.units, result.roi
    assert 0 < kept < 40
    assert roi is not None
    page, claim = text_of(_page(result)), compile_claim(result)
    assert f"The cohort left out {40 - kept} of the 40 trained in this time" in page
    assert "could not be measured" not in page
    assert f"{kept} of 40 people trained are compared: the benefit counts those, the costs cover all." in page
    assert "none of trained units that were not measured or are not in the cohort" in page
    assert f"It speaks for {kept} of the 40 trained." in claim.tiles[1].note
    assert f"for {kept} people compared, against the costs of all 40 trained" in claim.tiles[2].note
    # Benefit of those compared alone, costs of all.
    assert result.design.valuation[0].value_per_unit is not None
    benefit = result.estimate.value("effect") * result.design.valuation[0].value_per_unit * kept * 4
    assert roi.attributed_benefit.estimate == pytest.approx(benefit)
    assert roi.total_cost.estimate == sum(one.amount for one in result.design.cost)


@pytest.mark.parametrize(
    ("estimand", "said"),
    [
        ("ATE", "the monthly sales with everybody trained would end"),
        ("ATO", "the monthly sales of those who could be in either group ended"),
    ],
)
def test_an_effect_on_others_than_the_trained_is_claimed_as_such(estimand: str, said: str, over_time: OverTime) -> None:
    result = over_time("weighted", {"cohort.estimand": estimand, "cohort.keep": None, "analysis.0.method": "adjusted"})
    claim, page = compile_claim(result), text_of(_page(result))
    assert claim.verdict == "works"
    assert said in claim.sentence
    assert len(claim.sentence.split()) <= MOST_WORDS
    assert result.roi is None
    assert not claim.tiles[2].allowed
    assert "another sign than every effect" not in page
    assert "0.0000000" not in page
    _written(result)


def test_without_a_cohort_there_is_no_section(over_time: OverTime) -> None:
    result = over_time("rollout")
    assert made(result) is None
    assert _written(result)["cohort"]["made"] is None
    assert 'id="cohort"' not in _page(result)


def test_the_findings_of_a_cohort_stand_in_the_review(over_time: OverTime) -> None:
    status = {finding.id: finding.status for finding in over_time("matched").findings}
    for name in ("cohort_balance", "overlap", "effective_sample_size", "trained_dropped", "measured_before"):
        assert status[name] != "skipped", name


@pytest.mark.parametrize("kind", ["matched", "weighted"])
def test_the_same_study_makes_the_same_page(kind: str, over_time: OverTime) -> None:
    assert _page(over_time(kind)) == _page(over_time(kind))
