"""Ratios of two estimates: the Fieller set by inversion, and the delta method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from attribution.numerics.variance import contrast_variance, welch_df

Floats = NDArray[np.float64]

GRID = 721
"""Angles at which the inequality is looked at, beside the closed-form extremes, before its ends are solved."""


@dataclass(frozen=True, slots=True)
class RatioSet:
    """The set of ratios not rejected: `disjoint` is (−∞, low] ∪ [high, ∞); `reason` where there are no ends."""

    low: float
    high: float
    kind: Literal["bounded", "unbounded", "disjoint", "undefined"]
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class RatioProblem:
    """Numerator and denominator with their joint covariance layers `[n_strata, 2, 2]` and the strata's df."""

    numerator: float
    denominator: float
    covariance: Floats
    df: Floats
    level: float

    def excess(self, angles: Floats) -> Floats:
        """Return |τ cos θ − Δ sin θ| − t(df(θ))·SE(θ): at most 0 where the ratio tan θ is in the set."""
        contrasts = np.stack([np.cos(angles), -np.sin(angles)], axis=1)
        distance = np.abs(contrasts @ np.array([self.numerator, self.denominator]))
        # Where a variance cancels, what is left of it is rounding of its parts, of either sign.
        rounding = 1e-15 * contrast_variance(np.abs(self.covariance), np.abs(contrasts))
        layers = np.maximum(contrast_variance(self.covariance, contrasts), rounding)
        with np.errstate(invalid="ignore"):
            critical = stdtrit(welch_df(layers, self.df), (1 + self.level) / 2)
            width = critical * np.sqrt(layers.sum(axis=1))
        # A direction without variance is decided by the distance alone.
        return np.asarray(distance - np.where(layers.sum(axis=1) == 0, 0.0, width))

    def contains(self, ratio: float) -> bool:
        """Say whether a ratio is in the set, by the inequality itself."""
        return bool(self.excess(np.array([np.arctan(ratio)]))[0] <= 0)


def fieller(problem: RatioProblem) -> RatioSet:
    """Return the confidence set of a ratio by inverting the test of τ − fΔ = 0 (Fieller 1954).

    f is in the set when |τ − fΔ| ≤ t(df(f))·SE(τ − fΔ), with the degrees of freedom of that very contrast.
    Solved in the angle θ, f = tan θ, in which unbounded and disjoint sets are ordinary arcs of a circle; with
    constant df it is the textbook quadratic. Several gaps give `unbounded` without ends, with the reason.
    """
    total = problem.covariance.sum(axis=0)
    point = np.array([problem.numerator, problem.denominator])
    if not (np.isfinite(total).all() and np.isfinite(point).all()):
        return RatioSet(np.nan, np.nan, "undefined", "the variance of the numerator or the denominator is undefined")
    start = float(np.arctan2(problem.numerator, problem.denominator))
    angles = _angles(problem, start)
    excess = problem.excess(angles)
    inside = excess <= 0
    if inside.all():
        return RatioSet(np.nan, np.nan, "unbounded", "no ratio is rejected")
    turns = np.flatnonzero(inside[:-1] != inside[1:])
    if len(turns) != 2:
        return RatioSet(np.nan, np.nan, "unbounded", "the set has more than one gap")
    first, second = (_root(problem, angles[turn], angles[turn + 1]) for turn in turns)
    # `angles` run once around from the estimate, so the rejected arc is (first, second).
    infinite = np.pi / 2 + np.pi * np.ceil((start - np.pi / 2) / np.pi)
    low, high = float(np.tan(first)), float(np.tan(second))
    if first < infinite < second:
        return RatioSet(high, low, "bounded")
    return RatioSet(low, high, "disjoint")


def _angles(problem: RatioProblem, start: float) -> Floats:
    """Return angles over [start, start + π], with the point and the directions that reject most clearly."""
    point = np.array([problem.numerator, problem.denominator])
    extremes = [np.pi / 2]
    for matrix in (problem.covariance.sum(axis=0), *problem.covariance):
        # (c'x)²/(c'Vc) is largest at c ∝ V⁻¹x; the adjugate gives that direction even where V is singular.
        direction = np.array([[matrix[1, 1], -matrix[0, 1]], [-matrix[1, 0], matrix[0, 0]]]) @ point
        if np.any(direction != 0):
            extremes.append(float(np.arctan2(-direction[1], direction[0])))
    # With few df the clearest rejection lies beside these directions, in an arc that the even grid may step over.
    steps = 10.0 ** -np.linspace(1.0, 9.0, 17)
    beside = np.add.outer(np.array(extremes), np.concatenate([[0.0], steps, -steps])).ravel()
    wrapped = start + np.mod(beside - start, np.pi)
    around = np.concatenate([start + np.linspace(0.0, np.pi, GRID), wrapped, _near(start)])
    return np.unique(around)


def _near(start: float) -> Floats:
    """Return angles ever closer to the point, so that a very precise ratio's narrow arc is not stepped over."""
    steps = 10.0 ** -np.arange(3.0, 15.0)
    return np.concatenate([start + steps, start + np.pi - steps])


def _root(problem: RatioProblem, left: float, right: float) -> float:
    from scipy.optimize import brentq

    def value(angle: float) -> float:
        return float(problem.excess(np.array([angle]))[0])

    if value(left) == 0.0:
        return left
    return float(brentq(value, left, right, xtol=1e-15, rtol=8.9e-16))


def delta(problem: RatioProblem) -> tuple[float, float]:
    """Return the delta-method standard error of the ratio and the df of its contrast."""
    if problem.denominator == 0:
        return np.nan, np.nan
    ratio = problem.numerator / problem.denominator
    layers = contrast_variance(problem.covariance, np.array([[1.0, -ratio]]))
    return float(np.sqrt(layers.sum())) / abs(problem.denominator), float(welch_df(layers, problem.df)[0])
