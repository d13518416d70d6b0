"""Rollouts, trends, offers and mixes of donors on the page: what is said, drawn and written of each."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

import attribution as at
from attribution.report.claims import compile_claim
from attribution.report.compared import compared
from attribution.report.figures import analysis_label
from attribution.report.html import render
from attribution.report.results import results, results_json_schema
from attribution.report.words import sentence

OverTime = Callable[..., at.StudyResult]


def _page(result: at.StudyResult) -> str:
    source = render(result, compile_claim(result))
    source = re.sub(r"<style>.*?</style>|<[^>]+>", " ", source, flags=re.DOTALL)
    return re.sub(r"\s+", " ", source).replace("&#39;", "'").replace("\u2060", "")


def _written(result: at.StudyResult) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(results(result, compile_claim(result), None).model_dump_json(by_alias=True))
    jsonschema.validate(found, results_json_schema(), cls=jsonschema.Draft202012Validator)
    return found


SAID = {
    "rollout": (
        "B",
        r"Sales academy worked, as far as a comparison can show: the monthly sales averaged \S+ orders higher "
        r"since training began than expected from the untrained \(between \S+ and \S+\)\.",
    ),
    "trend": (
        "C",
        r"The monthly sales ended \S+ orders higher than the earlier trend promised \(between \S+ and \S+\): this fits "
        r"a benefit of Sales academy, but does not prove it\.",
    ),
    "assigned": (
        "A",
        r"Sales academy caused the monthly sales of those offered it to end \S+ orders higher than without the offer "
        r"\(between \S+ and \S+\)\.",
    ),
    "synthetic": (
        "B",
        r"Sales academy worked, as far as a comparison can show: the monthly sales ended \S+ orders higher than "
        r"expected from a mix of the untrained \(between \S+ and \S+\)\.",
    ),
}


@pytest.mark.parametrize("kind", SAID)
def test_the_allowed_sentence(kind: str, over_time: OverTime) -> None:
    claim = compile_claim(over_time(kind))
    letter, words = SAID[kind]
    assert claim.grade == letter, claim.grade_reason
    assert re.fullmatch(words, claim.sentence), claim.sentence
    assert len(claim.sentence.split()) <= 40


@pytest.mark.parametrize("kind", [*SAID, "trend and others"])
@pytest.mark.parametrize("grade", ["A", "B", "C"])
@pytest.mark.parametrize("verdict", ["works", "does_not", "cannot_tell"])
def test_no_sentence_is_too_long(kind: str, grade: str, verdict: str, over_time: OverTime) -> None:
    result = over_time(
        kind,
        {"program.name": "Sales academy for new account managers of the whole group", "kpi.0.unit": "orders a month"},
    )
    assert len(sentence(result, grade, verdict).split()) <= 40


def test_the_tiles_of_a_rollout_say_since_when(over_time: OverTime) -> None:
    changed, effect, worth = compile_claim(over_time("rollout")).tiles
    assert "On average over the months since each began, against the month before each began." in changed.note
    assert "Share of the change: " in effect.note
    assert "for 18 people measured, against the costs of the whole program, with 18 trained so far" in worth.note


def test_washout_and_anticipation_move_the_windows_in_words(over_time: OverTime) -> None:
    result = over_time("rollout", {"analysis.0.washout": 1, "analysis.0.anticipation": 2})
    changed = compile_claim(result).tiles[0]
    after, before = "the months from the 2nd of each one's training on", "the 3rd month before each began"
    assert f"On average over {after}, against {before}." in changed.note
    said = "".join(part if isinstance(part, str) else part.text for part in compared(result)[0])
    assert f"before is {before}, after are {after}, of" in said


def test_options_of_an_analysis_in_words(over_time: OverTime) -> None:
    analysis = over_time("rollout").design.analysis[0]
    windows = (("2025-09", "2025-10"), ("2025-11",))
    said = analysis_label(
        analysis.model_copy(update={"options": {"as_assigned": True, "leads": False, "followup": windows}})
    )
    assert said.endswith(", as assigned, not leads, followup 2025-09 to 2025-10 and 2025-11")


def test_the_page_of_a_rollout_shows_its_path(over_time: OverTime) -> None:
    result = over_time("rollout")
    page, found = _page(result), _written(result)
    for words in (
        "before is the month before each began, after are the months since each began, of 2025-09 to 2026-04",
        "compared in each period (a cell) with those not trained by then",
        "80 rows of periods that were not over on 2026-05-03 left out",
        "left out: periods not over",
        "in the first month of training",
        "Effect and share of the change by time since training began, 95% intervals",
        "Training’s share of the change: ",
        "Before the start (analysis path): the pre-periods could have shown a slope of at least",
        "That trends are parallel, no test can show.",
        "the mean effect of the first 5 months is told from 0",
        "before each began",
        "Counted over 120 person-months in training within 8 months of follow-up",
        "10 in the first, 18 in the last",
    ):
        assert words in page, words
    assert "parallel trends passed" not in page
    # 10 people for 8 months and 8 for 5.
    assert (found["roi"]["unit_periods"], found["roi"]["exposure"]) == (120, [10, 10, 10, 18, 18, 18, 18, 18])
    benefit = result.estimate.value("effect") * 120 * 30
    assert found["roi"]["attributed_benefit"]["estimate"] == pytest.approx(benefit)
    assert [row["event"] for row in found["events"]] == list(range(-22, 8))
    first = next(row for row in found["events"] if row["event"] == 0)
    assert first["share"] == pytest.approx(first["effect"] / first["change"])
    assert first["interval"]["kind"] == "bounded"
    assert found["events"][0]["change"] is None
    assert found["trends"]["analysis"] == "path"
    assert len(found["trends"]["robust"]) == 5
    assert found["cohort"]["rows_not_over"] == 80
    flow = found["flow"]["primary"]
    assert sum(row["rows"] for row in flow) == found["manifest"]["rows"] == 1200


def test_the_terms_table_leaves_the_parts_to_their_own(over_time: OverTime) -> None:
    result = over_time("rollout")
    page = _page(result)
    assert "effect[event" not in page
    assert any(row["term"] == "effect[event=2]" for row in _written(result)["terms"]["primary"])


@pytest.mark.parametrize("kind", ["trend", "trend and others"])
def test_the_page_of_a_trend_shows_its_projection(kind: str, over_time: OverTime) -> None:
    result = over_time(kind)
    page, found = _page(result), _written(result)
    for words in (
        "compared with the trend of its own past",
        "on average against its own trend",
        "the trend of before would have gone on",
        "on their own trend",
        "Observed, and the trend of before carried on, with its 95% band",
    ):
        assert words in page, words
    assert ("Nobody untrained was compared: what else began" in page) == (kind == "trend")
    assert ("never trained at the same time is taken out of it" in page) == (kind == "trend and others")
    assert "Alike before the training?" not in page
    assert len(found["projection"]) == 30
    last = found["projection"][-1]
    assert last["low"] < last["projected"] < last["high"]
    gap = sum(row["observed"] - row["projected"] for row in found["projection"][24:]) / 6
    assert gap == pytest.approx(result.estimate.value("effect"))


def test_the_page_of_an_offer_speaks_of_the_offer(over_time: OverTime) -> None:
    result = over_time("assigned")
    page, found = _page(result), _written(result)
    for words in (
        "13 people offered the training and measured, compared with 17 not offered it",
        "Everybody counts as assigned, whether trained or not; 12 were trained in this time.",
        "Monthly sales of those offered the training (13 people)",
        "The offer trained 92.3 percentage points more of them; on those the effect is +",
        "not offered (control)",
        "offered it and measured count in the benefit; the costs are those of 12 people trained",
        "It rests on the draw having been random",
        "among those offered the training",
        "few enough were lost, and alike",
    ):
        assert words.lower() in page.lower(), words
    assert "by training taken, not by assignment" not in page
    assert "not trained" not in page
    assert found["claim"]["grade"] == "A"
    benefit = result.estimate.value("effect") * 13 * 6 * 30
    assert found["roi"]["attributed_benefit"]["estimate"] == pytest.approx(benefit)


def test_two_way_fixed_effects_as_primary_make_a_page_with_a_failed_gate(over_time: OverTime) -> None:
    result = over_time("rollout", {"analysis.0.method": "twfe"})
    claim, page = compile_claim(result), _page(result)
    assert claim.grade == "C"
    assert claim.verdict == "cannot_tell"
    assert claim.sentence.startswith("We cannot tell what")
    assert "another sign than every effect" in claim.sentence
    assert "units already trained serve as controls" in " ".join(claim.banner)
    assert claim.tiles[0].headline.shown == "Not estimated"
    assert not math.isfinite(result.factor.share)
    assert "The share is not estimable: the estimate has no change" in page
    assert "No money: not allowed: the effect is that of the ATT if all effects are equal" in page
    _written(result)


def test_cross_sections_make_a_page(over_time: OverTime) -> None:
    changes = {"data.kind": "repeated_cross_sections", "columns.unit": None, "columns.cluster": "person"}
    result = over_time("rollout", changes | {"analysis.1.method": "staggered", "analysis.1.base": "universal"})
    page = _page(result)
    assert "every row is somebody else" in page.lower()
    assert "rows" in page
    _written(result)
