"""What a design could see: the plan from the data or [power], the noise, the money, and go or no-go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf, isfinite, isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.planning.records import DesignPower
from attribution.study.go import GoNoGo, go_no_go
from tests.studies import sales_of

Make = Callable[..., Path]
PLAN = {"trained_clusters": 24, "control_clusters": 36, "sd": 3.0, "autocorrelation": 0.5}


def _review(make: Make, frame: pd.DataFrame | None, changes: Mapping[str, Any] | None = None) -> at.StudyReview:
    return at.review(at.load_design(make(frame, changes)))


def _power(make: Make, frame: pd.DataFrame | None, changes: Mapping[str, Any] | None = None) -> DesignPower:
    return _review(make, frame, changes).powers["primary"]


def _starts(found: DesignPower) -> list[tuple[int | None, int, float]]:
    return [(one.start, one.clusters, one.units) for one in found.plan.cohorts]


def _before(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["month"] < "2026-02"]


def test_the_file_alone_plans_what_power_says(make_study: Make) -> None:
    found = _power(make_study, None, {"power": PLAN | {"waves": ["2026-02", "2026-04"], "source": "a pilot"}})
    assert _starts(found) == [(3, 12, 12.0), (5, 12, 12.0), (None, 36, 36.0)]
    assert (found.plan.baseline, found.plan.followup) == ((0, 1, 2), (3, 4, 5, 6))
    assert (found.plan.source, found.noise.source) == ("[power]: a pilot", "[power]: a pilot")
    assert isfinite(found.analytic.mde)
    # 5,000 for 24 people in 4 months, at 30 an order.
    assert found.break_even == pytest.approx(5000 / (24 * 4 * 30))
    assert found.benefit_at_mde == pytest.approx(found.analytic.mde * 24 * 4 * 30)


def test_the_data_before_the_launch_say_who_and_how_much_it_varies(make_study: Make) -> None:
    found = _power(make_study, _before(sales_of()))
    assert _starts(found) == [(3, 24, 24.0), (None, 36, 36.0)]
    assert found.noise.source.startswith("60 units (person) over 3 periods")
    assert found.plan.labels[-1] == "2026-05"
    assert isfinite(found.analytic.mde)


def test_starts_after_the_data_are_as_their_column_writes_them(make_study: Make) -> None:
    frame = sales_of()
    frame.loc[frame["person"] < "010", "start"] = "2026-04"
    found = _power(make_study, _before(frame))
    assert _starts(found) == [(3, 14, 14.0), (5, 10, 10.0), (None, 36, 36.0)]


def test_who_has_no_kpi_to_compare_is_not_counted_and_said(make_study: Make) -> None:
    frame = sales_of()
    frame.loc[(frame["person"] < "004") & (frame["month"] < "2026-02"), "sales"] = np.nan
    for data in (_before(frame), frame):
        found = _power(make_study, data)
        assert _starts(found) == [(3, 20, 20.0), (None, 36, 36.0)]
        assert any(note.endswith("neither arm of this analysis: 4 of 60 (person)") for note in found.notes)


def test_parts_of_a_cluster_that_start_apart_are_counted_apart_and_said(make_study: Make) -> None:
    frame = sales_of()
    frame["team"] = (frame["person"].astype(int) // 8).astype(str)
    frame.loc[frame["person"].isin(["024", "025"]), "start"] = "2026-02"
    found = _power(make_study, frame, {"columns.cluster": "team"})
    assert found.plan.trained_clusters == 4
    assert sum(one.units for one in found.plan.cohorts) == 60
    assert any("clusters that hold units of several starts or of both arms: 1" in note for note in found.notes)


def test_who_starts_after_the_follow_up_is_compared_unless_controls_are_never_trained(make_study: Make) -> None:
    frame = sales_of()
    frame.loc[frame["person"] >= "050", "start"] = "2026-05"
    early = {"timing.followup": ["2026-02", "2026-03", "2026-04"]}
    assert _starts(_power(make_study, frame, early)) == [(3, 24, 24.0), (None, 36, 36.0)]
    assert _starts(_power(make_study, frame, early | {"analysis.0.controls": "never"}))[-1] == (None, 26, 26.0)


@pytest.mark.parametrize(
    ("power", "said"),
    [
        ({}, "nothing says who is to be trained"),
        ({"sd": 3.0}, "nothing says who is to be trained"),
        ({"trained_clusters": 24, "control_clusters": 36}, "nothing says how much the KPI varies"),
    ],
)
def test_what_is_missing_is_said(make_study: Make, power: dict[str, Any], said: str) -> None:
    review = _review(make_study, None, {"power": power})
    found = review.powers["primary"]
    assert isnan(found.best.mde)
    assert said in found.best.reason
    status = {finding.id: finding for finding in review}
    assert status["power"].status == "warn"
    assert said in status["power"].message
    assert go_no_go(review) == GoNoGo(
        "change", "Change the design first: nobody can say yet what it could see.", (status["power"].message,)
    )


def test_it_is_simulated_with_the_very_estimator_where_asked(make_study: Make) -> None:
    design = at.load_design(make_study(None, {"power": PLAN}))
    one, other = (at.review(design, simulate=60).powers["primary"] for _ in range(2))
    assert one.simulated is not None
    assert other.simulated is not None
    assert one.simulated.mde == other.simulated.mde == one.best.mde
    assert one.simulated.mde == pytest.approx(one.analytic.mde, rel=0.25)  # three Monte Carlo errors of 60 histories


def test_go_where_it_sees_and_pays(make_study: Make) -> None:
    review = _review(make_study, None, {"power": PLAN, "kpi.0.expected_effect": 4.0})
    assert go_no_go(review) == GoNoGo("go", "Go: no gate fails.")


def test_change_where_one_change_is_enough(make_study: Make) -> None:
    seen = _power(make_study, None, {"power": PLAN}).best.mde
    priced = PLAN | {"cost_per_trained_cluster": 200, "cost_per_control_cluster": 1}
    review = _review(
        make_study, None, {"power": priced, "kpi.0.expected_effect": 0.9 * seen, "cost.0.amount": 1, "cost.1.amount": 1,
                           "cost.1.low": 1, "cost.1.high": 1}
    )  # fmt: skip
    decision = go_no_go(review)
    assert decision.verdict == "change"
    first = review.powers["primary"].fixes[0]
    assert (first.name, first.enough) == ("more_untrained", True)
    assert first.words in decision.sentence
    assert f"{first.cost:,.0f} USD" in decision.sentence
    remedy = next(finding.remedy for finding in review if finding.id == "power")
    assert remedy.startswith(f"enough would be: {first.words} (MDE ")
    assert remedy.count("; or ") == 2


def test_a_change_that_is_enough_to_see_does_not_hide_that_another_gate_fails(make_study: Make) -> None:
    seen = _power(make_study, None, {"power": PLAN}).best.mde
    free = {"study.frame": "outcomes", "valuation": None, "cost": None, "finance": None}
    review = _review(make_study, None, free | {"power": PLAN, "kpi.0.expected_effect": 0.9 * seen})
    assert go_no_go(review).sentence.endswith(" would be enough.")
    other = replace(review[0], id="focus", status="fail")
    both = replace(review, findings=(*review.findings, other))
    assert go_no_go(both).sentence.endswith(" would be enough to see what it must; 1 gate more fails.")


def test_no_where_it_cannot_pay_even_if_it_works(make_study: Make) -> None:
    review = _review(make_study, None, {"power": PLAN, "kpi.0.expected_effect": 1.7})
    decision = go_no_go(review)
    assert decision.verdict == "no"
    assert decision.sentence == "No: it cannot pay even if it works."
    assert "cannot pay" in decision.reasons[0]


def test_no_where_no_change_is_enough(make_study: Make) -> None:
    free = {"study.frame": "outcomes", "valuation": None, "cost": None, "finance": None}
    review = _review(make_study, None, free | {"power": PLAN, "kpi.0.expected_effect": 0.01})
    assert go_no_go(review).verdict == "no"
    assert not any(fix.enough for fix in review.powers["primary"].fixes)


def test_no_effect_can_be_worth_more_than_all_of_a_kpi(make_study: Make) -> None:
    changes = {
        "power": PLAN,
        "kpi.0.direction": "lower",
        "kpi.0.scale": "log",
        "valuation": [{"value_of_untrained_level": 30, "source": "a", "approver": "b"}],
    }
    assert _power(make_study, None, changes).break_even == inf


def test_a_waived_gate_does_not_stop_it(make_study: Make) -> None:
    waiver = {"rule": "pays", "reason": "safety", "name": "the board", "expires": "DATE"}
    path = make_study(None, {"power": PLAN, "kpi.0.expected_effect": 1.7, "waiver": [waiver]})
    path.write_text(path.read_text().replace('"DATE"', "2099-01-01"))
    review = at.review(at.load_design(path), as_of=pd.Timestamp("2026-01-15").date())
    assert "pays" not in {finding.id for finding in review.gates_failed}


def test_a_run_says_what_was_planned_without_trying_changes(make_study: Make) -> None:
    result = at.run(at.load_design(make_study(sales_of(), {"kpi.0.expected_effect": 0.01})))
    assert isfinite(result.powers["primary"].analytic.mde)
    assert result.powers["primary"].fixes == ()
