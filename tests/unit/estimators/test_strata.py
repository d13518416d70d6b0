"""Strata of a staggered study: cohorts, or ever and never trained; mixed clusters; nobody alone who need not be."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attribution.estimators.strata import EVER_NEVER, ever_never_strata, has_lone_arm

NAMES = ("2004", "2006", "never")
EVER = np.array([True, True, False])


def rows(*clusters: tuple[float, float, float]) -> np.ndarray:
    return np.array(clusters, dtype=float)


A, B, N = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def test_cohorts_of_two_clusters_are_the_strata() -> None:
    found = ever_never_strata(rows(A, N, B, A, B, N), NAMES, EVER)
    assert found.names == NAMES
    assert found.code.tolist() == [0, 2, 1, 0, 1, 2]
    assert found.notes == ()


def test_a_cohort_of_one_cluster_makes_them_ever_and_never() -> None:
    found = ever_never_strata(rows(A, N, B, A, N), NAMES, EVER)
    assert found.names == EVER_NEVER
    assert found.code.tolist() == [0, 1, 0, 0, 1]
    assert "2006 of a single cluster" in found.notes[0]


def test_a_cluster_of_two_trained_cohorts_is_mixed_by_cohort_and_ever_trained_otherwise() -> None:
    both = (2.0, 3.0, 0.0)
    cohorts = ever_never_strata(rows(A, A, B, B, both, both, N, N), NAMES, EVER)
    assert cohorts.names == (*NAMES, "mixed")
    assert cohorts.code.tolist() == [0, 0, 1, 1, 3, 3, 2, 2]
    assert "2 clusters hold several" in cohorts.notes[0]
    ever = ever_never_strata(rows(A, B, B, both, both, N, N), NAMES, EVER)
    assert ever.names == EVER_NEVER
    assert ever.code.tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_a_lone_mixed_cluster_joins_the_stratum_of_most_of_its_weight() -> None:
    found = ever_never_strata(rows(A, A, B, B, N, N, (1.0, 0.0, 5.0)), NAMES, EVER)
    assert found.code.tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert "'never'" in found.notes[0]


def test_a_lone_mixed_cluster_joins_a_single_one() -> None:
    found = ever_never_strata(rows(A, B, N, (5.0, 0.0, 1.0)), NAMES, EVER)
    assert found.names == EVER_NEVER
    assert found.code.tolist() == [0, 0, 1, 1]


def test_a_single_cluster_joins_several_mixed_ones() -> None:
    mixed = (5.0, 0.0, 1.0)
    found = ever_never_strata(rows(A, B, N, mixed, mixed), NAMES, EVER)
    assert found.names == ("ever trained", "mixed")
    assert found.code.tolist() == [0, 0, 1, 1, 1]


def test_a_lone_arm_is_seen_even_where_its_cluster_shares_a_stratum() -> None:
    assert has_lone_arm(rows(A, B, N), EVER)
    assert has_lone_arm(rows((1.0, 0.0, 1.0), N, N), EVER)
    assert not has_lone_arm(rows(A, B, N, N), EVER)
    assert not has_lone_arm(rows(A, A, B), EVER)


def test_two_cohorts_are_ever_and_never_already() -> None:
    found = ever_never_strata(np.array([[1.0, 0], [0, 1], [0, 1]]), ("2004", "never"), np.array([True, False]))
    assert found.names == ("2004", "never")
    assert found.notes == ()


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=4, max_size=4), min_size=1, max_size=20))
def test_every_cluster_has_a_named_stratum_and_keeps_its_weight(clusters: list[list[float]]) -> None:
    size = np.array([one for one in clusters if sum(one) > 0] or [[1.0, 0, 0, 0]])
    found = ever_never_strata(size, ("1", "2", "3", "never"), np.array([True, True, True, False]))
    assert set(found.code) == set(range(len(found.names)))
    assert len(set(found.names)) == len(found.names)
    assert (found.cluster_weight == size.sum(axis=1)).all()
