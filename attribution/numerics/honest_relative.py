"""Intervals for trends whose steps after the start are at most M̄ times the largest step before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from attribution.numerics.honest import Ends, EventStudy, Floats

STEP = 40 / 999
"""Distance of the target values that are tested, in standard errors: 1,000 values over ± 20, as R's HonestDiD does."""

MOST = 20_000
"""At most this many values are tested: a set much wider than the noise needs no finer ones."""

DRAWS = 200_000
"""Draws of the least-favourable critical value: its own error is about .01 at a first-stage size of .005."""

FIRST_STAGE = 0.1
"""The share of the size that the first, least-favourable stage takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """The test that one pre period's step, up or down, was the largest: its statistic is the largest of `n_vertices`.

    Vertex v is the linear form `forms[v] @ beta − slopes[v]·θ`, θ the target; where the restriction holds, some
    choice of the other effects makes the mean of every one at most 0.
    """

    forms: Floats
    slopes: Floats
    covariance: Floats
    values: Floats


def moments(study: EventStudy, magnitude: float, period: int, sign: int) -> Moments:
    """Return the vertices for post steps of at most `magnitude` times the `sign`ed step that follows pre `period`.

    Steps are first differences of β, d_t for post period t; u = M̄·(± the pre step). The restriction is
    ±(d_t − g_t) ≤ u for the steps g of the effects, of which only Σ c_t g_t = θ is fixed, c the suffix sums of the
    target weights. The statistic of Andrews, Roth & Pakes is min_g max over these inequalities, each divided by its
    standard error. By duality that is the largest of n_post + 2 forms, which are known beforehand: the two
    inequalities of one t added up, and all of one side weighted by c. No linear programme is left to solve.

    Source: Rambachan & Roth (2023), the sets Δ^RM(M̄); Andrews, Roth & Pakes (2023), the test and its dual.
    """
    n_pre, n_post = study.n_pre, len(study.target)
    size = n_pre + n_post
    steps = np.diff(np.insert(np.eye(size), n_pre, 0.0, axis=0), axis=0)
    bound = magnitude * sign * steps[period]
    post = steps[n_pre:]
    upper, lower = post - bound, -post - bound
    errors = np.sqrt(np.einsum("ij,jk,ik->i", np.concatenate([upper, lower]), study.sigma, [*upper, *lower]))
    errors_up, errors_down = errors[:n_post], errors[n_post:]
    sums = np.cumsum(study.target[::-1])[::-1]
    up, down = np.maximum(sums, 0.0), np.maximum(-sums, 0.0)
    above = float(up @ errors_up + down @ errors_down)
    below = float(down @ errors_up + up @ errors_down)
    pairs = (upper + lower) / (errors_up + errors_down)[:, None]
    forms = np.concatenate(
        [pairs, [(up @ upper + down @ lower) / above], [(down @ upper + up @ lower) / below]], axis=0
    )
    slopes = np.zeros(n_post + 2)
    slopes[-2:] = 1 / above, -1 / below
    return Moments(forms, slopes, forms @ study.sigma @ forms.T, forms @ study.beta)


def accepts(found: Moments, targets: Floats, critical: float, level: float) -> NDArray[np.bool_]:
    """Say for each value of the target whether the hybrid test keeps it.

    First stage: the statistic is above its least-favourable `critical` value. Second: given that it is not, and which
    vertex it is attained at, the statistic is truncated normal; keep it where its tail is above (α − κ)/(1 − κ).

    Source: Andrews, Roth & Pakes (2023), the conditional and least-favourable hybrid test.
    """
    first = FIRST_STAGE * (1 - level)
    size = (1 - level - first) / (1 - first)
    vertices = found.values - targets[:, None] * found.slopes
    places = vertices.argmax(axis=1)
    statistic = vertices.max(axis=1)
    kept = statistic <= critical
    for place in np.unique(places):
        here = np.flatnonzero((places == place) & kept & (statistic > 0))
        variance = found.covariance[place, place]
        if not len(here):
            continue
        if variance <= 0:
            kept[here] = False
            continue
        error = np.sqrt(variance)
        along = found.covariance[:, place] / variance
        value = statistic[here]
        # The vertex stays the largest while value·(1 − along) ≥ rest, the part of the others that does not move.
        rest = vertices[here] - np.outer(value, along)
        gain = 1 - along
        gain[np.abs(gain) < 1e-10] = 0.0
        lows = (rest[:, gain > 0] / gain[gain > 0]).max(axis=1, initial=-np.inf)
        highs = (rest[:, gain < 0] / gain[gain < 0]).min(axis=1, initial=critical)
        tail, tail_low, tail_high = (ndtr(-edge / error) for edge in (value, lows, highs))
        kept[here] = tail - tail_high >= size * (tail_low - tail_high)
    return np.asarray(kept)


def least_favourable(found: Moments, level: float, draws: Floats) -> float:
    """Return the critical value of the first stage: the 1 − κ quantile of the statistic where every mean is 0.

    `draws[n_periods, n_draws]` are draws of the coefficients with mean 0.
    """
    return float(np.quantile((found.forms @ draws).max(axis=0), 1 - FIRST_STAGE * (1 - level)))


def mean_zero_draws(study: EventStudy, seed: int) -> Floats:
    """Return `DRAWS` draws of the coefficients with mean 0, `[n_periods, n_draws]`, the same for the same seed."""
    normals = np.random.default_rng(seed).standard_normal((len(study.beta), DRAWS))
    return np.asarray(np.linalg.cholesky(study.sigma) @ normals)


def critical_bounds(found: Moments, level: float) -> tuple[float, float]:
    """Return what the least-favourable critical value cannot be below (one vertex alone) or above (Bonferroni)."""
    first = FIRST_STAGE * (1 - level)
    widest = float(np.sqrt(np.diag(found.covariance).max()))
    return widest * float(ndtri(1 - first)), widest * float(ndtri(1 - first / len(found.values)))


def relative(study: EventStudy, magnitude: float, level: float, draws: Floats) -> Ends:
    """Return the ends of the robust interval for steps of δ of at most `magnitude` times the largest pre step.

    The set is the union, over the pre steps and their signs, of what is kept where that step is the largest. The ends
    are its outermost values on a grid of `STEP` standard errors, which goes as far as the first stages let it, so that
    the interval is never cut off. `draws` are those of `mean_zero_draws`.
    """
    tests = [(one, *critical_bounds(one, level)) for one in _hypotheses(study, magnitude)]
    low = min((one.values[-2] - most) / one.slopes[-2] for one, _, most in tests)
    high = max((one.values[-1] - most) / one.slopes[-1] for one, _, most in tests)
    error = study.std_error
    step = max(STEP * error, (high - low) / MOST)
    first, last = np.floor((low + 20 * error) / step), np.ceil((high + 20 * error) / step)
    targets = -20 * error + step * np.arange(first, last + 1)
    kept = np.zeros(len(targets), dtype=bool)
    for one, least, _ in tests:
        kept |= accepts(one, targets, least, level)
    # A larger critical value keeps more. Only a test that could keep something further out needs its own.
    for one, _, most in tests:
        possible = np.flatnonzero(accepts(one, targets, most, level))
        inside = np.flatnonzero(kept)
        if len(possible) and (not len(inside) or possible[0] < inside[0] or possible[-1] > inside[-1]):
            kept |= accepts(one, targets, least_favourable(one, level, draws), level)
    ends = targets[kept]
    return float(ends[0]), float(ends[-1])


def holds_zero(study: EventStudy, magnitude: float, level: float, draws: Floats) -> bool:
    """Say whether the set of `relative` holds 0."""
    zero = np.zeros(1)
    tests = [(one, *critical_bounds(one, level)) for one in _hypotheses(study, magnitude)]
    if any(accepts(one, zero, least, level)[0] for one, least, _ in tests):
        return True
    possible = [one for one, _, most in tests if accepts(one, zero, most, level)[0]]
    return any(bool(accepts(one, zero, least_favourable(one, level, draws), level)[0]) for one in possible)


def _hypotheses(study: EventStudy, magnitude: float) -> list[Moments]:
    return [moments(study, magnitude, period, sign) for period in range(study.n_pre) for sign in (1, -1)]
