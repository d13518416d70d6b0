"""The contract of `did` under its options: covariates, cross-sections, several windows, as assigned.

Each option keeps the one idea: the estimate is its map at ones, its influence the derivative there, and the map redoes
every estimated step.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import Estimate
from attribution.numerics.pairs import Adjust

Floats = NDArray[np.float64]

BASELINE, FOLLOWUP, PERIODS = [0, 1, 2], [3, 4, 5], 6
TEAMS, PER_TEAM = 14, 6

SHAPES: dict[str, dict[str, Any]] = {
    "complete": {},
    "incomplete": {"holes": 0.25},
    "unit clusters, incomplete": {"cluster": False, "holes": 0.25},
    "several mixed clusters, incomplete": {"mixed": 4, "holes": 0.25},
    "cross-sections": {"crossed": True},
    "cross-sections, unit clusters": {"crossed": True, "cluster": False},
    "cross-sections, mixed clusters": {"crossed": True, "mixed": 4},
}

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    **{rule: {"covariates": ["age", "site"], "adjust": rule} for rule in get_args(Adjust)},
    "windows": {"followup": [[3, 4], [5]]},
    "windows, doubly robust": {"followup": [[3, 4], [5]], "covariates": ["age"]},
    "as assigned": {"as_assigned": True},
    "as assigned, regression": {"as_assigned": True, "covariates": ["age"], "adjust": "regression"},
    "washout and anticipation": {"baseline": [0, 1], "followup": [4, 5], "washout": 1, "anticipation": 1},
}


def frame(*, holes: float = 0.0, mixed: int = 0, **_: Any) -> pd.DataFrame:
    """Return six teams trained in period 3, eight not, with covariates that both arms share, weights and holes."""
    rng = np.random.default_rng(17)
    n = TEAMS * PER_TEAM
    team = np.repeat(np.arange(TEAMS), PER_TEAM)
    trained = team < 6
    for one in range(mixed):
        trained[np.flatnonzero(team == 5 - one)[:2]] = False
    age = rng.normal(40, 6, n) + 2.0 * trained
    level = rng.normal(50, 5, TEAMS)[team] + 0.3 * age
    unit, period = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    kpi = level[unit] + rng.normal(0, 4, PERIODS)[period] + rng.normal(0, 2, n * PERIODS)
    kpi += (3 * trained + 0.1 * age)[unit] * (period >= 3)
    rows = pd.DataFrame(
        {
            "person": unit,
            "month": period,
            "kpi": kpi,
            "start": np.where(trained[unit], 3.0, np.nan),
            "team": team[unit],
            "weight": rng.uniform(0.5, 3.0, n)[unit],
            "age": age[unit],
            "site": np.array(list("ab"))[rng.integers(0, 2, n)][unit],
            "assigned": (trained ^ (np.arange(n) % 9 == 0)).astype(int)[unit],
        }
    )
    if holes:
        rows = rows[rng.random(len(rows)) > holes]
    return rows


def build(rows: pd.DataFrame, *, cluster: bool = True, crossed: bool = False, **_: Any) -> at.Panel:
    return at.Panel.from_frame(
        rows,
        unit=None if crossed else "person",
        period="month",
        outcome="kpi",
        adopted="start",
        cluster="team" if cluster else None,
        weight="weight",
        assigned="assigned",
        covariates=["age", "site"],
        kind="repeated_cross_sections" if crossed else "panel",
    )


def run(panel: at.Panel, option: str) -> Estimate:
    return at.did(panel, **({"baseline": BASELINE, "followup": FOLLOWUP} | OPTIONS[option]))


@pytest.fixture(scope="module", params=list(product(SHAPES, OPTIONS)), ids=" | ".join)
def case(request: pytest.FixtureRequest) -> tuple[Estimate, at.Panel]:
    shape, option = request.param
    panel = build(frame(**SHAPES[shape]), **SHAPES[shape])
    return run(panel, option), panel


def scale_of(estimate: Estimate) -> float:
    return max(abs(end) for end in estimate.outcome_range)


def test_the_estimate_is_its_map_at_ones_and_its_influence_the_derivative(case: tuple[Estimate, at.Panel]) -> None:
    estimate, _ = case
    assert estimate.replay is not None
    n_clusters, scale = len(estimate.strata), scale_of(estimate)
    ones = np.ones((1, n_clusters))
    assert np.isfinite(estimate.values).all()
    assert np.abs(estimate.replay(np.ones((7, n_clusters))) - estimate.values).max() <= 1e-12 * scale
    # A step for each cluster in turn would refit every propensity twice as often as there are clusters.
    chosen = np.arange(n_clusters) if n_clusters <= 60 else np.arange(0, n_clusters, n_clusters // 30)
    step = 1e-4
    moved = step * np.eye(n_clusters)[chosen]
    derivative = (estimate.replay(ones + moved) - estimate.replay(ones - moved)) / (2 * step)
    error = np.array([estimate.std_error(term) for term in estimate.terms])
    assert (np.abs(derivative - estimate.cluster_influence()[chosen]) / error).max() <= 1e-6
    assert np.abs(estimate.influence.sum(axis=0)).max() <= 1e-10 * scale


def test_weights_that_empty_an_arm_give_a_row_of_nan_and_no_other(case: tuple[Estimate, at.Panel]) -> None:
    estimate, panel = case
    assert estimate.replay is not None
    ones = np.ones(len(estimate.strata))
    by = panel.units.assigned == 1 if estimate.estimand == "ITT" else panel.units.adopted == 3
    rows = [ones]
    for arm in (by, ~by):
        emptied = ones.copy()
        emptied[np.unique(estimate.clusters[(estimate.clusters >= 0) & arm])] = 0.0
        rows.append(emptied)
    found = estimate.replay(np.array([*rows, ones]))
    assert np.isfinite(found[[0, 3]]).all()
    assert np.isnan(found[1:3]).all()


def test_a_weight_of_two_is_a_cluster_seen_twice(case: tuple[Estimate, at.Panel], request: Any) -> None:
    estimate, panel = case
    assert estimate.replay is not None
    doubled = np.ones(len(estimate.strata))
    doubled[[0, 3]] = 2.0
    weight = np.where(estimate.clusters >= 0, doubled[estimate.clusters], 1.0) * panel.units.weight
    again = run(replace(panel, units=replace(panel.units, weight=weight)), request.node.callspec.params["case"][1])
    # A refitted propensity stops within 1e-14 of its end, wherever it starts from.
    assert estimate.replay(doubled[None])[0] == pytest.approx(again.values, abs=1e-10 * scale_of(estimate))


def test_a_cluster_left_out_is_the_estimate_without_it(case: tuple[Estimate, at.Panel], request: Any) -> None:
    estimate, panel = case
    assert estimate.replay is not None
    option, n_clusters = request.node.callspec.params["case"][1], len(estimate.strata)
    # All teams; where each row is a cluster, a few of them.
    chosen = np.arange(n_clusters) if n_clusters <= 60 else np.array([0, n_clusters // 2, n_clusters - 1])
    left_out = []
    for cluster in chosen:
        weight = np.where(estimate.clusters == cluster, 0.0, panel.units.weight)
        left_out.append(run(replace(panel, units=replace(panel.units, weight=weight)), option).values)
    weights = np.ones((len(chosen), n_clusters))
    weights[np.arange(len(chosen)), chosen] = 0.0
    assert estimate.replay(weights) == pytest.approx(np.array(left_out), abs=1e-10 * scale_of(estimate))
    if len(chosen) < n_clusters:
        return
    deviations = np.array(left_out) - estimate.values
    for stratum in range(len(estimate.stratum_names)):
        mine = deviations[estimate.strata == stratum]
        expected = (len(mine) - 1) / len(mine) * mine.T @ mine
        assert estimate.covariance[stratum] == pytest.approx(expected, rel=1e-6, abs=1e-10)


def test_the_record_is_picklable_and_computes_the_same(case: tuple[Estimate, at.Panel]) -> None:
    estimate, _ = case
    written = pickle.dumps(estimate)
    copy: Estimate = pickle.loads(written)
    assert b"pandas" not in written
    assert copy.replay is not None
    assert estimate.replay is not None
    weights = np.random.default_rng(0).poisson(2.0, (5, len(estimate.strata))) + 1.0
    assert (copy.replay(weights) == estimate.replay(weights)).all()


def test_row_order_changes_no_bit(case: tuple[Estimate, at.Panel], request: Any) -> None:
    estimate, _ = case
    shape, option = request.node.callspec.params["case"]
    rows = frame(**SHAPES[shape]).sample(frac=1, random_state=2)
    again = run(build(rows, **SHAPES[shape]), option)
    assert (again.values == estimate.values).all()
    assert (again.covariance == estimate.covariance).all()
    assert again.n.tidy().equals(estimate.n.tidy())


def test_every_row_and_unit_is_counted_once(case: tuple[Estimate, at.Panel]) -> None:
    estimate, panel = case
    tidy = estimate.n.tidy()
    assert tidy["units"].sum() == panel.counts.units
    assert tidy["rows"].sum() == panel.counts.rows


def test_effect_and_background_make_the_change(case: tuple[Estimate, at.Panel]) -> None:
    estimate, _ = case
    found = {term: estimate.value(term) for term in estimate.terms}
    for suffix in ("", "[window=1]", "[window=2]"):
        if f"effect{suffix}" in found:
            total = found[f"effect{suffix}"] + found[f"background{suffix}"]
            assert found[f"change{suffix}"] == pytest.approx(total, abs=1e-10)
