"""What a study could see, in the notebook: who is planned, from the panel or by number, and how it shows itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.planning.power import power
from attribution.planning.sizes import sizes_like, sizes_of


def panel(trained: int | None = 12, clusters: int = 30, kind: Any = "panel") -> at.Panel:
    rng = np.random.default_rng(3)
    people = np.arange(clusters) % 3 + 2
    rows = []
    for team in range(clusters):
        shared = rng.normal(size=10)
        start = 8.0 if trained is not None and team < trained else np.nan
        for person in range(people[team]):
            for month, value in enumerate(50 + shared + rng.normal(size=10)):
                rows.append((f"{team}/{person}", team, month, value, start))
    frame = pd.DataFrame(rows, columns=["person", "team", "month", "sales", "start"])
    unit = None if kind == "repeated_cross_sections" else "person"
    return at.Panel.from_frame(
        frame, unit=unit, cluster="team", period="month", outcome="sales", adopted="start", kind=kind
    )


def test_a_panel_that_knows_who_is_trained_is_the_plan() -> None:
    found = power(panel(), baseline=4, followup=3)
    assert (found.plan.trained_clusters, found.plan.control_clusters) == (12, 18)
    assert sorted(found.plan.cohorts[0].sizes.tolist()) == sorted((np.arange(12) % 3 + 2.0).tolist())
    assert found.plan.baseline == (0, 1, 2, 3)
    assert found.plan.followup == (4, 5, 6)
    assert found.plan.source == "the panel's clusters"
    assert found.mde == found.analytic.mde > 0
    assert found.noise.level == pytest.approx(50, abs=0.5)


def test_without_training_half_of_the_clusters_are_planned() -> None:
    found = power(panel(None), baseline=2, followup=2)
    assert (found.plan.trained_clusters, found.plan.control_clusters) == (15, 15)
    assert found.plan.source == "half of the panel's clusters in each arm"


def test_more_clusters_and_periods_see_less() -> None:
    one = power(panel(), baseline=3, followup=3, trained_clusters=20, control_clusters=20)
    more = power(panel(), baseline=3, followup=3, trained_clusters=80, control_clusters=80)
    longer = power(panel(), baseline=3, followup=6, trained_clusters=20, control_clusters=20)
    assert more.mde == pytest.approx(one.mde / 2, rel=0.05)
    assert longer.mde < one.mde
    assert power(panel(), baseline=3, followup=3, power=0.9).mde > power(panel(), baseline=3, followup=3).mde


def test_waves_start_one_after_the_other() -> None:
    found = power(panel(), "staggered", baseline=3, followup=4, waves=3, options={"controls": "never"})
    assert [one.start for one in found.plan.cohorts] == [3, 4, 5, None]
    assert found.plan.trained_clusters == 12
    assert found.plan.options == {"controls": "never"}


def test_simulation_tries_the_very_test_and_is_what_counts() -> None:
    found = power(panel(), baseline=2, followup=2, simulate=60, seed=4)
    assert found.simulated is not None
    assert found.best is found.simulated
    assert found.simulated.replications == 60
    table = found.tidy()
    assert list(table["how"]) == ["analytic", "simulated"]
    assert table["percent_of_baseline"].iloc[0] == pytest.approx(100 * found.analytic.mde / found.noise.level)
    assert found.power_at(found.mde) == pytest.approx(0.8, abs=0.02)
    assert list(found.curve().columns) == ["effect", "power"]


@pytest.mark.parametrize("method", ["trend", "synthetic"])
def test_methods_by_simulation_only_say_so(method: str) -> None:
    found = power(panel(), method, baseline=9, followup=3)
    assert np.isnan(found.mde)
    assert "only simulation" in found.tidy()["reason"].iloc[0]
    assert found.curve()["effect"].isna().all()


def test_other_people_in_every_period_are_counted_by_period() -> None:
    found = power(panel(kind="repeated_cross_sections"), baseline=2, followup=2)
    assert sorted(set(np.concatenate([one.sizes for one in found.plan.cohorts]))) == [2.0, 3.0, 4.0]


def test_the_record_shows_itself_with_what_it_rests_on() -> None:
    found = power(panel(), baseline=2, followup=2)
    assert repr(found).startswith("Power('did' on 'sales': MDE ")
    assert "12 clusters trained and 18 not, periods before and after: 2 and 2" in repr(found)
    page = found._repr_html_()
    assert "30 clusters (team) of 90 units (person) over 10 periods, 0 to 9" in page
    assert "<table>" in page


@pytest.mark.parametrize(
    "given",
    [{"baseline": 0}, {"followup": 1.5}, {"waves": 0}, {"trained_clusters": 0}, {"control_clusters": -1}, {"waves": 9}],
)
def test_numbers_that_are_no_counts_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(MethodError, match=next(iter(given))):
        power(panel(), **given)


def test_a_plan_without_comparison_is_refused_by_the_method() -> None:
    with pytest.raises(MethodError):
        power(panel(), baseline=2, followup=2, control_clusters=0)
    assert power(panel(), "prepost", baseline=2, followup=2, control_clusters=0).mde > 0


def test_only_a_panel_has_a_history() -> None:
    with pytest.raises(MethodError, match="not a Panel"):
        power(pd.DataFrame())


def test_parts_of_a_panel_have_the_units_of_one_period() -> None:
    # Two people of team 0 and three of team 1 a month; team 2 in no part.
    part = np.array([0, 1, -1])
    whole, others = panel(clusters=3), panel(clusters=3, kind="repeated_cross_sections")
    for one in (whole, others):
        assert sizes_of(one, part[one.units.cluster], 2).tolist() == [2.0, 3.0]
    # A part that is seen in nine of its periods once less often is its mean.
    assert sizes_of(others, np.where(np.arange(len(others.units)) == 0, -1, 0), 1)[0] == pytest.approx(89 / 10)


def test_sizes_keep_their_spread() -> None:
    sizes = np.array([3.0, 5.0, 40.0])
    assert sizes_like(sizes, 3).tolist() == sizes.tolist()
    assert sizes_like(sizes, 1).tolist() == [5.0]
    assert (sizes_like(sizes, 9)[[0, -1]]).tolist() == [3.0, 40.0]
