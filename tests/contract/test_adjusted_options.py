"""The contract of `adjusted` under its options: rules, estimands, outcomes, targets, on panels and cross-sections.

Each option keeps the one idea: the estimate is its map at ones, its influence the derivative there, and the map redoes
every estimated step.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.core.cohort import Cohort
from attribution.core.estimate import Estimate
from attribution.core.panel import NEVER
from attribution.estimators.adjusted import adjusted

Floats = NDArray[np.float64]

BASELINE, FOLLOWUP, PERIODS = [0, 1, 2], [3, 4, 5], 6
TEAMS, PER_TEAM = 14, 8
NAMES = ["age", "site"]

SHAPES: dict[str, dict[str, Any]] = {
    "panel": {},
    "panel, incomplete": {"holes": 0.25},
    "panel, unit clusters, incomplete": {"cluster": False, "holes": 0.25},
    "panel, mixed clusters, incomplete": {"mixed": 4, "holes": 0.25},
    "cross-section": {"once": True},
    "cross-section, unit clusters": {"once": True, "cluster": False},
    "cross-section, mixed clusters": {"once": True, "mixed": 4},
}

EVERYWHERE: dict[str, dict[str, Any]] = {
    "none": {"adjust": "none"},
    "none, ATE": {"adjust": "none", "estimand": "ATE"},
    "regression": {"covariates": NAMES},
    "regression, ATE": {"covariates": NAMES, "estimand": "ATE"},
    "regression, sample": {"covariates": NAMES, "target": "sample"},
    "regression, ATE, sample": {"covariates": NAMES, "estimand": "ATE", "target": "sample"},
    "ipw": {"covariates": NAMES, "adjust": "ipw"},
    "ipw, ATE": {"covariates": NAMES, "adjust": "ipw", "estimand": "ATE"},
    "ipw, ATO": {"covariates": NAMES, "adjust": "ipw", "estimand": "ATO"},
    "doubly robust": {"covariates": NAMES, "adjust": "doubly_robust"},
    "doubly robust, ATE": {"covariates": NAMES, "adjust": "doubly_robust", "estimand": "ATE"},
    "doubly robust, ATO": {"covariates": NAMES, "adjust": "doubly_robust", "estimand": "ATO"},
    "ancova": {"covariates": NAMES, "adjust": "ancova"},
    "ancova by arm": {"covariates": NAMES, "adjust": "ancova", "by_arm": ["site"]},
    "given weights": {"covariates": NAMES, "cohort": "ATT"},
    "given weights, ATE": {"covariates": NAMES, "cohort": "ATE"},
    "given weights, ATO, ancova": {"covariates": NAMES, "cohort": "ATO", "adjust": "ancova"},
}
ON_PANELS: dict[str, dict[str, Any]] = {
    "level": {"outcome": "level"},
    "level, none": {"outcome": "level", "adjust": "none"},
    "level, ancova": {"outcome": "level", "adjust": "ancova", "covariates": ["age"]},
    "level, doubly robust, ATE": {
        "outcome": "level",
        "covariates": ["age"],
        "adjust": "doubly_robust",
        "estimand": "ATE",
    },
    "windows": {"followup": [[3, 4], [5]]},
    "windows, doubly robust": {"followup": [[3, 4], [5]], "covariates": NAMES, "adjust": "doubly_robust"},
    "windows, level, ATE": {"followup": [[3, 4], [5]], "covariates": NAMES, "outcome": "level", "estimand": "ATE"},
}


def frame(*, holes: float = 0.0, mixed: int = 0, once: bool = False, **_: Any) -> pd.DataFrame:
    """Return six teams trained in period 3, eight not, with covariates that both arms share, weights and holes."""
    rng = np.random.default_rng(17)
    n = TEAMS * PER_TEAM
    team = np.repeat(np.arange(TEAMS), PER_TEAM)
    trained = team < 6
    for one in range(mixed):
        trained[np.flatnonzero(team == 5 - one)[:2]] = False
    age = rng.normal(40, 6, n) + 2.0 * trained
    level = rng.normal(50, 3, TEAMS)[team] + 0.3 * age
    unit, period = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    kpi = level[unit] + rng.normal(0, 4, PERIODS)[period] + rng.normal(0, 2, n * PERIODS)
    kpi += (3 * trained + 0.1 * age * (1 + trained))[unit] * (period >= 3)
    rows = pd.DataFrame(
        {
            "person": unit,
            "month": period,
            "kpi": kpi,
            "start": np.where(trained[unit], 3.0, np.nan),
            "trained": trained[unit].astype(int),
            "team": team[unit],
            "weight": rng.uniform(0.5, 3.0, n)[unit],
            "age": age[unit],
            "site": np.array(list("ab"))[rng.integers(0, 2, n)][unit],
        }
    )
    if once:
        rows = rows[rows["month"] == 5]
        rows.loc[rng.random(len(rows)) < 0.1, "kpi"] = np.nan
    return rows[rng.random(len(rows)) > holes] if holes else rows


def build(rows: pd.DataFrame, *, cluster: bool = True, once: bool = False, **_: Any) -> at.Panel:
    shared: dict[str, Any] = {
        "unit": "person",
        "outcome": "kpi",
        "weight": "weight",
        "covariates": NAMES,
        "cluster": "team" if cluster else None,
    }
    if once:
        return at.Panel.from_frame(rows, trained="trained", kind="cross_section", **shared)
    return at.Panel.from_frame(rows, period="month", adopted="start", **shared)


def given(panel: at.Panel, estimand: str) -> at.Panel:
    weights = np.random.default_rng(5).uniform(0.5, 2.0, len(panel.units))
    weights[[3, 60]] = 0.0
    return panel.with_cohort(Cohort("given", estimand, weights))


def run(panel: at.Panel, *, cohort: str = "", **options: Any) -> Estimate:
    if panel.kind == "panel":
        options = {"baseline": BASELINE, "followup": FOLLOWUP} | options
    return adjusted(given(panel, cohort) if cohort else panel, **options)


CASES = [
    *product(EVERYWHERE, SHAPES),
    *((name, shape) for name, shape in product(ON_PANELS, SHAPES) if not SHAPES[shape].get("once")),
]


MOVING = [one for one in CASES if (EVERYWHERE | ON_PANELS)[one[0]].get("target") != "sample"]
"""Where the target's covariates are taken as given, doubled unit weights make another target."""


@pytest.fixture(scope="module", params=[pytest.param(one, id="-".join(one)) for one in CASES])
def case(request: pytest.FixtureRequest) -> tuple[Estimate, at.Panel, dict[str, Any]]:
    name, shape = request.param
    options = (EVERYWHERE | ON_PANELS)[name]
    panel = build(frame(**SHAPES[shape]), **SHAPES[shape])
    return run(panel, **options), panel, options


Case = tuple[Estimate, at.Panel, dict[str, Any]]


def scale_of(estimate: Estimate) -> float:
    return max(abs(end) for end in estimate.outcome_range)


def test_the_estimate_is_its_map_at_ones_and_its_influence_the_derivative(case: Case) -> None:
    estimate, _, _ = case
    assert estimate.replay is not None
    assert np.isfinite(estimate.values).all()
    ones = np.ones((1, len(estimate.strata)))
    assert estimate.replay(ones)[0] == pytest.approx(estimate.values, abs=1e-12 * scale_of(estimate))
    step = 1e-4 * np.eye(len(estimate.strata))
    derivative = (estimate.replay(1 + step) - estimate.replay(1 - step)) / 2e-4
    error = np.array([estimate.std_error(term) for term in estimate.terms])
    assert (np.abs(derivative - estimate.cluster_influence()) / error).max() <= 1e-6


def test_the_influence_counts_who_enters_and_sums_to_nothing(case: Case) -> None:
    estimate, panel, _ = case
    outside = estimate.clusters < 0
    assert estimate.influence.shape == (len(panel.units), len(estimate.terms))
    assert (estimate.influence[outside] == 0).all()
    assert int((~outside).sum()) == estimate.n.trained.units + estimate.n.control.units
    assert np.abs(estimate.influence.sum(axis=0)).max() <= 1e-10 * scale_of(estimate)
    tidy = estimate.n.tidy()
    assert (tidy["units"].sum(), tidy["rows"].sum()) == (panel.counts.units, panel.counts.rows)


def test_an_emptied_arm_is_a_row_of_nan_and_no_other(case: Case) -> None:
    estimate, panel, _ = case
    assert estimate.replay is not None
    rows = [np.ones(len(estimate.strata))]
    entering, trained = estimate.clusters >= 0, panel.units.adopted < NEVER
    for arm in (trained, ~trained):
        rows.append(np.ones(len(estimate.strata)))
        rows[-1][np.unique(estimate.clusters[entering & arm])] = 0.0
    found = estimate.replay(np.array(rows))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("case", [pytest.param(one, id="-".join(one)) for one in MOVING], indirect=True)
def test_a_doubled_cluster_is_its_units_at_twice_their_weight(case: Case) -> None:
    estimate, panel, options = case
    assert estimate.replay is not None
    doubled = np.ones(len(estimate.strata))
    doubled[[0, 3]] = 2.0
    weight = np.where(estimate.clusters >= 0, doubled[estimate.clusters], 1.0) * panel.units.weight
    again = run(replace(panel, units=replace(panel.units, weight=weight)), **options)
    assert estimate.replay(doubled[None])[0] == pytest.approx(again.values, abs=1e-10 * scale_of(estimate))


def test_the_record_is_picklable_and_computes_the_same(case: Case) -> None:
    estimate, _, _ = case
    written = pickle.dumps(estimate)
    copy: Estimate = pickle.loads(written)
    assert b"pandas" not in written
    assert copy.tidy(hidden=True).equals(estimate.tidy(hidden=True))
    weights = np.random.default_rng(0).poisson(2.0, (5, len(estimate.strata))) + 1.0
    assert copy.replay is not None
    assert estimate.replay is not None
    assert (copy.replay(weights) == estimate.replay(weights)).all()


def test_effects_scale_with_the_kpi_and_do_not_see_its_origin(case: Case) -> None:
    estimate, panel, options = case
    observations = panel.observations
    moved = replace(panel, observations=replace(observations, outcome=100.0 - 3.0 * observations.outcome))
    again = run(moved, **options)
    for term in ("effect", "change", "background"):
        if term in estimate.terms:
            assert again.value(term) == pytest.approx(-3.0 * estimate.value(term), abs=1e-8)
            assert again.std_error(term) == pytest.approx(3.0 * estimate.std_error(term), rel=1e-6)


def test_the_terms_are_those_of_the_estimand(case: Case) -> None:
    estimate, panel, _ = case
    plain = {term for term in estimate.terms if "[" not in term}
    if estimate.estimand != "ATT":
        assert plain == {"effect"}
    elif panel.kind == "cross_section":
        assert plain == {"effect", "untrained_level"}
    else:
        assert plain == {"effect", "change", "background", "untrained_level"}
        split = estimate.combine({"rest": {"change": 1.0, "effect": -1.0, "background": -1.0}})
        assert split.values == pytest.approx([0.0], abs=1e-10)
