"""The contract of rollouts: every option is a map of weights, on every shape of panel."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.estimate import Estimate
from tests.contract.test_estimators import require_contract, scale_of

PERIODS = 8
WAVES = {"one cohort": [3] * 9 + [0] * 7, "waves": [3] * 4 + [5] * 4 + [6] * 2 + [0] * 6, "later": [3] * 5 + [5] * 11}

SHAPES: dict[str, dict[str, Any]] = {
    "complete": {},
    "incomplete": {"holes": 0.2},
    "mixed clusters": {"mixed": 3},
    "unit weights, incomplete": {"weights": True, "holes": 0.2},
    "a cohort of one cluster": {"waves": [3] * 4 + [5] * 4 + [6] + [0] * 7},
    "a team each month": {"waves": [2, 3, 3, 4, 5, 5, 6, 7] + [0] * 8, "holes": 0.1},
    "one cohort": {"waves": WAVES["one cohort"]},
}
COVARIATES: dict[str, Any] = {"covariates": ["skill", "shift"]}
STAGGERED: dict[str, dict[str, Any]] = {
    "default": {},
    "never": {"controls": "never", "aggregate": "group"},
    "calendar": {"aggregate": "calendar"},
    "cells": {"aggregate": "cells"},
    "universal, anticipation, washout": {"base": "universal", "anticipation": 1, "washout": 1},
    "rows": {"unbalanced": "rows", "aggregate": "simple"},
    "doubly robust": COVARIATES,
    "improved": COVARIATES | {"adjust": "doubly_robust_improved", "aggregate": "group"},
    "regression": COVARIATES | {"adjust": "regression"},
    "ipw": COVARIATES | {"adjust": "ipw", "controls": "never"},
    "unnormalised": {"covariates": ["skill"], "adjust": "ipw_unnormalised", "aggregate": "simple"},
    "doubly robust on rows": COVARIATES | {"unbalanced": "rows", "aggregate": "simple"},
}
EVENT_STUDY: dict[str, dict[str, Any]] = {
    "default": {},
    "last": {"controls": "last"},
    "anticipation": {"anticipation": 1, "aggregate": "group"},
    "cells": {"aggregate": "cells"},
}


def frame(
    *, waves: list[int] = WAVES["waves"], holes: float = 0.0, mixed: int = 0, weights: bool = False
) -> pd.DataFrame:
    """Return 16 teams of twelve people over eight periods, teams trained in waves (0: never)."""
    rng = np.random.default_rng(17)
    teams, each = 16, 12
    n = teams * each
    team = np.repeat(np.arange(teams), each)
    start = np.array([float(wave) if wave else np.nan for wave in waves])[team]
    for one in range(mixed):
        start[np.flatnonzero(team == 5 - one)[:2]] = np.nan
    skill = rng.normal(0, 1, n)
    level = rng.normal(50, 5, teams)[team] + 3 * skill
    unit, period = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    since = period - start[unit]
    kpi = level[unit] + rng.normal(0, 4, PERIODS)[period] + 0.2 * skill[unit] * period
    kpi += rng.normal(0, 2, len(unit)) + np.where(since >= 0, 2 + 0.5 * since, 0.0)
    rows = pd.DataFrame(
        {
            "person": unit,
            "month": period,
            "kpi": kpi,
            "start": start[unit],
            "team": team[unit],
            "weight": (rng.uniform(0.5, 3.0, n) if weights else np.ones(n))[unit],
            "skill": skill[unit],
            "shift": rng.choice(["day", "night"], n)[unit],
        }
    )
    return rows[rng.random(len(rows)) >= holes].sample(frac=1, random_state=1) if holes else rows


def build(rows: pd.DataFrame, **options: Any) -> at.Panel:
    given: dict[str, Any] = {"unit": "person", "covariates": ["skill", "shift"], "cluster": "team"} | options
    return at.Panel.from_frame(rows, period="month", outcome="kpi", adopted="start", weight="weight", **given)


def crossed(rows: pd.DataFrame) -> at.Panel:
    return build(rows, unit=None, kind="repeated_cross_sections")


CASES = [
    pytest.param(method, shape, options, id=f"{method.__name__}-{shape}-{name}")
    for method, table in ((at.staggered, STAGGERED), (at.event_study, EVENT_STUDY))
    for shape in SHAPES
    for name, options in table.items()
    # The last cohort must not be the only one, nor a single cluster: that arm would have no variance.
    if not (name == "last" and shape in ("one cohort", "a cohort of one cluster", "a team each month"))
]


def require_finite_contract(estimate: Estimate) -> None:
    """Assert the contract; a part that hangs on one cluster has no standard error to measure its derivative in."""
    errors = np.array([estimate.std_error(term) for term in estimate.terms])
    assert np.isfinite(errors[:4]).all()
    kept = {term: {term: 1.0} for term, error in zip(estimate.terms, errors, strict=True) if np.isfinite(error)}
    require_contract(estimate.combine(kept))


@pytest.mark.parametrize(("method", "shape", "options"), CASES)
def test_an_option_is_a_map_of_weights(method: Callable[..., Estimate], shape: str, options: dict[str, Any]) -> None:
    panel = build(frame(**SHAPES[shape]))
    estimate = method(panel, **options)
    require_finite_contract(estimate)
    assert np.abs(estimate.influence.sum(axis=0)).max() <= 1e-10 * scale_of(estimate)
    counted = estimate.n.tidy()
    assert counted["units"].sum() == panel.counts.units
    assert counted["rows"].sum() == panel.counts.rows
    entered = estimate.n.trained.units + estimate.n.control.units
    assert (estimate.clusters >= 0).sum() == entered
    assert estimate.value("background") == pytest.approx(estimate.value("change") - estimate.value("effect"))


@pytest.mark.parametrize("name", [name for name in STAGGERED if "rows" not in name])
def test_repeated_cross_sections_are_a_map_of_weights(name: str) -> None:
    panel = crossed(frame(holes=0.3))
    estimate = at.staggered(panel, **STAGGERED[name])
    require_finite_contract(estimate)
    assert estimate.n.tidy()["units"].sum() == panel.counts.units == panel.counts.rows


def test_a_last_cohort_of_one_cluster_has_no_standard_error() -> None:
    estimate = at.event_study(build(frame(**SHAPES["a cohort of one cluster"])), controls="last")
    assert np.isnan(estimate.std_error("effect"))
    assert estimate.interval().kind == "undefined"


def test_event_study_refuses_repeated_cross_sections() -> None:
    with pytest.raises(at.AttributionError, match="same units over time"):
        at.event_study(crossed(frame()))


@pytest.mark.parametrize("method", [at.staggered, at.event_study])
def test_integer_weights_repeat_clusters(method: Callable[..., Estimate]) -> None:
    rows = frame(holes=0.2)
    estimate = method(build(rows))
    doubled = np.ones(len(estimate.strata))
    doubled[[0, 5, 9]] = 2.0
    again = rows.assign(weight=rows["weight"] * doubled[rows["team"]])
    assert estimate.replay is not None
    expected = method(build(again)).values
    assert estimate.replay(doubled[None])[0] == pytest.approx(expected, abs=1e-12 * scale_of(estimate))


@pytest.mark.parametrize("options", [{}, COVARIATES, {"unbalanced": "rows"}], ids=["plain", "adjusted", "rows"])
def test_a_cohort_emptied_by_weights_is_left_out_of_that_row_alone(options: dict[str, Any]) -> None:
    panel = build(frame())
    estimate = at.staggered(panel, aggregate="group", **options)
    without = np.ones(len(estimate.strata))
    without[[8, 9]] = 0.0  # the third wave
    assert estimate.replay is not None
    found = dict(zip(estimate.terms, estimate.replay(np.array([without]))[0], strict=True))
    assert np.isnan(found["effect[group=6]"])
    rows = frame()
    smaller = at.staggered(build(rows[~rows["team"].isin([8, 9])]), aggregate="group", **options)
    for term in smaller.terms:
        assert found[term] == pytest.approx(smaller.value(term), abs=1e-9)


def test_weights_that_empty_an_arm_give_a_row_of_nan() -> None:
    estimate = at.staggered(build(frame()))
    assert estimate.replay is not None
    trained, others = np.ones(16), np.ones(16)
    trained[:10], others[10:] = 0.0, 0.0
    found = estimate.replay(np.array([trained, np.ones(16)]))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    # Without the never trained, the last wave still stands for the untrained until its own training.
    assert np.isfinite(estimate.replay(others[None])[0, 0])


@pytest.mark.parametrize("method", [at.staggered, at.event_study])
@pytest.mark.parametrize("shape", ["complete", "incomplete"])
def test_the_record_is_picklable_computes_the_same_and_aggregates_anew(
    method: Callable[..., Estimate], shape: str
) -> None:
    estimate = method(build(frame(**SHAPES[shape])))
    written = pickle.dumps(estimate)
    assert b"pandas" not in written
    copy: Estimate = pickle.loads(written)
    assert copy.aggregate("group").tidy().equals(estimate.aggregate("group").tidy())
    assert copy.tidy().equals(estimate.tidy())


@pytest.mark.parametrize("method", [at.staggered, at.event_study])
def test_the_map_holds_sums_by_cluster_not_units(method: Callable[..., Estimate]) -> None:
    rows = frame(holes=0.1)
    more = pd.concat([rows.assign(person=rows["person"] + 1000 * copy) for copy in range(30)])
    few, many = (len(pickle.dumps(method(build(one)).replay)) for one in (rows, more))
    assert many <= few + 64


@pytest.mark.parametrize("method", [at.staggered, at.event_study])
def test_row_order_changes_no_bit(method: Callable[..., Estimate]) -> None:
    rows = frame(holes=0.2)
    first = method(build(rows))
    again = method(build(rows.sample(frac=1, random_state=9)))
    assert (first.values == again.values).all()
    assert np.array_equal(first.covariance, again.covariance, equal_nan=True)
