"""The two-by-two comparison with covariates on repeated cross-sections: every row its own unit, before or after.

In one window a rule is a sum of weighted means: t the trained rows there, c the controls there (by propensity odds), s
all trained rows of both windows, β the regression among the window's controls and β* that among its trained,

    value = t·y − c·y − g·xβ + h·xβ*,   g and h being sums of t, c and s (`MEANS`).

The ATT is the value after less the value before. For given weights it is linear in the outcome, so that, as in `pairs`,
all outcomes share the fits and draws are one product.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.logit import FitError, IndexFit, fit_index, fit_index_draws, inverses, orthonormal, products
from attribution.numerics.pairs import LARGEST_ODDS, LINKS, TRIM_ODDS, Adjust, odds_of, positive
from attribution.numerics.resample import blocks

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MEANS = {
    "regression": (0.0, 0.0, 1.0, 0.0, 0.0),
    "ipw": (0.0, 0.0, 0.0, 0.0, 0.0),
    "ipw_unnormalised": (0.0, 0.0, 0.0, 0.0, 0.0),
    "doubly robust": (1.0, -1.0, 0.0, 0.0, 0.0),
    "efficient": (0.0, -1.0, 1.0, -1.0, 1.0),
}
"""What g takes of t, c and s, and what h takes of t and s."""


@dataclass(frozen=True, slots=True, eq=False)
class CrossPair:
    """Rows of trained and control units before and after, ready to compare any outcome; made by `cross_pair`.

    `design[n, k]` spans the covariates with orthonormal columns; `fit` is the propensity's, None for regression alone;
    `trimmed[n]` marks controls that get no weight because their propensity is at least .995.
    """

    trained: Bools
    post: Bools
    design: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    adjust: Adjust
    efficient: bool
    fit: IndexFit | None = field(repr=False)
    trimmed: Bools = field(repr=False)

    def att(self, outcome: Floats, weights: Floats, clusters: NDArray[np.integer[Any]] | None = None) -> Floats:
        """Return the ATT of each of `outcome[n, m]` for each row of weights, `[n_draws, m]`, every fit redone.

        `weights[n_draws, n]` multiply the row weights; with `clusters[n]` they are `[n_draws, n_clusters]` and a row
        takes its cluster's. A draw that empties one of the four cells, or has no fit, is a row of NaN.
        """
        values = np.empty((len(weights), outcome.shape[1]))
        for _, start, stop in blocks(len(weights), len(self.trained)):
            block = weights[start:stop] if clusters is None else weights[start:stop, clusters]
            block = block * self.weight
            index = None
            if self.fit is not None:
                link = LINKS[self.adjust]
                index = fit_index_draws(self.design, self.trained, block, link, self.fit) @ self.design.T
            with np.errstate(invalid="ignore", divide="ignore"):
                before, after = (self._window(block, index, post=post) for post in (False, True))
                values[start:stop] = (after.omega - before.omega) @ outcome
        return values

    def influence(self, outcome: Floats, *, fits_known: bool = False) -> tuple[Floats, Floats]:
        """Return the ATT `[m]` of each of `outcome[n, m]` and its influence `[n, m]`, at multipliers of 1.

        The influence is in sum form, the exact derivative by each row's multiplier with the trimmed set as it is.
        `fits_known=True` leaves out that propensity and regressions are estimated, as R's DRDID does for its improved
        estimators; there it matters only by how much the windows differ in covariates by chance.
        """
        index = None if self.fit is None else self.fit.index[None]
        att, omega = np.zeros(outcome.shape[1]), np.zeros(len(self.trained))
        by_row, rows = [], []
        for post, sign in ((False, -1.0), (True, 1.0)):
            window = self._window(self.weight[None], index, post=post)
            value, columns, moved = self._window_influence(window, outcome, post=post, fits_known=fits_known)
            att += sign * value
            omega += sign * (window.treated - window.control if fits_known else window.omega)[0]
            by_row.append(columns)
            rows.append(sign * moved)
        found = np.concatenate(by_row, axis=1) @ np.concatenate(rows)
        found += omega[:, None] * outcome
        return att, found

    @property
    def _means(self) -> tuple[float, float, float, float, float]:
        if not self.adjust.startswith("doubly"):
            return MEANS[self.adjust]
        return MEANS["efficient" if self.efficient else "doubly robust"]

    def _window(self, weights: Floats, index: Floats | None, *, post: bool) -> _Window:
        """Return one window's ω and what it is made of, for each row of `weights[n_draws, n]`."""
        design, inside = self.design, self.post == post
        of_trained = np.where(self.trained, weights, 0.0)
        regression_trained = np.where(inside, of_trained, 0.0)
        regression = np.where(inside & ~self.trained, weights, 0.0)
        odds = np.ones((1, 1)) if index is None else odds_of(index)
        # A draw without a fit has odds of NaN, and keeps them.
        control = regression * (1.0 if index is None else np.where(odds >= TRIM_ODDS, 0.0, odds))
        size_trained, size_control = (positive(one.sum(axis=1, keepdims=True)) for one in (regression_trained, control))
        total = positive(of_trained.sum(axis=1, keepdims=True))
        if self.adjust == "ipw_unnormalised":
            # Each cell is divided by the share of the trained times the share of the window among all rows.
            size = total * np.where(inside, weights, 0.0).sum(axis=1, keepdims=True)
            size /= weights.sum(axis=1, keepdims=True)
            size_trained, size_control = (np.where(np.isnan(one), one, size) for one in (size_trained, size_control))
        treated, share = regression_trained / size_trained, of_trained / total
        control = np.where(np.isnan(size_control), np.nan, 0.0) if index is None else control / size_control
        control = np.broadcast_to(control, treated.shape)
        omega = treated - control
        g_trained, g_control, g_share, h_trained, h_share = self._means
        if self.adjust == "doubly_robust_improved":
            regression = regression * odds
        lean, lean_trained = np.zeros((2, 1, design.shape[1]))
        inverse, inverse_trained = np.zeros((2, 1, design.shape[1], design.shape[1]))
        if g_control or g_share:
            inverse = inverses(products(design, regression))
            taken = (g_trained * treated + g_control * control + g_share * share) @ design
            lean = np.einsum("dij,dj->di", inverse, taken)
            omega = omega - regression * (lean @ design.T)
        if h_share:
            inverse_trained = inverses(products(design, regression_trained))
            taken = (h_trained * treated + h_share * share) @ design
            lean_trained = np.einsum("dij,dj->di", inverse_trained, taken)
            omega = omega + regression_trained * (lean_trained @ design.T)
        return _Window(
            omega, treated, control, share, regression, regression_trained, odds, lean, lean_trained, inverse,
            inverse_trained,
        )  # fmt: skip

    def _window_influence(
        self, window: _Window, outcome: Floats, *, post: bool, fits_known: bool
    ) -> tuple[Floats, Floats, Floats]:
        """Return one window's value per outcome, and the columns per row and rows per outcome beside ω·y."""
        design, k = self.design, self.design.shape[1]
        treated, control, share = window.treated[0], window.control[0], window.share[0]
        g_trained, g_control, g_share, h_trained, h_share = self._means
        along = window.regression[0] * (design @ window.lean[0])
        bent = along * (window.odds[0] < LARGEST_ODDS)
        scaled = (control, bent, window.regression[0], window.regression_trained[0])
        columns = np.concatenate(
            [treated[:, None], control[:, None], *(one[:, None] * design for one in scaled)], axis=1
        )
        moments, own = columns.T @ outcome, columns.T @ design
        beta = window.inverse[0] @ moments[-2 * k : -k]
        beta_trained = window.inverse_trained[0] @ moments[-k:]
        levels = np.stack(
            [
                moments[0] - own[0] @ (g_trained * beta - h_trained * beta_trained),
                -moments[1] - own[1] @ (g_control * beta),
                (share @ design) @ (h_share * beta_trained - g_share * beta),
            ]
        )
        value = levels.sum(axis=0)
        slope = -moments[2 : 2 + k] - g_control * own[2 : 2 + k] @ beta
        if self.adjust == "ipw_unnormalised":
            part = np.where(self.post == post, self.weight, 0.0)
            left = [(self.weight / self.weight.sum() - share - part / part.sum())[:, None]]
            right = [value[None]]
        else:
            slope -= np.outer(own[1], levels[1])
            left, right = [np.stack([treated, control, share], axis=1)], [-levels]
        if self.adjust == "doubly_robust_improved":
            slope -= moments[2 + k : 2 + 2 * k] - own[2 + k : 2 + 2 * k] @ beta
        on_beta = -(g_trained * treated + g_control * control + g_share * share)
        on_trained = h_trained * treated + h_share * share
        if not fits_known:
            on_beta += along
            on_trained -= window.regression_trained[0] * (design @ window.lean_trained[0])
            if self.fit is not None:
                left.append(self.fit.score)
                right.append(self.fit.inverse_hessian @ slope)
        left += [on_beta[:, None] * design, on_trained[:, None] * design]
        right += [beta, beta_trained]
        return value, np.concatenate(left, axis=1), np.concatenate(right)


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """Per draw: ω; the means t, c and s; both regressions' weights; odds; A⁻¹(x'g), B⁻¹(x'h), A⁻¹ and B⁻¹."""

    omega: Floats
    treated: Floats
    control: Floats
    share: Floats
    regression: Floats
    regression_trained: Floats
    odds: Floats
    lean: Floats
    lean_trained: Floats
    inverse: Floats
    inverse_trained: Floats


def cross_pair(
    trained: Bools, post: Bools, covariates: Floats, weight: Floats, adjust: Adjust, *, efficient: bool = True
) -> CrossPair:
    """Return the comparison of trained with control rows, after with before, that the rule `adjust` makes.

    `trained[n]`, `post[n]`, `covariates[n, k]` with the intercept first, `weight[n]`, 0 for a row that does not
    enter. Estimand: the ATT under parallel changes given covariates, and the same people, so to speak, in both windows
    (covariates and arm are distributed alike). The rules are those of `panel_pair`; `efficient` adds to the doubly
    robust ones the regressions among the trained, which make them locally efficient. Raises `FitError` where the rule
    does not exist on all rows: an empty cell, covariates that a cell does not span, arms that they tell apart.

    Examples
    --------
    >>> import numpy as np
    >>> trained, post = np.repeat([True, False], 6), np.tile([False, True], 6)
    >>> x = np.column_stack([np.ones(12), np.tile([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], 2)])
    >>> y = (x[:, 1] + post + 2.0 * (trained & post))[:, None]
    >>> att, influence = cross_pair(trained, post, x, np.ones(12), "regression").influence(y)
    >>> round(float(att[0]), 12)
    2.0

    Source: Sant'Anna & Zhao (2020), eq. 3.3, and 3.4 where efficient; the improved ones section 3.2; Heckman, Ichimura
    & Todd (1997) for the regression; Abadie (2005) for the weighting; trimming and cut as in R's DRDID 1.2.3.
    """
    for arm in (trained, ~trained):
        for window in (post, ~post):
            if not weight[arm & window].sum() > 0:
                raise FitError("empty arm")
    design = orthonormal(covariates, weight)
    fit = None if adjust == "regression" else fit_index(design, trained, weight, LINKS[adjust])
    trimmed = np.zeros(len(trained), dtype=bool)
    if fit is not None:
        trimmed = ~trained & (weight > 0) & (fit.index >= np.log(TRIM_ODDS))
    for window in (post, ~post):
        if not weight[~trained & ~trimmed & window].sum() > 0:
            raise FitError("separated")
    pair = CrossPair(trained, post, design, weight, adjust, efficient, fit, trimmed)
    _, g_control, g_share, _, h_share = pair._means
    for window in (post, ~post):
        for arm in [~trained] * bool(g_control or g_share) + [trained] * bool(h_share):
            if np.isnan(inverses(products(design, np.where(arm & window, weight, 0.0)[None]))).any():
                raise FitError("singular")
    return pair
