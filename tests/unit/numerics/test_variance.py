"""The default variance of a map of weights: jackknife, influence, df."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from attribution.numerics.variance import (
    JACKKNIFE_LIMIT,
    cluster_sums,
    contrast_variance,
    stratified,
    welch_df,
)

Floats = NDArray[np.float64]


class MeanDifference:
    """The map of two weighted arm means, and their difference first."""

    def __init__(self, values: Floats, size: Floats, strata: NDArray[np.int32]) -> None:
        self.values, self.size, self.strata = values, size, strata

    def __call__(self, weights: Floats) -> Floats:
        means = []
        for arm in (0, 1):
            w = weights * self.size * (self.strata == arm)
            means.append(w @ self.values / w.sum(axis=1))
        return np.stack([means[0] - means[1], means[0]], axis=1)

    def influence(self) -> Floats:
        rows = np.zeros((len(self.values), 2))
        for arm, sign in ((0, 1.0), (1, -1.0)):
            inside = self.strata == arm
            w = self.size * inside
            centered = w * (self.values - w @ self.values / w.sum()) / w.sum()
            rows[:, 0] += sign * centered
            if arm == 0:
                rows[:, 1] = centered
        return rows


def make(sizes: tuple[int, int], *, equal: bool = True) -> MeanDifference:
    rng = np.random.default_rng(4)
    strata = np.repeat(np.array([0, 1], dtype=np.int32), sizes)
    size = np.ones(len(strata)) if equal else rng.integers(3, 41, len(strata)).astype(float)
    return MeanDifference(rng.normal(strata, 1 + strata), size, strata)


def layers(one: MeanDifference) -> tuple[Floats, Floats]:
    values = one(np.ones((1, len(one.strata))))[0]
    found = stratified(one, values, one.influence(), one.strata, one.size)
    return found.covariance, found.df


def test_equal_clusters_give_the_sample_variance_of_each_mean() -> None:
    one = make((7, 12))
    covariance, df = layers(one)
    for arm, size in ((0, 7), (1, 12)):
        assert covariance[arm, 0, 0] == pytest.approx(one.values[one.strata == arm].var(ddof=1) / size, rel=1e-12)
    assert covariance[0, 0, 1] == pytest.approx(covariance[0, 0, 0], rel=1e-12)
    assert covariance[1, 1, 1] == pytest.approx(0.0, abs=1e-25)
    assert df == pytest.approx([6.0, 11.0])


def test_for_equal_clusters_jackknife_and_influence_are_one_number() -> None:
    one = make((JACKKNIFE_LIMIT, JACKKNIFE_LIMIT + 1))
    covariance, _ = layers(one)
    values = one.values[one.strata == 1]
    assert covariance[1, 0, 0] == pytest.approx(values.var(ddof=1) / len(values), rel=1e-12)
    assert covariance[0, 0, 0] == pytest.approx(one.values[one.strata == 0].var(ddof=1) / JACKKNIFE_LIMIT, rel=1e-12)


@pytest.mark.parametrize("size", [JACKKNIFE_LIMIT, JACKKNIFE_LIMIT + 1])
def test_up_to_a_hundred_clusters_are_left_out_one_by_one_more_take_the_influence(size: int) -> None:
    one = make((size, 5), equal=False)
    covariance, _ = layers(one)
    ones = np.ones((1, len(one.strata)))
    left_out = np.array([one(ones - np.eye(len(one.strata))[g])[0, 0] for g in range(size)])
    jackknife = (size - 1) / size * np.sum((left_out - one(ones)[0, 0]) ** 2)
    influence = size / (size - 1) * np.sum(one.influence()[:size, 0] ** 2)
    assert abs(jackknife / influence - 1) > 1e-3
    assert covariance[0, 0, 0] == pytest.approx(jackknife if size <= JACKKNIFE_LIMIT else influence, rel=1e-12)


def test_df_are_kishs_effective_number_less_one() -> None:
    one = make((9, 14), equal=False)
    _, df = layers(one)
    for arm in (0, 1):
        c = one.size[one.strata == arm]
        assert df[arm] == pytest.approx(c.sum() ** 2 / np.sum(c**2) - 1)
        assert df[arm] < len(c) - 1


def test_df_are_at_least_one() -> None:
    one = make((3, 4))
    one.size[:3] = [1_000.0, 1.0, 1.0]
    assert layers(one)[1][0] == 1.0


def test_a_stratum_of_one_cluster_has_no_variance() -> None:
    covariance, _ = layers(make((1, 6)))
    assert np.isnan(covariance[0]).all()
    assert np.isfinite(covariance[1]).all()


def test_a_cluster_without_which_there_is_no_estimate_leaves_no_variance() -> None:
    one = make((2, 6))
    one.size[0] = 0.0  # then the other cluster is the whole arm
    with np.errstate(invalid="ignore"):
        covariance, _ = layers(one)
    assert np.isnan(covariance[0]).any()


def test_cluster_sums_leave_out_rows_that_do_not_enter() -> None:
    rows = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0]])
    found = cluster_sums(rows, np.array([1, -1, 0, 1], dtype=np.int32), 3)
    assert found.tolist() == [[4.0, 40.0], [9.0, 90.0], [0.0, 0.0]]


def test_contrast_variance_is_the_quadratic_form_per_stratum() -> None:
    rng = np.random.default_rng(0)
    covariance = rng.normal(size=(3, 2, 2))
    covariance = covariance @ covariance.transpose(0, 2, 1)
    contrasts = rng.normal(size=(5, 2))
    expected = [[c @ V @ c for V in covariance] for c in contrasts]
    assert contrast_variance(covariance, contrasts) == pytest.approx(np.array(expected))


def test_welch_df() -> None:
    assert welch_df(np.array([2.0, 1.0]), np.array([4.0, 9.0])) == pytest.approx(9 / (4 / 4 + 1 / 9))
    assert welch_df(np.array([2.0, 0.0]), np.array([4.0, 9.0])) == pytest.approx(4.0)
    assert np.isnan(welch_df(np.array([0.0, 0.0]), np.array([4.0, 9.0])))
