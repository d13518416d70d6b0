"""Several primary KPIs on one page: each has its own sentence, and none hides another."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import attribution as at
from attribution.report.claims import compile_claim
from attribution.report.html import render
from tests.unit.report.pages import text_of

Stated = Callable[..., at.StudyResult]


SECOND = {
    "id": "errors", "column": "errors", "label": "Errors", "unit": "slips", "direction": "lower", "role": "primary",
}  # fmt: skip


@pytest.fixture
def two_kpis(make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]) -> Callable[..., at.StudyResult]:
    """Return a maker of studies with two primary KPIs: sales up by 2, and errors, fewer being better, up by `harm`."""

    def make(harm: float, changes: dict[str, Any] | None = None, **options: Any) -> at.StudyResult:
        frame = sales()
        trained_after = frame["start"].notna() & (frame["month"] >= "2026-02")
        frame["errors"] = 10 + 0.2 * (frame["sales"] - 2.0 * trained_after) + harm * trained_after
        both: dict[str, Any] = {
            "kpi.1": SECOND,
            "analysis.0.kpi": "sales",
            "analysis.1": {"id": "mistakes", "kpi": "errors", "method": "did", "role": "primary"},
            "valuation.0.kpi": "sales",
        }
        return at.run(at.load_design(make_study(frame, both | (changes or {}))), **options)

    return make


def test_a_second_primary_kpi_that_is_harmed_is_said_on_page_one(two_kpis: Callable[..., at.StudyResult]) -> None:
    result = two_kpis(1.0)
    claim = compile_claim(result)
    assert (claim.verdict, claim.label) == ("works", "Mixed: see each KPI")
    assert claim.sentence.startswith("Sales academy worked, as far as a comparison can show: the monthly sales ended ")
    (other,) = claim.others
    assert other.startswith("Sales academy did not help, as far as a comparison can show: the errors ended 0.999 ")
    assert " slips higher than expected from the untrained (between +0." in other
    page = render(result, claim)
    assert '<p class="verdict">Mixed: see each KPI</p>' in page
    assert f'<p class="sentence other" data-source="claim.others.0">{other}</p>' in page
    assert "It works" not in page
    assert claim.tiles[1].note.startswith("Monthly sales. Share of the change: ")
    assert len(set(claim.threats)) == len(claim.threats)


def test_primary_kpis_of_one_verdict_share_its_label(two_kpis: Callable[..., at.StudyResult]) -> None:
    assert compile_claim(two_kpis(-1.0)).label == "It works"
    early = compile_claim(two_kpis(-1.0, as_of=datetime.date(2026, 4, 30)))
    assert early.label == "Too early to tell"
    assert [line.startswith("Day 89 after launch: too early") for line in (early.sentence, *early.others)] == [True] * 2


def test_a_second_primary_kpi_without_a_comparison_says_so(two_kpis: Callable[..., at.StudyResult]) -> None:
    claim = compile_claim(two_kpis(1.0, {"analysis.1.method": "prepost"}))
    assert claim.label == "Mixed: see each KPI"
    assert claim.others[0].endswith("; without a comparison, these data cannot say why.")


def test_one_kpi_has_no_other_sentence(stated: Stated) -> None:
    claim = compile_claim(stated(2.0, 4.0))
    assert (claim.label, claim.others) == ("It works", ())


def test_tables_of_several_kpis_name_each_with_its_unit(two_kpis: Callable[..., at.StudyResult]) -> None:
    result = two_kpis(-1.0, {"valuation.0.kpi": "errors", "valuation.0.value_per_unit": 100})
    page = text_of(render(result, compile_claim(result)))
    for words in (
        "mistakes (primary), did Errors, slips training (effect)",
        "primary, did Monthly sales, orders training (effect)",
        "The interval of the effect on Monthly sales leaves out 0 in 1 analysis",
        "What the effect on Errors is worth, USD, with 95% intervals",
        "Break-even effect, slips",
        "Net benefit of Errors is ",
        "Corner cases of Errors, without a confidence level",
    ):
        assert words in page, words
    assert "Break-even effect, orders" not in page
