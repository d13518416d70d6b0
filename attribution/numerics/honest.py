"""What an event study still says when trends were not parallel: the problem, and what its two answers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from attribution.errors import MethodError

Floats = NDArray[np.float64]
Ends = tuple[float, float]

FARTHEST = 2.0**20
"""A breakdown value beyond this many times the scale of the data is reported as infinite."""


@dataclass(frozen=True, slots=True, eq=False)
class EventStudy:
    """Coefficients of an event study: `n_pre` pre periods, then the post periods, the reference in between left out.

    `beta[n_pre + n_post]` and their covariance `sigma`, one coefficient per consecutive period; the parameter is
    `target @ effects` with `target[n_post]`. Write β = effects + δ: before the reference the effects are 0, and the
    δ are what two groups would have drifted apart without the training. Raises `MethodError` for shapes that do not
    fit, values that are not finite and a covariance that is not positive definite.
    """

    beta: Floats
    sigma: Floats = field(repr=False)
    n_pre: int
    target: Floats

    def __post_init__(self) -> None:
        size = len(self.beta)
        fault = ""
        if self.sigma.shape != (size, size) or len(self.target) != size - self.n_pre:
            fault = f"{size} coefficients, a covariance {self.sigma.shape} and {len(self.target)} target weights"
        elif not 1 <= self.n_pre < size:
            fault = f"{self.n_pre} pre periods of {size} periods"
        elif not (np.isfinite(self.beta).all() and np.isfinite(self.sigma).all() and np.isfinite(self.target).all()):
            fault = "coefficients, covariances or weights that are not finite"
        elif not self.target.any():
            fault = "target weights that are all 0"
        elif not positive_definite(self.sigma):
            fault = "a covariance that is not positive definite"
        if fault:
            raise MethodError(
                fault,
                where="EventStudy",
                remedy="give finite coefficients, pre periods first, with a covariance of full rank and one target "
                "weight per post period",
            )

    @property
    def value(self) -> float:
        """The estimate of the target as if trends had been parallel."""
        return float(self.target @ self.beta[self.n_pre :])

    @property
    def std_error(self) -> float:
        """The standard error of `value`."""
        return float(np.sqrt(self.target @ self.sigma[self.n_pre :, self.n_pre :] @ self.target))


def positive_definite(sigma: Floats) -> bool:
    """Say whether a covariance is symmetric and of full rank, whatever the units of its terms."""
    scale = np.sqrt(np.maximum(np.diag(sigma), 0.0))
    if not (scale > 0).all():
        return False
    correlation = sigma / np.outer(scale, scale)
    if not np.allclose(correlation, correlation.T, atol=1e-8):
        return False
    return bool(np.linalg.eigvalsh(correlation)[0] > 1e-10)


def original(study: EventStudy, level: float) -> Ends:
    """Return the normal interval that takes trends as parallel."""
    half_width = float(ndtri((1 + level) / 2)) * study.std_error
    return study.value - half_width, study.value + half_width


def breakdown(holds_zero: Callable[[float], bool], scale: float) -> float:
    """Return the magnitude from which on an interval holds 0, to a relative accuracy of 1e-6.

    `holds_zero` says it for a magnitude ≥ 0. The answer is 0 where the interval holds 0 without any violation,
    and infinite where it excludes 0 up to `FARTHEST` times `scale`.
    """
    if holds_zero(0.0):
        return 0.0
    below, above = 0.0, scale
    while not holds_zero(above):
        below, above = above, 2 * above
        if above > FARTHEST * scale:
            return float("inf")
    while above - below > 1e-6 * above:
        middle = (below + above) / 2
        below, above = (below, middle) if holds_zero(middle) else (middle, above)
    return below
