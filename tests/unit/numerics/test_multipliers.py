"""Random weights: their moments, their sums, and that bits do for multipliers what floats would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from attribution.numerics.multipliers import exponential_weights, multiplier_sums

KINDS: tuple[Any, ...] = ("rademacher", "mammen", "webb")


def multiples(kind: Any, n_clusters: int, n_draws: int) -> Any:
    """Return the multipliers themselves, one term a cluster."""
    return multiplier_sums(np.eye(n_clusters), np.ones(n_clusters), n_draws, kind, np.random.default_rng(3))


@pytest.mark.parametrize("kind", KINDS)
def test_multipliers_have_mean_0_and_variance_1(kind: Any) -> None:
    drawn = multiples(kind, 37, 40_000)
    # Means of 1.5 million draws: a standard error of .0008; of their squares (fourth moment at most 4) under .0015.
    assert drawn.mean() == pytest.approx(0, abs=0.004)
    assert (drawn**2).mean() == pytest.approx(1, abs=0.007)
    third = {"rademacher": 0.0, "mammen": 1.0, "webb": 0.0}[kind]
    assert (drawn**3).mean() == pytest.approx(third, abs=0.02)
    # Independent clusters: no correlation beyond 5 standard errors.
    assert np.abs(np.corrcoef(drawn.T) - np.eye(37)).max() < 5 / np.sqrt(40_000)


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("rademacher", [-1, 1]),
        ("mammen", [(1 - 5**0.5) / 2, (1 + 5**0.5) / 2]),
        ("webb", [-(1.5**0.5), -1, -(0.5**0.5), 0.5**0.5, 1, 1.5**0.5]),
    ],
)
def test_multipliers_take_the_points_of_their_paper(kind: Any, points: list[float]) -> None:
    values, counts = np.unique(multiples(kind, 10, 20_000).round(12), return_counts=True)
    assert values == pytest.approx(points, abs=1e-12)
    shares = counts / counts.sum()
    high = (5**0.5 - 1) / (2 * 5**0.5)
    expected = {"rademacher": [0.5, 0.5], "mammen": [1 - high, high], "webb": [1 / 6] * 6}[kind]
    assert shares == pytest.approx(expected, abs=0.006)  # 5 standard errors of 200,000 draws


@pytest.mark.parametrize("kind", KINDS)
def test_all_terms_share_the_multipliers_and_a_nan_term_stays_alone(kind: Any) -> None:
    sums = np.random.default_rng(1).normal(2, 1, (50, 2))
    sums = np.column_stack([sums, sums @ [1.0, -3.0], np.full(50, np.nan)])
    drawn = multiplier_sums(sums, sums.sum(axis=0), 200, kind, np.random.default_rng(2))
    assert drawn[:, 2] == pytest.approx(drawn[:, 0] - 3 * drawn[:, 1], rel=1e-9, abs=1e-9)
    assert np.isnan(drawn[:, 3]).all()


def test_exponential_weights_sum_to_the_size_of_each_stratum() -> None:
    strata = np.array([0, 0, 1, 0, 1, 2, 2, 2, 2, 3], dtype=np.int32)  # strata 0 and 1 stand mixed up
    weights = exponential_weights(strata, 30_000, np.random.default_rng(4))
    assert (weights > 0).all()
    for stratum, size in enumerate([3, 2, 4, 1]):
        part = weights[:, strata == stratum]
        assert part.sum(axis=1) == pytest.approx(size, rel=1e-12)
        # size · Dirichlet(1, …, 1): mean 1, variance (n−1)/(n+1).
        assert part.mean(axis=0) == pytest.approx(1, abs=0.03)
        assert part.var(axis=0) == pytest.approx((size - 1) / (size + 1), abs=0.03)
