"""The report as a page: one file, every number the file's, every finding, every text escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import attribution as at
from attribution.report.claims import compile_claim
from attribution.report.grades import MECHANISMS
from attribution.report.html import render
from attribution.report.results import results
from tests.unit.report.pages import Page, look_up, require_alone, require_named

ROOT = Path(__file__).resolve().parents[3]


def page_of(result: at.StudyResult, previous: dict[str, str] | None = None) -> tuple[str, Page]:
    source = render(result, compile_claim(result), previous)
    return source, Page(source)


@pytest.fixture(scope="module")
def michigan() -> at.StudyResult:
    return at.run(at.load_design(ROOT / "designs" / "michigan-grants.toml"))


@pytest.fixture(scope="module")
def michigan_page(michigan: at.StudyResult) -> tuple[str, Page]:
    return page_of(michigan)


Study = Callable[..., Path]
Sales = Callable[..., pd.DataFrame]


def test_the_page_is_one_file_without_scripts_and_without_anything_to_fetch(michigan_page: tuple[str, Page]) -> None:
    require_alone(*michigan_page)


def test_the_page_has_a_language_a_skip_link_and_named_parts(michigan_page: tuple[str, Page]) -> None:
    _, page = michigan_page
    require_named(page)
    tables = [tag for tag, _ in page.tags].count("table")
    assert tables == [tag for tag, _ in page.tags].count("caption") >= 8


def test_page_one_says_claim_grade_and_tiles(michigan: at.StudyResult, michigan_page: tuple[str, Page]) -> None:
    _, page = michigan_page
    claim = compile_claim(michigan)
    for words in (claim.sentence, claim.meaning, *claim.banner, *claim.threats):
        assert words in page.text
    for tile in claim.tiles:
        for words in (tile.title, tile.headline.text, tile.interval, tile.note):
            assert words in page.text


@pytest.mark.parametrize(
    "words",
    [
        "19 firms trained and measured, compared with 35 not trained; before is 1987, after is 1988.",
        "some are trained later and count as untrained until then: 10 in 1989.",
        "17 of the 36 trained in this time could not be measured",
        "left out: no KPI value in either window",
        "91 firms never trained: read from column grant, which never turns 1.",
        "36 firms stop being marked as trained after the start: they count as trained from their first period of",
        "309 rows without a value of the KPI; 103 firms without one in any period.",
        "Shares are of all units of an arm, also those left out; each period is compared between those observed in it.",
        "Share of each arm with a KPI value, by period",
        "What the design declares",
        "How it was assigned first come, first served",
        "Not declared Owner of the KPI, expected effect, smallest worthwhile effect, date of the assignment and share",
        "Here: 1 baseline period, assigned first come, first served .",
        "The whole level of Scrap rate without training is valued at $50 000 per firm and year (illustrative; no "
        "source; no approver).",
        "not reached",
        "19 measured of 36 firms trained: the benefit counts those measured, the costs cover all.",
        "Share of draws with a net benefit above zero:",
        "Corner cases, without a confidence level",
        "Illustrative: the value of the KPI and 5 costs have no source.",
        "Fieller (headline)",
        "There is one year before the grants",
        "moved alike (parallel trends)",
    ],
)
def test_the_michigan_page_says(michigan_page: tuple[str, Page], words: str) -> None:
    assert words in michigan_page[1].text


def test_everybody_is_in_the_flow_table(michigan_page: tuple[str, Page]) -> None:
    _, page = michigan_page
    assert "all as read 157 471" in page.text


SCALES = {"": 1.0, "%": 0.01, "K": 1e3, "M": 1e6}

TENTH_OF_WIDTH = 10_000.0
"""The intervals of Michigan's money are 100,000 to 800,000 wide: no digit finer than this is printed."""


def shown_value(text: str) -> tuple[float, float] | None:
    """Return a printed number and half a unit of its last digit; None where the cell holds words."""
    plain = (
        text.strip().replace("−", "-").replace("\u202f", "").replace("\u2060", "").replace("$", "").removeprefix("ROI ")
    )
    found = re.match(r"([+-]?\d+(?:\.(\d+))?)([KM%]?)", plain)
    if found is None:
        return None
    scale = SCALES[found[3]]
    half = 0.5 * scale * 10.0 ** -len(found[2] or "")
    return float(found[1]) * scale, max(half, TENTH_OF_WIDTH / 2) if "$" in text else half


@pytest.mark.parametrize(
    "kind", ["michigan", "rollout", "trend", "trend and others", "assigned", "synthetic", "matched", "weighted"]
)
def test_every_number_with_a_path_is_the_number_in_results(
    kind: str, michigan: at.StudyResult, over_time: Callable[..., at.StudyResult]
) -> None:
    result = michigan if kind == "michigan" else over_time(kind)
    _, page = page_of(result, {"design_digest": "a" * 64, "data_digest": "b" * 64})
    claim = compile_claim(result)
    document = json.loads(
        results(result, claim, {"design_digest": "a" * 64, "data_digest": "b" * 64}).model_dump_json(by_alias=True)
    )
    assert len(page.sourced) > 150
    compared = 0
    for path, text in page.sourced:
        stored = look_up(document, path)
        if isinstance(stored, str):
            known = (stored, f"{claim.grade} {stored}", *(said for key, said in MECHANISMS.items() if key == stored))
            assert text in known or path.endswith(".status"), path
        elif stored is None:
            assert text in ("not reached", "not estimable", "no limit", "undefined"), path
        else:
            printed = shown_value(text)
            assert printed is not None, (path, text)
            assert printed[0] == pytest.approx(stored, rel=1e-9, abs=1.0001 * printed[1]), (path, text)
            compared += 1
    assert compared > 100


def test_the_paths_of_the_main_numbers_are_on_the_page(michigan_page: tuple[str, Page]) -> None:
    paths = {path for path, _ in michigan_page[1].sourced}
    assert {
        "terms.primary.effect.estimate",
        "terms.primary.effect.conf_low",
        "factor.share",
        "factor.interval.low",
        "factor.others.bca.high",
        "claim.grade_reason",
        "cohort.read.never_trained",
        "cohort.read.switched_off",
        "declared.assignment.source",
        "roi.value",
        "roi.hurdle",
        "roi.discount_rate",
        "roi.roi.estimate",
        "roi.probability_net_positive",
        "roi.scenarios.conservative.net_benefit",
        "roi.units_represented",
        "roi.units_trained",
        "cohort.control.clusters",
        "cohort.balance.0.g",
        "findings.clusters_per_arm.observed",
        "manifest.design_digest",
        "manifest.seed",
    } <= paths


def test_every_finding_is_printed_the_worst_first(michigan: at.StudyResult, michigan_page: tuple[str, Page]) -> None:
    _, page = michigan_page
    shown = [path.split(".")[1] for path, _ in page.sourced if path.endswith(".status")]
    assert sorted(shown) == sorted(finding.id for finding in michigan.findings)
    order = {"fail": 0, "warn": 1, "pass": 2, "skipped": 3}
    status = {finding.id: order[finding.status] for finding in michigan.findings}
    assert [status[name] for name in shown] == sorted(status[name] for name in shown)
    for finding in michigan.findings:
        # A rule that was not applied says why, and no more.
        told = (finding.observed, finding.threshold, finding.source, finding.remedy)
        for words in told if finding.status != "skipped" else (finding.message[1:],):
            assert words in page.text


def test_text_from_design_and_data_is_escaped(sales: Sales, make_study: Study) -> None:
    evil = "<script>alert(1)</script> & \"'{{ 7 * 7 }}"
    changes = {
        "kpi.0.label": evil,
        "kpi.0.unit": "<b>$x_1$</b>",
        "program.name": evil,
        "study.question": evil,
        "limits": {"text": [evil]},
        "cost.0.source": evil,
        "assignment.level": "<i>person</i>",
    }
    source, page = page_of(at.run(at.load_design(make_study(sales(), changes))))
    assert {"script", "b", "i"} & {tag for tag, _ in page.tags} <= {"b"}
    assert [attributes for tag, attributes in page.tags if tag == "b"] == [{"data-source": "claim.grade"}]
    assert "<script" not in source
    assert page.text.count(evil) >= 5
    assert "49" not in {text for _, text in page.sourced}


def test_the_longest_names_the_schema_allows_are_whole(sales: Sales, make_study: Study) -> None:
    label, unit = "W" * 80, "V" * 40
    _, page = page_of(at.run(at.load_design(make_study(sales(), {"kpi.0.label": label, "kpi.0.unit": unit}))))
    assert label in page.text
    assert unit in page.text


def test_noise_gives_a_page_without_a_share(sales: Sales, make_study: Study) -> None:
    frame = sales(effect=0.0, trend=0.0, noise=3.0)
    result = at.run(at.load_design(make_study(frame)))
    assert result.factor.interval.kind in ("unbounded", "disjoint")
    _, page = page_of(result)
    assert "The share is not estimable: the observed change is within noise" in page.text
    assert "factor.share" not in {path for path, _ in page.sourced}


def test_a_single_trained_person_gives_a_page_with_a_failed_gate(sales: Sales, make_study: Study) -> None:
    source, page = page_of(at.run(at.load_design(make_study(sales(trained=1)))))
    assert 'class="banner failed"' in source
    assert "✕ fail" in page.text
    assert "the variance of the effect is undefined" in page.text
    # The one NaN is what the data hold for never trained.
    assert re.findall(r".{20}nan\b", page.text.lower()) == [" trained: read from nan"]


def test_a_page_without_money_says_why(sales: Sales, make_study: Study) -> None:
    changes: dict[str, Any] = {"study.frame": "outcomes", "valuation": None, "cost": None, "finance": None}
    result = at.run(at.load_design(make_study(sales(), changes)))
    assert result.roi is None
    _, page = page_of(result)
    assert f"No money is stated: {result.roi_reason}." in page.text
    assert not [path for path, _ in page.sourced if path.startswith("roi")]


def test_shares_observed_are_shown_where_somebody_is_missing(sales: Sales, make_study: Study) -> None:
    full = page_of(at.run(at.load_design(make_study(sales()))))[1]
    assert "Share of each arm with a KPI value" not in full.text
    frame = sales()
    frame = frame[~((frame["person"] == "000") & (frame["month"] == "2026-03"))]
    gaps = page_of(at.run(at.load_design(make_study(frame))))[1]
    assert "Share of each arm with a KPI value, by period" in gaps.text
    assert ("cohort.coverage.4.trained", "96%") in gaps.sourced


def test_a_sourced_and_approved_value_is_not_called_illustrative(sales: Sales, make_study: Study) -> None:
    assert "Illustrative:" not in page_of(at.run(at.load_design(make_study(sales()))))[1].text


def test_the_price_of_a_linear_kpi_is_that_of_one_unit(sales: Sales, make_study: Study) -> None:
    changes = {"finance.hurdle": 0.125, "finance.discount_rate": 0.08, "inference.level": 0.999}
    _, page = page_of(at.run(at.load_design(make_study(sales(), changes | {"inference.draws": 1999}))))
    priced = (
        "One unit of Monthly sales (orders) is valued at $30 per person and month (source: price list ; approved by "
        "finance )."
    )
    assert re.sub(r"\s+", " ", priced.replace("$30", " $30 ")) in page.text
    assert {("roi.value", "$30"), ("roi.value_source", "price list"), ("roi.approver", "finance")} <= set(page.sourced)
    assert {("roi.hurdle", "12.5%"), ("roi.discount_rate", "8%"), ("manifest.level", "99.9%")} <= set(page.sourced)
    assert "100% intervals" not in page.text
    assert "99.9% intervals" in page.text
    # In percent as well: the sets of the linear scale are bounded.
    steps = {path for path, _ in page.sourced if path.startswith("percent.primary.")}
    assert {f"percent.primary.{term}.estimate" for term in ("effect", "change", "background")} <= steps


def test_what_was_read_is_said_where_there_is_something_to_say(sales: Sales, make_study: Study) -> None:
    frame = sales()
    frame["tenure"] = frame["person"].map(lambda one: None if one == "007" else 3.0 + int(one) % 5)
    frame.loc[frame["person"] == "003", "sales"] = float("nan")
    frame = frame[~((frame["person"] == "004") & (frame["month"] == "2026-03"))]
    text = page_of(at.run(at.load_design(make_study(frame, {"columns.covariates": ["tenure"]}))))[1].text
    for words in (
        "36 people never trained: read from NaN ( 36 ) in column start.",
        "7 rows without a value of the KPI; 1 person without one in any period.",
        "1 row absent: pairs of a unit and a period that the data do not hold.",
        "1 person without a value of tenure: left out of its balance, not of the effect.",
    ):
        assert words in text
    assert "being marked as trained" not in text


def test_people_whose_mark_of_training_ends_count_as_trained_on(sales: Sales, make_study: Study) -> None:
    frame = sales()
    frame["mark"] = ((frame["month"] >= frame["start"].fillna("9999")) & (frame["month"] != "2026-05")).astype(int)
    changes = {"columns": {"unit": "person", "period": "month", "trained": "mark"}}
    text = page_of(at.run(at.load_design(make_study(frame, changes))))[1].text
    assert "24 people stop being marked as trained after the start: they count as trained from their first" in text
    assert "36 people never trained: read from column mark, which never turns 1." in text


def test_a_minus_stays_with_its_currency(michigan: at.StudyResult) -> None:
    source, _ = page_of(michigan)
    assert "−\u2060$" in source
    assert "−$" not in source.partition("<svg")[0]


def test_the_same_result_gives_the_same_bytes(michigan: at.StudyResult, michigan_page: tuple[str, Page]) -> None:
    assert page_of(michigan)[0] == michigan_page[0]


def test_the_digests_of_the_run_before_are_kept(michigan: at.StudyResult) -> None:
    _, page = page_of(michigan, {"design_digest": "d" * 64, "data_digest": "e" * 64})
    assert ("manifest.previous.design_digest", "d" * 64) in page.sourced
