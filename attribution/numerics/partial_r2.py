"""What a variable that was left out does to a regression coefficient, said in shares of variation (partial R²).

D is the treatment, Y the outcome, X the columns beside them, Z what was left out. Strengths are the partial R² of Z
with D given X, and of Z with Y given D and X.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import brentq

Floats = NDArray[np.float64]

COLLINEAR = 1e-10
"""What X leaves of the treatment, relative to its variation, below which nothing is left to compare."""


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """The least squares coefficient of D in Y on D and X, with its classical standard error.

    `residual_ratio` is the spread of what D and X leave of Y over that of what X leaves of D, in units of Y: the bias
    that a left-out Z of given strengths makes is a multiple of it. It is the standard error times √df.
    `strength_trained[n_groups]` and `strength_outcome[n_groups]` are the partial R² of groups of columns of X with D
    given the other columns, and with Y given D and the other columns.
    """

    coefficient: float
    std_error: float
    df: int
    residual_ratio: float
    strength_trained: Floats = field(repr=False)
    strength_outcome: Floats = field(repr=False)


def regression(
    outcome: Floats,
    treatment: Floats,
    design: Floats,
    weight: Floats | None = None,
    groups: Sequence[Sequence[int]] = (),
) -> Regression | None:
    """Return the regression of `outcome[n]` on `treatment[n]` and `design[n, k]`; None where it does not exist.

    `weight[n]` are weights above 0; `groups` are sets of columns of the design. It does not exist without degrees of
    freedom, where the design determines the treatment, or where its columns depend on each other.

    Examples
    --------
    >>> y, d = np.array([1.0, 2.0, 4.0, 6.0]), np.array([0.0, 0.0, 1.0, 1.0])
    >>> found = regression(y, d, np.ones((4, 1)))
    >>> round(found.coefficient, 3), found.df, round(found.std_error, 3)
    (3.5, 2, 1.118)

    Source: Cinelli & Hazlett (2020), Making sense of sensitivity, J. R. Stat. Soc. B 82, section 4.
    """
    n, k = design.shape
    df = n - k - 1
    if df < 1:
        return None
    root = np.ones(n) if weight is None else np.sqrt(weight)
    size = np.sqrt(((design * root[:, None]) ** 2).sum(axis=0))
    if not (size > 0).all():
        return None
    q, r = np.linalg.qr(design * root[:, None] / size)
    if np.abs(np.diag(r)).min() < COLLINEAR:
        return None
    y, d = outcome * root, treatment * root
    of_y, of_d = q.T @ y, q.T @ d
    left_y, left_d = y - q @ of_y, d - q @ of_d
    varies = float(left_d @ left_d)
    if varies <= COLLINEAR * float(d @ d):
        return None
    coefficient = float(left_d @ left_y) / varies
    residual = left_y - coefficient * left_d
    ss_outcome = float(residual @ residual)
    # The columns' own coefficients and their inverse second moments, without D and with it.
    inverse = solve_triangular(r, np.eye(k))
    on_d, on_y = inverse @ of_d, inverse @ (of_y - coefficient * of_d)
    moments = inverse @ inverse.T
    with_d = moments + np.outer(on_d, on_d) / varies
    trained, explained = np.zeros(len(groups)), np.zeros(len(groups))
    for place, columns in enumerate(groups):
        at = np.asarray(columns, dtype=int)
        trained[place] = _share(on_d[at], moments[np.ix_(at, at)], varies)
        explained[place] = _share(on_y[at], with_d[np.ix_(at, at)], ss_outcome)
    ratio = float(np.sqrt(ss_outcome / varies))
    return Regression(coefficient, ratio / float(np.sqrt(df)), df, ratio, trained, explained)


def _share(coefficients: Floats, moments: Floats, left: float) -> float:
    """Return the partial R² of columns: what leaving them out adds to the residual sum of squares, over the sum."""
    added = float(coefficients @ np.linalg.solve(moments, coefficients))
    return added / (added + left) if added + left > 0 else float("nan")


def partial_r2(t: ArrayLike, df: ArrayLike) -> Floats:
    """Return the partial R² of a coefficient from its classical t statistic: t² / (t² + df).

    It is also the share of D's remaining variation that Z must explain if it explains all that is left of Y.
    """
    squared = np.square(np.asarray(t, dtype=float))
    return np.asarray(squared / (squared + np.asarray(df, dtype=float)))


def robustness_value(strength: ArrayLike, critical: ArrayLike = 0.0) -> Floats:
    """Return the robustness value: the strength that Z needs with both D and Y to undo an effect.

    `strength` is |effect| over the residual ratio, |t|/√df in a regression, times the share of the effect that is to be
    undone. `critical` is what of it must be left for the interval to exclude what is tested: the quantile of
    t(df − 1) over √(df − 1) in a regression, 0 for the estimate alone. 0 where the interval does not exclude it.

    Examples
    --------
    >>> round(float(robustness_value(4.18444998 / 783**0.5)), 6)
    0.138776

    Source: Cinelli & Hazlett (2020), eq. 18 and 19; where an interval is narrowest with less than that of Y explained,
    the condition of D alone binds (their appendix on the extreme robustness value).
    """
    f, f_star = np.broadcast_arrays(np.asarray(strength, dtype=float), np.asarray(critical, dtype=float))
    over = np.maximum(f - f_star, 0.0)
    both = 0.5 * (np.sqrt(over**4 + 4 * over**2) - over**2)
    alone = (f**2 - f_star**2) / (1 + f**2)
    found = np.where(f * f_star > 1, alone, both)
    return np.asarray(np.where(over > 0, found, np.where(np.isnan(f - f_star), np.nan, 0.0)))


def extreme_robustness_value(strength: ArrayLike, critical: ArrayLike = 0.0) -> Floats:
    """Return the strength that Z needs with D alone, however much of Y it explains; arguments as above."""
    f, f_star = np.asarray(strength, dtype=float), np.asarray(critical, dtype=float)
    return np.asarray(np.maximum(f**2 - f_star**2, 0.0) / (1 + f**2))


def bias_of(residual_ratio: float, trained: ArrayLike, outcome: ArrayLike) -> Floats:
    """Return the size of the bias, in units of Y, that a left-out Z of the two strengths makes.

    Source: Cinelli & Hazlett (2020), eq. 14: |bias| = √(R²_Y·R²_D / (1 − R²_D)) · residual ratio.
    """
    d, y = np.asarray(trained, dtype=float), np.asarray(outcome, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(residual_ratio * np.sqrt(y * d / (1 - d)))


def error_factor(df: float, trained: ArrayLike, outcome: ArrayLike) -> Floats:
    """Return what a Z of the two strengths, were it added, would multiply the standard error by.

    Source: Cinelli & Hazlett (2020), section 4.2.
    """
    d, y = np.asarray(trained, dtype=float), np.asarray(outcome, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((1 - y) / (1 - d) * df / (df - 1)))


def benchmarked(
    strength_trained: ArrayLike, strength_outcome: ArrayLike, times_trained: ArrayLike, times_outcome: ArrayLike
) -> tuple[Floats, Floats]:
    """Return the strengths of a Z that is a multiple as strong as measured columns: with D, and at most with Y.

    The strengths are those of `Regression`. NaN for a multiple that D has no room for; the strength with Y is 1 where
    the bound exceeds it.

    Examples
    --------
    >>> d, y = benchmarked(0.009081, 0.109009, [1, 2, 3], [1, 2, 3])
    >>> d.round(4).tolist(), y.round(4).tolist()
    ([0.0092, 0.0183, 0.0275], [0.1246, 0.2493, 0.374])

    Source: Cinelli & Hazlett (2020), section 4.4 and the appendix on bounds with R²_{Y~X_j|D,X_{-j}}.
    """
    r2d, r2y = np.asarray(strength_trained, dtype=float), np.asarray(strength_outcome, dtype=float)
    kd, ky = np.asarray(times_trained, dtype=float), np.asarray(times_outcome, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        trained = kd * r2d / (1 - r2d)
        shared = kd * r2d**2 / ((1 - kd * r2d) * (1 - r2d))
        possible = (trained < 1) & (kd * r2d < 1) & (shared < 1)
        lean = (np.sqrt(ky) + np.sqrt(np.where(possible, shared, np.nan))) / np.sqrt(1 - np.where(possible, shared, 0))
        outcome = np.minimum(lean**2 * r2y / (1 - r2y), 1.0)
    return np.where(possible, trained, np.nan), np.asarray(np.where(possible, outcome, np.nan))


def most_times(strength_trained: float) -> float:
    """Return the multiple of measured columns at which Z would be the treatment itself; infinite where they are not
    related to it."""
    return (1 - strength_trained) / strength_trained if strength_trained > 0 else float("inf")


def times_to_reach(bias: float, residual_ratio: float, strength_trained: float, strength_outcome: float) -> float:
    """Return how many times as strong as measured columns a Z must be, with D and Y alike, to make a bias.

    0 for a bias of 0 or less, infinite where the columns are related to D or to Y not at all.

    Examples
    --------
    >>> k = times_to_reach(0.0973158, 0.65077, 0.009081, 0.109009)
    >>> round(k, 2)
    4.34
    """
    if np.isnan(bias) or np.isnan(residual_ratio):
        return float("nan")
    if bias <= 0:
        return 0.0
    if not (strength_trained > 1e-15 and strength_outcome > 1e-15) or residual_ratio <= 0:
        return float("inf")

    def short(times: float) -> float:
        made = bias_of(residual_ratio, *benchmarked(strength_trained, strength_outcome, times, times))
        return float(made) - bias

    # The bias grows without bound as Z comes to be the treatment itself.
    most, step = most_times(strength_trained), 0.5
    while not short(most * (1 - step)) > 0:
        step /= 2
        if step < 1e-15:
            return most
    return float(brentq(short, 0.0, most * (1 - step), xtol=1e-12, rtol=1e-12))
