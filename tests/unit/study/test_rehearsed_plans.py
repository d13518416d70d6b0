"""What is rehearsed of a plan: clusters by their start, from the data or the design, and data of other kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.study.link import link
from attribution.study.planned import planned
from attribution.study.rehearse import rehearse
from attribution.study.sources import read

MONTHS = [str(month) for month in pd.period_range("2024-01", periods=24, freq="M")]
AFTER = [str(month) for month in pd.period_range("2026-01", periods=4, freq="M")]


def history(starts: Any, *, people: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "person": np.repeat([f"{number:03d}" for number in range(people)], 24),
            "month": np.tile(MONTHS, people),
            "start": np.repeat(np.asarray(starts, dtype=object), 24),
            "sales": rng.normal(20, 1, people * 24),
        }
    )


BEFORE = {"timing.launch": AFTER[0], "timing.baseline": MONTHS[-3:], "timing.followup": AFTER, "inference.draws": 99}


def plan_of(path: Path) -> Any:
    design = at.load_design(path)
    source = read(design)
    linked = link(design, source, None)
    return planned(design, design.analysis[0], linked, source)


def test_the_data_say_who_starts_when(make_study: Callable[..., Path]) -> None:
    starts = [AFTER[0]] * 6 + [AFTER[2]] * 4 + ["2026-09"] * 5 + [None] * 15
    found = plan_of(make_study(history(starts), BEFORE))
    assert (found.end, found.places.first) == (24, 21)
    assert found.plan.baseline == (0, 1, 2)
    assert found.plan.followup == (3, 4, 5, 6)
    # Who starts after the follow-up is not trained by its end.
    assert [(one.start, one.clusters) for one in found.plan.trained] == [(3, 6), (5, 4)]
    assert found.plan.control_clusters == 20
    assert found.plan.source == "the data, column start"


def test_the_design_says_it_where_the_data_do_not(make_study: Callable[..., Path]) -> None:
    power = {"trained_clusters": 7, "control_clusters": 11, "waves": [AFTER[0], AFTER[1]]}
    found = plan_of(make_study(history([None] * 30), BEFORE | {"power": power}))
    assert [(one.start, one.clusters) for one in found.plan.trained] == [(3, 4), (4, 3)]
    assert found.plan.control_clusters == 11
    assert found.plan.source.startswith("[power]")


def test_a_share_that_is_picked_is_of_all_clusters(make_study: Callable[..., Path]) -> None:
    changes = BEFORE | {"assignment.mechanism": "threshold", "assignment.selected_share": 0.2}
    found = plan_of(make_study(history([None] * 30), changes))
    assert (found.plan.trained_clusters, found.plan.control_clusters) == (6, 24)


def test_a_series_is_launched_on_other_dates(make_study: Callable[..., Path]) -> None:
    rng = np.random.default_rng(2)
    months = [str(month) for month in pd.period_range("2022-01", periods=48, freq="M")]
    frame = pd.DataFrame({"month": months, "start": AFTER[0], "sales": 100 + rng.normal(size=48)})
    changes = BEFORE | {
        "timing.baseline": months[-20:], "data.kind": "series", "columns.unit": None, "analysis.0.method": "trend",
        "assignment.mechanism": "manager", "study.frame": "outcomes", "valuation": None, "cost": None, "finance": None,
    }  # fmt: skip
    found = rehearse(at.load_design(make_study(frame, changes)), rehearsals=25, effects=[5.0])
    assert found.arms == (1, 0)
    assert len(found.launches) == 25
    assert found.measure("power", 5.0).value > 0.9
    assert not found.problems


def test_other_people_in_every_period_are_drawn_by_their_team(make_study: Callable[..., Path]) -> None:
    rng = np.random.default_rng(3)
    team = np.repeat(np.arange(20), 24 * 5)
    frame = pd.DataFrame(
        {
            "team": [f"t{number:02d}" for number in team],
            "month": np.tile(np.repeat(MONTHS, 5), 20),
            "start": np.where(team < 8, AFTER[0], None),
            "sales": rng.normal(20, 1, len(team)),
        }
    )
    changes = BEFORE | {
        "data.kind": "repeated_cross_sections", "columns.unit": None, "columns.cluster": "team",
        "assignment.mechanism": "random",
    }  # fmt: skip
    found = rehearse(at.load_design(make_study(frame, changes)), rehearsals=18, effects=[1.0])
    assert found.arms == (8, 12)
    assert not found.problems
    assert found.measure("bias", 1.0).value == pytest.approx(0.0, abs=0.1)
