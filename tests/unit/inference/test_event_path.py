"""Which coefficients of an estimate make up its event study, and what is refused with a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from attribution.errors import MethodError
from attribution.inference.event_path import event_path
from tests.unit.inference.paths import event_study

FULL = {-3: 0.1, -2: -0.2, 0: 1.0, 1: 1.5}


def test_the_reference_may_be_absent() -> None:
    path = event_path(event_study(FULL, np.diag([1.0, 2.0, 3.0, 4.0])))
    assert (path.pre, path.post, path.reference) == ((-3, -2), (0, 1), -1)
    np.testing.assert_array_equal(path.beta, [0.1, -0.2, 1.0, 1.5])
    np.testing.assert_array_equal(path.times, [-2, -1, 1, 2])


@pytest.mark.parametrize("variance", [0.0, np.nan])
def test_the_reference_may_be_zero_without_a_variance_anywhere(variance: float) -> None:
    values = {1: 1.5, -2: 0.0, 0: 1.0, -3: 0.1, -1: 0.3}
    sigma = np.diag([4.0, variance, 3.0, 1.0, 2.0])
    path = event_path(event_study(values, sigma))
    assert (path.pre, path.post, path.reference) == ((-3,), (-1, 0, 1), -2)
    np.testing.assert_array_equal(path.beta, [0.1, 0.3, 1.0, 1.5])
    np.testing.assert_array_equal(np.diag(path.sigma), [1.0, 2.0, 3.0, 4.0])


def test_a_reference_before_the_last_period_is_named_where_it_is_absent() -> None:
    estimate = event_study({-3: 0.1, -1: -0.2, 0: 1.0}, np.eye(3))
    with pytest.raises(MethodError, match="no reference period is to be seen"):
        event_path(estimate)
    assert event_path(estimate, reference=-2).pre == (-3,)


def test_a_mean_over_events_is_no_coefficient() -> None:
    path = event_path(event_study(FULL | {"mean": 1.2}, np.eye(5)))
    assert path.post == (0, 1)


def test_a_window_leaves_out_what_is_far() -> None:
    values = {-6: 0.0, -3: 0.1, -2: -0.2, 0: 1.0, 1: 1.5}
    sigma = np.diag([np.nan, 1.0, 2.0, 3.0, 4.0])
    path = event_path(event_study(values, sigma), (-3, 0))
    assert (path.pre, path.post) == ((-3, -2), (0,))


def test_strata_add_up() -> None:
    estimate = event_study(FULL, np.eye(4))
    layered = replace(estimate, covariance=np.stack([np.eye(4), 2 * np.eye(4)]), stratum_df=np.array([5.0, 9.0]))
    np.testing.assert_array_equal(event_path(layered).sigma, 3 * np.eye(4))


@pytest.mark.parametrize(
    ("values", "sigma", "fault", "remedy"),
    [
        ({0: 1.0, 1: 2.0}, np.eye(2), "no pre period beside the reference -1", "both sides"),
        ({-3: 1.0, -2: 2.0}, np.eye(2), "no post period", "both sides"),
        ({-3: 1.0, -2: 2.0, -1: 0.5, 0: 1.0}, np.eye(4), "no reference period is to be seen", "base='universal'"),
        ({-3: 0.0, -2: 1.0, -1: 0.0, 0: 1.0}, np.diag([0.0, 1, 0, 1]), "events -3, -1 are all 0", "one reference"),
        ({-4: 1.0, -2: 2.0, 0: 1.0}, np.eye(3), "no coefficient for event -3", "every period"),
        ({-2: 2.0, 0: 1.0, 3: 1.0}, np.eye(3), "no coefficient for events 1, 2", "every period"),
        ({-2: 2.0, 0: 1.0, 1: 1.0}, np.diag([1, np.nan, 1]), "undefined for event 0", "narrow the window"),
        ({-2: 2.0, 0: 1.0, 1: 1.0}, np.ones((3, 3)), "singular", "more clusters than coefficients"),
        ({"mean": 2.0}, np.eye(1), "no effects by event time", "aggregated by event time"),
    ],
)
def test_what_is_no_event_study_is_refused(
    values: Mapping[object, float], sigma: np.ndarray, fault: str, remedy: str
) -> None:
    with pytest.raises(MethodError) as caught:
        event_path(event_study(values, sigma), where="somewhere")
    assert fault in caught.value.what
    assert remedy in caught.value.remedy
    assert caught.value.where == "somewhere"


def test_what_is_asked_wrongly_is_refused() -> None:
    estimate = event_study(FULL, np.eye(4))
    with pytest.raises(MethodError, match="event -2 has a coefficient of its own"):
        event_path(estimate, reference=-2)
    with pytest.raises(MethodError, match="no events in the window 5 to 9"):
        event_path(estimate, (5, 9))
    with pytest.raises(MethodError, match="estimate is a int"):
        event_path(7)
