"""Matched sets in a map of weights: who is drawn together, and whose weights are found again in each draw.

A set with one unit of an arm is drawn whole. A stratum with several of each arm is a fixed cell: its units are drawn
one by one, and its controls are weighted anew to stand for the trained who were drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Replay
from attribution.numerics.resample import blocks

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Strata whose weights follow from who is drawn: trained and controls of each, with their own weights.

    `cell[n]` is 2s for the trained of stratum s, 2s + 1 for its controls, −1 for a unit outside; `own[n]` the units'
    weights before the cohort's. `both` says that both arms stand for all units of the stratum, else the controls
    stand for the trained.
    """

    cell: NDArray[np.int64] = field(repr=False)
    own: Floats = field(repr=False)
    both: bool

    @classmethod
    def none(cls, n: int) -> Cells:
        """Return no strata among n units: all weights are as given."""
        return cls(np.full(n, -1, dtype=np.int64), np.ones(n), False)

    @property
    def n_strata(self) -> int:
        return (int(self.cell.max(initial=-1)) + 2) // 2

    def totals(self, weights: Floats) -> Floats:
        """Return each cell's summed weight, `[n_draws, n_strata, 2]`."""
        inside = np.flatnonzero(self.cell >= 0)
        order = inside[np.argsort(self.cell[inside], kind="stable")]
        starts = np.searchsorted(self.cell[order], np.arange(2 * self.n_strata))
        sums = np.add.reduceat(weights[:, order] * self.own[order], starts, axis=1)
        return np.asarray(sums.reshape(len(weights), self.n_strata, 2))

    def reweighted(self, weights: Floats) -> Floats:
        """Return `weights[n_draws, n]` times what each draw makes of the cohort's weights.

        A stratum without one of its arms is left out of that draw.
        """
        if not self.n_strata:
            return weights
        sums, first = self.totals(weights), self.totals(np.ones((1, len(self.cell))))
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.both:
                target = sums.sum(axis=2, keepdims=True) / first.sum(axis=2, keepdims=True)
                factor = target * first / sums
            else:
                control = (sums[:, :, 0] / first[:, :, 0]) * (first[:, :, 1] / sums[:, :, 1])
                factor = np.stack([np.ones_like(control), control], axis=2)
        factor[~(sums > 0).all(axis=2)] = 0.0
        # The last column is for units outside: they keep their weight.
        columns = np.concatenate([factor.reshape(len(weights), -1), np.ones((len(weights), 1))], axis=1)
        return np.asarray(weights * columns[:, self.cell])

    def influence(self, rows: Floats) -> Floats:
        """Return the influence `[n, m]` with these weights found again, from the one that takes them as given."""
        if not self.n_strata:
            return rows
        inside = self.cell >= 0
        sums = np.stack(
            [np.bincount(self.cell[inside], column[inside], minlength=2 * self.n_strata) for column in rows.T], axis=1
        )
        total = self.totals(np.ones((1, len(self.cell))))[0]
        cells = sums.reshape(self.n_strata, 2, -1)
        if self.both:
            pull = cells.sum(axis=1, keepdims=True) / total.sum(axis=1)[:, None, None] - cells / total[:, :, None]
        else:
            control = cells[:, 1:]
            pull = np.concatenate([control / total[:, :1, None], -control / total[:, 1:, None]], axis=1)
        flat = np.concatenate([pull.reshape(2 * self.n_strata, -1), np.zeros((1, rows.shape[1]))])
        return np.asarray(rows + self.own[:, None] * flat[self.cell])


@dataclass(frozen=True, slots=True, eq=False)
class SetMap:
    """A map of group weights: units take their group's, strata are weighted anew, the estimate of units follows."""

    replay: Replay
    groups: NDArray[np.int32]
    cells: Cells

    def __call__(self, weights: Floats) -> Floats:
        """Return the terms for each row of weights; NaN where the estimate does not exist."""
        weights = np.asarray(weights, dtype=float)
        found: list[Floats] = []
        for _, start, stop in blocks(len(weights), len(self.groups)):
            found.append(self.replay(self.cells.reweighted(weights[start:stop, self.groups])))
        return np.concatenate(found)


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Who is drawn together, by unit that enters: `code[n]`, the strata `[n_groups]` of the groups, and the cells."""

    code: NDArray[np.int32] = field(repr=False)
    strata: NDArray[np.int32] = field(repr=False)
    names: tuple[str, ...]
    cells: Cells = field(repr=False)

    @property
    def n_groups(self) -> int:
        return len(self.strata)


def dense(codes: Codes) -> NDArray[np.int32]:
    """Return codes 0, 1, 2 … in the order of the values."""
    return np.asarray(np.unique(codes, return_inverse=True)[1], dtype=np.int32)


SETS = "matched sets"


def group_units(sets: Codes, trained: Bools, own: Floats, *, linked: bool, both: bool) -> Grouping:
    """Return who is drawn together among units with `sets[n]` (−1: none) and arm `trained[n]`.

    `linked` sets are drawn whole, and so is a stratum with a single unit of an arm, whose variance cannot be seen
    within it. Other strata are cells. Where only one arm enters, every unit is drawn alone.
    """
    n = len(sets)
    alone = np.arange(n) + (int(sets.max(initial=-1)) + 1)
    outside = np.full(n, -1, dtype=np.int64)
    arms = np.where(trained, 0, 1)
    names = ("trained", "control")
    if trained.all() or not trained.any():
        return Grouping(dense(alone), np.zeros(n, dtype=np.int32), (names[int(arms[0])],), Cells(outside, own, both))
    counts = np.stack([np.bincount(sets[(sets >= 0) & (arms == arm)], minlength=alone[0]) for arm in (0, 1)], axis=1)
    fixed = np.zeros(len(counts), dtype=bool) if linked else (counts >= 2).all(axis=1)
    # A place at the end, for the units of no set.
    inside = np.append(fixed, False)[sets]
    code = dense(np.where((sets >= 0) & ~inside, sets, alone))
    cell = outside.copy()
    cell[inside] = 2 * dense(sets[inside]) + arms[inside]
    # The units of no set and the sets drawn whole are one stratum; each cell is one of its own.
    stratum = np.empty(int(code.max()) + 1, dtype=np.int64)
    stratum[code] = cell
    labels = [SETS] if (cell < 0).any() else []
    labels += [f"{names[one % 2]}, stratum {one // 2 + 1}" for one in range(2 * int(fixed.sum()))]
    return Grouping(code, dense(stratum), tuple(labels), Cells(cell, own, both))
