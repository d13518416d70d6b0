"""The Michigan grants from the design file to the claim: findings, sentence and numbers, agreed on beforehand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import attribution as at
from attribution.report.claims import Claim, compile_claim
from attribution.report.results import results

DESIGN = Path(__file__).resolve().parents[3] / "designs" / "michigan-grants.toml"

FINDINGS = {
    "baseline_equivalence": "pass",
    "cohort_balance": "skipped",
    "overlap": "skipped",
    "effective_sample_size": "skipped",
    "trained_dropped": "skipped",
    "measured_before": "skipped",
    "matched_difference": "skipped",
    "pre_periods": "warn",
    "pre_trends": "skipped",
    "trend_breakdown": "skipped",
    "attrition": "skipped",
    "clusters_per_arm": "pass",
    "standard_error": "pass",
    "other_interventions": "pass",
    "contamination": "skipped",
    "unmeasured_confounding": "skipped",
    "causal_graph": "skipped",
    "placebo_refuter": "skipped",
    "random_cause_refuter": "skipped",
    "subset_refuter": "skipped",
    "two_way_primary": "pass",
    "synthetic_fit": "skipped",
    "series_length": "skipped",
    "launch": "pass",
    "units_lost": "warn",
    "observation_gap": "warn",
    "share_estimable": "pass",
    "draws_failed": "pass",
    "learner_time": "pass",
    "cost_categories": "pass",
    "illustrative_money": "warn",
    "selection_mechanism": "warn",
    "uncontrolled": "pass",
    "regression_to_mean": "skipped",
    "dip_before_adoption": "skipped",
    "lagged_bracket": "skipped",
    "timing_declared": "warn",
    "placebo_launch": "skipped",
    "untouched_outcome": "skipped",
    "placebo_trained": "pass",
    "roster_frozen": "warn",
    "leavers": "pass",
    "prespecified": "warn",
    "focus": "pass",
    "kpi_owner": "warn",
    "effect_declared": "warn",
    "power": "pass",
    "pays": "skipped",
}


@pytest.fixture(scope="module")
def result() -> at.StudyResult:
    """Return the study, run."""
    return at.run(at.load_design(DESIGN))


@pytest.fixture(scope="module")
def claim(result: at.StudyResult) -> Claim:
    """Return what page one says."""
    return compile_claim(result)


@pytest.fixture(scope="module")
def numbers(result: at.StudyResult, claim: Claim) -> dict[str, Any]:
    """Return what results.json holds."""
    found: dict[str, Any] = json.loads(results(result, claim, None).model_dump_json(by_alias=True))
    return found


def test_findings(result: at.StudyResult) -> None:
    assert {finding.id: finding.status for finding in result.findings} == FINDINGS
    assert result.gates_failed == ()
    observed = {finding.id: finding.observed for finding in result.findings}
    assert observed["clusters_per_arm"] == "19 trained, 35 control"
    assert observed["units_lost"] == (
        "19 of 36 trained and 35 of 121 compared measured, 103 left out in all; 36 stop being marked as trained after "
        "they started"
    )
    assert observed["baseline_equivalence"] == "g: lscrap +0.23"
    assert observed["illustrative_money"] == "1 of 1 values, 5 of 5 costs illustrative"


def test_the_allowed_sentence(claim: Claim) -> None:
    assert (claim.grade, claim.verdict) == ("C", "cannot_tell")
    assert claim.grade_reason == "1 baseline period, assigned first come, first served"
    assert claim.sentence == (
        "We cannot tell whether Michigan job-training grants changed the scrap rate, which ended 27% lower than "
        "expected from the untrained: the effect may lie anywhere between −49% and +3.4%."
    )
    assert len(claim.sentence.split()) <= 40
    assert claim.banner == ("Money inputs are illustrative: no published source, no approver.",)


def test_the_tiles(claim: Claim) -> None:
    changed, effect, worth = claim.tiles
    assert (changed.headline.text, changed.interval) == ("−31%", "between −49% and −6.5%")
    assert changed.note == (
        "Scrap rate of the trained (19 firms): an improvement, as lower is better. "
        "In the KPI's own unit: −0.374 log points."
    )
    assert (effect.headline.text, effect.interval) == ("−27%", "between −49% and +3.4%")
    assert effect.note == (
        "Share of the log change: 85% (between −33% and 145%), part of the gain, if the estimate holds; "
        "neither 0 nor 100% is ruled out. In the KPI's own unit: −0.317 log points."
    )
    assert worth.headline.text == "ROI −35%"
    assert "for 19 firms measured, against the costs of all 36 trained" in worth.note
    assert worth.note.endswith("Inputs are illustrative.")


def test_why_the_headline_is_what_it_is(claim: Claim) -> None:
    assert claim.interval_note == (
        "The delta method, the percentile bootstrap and the BCa bootstrap would rule out a share of 0; the headline "
        "(Fieller) does not: it counts the noise in the observed change that the share is divided by, which with 19 "
        "firms is not small."
    )


def test_what_would_change_our_mind(claim: Claim) -> None:
    assert claim.threats == (
        "Whether both arms were on the same path before the training cannot be seen.",
        "Break-even is an effect of −42%; it may or may not pay, as the interval of the net benefit includes 0.",
        "The follow-up is complete (19 firms): more trained, or more periods, would make the estimate sharper.",
    )


def _row(numbers: dict[str, Any], analysis: str, term: str) -> dict[str, float]:
    (row,) = [row for row in numbers["terms"][analysis] if row["term"] == term]
    return row


@pytest.mark.parametrize(
    ("analysis", "term", "expected"),
    [
        (
            "observed",
            "change",
            {"estimate": -0.37449, "std_error": 0.14608, "conf_low": -0.68140, "conf_high": -0.06759},
        ),
        ("primary", "effect", {"estimate": -0.31706, "std_error": 0.17222, "conf_low": -0.66777, "conf_high": 0.03366}),
        ("primary", "change", {"estimate": -0.37449, "std_error": 0.14608}),
        ("primary", "background", {"estimate": -0.05744}),
        ("classical", "effect", {"estimate": -0.31706, "std_error": 0.16388}),
        ("hc1", "effect", {"estimate": -0.31706, "std_error": 0.17142}),
        ("cr1", "effect", {"estimate": -0.31706, "std_error": 0.16980}),
        ("never", "effect", {"estimate": -0.37898}),
    ],
)
def test_the_known_values(analysis: str, term: str, expected: dict[str, float], numbers: dict[str, Any]) -> None:
    row = _row(numbers, analysis, term)
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, abs=1e-5), name


def test_the_known_shares(numbers: dict[str, Any]) -> None:
    factor = numbers["factor"]
    assert factor["share"] == pytest.approx(0.84663, abs=1e-5)
    assert (factor["interval"]["kind"], factor["interval"]["method"]) == ("bounded", "fieller")
    assert factor["interval"]["low"] == pytest.approx(-0.33460, abs=1e-5)
    assert factor["interval"]["high"] == pytest.approx(1.44825, abs=1e-5)
    others = {one["method"]: one for one in factor["others"]}
    assert list(others) == ["delta", "percentile", "bca"]
    assert others["delta"]["low"] == pytest.approx(0.33893, abs=1e-5)
    assert others["delta"]["high"] == pytest.approx(1.35433, abs=1e-5)
    # The headline holds 0, the others do not; all hold 1.
    assert all(0 < one["low"] < 1 < one["high"] for one in others.values())
    constant = numbers["factors"]["cr1"]["interval"]
    assert constant["low"] == pytest.approx(-0.18744, abs=1e-5)
    assert constant["high"] == pytest.approx(1.43772, abs=1e-5)
    assert numbers["factors"]["never"]["share"] == pytest.approx(1.01197, abs=1e-5)
    assert numbers["factors"]["observed"]["share"] is None


def test_the_known_percents(numbers: dict[str, Any]) -> None:
    percent = numbers["percent"]["primary"]
    found = [round(100 * percent["effect"][name], 1) for name in ("estimate", "low", "high")]
    assert found == [-27.2, -48.7, 3.4]
    assert round(100 * percent["change"]["estimate"], 1) == -31.2
    assert round(100 * percent["background"]["estimate"], 1) == -5.6


def test_money_is_of_the_measured_and_costs_are_of_all(numbers: dict[str, Any]) -> None:
    roi = numbers["roi"]
    assert (roi["units_represented"], roi["units_trained"], roi["periods"]) == (19, 36, 1)
    # 50,000 × (1 − exp(−.317058)) × 19.
    assert roi["attributed_benefit"]["estimate"] == pytest.approx(258_126, abs=1)
    assert roi["total_cost"]["estimate"] == 400_000
    assert roi["roi"]["estimate"] == pytest.approx(258_125.84 / 400_000 - 1, abs=1e-6)
    assert (roi["payback_periods"]["estimate"], roi["payback_periods"]["high"]) == (None, None)
    assert roi["payback_periods"]["reason"] == "the measured benefit does not cover the cost"
    base = next(one for one in roi["scenarios"] if one["name"] == "base")
    assert base["net_benefit"] == roi["net_benefit"]["estimate"]


def test_the_price_and_what_was_read_and_declared_are_in_the_file(numbers: dict[str, Any]) -> None:
    roi, read, declared = numbers["roi"], numbers["cohort"]["read"], numbers["declared"]
    assert (roi["value"], roi["value_kind"]) == (50_000, "value_of_untrained_level")
    assert (roi["value_source"], roi["approver"], roi["value_illustrative"]) == (None, None, True)
    assert (roi["hurdle"], roi["discount_rate"]) == (0, 0)
    assert (read["units"], read["rows"], read["never_trained"], read["switched_off"]) == (157, 471, 91, 36)
    assert (read["rows_missing_outcome"], read["units_without_outcome"], read["rows_absent"]) == (309, 103, 0)
    assert declared["program"]["kind"] == "state training grants to manufacturing firms"
    assert declared["kpi"][0]["baseline_source"].startswith("scrap rate of 1987")
    assert (declared["kpi"][0]["owner"], declared["assignment"]["date"]) == (None, None)
    assert (declared["assignment"]["mechanism"], declared["assignment"]["level"]) == ("first_come", "firm")


def test_all_157_firms_and_471_rows_are_accounted_for(result: at.StudyResult, numbers: dict[str, Any]) -> None:
    flow = numbers["flow"]["primary"]
    assert sum(row["units"] for row in flow) == 157
    assert sum(row["rows"] for row in flow) == 471 == numbers["manifest"]["rows"]
    left_out = {row["arm"]: row["units"] for row in flow if row["fate"] == "left out" and row["units"]}
    assert left_out == {"never trained": 66, "trained": 17, "trained later": 20}
    assert result.estimate.n.later == (("1989", 10),)
    assert any("10 units that adopt later (10 in 1989)" in note for note in result.estimate.notes)
