"""Resampling: weights, blocks, quantiles of draws and BCa."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from attribution.numerics.resample import (
    BLOCK_CELLS,
    bca,
    block_size,
    blocks,
    delete_one_weights,
    multinomial_weights,
    quantiles,
)


@pytest.mark.parametrize("n_columns", [0, 1, 54, 10_000, 100_000, 10**7])
def test_blocks_cover_the_draws_once_within_the_memory_limit(n_columns: int) -> None:
    cut = list(blocks(1_999, n_columns))
    assert [number for number, _, _ in cut] == list(range(len(cut)))
    assert [start for _, start, _ in cut] == [0, *(stop for _, _, stop in cut[:-1])]
    assert cut[-1][2] == 1_999
    size = block_size(n_columns)
    assert 1 <= size <= 256
    assert size == 1 or size * n_columns <= BLOCK_CELLS


def test_weights_resample_each_stratum_within_itself() -> None:
    strata = np.array([0, 1, 1, 0, 2, 1, 0], dtype=np.int32)  # not in order
    weights = multinomial_weights(strata, 4_000, np.random.default_rng(1))
    for stratum, size in ((0, 3), (1, 3), (2, 1)):
        mine = weights[:, strata == stratum]
        assert (mine.sum(axis=1) == size).all()
        # Binomial(G, 1/G): mean 1, variance 1 − 1/G, within 4 Monte Carlo errors.
        assert mine.mean(axis=0) == pytest.approx(np.ones(size), abs=0.08)
        assert mine.var(axis=0) == pytest.approx(np.full(size, 1 - 1 / size), abs=0.1)
    assert np.abs(np.corrcoef(weights[:, 0], weights[:, 1])[0, 1]) < 0.08


def test_a_stratum_above_65535_clusters_is_drawn_whole() -> None:
    weights = multinomial_weights(np.zeros(70_000, dtype=np.int32), 2, np.random.default_rng(1))
    assert (weights.sum(axis=1) == 70_000).all()
    assert weights[:, 65_536:].sum() > 8_000  # clusters beyond 16 bits are drawn as often as others
    assert (weights[0] != weights[1]).any()


def test_delete_one_weights_leave_each_member_out_once() -> None:
    members = np.array([1, 4, 5])
    stacked = np.concatenate(list(delete_one_weights(6, members)))
    assert stacked.shape == (3, 6)
    assert (stacked[np.arange(3), members] == 0).all()
    assert stacked.sum() == 15


def test_quantiles_are_order_statistics_at_r_plus_one_times_p() -> None:
    draws = np.random.default_rng(0).permutation(np.arange(1.0, 1_000.0))  # 1 … 999
    assert quantiles(draws, np.array([0.025, 0.5, 0.975])) == pytest.approx([25.0, 500.0, 975.0], rel=1e-15)


def test_quantiles_between_orders_are_interpolated_on_the_normal_scale() -> None:
    draws = np.array([0.0, 1.0, 4.0, 9.0])
    # Order 5 · 0.5 = 2.5, between the second and the third.
    share = (ndtri(0.5) - ndtri(0.4)) / (ndtri(0.6) - ndtri(0.4))
    assert quantiles(draws, np.array([0.5]))[0] == pytest.approx(1.0 + share * 3.0)
    off_center = (ndtri(0.7) - ndtri(0.6)) / (ndtri(0.8) - ndtri(0.6))
    assert quantiles(draws, np.array([0.7]))[0] == pytest.approx(4.0 + off_center * 5.0)
    assert off_center != pytest.approx(0.5, abs=0.02)


def test_quantiles_beyond_the_draws_are_the_extremes() -> None:
    draws = np.array([3.0, 1.0, 2.0])
    assert list(quantiles(draws, np.array([0.0, 0.001, 0.999, 1.0]))) == [1.0, 1.0, 3.0, 3.0]


def test_quantiles_of_nothing_are_nan() -> None:
    assert np.isnan(quantiles(np.array([np.nan, np.nan]), np.array([0.1, 0.9]))).all()


def test_infinite_draws_keep_their_place_in_the_order() -> None:
    draws = np.array([-np.inf, 1.0, 2.0, np.inf, np.inf])
    low, middle, high = quantiles(draws, np.array([1 / 6, 0.5, 5 / 6]))
    assert (low, middle, high) == (-np.inf, 2.0, np.inf)


def test_bca_without_bias_and_acceleration_is_the_percentile_interval() -> None:
    draws = np.arange(-500.0, 500.0) + 0.5  # half of the draws on each side of 0
    found = bca(draws, 0.0, np.array([-1.0, 1.0]), 0.9)
    assert (found.z0, found.acceleration) == (0.0, 0.0)
    assert [found.low, found.high] == pytest.approx(quantiles(draws, np.array([0.05, 0.95])), rel=1e-12)


def test_bca_moves_toward_the_side_of_the_bias_and_the_skew() -> None:
    draws = np.random.default_rng(2).normal(0, 1, 9_999)
    plain = bca(draws, float(np.median(draws)), np.array([-1.0, 1.0]), 0.9)
    biased = bca(draws, float(np.quantile(draws, 0.6)), np.array([-1.0, 1.0]), 0.9)
    skewed = bca(draws, float(np.median(draws)), np.array([-1.0] * 9 + [9.0]), 0.9)
    assert biased.z0 == pytest.approx(float(ndtri(0.6)), abs=1e-3)
    assert biased.low > plain.low
    assert skewed.acceleration > 0
    assert skewed.high > plain.high


@pytest.mark.parametrize(
    ("draws", "influence"),
    [
        (np.array([np.nan, np.nan]), np.array([1.0, -1.0])),
        (np.array([1.0, 2.0]), np.zeros(3)),
        (np.array([1.0, 2.0]), np.array([np.nan, 1.0])),
        (np.array([2.0, 3.0]), np.array([1.0, -1.0])),  # every draw above the estimate
        (np.array([0.1, 0.2]), np.array([1.0, -1.0])),  # every draw below it
    ],
)
def test_bca_that_does_not_exist_is_nan(draws: np.ndarray, influence: np.ndarray) -> None:
    found = bca(draws, 1.0, influence, 0.95)
    assert np.isnan([found.low, found.high, found.z0, found.acceleration]).all()
