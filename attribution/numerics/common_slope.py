"""The arm's effect in one regression with covariates, whose slopes both arms share or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.logit import inverses, lean_on, products
from attribution.numerics.pairs import positive
from attribution.numerics.resample import blocks

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class CommonSlope:
    """One weighted regression of the outcome on the arm and covariates, whose slopes both arms share or not.

    `columns[n, k]` are those of the covariates, the intercept among them, then the arm, then the arm times `apart[n,
    q]`, whose slopes differ by arm. The effect is the arm's coefficient and these slopes at the target's mean of
    `apart`; `target` and `held` as in `Contrast`.
    """

    columns: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    apart: Floats = field(repr=False)
    target: Floats = field(repr=False)
    held: Floats | None = field(repr=False)
    trimmed: Bools = field(repr=False)

    @property
    def n_parameters(self) -> int:
        """The coefficients of the regression."""
        return int(self.columns.shape[1])

    @property
    def of_coefficients(self) -> bool:
        """Whether the effect is a fixed combination of coefficients: nothing but the regression is estimated."""
        return self.held is not None or not self.apart.shape[1]

    def effect(
        self,
        outcomes: Floats,
        weights: Floats,
        clusters: NDArray[np.integer[Any]] | None = None,
        own: Floats | None = None,
    ) -> Floats:
        """Return the effect on each of `outcomes[n, m]` for each row of weights; see `Contrast.effect`."""
        values = np.empty((len(weights), outcomes.shape[1]))
        for _, start, stop in blocks(len(weights), len(self.weight)):
            block, mine = taken(weights, own, clusters, start, stop)
            values[start:stop] = self._omega(block * self.weight, mine) @ outcomes
        return values

    def influence(self, outcomes: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the effect `[m]`, its influence `[n, m]` and the target's part of it; see `Contrast.influence`."""
        omega = self.weights_of()
        beta = self._beta(outcomes)
        found = omega[:, None] * (outcomes - self.columns @ beta)
        of_target = np.zeros_like(found)
        if not self.of_coefficients:
            share = self.target / self.target.sum()
            of_target = share[:, None] * ((self.apart - share @ self.apart) @ beta[-self.apart.shape[1] :])
        return omega @ outcomes, found + of_target, of_target

    def weights_of(self) -> Floats:
        """Return ω`[n]` at multipliers of 1."""
        return np.asarray(self._omega(self.weight[None], np.ones((1, len(self.weight))))[0])

    def leverage(self) -> Floats:
        """Return each unit's leverage in the regression, `[n]`."""
        inverse = inverses(products(self.columns, self.weight[None]))[0]
        return np.asarray(self.weight * np.einsum("ij,jk,ik->i", self.columns, inverse, self.columns))

    def residuals(self, outcomes: Floats) -> Floats:
        """Return what the regression leaves of `outcomes[n, m]`."""
        return np.asarray(outcomes - self.columns @ self._beta(outcomes))

    def _beta(self, outcomes: Floats) -> Floats:
        inverse = inverses(products(self.columns, self.weight[None]))[0]
        return np.asarray(inverse @ (self.columns.T @ (self.weight[:, None] * outcomes)))

    def _omega(self, weights: Floats, own: Floats) -> Floats:
        read = np.zeros((len(weights), self.columns.shape[1]))
        arm = self.columns.shape[1] - self.apart.shape[1] - 1
        read[:, arm] = 1.0
        if self.apart.shape[1]:
            if self.held is not None:
                read[:, arm + 1 :] = self.held
            else:
                target = own * self.target
                read[:, arm + 1 :] = target @ self.apart / positive(target.sum(axis=1, keepdims=True))
        squares = products(self.columns, weights)
        lean = lean_on(squares, inverses(squares), read)
        return np.asarray(weights * (lean @ self.columns.T))


def taken(
    weights: Floats, own: Floats | None, clusters: NDArray[np.integer[Any]] | None, start: int, stop: int
) -> tuple[Floats, Floats]:
    """Return a block of multipliers by unit `[n_draws, n]`, and those of the target where they are its own."""
    block = weights[start:stop] if clusters is None else weights[start:stop, clusters]
    if own is None:
        return block, block
    return block, own[start:stop] if clusters is None else own[start:stop, clusters]
