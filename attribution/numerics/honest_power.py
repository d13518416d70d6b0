"""What a pre-trend test could have shown: the probability of a box, and the slope that leaves it often enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from attribution.errors import MethodError
from attribution.numerics.honest import Floats

POINTS = 1 << 15
"""Points of the lattice for box probabilities: errors are about 1e-5, 1e-4 where the covariance is nearly singular."""


@dataclass(frozen=True, slots=True, eq=False)
class Detectable:
    """A slope and what it does: `power` is the chance that some pre coefficient is significant under it.

    `bias[n_post]` is what it adds to the post coefficients; `bias_after[n_post]` what it adds on average over the
    studies in which no pre coefficient is significant. `size` is the chance without any slope.
    """

    slope: float
    power: float
    size: float
    bias: Floats
    bias_after: Floats


def box_probability(mean: Floats, sigma: Floats, lower: Floats, upper: Floats) -> float:
    """Return P(lower ≤ X ≤ upper) for X ~ N(mean, sigma), by a fixed lattice; exact for one variable.

    Source: Genz (1992), Numerical computation of multivariate normal probabilities, eq. 3 to 5.
    """
    scale = np.sqrt(np.diag(sigma))
    root = np.linalg.cholesky(sigma / np.outer(scale, scale))
    low, high = (lower - mean) / scale, (upper - mean) / scale
    size = len(mean)
    # Richtmyer's lattice, folded at a half so that the integrand is periodic.
    steps = np.sqrt(_primes(size - 1)) % 1.0
    lattice = np.abs(2 * ((np.arange(1, POINTS + 1)[:, None] * steps) % 1.0) - 1)
    solved = np.zeros((POINTS if size > 1 else 1, size))
    probability = np.ones(len(solved))
    for one in range(size):
        shift = solved[:, :one] @ root[one, :one]
        bottom, top = ndtr((low[one] - shift) / root[one, one]), ndtr((high[one] - shift) / root[one, one])
        probability *= top - bottom
        if one + 1 < size:
            inside = bottom + lattice[:, one] * (top - bottom)
            solved[:, one] = ndtri(np.clip(inside, 1e-300, 1 - 1e-16))
    return float(probability.mean())


def detectable(sigma: Floats, pre_times: Floats, post_times: Floats, *, power: float, level: float) -> Detectable:
    """Return the slope under which some pre coefficient is significant with probability `power`.

    `sigma` is the covariance of the coefficients, pre periods first; times are periods from the reference, negative
    before it. Significant means |coefficient| > z·SE with z of the two-sided `level`. Raises `MethodError` where a
    `power` is not above the chance without any slope.

    Source: Roth (2022), Pretest with caution, power of the pre-test against a linear trend; the mean after the
    pre-test: Tallis (1961), The moment generating function of the truncated multi-normal distribution.
    """
    n_pre = len(pre_times)
    pre = sigma[:n_pre, :n_pre]
    errors = np.sqrt(np.diag(pre))
    edge = float(ndtri((1 + level) / 2)) * errors

    def chance(slope: float) -> float:
        return 1 - box_probability(slope * pre_times, pre, -edge, edge)

    size = chance(0.0)
    if size >= power:
        raise MethodError(
            f"a power of {power:g} is reached without any slope: some pre period is significant with probability "
            f"{size:.3g} although trends are parallel",
            where="pretrends",
            remedy=f"give a power above {size:.3g}, or a higher level",
        )
    # Some single coefficient alone reaches the power at this slope.
    enough = float(((edge + ndtri(max(power, 0.5)) * errors) / np.abs(pre_times)).min()) * 1.001 + 1e-300
    slope = float(brentq(lambda one: chance(one) - power, 0.0, enough, xtol=1e-12 * enough, rtol=1e-10))
    pulled = _pull(slope * pre_times, pre, edge)
    bias = slope * post_times
    return Detectable(slope, chance(slope), size, bias, bias + sigma[n_pre:, :n_pre] @ pulled)


def _pull(mean: Floats, sigma: Floats, edge: Floats) -> Floats:
    """Return h with E[X | |X| ≤ edge] = mean + sigma @ h: densities at the two faces of each coefficient's range."""
    whole = box_probability(mean, sigma, -edge, edge)
    pulled = np.zeros(len(mean))
    for one in range(len(mean)):
        others = np.arange(len(mean)) != one
        variance = sigma[one, one]
        along = sigma[others, one] / variance
        left = sigma[np.ix_(others, others)] - np.outer(along, sigma[one, others])
        for side in (-1.0, 1.0):
            face = side * edge[one]
            density = np.exp(-((face - mean[one]) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
            centre = mean[others] + along * (face - mean[one])
            rest = box_probability(centre, left, -edge[others], edge[others]) if others.any() else 1.0
            pulled[one] -= side * density * rest / whole
    return pulled


def _primes(count: int) -> Floats:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return np.array(found, dtype=np.float64)
