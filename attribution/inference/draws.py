"""Draws of any estimate: bootstrap its map of weights, and calibrate draws for money."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from attribution.core.estimate import Contrast, Estimate
from attribution.core.interval import Draws
from attribution.errors import MethodError
from attribution.numerics.resample import blocks, multinomial_weights

Floats = NDArray[np.float64]

# Each purpose has its own branch of the seed, so that asking for one never moves another.
BOOTSTRAP, TIES, COPULA, COSTS = range(4)


def stream(seed: int, *branch: int) -> np.random.Generator:
    """Return the random generator of one branch of a seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=branch))


def require_draws(draws: int, seed: int, workers: int) -> None:
    """Raise `MethodError` unless draws and workers are positive and the seed is not negative."""
    given: tuple[tuple[str, Any, int], ...] = (("draws", draws, 1), ("seed", seed, 0), ("workers", workers, 1))
    for name, value, least in given:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise MethodError(f"{name} is {value!r}", where=name, remedy=f"give a whole number of at least {least}")


def bootstrap(estimate: Estimate, *, draws: int = 1999, seed: int = 0, workers: int = 1) -> Draws:
    """Draw the estimate anew by resampling clusters with replacement within strata.

    Returns `values[draws, n_terms]`; a draw that empties an arm is a row of NaN, counted in `failed`. Draws are made
    in fixed blocks, each with its own child of the seed: the same bits for any number of `workers`. Raises
    `MethodError` where resampling is invalid for the method, with the reason.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> at.bootstrap(at.did(panel, baseline=[1987], followup=[1988]), draws=99, seed=1).failed
    0

    Source: Davison & Hinkley (1997), Bootstrap Methods and their Application, section 3.8 (stratified cluster
    resampling).
    """
    require_draws(draws, seed, workers)
    if estimate.replay is None:
        raise MethodError(
            f"{estimate.method} cannot be resampled: {estimate.no_replay}",
            where="bootstrap",
            remedy=f"use its own variance, {estimate.variance}",
        )
    replay, strata = estimate.replay, estimate.strata
    values = np.empty((draws, len(estimate.terms)))

    def fill(block: tuple[int, int, int]) -> None:
        number, start, stop = block
        weights = multinomial_weights(strata, stop - start, stream(seed, BOOTSTRAP, number))
        values[start:stop] = replay(weights)

    _run(fill, list(blocks(draws, len(strata))), workers)
    failed = int(np.isnan(values).any(axis=1).sum())
    return Draws(estimate.terms, values, "stratified cluster bootstrap", seed, failed)


def _run(fill: Callable[[tuple[int, int, int]], None], work: list[tuple[int, int, int]], workers: int) -> None:
    from threadpoolctl import threadpool_limits

    # One BLAS thread: more would contend with the workers, and sums would depend on their number.
    with threadpool_limits(limits=1, user_api="blas"):
        if workers == 1 or len(work) == 1:
            for block in work:
                fill(block)
            return
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(fill, work):
                pass


def calibrate(estimate: Estimate, raw: Draws | None, *, draws: int, seed: int) -> Draws | None:
    """Return joint draws of effect, change and background whose margins are the estimate's own t distributions.

    Effect and change keep the ranks of the bootstrap draws, so that their dependence is the bootstrap's, and take
    the quantiles of θ̂ + SE·t(df) at rank/(B+1): no line computed from them can contradict the interval. Background is
    change − effect. Without a bootstrap (`raw=None`) the ranks come from the normal copula of the primary
    correlation. None where the effect's standard error is undefined; a change without one is left out. Ties are
    broken by a seeded shuffle; failed draws are left out.
    """
    found: dict[str, Contrast] = {
        term: estimate.contrast({term: 1.0}) for term in ("effect", "change") if term in estimate.terms
    }
    terms: tuple[str, ...] = tuple(term for term, one in found.items() if np.isfinite(one.std_error))
    if not terms or ("effect" in found and "effect" not in terms):
        return None
    if raw is None:
        ranked, failed = _copula(estimate, terms, draws, seed), 0
        method = "normal copula, calibrated margins"
    else:
        kept = raw.values[~np.isnan(raw.values).any(axis=1)]
        ranked = kept[:, [raw.terms.index(term) for term in terms]]
        failed = raw.failed
        method = "bootstrap ranks, calibrated margins"
    count = len(ranked)
    if count == 0:
        return None
    shuffle = stream(seed, TIES).permutation(count)
    columns = []
    for index, one in enumerate(found[term] for term in terms):
        order = np.argsort(ranked[shuffle, index], kind="stable")
        rank = np.empty(count)
        rank[shuffle[order]] = np.arange(1, count + 1)
        columns.append(one.value + one.std_error * stdtrit(one.df, rank / (count + 1)))
    if "effect" in terms and "change" in terms:
        terms = (*terms, "background")
        columns.append(columns[1] - columns[0])
    return Draws(terms, np.stack(columns, axis=1), method, seed, failed)


def _copula(estimate: Estimate, terms: tuple[str, ...], draws: int, seed: int) -> Floats:
    total = estimate.covariance.sum(axis=0)
    pick = [estimate.terms.index(term) for term in terms]
    covariance = total[np.ix_(pick, pick)]
    spread = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = stream(seed, COPULA).standard_normal((draws, len(terms)))
    return np.asarray(normal @ root.T)
