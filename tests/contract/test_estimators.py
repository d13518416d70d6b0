"""The contract of every registered estimator: an estimate is a map of weights, small, picklable, and shows itself.

A new line in `registry.ESTIMATORS` is picked up here without a change.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.core.cohort import Cohort
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.errors import MethodError
from attribution.registry import ESTIMATORS, load, options

Floats = NDArray[np.float64]

LAUNCH, PERIODS = 10, 13
BASELINE, FOLLOWUP = list(range(LAUNCH)), [LAUNCH, LAUNCH + 1]
TEAMS, PER_TEAM = 14, 5
TIDY = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]

SHAPES = {
    "complete": {},
    "incomplete": {"holes": 0.25},
    "unit clusters": {"cluster": False},
    "unit clusters, incomplete": {"cluster": False, "holes": 0.25},
    "several mixed clusters": {"mixed": 4},
    "several mixed clusters, incomplete": {"mixed": 4, "holes": 0.25},
    "a lone mixed cluster": {"mixed": 1},
    "a lone mixed cluster, incomplete": {"mixed": 1, "holes": 0.25},
    "unit weights": {"weights": True},
    "unit weights, incomplete": {"weights": True, "holes": 0.25},
    "a unit and a cluster of weight 0": {"weights": True, "zero": True},
    "a unit and a cluster of weight 0, incomplete": {"weights": True, "zero": True, "holes": 0.25},
}
COHORTS = ("no cohort", "fixed weights")

REFUSED = {
    ("synthetic", "several mixed clusters"): "hold units of several arms",
    ("synthetic", "several mixed clusters, incomplete"): "hold units of several arms",
    ("synthetic", "a lone mixed cluster"): "hold units of several arms",
    ("synthetic", "a lone mixed cluster, incomplete"): "hold units of several arms",
    ("synthetic", "unit clusters, incomplete"): "lack a KPI value in a period",
}
"""What a method says of a shape it cannot use; every other combination is run."""


def frame(
    *, cluster: bool = True, holes: float = 0.0, mixed: int = 0, weights: bool = False, zero: bool = False
) -> Any:
    """Return six teams trained at the launch, eight not, five people a team; and the defect asked for."""
    rng = np.random.default_rng(17)
    n = TEAMS * PER_TEAM
    team = np.repeat(np.arange(TEAMS), PER_TEAM)
    trained = team < 6
    for one in range(mixed):
        members = np.flatnonzero(team == 5 - one)
        trained[members[:2]] = False
    weight = rng.uniform(0.5, 3.0, n) if weights else np.ones(n)
    if zero:
        weight[team == 2] = 0.0  # a trained team
        weight[team == 9] = 0.0  # a team of controls
        weight[1] = 0.0
    level = rng.normal(50, 5, TEAMS)[team] + rng.normal(0, 3, n)
    common = rng.normal(0, 4, PERIODS)
    unit, period = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    kpi = level[unit] + common[period] + rng.normal(0, 2, n * PERIODS) + 3 * (trained[unit] & (period >= LAUNCH))
    rows = pd.DataFrame(
        {
            "person": unit,
            "month": period,
            "kpi": kpi,
            "start": np.where(trained[unit], float(LAUNCH), np.nan),
            "team": team[unit],
            "weight": weight[unit],
        }
    )
    if holes:
        rows = rows[rng.random(len(rows)) > holes]
        rows.loc[rng.random(len(rows)) < 0.05, "kpi"] = np.nan
    return rows.sample(frac=1, random_state=1)


def build(rows: pd.DataFrame, *, cluster: bool = True, cohort: str = "no cohort") -> at.Panel:
    panel = at.Panel.from_frame(
        rows,
        unit="person",
        period="month",
        outcome="kpi",
        adopted="start",
        cluster="team" if cluster else None,
        weight="weight",
    )
    if cohort == "no cohort":
        return panel
    weights = np.random.default_rng(5).uniform(0.0, 2.0, len(panel.units))
    weights[3], weights[40] = 0.0, 0.0
    return panel.with_cohort(Cohort("given", "ATT", weights))


def run(name: str, panel: at.Panel) -> Estimate:
    method = load(ESTIMATORS, name, kind="estimator")
    filled = {"baseline": BASELINE, "followup": FOLLOWUP}
    known = {option.name for option in options(method)}
    estimate: Estimate = method(panel, **{key: value for key, value in filled.items() if key in known})
    return estimate


def by_shape(name: str, shape: str, cohort: str) -> tuple[Estimate, at.Panel]:
    shaped = SHAPES[shape]
    panel = build(frame(**shaped), cluster=shaped.get("cluster", True), cohort=cohort)
    return run(name, panel), panel


WITH_MAP = tuple(name for name in ESTIMATORS if run(name, build(frame())).replay is not None)
ON_WINDOWS = tuple(
    name for name in ESTIMATORS if "baseline" in {one.name for one in options(load(ESTIMATORS, name, kind="estimator"))}
)


def cases(names: Iterable[str]) -> list[Any]:
    return [
        pytest.param((name, shape, cohort), id=f"{name}-{shape}-{cohort}")
        for name, shape, cohort in product(names, SHAPES, COHORTS)
        if (name, shape) not in REFUSED
    ]


@pytest.fixture(scope="module", params=cases(ESTIMATORS))
def case(request: pytest.FixtureRequest) -> tuple[Estimate, at.Panel]:
    return by_shape(*request.param)


@pytest.fixture(scope="module", params=cases(WITH_MAP))
def mapped(request: pytest.FixtureRequest) -> tuple[Estimate, at.Panel]:
    """Return a case of an estimator with a map of weights."""
    return by_shape(*request.param)


@pytest.mark.parametrize(("name", "shape"), REFUSED, ids=["-".join(one) for one in REFUSED])
def test_what_cannot_be_estimated_is_refused_with_a_remedy(name: str, shape: str) -> None:
    with pytest.raises(at.AttributionError, match=REFUSED[name, shape]) as error:
        by_shape(name, shape, "no cohort")
    assert error.value.remedy


def scale_of(estimate: Estimate) -> float:
    return max(abs(end) for end in estimate.outcome_range)


def require_contract(estimate: Estimate) -> None:
    """Assert the one idea: values are the map at ones and influence is its derivative, or the map is refused aloud."""
    if estimate.replay is None:
        assert estimate.no_replay, "an estimate without a map of weights must say why"
        assert estimate.variance != "default", "the variance that is valid instead must be named"
        assert np.isfinite(estimate.covariance).all()
        return
    n_clusters = len(estimate.strata)
    ones = np.ones((1, n_clusters))
    scale = scale_of(estimate)
    assert np.abs(estimate.replay(ones)[0] - estimate.values).max() <= 1e-12 * scale
    # A row's value does not depend on the rows beside it.
    assert np.abs(estimate.replay(np.ones((7, n_clusters))) - estimate.values).max() <= 1e-12 * scale
    influence = estimate.cluster_influence()
    assert influence.shape == (n_clusters, len(estimate.terms))
    step = 1e-4
    moved = step * np.eye(n_clusters)
    derivative = (estimate.replay(ones + moved) - estimate.replay(ones - moved)) / (2 * step)
    error = np.array([estimate.std_error(term) for term in estimate.terms])
    assert (np.abs(derivative - influence) / error).max() <= 1e-6


def test_the_estimate_is_its_map_at_ones_and_its_influence_the_derivative(case: tuple[Estimate, at.Panel]) -> None:
    estimate, _ = case
    assert np.isfinite(estimate.values).all()
    require_contract(estimate)


def test_influence_is_zero_where_a_unit_does_not_enter(case: tuple[Estimate, at.Panel]) -> None:
    estimate, panel = case
    outside = estimate.clusters < 0
    n_rows = len(panel.units) if estimate.rows == "units" else len(BASELINE) + len(FOLLOWUP)
    assert estimate.influence.shape == (n_rows, len(estimate.terms))
    assert (estimate.influence[outside] == 0).all()
    if estimate.rows == "units":
        assert outside[panel.weights == 0].all()
        assert n_rows - int(outside.sum()) == estimate.n.trained.units + estimate.n.control.units
    # A derivative in the direction of all weights is 0: means do not move when every weight doubles.
    assert np.abs(estimate.influence.sum(axis=0)).max() <= 1e-10 * scale_of(estimate)


def test_clusters_and_strata_cover_what_enters(case: tuple[Estimate, at.Panel]) -> None:
    estimate, _ = case
    assert set(estimate.clusters[estimate.clusters >= 0]) == set(range(len(estimate.strata)))
    assert set(estimate.strata) == set(range(len(estimate.stratum_names)))
    assert estimate.covariance.shape == (len(estimate.stratum_names), len(estimate.terms), len(estimate.terms))
    assert estimate.stratum_df.shape == (len(estimate.stratum_names),)


def test_weights_that_empty_an_arm_give_a_row_of_nan_and_no_other(mapped: tuple[Estimate, at.Panel]) -> None:
    estimate, panel = mapped
    assert estimate.replay is not None
    ones = np.ones(len(estimate.strata))
    rows = [ones]
    entering = estimate.clusters >= 0
    trained = panel.units.adopted == LAUNCH
    arms = [trained] if estimate.n.control.units == 0 else [trained, ~trained]
    for arm in arms:
        emptied = ones.copy()
        emptied[np.unique(estimate.clusters[entering & arm])] = 0.0
        rows.append(emptied)
    found = estimate.replay(np.array(rows))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1:]).all()


def test_integer_weights_repeat_clusters(mapped: tuple[Estimate, at.Panel]) -> None:
    # The map at weight 2 is the estimate with the cluster's unit weights doubled: no step is left out of the map.
    estimate, panel = mapped
    assert estimate.replay is not None
    doubled = np.ones(len(estimate.strata))
    doubled[[0, 3]] = 2.0
    weight = np.where(estimate.clusters >= 0, doubled[estimate.clusters], 1.0) * panel.units.weight
    again = run(estimate.method, replace(panel, units=replace(panel.units, weight=weight)))
    assert estimate.replay(doubled[None])[0] == pytest.approx(again.values, abs=1e-12 * scale_of(estimate))


def test_the_record_is_picklable_and_computes_the_same(case: tuple[Estimate, at.Panel]) -> None:
    estimate, _ = case
    written = pickle.dumps(estimate)
    copy: Estimate = pickle.loads(written)
    assert b"pandas" not in written
    assert b"DataFrame" not in written
    assert copy.tidy(hidden=True).equals(estimate.tidy(hidden=True))
    if copy.replay is not None and estimate.replay is not None:
        weights = np.random.default_rng(0).poisson(2.0, (20, len(estimate.strata))) + 1.0
        assert (copy.replay(weights) == estimate.replay(weights)).all()


def test_row_order_changes_no_bit(case: tuple[Estimate, at.Panel], request: pytest.FixtureRequest) -> None:
    estimate, _ = case
    name, shape, cohort = request.node.callspec.params["case"]
    shaped = SHAPES[shape]
    rows = frame(**shaped).sample(frac=1, random_state=2)
    again = run(name, build(rows, cluster=shaped.get("cluster", True), cohort=cohort))
    assert (again.values == estimate.values).all()
    assert (again.covariance == estimate.covariance).all()
    assert again.n.tidy().equals(estimate.n.tidy())


def test_the_estimate_shows_itself(case: tuple[Estimate, at.Panel]) -> None:
    estimate, _ = case
    tidy = estimate.tidy()
    assert list(tidy.columns) == TIDY
    assert list(estimate.tidy(0.9).columns) == TIDY
    assert tuple(tidy["term"]) == estimate.shown_terms
    assert UNTRAINED_LEVEL not in estimate.shown_terms
    assert repr(estimate).startswith(f"Estimate({estimate.method!r}, 'kpi': {estimate.main} ")
    assert "array" not in repr(estimate)
    assert len(repr(estimate)) < 300
    page = estimate._repr_html_()
    assert page.count("<tr>") == 1 + len(tidy)
    assert all(f"<th scope='col'>{column}</th>" in page for column in TIDY)


def test_every_row_and_unit_is_counted_once(case: tuple[Estimate, at.Panel]) -> None:
    estimate, panel = case
    tidy = estimate.n.tidy()
    assert tidy["units"].sum() == panel.counts.units
    assert tidy["rows"].sum() == panel.counts.rows


@pytest.mark.parametrize("name", ON_WINDOWS)
def test_the_record_does_not_grow_with_periods_outside_its_windows(name: str) -> None:
    rng = np.random.default_rng(2)
    sizes = []
    for periods in (PERIODS, 20 * PERIODS):
        unit, month = np.repeat(np.arange(30), periods), np.tile(np.arange(periods), 30)
        rows = pd.DataFrame(
            {
                "person": unit,
                "month": month,
                "kpi": rng.normal(10, 1, len(unit)),
                "start": np.where(unit < 12, float(LAUNCH), np.nan),
                "team": unit // 3,
                "weight": 1.0,
            }
        )
        sizes.append(len(pickle.dumps(run(name, build(rows)))))
    assert sizes[1] <= sizes[0] + 64


@pytest.mark.parametrize("name", WITH_MAP)
def test_the_map_holds_sums_by_cluster_not_units(name: str) -> None:
    rng = np.random.default_rng(2)
    sizes = []
    for per_team in (5, 200):
        n = 10 * per_team
        unit, month = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
        rows = pd.DataFrame(
            {
                "person": unit,
                "month": month,
                "kpi": rng.normal(10, 1, len(unit)),
                "start": np.where(unit < n // 2, float(LAUNCH), np.nan),
                "team": unit // per_team,
                "weight": 1.0,
            }
        )
        for holes in (0.0, 0.1):
            kept = rows[rng.random(len(rows)) >= holes]
            sizes.append(len(pickle.dumps(run(name, build(kept)).replay)))
    assert sizes[2:] == pytest.approx(sizes[:2], abs=64)


def refused() -> Estimate:
    """Return a did as an estimator would hand it over whose resampling is invalid."""
    estimate = at.did(build(frame()), baseline=BASELINE, followup=FOLLOWUP, variance="CR1")
    return replace(estimate, method="nearest", replay=None, no_replay="resampling is invalid after matching")


def test_an_estimate_without_a_map_names_the_reason_and_its_variance() -> None:
    estimate = refused()
    require_contract(estimate)
    with pytest.raises(MethodError, match="resampling is invalid after matching") as error:
        at.bootstrap(estimate, draws=99)
    assert "CR1" in error.value.remedy
    assert "array" not in repr(estimate)
    assert pickle.loads(pickle.dumps(estimate)).no_replay == estimate.no_replay


@pytest.mark.parametrize("broken", [{"no_replay": ""}, {"variance": "default"}])
def test_an_estimate_without_a_map_that_does_not_say_so_breaks_the_contract(broken: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        require_contract(replace(refused(), **broken))


@pytest.mark.parametrize("name", WITH_MAP)
@pytest.mark.parametrize("change", ["influence", "values"])
def test_a_wrong_record_breaks_the_contract(name: str, change: str) -> None:
    estimate = run(name, build(frame()))
    wrong = replace(estimate, **{change: getattr(estimate, change) * (1 + 1e-5)})
    with pytest.raises(AssertionError):
        require_contract(wrong)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_is_told_by_keywords_with_annotations_and_a_summary(name: str) -> None:
    method: Callable[..., Any] = load(ESTIMATORS, name, kind="estimator")
    found = options(method)
    assert found
    assert all(option.annotation is not None for option in found)
    assert (method.__doc__ or "").strip().split("\n")[0].endswith(".")
    assert "Source:" in (method.__doc__ or "")
    by_name = {option.name: option for option in found}
    assert by_name["variance"].default == "default"
    assert "default" in get_args(by_name["variance"].annotation)


MOVED = ("effect", "change", "background")


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("shape", ["complete", "incomplete"])
def test_effects_scale_with_the_kpi_and_do_not_see_its_origin(name: str, shape: str) -> None:
    rows = frame(**SHAPES[shape])
    plain, moved = run(name, build(rows)), run(name, build(rows.assign(kpi=100.0 - 3.0 * rows["kpi"])))
    for term in (term for term in MOVED if term in plain.terms):
        assert moved.value(term) == pytest.approx(-3.0 * plain.value(term), abs=1e-8)
        assert moved.std_error(term) == pytest.approx(3.0 * plain.std_error(term), rel=1e-6)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("shape", ["complete", "incomplete"])
def test_the_names_of_units_and_clusters_do_not_matter(name: str, shape: str) -> None:
    rows = frame(**SHAPES[shape])
    rng = np.random.default_rng(8)
    people, teams = rng.permutation(TEAMS * PER_TEAM), rng.permutation(TEAMS)
    renamed = rows.assign(person=people[rows["person"]], team=teams[rows["team"]])
    plain, again = run(name, build(rows)), run(name, build(renamed))
    for term in (term for term in MOVED if term in plain.terms):
        assert again.value(term) == pytest.approx(plain.value(term), abs=1e-9)
        # Placebo sets are drawn by place, so that another order is another draw of them.
        assert again.std_error(term) == pytest.approx(plain.std_error(term), rel=0.05 if name == "synthetic" else 1e-8)
