"""The draw of a rollout: exact counts, the same bits from a seed, no dependence on order, equal chances."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.errors import MethodError
from attribution.planning.assign import assign

LABELS = [f"team {n:02d}" for n in range(11)]
STRATA = ["north"] * 5 + ["south"] * 6
KPI = np.linspace(3.0, 1.0, 11)


def test_counts_are_exact_and_a_seed_gives_the_same_whatever_the_order() -> None:
    first = assign(LABELS, KPI, STRATA, [3, 3, 5], seed=7)
    assert np.bincount(first).tolist() == [3, 3, 5]
    order = np.random.default_rng(0).permutation(11)
    again = assign([LABELS[i] for i in order], KPI[order], [STRATA[i] for i in order], [3, 3, 5], seed=7)
    assert again.tolist() == first[order].tolist()


def test_every_team_has_the_same_chance_of_an_arm() -> None:
    drawn = np.array([assign(LABELS, KPI, STRATA, [3, 8], seed=seed) for seed in range(4000)])
    # Four standard errors of a share of 3/11 in 4000 draws.
    assert np.abs((drawn == 0).mean(axis=0) - 3 / 11).max() < 4 * np.sqrt(3 / 11 * 8 / 11 / 4000)


def test_two_arms_of_equal_size_are_balanced_within_every_stratum() -> None:
    strata = ["a"] * 6 + ["b"] * 4
    arms = assign(LABELS[:10], KPI[:10], strata, [5, 5], seed=3)
    assert (arms[:6].sum(), arms[6:].sum()) == (3, 2)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(MethodError, match="teams that stand twice: 1, for example 'team 00'"):
        assign([LABELS[0], *LABELS[:10]], KPI, STRATA, [5, 6], seed=1)
    with pytest.raises(MethodError, match="do not add up to 11"):
        assign(LABELS, KPI, STRATA, [5, 5], seed=1)
    with pytest.raises(MethodError, match="without a KPI before the launch: 1 of 11"):
        assign(LABELS, np.r_[np.nan, KPI[1:]], STRATA, [5, 6], seed=1)
