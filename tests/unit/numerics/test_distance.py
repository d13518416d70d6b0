"""Points whose Euclidean distance is Mahalanobis' or that of columns in standard deviations."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.numerics.distance import mahalanobis, standardised


def sample() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    columns = rng.normal(size=(60, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 0.3], [0.0, 0.0, 30.0]])
    return columns, rng.random(60) < 0.4


def test_mahalanobis_is_that_of_scipy_under_the_covariance_within_the_arms() -> None:
    from scipy.spatial.distance import cdist

    columns, trained = sample()
    centred = columns.copy()
    for arm in (trained, ~trained):
        centred[arm] -= centred[arm].mean(axis=0)
    inverse = np.linalg.inv(centred.T @ centred / (len(columns) - 2))
    expected = cdist(columns[trained], columns[~trained], "mahalanobis", VI=inverse)
    points = mahalanobis(columns, trained, np.ones(len(columns)))
    assert cdist(points.at[trained], points.at[~trained]) == pytest.approx(expected, rel=1e-10)


def test_a_weight_counts_as_so_many_units() -> None:
    from scipy.spatial.distance import cdist

    columns, trained = sample()
    times = np.where(np.arange(60) % 3 == 0, 2, 1)
    weighted = mahalanobis(columns, trained, times.astype(float))
    repeated = np.repeat(np.arange(60), times)
    copied = mahalanobis(columns[repeated], trained[repeated], np.ones(len(repeated)))
    first = np.searchsorted(repeated, np.arange(60))
    one, other = (cdist(points[:9], points[9:]) for points in (weighted.at, copied.at[first]))
    # Degrees of freedom count units, so that the distances differ by one factor.
    assert one / other == pytest.approx((one / other)[0, 0], rel=1e-10)


def test_all_columns_of_a_category_give_the_distances_of_all_but_one() -> None:
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(5)
    level = rng.integers(0, 3, 80)
    dummies = (level[:, None] == np.arange(3)).astype(float)
    number, trained = rng.normal(size=(80, 1)), rng.random(80) < 0.4
    whole = mahalanobis(np.hstack([number, dummies]), trained, np.ones(80))
    fewer = mahalanobis(np.hstack([number, dummies[:, 1:]]), trained, np.ones(80))
    assert whole.at.shape[1] == 3
    assert cdist(whole.at, whole.at) == pytest.approx(cdist(fewer.at, fewer.at), rel=1e-8, abs=1e-10)


def test_mahalanobis_does_not_change_with_units_of_measurement() -> None:
    columns, trained = sample()
    one = mahalanobis(columns, trained, np.ones(60)).at
    other = mahalanobis(columns * [1e-6, 1.0, 1e6] + [5.0, -3.0, 0.0], trained, np.ones(60)).at
    gap = [((points[:30] - points[30:]) ** 2).sum(axis=1) for points in (one, other)]
    assert gap[0] == pytest.approx(gap[1], rel=1e-9)


def test_the_direction_is_one_of_the_distance() -> None:
    columns, trained = sample()
    points = mahalanobis(columns, trained, np.ones(60))
    assert points.along is not None
    # A coordinate of the root: never farther apart than the points are.
    apart = np.abs(points.along[:30] - points.along[30:])
    assert (apart <= np.sqrt(((points.at[:30] - points.at[30:]) ** 2).sum(axis=1)) * (1 + 1e-12)).all()


def test_standardised_columns_have_a_standard_deviation_of_one() -> None:
    columns, _ = sample()
    points = standardised(columns)
    assert points.at.std(axis=0, ddof=1) == pytest.approx(1.0, rel=1e-12)
    assert points.along is None
