"""The contract of every cohort method with every estimator: run on panels and cross-sections, or refused with a reason.

A new line in `registry.COHORTS` or `registry.ESTIMATORS` is picked up here without a change.
"""

from __future__ import annotations

import pickle
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.core.cohort import Cohort
from attribution.core.estimate import Estimate
from attribution.errors import AttributionError, MethodError
from attribution.registry import COHORTS, ESTIMATORS, load, options

Floats = NDArray[np.float64]

LAUNCH, PERIODS = 10, 12
BASELINE, FOLLOWUP = list(range(LAUNCH)), [LAUNCH, LAUNCH + 1]
TEAMS, PER_TEAM = 24, 6

SHAPES: dict[str, dict[str, Any]] = {
    "panel": {},
    "panel, incomplete": {"holes": 0.2},
    "panel, teams": {"cluster": True},
    "panel, teams and unit weights": {"cluster": True, "weights": True},
    "cross-section": {"once": True},
    "cross-section, teams": {"once": True, "cluster": True},
}

CHOSEN: dict[str, dict[str, Any]] = {
    "exact": {"covariates": ["grade", "site"]},
    "coarsened": {"covariates": ["age", "grade"]},
}
"""What a method matches on here; the others on age, tenure and grade."""

NO_UNITS = ("trend", "synthetic")
"""Methods that compare no units with each other."""

WINDOWS_ONLY = tuple(
    name for name in ESTIMATORS if "baseline" in {one.name for one in options(load(ESTIMATORS, name, kind="estimator"))}
)


def frame(*, holes: float = 0.0, once: bool = False, weights: bool = False, cluster: bool = False) -> Any:
    """Return 24 teams of six, training drawn by a logit of age and tenure, whole teams or not, with common months."""
    rng = np.random.default_rng(23)
    n = TEAMS * PER_TEAM
    team = np.repeat(np.arange(TEAMS), PER_TEAM)
    age, tenure = rng.normal(40, 8, n).round(1), rng.gamma(4, 2, n).round(1)
    grade = rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    lean = 0.05 * (age - 40) - 0.1 * (tenure - 8) - 0.7
    if cluster:
        # Two of three teams hold both arms: training leans on the team too.
        lean = lean + rng.normal(0, 0.8, TEAMS)[team]
    trained = rng.random(n) < 1 / (1 + np.exp(-lean))
    level = 50 + 0.3 * (age - 40) + rng.normal(0, 2, TEAMS)[team] + rng.normal(0, 3, n)
    unit, period = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    drift = rng.normal(0, 2, PERIODS)[period] + 0.02 * (age[unit] - 40) * (period >= LAUNCH)
    kpi = level[unit] + drift + rng.normal(0, 2, n * PERIODS) + 3 * (trained[unit] & (period >= LAUNCH))
    rows = pd.DataFrame(
        {
            "person": unit,
            "month": period,
            "kpi": kpi,
            "start": np.where(trained[unit], float(LAUNCH), np.nan),
            "trained": trained[unit].astype(int),
            "age": age[unit],
            "tenure": tenure[unit],
            "grade": grade[unit],
            "site": np.where(team[unit] % 2, "north", "south"),
            "team": team[unit],
            "weight": rng.uniform(0.5, 2.0, n)[unit] if weights else 1.0,
        }
    )
    if holes:
        rows = rows[(rng.random(len(rows)) > holes) | (rows["month"] == 0)]
    if once:
        rows = rows[rows["month"] == PERIODS - 1]
    return rows.sample(frac=1, random_state=3)


def build(rows: pd.DataFrame, *, once: bool = False, cluster: bool = False, **_: Any) -> at.Panel:
    shared: dict[str, Any] = {
        "unit": "person",
        "outcome": "kpi",
        "cluster": "team" if cluster else None,
        "weight": "weight",
        "covariates": ["age", "tenure", "grade", "site"],
    }
    if once:
        return at.Panel.from_frame(rows, trained="trained", kind="cross_section", **shared)
    return at.Panel.from_frame(rows, period="month", adopted="start", **shared)


def made(name: str, panel: at.Panel, estimator: str) -> Cohort:
    method = load(COHORTS, name, kind="cohort method")
    windows = panel.kind == "panel" and estimator in WINDOWS_ONLY
    filled = {"baseline": BASELINE, "followup": FOLLOWUP} if windows else {}
    cohort: Cohort = method(panel, **({"covariates": ["age", "tenure", "grade"]} | CHOSEN.get(name, {}) | filled))
    return cohort


def run(name: str, panel: at.Panel) -> Estimate:
    method = load(ESTIMATORS, name, kind="estimator")
    known = {option.name for option in options(method)}
    filled = {"baseline": BASELINE, "followup": FOLLOWUP} if panel.kind == "panel" else {}
    if panel.kind != "panel" and name in WINDOWS_ONLY and name != "adjusted":
        filled = {"baseline": [1], "followup": [1]}
    estimate: Estimate = method(panel, **{key: value for key, value in filled.items() if key in known})
    return estimate


def refused(estimator: str, shape: str) -> bool:
    """Say whether a combination is refused: methods that compare no units, and changes where there is one period."""
    return estimator in NO_UNITS or (bool(SHAPES[shape].get("once")) and estimator != "adjusted")


def cases(*, run: bool) -> list[Any]:
    return [
        pytest.param(cohort, estimator, shape, id=f"{cohort}-{estimator}-{shape}")
        for cohort, estimator, shape in product(COHORTS, ESTIMATORS, SHAPES)
        if refused(estimator, shape) is not run
    ]


@pytest.mark.parametrize(("cohort", "estimator", "shape"), cases(run=False))
def test_what_cannot_use_a_cohort_says_so(cohort: str, estimator: str, shape: str) -> None:
    panel = build(frame(**SHAPES[shape]), **SHAPES[shape])
    with pytest.raises(MethodError) as caught:
        run(estimator, panel.with_cohort(made(cohort, panel, estimator)))
    assert caught.value.remedy


@pytest.mark.parametrize(("cohort", "estimator", "shape"), cases(run=True))
def test_an_estimate_counts_its_cohort(cohort: str, estimator: str, shape: str) -> None:
    panel = build(frame(**SHAPES[shape]), **SHAPES[shape])
    found = made(cohort, panel, estimator)
    weighed = panel.with_cohort(found)
    estimate = run(estimator, weighed)
    assert np.isfinite(estimate.values).all()
    assert estimate.estimand.startswith(found.estimand)
    entering = estimate.clusters >= 0
    scale = max(abs(end) for end in estimate.outcome_range)
    assert (estimate.influence[~entering] == 0).all()
    assert np.abs(estimate.influence.sum(axis=0)).max() <= 1e-6 * scale
    assert np.isfinite(estimate.std_error(estimate.main))
    assert pickle.loads(pickle.dumps(estimate)).tidy().equals(estimate.tidy())
    if estimate.replay is None:
        assert estimate.no_replay
        assert estimate.variance != "default"
        with pytest.raises(MethodError, match="cannot be resampled") as caught:
            at.bootstrap(estimate, draws=9, seed=1)
        assert caught.value.remedy
        return
    n_clusters = len(estimate.strata)
    ones = np.ones((1, n_clusters))
    assert np.abs(estimate.replay(ones)[0] - estimate.values).max() <= 1e-10 * scale
    # A sample of the clusters: the map of every one would take most of the time.
    some = np.unique(np.linspace(0, n_clusters - 1, 9).astype(int))
    step = 1e-4
    moved = np.zeros((len(some), n_clusters))
    moved[np.arange(len(some)), some] = step
    derivative = (estimate.replay(ones + moved) - estimate.replay(ones - moved)) / (2 * step)
    error = np.array([estimate.std_error(term) for term in estimate.terms])
    known = np.isfinite(error)
    assert (np.abs(derivative - estimate.cluster_influence()[some]) / error)[:, known].max() <= 1e-6
    # A draw that leaves nobody of an arm has no estimate.
    assert np.isnan(estimate.replay(np.zeros((1, n_clusters)))).all()


@pytest.mark.parametrize("name", COHORTS)
@pytest.mark.parametrize("shape", ["panel", "cross-section"])
def test_a_cohort_says_whom_it_dropped_and_why(name: str, shape: str) -> None:
    panel = build(frame(**SHAPES[shape]), **SHAPES[shape])
    cohort = made(name, panel, "did")
    assert cohort.arms is not None
    assert cohort.reasons is not None
    assert ((cohort.weights > 0) == (cohort.reasons == "")).all()
    counts = cohort.tidy()
    assert counts["units"].sum() == len(panel.units)
    assert cohort.columns is not None
    assert cohort.columns.shape == (len(panel.units), len(cohort.labels))
    assert repr(cohort).startswith(f"Cohort({name!r}, {cohort.estimand}")
    assert name in cohort._repr_html_()
    assert pickle.loads(pickle.dumps(cohort)).tidy().equals(counts)
    if cohort.fit is not None:
        assert cohort.fit.influence.shape == cohort.fit.gradient.shape
        again = cohort.fit.reweight(np.ones((2, len(panel.units))))
        inside = cohort.weights > 0
        assert again[:, inside] / cohort.weights[inside] == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("name", COHORTS)
def test_the_order_of_the_rows_moves_nothing(name: str) -> None:
    rows = frame()
    first, second = (build(one) for one in (rows, rows.sample(frac=1, random_state=11)))
    one, other = made(name, first, "did"), made(name, second, "did")
    assert (one.weights == other.weights).all()
    assert (one.reasons == other.reasons).all()


@pytest.mark.parametrize("name", COHORTS)
def test_a_name_that_is_not_there_is_refused(name: str) -> None:
    panel = build(frame())
    with pytest.raises(AttributionError, match="agee") as caught:
        load(COHORTS, name, kind="cohort method")(panel, covariates=["agee"])
    assert "did you mean 'age'" in caught.value.remedy


@pytest.mark.parametrize("name", COHORTS)
def test_a_missing_covariate_is_an_error_unless_the_policy_is_stated(name: str) -> None:
    rows = frame()
    gone = rows["person"].isin([3, 50, 77])
    rows.loc[gone, "grade"] = None
    rows.loc[rows["person"] == 9, "tenure"] = np.nan
    panel = build(rows)
    method = load(COHORTS, name, kind="cohort method")
    with pytest.raises(AttributionError, match=r"3 of .* have no value") as caught:
        method(panel, covariates=["grade"])
    assert "grade" in caught.value.where
    dropped = {part.reason: part.units for part in method(panel, covariates=["grade"], missing="complete").dropped}
    assert dropped["no value of grade"] in (1, 2, 3)
    kept = method(panel, covariates=["grade"], missing="indicator")
    assert not any("no value" in part.reason for part in kept.dropped)
    assert any("grade of 3 units" in note for note in kept.notes)
    # A covariate that no step uses drops nobody: tenure is missing for person 9.
    assert not any("tenure" in part.reason for part in kept.dropped)
