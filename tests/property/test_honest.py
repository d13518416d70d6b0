"""Robust intervals tend to the identified set, scale with the units, and widen with the violation allowed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.numerics.honest import EventStudy, breakdown
from attribution.numerics.honest_relative import holds_zero, mean_zero_draws, relative
from attribution.numerics.honest_smooth import fixed_length, frontier

LEVEL = 0.95
STEP = 40 / 999


@st.composite
def studies(draw: st.DrawFn, *, most_post: int = 3) -> EventStudy:
    """Return one to four pre periods, one to three post periods, and any covariance that is not nearly singular."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_pre, n_post = draw(st.integers(1, 4)), draw(st.integers(1, most_post))
    size = n_pre + n_post
    root = rng.normal(size=(size, size + 3)) * rng.uniform(0.1, 1.0)
    target = rng.uniform(0.1, 1.0, n_post) if draw(st.booleans()) else np.eye(n_post)[0]
    return EventStudy(rng.normal(size=size), root @ root.T / size, n_pre, target)


def scaled(study: EventStudy, beta: float, sigma: float) -> EventStudy:
    return EventStudy(study.beta * beta, study.sigma * sigma, study.n_pre, study.target)


@settings(max_examples=25)
@given(studies(most_post=1), st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_without_noise_relative_magnitudes_give_the_identified_set(study: EventStudy, magnitude: float) -> None:
    """One post period: β ± M̄·(the largest absolute step before the start), times the target weight."""
    sharp = scaled(study, 1.0, 1e-10 / study.std_error**2)
    steps = np.diff([*study.beta[: study.n_pre], 0.0])
    reach = magnitude * np.abs(steps).max() * study.target[0]
    low, high = relative(sharp, magnitude, LEVEL, mean_zero_draws(sharp, seed=0))
    # The first stage's critical value is below 4 standard errors of a moment, which holds the pre step M̄ times too;
    # a set much wider than the noise is looked at in 20,000 steps.
    noise = 6 * np.sqrt(np.diag(sharp.sigma)).max() * (1 + 2 * magnitude) + 2 * reach / 20_000
    assert low == pytest.approx(study.value - reach, abs=noise)
    assert high == pytest.approx(study.value + reach, abs=noise)


@settings(max_examples=50)
@given(studies(most_post=1), st.sampled_from([0.1, 1.0, 3.0]))
def test_without_noise_smoothness_gives_the_identified_set(study: EventStudy, magnitude: float) -> None:
    """One post period: β₁ + β₋₁ ± M, since a straight line through the reference would give −β₋₁ after it."""
    sharp = scaled(study, 1.0, 1e-12 / study.std_error**2)
    low, high = fixed_length(frontier(sharp), magnitude, LEVEL)
    centre = study.target[0] * (study.beta[-1] + study.beta[-2])
    reach = magnitude * study.target[0]
    assert low == pytest.approx(centre - reach, abs=1e-4)
    assert high == pytest.approx(centre + reach, abs=1e-4)


@settings(max_examples=25)
@given(studies(), st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([2.0**-20, 0.5, 2.0**30]))
def test_other_units_give_the_same_interval_in_them(study: EventStudy, magnitude: float, unit: float) -> None:
    other = scaled(study, unit, unit**2)
    expected = unit * np.array(relative(study, magnitude, LEVEL, mean_zero_draws(study, seed=0)))
    found = relative(other, magnitude, LEVEL, mean_zero_draws(other, seed=0))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * unit * study.std_error)
    smooth = unit * np.array(fixed_length(frontier(study), magnitude, LEVEL))
    np.testing.assert_allclose(
        fixed_length(frontier(other), unit * magnitude, LEVEL), smooth, rtol=1e-7, atol=1e-7 * unit * study.std_error
    )


@settings(max_examples=25)
@given(studies())
def test_a_larger_violation_never_gives_a_shorter_interval(study: EventStudy) -> None:
    draws = mean_zero_draws(study, seed=0)
    path = frontier(study)
    sizes = (0.0, 0.25, 1.0, 2.0, 5.0)
    ends = np.array([relative(study, size, LEVEL, draws) for size in sizes])
    # A conditional test is not nested in M̄ by construction, and its critical values are simulated: a few grid steps.
    assert (np.diff(ends[:, 1] - ends[:, 0]) > -5 * STEP * study.std_error).all()
    lengths = np.diff([fixed_length(path, size, LEVEL) for size in sizes], axis=1)[:, 0]
    assert (np.diff(lengths) > -1e-9 * lengths[-1]).all()


@settings(max_examples=15)
@given(studies())
def test_the_mirror_image_has_the_mirrored_interval(study: EventStudy) -> None:
    mirror = scaled(study, -1.0, 1.0)
    low, high = fixed_length(frontier(study), 0.5, LEVEL)
    np.testing.assert_allclose(fixed_length(frontier(mirror), 0.5, LEVEL), (-high, -low), rtol=1e-9, atol=1e-12)
    draws = mean_zero_draws(study, seed=0)
    low, high = relative(study, 0.5, LEVEL, draws)
    # With the draws mirrored too, each test becomes the one of the other sign.
    found = relative(mirror, 0.5, LEVEL, -draws)
    np.testing.assert_allclose(found, (-high, -low), atol=1.001 * STEP * study.std_error)


@settings(max_examples=15)
@given(studies())
def test_the_breakdown_value_parts_the_intervals_that_hold_zero(study: EventStudy) -> None:
    draws = mean_zero_draws(study, seed=0)[:, :20_000]
    found = breakdown(lambda size: holds_zero(study, size, LEVEL, draws), 1.0)
    if 0 < found < np.inf:
        assert not holds_zero(study, found, LEVEL, draws)
        assert holds_zero(study, found * (1 + 3e-6), LEVEL, draws)
    else:
        assert holds_zero(study, 0.0, LEVEL, draws) == (found == 0)
