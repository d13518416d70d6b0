"""A study run: options from the design, several KPIs, money, findings, and the same bits every time."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import DataError, MethodError
from attribution.registry import CHECKS, ONCE_A_STUDY
from attribution.report.claims import compile_claim
from attribution.report.results import results

SECOND = {
    "id": "errors", "column": "errors", "label": "Errors", "unit": "errors", "direction": "lower", "role": "primary",
}  # fmt: skip


@pytest.fixture
def two_kpis(sales: Callable[..., pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return data and changes of a study with two primary KPIs: sales up by 2, errors down by 1."""
    frame = sales()
    trained_after = frame["start"].notna() & (frame["month"] >= "2026-02")
    frame["errors"] = 10 + 0.2 * (frame["sales"] - 2.0 * trained_after) - 1.0 * trained_after
    return frame, {
        "kpi.1": SECOND,
        "analysis.0.kpi": "sales",
        "analysis.1": {"id": "mistakes", "kpi": "errors", "method": "did", "role": "primary"},
        "valuation.0.kpi": "sales",
    }


@pytest.fixture
def run(make_study: Callable[..., Path]) -> Callable[..., at.StudyResult]:
    """Return a runner of a study: data, changes of the design, options of `run`."""

    def _run(frame: pd.DataFrame, changes: dict[str, Any] | None = None, **options: Any) -> at.StudyResult:
        return at.run(at.load_design(make_study(frame, changes)), **options)

    return _run


def test_the_known_effect_and_its_money(run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]) -> None:
    result = run(sales())
    assert result.estimate.value("effect") == pytest.approx(2.0, abs=0.2)
    assert result.estimate.value("background") == pytest.approx(0.5, abs=0.2)
    assert result.roi is not None
    # 24 people, 4 months, 30 a unit.
    expected = result.estimate.value("effect") * 24 * 4 * 30
    assert result.roi.attributed_benefit.estimate == pytest.approx(expected, rel=1e-12)
    assert result.roi.total_cost.estimate == 5000
    assert not result.gates_failed


def test_options_come_from_timing_and_inference_unless_an_analysis_states_its_own(
    run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales()
    later = frame["person"] >= "050"
    frame.loc[later, "start"] = "2026-06"
    result = run(
        frame,
        {
            "inference.variance": "HC1",
            "inference.level": 0.9,
            "analysis.1": {"id": "never", "method": "did", "role": "sensitivity", "controls": "never"},
            "analysis.2": {
                "id": "own",
                "method": "did",
                "role": "sensitivity",
                "variance": "CR1",
                "baseline": ["2025-11"],
            },
            "analysis.3": {"id": "plain", "method": "prepost", "role": "reference"},
        },
    )
    found = {name: (one.variance, one.n.baseline[0], len(one.n.baseline)) for name, one in result.estimates.items()}
    assert found == {
        "primary": ("HC1", "2025-11", 3),
        "never": ("HC1", "2025-11", 3),
        "own": ("CR1", "2025-11", 1),
        "plain": ("HC1", "2025-11", 3),
    }
    counts = {name: one.n.control.units for name, one in result.estimates.items()}
    assert counts == {"primary": 36, "never": 26, "own": 36, "plain": 0}
    assert result.factor.interval.level == 0.9
    assert result.manifest.level == 0.9


def test_the_share_is_of_the_same_units_and_draws_are_those_of_the_design(
    run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]
) -> None:
    result = run(sales(), {"inference.draws": 99, "inference.seed": 11})
    factor = result.factor
    assert factor.raw_draws is not None
    assert (len(factor.raw_draws), factor.raw_draws.seed) == (99, 11)
    np.testing.assert_array_equal(factor.raw_draws.values, at.bootstrap(result.estimate, draws=99, seed=11).values)


def test_follow_up_that_waits_is_left_out_of_the_estimate(
    run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]
) -> None:
    result = run(sales(), as_of=datetime.date(2026, 5, 1))
    assert result.estimate.n.followup == ("2026-02", "2026-03", "2026-04")
    assert result.linked.waiting == ("2026-05",)
    assert result.roi is not None
    assert result.roi.plan.periods == 3
    assert compile_claim(result).threats[-1] == "Next look: 2026-05 joins the follow-up when it is over."


def test_findings_of_several_primary_analyses_say_which(
    run: Callable[..., at.StudyResult], two_kpis: tuple[pd.DataFrame, dict[str, Any]]
) -> None:
    result = run(*two_kpis)
    assert result.primary == ("primary", "mistakes")
    each = [check for check in CHECKS if check not in ONCE_A_STUDY]
    expected = [f"{check}[{name}]" for name in result.primary for check in each]
    # The money and the design are one: judged once, they are printed once.
    assert [finding.id for finding in result.findings] == [*expected, *ONCE_A_STUDY]
    money = {finding.status for finding in result.findings if finding.id in ("learner_time", "cost_categories")}
    assert money == {"pass"}
    assert result.estimates["mistakes"].value("effect") == pytest.approx(-1.0, abs=0.1)


def test_money_of_the_second_kpi_says_so(
    run: Callable[..., at.StudyResult], two_kpis: tuple[pd.DataFrame, dict[str, Any]]
) -> None:
    frame, changes = two_kpis
    result = run(frame, changes | {"valuation.0.kpi": "errors", "valuation.0.value_per_unit": 100})
    assert result.roi is not None
    benefit = -result.estimates["mistakes"].value("effect") * 24 * 4 * 100
    assert result.roi.attributed_benefit.estimate == pytest.approx(benefit, rel=1e-12)
    claim = compile_claim(result)
    assert "Net benefit of Errors $" in claim.tiles[2].note
    # 5,000 / (24 × 4 × 100), and the KPI falls where it improves.
    assert claim.threats[1].startswith("Break-even is an effect of −0.521 errors; it pays")


def test_money_of_a_kpi_without_an_effect_is_refused_with_the_reason(
    run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]
) -> None:
    result = run(sales(), {"analysis.0.method": "prepost"})
    assert result.roi is None
    assert result.roi_reason == "no primary analysis of sales estimates an effect"


def test_no_money_before_day_90(run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]) -> None:
    early = run(sales(), as_of=datetime.date(2026, 4, 30))
    assert early.roi is None
    assert early.roi_reason == "day 89 after launch: nothing is attributed before day 90"
    assert {estimate.terms for estimate in early.estimates.values()} == {("change",)}
    assert math.isnan(early.factor.share)
    assert early.factor.reason == early.roi_reason
    assert run(sales(), as_of=datetime.date(2026, 5, 1)).roi is not None


def test_horizon_and_a_discount_rate_a_year(
    run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]
) -> None:
    result = run(sales(), {"finance.horizon": 2, "finance.discount_rate": 0.12, "finance.hurdle": 0.5})
    assert result.roi is not None
    assert (result.roi.plan.periods, result.roi.hurdle) == (2, 0.5)
    assert (1 + result.roi.discount_rate) ** 12 == pytest.approx(1.12, rel=1e-12)
    month = result.estimate.value("effect") * 24 * 30
    npv = month / 1.12 ** (1 / 12) + month / 1.12 ** (2 / 12) - 5000
    assert result.roi.npv.estimate == pytest.approx(npv, rel=1e-10)


def test_an_error_of_a_method_says_in_which_analysis(
    run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]
) -> None:
    with pytest.raises(MethodError) as caught:
        run(sales(control=0))
    assert caught.value.where.startswith("analysis 'primary'")
    assert "no control unit" in caught.value.what
    with pytest.raises(DataError, match="no period 2024-01") as other:
        run(sales(), {"analysis.0.baseline": ["2024-01", "2024-02"]})
    assert other.value.where.startswith("analysis 'primary'")


def test_the_result_shows_itself(run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]) -> None:
    result = run(sales(), {"analysis.1": {"id": "plain", "method": "prepost", "role": "reference"}})
    table = result.tidy()
    assert list(table["analysis"]) == ["primary"] * 3 + ["plain"]
    assert list(table["term"]) == ["effect", "change", "background", "change"]
    assert "sales-2026" in repr(result)
    assert "Sales training" in result._repr_html_()


def _bytes(result: at.StudyResult) -> bytes:
    return results(result, compile_claim(result), None).model_dump_json(by_alias=True).encode()


def test_results_are_the_same_bytes_in_every_run_and_for_any_number_of_workers(
    run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]
) -> None:
    frame = sales(trained=60, control=300)
    changes = {"inference.draws": 1999}
    first = _bytes(run(frame, changes))
    assert _bytes(run(frame, changes)) == first
    assert _bytes(run(frame, changes, workers=2)) == first
    assert _bytes(run(frame, changes | {"inference.seed": 4})) != first
    # Another order of the same rows is another file, and the same numbers.
    mixed = json.loads(_bytes(run(frame.sample(frac=1, random_state=1), changes)))
    numbers = json.loads(first)
    assert mixed["manifest"].pop("data_digest") != numbers["manifest"].pop("data_digest")
    assert mixed == numbers


def test_in_a_notebook_it_shows_terms_share_money_and_open_findings(
    run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]
) -> None:
    shown = run(sales(trained=7))._repr_html_()
    for words in ("Sales training, as of 2026-05-31", "fieller", "net_benefit", "fewer than 10 clusters in an arm"):
        assert words in shown
    assert "learner time is among the costs" not in shown
    plain = {"study.frame": "outcomes", "valuation": None, "cost": None, "finance": None}
    careful = {
        "kpi.0.owner": "head of sales",
        "kpi.0.baseline_source": "the CRM",
        "assignment.mechanism": "random",
        "assignment.source": "a draw on 2026-01-10",
        "assignment.roster_frozen": datetime.date(2026, 1, 10),
        "timing.washout": 0,
        "timing.anticipation": 0,
    }
    result = run(sales(), plain | careful)
    quiet = result._repr_html_()
    assert "the design declares no value and no costs" in quiet
    # Nobody froze it, which is all that is left to say.
    assert [one.id for one in result.findings if one.status in ("fail", "warn")] == ["prespecified"]
    assert "prespecified" in quiet
    assert "No finding failed or warned." in replace(result, findings=())._repr_html_()


def test_too_early_an_analysis_without_the_observed_change_waits(
    run: Callable[..., at.StudyResult], sales: Callable[..., pd.DataFrame]
) -> None:
    reference = {"analysis.1": {"id": "two_way", "method": "twfe", "role": "reference"}}
    early = datetime.date(2026, 4, 30)
    result = run(sales(), reference, as_of=early)
    assert set(result.estimates) == {"primary"}
    assert result.estimate.terms == ("change",)
    assert set(run(sales(), reference).estimates) == {"primary", "two_way"}
    with pytest.raises(MethodError, match="does not give the observed change") as error:
        run(sales(), {"analysis.0.method": "twfe"}, as_of=early)
    assert "later" in error.value.remedy
