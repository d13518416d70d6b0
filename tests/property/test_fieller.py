"""The Fieller set is the set of ratios that its own inequality does not reject, for any problem."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from attribution.core.interval import Interval
from attribution.numerics.ratio import RatioProblem, RatioSet, delta, fieller

GRID = np.linspace(-np.pi / 2, np.pi / 2, 401)[1:-1]


@st.composite
def problems(draw: st.DrawFn, *, most_strata: int = 4, least_df: float = 1.0) -> RatioProblem:
    """Return a ratio with one to four covariance layers of any rank and df from small to large."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_strata = draw(st.integers(1, most_strata))
    layers = []
    for _ in range(n_strata):
        root = rng.normal(size=(2, draw(st.integers(1, 3)))) * rng.uniform(0.05, 2.0)
        layers.append(root @ root.T)
    t_change = draw(st.floats(-8, 8))
    return RatioProblem(
        numerator=draw(st.floats(-8, 8)),
        denominator=t_change,
        covariance=np.array(layers),
        df=np.array([draw(st.floats(least_df, 60)) for _ in range(n_strata)]),
        level=draw(st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99])),
    )


def as_interval(found: RatioSet, level: float = 0.95) -> Interval:
    return Interval(found.low, found.high, level, found.kind, "fieller")


@settings(max_examples=400)
@given(problems())
def test_the_set_is_what_the_inequality_does_not_reject(problem: RatioProblem) -> None:
    found = fieller(problem)
    inside = as_interval(found)
    if "gap" in found.reason:
        # Only few clusters make the critical value move so much with the contrast.
        assert problem.df.min() < 3
        return
    excess = problem.excess(GRID)
    for angle, over in zip(GRID, excess, strict=True):
        if abs(over) > 1e-7:
            ratio = float(np.tan(angle))
            assert (ratio in inside) == problem.contains(ratio), (ratio, found)


@given(problems())
def test_the_ends_are_where_the_inequality_is_an_equality(problem: RatioProblem) -> None:
    found = fieller(problem)
    for end in (found.low, found.high):
        if np.isfinite(end):
            assert abs(problem.excess(np.array([np.arctan(end)]))[0]) < 1e-8


@given(problems())
def test_the_estimate_is_in_its_set(problem: RatioProblem) -> None:
    assume(abs(problem.denominator) > 1e-3)
    share = problem.numerator / problem.denominator
    found = fieller(problem)
    assert share in as_interval(found) or found.high - found.low < 1e-9


@settings(max_examples=300)
@given(problems(most_strata=1))
def test_with_constant_df_it_is_the_textbook_quadratic(problem: RatioProblem) -> None:
    # (Δ² − t²·V_ΔΔ) f² − 2 (τΔ − t²·V_τΔ) f + (τ² − t²·V_ττ) ≤ 0
    t = stdtrit(problem.df[0], (1 + problem.level) / 2)
    V = t**2 * problem.covariance[0]
    a = problem.denominator**2 - V[1, 1]
    b = problem.numerator * problem.denominator - V[0, 1]
    c = problem.numerator**2 - V[0, 0]
    discriminant = b**2 - a * c
    scale = problem.numerator**2 + problem.denominator**2 + V.trace()
    assume(abs(a) > 1e-6 * scale and abs(discriminant) > 1e-9 * scale**2)
    found = fieller(problem)
    if a > 0:
        assert found.kind == "bounded"  # the change differs from 0, and then the discriminant is positive
        assert discriminant > 0
    elif discriminant > 0:
        assert found.kind == "disjoint"
    else:
        assert found.kind == "unbounded"
        assert np.isnan([found.low, found.high]).all()
        return
    roots = np.sort((b + np.array([-1, 1]) * np.sqrt(discriminant)) / a)
    assert [found.low, found.high] == pytest.approx(roots, rel=1e-7, abs=1e-7)


@given(problems(), st.floats(0.01, 100), st.floats(0.01, 100))
def test_units_of_measurement_scale_the_ends(problem: RatioProblem, numerator: float, denominator: float) -> None:
    scaling = np.diag([numerator, denominator])
    scaled = replace(
        problem,
        numerator=problem.numerator * numerator,
        denominator=problem.denominator * denominator,
        covariance=scaling @ problem.covariance @ scaling,
    )
    before, after = fieller(problem), fieller(scaled)
    assume("gap" not in before.reason + after.reason)
    # A set whose end is at the horizon may fall on either side of it by rounding.
    assume(abs(problem.excess(np.array([np.pi / 2]))[0]) > 1e-9)
    assert after.kind == before.kind
    if before.kind in ("bounded", "disjoint"):
        ratio = numerator / denominator
        assert [after.low / ratio, after.high / ratio] == pytest.approx([before.low, before.high], rel=1e-6, abs=1e-7)


@given(problems())
def test_signs_mirror_the_set(problem: RatioProblem) -> None:
    both = replace(problem, numerator=-problem.numerator, denominator=-problem.denominator)
    first, second = fieller(problem), fieller(both)
    assume("gap" not in first.reason + second.reason)
    assert second.kind == first.kind
    assert [second.low, second.high] == pytest.approx([first.low, first.high], rel=1e-7, abs=1e-7, nan_ok=True)


@given(problems(least_df=4.0))
def test_the_set_is_bounded_exactly_where_the_change_differs_from_zero(problem: RatioProblem) -> None:
    at_horizon = problem.excess(np.array([np.pi / 2]))[0]
    assume(abs(at_horizon) > 1e-9)
    assert (fieller(problem).kind == "bounded") == (at_horizon > 0)


@given(problems(), st.sampled_from([0.5, 0.8, 0.9]), st.floats(-20, 20))
def test_a_higher_level_gives_a_larger_set(problem: RatioProblem, lower: float, ratio: float) -> None:
    wide, narrow = replace(problem, level=0.95), replace(problem, level=lower)
    if narrow.contains(ratio):
        assert wide.contains(ratio)


@given(problems(most_strata=1))
def test_the_delta_interval_is_the_limit_of_a_precise_change(problem: RatioProblem) -> None:
    # Fieller tends to delta as all errors shrink; at a factor of 1e-5 they agree to their second order.
    assume(abs(problem.denominator) > 0.5)
    precise = replace(problem, covariance=problem.covariance * 1e-10)
    error, df = delta(precise)
    share = precise.numerator / precise.denominator
    half_width = float(stdtrit(df, (1 + precise.level) / 2)) * error
    assume(half_width > 1e-9)
    found = fieller(precise)
    assume(found.kind == "bounded")
    assert [found.low, found.high] == pytest.approx([share - half_width, share + half_width], abs=1e-2 * half_width)
