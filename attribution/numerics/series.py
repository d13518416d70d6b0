"""One series with a launch: the segmented design, its errors' autocorrelation, and the covariance of what is read off.

Everything read off a series is a linear functional of it, so that one matrix `functionals[n_terms, n]` serves all
variances, and many series can be taken at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded
from scipy.special import logsumexp

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AUTOCORRELATION = (np.arange(50) + 0.5) / 50
"""The grid over which the AR(1) coefficient is integrated: flat on (0, 1)."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """A segmented design: `design[n, k]`, and `projected[n, k]`, the same as if nothing had been launched."""

    columns: tuple[str, ...]
    design: Floats
    projected: Floats

    @property
    def rank(self) -> int:
        """The rank of the design, each column taken at its own size."""
        return int(np.linalg.matrix_rank(self.design / np.maximum(np.abs(self.design).max(axis=0), 1e-300)))

    def solution(self) -> Floats:
        """Return the least-squares coefficients as functionals of the series, `[k, n]`."""
        q, r = np.linalg.qr(self.design)
        return np.asarray(np.linalg.solve(r, q.T))


def segmented(time: Integers, launch: int, season: int = 0, control: Floats | None = None) -> Segmented:
    """Return level and slope before the launch, their changes from it on, season dummies and a control series.

    `time[n]` counts periods in order, gaps included; `intercept` is the level at the first, `level_change` that of
    `launch`. The slope changes where at least two periods follow. The season of the first period is the base; seasons
    that no period is in have no column. The control is centred at its mean before the launch.

    >>> segmented(np.arange(5), 3).design.astype(int).tolist()
    [[1, 0, 0, 0], [1, 1, 0, 0], [1, 2, 0, 0], [1, 3, 1, 0], [1, 4, 1, 1]]

    Source: Wagner, Soumerai, Zhang & Ross-Degnan (2002), Segmented regression analysis of interrupted time series.
    """
    after = time >= launch
    columns = {"intercept": np.ones(len(time)), "trend": (time - time[0]).astype(float)}
    columns["level_change"] = after.astype(float)
    if after.sum() > 1:
        columns["slope_change"] = np.where(after, time - launch, 0.0)
    if season:
        position = (time - time[0]) % season
        columns |= {f"season[{one}]": (position == one).astype(float) for one in np.unique(position) if one}
    if control is not None:
        columns["control_coefficient"] = control - control[~after].mean()
    design = np.stack(list(columns.values()), axis=1)
    projected = design.copy()
    projected[:, [name in ("level_change", "slope_change") for name in columns]] = 0.0
    return Segmented(tuple(columns), design, projected)


@dataclass(frozen=True, slots=True, eq=False)
class Autoregression:
    """What series say of their AR(1) errors: per series and grid value of ρ its probability and the errors' variance.

    `probability[n_series, n_grid]` is the posterior under a flat prior on (0, 1), `scale[n_series, n_grid]` the
    residual variance of generalised least squares, `time[n]` the periods.
    """

    probability: Floats
    scale: Floats
    time: Integers

    @property
    def mean(self) -> Floats:
        """The expected autocorrelation of each series."""
        return np.asarray(self.probability @ AUTOCORRELATION)

    @property
    def variance(self) -> Floats:
        """The variance of the autocorrelation of each series."""
        return np.asarray(self.probability @ AUTOCORRELATION**2 - self.mean**2)

    def covariance(self, functionals: Floats) -> Floats:
        """Return the covariance of linear functionals of each series, `[n_series, n_terms, n_terms]`."""
        size = len(functionals)
        total = np.zeros((len(self.scale), size, size))
        for rho, factor in zip(AUTOCORRELATION, (self.probability * self.scale).T, strict=True):
            # R = W⁻¹W⁻ᵀ with W the bidiagonal map of a series to its innovations: A R Aᵀ = (A W⁻¹)(A W⁻¹)ᵀ.
            carried, spread = _innovations(self.time, rho)
            bands = np.zeros((2, len(self.time)))
            bands[0, 1:], bands[1] = -carried[1:] / spread[1:], 1 / spread
            root = solve_banded((0, 1), bands, functionals.T)
            total += factor[:, None, None] * (root.T @ root)
        return total


def autoregression(series: Floats, design: Floats, time: Integers) -> Autoregression:
    """Weigh the AR(1) coefficients of series `[n_series, n]` around a design `[n, k]` by restricted likelihood.

    The errors at times t and u have correlation ρ^|t − u|, so that gaps count as what they are. The restricted
    likelihood of each ρ of the grid, coefficients and variance integrated out, is its posterior under a flat prior.

    Source: Harville (1974), Bayesian inference for variance components using only error contrasts, eq. 4.
    """
    size, count = design.shape
    free = size - count
    likelihood = np.empty((len(series), len(AUTOCORRELATION)))
    scale = np.empty_like(likelihood)
    tiny = (1e-14 * np.abs(series).max(axis=1)) ** 2 * size
    for index, rho in enumerate(AUTOCORRELATION):
        carried, spread = _innovations(time, rho)
        q, r = np.linalg.qr(_whitened(design.T, carried, spread).T)
        white = _whitened(series, carried, spread)
        squares = ((white - (white @ q) @ q.T) ** 2).sum(axis=1)
        scale[:, index] = np.where(squares > tiny, squares, 0.0) / free
        determinant = np.log(spread).sum() + np.log(np.abs(np.diag(r))).sum()
        # A series without residuals says nothing of ρ; its variance is 0 whatever ρ is.
        likelihood[:, index] = -determinant - free / 2 * np.log(np.where(squares > tiny, squares, 1.0))
    return Autoregression(np.exp(likelihood - logsumexp(likelihood, axis=1, keepdims=True)), scale, time)


def _innovations(time: Integers, rho: float) -> tuple[Floats, Floats]:
    """Return how much of the error before is carried on to each period, and the SD of what is new."""
    carried = np.append(0.0, rho ** np.diff(time).astype(float))
    return carried, np.sqrt(1 - carried**2)


def _whitened(rows: Floats, carried: Floats, spread: Floats) -> Floats:
    before = np.concatenate([np.zeros((len(rows), 1)), rows[:, :-1]], axis=1)
    return np.asarray((rows - carried * before) / spread)


def newey_west(functionals: Floats, residual: Floats, time: Integers, lags: int, free: int) -> Floats:
    """Return the Newey–West covariance of functionals of one series: Bartlett weights, factor n/free.

    For the coefficients of a regression this is its HAC covariance; two periods apart by more than `lags` do not count.

    Source: Newey & West (1987), eq. 5.
    """
    apart = np.abs(time[:, None] - time[None, :])
    kernel = np.maximum(1 - apart / (lags + 1), 0.0)
    scores = functionals * residual
    return np.asarray(len(time) / free * scores @ kernel @ scores.T)


def durbin_watson(residual: Floats) -> float:
    """Return the statistic of Durbin & Watson (1950): near 2 without autocorrelation, near 0 with a strong one.

    >>> durbin_watson(np.array([1.0, -1.0, 1.0, -1.0]))
    3.0
    """
    return float((np.diff(residual) ** 2).sum() / (residual**2).sum())


def durbin_watson_p(statistic: float, design: Floats) -> float:
    """Return the exact probability of a statistic as low under independent normal errors.

    Under these the event is Σ λᵢzᵢ² < 0. Its probability is the inverse Laplace transform of Π(1 − 2λᵢs)^(−1/2)/(−s)
    along a vertical line through the saddle point, where the integrand does not oscillate away its digits.

    Source: Durbin & Watson (1971), Testing for serial correlation in least squares regression III; Daniels (1954).
    """
    from scipy.integrate import quad
    from scipy.optimize import minimize_scalar

    size, count = design.shape
    beyond = np.linalg.qr(design, mode="complete")[0][:, count:]
    steps = np.diff(beyond, axis=0)
    roots = np.linalg.eigvalsh(steps.T @ steps - statistic * np.eye(size - count))
    if roots[0] >= 0 or roots[-1] <= 0:
        return float(roots[0] < 0)

    def exponent(s: complex) -> complex:
        return complex(-0.5 * np.log(1 - 2 * roots * s).sum() - np.log(-s))

    edge = 0.5 / roots[0]
    line = minimize_scalar(lambda s: exponent(s).real, bounds=(edge, 0.0), method="bounded").x
    top = exponent(line).real
    # In steps of the line's own distance from the poles.
    width = min(-line, line - edge)
    integral = quad(
        lambda u: np.exp(exponent(complex(line, u * width)) - top).real, 0, np.inf, epsrel=1e-10, epsabs=0, limit=200
    )[0]
    return float(np.exp(top) * width * integral / np.pi)
