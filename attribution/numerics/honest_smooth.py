"""Intervals for trends that bend by at most M a period: the optimal fixed-length ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from attribution.numerics.honest import Ends, EventStudy, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """The estimators of a target that trade variance against bias, from the least biased to the least variable.

    An estimator is `weights @ beta`. It is unbiased for straight trends, and its bias where no second difference of δ
    is beyond ± M is at most M·(`floor` + |loadings|₁). `loadings[n_knots, n_pre − 1]` are the corners of the path,
    which is linear in between, at the multipliers `knots[n_knots]`, from the highest down to 0.
    """

    study: EventStudy
    knots: Floats = field(repr=False)
    loadings: Floats = field(repr=False)
    floor: float
    base: Floats = field(repr=False)
    directions: Floats = field(repr=False)

    def at(self, multiplier: float) -> tuple[Floats, float, float]:
        """Return weights, standard error and bias per unit of M at a multiplier of the bias."""
        place = len(self.knots) - np.searchsorted(self.knots[::-1], multiplier, side="right")
        above, below = max(int(place) - 1, 0), min(int(place), len(self.knots) - 1)
        span = self.knots[above] - self.knots[below]
        share = (self.knots[above] - multiplier) / span if span > 0 else 0.0
        loading = self.loadings[above] + share * (self.loadings[below] - self.loadings[above])
        weights = self.base + self.directions @ loading
        error = float(np.sqrt(weights @ self.study.sigma @ weights))
        return weights, error, self.floor + float(np.abs(loading).sum())


def frontier(study: EventStudy) -> Frontier:
    """Return the path of estimators that minimise ½·variance + multiplier·(worst-case bias per unit of M).

    With q_j = Σ_{k>j} (k − j)·a_k for weights a_k on the k-th period before the reference, an estimator that is
    unbiased for straight trends has q_0 = Σ_s s·l_s, and the worst-case bias is a constant plus Σ_{j≥1} |q_j|: a
    lasso in q.

    Source: Rambachan & Roth (2023), the set Δ^SD(M) and its fixed-length interval; the path: Efron, Hastie, Johnstone &
    Tibshirani (2004).
    """
    n_pre, target = study.n_pre, study.target
    n_post = len(target)
    # a_k = q_{k−1} − 2q_k + q_{k+1}; in beta the oldest period comes first.
    second = np.diff(np.eye(n_pre + 2), n=2, axis=0)[::-1, :n_pre]
    slope = float(np.arange(1, n_post + 1) @ target)
    base = np.concatenate([second[:, 0] * slope, target])
    directions = np.concatenate([second[:, 1:], np.zeros((n_post, n_pre - 1))])
    # Σ_{s>j} (s − j)·l_s for j = 0 … n_post − 1: what a bend in post period j adds to the target.
    bends = np.cumsum(np.cumsum(target[::-1]))[::-1]
    curvature = directions.T @ study.sigma @ directions
    gradient = directions.T @ study.sigma @ base
    knots, loadings = _lasso_path(curvature, gradient)
    return Frontier(study, knots, loadings, float(np.abs(bends).sum()), base, directions)


def fixed_length(path: Frontier, magnitude: float, level: float) -> Ends:
    """Return the shortest interval estimate ± half-length that covers for all |second differences of δ| ≤ `magnitude`.

    The half-length is se·cv(M·bias/se), cv the quantile of |N(t, 1)|. It is convex along the frontier, and its minimum
    is where the multiplier equals the price of bias in terms of variance. Source: Armstrong &
    Kolesár (2018), as in Rambachan & Roth (2023).
    """

    def surplus(multiplier: float) -> float:
        _, error, bias = path.at(multiplier)
        shift = magnitude * bias / error
        critical = folded_quantile(shift, level)
        rise = float(np.tanh(critical * shift))
        return multiplier - error * magnitude * rise / (critical - shift * rise)

    highest = float(path.knots[0])
    if magnitude == 0 or highest == 0:
        best = 0.0
    elif surplus(highest) <= 0:
        best = highest
    else:
        best = float(brentq(surplus, 0.0, highest, xtol=1e-14 * highest, rtol=1e-12))
    weights, error, bias = path.at(best)
    half = error * folded_quantile(magnitude * bias / error, level)
    centre = float(weights @ path.study.beta)
    return centre - half, centre + half


def folded_quantile(shift: float, level: float) -> float:
    """Return the quantile of |N(shift, 1)| at `level`, shift ≥ 0."""

    def excess(value: float) -> float:
        return float(ndtr(value - shift) - ndtr(-value - shift)) - level

    # Only the near side counts far out, both alike at 0; rounding may put the root just outside either end.
    low, high = max(shift + float(ndtri(level)), 0.0), shift + float(ndtri((1 + level) / 2))
    if excess(low) >= 0:
        return low
    if excess(high) <= 0:
        return high
    return float(brentq(excess, low, high, xtol=1e-13, rtol=1e-14))


def pre_bend(study: EventStudy, level: float) -> float:
    """Return an upper bound of the largest bend among the pre periods, for a scale of M; with one period, its SE.

    The largest estimated |second difference| plus its one-sided margin. A scale only: the pre periods put no
    limit on what comes after.
    """
    n_pre = study.n_pre
    sigma = study.sigma[:n_pre, :n_pre]
    if n_pre == 1:
        return float(np.sqrt(sigma[0, 0]))
    bends = np.diff(np.eye(n_pre + 1), n=2, axis=0)[:, :n_pre]
    values = np.abs(bends @ study.beta[:n_pre])
    errors = np.sqrt(np.diag(bends @ sigma @ bends.T))
    return float((values + float(ndtri(level)) * errors).max())


def _lasso_path(curvature: Floats, gradient: Floats) -> tuple[Floats, Floats]:
    """Return the corners of argmin ½x′Hx + g′x + λ|x|₁ over λ, from where x leaves 0 down to λ = 0, and x there."""
    size = len(gradient)
    x = np.zeros(size)
    pull = -gradient  # −(Hx + g): λ·sign(x) on the active set, within ±λ off it
    multiplier = float(np.abs(pull).max(initial=0.0))
    knots, path = [multiplier], [x]
    active = np.zeros(size, dtype=bool)
    signs = np.zeros(size)
    # A coordinate on the edge enters on the side it is pulled to; one that has just returned to 0 may not.
    entering, leaving = (int(np.argmax(np.abs(pull))) if size else -1), -1
    while multiplier > 0:
        if entering >= 0:
            active[entering], signs[entering] = True, np.sign(pull[entering])
        step = np.zeros(size)
        step[active] = np.linalg.solve(curvature[np.ix_(active, active)], signs[active])
        drift = curvature @ step
        # How far λ can fall before a coordinate enters, or one of the active set is back at 0.
        best, entering, left = multiplier, -1, -1
        for one in np.flatnonzero(~active):
            for side in (1.0, -1.0):
                speed = 1.0 - side * drift[one]
                fall = (multiplier - side * pull[one]) / speed if speed > 0 else np.inf
                if one == leaving and fall < 1e-9 * multiplier:
                    continue
                if max(fall, 0.0) < best:
                    best, entering = max(float(fall), 0.0), int(one)
        for one in np.flatnonzero(active):
            fall = -x[one] / step[one] if step[one] * signs[one] < 0 else np.inf
            if fall < best:
                best, entering, left = max(float(fall), 0.0), -1, int(one)
        x = x + best * step
        pull = pull - best * drift
        multiplier -= best
        leaving = left
        if left >= 0:
            x[left], active[left], signs[left] = 0.0, False, 0.0
        if entering < 0 and left < 0:
            multiplier = 0.0
        knots.append(multiplier)
        path.append(x)
    return np.array(knots), np.array(path)
