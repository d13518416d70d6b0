"""Lee's bounds: by hand, against their own derivative, and on people of whom the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.errors import MethodError
from attribution.inference.lee import LeeBounds, lee_bounds


def _by_hand() -> LeeBounds:
    """Return four of five trained who stayed (1, 2, 3, 4), and two of five others (1, 1)."""
    values = np.array([1.0, 2, 3, 4, 0, 1, 1, 0, 0, 0])
    stayed = np.array([True] * 4 + [False] + [True] * 2 + [False] * 3)
    return lee_bounds(values, trained=np.arange(10) < 5, stayed=stayed)


def test_half_of_those_who_stayed_are_cut_off_at_either_end() -> None:
    found = _by_hand()
    # .8 and .4 stayed: half of 1, 2, 3, 4 goes. (1 + 2)/2 − 1 and (3 + 4)/2 − 1.
    assert (found.low, found.high) == pytest.approx((0.5, 2.5))
    assert (found.trimmed, found.arm, found.stayed) == (pytest.approx(0.5), "trained", pytest.approx((0.8, 0.4)))


def test_a_unit_across_the_cut_counts_in_part() -> None:
    values = np.array([1.0, 2, 3, 0, 0, 0])
    trained = np.arange(6) < 3
    # All three trained stayed and two of three others: a third of 3 is one unit; with weights 2, 1, 1, a third is 4/3.
    stayed = np.array([True, True, True, True, True, False])
    found = lee_bounds(values, trained=trained, stayed=stayed)
    assert (found.low, found.high) == pytest.approx((1.5, 2.5))
    weights = np.array([2.0, 1, 1, 1, 1, 1])
    found = lee_bounds(values, trained=trained, stayed=stayed, weights=weights)
    # Kept of a weight of 4: 8/3. From below 2 of the 1, 2/3 of the 2; from above 1 of the 3, 1 of the 2, 2/3 of the 1.
    assert found.low == pytest.approx((2 * 1 + 2 / 3 * 2) / (8 / 3))
    assert found.high == pytest.approx((3 + 2 + 2 / 3) / (8 / 3))


def test_the_other_arm_is_cut_where_more_of_it_stayed() -> None:
    rng = np.random.default_rng(1)
    values, trained = rng.normal(size=300), np.arange(300) < 150
    stayed = rng.random(300) < np.where(trained, 0.7, 0.9)
    one = lee_bounds(values, trained=trained, stayed=stayed)
    other = lee_bounds(values, trained=~trained, stayed=stayed)
    assert (one.arm, other.arm) == ("control", "trained")
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.std_error == pytest.approx(other.std_error[::-1])
    assert one.interval().low == pytest.approx(-other.interval().high)


def test_with_as_many_leavers_in_both_arms_they_are_the_difference_of_means() -> None:
    rng = np.random.default_rng(2)
    values, trained = rng.normal(size=200), np.arange(200) < 100
    stayed = (np.arange(200) % 100) < 80
    found = lee_bounds(values, trained=trained, stayed=stayed)
    plain = values[:80].mean() - values[100:180].mean()
    assert found.trimmed == 0
    assert (found.low, found.high) == pytest.approx((plain, plain))


def test_standard_errors_are_the_spread_of_the_bounds() -> None:
    rng = np.random.default_rng(3)
    ends, errors = [], []
    for _ in range(1_500):
        trained = np.arange(400) < 200
        values = rng.normal(size=400)
        stayed = rng.random(400) < np.where(trained, 0.9, 0.75)
        found = lee_bounds(values, trained=trained, stayed=stayed)
        ends.append((found.low, found.high))
        errors.append(found.std_error)
    # A spread of 1,500 draws has a relative error of 1.8%; three of them.
    assert np.sqrt(np.mean(np.square(errors), axis=0)) == pytest.approx(np.std(ends, axis=0), rel=0.055)


def test_standard_errors_are_by_cluster() -> None:
    rng = np.random.default_rng(4)
    ends, errors = [], []
    team = np.arange(600) // 10
    for _ in range(600):
        trained = team < 30
        values = rng.normal(size=60)[team] + rng.normal(size=600)
        stayed = rng.random(600) < np.where(trained, 0.9, 0.75)
        found = lee_bounds(values, trained=trained, stayed=stayed, clusters=team)
        ends.append((found.low, found.high))
        errors.append(found.std_error)
    assert np.sqrt(np.mean(np.square(errors), axis=0)) == pytest.approx(np.std(ends, axis=0), rel=0.1)


def test_the_interval_covers_an_effect_at_the_end_of_the_bounds() -> None:
    # The worst case: training keeps the worst of those who would leave, so that the truth is the upper bound.
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(1_000):
        values = rng.normal(size=400)
        trained = np.arange(400) < 200
        # Untrained the lower fifth leaves; trained nobody: the effect on those who always stay is 0.
        stayed = trained | (values > -0.8416)
        covered += 0.0 in lee_bounds(values, trained=trained, stayed=stayed).interval(0.95)
    # Four Monte Carlo errors of 1,000 at .95.
    assert covered / 1_000 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 1_000)
    assert covered / 1_000 < 0.99


def test_the_interval_is_that_of_the_estimate_where_nothing_is_cut() -> None:
    found = LeeBounds(1.0, 1.0, 0.0, "trained", (0.9, 0.9), (0.5, 0.5), 20.0)
    # t(20) at .975 is 2.086.
    assert found.interval(0.95).low == pytest.approx(1 - 2.0860 * 0.5, abs=1e-4)
    # Far apart each end is one-sided: t(20) at .95 is 1.7247.
    wide = LeeBounds(0.0, 50.0, 0.5, "trained", (0.9, 0.45), (0.5, 0.5), 20.0)
    assert wide.interval(0.95).low == pytest.approx(-1.7247 * 0.5, abs=1e-4)
    with pytest.raises(MethodError, match="level is"):
        found.interval(1.0)


def test_nobody_who_stayed_is_an_error_and_one_cluster_has_no_error() -> None:
    trained, values = np.arange(6) < 3, np.arange(6.0)
    with pytest.raises(MethodError, match="nobody of an arm"):
        lee_bounds(values, trained=trained, stayed=trained)
    stayed = np.array([True] * 5 + [False])
    found = lee_bounds(values, trained=trained, stayed=stayed, clusters=np.array([0, 0, 0, 1, 2, 3]))
    assert np.isnan(found.std_error).all()
    assert found.interval().kind == "undefined"
