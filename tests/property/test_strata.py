"""Strata and optimal matching for any data: weights balance the arms, order decides nothing, no swap is nearer."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attribution.numerics.assignment import Caliper, full_match, links_within, optimal_pairs, optimal_pairs_among
from attribution.numerics.strata import (
    cut_points,
    equal_rows,
    fill_classes,
    quantile_classes,
    stratum_weights,
    with_both_arms,
)

small = st.integers(-8, 8).map(lambda one: one / 2)
scores = st.lists(small, min_size=1, max_size=12)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(1, 4)), min_size=2, max_size=40))
def test_weighted_arms_are_alike_in_every_stratum(rows: list[tuple[int, bool, int]]) -> None:
    codes, trained, weight = (np.array(column) for column in zip(*rows, strict=True))
    sets = with_both_arms(codes.astype(np.int64), trained)
    whole = weight * stratum_weights(sets, trained, weight.astype(float), "ATT")
    assert (whole[sets < 0] == 0).all()
    for one in np.unique(sets[sets >= 0]):
        here = sets == one
        assert np.isclose(whole[here & trained].sum(), whole[here & ~trained].sum(), rtol=1e-12)
        assert np.isclose(whole[here & trained].sum(), weight[here & trained].sum(), rtol=1e-12)


@given(st.lists(st.lists(small, min_size=3, max_size=3), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_equal_rows_follow_their_rows(rows: list[list[float]], random: Any) -> None:
    columns, order = np.array(rows), list(range(len(rows)))
    random.shuffle(order)
    assert equal_rows(columns[order]).tolist() == equal_rows(columns)[order].tolist()


@given(st.lists(small, min_size=2, max_size=30), st.sampled_from(["sturges", "fd", "scott", 3]), st.integers(-3, 3))
def test_bins_do_not_depend_on_the_unit_of_measurement(values: list[float], bins: Any, power: int) -> None:
    # A power of two, so that no rounding tells the two apart; the rule's five digits are decimal, so fd takes it as is.
    column = np.array(values)
    scale = 1.0 if bins == "fd" else 2.0**power
    one = np.searchsorted(cut_points(column, bins), column, side="right")
    other = np.searchsorted(cut_points(column * scale, bins), column * scale, side="right")
    assert one.tolist() == other.tolist()


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=6, max_size=60), st.integers(2, 5))
def test_filled_classes_hold_both_arms(rows: list[tuple[float, bool]], count: int) -> None:
    score, trained = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assume(trained.any() and not trained.all())
    codes = quantile_classes(score, trained, count)
    classes = int(codes.max()) + 1
    assume(min(trained.sum(), (~trained).sum()) >= classes)
    filled = fill_classes(codes, trained, score, 1)
    for arm in (trained, ~trained):
        assert np.bincount(filled[arm], minlength=classes).min() >= 1


@settings(max_examples=60)
@given(scores, scores)
def test_no_link_of_a_full_match_can_be_left_out_or_replaced(mine: list[float], theirs: list[float]) -> None:
    trained, control = np.array(mine)[:, None], np.array(theirs)[:, None]
    links = full_match(trained, control)
    left, right = np.bincount(links.trained, minlength=len(mine)), np.bincount(links.control, minlength=len(theirs))
    assert (left > 0).all()
    assert (right > 0).all()
    for one, other, distance in zip(links.trained, links.control, links.distance, strict=True):
        assert left[one] == 1 or right[other] == 1
        # A leaf has nobody nearer than its centre.
        if right[other] > 1:
            assert distance <= np.abs(trained[one, 0] - control[:, 0]).min() + 1e-12
        elif left[one] > 1:
            assert distance <= np.abs(control[other, 0] - trained[:, 0]).min() + 1e-12


@settings(max_examples=60)
@given(scores, scores)
def test_no_two_pairs_are_nearer_when_they_swap(mine: list[float], theirs: list[float]) -> None:
    trained, control = np.array(mine)[:, None], np.array(theirs)[:, None]
    links = optimal_pairs(trained, control)
    assert len(links.trained) == min(len(mine), len(theirs))
    a, b = trained[links.trained, 0], control[links.control, 0]
    kept = np.abs(a - b)[:, None] + np.abs(a - b)
    assert (kept <= np.abs(a[:, None] - b) + np.abs(a[:, None] - b).T + 1e-9).all()


@settings(max_examples=60)
@given(scores, scores, st.integers(0, 6).map(lambda one: one / 4))
def test_pairs_within_a_caliper_are_within_it_and_nobody_is_left_who_could_be_paired(
    mine: list[float], theirs: list[float], width: float
) -> None:
    trained, control = np.array(mine)[:, None], np.array(theirs)[:, None]
    allowed = links_within(trained, control, Caliper(trained[:, 0], control[:, 0], width))
    links = optimal_pairs_among(allowed, len(mine), len(theirs))
    assert (links.distance <= width).all()
    free, idle = np.ones(len(mine), dtype=bool), np.ones(len(theirs), dtype=bool)
    free[links.trained], idle[links.control] = False, False
    assert not (np.abs(trained[free] - control[idle].T) <= width).any()
