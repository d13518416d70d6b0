"""The review sheet: what it says in each state of knowledge, and that page and file agree."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

import attribution as at
from attribution.design.prespecified import Amendment, Difference, Prespecified
from attribution.planning.records import DesignPower
from attribution.report.review_results import relative, review_json_schema
from attribution.report.review_sheet import render_review, review_markdown, review_record
from attribution.report.review_words import skipped_by_reason, tiles
from attribution.study.review import StudyReview
from tests.powers import mde_of, plan_of, power_of
from tests.unit.report.pages import Page, look_up, require_alone, require_named

Study = Callable[..., Path]
Sales = Callable[..., pd.DataFrame]

DECLARED = {"kpi.0.expected_effect": 0.6, "kpi.0.effect_source": "the pilot of 2025", "kpi.0.owner": "head of sales"}


def planned(
    make_study: Study, powers: Mapping[str, DesignPower] | None = None, changes: Mapping[str, Any] | None = None
) -> StudyReview:
    """Return the review of a design without data, with stated powers."""
    review = at.review(at.load_design(make_study(None, DECLARED | dict(changes or {}))))
    return replace(review, powers={"primary": power_of()} if powers is None else powers)


def page_of(review: StudyReview) -> Page:
    return Page(render_review(review))


def test_the_sheet_is_one_file_without_scripts_and_without_anything_to_fetch(make_study: Study) -> None:
    source = render_review(planned(make_study))
    require_alone(source, Page(source))
    assert source == render_review(planned(make_study))


def test_the_sheet_has_a_language_a_skip_link_and_named_parts(make_study: Study) -> None:
    page = page_of(planned(make_study))
    require_named(page)
    assert [tag for tag, _ in page.tags].count("svg") == 4


SAYS = (
    "Sales academy: review of the design",
    "Before the data: the design file alone is reviewed · assigned by managers · did of Monthly sales",
    "What it must see 0.600 orders higher: 2.9% of the level before The expected effect (the pilot of 2025).",
    "What it can see 0.510 orders higher: 2.5% of the level before; worth $21.5K",
    "Seen with 80% probability at the 95% level.",
    "Does it pay? 0.370 orders pays for the costs of $5.20K",
    "Expected are 0.600 orders, enough: it would pay.",
    "What would let it see more",
    "24 more people untrained yes 0.43",
    "2 more months of follow-up no 0.62",
    "not stated the design does not say",
    "24 people start in 2026-02; 36 are not trained by the end",
    "Planned: 24 people trained by the end and 36 not (from the adoption column of the data),",
    "over 3 months of baseline and 4 months of follow-up.",
    "Source: the data before the launch.",
    "Assumed: the KPI varies after the launch as before it.",
    "The benefit is that of 24 people over 4 months.",
    "Rules that passed",
    "Rules that were not applied, and why",
    "Not frozen yet. Freeze it once it is reviewed: attribution freeze.",
    "Sources of the rules",
)


def test_the_sheet_says(make_study: Study) -> None:
    # A part of a sentence in an element of its own is set apart by spaces here.
    said = re.sub(r" (?=[.;,])", "", page_of(planned(make_study)).text)
    assert [words for words in SAYS if words not in said] == []


def test_every_rule_is_on_the_sheet_once_the_failed_first(make_study: Study) -> None:
    without = [{"category": "license", "amount": 2000, "source": "invoice"}]
    review = planned(make_study, changes={"cost": without})
    page = page_of(review)
    order = [path.split(".")[1] for path, _ in page.sourced if re.fullmatch(r"findings\.[^.]+\.(status|id)", path)]
    order = list(dict.fromkeys(order))
    assert sorted(order) == sorted(finding.id for finding in review)
    status = {finding.id: finding.status for finding in review}
    ranks = [["fail", "warn", "pass", "skipped"].index(status[name]) for name in order]
    assert ranks == sorted(ranks)
    assert order[0] == "learner_time"
    for finding in review:
        if finding.status in ("fail", "warn"):
            assert finding.threshold in page.text
            assert finding.remedy in page.text
            assert finding.source in page.text


def test_a_waived_gate_is_shown_with_its_waiver(make_study: Study) -> None:
    review = planned(make_study, changes={"cost": [{"category": "license", "amount": 2000, "source": "invoice"}]})
    waiver = "waived by the head of finance until 2026-12-31: hours are paid anyway"
    found = tuple(replace(one, waived=waiver) if one.status == "fail" else one for one in review)
    page = page_of(replace(review, findings=found))
    assert waiver in page.text
    assert "1 waived" in page.text
    assert "failed" not in page.text.partition("The rules:")[2].partition("Rules that passed")[0]


def test_what_was_frozen_and_changed_since_is_told(make_study: Study) -> None:
    change = Difference("analysis.primary.method", "did", "twfe", "the method was did, is now twfe", decides=True)
    day = datetime.datetime(2026, 1, 20, 9, 0, tzinfo=datetime.UTC)
    amended = Amendment(day, "given", "the analyst", "a typing error", "minor", False, 0, (change,))
    known = Prespecified("departed", "the design is not as it was frozen", (change,), (amended,), ("B. Reader",), day)
    words = page_of(replace(planned(make_study), prespecified=known)).text
    for said in (
        "The design is not as it was frozen.",
        "Reviewed by B. Reader, frozen 2026-01-20.",
        "Changed since, and not declared: the method was did, is now twfe.",
        "Amended on 2026-01-20 by the analyst, before any data of the follow-up",
        "Reason: a typing error.",
    ):
        assert said in words
    assert review_record(replace(planned(make_study), prespecified=known)).prespecified.reviewers == ("B. Reader",)


def test_why_a_freezing_was_too_late_is_told_once(make_study: Study) -> None:
    late = "frozen after the launch (2026-02-01)"
    known = Prespecified("frozen", f"the design was frozen, yet it is not pre-specified: {late}", late=late)
    assert page_of(replace(planned(make_study), prespecified=known)).text.lower().count(late) == 1


SHOWN = re.compile(r"([+−-]?[0-9][0-9\u202f]*(?:\.(\d+))?)([KM%]?)")
SCALES = {"": 1.0, "%": 0.01, "K": 1e3, "M": 1e6}


def agree(review: StudyReview) -> int:
    """Assert that every number with a path is the number in the file, and return how many there are."""
    document = json.loads(review_record(review).model_dump_json(by_alias=True))
    jsonschema.validate(document, review_json_schema())
    compared = 0
    for path, text in page_of(review).sourced:
        stored, said = look_up(document, path), text.strip().replace("\u2060", "")
        if isinstance(stored, str):
            assert said == stored or path.endswith(".status"), path
        elif stored is None:
            assert said == "not estimable", path
        else:
            found = SHOWN.match(said.removeprefix("−").removeprefix("$"))
            assert found is not None, (path, text)
            value = float(found[1].replace("\u202f", "").replace("−", "-")) * SCALES[found[3]]
            # Half a unit of the last digit that is shown; money has three significant digits.
            half = 0.5 * SCALES[found[3]] * 10.0 ** -len(found[2] or "")
            assert abs(value - stored) <= 1.0001 * half, (path, text, stored)
            compared += 1
    return compared


def test_page_and_file_agree(make_study: Study) -> None:
    assert agree(planned(make_study)) >= 24


def test_page_and_file_agree_in_waves_by_simulation_and_on_the_log_scale(make_study: Study) -> None:
    simulated = mde_of(0.13, how="simulated", replications=1200, size=0.051, caveats=("few clusters",))
    changes: dict[str, Any] = {
        "kpi.0.scale": "log",
        "kpi.0.direction": "lower",
        "kpi.0.unit": "log points",
        "kpi.0.minimum_worthwhile_effect": -0.2,
        "kpi.0.expected_effect": -0.25,
        "valuation": [{"value_of_untrained_level": 600, "source": "price list", "approver": "finance"}],
    }
    found = power_of(
        plan=plan_of(waves=3, size=8.0),
        simulated=simulated,
        scale="log",
        direction="lower",
        expected=0.25,
        worthwhile=0.2,
        break_even=0.4,
    )
    review = planned(make_study, {"primary": found}, changes)
    assert agree(review) >= 25
    words = page_of(review).text
    assert "The expected effect (the pilot of 2025). Worthwhile from 0.200 log points on." in words
    assert "too little: it would not pay even if it works" in words
    assert "times with the very test of the design" in words
    assert "Few clusters." in words
    # A fall of 0.25 log points is one of 1 − exp(−0.25) = 22%.
    assert "lower: 22%" in re.sub(r"\s+", " ", words)


def test_page_and_file_agree_with_follow_up_data(make_study: Study, sales: Sales) -> None:
    review = at.review(at.load_design(make_study(sales(), DECLARED)))
    assert review.stage == "followup"
    assert agree(review) >= 15
    words = page_of(review).text
    assert "With follow-up data" in words
    record = review_record(review)
    assert record.data is not None
    # What counts is the standard error that the estimate has; what was planned stands beside it.
    power, estimate = record.powers["primary"], review.result.estimate if review.result is not None else None
    assert (power.judged, power.fixes) == ("measured", ())
    assert power.measured is not None
    assert estimate is not None
    assert power.measured.std_error == estimate.std_error("effect")
    assert "by the standard error that was measured" in words
    assert "by what was known before the launch it would have been" in words


def test_relative_is_a_percent_of_the_level_or_of_the_untrained_level_on_the_log_scale() -> None:
    found = power_of()
    assert relative(found, 0.51) == pytest.approx(0.51 / 20.4)
    assert relative(replace(found, scale="log"), 0.1) == pytest.approx(math.exp(0.1) - 1)
    assert relative(replace(found, scale="log", direction="lower"), 0.1) == pytest.approx(1 - math.exp(-0.1))
    assert math.isnan(relative(found, None))
    assert math.isnan(relative(replace(found, noise=replace(found.noise, level=math.nan)), 0.1))
    assert math.isnan(relative(replace(found, noise=replace(found.noise, level=0.0)), 0.1))


def test_what_is_not_known_says_so_and_why(make_study: Study) -> None:
    silent = ("valuation", "cost", "finance", "kpi.0.expected_effect", "kpi.0.effect_source")
    changes: dict[str, Any] = {"kpi.0.expected_effect": 1.0, "kpi.0.effect_source": "x", "study.frame": "outcomes"}
    review = at.review(at.load_design(make_study(None, changes | dict.fromkeys(silent))))
    shown = tiles(replace(review, powers={}), None)
    assert [tile.headline.text for tile in shown] == ["Not declared", "Not known", "No money stated"]
    assert all(tile.note and not tile.known for tile in shown)
    none = mde_of(0.5, mde=math.nan, reason="icc and sd are not stated in [power]")
    unknown = power_of(analytic=none, break_even=None, benefit_at_mde=None, total_cost=None, fixes=())
    page = page_of(replace(review, powers={"primary": unknown}))
    assert "Icc and sd are not stated in [power]." in page.text
    # The plan is drawn all the same.
    assert [tag for tag, _ in page.tags].count("svg") == 2
    assert agree(replace(review, powers={"primary": unknown})) >= 3


def test_several_primary_analyses_each_have_a_row(make_study: Study) -> None:
    changes: dict[str, Any] = {
        "kpi.1": {"id": "slips", "column": "slips", "label": "Errors", "unit": "slips", "direction": "lower"},
        "analysis.0.kpi": "sales",
        "analysis.1": {"id": "second", "kpi": "slips", "method": "did", "role": "primary"},
        "valuation.0.kpi": "sales",
    }
    second = power_of(0.09, analysis="second", kpi="slips", unit="slips", expected=None, break_even=None, fixes=())
    review = planned(make_study, {"primary": power_of(), "second": second}, changes)
    assert agree(review) >= 30
    words = page_of(review).text
    assert "What each primary analysis must see and can see" in words
    assert "Errors (second), slips not declared 0.0900" in words


def test_reasons_beyond_five_are_counted(make_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    from attribution.report import review_sheet
    from attribution.study.go import GoNoGo

    many = GoNoGo("no", "No: it cannot pay even if it works.", tuple(f"reason {place}" for place in range(8)))
    monkeypatch.setattr(review_sheet, "go_no_go", lambda review: many)
    review = planned(make_study)
    words = page_of(review).text
    assert "No: it cannot pay even if it works. reason 0" in words
    assert "reason 4 and 3 more, below" in words
    assert review_record(review).decision.reasons == many.reasons


def test_rules_skipped_for_one_reason_stand_together(make_study: Study) -> None:
    review = planned(make_study)
    grouped = dict(skipped_by_reason(review.findings))
    assert sum(map(len, grouped.values())) == sum(one.status == "skipped" for one in review)
    assert {"causal_graph", "placebo_refuter"} <= set(grouped["the design declares no causal graph"])


def test_markdown_says_what_the_page_says(make_study: Study) -> None:
    review = planned(make_study, changes={"cost": [{"category": "license", "amount": 2000, "source": "invoice"}]})
    text = review_markdown(review)
    for finding in review:
        assert f"`{finding.id}`" in text
    assert (
        "- What it can see: **0.510 orders** (higher: 2.5% of the level before; worth \\$21.5K). Seen with 80%" in text
    )
    assert "| 24 more people untrained | yes | 0.430 |" in text
    assert "| 2026-02 | 24 | 24 |" in text
    assert text.index("**fail** `learner_time`") < text.index("**warn** ") < text.index("### Rules that passed")
    assert not re.search(r"\n\n\n\n", text)


def test_the_schema_is_one() -> None:
    schema = review_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def test_a_notebook_shows_verdict_power_and_findings(make_study: Study) -> None:
    review = planned(make_study, changes={"kpi.0.unit": "<b>"})
    shown = review._repr_html_()
    assert shown.index("<p><b>") < shown.index("<td>0.51</td>") < shown.index("baseline_equivalence")
    assert shown.count("<tr>") == len(review) + 1 + 2
