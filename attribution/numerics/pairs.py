"""The two-by-two comparison with covariates on a panel: one change per unit, many outcomes at once.

For given weights every rule is linear in the outcome: ATT_j = Σ_i ω_i·y_ij, with ω from weights, covariates and fits
alone. So all outcomes share the fits, draws are the product `omega @ changes`, and the influence of all outcomes is
ω_i·y_ij plus a few columns per unit times a few rows per outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.logit import (
    FitError,
    IndexFit,
    Link,
    fit_index,
    fit_index_draws,
    inverses,
    lean_on,
    orthonormal,
    products,
)
from attribution.numerics.resample import blocks

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Adjust = Literal["regression", "ipw", "doubly_robust", "doubly_robust_improved", "ipw_unnormalised"]

TRIM_ODDS = 0.995 / (1 - 0.995)
"""Controls with a propensity of at least .995 get no weight, as in DRDID 1.2.3."""

LARGEST_ODDS = (1 - 1e-6) / 1e-6
"""The odds of a propensity of 1 − 1e-6, at which it is cut, as in DRDID 1.2.3."""

LINKS: dict[Adjust, Link] = {
    "ipw": "logit",
    "doubly_robust": "logit",
    "ipw_unnormalised": "logit",
    "doubly_robust_improved": "tilting",
}
WITH_REGRESSION = ("regression", "doubly_robust", "doubly_robust_improved")
BY_TRAINED = ("ipw_unnormalised", "doubly_robust_improved")
"""Rules that divide the controls' sum by the weight of the trained, not by the controls' own."""


@dataclass(frozen=True, slots=True, eq=False)
class PanelPair:
    """Trained and control units with their covariates, ready to compare any change; made by `panel_pair`.

    `design[n, k]` spans the covariates with orthonormal columns; `fit` is the propensity's, None for regression alone;
    `trimmed[n]` marks controls that get no weight because their propensity is at least .995.
    """

    trained: Bools
    design: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    adjust: Adjust
    fit: IndexFit | None = field(repr=False)
    trimmed: Bools = field(repr=False)

    def att(self, changes: Floats, weights: Floats, clusters: NDArray[np.integer[Any]] | None = None) -> Floats:
        """Return the ATT of each of `changes[n, m]` for each row of weights, `[n_draws, m]`, every fit redone.

        `weights[n_draws, n]` multiply the unit weights; with `clusters[n]` they are `[n_draws, n_clusters]` and a unit
        takes its cluster's. A draw that empties an arm, or has no fit, is a row of NaN.
        """
        values = np.empty((len(weights), changes.shape[1]))
        for _, start, stop in blocks(len(weights), len(self.trained)):
            block = weights[start:stop] if clusters is None else weights[start:stop, clusters]
            with np.errstate(invalid="ignore", divide="ignore"):
                values[start:stop] = self._draws(block * self.weight).omega @ changes
        return values

    def influence(self, changes: Floats) -> tuple[Floats, Floats]:
        """Return the ATT `[m]` of each of `changes[n, m]` and its influence `[n, m]`, at multipliers of 1.

        The influence is in sum form, the exact derivative by each unit's multiplier with the trimmed set as it is:
        R's influence function divided by n, so that its sum of squares is the squared standard error.
        """
        parts = self._parts(self.weight[None], None if self.fit is None else self.fit.index[None])
        k = self.design.shape[1]
        treated, control, regression = parts.treated[0], parts.control[0], parts.regression[0]
        omega = parts.omega[0]
        # Sums over units against every outcome, all in one product; those against y − xβ follow from them.
        bent = regression * (self.design @ parts.lean[0]) * (parts.odds[0] < LARGEST_ODDS)
        by_unit = [treated[:, None], control[:, None]]
        by_unit += [one[:, None] * self.design for one in (control, bent, regression)]
        columns = np.concatenate(by_unit, axis=1)
        moments = columns.T @ changes
        beta = parts.inverse[0] @ moments[-k:] if self.adjust in WITH_REGRESSION else np.zeros_like(moments[-k:])
        moments -= (columns.T @ self.design) @ beta
        trained_mean, control_mean = moments[0], moments[1]
        att = trained_mean - control_mean
        slope = moments[2 : 2 + k]
        if self.adjust == "doubly_robust_improved":
            slope = slope + moments[2 + k : 2 + 2 * k]
        if self.adjust in BY_TRAINED:
            # Both sums are divided by the weight of the trained.
            levels = np.stack([-att, np.zeros_like(att)])
        else:
            levels = np.stack([-trained_mean, control_mean])
            slope = slope - np.outer(control @ self.design, control_mean)
        left, right = [omega[:, None] * self.design, columns[:, :2]], [-beta, levels]
        if self.fit is not None:
            left.append(self.fit.score)
            right.append(-self.fit.inverse_hessian @ slope)
        found = np.concatenate(left, axis=1) @ np.concatenate(right)
        found += omega[:, None] * changes
        return att, found

    def _draws(self, weights: Floats) -> _Parts:
        """Return the parts for each row of `weights[n_draws, n]`, unit weights included, with fits of its own."""
        if self.fit is None:
            return self._parts(weights, None)
        found = fit_index_draws(self.design, self.trained, weights, LINKS[self.adjust], self.fit)
        return self._parts(weights, found @ self.design.T)

    def _parts(self, weights: Floats, index: Floats | None) -> _Parts:
        """Return ω and what it is made of, given the propensities' index where the rule has one."""
        k = self.design.shape[1]
        treated = np.where(self.trained, weights, 0.0)
        total = positive(treated.sum(axis=1, keepdims=True))
        treated /= total
        untrained = np.where(self.trained, 0.0, weights)
        control, odds = np.zeros_like(treated), np.ones((1, 1))
        if index is not None:
            odds = odds_of(index)
            # A draw without a fit has odds of NaN, and keeps them.
            control = untrained * np.where(odds >= TRIM_ODDS, 0.0, odds)
            own = positive(control.sum(axis=1, keepdims=True))
            control /= own if self.adjust not in BY_TRAINED else np.where(np.isnan(own), own, total)
        omega = treated - control
        regression, lean, inverse = np.zeros_like(treated[:1]), np.zeros((1, k)), np.zeros((1, k, k))
        if self.adjust in WITH_REGRESSION:
            regression = untrained * odds if self.adjust == "doubly_robust_improved" else untrained
            squares = products(self.design, regression)
            inverse = inverses(squares)
            lean = lean_on(squares, inverse, omega @ self.design)
            omega = omega - regression * (lean @ self.design.T)
        return _Parts(omega, treated, control, regression, odds, lean, inverse)


def odds_of(index: Floats) -> Floats:
    """Return the propensities' odds, cut at `LARGEST_ODDS`."""
    return np.asarray(np.exp(np.minimum(index, np.log(LARGEST_ODDS))))


def positive(totals: Floats) -> Floats:
    """Return totals to divide by, NaN for an arm without weight."""
    return np.where(totals > 0, totals, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """Per draw: `omega`, the trained's and the controls' normalised weights, the regression's, odds, and A⁻¹."""

    omega: Floats
    treated: Floats
    control: Floats
    regression: Floats
    odds: Floats
    lean: Floats
    inverse: Floats


def panel_pair(trained: Bools, covariates: Floats, weight: Floats, adjust: Adjust) -> PanelPair:
    """Return the comparison of trained with control units that the rule `adjust` makes.

    `trained[n]`, `covariates[n, k]` with the intercept first, `weight[n]` unit weights, 0 for a unit that does
    not enter. Estimand: the ATT under parallel changes given covariates. `regression` predicts the untrained change
    from the controls; `ipw` reweights the controls by their propensity odds (Hajek), `ipw_unnormalised` without
    normalising (Abadie 2005); `doubly_robust` does both; `doubly_robust_improved` with a tilted propensity and a
    regression weighted by its odds. Raises `FitError` where the rule does not exist on all units.

    Examples
    --------
    >>> import numpy as np
    >>> trained = np.array([True, True, False, False, False])
    >>> x = np.column_stack([np.ones(5), [1.0, 2.0, 1.0, 2.0, 3.0]])
    >>> pair = panel_pair(trained, x, np.ones(5), "regression")
    >>> att, influence = pair.influence(np.array([[4.0], [5.0], [2.0], [3.0], [4.0]]))
    >>> round(float(att[0]), 12)
    2.0

    Source: Sant'Anna & Zhao (2020), eq. 3.1, and section 3.1 for the improved rule; Heckman, Ichimura & Todd (1997) for
    the regression; Abadie (2005) for the weighting; trimming and cut as in R's DRDID 1.2.3.
    """
    if not (weight[trained].sum() > 0 and weight[~trained].sum() > 0):
        raise FitError("empty arm")
    design = orthonormal(covariates, weight)
    fit = None if adjust == "regression" else fit_index(design, trained, weight, LINKS[adjust])
    trimmed = np.zeros(len(trained), dtype=bool)
    if fit is not None:
        trimmed = ~trained & (weight > 0) & (fit.index >= np.log(TRIM_ODDS))
    if not (weight[~trained & ~trimmed] > 0).any():
        raise FitError("separated")
    # The controls alone may not span the covariates.
    if adjust in WITH_REGRESSION:
        own = products(design, np.where(trained, 0.0, weight)[None])
        if np.isnan(inverses(own)).any():
            raise FitError("singular")
    return PanelPair(trained, design, weight, adjust, fit, trimmed)
