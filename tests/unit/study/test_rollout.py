"""A rollout planned: constraints hold, one seed gives one draw, and what was drawn sees what the calendar promises."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import DataError, MethodError, OutputError
from attribution.planning.simulated import simulated_mde
from attribution.planning.skeleton import apply_method
from attribution.report.rollout_write import write_rollout
from attribution.study.power import noise_over
from attribution.study.rollout import plan_rollout

MONTHS = [str(month) for month in pd.period_range("2025-01", periods=12, freq="M")]
AFTER = [str(month) for month in pd.period_range("2026-01", periods=6, freq="M")]
TEAMS = [f"t{number:02d}" for number in range(24)]


def history(teams: int = 24, people: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    team = np.repeat(np.arange(teams), people * 12)
    kpi = 20 + rng.normal(0, 1, teams)[team] + rng.normal(0, 1, len(team))
    return pd.DataFrame(
        {
            "person": np.repeat([f"p{number:03d}" for number in range(teams * people)], 12),
            "team": [TEAMS[number] for number in team],
            "site": np.array(["north", "south", "west"])[team % 3],
            "month": np.tile(MONTHS, teams * people),
            "start": None,
            "sales": kpi,
        }
    )


@pytest.fixture
def design(make_study: Callable[..., Path]) -> Any:
    changes = {
        "columns.cluster": "team", "columns.groups": ["site"], "timing.launch": AFTER[0],
        "timing.baseline": MONTHS[-6:], "timing.followup": AFTER, "assignment.mechanism": "random",
    }  # fmt: skip
    return at.load_design(make_study(history(), changes))


def test_the_assignment_keeps_to_every_constraint(design: Any) -> None:
    found = plan_rollout(
        design,
        capacity=6,
        first=["t05", "t01"],
        together=[["t02", "t03"], ["t10", "t11", "t12"]],
        holdback=4,
        by="site",
    )
    table = found.assignment().set_index("team")
    assert list(table.index) == TEAMS
    # Those who go first do so in the launch, alone, and are not drawn.
    assert table.loc[["t01", "t05"], "start"].tolist() == [AFTER[0]] * 2
    assert table.index[~table["randomised"]].tolist() == ["t01", "t05"]
    drawn = table[table["randomised"]]
    assert (drawn["start"] != AFTER[0]).all()
    assert drawn["start"].value_counts().drop("", errors="ignore").max() <= 6
    for group in (["t02", "t03"], ["t10", "t11", "t12"]):
        assert drawn.loc[group, ["wave", "start"]].drop_duplicates().shape[0] == 1
    # Four units of assignment are held back, a group counting as one.
    assert found.chosen.holdback == 4
    assert sum(found.chosen.counts) + 4 == 24 - 2 - 1 - 2
    assert any("go first by choice" in note for note in found.notes)
    assert any("name as cluster a column" in note for note in found.notes)


@pytest.mark.parametrize(("capacity", "holdback"), [(4, 0), (4, 8), (7, 3), (12, 1)])
def test_whatever_can_be_done_is_done_within_the_limits(design: Any, capacity: int, holdback: int) -> None:
    table = plan_rollout(design, capacity=capacity, holdback=holdback).assignment()
    starts = table["start"][table["start"] != ""].value_counts()
    assert starts.max() <= capacity
    assert int((table["start"] == "").sum()) == holdback
    assert set(starts.index) <= set(AFTER)


def test_one_seed_gives_one_draw_and_another_seed_another(design: Any) -> None:
    one, same, other = (plan_rollout(design, capacity=8, seed=seed) for seed in (3, 3, 4))
    assert one.assignment().equals(same.assignment())
    assert not one.assignment().equals(other.assignment())
    assert one.tidy().equals(other.tidy())


def test_the_draw_is_balanced_within_the_sites(design: Any) -> None:
    found = plan_rollout(design, capacity=12, by="site", periods=2)
    table = found.assignment()
    spread = pd.crosstab(table["stratum"], table["wave"])
    assert (spread.max(axis=1) - spread.min(axis=1)).max() <= 2
    assert len(found.baselines) == len(found.chosen.counts)


def test_the_chosen_calendar_sees_by_simulation_what_it_promises(design: Any) -> None:
    found = plan_rollout(design, capacity=12, holdback=8)
    plan = found.chosen.plan
    noise = noise_over(design, design.primary[0], _linked_of(design), end=12, alone=False)(plan.span)
    tried = simulated_mde(plan, noise, estimate=partial(apply_method, plan), replications=400, seed=1)
    # 400 histories: the MDE's own Monte Carlo error is about 5%.
    assert tried.mde == pytest.approx(found.chosen.mde.mde, rel=0.15)
    # And it is smaller than that of the worst calendar that the same capacity allows.
    worst = max(one.mde.mde for one in found.calendars if np.isfinite(one.mde.mde))
    assert found.chosen.mde.mde < worst


def _linked_of(design: Any) -> Any:
    from attribution.study.link import link
    from attribution.study.sources import read

    return link(design, read(design), None)


def test_teams_may_come_from_a_file_and_the_noise_from_the_design(
    make_study: Callable[..., Path], tmp_path: Path
) -> None:
    changes = {
        "columns.cluster": "team", "timing.launch": AFTER[0], "timing.baseline": MONTHS[-6:], "timing.followup": AFTER,
        "power": {"sd": 2.0, "icc": 0.2, "autocorrelation": 0.6},
    }  # fmt: skip
    alone = at.load_design(make_study(None, changes))
    with pytest.raises(DataError, match="there are no data yet that hold the teams"):
        plan_rollout(alone, capacity=4)
    path = tmp_path / "teams.csv"
    path.write_text("team,units,stratum\n" + "".join(f"t{n},{5 + n},s{n % 2}\n" for n in range(12)), encoding="utf-8")
    found = plan_rollout(alone, capacity=6, teams=path)
    assert len(found.teams) == 12
    assert sorted({one.stratum for one in found.teams}) == ["s0", "s1"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,units\na,1\n", "missing column 'team'"),
        ("team,units\na,1\na,2\n", "teams that stand twice: 1, for example 'a'"),
        ("team,units\na,1\nb,none\n", "rows without a team or a number of units above 0: 1, first row 3"),
        ("", "not a readable CSV file"),
    ],
)
def test_a_file_that_is_no_list_of_teams_is_refused(design: Any, text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "teams.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        plan_rollout(design, capacity=4, teams=path)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"capacity": 3}, "capacity 3 × 6 periods = 18 < 24 teams to train"),
        ({"capacity": 0}, "capacity is 0"),
        ({"capacity": 6, "first": ["nobody"]}, "there is no team 'nobody'"),
        ({"capacity": 2, "first": TEAMS[:12]}, "12 teams that go first fill all of the 6 periods"),
        ({"capacity": 6, "together": [["t01", "t02"], ["t02", "t03"]]}, "'t02' is in two groups"),
        ({"capacity": 6, "first": ["t01"], "together": [["t01", "t02"]]}, "'t01' is no team to be drawn"),
        ({"capacity": 6, "by": "shift"}, "'shift' is no column of groups"),
        ({"capacity": 4, "together": [TEAMS[:5]]}, "do not fit: no draw"),
    ],
    ids=str,
)
def test_a_conflict_is_named(design: Any, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(MethodError, match=says):
        plan_rollout(design, **asked)


def test_the_draw_is_written_once(design: Any, tmp_path: Path) -> None:
    found = plan_rollout(design, capacity=8)
    path, record = write_rollout(found, tmp_path / "a.csv", design_digest="x")
    table = pd.read_csv(path)
    assert table["start"].tolist() == [one.start for one in found.teams]
    kept = json.loads(record.read_text(encoding="utf-8"))
    assert (kept["seed"], kept["chosen"], len(kept["calendars"])) == (
        found.seed,
        found.chosen.name,
        len(found.calendars),
    )
    with pytest.raises(OutputError, match="not written over"):
        write_rollout(found, tmp_path / "a.csv", design_digest="x")
    with pytest.raises(OutputError, match=r"written as \.csv"):
        write_rollout(found, tmp_path / "a.txt", design_digest="x")


def test_the_assignment_is_the_design_s_column_of_adoption(design: Any, make_study: Callable[..., Path]) -> None:
    found = plan_rollout(design, capacity=12, holdback=8)
    starts = {one.team: one.start or None for one in found.teams}
    frame = history().assign(start=lambda rows: rows["team"].map(starts))
    changes = {
        "columns.cluster": "team", "timing.launch": AFTER[0], "timing.baseline": MONTHS[-6:], "timing.followup": AFTER,
        "assignment.mechanism": "random", "analysis.0.method": found.chosen.plan.method,
    }  # fmt: skip
    review = at.review(at.load_design(make_study(frame, changes)))
    planned = review.powers["primary"]
    assert review.stage == "history"
    assert planned.plan.trained_clusters == 16
    assert planned.plan.control_clusters == 8


def test_in_a_notebook_it_shows_calendars_and_teams(design: Any) -> None:
    shown = plan_rollout(design, capacity=8)._repr_html_()
    assert "as drawn" in shown
    assert "t07" in shown
