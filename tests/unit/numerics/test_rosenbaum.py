"""Rosenbaum's bounds: against scipy's signed-rank test, Walsh averages made one by one, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from attribution.numerics.rosenbaum import (
    WalshMeans,
    critical_gamma,
    effect_bounds,
    p_value_bounds,
    signed_rank,
)

Floats = NDArray[np.float64]


def draws(seed: int, n: int = 60, shift: float = 0.5, ties: bool = True) -> Floats:
    values = np.random.default_rng(seed).normal(shift, 1, n)
    return np.round(values, 1) if ties else values


@pytest.mark.parametrize("seed", range(4))
def test_without_bias_it_is_wilcoxons_test(seed: int) -> None:
    values = draws(seed)
    oracle = stats.wilcoxon(values, alternative="greater", zero_method="wilcox", correction=False, method="asymptotic")
    low, high = p_value_bounds(values, [1.0])
    assert signed_rank(values).statistic == oracle.statistic
    assert low[0] == pytest.approx(oracle.pvalue, rel=1e-10)
    assert high[0] == low[0]


def test_a_larger_bias_widens_both_bounds() -> None:
    gammas = np.linspace(1, 6, 30)
    values = draws(1)
    for low, high in (p_value_bounds(values, gammas), effect_bounds(values, gammas)):
        assert (np.diff(low) <= 0).all()
        assert (np.diff(high) >= 0).all()
        assert (low <= high).all()


def test_the_bound_is_reached_by_the_worst_assignment() -> None:
    """Signs that are positive with probability Γ/(1 + Γ) give a statistic whose tail is the upper p value."""
    values, gamma = draws(3, n=40), 1.6
    found = signed_rank(values)
    rng = np.random.default_rng(0)
    drawn = (rng.random((40_000, len(found.ranks))) < gamma / (1 + gamma)) @ found.ranks
    # Normal approximation, and .25% of simulation error.
    assert p_value_bounds(values, [gamma])[1][0] == pytest.approx(float(np.mean(drawn >= found.statistic)), abs=0.01)


@pytest.mark.parametrize("alpha", [0.025, 0.05, 0.2])
def test_the_critical_bias_is_where_the_upper_p_value_is_alpha(alpha: float) -> None:
    values = draws(0)
    gamma = critical_gamma(values, alpha)
    assert gamma > 1
    assert p_value_bounds(values, [gamma])[1][0] == pytest.approx(alpha, rel=1e-9)


def test_the_critical_bias_at_its_ends() -> None:
    assert critical_gamma(draws(0, shift=0.0), 0.025) == 1.0
    assert critical_gamma(-draws(0), 0.025) == 1.0
    assert np.isnan(critical_gamma(np.zeros(5), 0.025))
    # All pairs positive: a bias can still make it likely, since 33 heads can come from a coin that is loaded enough.
    assert 1 < critical_gamma(np.arange(1.0, 34.0), 0.025) < np.inf


@pytest.mark.parametrize("n", [1, 2, 5, 24])
def test_walsh_means_are_counted_without_being_made(n: int) -> None:
    # Quarters, whose sums are exact.
    ordered = np.sort(np.round(4 * np.random.default_rng(n).normal(size=n)) / 4)
    made = np.sort([(ordered[i] + ordered[j]) / 2 for i in range(n) for j in range(i, n)])
    means = WalshMeans(ordered)
    assert means.count == len(made)
    assert [means.ranked(rank) for rank in range(1, len(made) + 1)] == made.tolist()
    assert [means.at_most(value) for value in made] == np.searchsorted(made, made, side="right").tolist()
    assert means.quantile(0.5) == pytest.approx(float(np.median(made)), abs=1e-12)


def test_the_bounds_of_the_estimate_shift_and_turn_with_the_data() -> None:
    values, gammas = draws(2, ties=False), [1.0, 1.5, 3.0]
    low, high = effect_bounds(values, gammas)
    moved = effect_bounds(2 * values + 3, gammas)
    assert moved[0] == pytest.approx(2 * low + 3, rel=1e-12)
    turned = effect_bounds(-values, gammas)
    assert turned[0] == pytest.approx(-high, rel=1e-12)
    # The estimate at a bound's shift: the statistic is what the bias expects, to one Walsh average.
    total = len(values) * (len(values) + 1) / 2
    for place, gamma in enumerate(gammas):
        assert signed_rank(values - low[place] + 1e-9).statistic == pytest.approx(total * gamma / (1 + gamma), abs=1)


@pytest.mark.parametrize("step", [0.1, 0.01])
def test_a_walk_in_steps_ends_within_a_step_beyond_the_bound(step: float) -> None:
    # Biases whose share of the 1,830 Walsh averages is no whole number: none lies between two of them.
    values, gammas = draws(5, ties=False), [1.3, 2.2, 4.1]
    exact, walked = effect_bounds(values, gammas), effect_bounds(values, gammas, step=step)
    assert ((exact[0] - walked[0] >= -1e-4) & (exact[0] - walked[0] <= step + 1e-4)).all()
    assert ((walked[1] - exact[1] >= -1e-4) & (walked[1] - exact[1] <= step + 1e-4)).all()


def test_a_walk_starts_where_all_pairs_are_the_same() -> None:
    low, high = effect_bounds(np.full(6, 2.0), [1.0], step=0.5)
    assert [low[0], high[0]] == [2.0, 2.0]
    low, high = effect_bounds(np.zeros(6), [2.0], step=0.5)
    assert [low[0], high[0]] == [-0.5, 0.5]


def test_large_samples_take_no_square_of_their_size() -> None:
    values = np.random.default_rng(0).normal(0.2, 1, 30_000)
    low, high = effect_bounds(values, [1.0, 1.5])
    assert low[0] == pytest.approx(0.2, abs=0.03)
    assert low[1] < low[0] < high[1]
