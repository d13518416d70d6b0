"""The smallest effect that a plan can see by formula: its curve, where there is none, where it is not to be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.errors import MethodError
from attribution.planning.history import declared_noise
from attribution.planning.mde import analytic_mde
from attribution.planning.records import Noise, Plan, PlannedCohort
from attribution.planning.simulated import path_model
from tests.unit.planning.plans import equal, plan_of


def test_a_curve_runs_from_the_size_of_the_test_through_the_mde() -> None:
    found = analytic_mde(plan_of("did"), declared_noise(sd=1.0, icc=0.1, autocorrelation=0.5, span=8))
    assert len(found.effects) == len(found.powers) == 101
    assert found.powers[0] == pytest.approx(0.05)
    assert (np.diff(found.powers) > 0).all()
    assert found.power_at(found.mde) == pytest.approx(0.8, abs=0.005)
    assert found.power_at(-found.mde) == found.power_at(found.mde)


@pytest.mark.parametrize("method", ["trend", "synthetic"])
def test_methods_without_weights_say_so(method: str) -> None:
    found = analytic_mde(plan_of(method), declared_noise(sd=1.0, icc=0.1, span=8))
    assert np.isnan(found.mde)
    assert "only simulation" in found.reason


@pytest.mark.parametrize("method", ["did", "staggered", "lagged"])
def test_an_arm_of_one_cluster_has_no_mde(method: str) -> None:
    found = analytic_mde(plan_of(method, (equal(4, 1), equal(None, 9))), declared_noise(sd=1.0, icc=0.1, span=8))
    assert np.isnan(found.mde)
    assert "one cluster" in found.reason


def test_a_kpi_that_does_not_vary_has_no_mde() -> None:
    noise = Noise(np.ones((8, 8)), np.zeros((8, 8)), 0.0, "stated")
    assert "does not vary" in analytic_mde(plan_of("did"), noise).reason


def test_where_the_number_is_not_to_be_trusted_is_said() -> None:
    noise = declared_noise(sd=1.0, icc=0.1, span=8)

    def caveats(plan: Plan) -> str:
        return " ".join(analytic_mde(plan, noise).caveats)

    assert caveats(plan_of("did")) == ""
    few = caveats(plan_of("did", (equal(4, 4), equal(None, 9))))
    assert "trained: 4 clusters, fewer than 5" in few
    assert "not trained: 9 clusters, fewer than 10" in few
    small = (equal(4, 4), equal(5, 12), equal(6, 3), equal(None, 20))
    assert caveats(plan_of("staggered", small)).startswith("waves of fewer than 5 clusters: 2 of 3")
    assert caveats(plan_of("did", small)) == ""
    # Waves of a single cluster are one stratum together, and so is all that is trained in one go.
    singles = (*(equal(4 + wave % 4, 1) for wave in range(4)), equal(None, 20))
    assert "waves" not in caveats(plan_of("staggered", singles))
    assert "waves" not in caveats(plan_of("staggered", (equal(4, 4), equal(None, 20))))
    assert "covariates" in caveats(plan_of("did", covariates=["tenure"]))
    assert "cohort" in caveats(plan_of("did", cohort="matched"))
    assert "CR1" in caveats(plan_of("did", variance="CR1"))
    assert "share in a period" in caveats(plan_of("prepost"))


def test_what_cannot_be_planned_is_refused() -> None:
    noise = declared_noise(sd=1.0, icc=0.1, span=3)
    with pytest.raises(MethodError, match=r"span=plan\.span"):
        analytic_mde(plan_of("did"), noise)
    with pytest.raises(MethodError, match=r"span=plan\.span"):
        path_model(plan_of("did"), noise)
    noise = declared_noise(sd=1.0, icc=0.1, span=8)
    for level, power in ((1.0, 0.8), (0.95, 0.0)):
        with pytest.raises(MethodError, match="between 0 and 1"):
            analytic_mde(plan_of("did"), noise, level=level, power=power)
    with pytest.raises(MethodError, match="no units"):
        analytic_mde(plan_of("did", (equal(4, 3), PlannedCohort(None, np.zeros(0)))), noise)
    with pytest.raises(MethodError, match="there is no method"):
        analytic_mde(plan_of("dif"), noise)


def test_two_arms_measured_once() -> None:
    # The textbook: 2σ²(1 + (n − 1)·icc)/(n·J) with n per cluster, J clusters per arm.
    noise = declared_noise(sd=2.0, icc=0.1, autocorrelation=0.5, span=1)
    plan = Plan("adjusted", {}, (equal(0, 20, 5), equal(None, 20, 5)), (), (0,))
    assert analytic_mde(plan, noise).std_error ** 2 == pytest.approx(2 * 4 * (1 + 4 * 0.1) / (5 * 20), rel=1e-12)
