"""The smallest effect by simulation: drawn histories, the very test, draws that have no standard error."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest

from attribution.core.estimate import Estimate
from attribution.core.panel import NEVER
from attribution.errors import MethodError
from attribution.planning.history import declared_noise
from attribution.planning.mde import analytic_mde
from attribution.planning.placebo import placebo, placebos_of
from attribution.planning.records import Mde, Plan, PlannedCohort
from attribution.planning.simulated import Draws, drawn, mde_of_draws, path_model, simulated_mde
from attribution.planning.skeleton import apply_method, plain_panel
from tests.unit.planning.plans import TWO, equal, plan_of

CELLS = [
    ("did", TWO, {}),
    ("lagged", (equal(4, 10, 1), equal(None, 10, 1)), {}),
    ("staggered", (equal(4, 6), equal(5, 6), equal(6, 6), equal(None, 10)), {}),
]


@pytest.mark.parametrize(("method", "cohorts", "options"), CELLS)
def test_the_formula_is_what_the_very_test_can_see(
    method: str, cohorts: tuple[PlannedCohort, ...], options: dict[str, object]
) -> None:
    plan = plan_of(method, cohorts, **options)
    noise = declared_noise(sd=1.0, icc=0.1, autocorrelation=0.5, span=8)
    simulated = simulated_mde(plan, noise, estimate=partial(apply_method, plan), replications=200, seed=5)
    formula = analytic_mde(plan, noise)
    # 200 histories, of either sign: 3.5 Monte Carlo errors of a share near .8 are 10 points, about 7 for the pairs.
    assert simulated.power_at(formula.mde) == pytest.approx(0.8, abs=0.07)
    assert simulated.std_error == pytest.approx(formula.std_error, rel=0.04)
    assert simulated.size == pytest.approx(0.05, abs=0.05)
    assert simulated.how == "simulated"


def test_drawn_paths_have_the_covariances_of_the_noise() -> None:
    noise = declared_noise(sd=1.0, icc=0.3, autocorrelation=0.5, span=2, level=20.0)
    plan = Plan("did", {}, (equal(1, 3000, 2), equal(None, 3000, 3)), (0,), (1,))
    panel = path_model(plan, noise).draw(np.random.default_rng(3))
    values = panel.observations.outcome.reshape(-1, 2)
    assert values.mean() == pytest.approx(20.0, abs=0.05)
    # 6,000 clusters: a variance of 1 is known to 2% and the covariances alike.
    assert np.cov(values, rowvar=False) == pytest.approx(noise.of_mean(1), abs=0.05)
    first = values[: 2 * 3000].reshape(3000, 2, 2)
    assert np.cov(first.mean(axis=1), rowvar=False) == pytest.approx(noise.of_mean(2), abs=0.05)
    assert np.cov(first[:, 0, 0], first[:, 1, 1])[0, 1] == pytest.approx(noise.between[0, 1], abs=0.05)


def test_the_same_seed_gives_the_same_bits_for_any_number_of_workers() -> None:
    plan, noise = plan_of("did"), declared_noise(sd=1.0, icc=0.1, autocorrelation=0.5, span=8)
    steps: list[tuple[int, int]] = []

    def run(seed: int, workers: int) -> Mde:
        return simulated_mde(
            plan,
            noise,
            estimate=partial(apply_method, plan),
            replications=40,
            seed=seed,
            workers=workers,
            progress=lambda done, total: steps.append((done, total)),
        )

    one, two, other = run(1, 1), run(1, 2), run(2, 1)
    assert steps[:40] == [(done, 40) for done in range(1, 41)]
    assert (one.mde, one.size) == (two.mde, two.size)
    assert np.array_equal(one.powers, two.powers)
    assert one.mde != other.mde


def test_placebo_launches_see_what_drawn_histories_see() -> None:
    rng = np.random.default_rng(12)
    own, nobody = np.arange(60, dtype=np.int32), np.full(60, NEVER, dtype=np.int32)
    history = plain_panel(nobody, own, np.ones(60), rng.normal(size=(60, 12)), 60)
    plan = Plan("did", {}, (equal(2, 20, 1), equal(None, 20, 1)), (0, 1), (2, 3))
    placebos = placebos_of(history, plan, end=12, mechanism="random", baseline=[10, 11])

    def estimate(number: int) -> Estimate:
        one = placebo(placebos, seed=3, number=number)
        return apply_method(plan, one.panel, baseline=one.baseline, followup=one.followup)

    found = mde_of_draws(drawn(estimate, 100), level=0.95, power=0.8)
    expected = analytic_mde(plan, declared_noise(sd=1.0, icc=1.0, autocorrelation=0.0, span=4))
    # One history of 60 people: its own variance is known to 9% or so, and 100 launches add as much.
    assert found.mde == pytest.approx(expected.mde, rel=0.2)
    assert found.how == "simulated"
    assert found.replications == 100


def test_histories_without_a_standard_error_see_nothing_and_are_counted() -> None:
    draws = Draws(np.zeros(10), np.array([1.0] * 9 + [np.nan]), np.array([1e9] * 9 + [np.nan]))
    found = mde_of_draws(draws, level=0.95, power=0.8)
    assert found.mde == pytest.approx(1.96, abs=1e-3)
    assert found.powers[-1] == pytest.approx(0.9)
    assert found.caveats == ("simulated histories without a standard error: 1 of 10, which count as seeing nothing",)
    nothing = mde_of_draws(dataclasses.replace(draws, std_error=np.full(10, np.nan)), level=0.95, power=0.8)
    assert np.isnan(nothing.mde)
    assert "10 of 10" in nothing.reason


def test_too_few_replications_are_refused() -> None:
    def never(number: int) -> Estimate:
        raise AssertionError(number)

    with pytest.raises(MethodError, match="at least 20"):
        drawn(never, 5)
