"""The studies of rollouts: their files are sound, they run, and what they say of their data is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.datasets.jobtraining import jobtraining
from attribution.datasets.rollout import rollout, rollout_truth
from attribution.finance.costs import CATEGORIES
from attribution.report.claims import compile_claim
from attribution.report.html import render

DESIGNS = Path(__file__).parents[3] / "designs"


@pytest.fixture(scope="module")
def support() -> at.StudyResult:
    # Fewer draws than the study's own: no number but those of the money rests on them.
    design = at.load_design(DESIGNS / "support-rollout.toml")
    return at.run(design.model_copy(update={"inference": design.inference.model_copy(update={"draws": 199})}))


@pytest.fixture(scope="module")
def michigan() -> at.StudyResult:
    return at.run(at.load_design(DESIGNS / "michigan-rollout.toml"))


def _true_effect() -> float:
    """Return the true effect of the simulated company, each month of a wave weighted by its teams of twelve."""
    truth = rollout_truth()
    return float(np.average(truth["effect"], weights=truth["teams"]))


def test_the_simulated_study_finds_its_known_truth_and_the_others_do_not(support: at.StudyResult) -> None:
    truth = _true_effect()
    assert truth in support.estimate.interval(0.95)
    assert support.estimate.value("effect") == pytest.approx(truth, abs=0.1)
    # Without tenure and shift the effect is overstated.
    assert truth not in support.estimates["plain-path"].interval(0.95)
    assert support.estimates["plain-path"].value("effect") < truth
    assert [(name, one.method) for name, one in support.estimates.items()] == [
        ("primary", "staggered"), ("path", "staggered"), ("never", "staggered"), ("plain-path", "event_study"),
        ("two-way", "twfe"),
    ]  # fmt: skip


def test_the_simulated_study_says_so_and_prices_its_exposure(support: at.StudyResult) -> None:
    claim = compile_claim(support)
    page = render(support, claim)
    assert "(simulated)" in page[: page.index("</h1>")]
    assert "Money inputs are illustrative: no published source, no approver." in claim.banner
    assert "The company, its people and its money are simulated" in page
    assert (claim.grade, claim.grade_reason) == ("C", "failed: baseline equivalence")
    assert support.roi is not None
    # 84, 84, 72, 72 and 60 agents for 16, 14, 12, 9 and 6 months.
    assert support.roi.plan.unit_periods == 84 * 16 + 84 * 14 + 72 * 12 + 72 * 9 + 60 * 6
    assert support.roi.plan.exposure[0] == 84
    assert (support.roi.plan.units, support.roi.trained_in_window) == (372, 372)


def test_the_simulated_costs_and_limits_state_what_the_data_hold(support: at.StudyResult) -> None:
    design = support.design
    assert [cost.category for cost in design.cost] == list(CATEGORIES)
    assert all(cost.illustrative for cost in design.cost)
    amounts = {cost.category: cost.amount for cost in design.cost}
    assert (amounts["license"], amounts["manager_time"], amounts["learner_time"]) == (
        200 * 372,
        50 * 372,
        24 * 30 * 372,
    )
    assert design.valuation[0].value_per_unit == 380 * 0.50
    frame = rollout()
    teams = frame.groupby("team")["training_start"].first()
    assert (len(teams), int(teams.isna().sum())) == (40, 9)
    assert sorted(teams.dropna().unique()) == ["2024-09", "2024-11", "2025-01", "2025-04", "2025-07"]
    tenure = frame.groupby("training_start")["tenure"].mean()
    assert tenure.iloc[0] < tenure.iloc[-1] < frame.loc[frame["training_start"].isna(), "tenure"].mean()


def test_the_michigan_rollout_by_hand(michigan: at.StudyResult) -> None:
    frame = jobtraining()
    wide = frame.pivot_table(index="fcode", columns="year", values="lscrap").dropna()
    start = frame[frame.grant == 1].groupby("fcode").year.min().reindex(wide.index)
    first, second, never = wide[start == 1988], wide[start == 1989], wide[start.isna()]
    assert (len(wide), len(first), len(second), len(never)) == (54, 19, 10, 25)
    assert any(
        "54 of 157 firms: 19 with a grant of 1988, 10 with one of 1989, 25" in text
        for text in michigan.design.limits.text
    )

    def change(rows: pd.DataFrame, after: int, before: int) -> float:
        return float((rows[after] - rows[before]).mean())

    waiting = pd.concat([second, never])
    cells = [
        (19, change(first, 1988, 1987) - change(waiting, 1988, 1987)),
        (19, change(first, 1989, 1987) - change(never, 1989, 1987)),
        (10, change(second, 1989, 1988) - change(never, 1989, 1988)),
    ]
    by_hand = sum(units * effect for units, effect in cells) / 48
    assert michigan.estimate.value("effect") == pytest.approx(by_hand, abs=1e-10)
    assert michigan.estimate.n.exposure == (19, 29)
    never_only = michigan.estimates["never"].value("effect")
    assert never_only == pytest.approx(michigan.estimates["path"].value("effect"), abs=1e-10)


def test_the_michigan_rollout_claims_no_more_than_its_data(michigan: at.StudyResult) -> None:
    claim = compile_claim(michigan)
    assert (claim.grade, claim.verdict) == ("C", "cannot_tell")
    assert claim.sentence.startswith(
        "We cannot tell whether Michigan job-training grants changed the scrap rate, which averaged"
    )
    assert michigan.roi is None
    status = {finding.id: finding.status for finding in michigan.findings}
    assert (status["baseline_equivalence"], status["pre_trends"], status["trend_breakdown"]) == ("fail", "warn", "warn")
    render(michigan, claim)
