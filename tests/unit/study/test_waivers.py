"""Waivers: whom they cover, until when, and what is said where one is not applied."""

from __future__ import annotations

import datetime

import pytest

from attribution.core.finding import Finding, Review
from attribution.design.load import load_design
from attribution.design.review_tables import Waiver
from attribution.design.schema import StudyDesign
from attribution.study.waivers import with_waivers

LAST = datetime.date(1989, 6, 30)
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def design() -> StudyDesign:
    waiver = Waiver(rule="attrition", reason="the sites closed", name="Head of sales", expires=LAST)
    return load_design("designs/michigan-grants.toml").model_copy(update={"waiver": (waiver,)})


def finding(name: str, status: str) -> Finding:
    return Finding(name, status, "seen", "threshold", "source", "message", "remedy")


def test_a_waiver_covers_its_rule_in_every_analysis_and_no_other(design: StudyDesign) -> None:
    gates = [finding(name, "fail") for name in ("attrition", "attrition[second]", "attrition_x", "launch")]
    found = with_waivers(gates, design, LAST)
    assert [one.gate_failed for one in found] == [False, False, True, True]
    assert found[0].waived == "waived by Head of sales until 1989-06-30: the sites closed"
    assert found[0].status == "fail"
    assert found[2:] == tuple(gates[2:])


def test_a_waiver_holds_on_its_last_day_and_not_on_the_next(design: StudyDesign) -> None:
    (kept,) = with_waivers([finding("attrition", "fail")], design, LAST)
    (gone,) = with_waivers([finding("attrition", "fail")], design, LAST + DAY)
    assert kept.waived
    assert not gone.waived
    assert gone.gate_failed
    assert "expired on 1989-06-30" in gone.message


def test_without_a_date_the_launch_stands_for_it(design: StudyDesign) -> None:
    (found,) = with_waivers([finding("attrition", "fail")], design, None)
    assert found.waived  # the launch is 1988
    late = design.timing.model_copy(update={"launch": 1990})
    (found,) = with_waivers([finding("attrition", "fail")], design.model_copy(update={"timing": late}), None)
    assert found.gate_failed
    assert "expired" in found.message


def test_where_no_date_is_known_nothing_is_waived_and_the_finding_says_so(design: StudyDesign) -> None:
    counted = design.timing.model_copy(update={"launch": 12, "period": "month"})
    (found,) = with_waivers([finding("attrition", "fail")], design.model_copy(update={"timing": counted}), None)
    assert found.gate_failed
    assert "no date says whether it has expired" in found.message
    assert "--as-of" in found.remedy


@pytest.mark.parametrize("status", ["pass", "warn", "skipped"])
def test_a_waiver_that_is_not_needed_is_said(design: StudyDesign, status: str) -> None:
    (found,) = with_waivers([finding("attrition", status)], design, LAST)
    assert (found.status, found.waived) == (status, "")
    assert "waiver by Head of sales is not needed" in found.message


def test_of_two_waivers_of_a_rule_the_longer_one_holds(design: StudyDesign) -> None:
    short = design.waiver[0].model_copy(update={"expires": LAST - 30 * DAY, "name": "Head of finance"})
    both = design.model_copy(update={"waiver": (short, *design.waiver)})
    (found,) = with_waivers([finding("attrition", "fail")], both, LAST)
    assert "Head of sales" in found.waived


def test_a_notebook_shows_a_waiver_beside_its_gate(design: StudyDesign) -> None:
    found = with_waivers([finding("attrition", "fail")], design, LAST)
    assert "waived by Head of sales until 1989-06-30: the sites closed" in Review(found)._repr_html_()
    assert "waived" not in Review((finding("attrition", "fail"),))._repr_html_()
