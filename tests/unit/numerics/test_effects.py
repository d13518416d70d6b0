"""Two arms compared given covariates: every rule is its map, its influence the derivative, and packages agree."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from attribution.numerics.common_slope import CommonSlope
from attribution.numerics.effects import Contrast, Population, Rule, contrast
from attribution.numerics.logit import FitError
from attribution.numerics.pairs import panel_pair

Floats = NDArray[np.float64]

RULES: tuple[Rule, ...] = ("none", "regression", "ipw", "doubly_robust", "ancova")
POPULATIONS: tuple[Population, ...] = ("ATT", "ATE", "ATO")
CASES = [
    (rule, population, hold)
    for rule, population, hold in product(RULES, POPULATIONS, (False, True))
    if not hold or rule in ("regression", "ancova")
]


class Data:
    """Sixty units of two arms with two covariates, unit weights and two outcomes."""

    def __init__(self, seed: int = 1, n: int = 60) -> None:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, 2))
        self.trained = rng.random(n) < 1 / (1 + np.exp(-0.6 * x[:, 0]))
        self.x = np.column_stack([np.ones(n), x])
        self.weight = rng.uniform(0.5, 2.0, n)
        slope = np.where(self.trained, 2.0, 1.0)[:, None]
        self.y = x @ [[1.0, 0.5], [0.3, -1.0]] * slope + self.trained[:, None] + rng.normal(size=(n, 2))
        self.target = rng.uniform(0.5, 2.0, n)


def build(data: Data, rule: Rule, population: Population, hold: bool = False) -> Contrast | CommonSlope:
    apart = data.x[:, 1:2] if rule == "ancova" else None
    return contrast(data.trained, data.x, data.weight, rule=rule, population=population, hold=hold, apart=apart)


@pytest.mark.parametrize(("rule", "population", "hold"), CASES)
def test_the_influence_is_the_derivative_of_the_map(rule: Rule, population: Population, hold: bool) -> None:
    data = Data()
    made = build(data, rule, population, hold)
    values, influence, _ = made.influence(data.y)
    n = len(data.trained)
    step = 1e-4 * np.eye(n)
    assert made.effect(data.y, np.ones((1, n)))[0] == pytest.approx(values, rel=1e-12)
    moved = (made.effect(data.y, 1 + step) - made.effect(data.y, 1 - step)) / 2e-4
    # Central differences with steps of 1e-4 are good to their square.
    assert moved == pytest.approx(influence, abs=2e-8)
    assert np.abs(influence.sum(axis=0)).max() < 1e-12
    assert made.weights_of() @ data.y == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize(("rule", "population"), [("regression", "ATE"), ("doubly_robust", "ATE"), ("ancova", "ATE")])
def test_the_part_of_whom_it_speaks_for_is_the_derivative_by_their_own_weights(
    rule: Rule, population: Population
) -> None:
    data = Data()
    apart = data.x[:, 1:2] if rule == "ancova" else None
    made = contrast(
        data.trained, data.x, data.weight, rule=rule, population=population, target=data.target, apart=apart
    )
    _, influence, of_target = made.influence(data.y)
    n = len(data.trained)
    ones, step = np.ones((n, n)), 1e-4 * np.eye(n)
    own = (made.effect(data.y, ones, None, 1 + step) - made.effect(data.y, ones, None, 1 - step)) / 2e-4
    assert own == pytest.approx(of_target, abs=2e-8)
    rest = (made.effect(data.y, 1 + step, None, ones) - made.effect(data.y, 1 - step, None, ones)) / 2e-4
    assert rest == pytest.approx(influence - of_target, abs=2e-8)


@pytest.mark.parametrize("rule", ["regression", "ipw", "doubly_robust"])
def test_the_effect_on_the_trained_is_that_of_changes_compared(rule: Rule) -> None:
    data = Data()
    pair = panel_pair(data.trained, data.x, data.weight, rule)
    att, influence = pair.influence(data.y)
    found = build(data, rule, "ATT").influence(data.y)
    assert found[0] == pytest.approx(att, rel=1e-12)
    assert found[1] == pytest.approx(influence, abs=1e-13)


@pytest.mark.parametrize(("rule", "population", "hold"), CASES)
def test_an_emptied_arm_is_a_row_of_nan(rule: Rule, population: Population, hold: bool) -> None:
    data = Data()
    rows = np.stack([np.ones(60), data.trained.astype(float), (~data.trained).astype(float)])
    found = build(data, rule, population, hold).effect(data.y, rows)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize(("rule", "population"), [(r, p) for r, p in product(RULES, POPULATIONS)])
def test_a_constant_effect_without_noise_is_found_whatever_the_rule(rule: Rule, population: Population) -> None:
    data = Data()
    outcome = (data.x @ [4.0, 1.0, -2.0] + 3.0 * data.trained)[:, None]
    found = build(data, rule, population).influence(outcome)[0]
    if rule in ("regression", "doubly_robust", "ancova"):
        assert found == pytest.approx([3.0], abs=1e-12)
    elif (rule, population) == ("ipw", "ATO"):
        # A logit's overlap weights balance the covariates of its index exactly (Li, Morgan & Zaslavsky 2018).
        assert found == pytest.approx([3.0], abs=1e-7)
    else:
        assert abs(float(found[0]) - 3.0) > 1e-3


@pytest.mark.parametrize("hold", [True, False])
def test_a_regression_per_arm_is_one_regression_with_all_slopes_apart(hold: bool) -> None:
    data = Data()
    for population in POPULATIONS[:2]:
        arms = contrast(data.trained, data.x, data.weight, rule="regression", population=population, hold=hold)
        joint = contrast(
            data.trained, data.x, data.weight, rule="ancova", population=population, hold=hold, apart=data.x[:, 1:]
        )
        for one, other in zip(arms.influence(data.y)[:2], joint.influence(data.y)[:2], strict=True):
            assert one == pytest.approx(other, abs=1e-12)
        if hold:
            assert arms.leverage() == pytest.approx(joint.leverage(), abs=1e-12)
            assert arms.residuals(data.y) == pytest.approx(joint.residuals(data.y), abs=1e-12)
            assert arms.n_parameters == joint.n_parameters == 6


def test_controls_that_are_almost_surely_trained_have_no_weight() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=400)
    trained = rng.random(400) < 1 / (1 + np.exp(-4 * x))
    x[np.argmax(~trained)] = 1.9
    made = contrast(trained, np.column_stack([np.ones(400), x]), np.ones(400), rule="ipw")
    assert made.trimmed.sum() >= 1
    assert (made.weights_of()[made.trimmed] == 0).all()
    everyone = contrast(trained, np.column_stack([np.ones(400), x]), np.ones(400), rule="ipw", population="ATO")
    assert not everyone.trimmed.any()
    assert (everyone.weights_of() != 0).all()


def test_what_does_not_exist_is_refused() -> None:
    data = Data()
    with pytest.raises(FitError, match="empty arm"):
        contrast(np.ones(60, dtype=bool), data.x, data.weight, rule="none")
    apart = np.column_stack([data.x, data.trained * data.x[:, 1]])
    with pytest.raises(FitError, match="singular"):
        contrast(data.trained, apart, data.weight, rule="regression", population="ATE")
    with pytest.raises(FitError, match="separated"):
        contrast(data.trained, np.column_stack([data.x, data.trained]), data.weight, rule="ipw")
    with pytest.raises(FitError, match="singular"):
        contrast(data.trained, np.column_stack([data.x, data.trained]), data.weight, rule="ancova")


def test_three_trained_need_no_regression_of_their_own() -> None:
    data = Data()
    trained = np.zeros(60, dtype=bool)
    trained[:3] = True
    outcome = (data.x @ [1.0, 2.0, 3.0] + 5.0 * trained)[:, None]
    found = contrast(trained, np.column_stack([data.x, data.x[:, 1] ** 2]), np.ones(60), rule="regression")
    assert found.influence(outcome)[0] == pytest.approx([5.0], abs=1e-12)
