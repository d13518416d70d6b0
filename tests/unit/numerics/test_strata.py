"""Strata: equal rows, bins, quantile classes and how they are filled, weights within strata."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.numerics.strata import (
    cut_points,
    equal_rows,
    fill_classes,
    quantile_classes,
    stratum_weights,
    with_both_arms,
)

RNG = np.random.default_rng(3)


def test_equal_rows_are_numbered_by_their_values() -> None:
    columns = RNG.integers(0, 3, (200, 4)).astype(float)
    _, expected = np.unique(columns, axis=0, return_inverse=True)
    assert equal_rows(columns).tolist() == expected.tolist()


def test_zero_and_minus_zero_are_one_value() -> None:
    assert equal_rows(np.array([[0.0], [-0.0]])).tolist() == [0, 0]


def test_many_columns_of_many_values_do_not_overflow() -> None:
    columns = np.column_stack([RNG.permutation(2000) for _ in range(12)]).astype(float)
    assert len(np.unique(equal_rows(columns))) == 2000


def test_the_rules_for_the_number_of_bins() -> None:
    # Freedman–Diaconis and Scott as numpy counts them, up to numpy's rounding of the constant 3.5 to its exact value.
    values = RNG.gamma(2.0, 3.0, 500)
    assert len(cut_points(values, "sturges")) + 1 == int(np.ceil(np.log2(500) + 1))
    assert len(cut_points(values, "fd")) + 1 == len(np.histogram_bin_edges(values, "fd")) - 1
    width = 3.5 * values.std(ddof=1) * 500 ** (-1 / 3)
    assert len(cut_points(values, "scott")) + 1 == int(np.ceil(np.ptp(values) / width))


def test_freedman_diaconis_with_equal_quartiles_takes_wider_quantiles() -> None:
    # Eighths differ where quartiles do not: a width of their distance over the part they hold.
    values = np.r_[np.zeros(80), np.arange(1.0, 21.0)]
    wide = float(np.diff(np.quantile(values, [0.125, 0.875]))[0])
    assert wide > 0
    width = wide / (1 - 2 * 0.125)
    assert len(cut_points(values, "fd")) + 1 == int(np.ceil(20.0 / width * 100 ** (1 / 3)))


def test_freedman_diaconis_without_any_spread_in_its_quantiles_is_scotts_rule() -> None:
    values = np.r_[np.zeros(999), 5.0]
    width = 3.5 * values.std(ddof=1)
    assert len(cut_points(values, "fd")) + 1 == int(np.ceil(5.0 / width * 1000 ** (1 / 3)))


def test_bins_are_of_equal_width_and_given_borders_are_sorted() -> None:
    assert cut_points(np.array([2.0, 10.0]), 4).tolist() == [4.0, 6.0, 8.0]
    assert cut_points(np.array([2.0, 10.0]), 1).tolist() == []
    assert cut_points(np.array([2.0, 10.0]), [7, 3, 7]).tolist() == [3.0, 7.0]


@pytest.mark.parametrize("count", [2, 3, 6, 7])
def test_classes_lie_between_the_quantiles_of_the_base(count: int) -> None:
    score, base = RNG.random(300), RNG.random(300) < 0.4
    borders = np.quantile(score[base], np.arange(1, count) / count)
    expected = np.searchsorted(borders, score, side="right")
    assert quantile_classes(score, base, count).tolist() == expected.tolist()


def test_a_score_at_a_quantile_is_in_the_class_above() -> None:
    # 10 scores: the third of three quantile steps of 9/3 is a score itself, which rounding must not move.
    score = np.arange(10.0) / 7
    codes = quantile_classes(score, np.ones(10, dtype=bool), 3)
    assert codes.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]


def test_equal_scores_leave_fewer_classes_without_gaps() -> None:
    score = np.array([0.2] * 8 + [0.6, 0.9])
    codes = quantile_classes(score, np.ones(10, dtype=bool), 5)
    assert sorted(set(codes.tolist())) == list(range(len(set(codes.tolist()))))


def test_an_empty_class_takes_the_nearest_unit_of_its_neighbour() -> None:
    trained = np.array([True, True, True, False, False, False])
    score = np.array([0.1, 0.5, 0.9, 0.05, 0.15, 0.2])
    # No control in classes 1 and 2: class 1 takes the highest of class 0, and class 2 that of class 1, in turn.
    filled = fill_classes(np.array([0, 1, 2, 0, 0, 0]), trained, score, 1)
    assert filled[:3].tolist() == [0, 1, 2]
    assert filled[3:].tolist() == [0, 1, 2]


def test_an_empty_first_class_takes_from_above_and_equals_go_by_the_last() -> None:
    trained = np.array([True, True, False, False, False])
    score = np.array([0.1, 0.9, 0.7, 0.7, 0.8])
    filled = fill_classes(np.array([0, 1, 1, 1, 1]), trained, score, 1)
    assert filled.tolist() == [0, 1, 1, 0, 1]


@pytest.mark.parametrize("least", [1, 2, 4])
def test_filled_classes_hold_the_least_of_both_arms(least: int) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        score = rng.random(80)
        trained = rng.random(80) < score**2
        classes = 4
        if min(trained.sum(), (~trained).sum()) < classes * least:
            continue
        codes = quantile_classes(score, trained, classes)
        filled = fill_classes(codes, trained, score, least)
        for arm in (trained, ~trained):
            assert np.bincount(filled[arm], minlength=classes).min() >= least
        enough = all(np.bincount(codes[arm], minlength=classes).min() >= least for arm in (trained, ~trained))
        assert (filled == codes).all() == enough


def test_strata_of_one_arm_are_none_and_the_others_keep_their_order() -> None:
    codes = np.array([0, 0, 1, 2, 2, 3, -1])
    trained = np.array([True, False, True, True, False, False, True])
    assert with_both_arms(codes, trained).tolist() == [0, 0, -1, 1, 1, -1, -1]


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_weighted_arms_have_the_same_weight_in_every_stratum(estimand: str) -> None:
    codes, trained, weight = RNG.integers(-1, 5, 400), RNG.random(400) < 0.4, RNG.uniform(0.5, 2, 400)
    factors = stratum_weights(codes, trained, weight, "ATT" if estimand == "ATT" else "ATE")
    whole = weight * factors
    for stratum in range(5):
        here = codes == stratum
        target = weight[here & trained].sum() if estimand == "ATT" else weight[here].sum()
        assert whole[here & trained].sum() == pytest.approx(target, rel=1e-12)
        assert whole[here & ~trained].sum() == pytest.approx(target, rel=1e-12)
    assert (factors[codes < 0] == 0).all()
