"""The problem of an event study whose trends may part, and the search for its breakdown value."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.errors import MethodError
from attribution.numerics.honest import EventStudy, breakdown, original, positive_definite


def test_value_and_standard_error_are_those_of_the_target() -> None:
    study = EventStudy(np.array([1.0, 2.0, 4.0]), np.diag([1.0, 4.0, 9.0]), 1, np.array([0.5, 0.5]))
    assert study.value == 3.0
    assert study.std_error == pytest.approx(np.sqrt((4 + 9) / 4))
    low, high = original(study, 0.95)
    assert (low + high) / 2 == pytest.approx(3.0)
    assert (high - low) / 2 == pytest.approx(1.959963984540054 * study.std_error)


@pytest.mark.parametrize(
    ("beta", "sigma", "n_pre", "target", "fault"),
    [
        ([1.0, 2.0], np.eye(3), 1, [1.0], "2 coefficients"),
        ([1.0, 2.0], np.eye(2), 1, [1.0, 0.0], "2 target weights"),
        ([1.0, 2.0], np.eye(2), 0, [1.0, 0.0], "0 pre periods"),
        ([1.0, np.nan], np.eye(2), 1, [1.0], "not finite"),
        ([1.0, 2.0], np.eye(2), 1, [0.0], "all 0"),
        ([1.0, 2.0], np.ones((2, 2)), 1, [1.0], "not positive definite"),
        ([1.0, 2.0], np.array([[1.0, 0.5], [0.0, 1.0]]), 1, [1.0], "not positive definite"),
    ],
)
def test_what_does_not_fit_is_refused(
    beta: list[float], sigma: np.ndarray, n_pre: int, target: list[float], fault: str
) -> None:
    with pytest.raises(MethodError, match=fault):
        EventStudy(np.array(beta), sigma, n_pre, np.array(target))


def test_full_rank_does_not_depend_on_units() -> None:
    assert positive_definite(np.diag([1e-12, 1e12]))
    assert not positive_definite(np.diag([1.0, 0.0]))
    assert not positive_definite(1e12 * np.ones((2, 2)))


@pytest.mark.parametrize("truth", [1e-4, 0.37, 1.0, 123.4])
def test_the_breakdown_value_is_found(truth: float) -> None:
    assert breakdown(lambda size: size >= truth, 1.0) == pytest.approx(truth, rel=2e-6)


def test_the_breakdown_value_at_its_ends() -> None:
    assert breakdown(lambda size: True, 1.0) == 0.0
    assert breakdown(lambda size: False, 1.0) == np.inf
