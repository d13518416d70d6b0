"""Calendars of a rollout: constraints hold, conflicts are named, MDEs are those of the closed form, ties are broken."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.errors import MethodError
from attribution.planning.history import declared_noise
from attribution.planning.mde import small_waves
from attribution.planning.records import Noise
from attribution.planning.rollout import calendars


def test_every_calendar_keeps_to_capacity_periods_and_holdback() -> None:
    noise = declared_noise(sd=1.0, icc=0.2, autocorrelation=0.5, span=10)
    for holdback in (0, 4):
        found = calendars(np.full(16, 8.0), noise, capacity=5, periods=6, followup=6, baseline=4, holdback=holdback)
        for one in found:
            assert max(one.counts) <= 5
            assert one.done <= 6
            assert sum(one.counts) + one.holdback == 16
            assert sum(cohort.clusters for cohort in one.plan.cohorts) == 16
        # The formula promises too much where waves are small: these stand last, each group by what it sees.
        seen = [(bool(small_waves(one.plan)[0]), one.mde.mde) for one in found if np.isfinite(one.mde.mde)]
        assert seen == sorted(seen)


def test_a_waitlist_has_the_variance_of_its_closed_form() -> None:
    # White noise of variance 1 in clusters of one unit: Var = (1/b + 1/r)·(1/n1 + 1/n0).
    noise = Noise(np.eye(6), np.zeros((6, 6)), 0.0, "stated")
    found = calendars(np.ones(20), noise, capacity=10, periods=3, followup=2, baseline=4)
    waitlists = {len(one.plan.followup): one.mde.std_error**2 for one in found if one.name == "waitlist"}
    assert waitlists[1] == pytest.approx((1 / 4 + 1 / 1) * (2 / 10), rel=1e-9)
    assert waitlists[2] == pytest.approx((1 / 4 + 1 / 2) * (2 / 10), rel=1e-9)


def test_of_equal_calendars_the_one_that_is_done_first_stands_first() -> None:
    # Nothing differs over time but the level: every waitlist window sees alike.
    noise = Noise(np.eye(8) * 0.0 + np.diag([1.0] * 4 + [0.0] * 4), np.zeros((8, 8)), 0.0, "stated")
    found = calendars(np.ones(20), noise, capacity=10, periods=5, followup=4, baseline=4)
    alike = [one for one in found if one.name == "waitlist"]
    assert [one.done for one in alike] == sorted(one.done for one in alike)


def test_a_conflict_is_named() -> None:
    noise = declared_noise(sd=1.0, span=8)
    with pytest.raises(MethodError, match="capacity 2 × 5 periods = 10 < 14 teams"):
        calendars(np.ones(14), noise, capacity=2, periods=5, followup=4, baseline=4)
    with pytest.raises(MethodError, match="holdback is 14 of 14"):
        calendars(np.ones(14), noise, capacity=2, periods=5, followup=4, baseline=4, holdback=14)


def test_what_is_washout_is_not_compared() -> None:
    noise = Noise(np.eye(8), np.zeros((8, 8)), 0.0, "stated")
    found = calendars(np.ones(20), noise, capacity=10, periods=4, followup=4, baseline=4, holdback=10, washout=1)
    one = next(calendar for calendar in found if calendar.name == "one wave")
    assert one.plan.followup == (5, 6, 7)
    assert one.mde.std_error**2 == pytest.approx((1 / 4 + 1 / 3) * (2 / 10), rel=1e-9)
    assert all(calendar.plan.options == {"washout": 1} for calendar in found if calendar.plan.method == "staggered")
