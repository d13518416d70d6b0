"""Page one: verdict, tiles, banner, threats and the note on the headline set."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import attribution as at
from attribution.core.interval import Interval
from attribution.report.claims import Claim, Number, compile_claim, interval_note
from attribution.report.html import render
from attribution.study.verdict import verdict_of
from tests.unit.report.pages import text_of

Stated = Callable[..., at.StudyResult]


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize(
    ("effect", "worthwhile", "verdict"),
    [
        # The interval is ± .98.
        (0.97, None, "cannot_tell"),
        (0.99, None, "works"),
        (-0.97, None, "cannot_tell"),
        (-0.99, None, "does_not"),
        (0.5, 1.49, "does_not"),
        (0.5, 1.47, "cannot_tell"),
        # Above 0 and all of it below what would be worthwhile.
        (1.2, 2.2, "does_not"),
        (1.2, 2.1, "works"),
    ],
)
def test_the_verdict_is_read_off_the_interval(
    effect: float, worthwhile: float | None, verdict: str, direction: str, stated: Stated
) -> None:
    sign = 1 if direction == "higher" else -1
    changes: dict[str, Any] = {"kpi.0.direction": direction}
    if worthwhile is not None:
        # The smallest worthwhile effect may be written with the sign of the KPI or without.
        changes["kpi.0.minimum_worthwhile_effect"] = sign * worthwhile
    assert verdict_of(stated(sign * effect, sign * 3.0, changes=changes)) == verdict


def _claim(stated: Stated, *numbers: float, **options: Any) -> Claim:
    return compile_claim(stated(*numbers, **options))


def test_the_tiles_of_a_sound_study(stated: Stated) -> None:
    claim = _claim(stated, 2.0, 4.0)
    assert [(tile.title, tile.headline.text, tile.headline.source, tile.interval) for tile in claim.tiles] == [
        ("What changed", "+4.00 (+22%)", "terms.primary.change.estimate", "between +3.41 and +4.59"),
        ("What training did", "+2.00 (+10%)", "terms.primary.effect.estimate", "between +1.02 and +2.98"),
        ("What it is worth", "ROI +15%", "roi.roi.estimate", "between −43% and +83%"),
    ]
    # The number and the percentage beside it have each their own path.
    assert [tile.headline.shown for tile in claim.tiles[:2]] == ["+4.00", "+2.00"]
    beside = [tile.headline.relative for tile in claim.tiles[:2]]
    assert beside == [
        Number("+22%", "percent.primary.change.estimate"),
        Number("+10%", "percent.primary.effect.estimate"),
    ]
    assert claim.tiles[0].note == (
        "Monthly sales of the trained (24 people): an improvement, as higher is better. "
        "In the KPI's own unit: +4.00 orders."
    )
    assert claim.tiles[1].note == (
        "Share of the change: 50% (between 28% and 70%), part of the gain. In the KPI's own unit: +2.00 orders."
    )
    assert claim.tiles[2].note == (
        "Net benefit $800 (between −$2.3K and $3.8K) for 24 people measured, against the costs of all 24 trained. "
        "Above zero in 70% of draws."
    )
    assert claim.banner == ()
    assert all(tile.allowed for tile in claim.tiles)


@pytest.mark.parametrize(
    ("direction", "change", "way"),
    [
        ("higher", 2.5, "an improvement, as higher is better"),
        ("higher", -2.5, "a deterioration, as higher is better"),
        ("lower", 2.5, "a deterioration, as lower is better"),
        ("lower", -2.5, "an improvement, as lower is better"),
        ("lower", -0.5, "within noise of no change; lower is better"),
        ("higher", 0.0, "within noise of no change; higher is better"),
    ],
)
def test_the_sign_of_the_change_is_spelled_out(direction: str, change: float, way: str, stated: Stated) -> None:
    claim = _claim(stated, 1.0, change, changes={"kpi.0.direction": direction})
    assert f": {way}. " in claim.tiles[0].note


@pytest.mark.parametrize(("change", "errors"), [(0.3, (0.3, 0.4)), (0.3, (0.3, 0.01)), (0.0, (0.3, 0.4))])
def test_a_share_without_bounds_is_never_quoted(change: float, errors: tuple[float, float], stated: Stated) -> None:
    result = stated(3.0, change, errors=errors)
    assert result.factor.interval.kind in ("unbounded", "disjoint", "undefined")
    claim = compile_claim(result)
    assert claim.tiles[1].note.startswith("Share of the change: not estimable, the observed change is ")
    assert claim.tiles[1].headline.text == "+3.00 (+15%)"
    written = [claim.sentence, *claim.threats, *(tile.note for tile in claim.tiles)]
    assert not any("0%" in line and "hare" in line for line in written[:-1])
    # Money goes on from the effect.
    assert claim.tiles[2].headline.text == "ROI +73%"


def test_no_line_calls_a_deterioration_a_benefit(stated: Stated) -> None:
    claim = _claim(stated, -2.0, -4.0)
    assert claim.verdict == "does_not"
    assert "did not help" in claim.sentence
    assert "a deterioration" in claim.tiles[0].note
    assert "a share of the deterioration and no benefit" in claim.tiles[1].note
    assert claim.tiles[2].headline.text == "ROI −215%"
    assert not any("of the gain" in tile.note for tile in claim.tiles)


def test_on_the_log_scale_page_one_speaks_in_percent(stated: Stated) -> None:
    changes = {"kpi.0.scale": "log", "kpi.0.direction": "lower", "kpi.0.unit": "log points"}
    claim = _claim(stated, -0.3, -0.4, errors=(0.03, 0.04), level=2.0, changes=changes)
    assert [tile.headline for tile in claim.tiles[:2]] == [
        Number("−33%", "percent.primary.change.estimate"),
        Number("−26%", "percent.primary.effect.estimate"),
    ]
    assert claim.tiles[1].interval == "between −33% and −18%"
    assert claim.tiles[1].note.startswith("Share of the log change: 75% (between ")
    assert claim.tiles[0].note.endswith("In the KPI's own unit: −0.400 log points.")


def test_without_a_standard_error_money_is_a_point(stated: Stated) -> None:
    claim = _claim(stated, 2.0, 4.0, errors=(math.nan, math.nan))
    none = "no interval: the standard error is undefined"
    assert [tile.interval for tile in claim.tiles] == [none, none, none]
    assert claim.tiles[2].note == "Net benefit $760, a point alone."
    assert (
        claim.threats[1] == "Break-even is an effect of +1.74 orders; whether it was reached, these data do not show."
    )
    assert claim.interval_note == ""


def test_before_day_90_there_is_no_effect_no_share_and_no_money(stated: Stated) -> None:
    claim = _claim(stated, 3.0, 4.0, as_of=datetime.date(2026, 4, 30))
    assert claim.verdict == "too_early"
    assert [tile.allowed for tile in claim.tiles] == [True, False, False]
    assert claim.tiles[1].headline.text == "Too early"
    assert claim.tiles[0].headline.text == "+4.00"
    assert claim.tiles[2].headline.text == "Too early"
    assert claim.tiles[2].note == "Day 89 after launch: nothing is attributed before day 90."
    assert claim.interval_note == ""
    page = " ".join([claim.sentence, *claim.threats, *(tile.note for tile in claim.tiles[1:])])
    assert "+3.00" not in page
    assert "share" not in page.lower()


def test_before_day_90_the_page_is_one_of_baseline_and_progress(stated: Stated) -> None:
    result = stated(3.21, 4.0, as_of=datetime.date(2026, 4, 30))
    page = text_of(render(result, compile_claim(result)))
    assert "effects are reported from day 90 on" in page
    assert "What changed +4.00" in page
    # Neither the effect, nor the background that gives it away, nor the share.
    for hidden in (
        "3.21",
        "0.79",
        "80%",
        "training (effect)",
        "background",
        "Fieller (headline)",
        "What training caused",
    ):
        where = page.find(hidden)
        assert where < 0, page[max(where - 80, 0) : where + 40]
    status = {finding.id: finding.status for finding in result.findings}
    assert status["share_estimable"] == "skipped"
    on_day_90 = stated(3.21, 4.0, as_of=datetime.date(2026, 5, 1))
    assert "3.21" in text_of(render(on_day_90, compile_claim(on_day_90)))


def test_the_page_of_grade_c_is_as_careful_as_its_sentence(stated: Stated) -> None:
    one_month = {"timing.baseline": ["2026-01"]}
    for effect, careful in ((3.0, "It may work"), (-3.0, "It may not work")):
        result = stated(effect, 4.0, changes=one_month)
        claim = compile_claim(result)
        assert claim.grade == "C"
        assert f'<p class="verdict">{careful}</p>' in render(result, claim)
    sound = stated(3.0, 4.0)
    assert '<p class="verdict">It works</p>' in render(sound, compile_claim(sound))


def test_the_page_of_grade_d_has_no_share(make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]) -> None:
    result = at.run(at.load_design(make_study(sales(), {"analysis.0.method": "prepost"})))
    page = text_of(render(result, compile_claim(result)))
    assert "The share is not estimable: prepost has no comparison" in page
    assert "What follows speaks of the observed change alone." in page
    assert "caused" not in page


def test_grade_d_has_no_effect_tile_and_no_money(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    claim = compile_claim(at.run(at.load_design(make_study(sales(), {"analysis.0.method": "prepost"}))))
    assert (claim.grade, claim.verdict) == ("D", "cannot_tell")
    assert [tile.allowed for tile in claim.tiles] == [True, False, False]
    assert claim.tiles[1].note == "Nobody untrained was compared, so no effect can be told apart."
    assert claim.tiles[2].headline.text == "Not allowed"
    assert claim.tiles[2].note == "No primary analysis of Monthly sales estimates an effect."
    assert claim.threats[0] == ("Nobody untrained was compared, so that anything else that happened may be the cause.")
    page = " ".join([claim.sentence, *claim.threats, *(tile.note for tile in claim.tiles)])
    for word in ("caused", "because", "worked", "benefit", "fault"):
        assert word not in page


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (10, "it does not pay, as the whole interval of the net benefit is below 0"),
        (30, "it may or may not pay, as the interval of the net benefit includes 0"),
        (300, "it pays, as the whole interval of the net benefit is above 0"),
    ],
)
def test_break_even_says_what_the_net_benefit_says(value: float, says: str, stated: Stated) -> None:
    result = stated(2.0, 4.0, errors=(0.2, 0.2), changes={"valuation.0.value_per_unit": value})
    claim = compile_claim(result)
    assert claim.threats[1].endswith(f"; {says}.")
    assert result.roi is not None
    net = result.roi.net_benefit
    assert ("includes 0" in says) == (net.low <= 0 <= net.high)
    needed = 5000 / (24 * 4 * value)
    assert result.roi.break_even_effect.estimate == pytest.approx(needed, rel=1e-12)


def test_a_cost_that_no_effect_can_earn_back(stated: Stated) -> None:
    changes = {"kpi.0.scale": "log", "kpi.0.direction": "lower"}
    money = {"value_of_untrained_level": 10, "source": "price list", "approver": "finance"}
    claim = _claim(stated, -0.3, -0.4, errors=(0.03, 0.04), changes=changes | {"valuation": [money]})
    assert claim.threats[1] == "Break-even: no effect can be worth the cost."


def test_the_banner_names_failed_gates_and_illustrative_money(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    changes = {"cost.1.illustrative": True, "cost.0.illustrative": True}
    claim = compile_claim(at.run(at.load_design(make_study(sales(trained=4), changes))))
    assert claim.banner == (
        "Gate failed: fewer than 5 clusters in an arm: the interval rests on a handful of comparisons.",
        "Money inputs are illustrative: no published source, no approver.",
    )
    assert claim.tiles[2].note.endswith(" Inputs are illustrative.")
    assert claim.grade == "C"


def _others(result: at.StudyResult, **ends: tuple[float, float]) -> at.StudyResult:
    others = tuple(Interval(low, high, 0.95, "bounded", name) for name, (low, high) in ends.items())
    return replace(result, factors={"primary": replace(result.factor, others=others)})


def test_the_note_says_which_other_interval_disagrees_and_why_the_headline_stands(stated: Stated) -> None:
    result = stated(1.5, 2.5, errors=(0.3, 1.6))
    why = (
        "; the headline (Fieller) does not: it counts the noise in the observed change that the share is divided by, "
        "which with 24 people is not small."
    )
    assert interval_note(_others(result, delta=(-0.5, 1.5), bca=(-0.1, 1.2))) == ""
    assert interval_note(_others(result, delta=(0.1, 1.5))) == f"The delta method would rule out a share of 0{why}"
    assert interval_note(_others(result, percentile=(-0.1, 0.9), bca=(-0.2, 0.8))) == (
        f"The percentile bootstrap and the BCa bootstrap would rule out a share of 100%{why}"
    )
    assert interval_note(_others(result, delta=(0.1, 1.5), bca=(-0.2, 0.8))) == (
        f"The delta method would rule out a share of 0 and the BCa bootstrap would rule out a share of 100%{why}"
    )
    narrow = stated(2.0, 4.0, errors=(0.1, 0.1))
    assert interval_note(_others(narrow, delta=(0.2, 0.8))) == ""


def test_threats_are_at_most_three_with_the_worst_first(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    claim = compile_claim(at.run(at.load_design(make_study(sales(trained=4, trend=-2.0)))))
    assert len(claim.threats) == 3
    assert claim.threats[0].startswith("Fewer than 5 clusters in an arm")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (
            10,
            "it would not pay even if the effect is the training's, as the whole interval of "
            "the net benefit is below 0",
        ),
        (30, "it may or may not pay, as the interval of the net benefit includes 0"),
        (300, "it would pay if the effect is the training's, as the whole interval of the net benefit is above 0"),
    ],
)
def test_grade_c_does_not_say_that_it_pays(value: float, says: str, stated: Stated) -> None:
    changes = {"valuation.0.value_per_unit": value, "timing.baseline": ["2026-01"]}
    claim = _claim(stated, 2.0, 4.0, errors=(0.2, 0.2), changes=changes)
    assert claim.grade == "C"
    assert [line for line in claim.threats if line.endswith(f"; {says}.")]


def test_a_failed_gate_about_money_stops_every_word_on_whether_it_pays(stated: Stated) -> None:
    claim = _claim(stated, 2.0, 4.0, changes={"valuation.0.value_per_unit": 300, "cost.1": None})
    (gate,) = [line for line in claim.banner if "hours that people spent learning" in line]
    message = gate.removeprefix("Gate failed: ")
    (line,) = [line for line in claim.threats if line.startswith("Break-even ")]
    assert line.endswith(f" orders; whether it pays cannot be said: {message}")
    assert sum("hours that people" in line for line in claim.threats) == 1
    assert claim.tiles[2].note.endswith(" A gate about money failed: do not quote it.")
    assert not [line for line in claim.threats if "it pays" in line.replace("whether it pays cannot be said", "")]


@pytest.mark.parametrize(
    ("effect", "worthwhile", "says"),
    [
        (2.0, 0.5, " Worthwhile is an improvement of at least 0.500 orders."),
        (2.0, 1.5, " Worthwhile is an improvement of at least 1.50 orders; the interval still holds smaller ones."),
        (0.2, 0.5, " Worthwhile is an improvement of at least 0.500 orders."),
    ],
)
def test_the_effect_tile_says_what_would_be_worthwhile(
    effect: float, worthwhile: float, says: str, stated: Stated
) -> None:
    claim = _claim(stated, effect, 4.0, changes={"kpi.0.minimum_worthwhile_effect": worthwhile})
    assert claim.tiles[1].note.endswith(f" orders.{says}")


def test_no_money_on_the_page_is_said_in_the_words_of_its_tile(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    refused = at.run(at.load_design(make_study(sales(), {"analysis.0.method": "prepost"})))
    page = text_of(render(refused, compile_claim(refused)))
    assert "No money: not allowed: no primary analysis of Monthly sales estimates an effect." in page
    early = at.run(at.load_design(make_study(sales())), as_of=datetime.date(2026, 4, 30))
    assert "No money: too early: day 89 after launch" in text_of(render(early, compile_claim(early)))
    unasked = {"study.frame": "outcomes", "valuation": None, "cost": None, "finance": None}
    tile = compile_claim(at.run(at.load_design(make_study(sales(), unasked)))).tiles[2]
    assert tile.headline.text == "No money stated"
