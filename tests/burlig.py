"""The closed form of a before-after comparison whose errors are serially correlated, which plans are checked against.

Burlig, Preonas & Woerman (2020), Panel data and experimental design, J. Development Economics 144.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.power import sliding

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Burlig:
    """Components of the variance of a before-after comparison of cluster means.

    `sigma2` is the variance in one period, `psi_before` and `psi_after` the mean covariances of two different periods
    of the baseline and of the follow-up, `psi_cross` that of one of each; NaN where there are no two periods.
    """

    sigma2: float
    psi_before: float
    psi_after: float
    psi_cross: float


def serial_variance(
    sigma2: float,
    psi_before: float,
    psi_after: float,
    psi_cross: float,
    *,
    before: int,
    after: int,
    share: float,
    clusters: int,
) -> float:
    """Return the variance of a difference-in-differences of two window means, serially correlated as it may be.

    V = [(m+r)/(mr)·σ² + (m−1)/m·ψᴮ + (r−1)/r·ψᴬ − 2ψˣ] / (P(1−P)J), with m periods before, r after, J clusters of
    which the share P is trained. A covariance of periods that there are not (a window of one period) may be NaN.

    Examples
    --------
    >>> serial_variance(1.0, np.nan, np.nan, 0.0, before=1, after=1, share=0.5, clusters=8)
    1.0

    Source: Burlig, Preonas & Woerman (2020), Panel data and experimental design, J. Development Economics 144; Stata's
    pc_dd_analytic for population parameters.
    """
    m, r = float(before), float(after)
    inner = (m + r) / (m * r) * sigma2 - 2.0 * psi_cross
    if before > 1:
        inner += (m - 1) / m * psi_before
    if after > 1:
        inner += (r - 1) / r * psi_after
    return float(inner / (share * (1 - share) * clusters))


def burlig_components(means: Floats, before: int, after: int) -> Burlig:
    """Return the components over all windows of `before` + `after` periods that slide over `means[n_clusters, n]`.

    What all clusters share in a period is taken out (covariances over clusters, by n_clusters − 1). Of a variance that
    differs between the windows, the one that the formula calls σ² is (r·σ²_before + m·σ²_after)/(m + r), with which the
    formula is exact. Every mean must be there.

    Examples
    --------
    >>> burlig_components(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]), 1, 1)
    Burlig(sigma2=1.0, psi_before=nan, psi_after=nan, psi_cross=-1.0)

    Source: Burlig, Preonas & Woerman (2020), appendix D.1, on covariances in place of residuals.
    """
    covariance = np.cov(means, rowvar=False)
    return components_of(sliding(np.atleast_2d(covariance), before + after), before, after)


def components_of(covariance: Floats, before: int, after: int) -> Burlig:
    """Return the components of a covariance over the periods of a baseline and of the follow-up next to it."""
    m, r = before, after
    first, last, cross = covariance[:m, :m], covariance[m:, m:], covariance[:m, m:]
    sigma2 = (r * np.mean(np.diag(first)) + m * np.mean(np.diag(last))) / (m + r)
    return Burlig(float(sigma2), _off_diagonal(first), _off_diagonal(last), float(cross.mean()))


def _off_diagonal(square: Floats) -> float:
    size = len(square)
    return float((square.sum() - np.trace(square)) / (size * (size - 1))) if size > 1 else float("nan")
