"""Two arms compared at one time given covariates: the effect on the trained, on all, or on those where arms overlap.

For given weights every rule is linear in the outcome: effect_j = Σ_i ω_i·y_ij, with ω from weights, covariates and fits
alone. An arm's mean is what its rule says of the target: a weighted mean of the arm, the arm's regression read at the
target's mean covariates, or that regression and the weighted mean of its residuals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from attribution.numerics.common_slope import CommonSlope, taken
from attribution.numerics.logit import (
    FitError,
    IndexFit,
    fit_index,
    fit_index_draws,
    inverses,
    lean_on,
    orthonormal,
    products,
)
from attribution.numerics.pairs import TRIM_ODDS, odds_of, positive
from attribution.numerics.resample import blocks

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rule = Literal["none", "regression", "ipw", "doubly_robust", "ancova"]
Population = Literal["ATT", "ATE", "ATO"]

WITH_PROPENSITY = ("ipw", "doubly_robust")
WITH_REGRESSION = ("regression", "doubly_robust")


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """Trained and control units with covariates, ready to compare any outcome; made by `contrast`.

    `design[n, k]` spans the covariates with orthonormal columns; `weight[n]` are those of the fits, `target[n]`
    those of the units the effect speaks for. `held[k]` are the target's mean covariates where they are taken as given;
    `fit` is the propensity's, None where the rule has none; `trimmed[n]` marks controls without weight because their
    propensity is at least .995 (ATT).
    """

    trained: Bools
    design: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    target: Floats = field(repr=False)
    rule: Rule
    population: Population
    held: Floats | None = field(repr=False)
    fit: IndexFit | None = field(repr=False)
    trimmed: Bools = field(repr=False)

    @property
    def n_parameters(self) -> int:
        """The coefficients of the arms' regressions, two means where there is none."""
        return 2 * self.design.shape[1] if self.rule in WITH_REGRESSION else 2

    @property
    def of_coefficients(self) -> bool:
        """Whether the effect is a fixed combination of coefficients: nothing but the regressions is estimated."""
        return self.rule == "regression" and self.held is not None

    def effect(
        self,
        outcomes: Floats,
        weights: Floats,
        clusters: NDArray[np.integer[Any]] | None = None,
        own: Floats | None = None,
    ) -> Floats:
        """Return the effect on each of `outcomes[n, m]` for each row of weights, `[n_draws, m]`, every fit redone.

        `weights[n_draws, n]` multiply the unit weights; with `clusters[n]` they are `[n_draws, n_clusters]` and a unit
        takes its cluster's. `own`, of the same shape, multiply the target's weights where they are not these. A draw
        that empties an arm, or has no fit, is a row of NaN.
        """
        values = np.empty((len(weights), outcomes.shape[1]))
        for _, start, stop in blocks(len(weights), len(self.trained)):
            block, mine = taken(weights, own, clusters, start, stop)
            with np.errstate(invalid="ignore", divide="ignore"):
                values[start:stop] = self._omega(block, mine) @ outcomes
        return values

    def influence(self, outcomes: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the effect `[m]` on each of `outcomes[n, m]`, its influence `[n, m]`, and the target's part of it.

        In sum form, the exact derivative by each unit's multiplier at 1, with the trimmed set as it is. The target's
        part is what a unit moves by being one of those the effect speaks for.
        """
        index = None if self.fit is None else self.fit.index
        mean = self._mean(np.ones((1, len(self.trained))), None if index is None else index[None])[0]
        up, down = (self._mean_of(sign, outcomes, mean, index) for sign in (1.0, -1.0))
        of_target = up.of_target - down.of_target
        influence = up.direct - down.direct + of_target
        if self.fit is not None:
            influence += self.fit.score @ (self.fit.inverse_hessian @ (up.by_fit - down.by_fit))
        return up.value - down.value, influence, of_target

    def _mean_of(self, sign: float, outcomes: Floats, mean: Floats, index: Floats | None) -> _Mean:
        """Return what one arm says of the target, and how each unit moves it."""
        base = np.where(self.trained if sign > 0 else ~self.trained, self.weight, 0.0)
        found = _Mean.nothing(outcomes, self.design.shape[1])
        if self._plain(sign):
            level = base @ outcomes / base.sum()
            return found.plus(level, base[:, None] / base.sum() * (outcomes - level))
        if self.rule not in WITH_REGRESSION:
            return found.plus(*self._reweighted(sign, base, outcomes, index))
        inverse = inverses(products(self.design, base[None]))[0]
        beta = inverse @ (self.design.T @ (base[:, None] * outcomes))
        fitted, read, lean = self.design @ beta, mean @ beta, mean
        if self.held is None:
            tilt, slope = self._tilt(index)
            away = fitted - read
            total = (self.target * tilt).sum()
            found.of_target[:] = (self.target * tilt / total)[:, None] * away
            found.by_fit[:] = ((self.target * slope / total)[:, None] * self.design).T @ away
        residual = outcomes - fitted
        if self.rule == "doubly_robust":
            left, direct, by_fit = self._reweighted(sign, base, residual, index)
            mass, total = self._mass(sign, base, index)
            lean = lean - mass @ self.design / total
            found = found.plus(left, direct, by_fit)
        through = (base * (self.design @ (inverse @ lean)))[:, None] * residual
        return found.plus(read, through)

    def _reweighted(
        self, sign: float, base: Floats, outcomes: Floats, index: Floats | None
    ) -> tuple[Floats, Floats, Floats]:
        """Return the reweighted mean of an arm's outcomes, its direct influence, and how the propensity moves it."""
        mass, total = self._mass(sign, base, index)
        mean = mass @ outcomes / total
        if self._by_all:
            moved, direct = outcomes, (mass[:, None] * outcomes - self.weight[:, None] * mean) / total
        else:
            moved = outcomes - mean
            direct = mass[:, None] * moved / total
        slope = base * self._factor(sign, index)[1]
        return mean, direct, (slope[:, None] * self.design).T @ moved / total

    def _mass(self, sign: float, base: Floats, index: Floats | None) -> tuple[Floats, float]:
        """Return the weights with which an arm stands for the target, and what their sums are divided by."""
        mass = base * self._factor(sign, index)[0]
        return mass, float(self.weight.sum() if self._by_all else mass.sum())

    def weights_of(self) -> Floats:
        """Return ω`[n]` at multipliers of 1: the effect on an outcome y is ω·y."""
        ones = np.ones((1, len(self.trained)))
        return np.asarray(self._omega(ones, ones)[0])

    def leverage(self) -> Floats:
        """Return each unit's leverage in the regression of its arm, `[n]`."""
        found = np.zeros(len(self.trained))
        for arm in (self.trained, ~self.trained):
            base = np.where(arm, self.weight, 0.0)
            inverse = inverses(products(self.design, base[None]))[0]
            found += base * np.einsum("ij,jk,ik->i", self.design, inverse, self.design)
        return found

    def residuals(self, outcomes: Floats) -> Floats:
        """Return what the regression of each unit's arm leaves of `outcomes[n, m]`."""
        found = np.zeros(outcomes.shape)
        for arm in (self.trained, ~self.trained):
            base = np.where(arm, self.weight, 0.0)
            inverse = inverses(products(self.design, base[None]))[0]
            beta = inverse @ (self.design.T @ (base[:, None] * outcomes))
            found[arm] = (outcomes - self.design @ beta)[arm]
        return found

    @property
    def _by_all(self) -> bool:
        """Whether residuals are averaged over all units, as AIPW is usually written, and not over their own weights."""
        return self.rule == "doubly_robust" and self.population == "ATE"

    def _plain(self, sign: float) -> bool:
        """Say whether an arm's mean is its weighted mean: the trained are their own target."""
        return self.rule == "none" or (sign > 0 and self.population == "ATT" and self.held is None)

    def _factor(self, sign: float, index: Floats | None) -> tuple[Floats, Floats]:
        """Return what makes an arm stand for the target, by unit, and its slope by the propensity's index."""
        if index is None:
            return np.ones(1), np.zeros(1)
        if self.population == "ATT":
            if sign > 0:
                return np.ones(1), np.zeros(1)
            odds = odds_of(index)
            odds = np.where(odds >= TRIM_ODDS, 0.0, odds)
            return odds, odds
        if self.population == "ATE":
            # 1/e = 1 + exp(−index), 1/(1 − e) = 1 + exp(index).
            odds = np.exp(-sign * index)
            return 1.0 + odds, -sign * odds
        share = expit(index)
        return (1.0 - share if sign > 0 else share), -sign * share * (1.0 - share)

    def _tilt(self, index: Floats | None) -> tuple[Floats, Floats]:
        """Return how much of each unit the target holds, and its slope by the propensity's index."""
        if index is None or self.population != "ATO":
            return np.ones(1), np.zeros(1)
        share = expit(index)
        spread = share * (1.0 - share)
        return spread, spread * (1.0 - 2.0 * share)

    def _mean(self, own: Floats, index: Floats | None) -> Floats:
        """Return the target's mean covariates `[n_draws, k]`."""
        if self.held is not None:
            return np.broadcast_to(self.held, (len(own), len(self.held)))
        target = own * self.target * self._tilt(index)[0]
        return np.asarray(target @ self.design / positive(target.sum(axis=1, keepdims=True)))

    def _omega(self, multipliers: Floats, own: Floats) -> Floats:
        """Return ω for each row of multipliers `[n_draws, n]`."""
        weights = multipliers * self.weight
        index = None
        if self.fit is not None:
            index = fit_index_draws(self.design, self.trained, weights, "logit", self.fit) @ self.design.T
        mean = self._mean(own, index) if self.rule in WITH_REGRESSION else None
        omega = np.empty_like(weights)
        for sign, arm in ((1.0, self.trained), (-1.0, ~self.trained)):
            base, design = weights[:, arm], self.design[arm]
            size = positive(base.sum(axis=1, keepdims=True))
            if self._plain(sign):
                omega[:, arm] = sign * base / size
                continue
            made = np.zeros_like(base)
            # An arm without weight has no mean, whatever the other one says.
            lean = np.zeros((len(base), design.shape[1])) * size
            if self.rule != "regression":
                mass = base * self._factor(sign, None if index is None else index[:, arm])[0]
                total = weights.sum(axis=1, keepdims=True) if self._by_all else mass.sum(axis=1, keepdims=True)
                made = mass / positive(np.where(np.isnan(size), np.nan, total))
                lean = lean - made @ design
            if mean is not None:
                squares = products(design, base)
                lean = lean_on(squares, inverses(squares), mean + lean)
                made = made + base * (lean @ design.T)
            omega[:, arm] = sign * made
        return omega


@dataclass(frozen=True, slots=True, eq=False)
class _Mean:
    """An arm's mean `[m]`; its influence `[n, m]`: direct, and by being of the target; its slope by the propensity."""

    value: Floats
    direct: Floats
    of_target: Floats
    by_fit: Floats

    @classmethod
    def nothing(cls, outcomes: Floats, k: int) -> _Mean:
        n, m = outcomes.shape
        return cls(np.zeros(m), np.zeros((n, m)), np.zeros((n, m)), np.zeros((k, m)))

    def plus(self, value: Floats, direct: Floats, by_fit: Floats | float = 0.0) -> _Mean:
        return _Mean(self.value + value, self.direct + direct, self.of_target, self.by_fit + by_fit)


def contrast(
    trained: Bools,
    covariates: Floats,
    weight: Floats,
    *,
    rule: Rule,
    population: Population = "ATT",
    target: Floats | None = None,
    hold: bool = False,
    apart: Floats | None = None,
) -> Contrast | CommonSlope:
    """Return the comparison of trained with control units that `rule` makes for a population.

    `trained[n]`, `covariates[n, k]` with the intercept first, `weight[n]` of the fits, 0 for a unit that does
    not enter; `target[n]` weights of the units the effect speaks for, where they are not the same. `hold` takes the
    target's mean covariates as given. `none` compares weighted means; `regression` reads each arm's regression at the
    target's mean; `ipw` reweights each arm to the target (Hajek); `doubly_robust` adds the reweighted residuals to the
    regression's means; `ancova` is the arm's coefficient in one regression, in which the slopes of `apart[n, q]` may
    differ by arm. Raises `FitError` where the rule does not exist on all units.

    Examples
    --------
    >>> import numpy as np
    >>> trained = np.array([True, True, True, False, False, False])
    >>> x = np.column_stack([np.ones(6), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]])
    >>> made = contrast(trained, x, np.ones(6), rule="regression", population="ATE")
    >>> made.influence(np.array([[4.0], [5.0], [6.0], [2.0], [3.0], [4.0]]))[0].round(12).tolist()
    [2.0]

    Source: Lunceford & Davidian (2004), eq. 2, 3 and 9; Sant'Anna & Zhao (2020), eq. 3.1, for the trained; Li, Morgan
    & Zaslavsky (2018) for the overlap.
    """
    if not (weight[trained].sum() > 0 and weight[~trained].sum() > 0):
        raise FitError("empty arm")
    design = orthonormal(covariates, weight)
    nobody = np.zeros(len(trained), dtype=bool)
    speaks = weight if target is None else target
    if population == "ATT":
        speaks = np.where(trained, speaks, 0.0)
    if rule == "ancova":
        extra = np.zeros((len(trained), 0)) if apart is None else apart - weight @ apart / weight.sum()
        columns = np.column_stack([design, trained, trained[:, None] * extra])
        if np.isnan(inverses(products(columns, weight[None]))).any():
            raise FitError("singular")
        means = speaks @ extra / speaks.sum() if hold else None
        return CommonSlope(columns, weight, extra, speaks, means, nobody)
    fit = fit_index(design, trained, weight, "logit") if rule in WITH_PROPENSITY else None
    trimmed = nobody
    if fit is not None and population == "ATT":
        trimmed = ~trained & (weight > 0) & (fit.index >= np.log(TRIM_ODDS))
        if not (weight[~trained & ~trimmed] > 0).any():
            raise FitError("separated")
    held = speaks @ design / speaks.sum() if hold else None
    found = Contrast(trained, design, weight, speaks, rule, population, held, fit, trimmed)
    if rule in WITH_REGRESSION:
        arms = [~trained] if population == "ATT" and not hold else [trained, ~trained]
        for arm in arms:
            # One arm alone may not span the covariates.
            if np.isnan(inverses(products(design, np.where(arm, weight, 0.0)[None]))).any():
                raise FitError("singular")
    return found
