"""Draws of any estimate: bootstrap its map of weights, and calibrate draws for money."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from attribution.core.estimate import Contrast, Estimate
from attribution.core.interval import Draws
from attribution.core.terms import parse
from attribution.errors import MethodError, require_counts
from attribution.numerics.multipliers import Multiplier, exponential_weights, multiplier_sums
from attribution.numerics.power import root_of
from attribution.numerics.resample import blocks, multinomial_weights

Floats = NDArray[np.float64]
Kind = Literal["multinomial", "bayesian", "multiplier"]

# Each purpose has its own branch of the seed, so that asking for one never moves another.
BOOTSTRAP, TIES, COPULA, COSTS, BAYESIAN, MULTIPLIER, BAND = range(7)


def stream(seed: int, *branch: int) -> np.random.Generator:
    """Return the random generator of one branch of a seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=branch))


def require_draws(draws: int, seed: int, workers: int) -> None:
    """Raise `MethodError` unless draws and workers are positive and the seed is not negative."""
    require_counts(draws=(draws, 1), seed=(seed, 0), workers=(workers, 1))


def require_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Raise `MethodError` unless a named option is one of those known."""
    if value not in known:
        raise MethodError(f"{name} is {value!r}", where=name, remedy=f"choose one of {', '.join(known)}")


def bootstrap(
    estimate: Estimate,
    *,
    draws: int = 1999,
    seed: int = 0,
    workers: int = 1,
    kind: Kind = "multinomial",
    multiplier: Multiplier = "rademacher",
) -> Draws:
    """Draw the estimate anew under random weights of its clusters.

    Returns `values[draws, n_terms]` in KPI units. Draws are made in fixed blocks, each with its own child of the seed:
    the same bits for any number of `workers`, and memory that does not grow with `draws`, the values aside. A draw
    that empties an arm is a row of NaN, counted in `failed`; one that only empties a cohort has NaN in that
    cohort's parts.

    Parameters
    ----------
    kind
        `"multinomial"`: clusters resampled with replacement within strata, every estimated step redone. `"bayesian"`:
        exponential weights that sum to the stratum's size, every step redone; none is 0, so that none empties a cohort.
        `"multiplier"`: the estimate plus random multiples of its influence, nothing redone: for large data.
    multiplier
        The distribution of the multiples: `"rademacher"` ±1, `"mammen"` (skewed, two points), `"webb"` (six points,
        for few clusters).

    Raises
    ------
    MethodError
        Resampling is invalid for the method (then the multiples are refused too), with the reason; an option that is
        not known.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> est = at.did(panel, baseline=[1987], followup=[1988])
    >>> at.bootstrap(est, draws=99, seed=1).failed
    0
    >>> round(float(at.bootstrap(est, draws=999, seed=1, kind="multiplier").term("effect").std()), 2)
    0.17

    Source: Davison & Hinkley (1997), Bootstrap Methods and their Application, section 3.8 (stratified cluster
    resampling); Rubin (1981) for exponential weights; Callaway & Sant'Anna (2021), algorithm 1, for multiples.
    """
    require_draws(draws, seed, workers)
    require_choice("kind", kind, get_args(Kind))
    require_choice("multiplier", multiplier, get_args(Multiplier))
    if estimate.replay is None:
        raise MethodError(
            f"{estimate.method} cannot be resampled: {estimate.no_replay}",
            where="bootstrap",
            remedy=f"use its own variance, {estimate.variance}",
        )
    replay, strata = estimate.replay, estimate.strata
    sums = estimate.cluster_influence() if kind == "multiplier" else np.empty((0, 0))
    total = sums.sum(axis=0)
    values = np.empty((draws, len(estimate.terms)))

    def fill(block: tuple[int, int, int]) -> None:
        number, start, stop = block
        if kind == "multiplier":
            rng = stream(seed, MULTIPLIER, number)
            values[start:stop] = estimate.values + multiplier_sums(sums, total, stop - start, multiplier, rng)
        elif kind == "bayesian":
            values[start:stop] = replay(exponential_weights(strata, stop - start, stream(seed, BAYESIAN, number)))
        else:
            values[start:stop] = replay(multinomial_weights(strata, stop - start, stream(seed, BOOTSTRAP, number)))

    _run(fill, list(blocks(draws, len(strata))), workers)
    method = {
        "multinomial": "stratified cluster bootstrap",
        "bayesian": "Bayesian cluster bootstrap",
        "multiplier": f"multiplier bootstrap, {multiplier} weights",
    }[kind]
    return Draws(estimate.terms, values, method, seed, int(failed_rows(estimate.terms, values).sum()))


def failed_rows(terms: tuple[str, ...], values: Floats) -> NDArray[np.bool_]:
    """Return which draws failed: a plain term is NaN, or every term where all are parts of a term.

    A part may be NaN without failing its draw: a draw can empty a cohort of one cluster and still have an overall
    effect.
    """
    missing = np.isnan(values)
    plain = [index for index, term in enumerate(terms) if parse(term) is None]
    return np.asarray(missing[:, plain].any(axis=1) if plain else missing.all(axis=1))


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
        kept = raw.values[~failed_rows(raw.terms, raw.values)]
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
    normal = stream(seed, COPULA).standard_normal((draws, len(terms)))
    return np.asarray(normal @ root_of(covariance / np.outer(spread, spread)).T)
