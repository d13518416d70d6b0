"""Fits that a comparison with covariates needs: logit, inverse probability tilting, least squares; one, or one a draw.

The logit and the tilting are found by Newton's method. A step Δ moves a row's index by at most c = max|xΔ|; where
c > ½ it is shortened to ln(1 + c)/c, which makes both convex losses fall from any start (Sun & Tran-Dinh 2019). Each
draw starts from the fit to all units and takes its first step with products alone, so that few passes over draws by
units remain. Designs are best given orthonormal columns (`orthonormal`): the fitted index does not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Link = Literal["logit", "tilting"]
FitReason = Literal["empty arm", "separated", "no overlap", "singular", "not converged"]
"""No weight in an arm; covariates that tell the arms apart; no weights of the controls that match the trained; columns
that depend on each other; none of these, and yet no end."""

LARGEST = 60
"""Newton steps before a fit is given up; a fit that exists takes fewer than twenty."""

CONVERGED = 1e-7
"""Largest move of any row's index in the last step; what is left is its square."""

CONVERGED_DRAWS = 1e-5
"""The same in a draw, whose first step is exact to the first order already."""

SEPARATED = 15.0
"""An index beyond this while steps go on: the loss falls for ever, because covariates tell the arms apart."""

FEW = 64
"""Units that are looked at first to see whether any propensity is not 0 or 1."""

SINGULAR = 1e-12
"""Smallest eigenvalue of a matrix of products relative to its largest below which a design has no full rank."""

SPANNED = 1e-8
"""Largest part of a side beyond what a singular matrix spans that is rounding."""

CELLS = 2_000_000
"""Numbers in the largest temporary matrix of products: 16 MB."""


class FitError(Exception):
    """A fit that does not exist; `reason` says why, for the caller to name columns and a remedy."""

    def __init__(self, reason: FitReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class IndexFit:
    """A logit or tilting on all units: coefficients, each unit's index, its score and the inverse Hessian.

    `score[n, k]` is the derivative of minus the loss by each unit's multiplier, so that coefficients move with
    multipliers by `score @ inverse_hessian`.
    """

    coefficients: Floats
    index: Floats
    score: Floats
    inverse_hessian: Floats


def orthonormal(design: Floats, weight: Floats) -> Floats:
    """Return columns of mean square 1, uncorrelated under `weight`, that span those of `design[n, k]`.

    Raises `FitError` ("singular") where the columns are linearly dependent.
    """
    return orthonormal_basis(design, weight)[0]


def orthonormal_basis(design: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return the columns of `orthonormal` and the `basis[k, k]` that makes them: coefficients γ of theirs are
    basis @ γ of the design's.
    """
    weighted = np.sqrt(weight / weight.sum())[:, None] * design
    size = np.sqrt(np.einsum("ij,ij->j", weighted, weighted))
    if not (size > 0).all():
        raise FitError("singular")
    weighted /= size
    triangle = np.asarray(np.linalg.qr(weighted, mode="r"))
    # Columns of equal size: a pivot far below them is what is left of a column after those before it.
    if np.abs(np.diag(triangle)).min() <= np.sqrt(SINGULAR) * np.abs(np.diag(triangle)).max() / 100:
        raise FitError("singular")
    basis = np.linalg.inv(triangle) / size[:, None]
    return np.asarray(design @ basis), basis


def products(design: Floats, weights: Floats) -> Floats:
    """Return X'W_dX for each row of `weights[n_draws, n]`: `[n_draws, k, k]`, one matrix product of all draws."""
    n, k = design.shape
    if len(weights) == 1:
        return np.asarray(((design * weights[0][:, None]).T @ design)[None])
    width = k * (k + 1) // 2
    upper = np.zeros((len(weights), width))
    step = max(1, CELLS // width)
    for start in range(0, n, step):
        upper += weights[:, start : start + step] @ pairs(design[start : start + step])
    return unpaired(upper, k)


def pairs(design: Floats) -> Floats:
    """Return the products of every two columns, `[n, k(k+1)/2]`, the upper triangle of x'x in each row."""
    left, right = np.triu_indices(design.shape[1])
    turned = np.ascontiguousarray(design.T)
    return np.asarray((turned[left] * turned[right]).T)


def unpaired(upper: Floats, k: int) -> Floats:
    """Return the symmetric matrices `[n, k, k]` of which `upper[n, k(k+1)/2]` holds the triangles."""
    left, right = np.triu_indices(k)
    full = np.empty((len(upper), k, k))
    full[:, left, right] = upper
    full[:, right, left] = upper
    return full


def solve_each(matrices: Floats, sides: Floats) -> Floats:
    """Solve each of the symmetric `matrices[n_draws, k, k]` against its `sides[n_draws, k, m]`; NaN where singular."""
    finite = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
    safe = np.where(finite[:, None, None], matrices, np.eye(matrices.shape[1]))
    values = np.linalg.eigvalsh(safe)
    good = finite & (values[:, 0] > SINGULAR * values[:, -1])
    safe = np.where(good[:, None, None], matrices, np.eye(matrices.shape[1]))
    found = np.linalg.solve(safe, np.where(good[:, None, None], sides, 0.0))
    found[~good] = np.nan
    return np.asarray(found)


def inverses(matrices: Floats) -> Floats:
    """Return the inverse of each of the symmetric `matrices[n_draws, k, k]`; NaN where singular."""
    return solve_each(matrices, np.broadcast_to(np.eye(matrices.shape[1]), matrices.shape))


def spanned(matrices: Floats, sides: Floats) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Return the solution of least norm of singular `matrices[n_draws, k, k]` against `sides[n_draws, k]`, the rank of
    each, and how far each side reaches beyond what its matrix spans; NaN where something is not finite.
    """
    finite = np.asarray(np.isfinite(matrices).all(axis=(1, 2)) & np.isfinite(sides).all(axis=1))
    values, vectors = np.linalg.eigh(np.where(finite[:, None, None], matrices, 0.0))
    kept = values > SINGULAR * np.maximum(values[:, -1:], 1e-300)
    along = np.einsum("dij,di->dj", vectors, np.where(finite[:, None], sides, np.nan))
    beyond = np.sqrt((np.where(kept, 0.0, along) ** 2).sum(axis=1))
    step = np.where(kept, along / np.where(kept, values, 1.0), 0.0 * along)
    return np.einsum("dij,dj->di", vectors, step), kept.sum(axis=1), beyond


def lean_on(matrices: Floats, inverse: Floats, sides: Floats) -> Floats:
    """Return the solution of `matrices[n_draws, k, k]` against `sides[n_draws, k]`, given what `inverses` made of them.

    Where one is singular, that of least norm if the side lies in what the matrix spans: a column that no unit of the
    draw holds, and the target neither, leaves a regression's reading as it is. NaN for a side that reaches beyond.
    Columns are of the size of 1.
    """
    found: Floats = np.einsum("dij,dj->di", inverse, sides)
    lost = np.flatnonzero(np.isnan(inverse[:, 0, 0]))
    if len(lost):
        made, _, beyond = spanned(matrices[lost], sides[lost])
        made[beyond > SPANNED * np.maximum(np.sqrt((sides[lost] ** 2).sum(axis=1)), 1.0)] = np.nan
        found[lost] = made
    return found


def fit_index(design: Floats, trained: Bools, weight: Floats, link: Link) -> IndexFit:
    """Fit a logit of `trained` on `design[n, k]`, or the tilting that makes weighted controls match the trained.

    The tilting solves Σ w(D − (1 − D)exp(xγ))x = 0, so that the controls' odds weights reproduce the covariate
    totals of the trained. Raises `FitError`: an arm without weight, covariates that tell the arms apart (the logit does
    not exist) or do not overlap (the tilting does not), a design without full rank, no convergence.

    Source: Graham, Pinto & Egel (2012), in the form of Sant'Anna & Zhao (2020), section 3.1.
    """
    if not (weight[trained].sum() > 0 and weight[~trained].sum() > 0):
        raise FitError("empty arm")
    own = weight * trained
    totals = own[None] @ design
    found = _fit(design, weight, totals, np.zeros((1, design.shape[1])), "logit")
    if link == "tilting":
        # Where the logit does not exist, neither does the tilting; where it does, it is near.
        weight = np.where(trained, 0.0, weight)
        found = _fit(design, weight, totals, found, "tilting")
    index = design @ found[0]
    fitted, curvature = _curve(index[None].copy(), weight[None], link)
    inverse = inverses(products(design, curvature))[0]
    if np.isnan(inverse).any():
        raise FitError("singular")
    return IndexFit(found[0], index, (own - fitted[0])[:, None] * design, inverse)


def _fit(design: Floats, weight: Floats, totals: Floats, start: Floats, link: Link) -> Floats:
    found, last = newton(design, weight[None], totals, start, link)
    if not np.isnan(found).any():
        return found
    if np.abs((design @ last[0])[weight > 0]).max() <= SEPARATED:
        raise FitError("not converged")
    raise FitError("separated" if link == "logit" else "no overlap")


def pairs_kept(design: Floats, n_draws: int) -> Floats | None:
    """Return the products of columns for all steps of many draws; None where they are too many to be kept."""
    n, k = design.shape
    return pairs(design) if n_draws > 1 and n * k * (k + 1) // 2 <= CELLS else None


def fit_index_draws(
    design: Floats, trained: Bools, weights: Floats, link: Link, fit: IndexFit, kept: Floats | None = None
) -> Floats:
    """Return coefficients `[n_draws, k]` refitted under `weights[n_draws, n]`; NaN where a draw has no fit.

    `fit` is that of the same units at weights of one draw; every draw starts from it. Some arrays of the size of
    `weights` are made: the caller cuts draws into blocks, and for a logit may give their common `pairs_kept`.
    """
    arms = np.stack([trained, ~trained], axis=1).astype(float)
    sums = weights @ np.concatenate([arms[:, :1] * design, arms], axis=1)
    totals, usable = sums[:, :-2], (sums[:, -2:] > 0).all(axis=1)
    if link == "tilting":
        design, weights = design[~trained], weights[:, ~trained]
        kept = None
    return newton_draws(design, weights, totals, link, fit.coefficients, usable, kept)


def newton_draws(
    design: Floats,
    weights: Floats,
    totals: Floats,
    link: Link,
    start: Floats,
    usable: Bools,
    kept: Floats | None = None,
) -> Floats:
    """Return the coefficients of `newton` for each draw from one `start[k]`; NaN for draws that are not usable."""
    found = np.full(totals.shape, np.nan)
    if usable.all():
        begin = np.broadcast_to(start, found.shape)
        found[:] = newton(design, weights, totals, begin, link, shared=True, kept=kept)[0]
    elif usable.any():
        begin = np.broadcast_to(start, (int(usable.sum()), len(start)))
        found[usable] = newton(design, weights[usable], totals[usable], begin, link, shared=True, kept=kept)[0]
    return found


def _curve(index: Floats, weights: Floats, link: Link) -> tuple[Floats, Floats]:
    """Return weights times the fitted value, and times its slope by the index; `index` is overwritten."""
    with np.errstate(over="ignore", invalid="ignore"):
        if link == "tilting":
            np.exp(index, out=index)
            fitted = weights * index
            return fitted, fitted
        # The logistic function of numpy's exponential, several times as fast as scipy's.
        np.negative(index, out=index)
        np.exp(index, out=index)
        index += 1.0
        np.reciprocal(index, out=index)
        fitted = weights * index
        np.multiply(fitted, index, out=index)
        np.subtract(fitted, index, out=index)
    return fitted, index


def _apart(design: Floats, weights: Floats, draws: NDArray[np.int64], coefficients: Floats) -> Bools:
    """Say which of the `draws` have a logit that puts every unit at 0 or 1: no step moves it, and none should have."""
    few = slice(0, FEW)
    near = (np.abs(coefficients @ design[few].T) <= SEPARATED) & (weights[draws, few] > 0)
    apart = np.asarray(~near.any(axis=1))
    for place in np.flatnonzero(apart):
        apart[place] = np.abs(design[weights[draws[place]] > 0] @ coefficients[place]).min() > SEPARATED
    return apart


def newton(
    design: Floats,
    weights: Floats,
    totals: Floats,
    start: Floats,
    link: Link,
    *,
    shared: bool = False,
    kept: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Solve Σ w f(xγ) x = `totals[n_draws, k]`, f the link's; return γ per draw (NaN: no fit) and the last ones tried.

    `shared`: all draws start at one place, and end a step earlier.
    """
    enough = CONVERGED_DRAWS if shared else CONVERGED
    current = np.array(start, dtype=float)
    found = np.full_like(current, np.nan)
    active, longest = np.arange(len(current)), np.sqrt((design**2).sum(axis=1).max(initial=0.0))
    k = design.shape[1]
    # The products of columns are made once for all steps where they may be kept.
    kept = pairs_kept(design, len(current)) if kept is None else kept
    # The rank of draws in which columns are missing, of whom the totals know nothing either.
    ranks = np.full(len(current), k)
    for step in range(LARGEST):
        mine = weights if len(active) == len(weights) else weights[active]
        if shared and step == 0:
            # At one place the curve is the rows', not the draws': two products, nothing of size draws by rows.
            fitted, curvature = _curve((design @ current[0])[None], np.ones((1, 1)), link)
            total = mine @ (fitted[0][:, None] * design)
            if kept is None:
                hessian = products(np.sqrt(curvature[0])[:, None] * design, mine)
            else:
                hessian = unpaired(mine @ (curvature[0][:, None] * kept), k)
        else:
            fitted, curvature = _curve(current[active] @ design.T, mine, link)
            total = fitted @ design
            hessian = products(design, curvature) if kept is None else unpaired(curvature @ kept, k)
        side = totals[active] - total
        move = solve_each(hessian, side[:, :, None])[:, :, 0]
        lost = np.flatnonzero(np.isnan(move[:, 0])) if shared else np.zeros(0, dtype=np.int64)
        if len(lost):
            made, rank, beyond = spanned(hessian[lost], side[lost])
            if step == 0:
                # No fit has led these draws here: what is singular is the draw, not a propensity of 0 or 1.
                ranks[lost] = np.where(beyond <= SPANNED * np.sqrt((totals[lost] ** 2).sum(axis=1)), rank, k)
            keeps = (ranks[active[lost]] == rank) & (rank < k)
            move[lost[keeps]] = made[keeps]
        # How far a row can move at most, by the longest row; how far one does, only where it matters.
        ahead = np.sqrt((move**2).sum(axis=1)) * longest
        unsure = (ahead > 0.5) | ((ahead > enough) & (ahead < 10 * enough))
        if unsure.any():
            ahead[unsure] = np.abs(move[unsure] @ design.T).max(axis=1)
        shorter = np.where(ahead > 0.5, np.log1p(ahead) / np.where(ahead > 0, ahead, 1.0), 1.0)
        # A step that is not finite ends a draw: its Hessian is singular or its index overflowed.
        going = np.isfinite(ahead)
        current[active[going]] += (shorter[:, None] * move)[going]
        done = ahead <= enough
        found[active[done]] = current[active[done]]
        if link == "logit" and done.any():
            found[active[done][_apart(design, mine, np.flatnonzero(done), current[active[done]])]] = np.nan
        active = active[going & ~done]
        if not len(active):
            break
    return found, current
