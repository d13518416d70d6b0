"""Nearest controls among points: by distance in several columns, within a window of a score where there is a caliper.

A trained unit is compared with a slice of the controls, those of its stratum in its window: never all with all at once.
Without a caliper a tree of the controls that are free names a few candidates for many trained units at a time; who runs
out of them looks at the whole slice.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.numerics.distance import Points
from attribution.numerics.nearest import Links, in_order

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]
Codes = NDArray[np.integer[Any]]

EQUAL = 1e-12
"""Squared distances closer than this, absolutely or relatively, are one: rounding told them apart."""

AT_A_TIME = 1000
"""Trained units for whom one tree is made."""

CANDIDATES = 16
"""Controls that a tree names for each, beyond the number that is asked for."""

WORTH_A_TREE = 1000
"""Free controls of a stratum from which on a tree is made."""


class Field:
    """The controls by stratum and score, and what a trained unit sees of them; controls that are used leave it.

    Mutable, and local to one call of `nearest_points`.
    """

    def __init__(
        self,
        points: Points,
        trained: Bools,
        strata: Codes | None = None,
        score: Floats | None = None,
        caliper: float = np.inf,
    ) -> None:
        n = len(trained)
        self.codes = np.zeros(n, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
        value = np.zeros(n) if score is None else score
        controls = np.flatnonzero(~trained)
        self.unit = controls[np.lexsort((value[controls], self.codes[controls]))]
        self.at, self.points = points.at, points.at[self.unit]
        self.free = np.ones(len(self.unit), dtype=bool)
        self.rank: Places | None = None
        if points.along is not None:
            self.rank = np.empty(n, dtype=np.int64)
            self.rank[np.lexsort((points.along, self.codes))] = np.arange(n)
        ends = np.searchsorted(self.codes[self.unit], np.arange(int(self.codes.max(initial=0)) + 2))
        self.low, self.high = ends[self.codes], ends[self.codes + 1]
        if np.isfinite(caliper):
            ordered = value[self.unit]
            for start, stop in pairwise(ends):
                mine = np.flatnonzero(trained & (self.low == start) & (self.high == stop))
                # Wider by rounding; who is outside is left out by the exact difference below.
                width = caliper * (1 + EQUAL)
                self.low[mine] = start + np.searchsorted(ordered[start:stop], value[mine] - width, side="left")
                self.high[mine] = start + np.searchsorted(ordered[start:stop], value[mine] + width, side="right")
        self.value, self.caliper = value, caliper
        self.named: dict[int, tuple[Places, float]] = {}

    def name_candidates(self, ones: Places, count: int) -> None:
        """Let a tree of the free controls name candidates for these trained units, and how far it has looked."""
        self.named.clear()
        if np.isfinite(self.caliper):
            return
        from scipy.spatial import KDTree

        for code in np.unique(self.codes[ones]):
            mine = ones[self.codes[ones] == code]
            start, stop = int(self.low[mine[0]]), int(self.high[mine[0]])
            free = start + np.flatnonzero(self.free[start:stop])
            if len(free) < WORTH_A_TREE:
                continue
            tree = KDTree(self.points[free], leafsize=32, balanced_tree=False, compact_nodes=False)
            distance, place = tree.query(self.at[mine], k=count + CANDIDATES)
            for one, far, near in zip(mine.tolist(), distance[:, -1].tolist(), free[place], strict=True):
                self.named[one] = (near, far)

    def near(self, one: int, count: int, tied: float | None) -> Places:
        """Return the places in the field of the `count` nearest free controls of a trained unit, nearest first.

        `tied` as in `nearest_points`.
        """
        if one in self.named:
            named, far = self.named[one]
            named = named[self.free[named]]
            if len(named) >= count:
                squared = self._squared(one, named)
                # Whole where the tree has looked farther than to the last that counts.
                if _reach(squared, count, tied) < far**2 * (1 - EQUAL):
                    return self._nearest(one, named, squared, count, tied)
        low, high = int(self.low[one]), int(self.high[one])
        seen = low + np.flatnonzero(self.free[low:high])
        if np.isfinite(self.caliper):
            seen = seen[np.abs(self.value[self.unit[seen]] - self.value[one]) <= self.caliper]
        if not len(seen):
            return seen
        return self._nearest(one, seen, self._squared(one, seen), min(count, len(seen)), tied)

    def _squared(self, one: int, seen: Places) -> Floats:
        gap = self.points[seen] - self.at[one]
        return np.asarray(np.einsum("ij,ij->i", gap, gap))

    def _nearest(self, one: int, seen: Places, squared: Floats, count: int, tied: float | None) -> Places:
        reach = _reach(squared, count, tied)
        close = squared <= reach
        seen, squared = seen[close], squared[close]
        # Distances that only rounding tells apart are one: each takes the smallest of its like.
        order = np.argsort(squared, kind="stable")
        seen, squared = seen[order], squared[order]
        new = np.r_[True, np.diff(squared) > EQUAL * (1.0 + reach)]
        same = np.cumsum(new)
        return seen[np.lexsort((self._later(one, seen), same))][: len(seen) if tied is not None else count]

    def _later(self, one: int, seen: Places) -> Places:
        """Return by what equal distances are ordered, the smallest first."""
        units = self.unit[seen]
        if self.rank is None:
            return units
        gap = self.rank[units] - self.rank[one]
        # Going outwards by turns from the trained unit, the lower side first: the one met last.
        return np.asarray(np.where(gap < 0, 2 * gap + 1, -2 * gap))


def _reach(squared: Floats, count: int, tied: float | None) -> float:
    """Return the squared distance up to which controls count: that of the last match, its ties, and rounding."""
    last = float(np.partition(squared, count - 1)[count - 1])
    return last + (tied or 0.0) + EQUAL * (1.0 + last)


def nearest_points(
    points: Points,
    trained: Bools,
    order: Places,
    *,
    ratio: int = 1,
    replacement: bool = False,
    strata: Codes | None = None,
    score: Floats | None = None,
    caliper: float = np.inf,
    tied: float | None = None,
) -> Links:
    """Return the nearest controls of each trained unit by Euclidean distance of `points.at[n, k]`.

    `order[n_trained]` are places among the trained, who choose in that order, one control a round, `ratio` rounds; with
    `replacement` each has its `ratio` nearest at once. Controls are those of the unit's stratum whose `score[n]`
    differs by `caliper` at most. Equal distances: the last met on the way outwards along `points.along`; without that
    the first in the order of the units. With `tied` (replacement only) all whose squared distance is at most that of
    the last match plus `tied`.

    Examples
    --------
    >>> import numpy as np
    >>> points = Points(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [3.0, 3.0]]), None)
    >>> links = nearest_points(points, np.array([True, True, False, False]), np.array([0, 1]))
    >>> links.trained.tolist(), links.control.tolist()
    ([0, 1], [2, 3])
    """
    own = np.flatnonzero(trained)
    place = Field(points, trained, strata, score, caliper)
    if replacement:
        found = []
        for start in range(0, len(own), 10 * AT_A_TIME):
            some = own[start : start + 10 * AT_A_TIME]
            place.name_candidates(some, ratio)
            found += [place.near(int(one), ratio, tied) for one in some]
        count = np.array([len(one) for one in found], dtype=np.int64)
        return Links(np.repeat(own, count), place.unit[np.concatenate(found)])
    who: list[int] = []
    whom: list[int] = []
    waiting = own[order].tolist()
    for _ in range(ratio):
        served: list[int] = []
        for turn, one in enumerate(waiting):
            if turn % AT_A_TIME == 0:
                place.name_candidates(np.asarray(waiting[turn : turn + AT_A_TIME]), 1)
            near = place.near(one, 1, None)
            if len(near):
                taken = int(near[0])
                place.free[taken] = False
                served.append(one)
                who.append(one)
                whom.append(taken)
        waiting = served
    return in_order(np.asarray(who, dtype=np.int64), place.unit[np.asarray(whom, dtype=np.int64)])
