"""Random weights beside the multinomial: exponential ones, and multipliers of the influence."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Multiplier = Literal["rademacher", "mammen", "webb"]

_ROOT5 = 5.0**0.5

# Two points (low, high) and the probability of the high one; mean 0 and variance 1.
_TWO_POINTS: dict[Multiplier, tuple[float, float, float]] = {
    "rademacher": (-1.0, 1.0, 0.5),
    "mammen": ((1 - _ROOT5) / 2, (1 + _ROOT5) / 2, (_ROOT5 - 1) / (2 * _ROOT5)),
}
_WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))
_WEBB = np.concatenate([-_WEBB, _WEBB])


def exponential_weights(strata: NDArray[np.int32], n_draws: int, rng: np.random.Generator) -> Floats:
    """Draw Bayesian bootstrap weights `[n_draws, n_clusters]`: exponential, summing to the stratum's size in each.

    No weight is 0, so that no draw empties an arm or a cohort. Source: Rubin (1981), The Bayesian bootstrap, Ann.
    Statist. 9.
    """
    weights = rng.standard_exponential((n_draws, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        # A slice is a view: nothing is copied where a stratum's clusters stand together.
        together = members[-1] - members[0] + 1 == len(members)
        part = weights[:, members[0] : members[-1] + 1] if together else weights[:, members]
        part *= len(members) / part.sum(axis=1, keepdims=True)
        if not together:
            weights[:, members] = part
    return weights


def multiplier_sums(
    sums: Floats, total: Floats, n_draws: int, multiplier: Multiplier, rng: np.random.Generator
) -> Floats:
    """Draw ξ·ψ `[n_draws, n_terms]`: cluster sums `[n_clusters, n_terms]` of the influence times random multipliers.

    `total[n_terms]` is the sum of `sums` over clusters, the same for every block of draws. ξ has mean 0 and variance 1,
    one for each cluster, the same for all terms. A term whose influence is NaN is NaN.

    Source: Mammen (1993), Bootstrap and wild bootstrap for high dimensional linear models, Ann. Statist. 21; Webb
    (2023), Reworking wild bootstrap-based inference for clustered errors, Can. J. Econ. 56 (six points).
    """
    n_clusters = len(sums)
    if multiplier == "webb":
        return np.asarray(_WEBB[rng.integers(0, 6, size=(n_draws, n_clusters), dtype=np.uint8)] @ sums)
    low, high, probability = _TWO_POINTS[multiplier]
    if multiplier == "rademacher":
        # One bit is one multiplier.
        length = -(-n_clusters // 8)
        packed = np.frombuffer(rng.bytes(n_draws * length), dtype=np.uint8).reshape(n_draws, length)
        up = np.unpackbits(packed, axis=1, count=n_clusters).astype(float)
    else:
        uniform = rng.integers(0, 2**32, size=(n_draws, n_clusters), dtype=np.uint32)
        up = (uniform < round(probability * 2**32)).astype(float)
    # ξ = low + (high − low)·up, and the part that is the same in every draw leaves the product.
    return np.asarray((high - low) * (up @ sums) + low * total)
