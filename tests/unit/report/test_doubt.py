"""What the page and results.json say of what was not measured: when, in which words, with which numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.report import pictures
from attribution.report.claims import compile_claim
from attribution.report.doubt import Doubt, bounds_table, doubt, doubt_record, doubt_told, values_table
from attribution.report.html import render
from attribution.report.results import results

Study = Callable[..., Path]
OverTime = Callable[..., at.StudyResult]


def volunteers(effect: float = 2.0) -> pd.DataFrame:
    """Return the sales of 120 people over 7 months, of whom those of longer tenure were trained more often."""
    rng = np.random.default_rng(8)
    n, months = 120, [str(month) for month in pd.period_range("2025-11", periods=7, freq="M")]
    tenure = rng.normal(5, 2, n)
    trained = tenure - 5 + rng.normal(0, 3, n) > 0
    values = 20 + (np.arange(7) >= 3) * (effect * trained + 0.3 * tenure)[:, None] + rng.normal(0, 1, (n, 7))
    return pd.DataFrame(
        {
            "person": np.repeat(np.arange(n), 7),
            "month": np.tile(months, n),
            "start": np.repeat(np.where(trained, months[3], None), 7),
            "sales": values.ravel(),
            "tenure": np.repeat(tenure, 7),
        }
    )


@pytest.fixture
def study(make_study: Study) -> Callable[..., at.StudyResult]:
    def make(effect: float = 2.0, **changes: Any) -> at.StudyResult:
        own = {"columns.covariates": ["tenure"], "analysis.0.covariates": ["tenure"]}
        design = make_study(volunteers(effect), own | {key.replace("__", "."): one for key, one in changes.items()})
        return at.run(at.load_design(design))

    return make


def found_of(result: at.StudyResult) -> Doubt:
    found = doubt(result)
    assert isinstance(found, Doubt)
    return found


def said(result: at.StudyResult, found: Doubt) -> str:
    return " ".join(
        "".join(part if isinstance(part, str) else part.text for part in line) for line in doubt_told(result, found)
    )


def test_effect_and_money_are_said_with_the_strongest_covariate(study: Callable[..., at.StudyResult]) -> None:
    result = study()
    found = found_of(result)
    words = said(result, found)
    assert found.told
    assert found.money is not None
    assert "to undo the effect" in words
    assert "times as strong as tenure, the strongest measured covariate, would undo the effect." in words
    assert "times as strong as tenure, the strongest measured covariate, would take the ROI to zero." in words
    assert words.endswith("That there is nothing so strong, no number here shows.")
    page = render(result, compile_claim(result))
    assert "What was not measured" in page
    assert "contours-wide" in page


def test_the_record_holds_what_the_page_shows(study: Callable[..., at.StudyResult]) -> None:
    result = study()
    found, record = found_of(result), doubt_record(result)
    assert record.robustness_value == found.robustness.value
    assert record.e_value_of_interval == found.robustness.e_value.limit
    assert record.benchmarks[0].covariate == "tenure"
    assert record.benchmarks[0].times == found.robustness.times()
    assert found.money is not None
    assert record.benchmarks[0].roi_times == pytest.approx(found.money.times, rel=1e-12)
    assert record.benchmarks[0].bounds[1].effect == found.robustness.bounds()["effect"].iloc[1]
    written = json.loads(results(result, compile_claim(result), None).model_dump_json(by_alias=True))
    assert written["unmeasured"]["robustness_value"] == record.robustness_value
    assert written["unmeasured"]["pairs"] is None


def test_what_is_not_told_from_zero_has_nothing_to_undo(study: Callable[..., at.StudyResult]) -> None:
    result = study(effect=0.0)
    found = found_of(result)
    assert not found.told
    assert pictures.contours(result, found) is None
    assert "What was not measured" not in render(result, compile_claim(result))
    assert doubt_record(result).robustness_value == found.robustness.value


def test_without_a_covariate_there_is_no_yardstick(study: Callable[..., at.StudyResult]) -> None:
    result = study(analysis__0__covariates=[])
    found = found_of(result)
    assert "No covariate is adjusted for" in said(result, found)
    assert bounds_table(result, found) is None
    assert doubt_record(result).benchmarks == ()


def test_an_roi_that_is_not_above_zero_is_said(study: Callable[..., at.StudyResult]) -> None:
    result = study(valuation__0__value_per_unit=0.1)
    found = found_of(result)
    assert "The ROI is not above zero as it stands." in said(result, found)
    assert "would take the ROI to zero" not in said(result, found)
    picture = pictures.contours(result, found)
    assert picture is not None
    assert "undo the effect" in picture.title


def test_what_was_drawn_by_lot_has_no_such_section(over_time: OverTime) -> None:
    result = over_time("assigned")
    assert "assigned at random" in str(doubt(result))
    assert "assigned at random" in doubt_record(result).reason
    assert "What was not measured" not in render(result, compile_claim(result))


@pytest.mark.parametrize("kind", ["rollout", "trend", "synthetic"])
def test_what_compares_no_two_arms_has_no_such_section(kind: str, over_time: OverTime) -> None:
    result = over_time(kind)
    assert isinstance(doubt(result), str)
    assert "What was not measured" not in render(result, compile_claim(result))


def test_pairs_are_on_the_page(over_time: OverTime) -> None:
    result = over_time("matched")
    found, record = found_of(result), doubt_record(result)
    assert found.pairs is not None
    assert record.pairs is not None
    assert record.pairs.critical == found.pairs.critical
    assert "multiplies the odds of being trained by" in said(result, found)
    assert len(values_table(found).rows) == 4


def test_what_explains_all_of_the_kpi_has_no_interval(study: Callable[..., at.StudyResult]) -> None:
    result = study()
    found = found_of(result)
    strong = replace(found.robustness.benchmarks[0], strength_outcome=0.9)
    whole = replace(found, robustness=replace(found.robustness, benchmarks=(strong,)))
    table = bounds_table(result, whole)
    assert table is not None
    assert [cell.text for cell in table.rows[0][-2:]] == ["–", "–"]
    unrelated = replace(found.robustness.benchmarks[0], strength_outcome=0.0)
    none = replace(found, robustness=replace(found.robustness, benchmarks=(unrelated,)), money=None)
    assert re.search("No multiple of tenure, the strongest measured covariate, would undo", said(result, none))
