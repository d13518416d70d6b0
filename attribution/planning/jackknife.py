"""What the default variance of a planned study is expected to be: the jackknife, before there are data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError
from attribution.numerics.variance import JACKKNIFE_LIMIT, welch_df
from attribution.planning.records import Noise, Plan
from attribution.planning.skeleton import PathWeights, without_one

Floats = NDArray[np.float64]

N_DRAWS, DRAWS_SEED = 4000, 1946
"""Fixed draws over which the expected degrees of freedom are a median; of them it is known to about 0.5%."""

MOST_REFITS = 100
"""Clusters of different cohort or size whose removal is tried; of more, the closed form of a mean stands for all."""


def expected_layer(share: Floats, variance: Floats) -> float:
    """Return what the default variance of Σ share·y is expected to be, for clusters with these shares and variances.

    `share[n]` sums to 1. Up to 100 clusters it is the jackknife, which of clusters of unequal size makes more than the
    variance itself; of equal ones, and by the influence of more than 100, it is the variance. NaN for one cluster.

    Examples
    --------
    >>> import numpy as np
    >>> equal = expected_layer(np.full(4, 0.25), np.ones(4))
    >>> unequal = expected_layer(np.array([0.4, 0.2, 0.2, 0.2]), np.ones(4))
    >>> round(equal, 12), round(float(0.4**2 + 3 * 0.2**2), 12), round(unequal, 4)
    (0.25, 0.28, 0.2838)

    Source: MacKinnon, Nielsen & Webb (2023), the jackknife CV3; its expectation by algebra.
    """
    count = len(share)
    if count == 1:
        return float("nan")
    away = variance * (1.0 - 2.0 * share) + float(np.sum(share**2 * variance))
    if count <= JACKKNIFE_LIMIT:
        return float((count - 1) / count * np.sum((share / (1.0 - share)) ** 2 * away))
    return float(count / (count - 1) * np.sum(share**2 * away))


def expected_df(layers: Floats, df: Floats) -> float:
    """Return the degrees of freedom that Welch and Satterthwaite's rule will give: the median over samples.

    The rule is fed with estimated layers, each a χ² of its own degrees of freedom, and what it then says is less as a
    rule than with the true ones: of five clusters against five 7.1 in place of 8. The same for the same layers.

    Examples
    --------
    >>> import numpy as np
    >>> round(expected_df(np.array([1.0, 1.0]), np.array([4.0, 4.0])), 1), expected_df(np.ones(1), np.array([4.0]))
    (7.1, 4.0)

    Source: Satterthwaite (1946), Biometrics Bulletin 2; the median by integration over fixed draws.
    """
    present = layers > 0
    if present.sum() < 2 or np.isnan(layers).any():
        return float(welch_df(layers, df))
    scale = np.random.default_rng(DRAWS_SEED).chisquare(df[present], size=(N_DRAWS, int(present.sum()))) / df[present]
    return float(np.median(welch_df(layers[present] * scale, df[present])))


def rollout_layers(plan: Plan, noise: Noise, weights: PathWeights) -> Floats | None:
    """Return the expected jackknife of a rollout in each stratum, every removal of a cluster tried on the weights.

    A cluster that is taken out changes its own cohort's mean, the cohorts' shares, and the comparison that its cohort
    was part of, all in one; the expectation of the square of what then moves is exact for an effect of 0. NaN for a
    stratum without which the method has no estimate; None where strata or the kinds of clusters are too many.
    """
    strata = [np.flatnonzero(weights.stratum == one) for one in range(len(weights.names))]
    counts = [sum(plan.cohorts[c].clusters for c in members) for members in strata]
    kinds = [np.unique(one.sizes, return_counts=True) for one in plan.cohorts]
    if max(counts) > JACKKNIFE_LIMIT or sum(len(sizes) for sizes, _ in kinds) > MOST_REFITS:
        return None
    span = plan.span
    of_size = {float(s): noise.of_mean(float(s))[:span, :span] for sizes, _ in kinds for s in sizes}
    # Σ n²·Cov of each cohort's clusters: over the squared sum of sizes it is the covariance of the cohort's mean.
    sums = [sum(k * s**2 * of_size[float(s)] for s, k in zip(*one, strict=True)) for one in kinds]
    units = [one.units for one in plan.cohorts]
    layers = np.zeros(len(strata))
    for stratum, members in enumerate(strata):
        if counts[stratum] == 1:
            layers[stratum] = np.nan
            continue
        for cohort in members:
            for size, many in zip(*kinds[cohort], strict=True):
                try:
                    left = without_one(plan, int(cohort), float(size))
                except MethodError:
                    layers[stratum] = np.nan
                    continue
                moved = left - weights.weights
                share = float(size) / units[cohort]
                square = share**2 * float(weights.weights[cohort] @ of_size[float(size)] @ weights.weights[cohort])
                for other in range(len(plan.cohorts)):
                    if other != cohort:
                        square += float(moved[other] @ sums[other] @ moved[other]) / units[other] ** 2
                rest = units[cohort] - float(size)
                if rest > 0:
                    own = left[cohort] - (1.0 - share) * weights.weights[cohort]
                    others = sums[cohort] - float(size) ** 2 * of_size[float(size)]
                    square += float(own @ others @ own) / rest**2
                layers[stratum] += (counts[stratum] - 1) / counts[stratum] * float(many) * square
    return layers
