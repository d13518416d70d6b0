"""Rosenbaum's bounds on a cohort of pairs: what is compared, what is refused, what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.cohort import Cohort, Matches
from attribution.errors import MethodError
from attribution.inference.rosenbaum import RosenbaumBounds, pairs_of, rosenbaum
from attribution.numerics.rosenbaum import effect_bounds, p_value_bounds

N = 40


def company(direction: str = "higher", effect: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    twin = rng.normal(20, 3, N)
    sign = 1 if direction == "higher" else -1
    trained = np.repeat([1, 0], N)
    before = np.tile(twin, 2) + rng.normal(0, 0.5, 2 * N)
    after = before + 0.5 + sign * effect * trained + rng.normal(0, 1, 2 * N)
    return pd.DataFrame({"person": range(2 * N), "trained": trained, "before": before, "after": after})


def matches(replacement: bool = False) -> Matches:
    links = np.arange(N)
    sets = None if replacement else np.tile(links, 2).astype(np.int32)
    return Matches(replacement, sets, links, links + N, np.ones(N))


def matched(panel: at.Panel, pairs: Matches | None = None) -> at.Panel:
    return panel.with_cohort(Cohort("pairs", "ATT", np.ones(len(panel.units)), matches=pairs or matches()))


def once(direction: Any = "higher", effect: float = 1.0, **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        company(direction, effect),
        unit="person",
        outcome="after",
        trained="trained",
        direction=direction,
        kind="cross_section",
        **options,
    )


def twice(frame: pd.DataFrame) -> at.Panel:
    long = pd.concat([frame.assign(month=0, kpi=frame["before"]), frame.assign(month=1, kpi=frame["after"])])
    long["start"] = np.where(long["trained"] == 1, 1.0, np.nan)
    return at.Panel.from_frame(long, unit="person", period="month", outcome="kpi", adopted="start")


def test_a_cross_section_compares_the_kpi_of_pairs() -> None:
    frame = company()
    found = rosenbaum(matched(once()), gammas=[1, 2])
    differences = frame["after"].to_numpy()[:N] - frame["after"].to_numpy()[N:]
    assert found.p_high == pytest.approx(p_value_bounds(differences, [1, 2])[1], rel=1e-12)
    assert found.estimate_low == pytest.approx(effect_bounds(differences, [1, 2])[0], rel=1e-12)
    assert found.estimate == found.estimate_low[0]
    assert found.pairs == N
    assert found.alpha == pytest.approx(0.025)


def test_a_panel_compares_the_changes_of_pairs() -> None:
    frame = company()
    found = rosenbaum(matched(twice(frame)), baseline=[0], followup=[1], gammas=[1.5])
    change = (frame["after"] - frame["before"]).to_numpy()
    assert found.p_high == pytest.approx(p_value_bounds(change[:N] - change[N:], [1.5])[1], rel=1e-9)


def test_pairs_without_a_value_are_left_out_and_counted() -> None:
    frame = company()
    frame.loc[[2, N + 2, N + 5], "after"] = np.nan
    found = rosenbaum(matched(twice(frame)), baseline=[0], followup=[1])
    assert found.pairs == N - 2
    assert "2 of 40 pairs are left out" in found.notes[0]


def test_the_direction_says_what_an_improvement_is() -> None:
    lower = rosenbaum(matched(once("lower")))
    assert lower.p_high[0] < 0.05
    assert lower.estimate < 0
    assert rosenbaum(matched(once("lower")), alternative="less").p_high == pytest.approx(lower.p_high, rel=1e-12)
    wrong = rosenbaum(matched(once("lower")), alternative="greater")
    assert wrong.p_low[0] > 0.95
    assert wrong.critical == 1.0
    higher = rosenbaum(matched(once("higher")))
    assert rosenbaum(matched(once("higher")), alternative="greater").critical == higher.critical


def test_what_is_said() -> None:
    found = rosenbaum(matched(twice(company())), baseline=[0], followup=[1])
    assert found.critical > 1.2
    assert "multiplies the odds of being trained by" in found.sentence
    assert found.tidy().columns.tolist() == ["gamma", "p_low", "p_high", "estimate_low", "estimate_high"]
    assert "40 pairs" in found._repr_html_()
    assert "40 pairs" in repr(found)

    def said(critical: float) -> RosenbaumBounds:
        return replace(found, critical=critical)

    assert "even without hidden bias" in said(1.0).sentence
    assert "No hidden bias" in said(float("inf")).sentence
    assert "no effect to undo" in said(float("nan")).sentence


def test_ties_and_few_pairs_are_noted() -> None:
    frame = company().assign(after=lambda one: np.round(one["after"] - one["before"]))
    panel = at.Panel.from_frame(frame, unit="person", outcome="after", trained="trained", kind="cross_section")
    notes = rosenbaum(matched(panel)).notes
    assert "pairs do not differ" in notes[0]
    few = Matches(False, None, np.arange(5), np.arange(5) + N, np.ones(5))
    assert "5 pairs differ: the normal approximation" in rosenbaum(matched(once(), few)).notes[-1]


def test_what_is_no_pairs_is_refused() -> None:
    panel = once()
    double = Matches(False, None, np.repeat(np.arange(20), 2), np.arange(N) + N, np.full(N, 0.5))
    shared = Matches(True, None, np.arange(N), np.full(N, N), np.ones(N))
    strata = Matches(False, None, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    for one, words in (
        (panel, "the panel has no cohort"),
        (panel.with_cohort(Cohort("given", "ATT", np.ones(2 * N))), "given is no matched pairs"),
        *((matched(panel, pairs), "is no matched pairs") for pairs in (double, shared, strata, matches(True))),
    ):
        assert pairs_of(one) is None
        with pytest.raises(MethodError, match=words):
            rosenbaum(one)
    trained, control = pairs_of(matched(panel)) or (None, None)
    assert trained is not None
    assert control is not None
    assert (trained == np.arange(N)).all()
    assert (control == np.arange(N) + N).all()


def test_assignment_by_cluster_is_refused() -> None:
    frame = company().assign(team=lambda one: one["person"] // 4)
    panel = at.Panel.from_frame(
        frame, unit="person", outcome="after", trained="trained", cluster="team", kind="cross_section"
    )
    with pytest.raises(MethodError, match="training was assigned by team, 20 of them with 80 matched units"):
        rosenbaum(matched(panel))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gammas": []}, "gammas are"),
        ({"gammas": [0.5]}, "gammas are"),
        ({"gammas": [np.inf]}, "gammas are"),
        ({"level": 0.0}, "level is"),
        ({"alternative": "two"}, "alternative is 'two'"),
        ({"step": 0.0}, "step is"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(MethodError, match=words) as caught:
        rosenbaum(matched(once()), **options)
    assert caught.value.remedy
