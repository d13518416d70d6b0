"""How an estimator weighs cohorts and periods: as it does itself, on any path of means."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attribution.planning.records import Plan, PlannedCohort
from attribution.planning.skeleton import apply_method, path_weights
from tests.unit.planning.plans import ROLLOUT, clusters_of

Floats = NDArray[np.float64]


def cohort_means(plan: Plan, means: Floats) -> Floats:
    place = np.repeat(np.arange(len(plan.cohorts)), [one.clusters for one in plan.cohorts])
    weight = np.concatenate([one.sizes for one in plan.cohorts])
    return np.stack(
        [np.average(means[place == c], axis=0, weights=weight[place == c]) for c in range(len(plan.cohorts))]
    )


LINEAR = [
    ("did", {}),
    ("did", {"washout": 1}),
    ("did", {"controls": "never"}),
    ("prepost", {}),
    ("adjusted", {}),
    ("staggered", {}),
    ("staggered", {"controls": "never", "base": "universal"}),
    ("staggered", {"washout": 1}),
    ("event_study", {}),
    ("twfe", {}),
    ("twfe", {"shape": "event"}),
]


@pytest.mark.parametrize(("method", "options"), LINEAR)
def test_the_weights_are_the_estimators_own(method: str, options: dict[str, object]) -> None:
    plan = Plan(method, options, ROLLOUT, (0, 1, 2), (6, 7, 8))
    means = np.random.default_rng(1).normal(size=(18, 9))
    estimate = apply_method(plan, clusters_of(plan, means), variance="CR0")
    found = float((path_weights(plan).weights * cohort_means(plan, means)).sum())
    # Rollouts weigh cohorts by the period effects of fitted means: the same sums in another order.
    assert found == pytest.approx(estimate.value(estimate.main), abs=1e-10)


def test_levels_compare_the_follow_up_alone() -> None:
    means = np.random.default_rng(1).normal(size=(27, 8))
    arms = (PlannedCohort(4, np.full(12, 10.0)), PlannedCohort(None, np.full(15, 10.0)))
    plan = Plan("adjusted", {"outcome": "level", "adjust": "none"}, arms, (0, 1, 2, 3), (4, 5, 6, 7))
    estimate = apply_method(plan, clusters_of(plan, means))
    weights = path_weights(plan).weights.copy()
    weights[:, :4] = 0.0
    assert float((weights * cohort_means(plan, means)).sum()) == pytest.approx(estimate.value("effect"), abs=1e-12)


def test_strata_are_those_of_the_estimate() -> None:
    for cohorts in (ROLLOUT, (*ROLLOUT[:2], PlannedCohort(7, np.ones(1)), ROLLOUT[3])):
        plan = Plan("staggered", {}, cohorts, (0, 1, 2), (6, 7, 8))
        means = np.random.default_rng(1).normal(size=(sum(one.clusters for one in cohorts), 9))
        estimate = apply_method(plan, clusters_of(plan, means))
        weights = path_weights(plan)
        assert len(weights.names) == len(estimate.stratum_names)
        each = np.repeat(weights.stratum, [one.clusters for one in cohorts])
        pairs = {(int(a), int(b)) for a, b in zip(each, estimate.strata[estimate.clusters], strict=True)}
        assert len(pairs) == len(weights.names)
