"""Weights that are a function of fitted indices, and how they move: by their units' multipliers, every fit redone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from attribution.numerics.balancing import fit_balance_draws
from attribution.numerics.logit import IndexFit, fit_index_draws, pairs_kept
from attribution.numerics.resample import cached_blocks, picked

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Rule = Literal["ATT", "ATE", "ATO"]

EDGE = 1e-12
"""Relative distance within which a weight is the cap itself."""


@dataclass(frozen=True, slots=True, eq=False)
class PropensityWeights:
    """Weights from a logit, with e the probability: 1 and e/(1 − e), 1/e and 1/(1 − e), or 1 − e and e.

    They are those of the units at `inside[n]` of `n_units`: the rest has none. `columns[n, k]` are the fit's,
    `weight[n]` the units' own weights, `fit` the logit with multipliers of 1. `factor` multiplies the weights of the
    trained and of the controls; those above `cap` are cut to it, and do not move there. Both are held fixed in
    refits.

    Source: Rosenbaum (1987) for the ATT; Li, Morgan & Zaslavsky (2018), Table 1, for all three.
    """

    rule: Rule
    n_units: int
    inside: Ints = field(repr=False)
    trained: Bools = field(repr=False)
    columns: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    fit: IndexFit = field(repr=False)
    factor: tuple[float, float] = (1.0, 1.0)
    cap: float = np.inf

    def weights(self) -> Floats:
        """Return the weights `[n]` of the units inside."""
        return np.asarray(self._of(self.fit.coefficients[None], self.cap)[0])

    @property
    def influence(self) -> Floats:
        """The coefficients' derivative by each unit's multiplier, `[n_units, k]`."""
        found = np.zeros((self.n_units, self.columns.shape[1]))
        found[self.inside] = self.fit.score @ self.fit.inverse_hessian
        return found

    @property
    def gradient(self) -> Floats:
        """Each weight's derivative by the coefficients, `[n_units, k]`."""
        side = np.where(self.trained, -1.0, 1.0)
        with np.errstate(over="ignore"):
            if self.rule == "ATO":
                share = np.asarray(expit(side * self.fit.index))
                slope = side * share * (1.0 - share)
            else:
                slope = side * np.asarray(np.exp(side * self.fit.index))
        if self.rule == "ATT":
            slope[self.trained] = 0.0
        factor = np.where(self.trained, *self.factor)
        slope *= factor
        free = self._of(self.fit.coefficients[None], np.inf)[0]
        # A weight that is the cap itself moves below it only: half of its slope is the derivative from both sides.
        slope = np.where(free > self.cap * (1 + EDGE), 0.0, np.where(free > self.cap * (1 - EDGE), 0.5 * slope, slope))
        found = np.zeros((self.n_units, self.columns.shape[1]))
        found[self.inside] = slope[:, None] * self.columns
        return found

    def reweight(self, multipliers: Floats) -> Floats:
        """Return the weights `[n_draws, n_units]` under multipliers of that shape; NaN where a draw has no fit."""
        found, inside = np.zeros(multipliers.shape), picked(self.inside, self.n_units)
        equal = bool((self.weight == 1.0).all())
        kept = pairs_kept(self.columns, len(multipliers))
        for _, start, stop in cached_blocks(len(multipliers), self.n_units):
            drawn = multipliers[start:stop, inside]
            if not equal:
                drawn = drawn * self.weight
            coefficients = fit_index_draws(self.columns, self.trained, drawn, "logit", self.fit, kept)
            found[start:stop, inside] = self._of(coefficients, self.cap)
            found[start:stop][np.isnan(coefficients).any(axis=1)] = np.nan
        return found

    def _of(self, coefficients: Floats, cap: float) -> Floats:
        """Return the weights `[n_draws, n]`, at most `cap`, that coefficients `[n_draws, k]` give."""
        # The index of an arm's own weight: of 1 − e for the controls, of e for the trained, 0 where all weigh 1.
        side = np.where(self.trained, 0.0 if self.rule == "ATT" else -1.0, 1.0)
        found: Floats = coefficients @ (side[:, None] * self.columns).T
        with np.errstate(over="ignore"):
            found = np.asarray(expit(found, out=found) if self.rule == "ATO" else np.exp(found, out=found))
        if self.rule == "ATE":
            found += 1.0
        if self.factor != (1.0, 1.0):
            found *= np.where(self.trained, *self.factor)
        if np.isfinite(cap):
            np.minimum(found, cap, out=found)
            if self.rule == "ATT":
                found[:, self.trained] = self.factor[0]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One arm that is balanced: its `rows` among the units inside, its fit γ `[k]`, and the inverse Hessian.

    `factor` brings the weights exp(xγ) to a mean of 1 over the arm, with multipliers of 1.
    """

    rows: Ints
    coefficients: Floats
    inverse_hessian: Floats
    factor: float


@dataclass(frozen=True, slots=True, eq=False)
class BalancingWeights:
    """Entropy balancing weights of one arm or of both: exp(xγ), with the totals of the target; 1 for an arm without.

    `columns[n, k]`, constant first, are those of the units at `inside[n]`; `target[n]` says who is in the target, whose
    totals of the columns each side's weights reproduce: in every draw its own, or with `held` those of multipliers of
    1. A side's parameters are k of `influence` and `gradient`, in the order of `sides`.

    Source: Hainmueller (2012); Zhao & Percival (2017) for the equations that the parameters solve.
    """

    n_units: int
    inside: Ints = field(repr=False)
    target: Bools = field(repr=False)
    columns: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    sides: tuple[Side, ...] = field(repr=False)
    held: bool = False

    def weights(self) -> Floats:
        """Return the weights `[n]` of the units inside."""
        found = np.ones(len(self.inside))
        for side in self.sides:
            found[side.rows] = side.factor * np.exp(self.columns[side.rows] @ side.coefficients)
        return found

    @property
    def influence(self) -> Floats:
        """The parameters' derivative by each unit's multiplier, `[n_units, p]`."""
        k = self.columns.shape[1]
        found = np.zeros((self.n_units, k * len(self.sides)))
        for place, side in enumerate(self.sides):
            lacking = np.where(self.target & (not self.held), self.weight, 0.0)
            lacking[side.rows] -= self.weight[side.rows] * np.exp(self.columns[side.rows] @ side.coefficients)
            found[self.inside, place * k : (place + 1) * k] = lacking[:, None] * self.columns @ side.inverse_hessian
        return found

    @property
    def gradient(self) -> Floats:
        """Each weight's derivative by the parameters, `[n_units, p]`."""
        k, weights = self.columns.shape[1], self.weights()
        found = np.zeros((self.n_units, k * len(self.sides)))
        for place, side in enumerate(self.sides):
            moved = weights[side.rows][:, None] * self.columns[side.rows]
            found[self.inside[side.rows], place * k : (place + 1) * k] = moved
        return found

    def reweight(self, multipliers: Floats) -> Floats:
        """Return the weights `[n_draws, n_units]` under multipliers of that shape; NaN where a draw has no fit."""
        found, inside = np.zeros(multipliers.shape), picked(self.inside, self.n_units)
        held = self.weight[self.target] @ self.columns[self.target]
        for _, start, stop in cached_blocks(len(multipliers), self.n_units):
            drawn = multipliers[start:stop, inside] * self.weight
            if self.held:
                totals = np.broadcast_to(held, (len(drawn), len(held)))
            else:
                totals = drawn[:, self.target] @ self.columns[self.target]
            block, failed = np.ones(drawn.shape), np.zeros(len(drawn), dtype=bool)
            for side in self.sides:
                own = self.columns[side.rows]
                fitted = fit_balance_draws(own, drawn[:, side.rows], totals, side.coefficients)
                failed |= np.isnan(fitted).any(axis=1)
                block[:, side.rows] = side.factor * np.exp(fitted @ own.T)
            found[start:stop, inside] = block
            found[start:stop][failed] = np.nan
        return found
