"""Nearest controls along one score: greedy without replacement, or for each trained unit by itself with replacement.

Controls stand in a row by stratum and score, with a sentinel at infinite distance around each stratum. Without
replacement the nearest free one on either side is found by skip links: a used control points past itself, and paths are
halved as they are walked, so that n units take little more than their sorting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]

ROUNDING = 1e-12
"""Scores and distances closer than this part of the scores' range are one: rounding told them apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Pairs of places among the units, by trained unit in the order of the units, the first found first."""

    trained: Places = field(repr=False)
    control: Places = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Controls in a row, strata apart, and where each trained unit would stand among them.

    `unit[m]` is a control's place, −1 for a sentinel; `score[m]` its score, infinite for a sentinel. Trained unit t (in
    the order of the units) has the score `value[t]`; `unit[: at[t] + 1]` are before it, and its stratum lies between
    the sentinels `first[t]` and `last[t]`. `rank[n]` are the ranks of all units by score, equal ones in their order.
    Distances that differ by `slack` at most are equal.
    """

    unit: Places
    score: Floats
    value: Floats
    at: Places
    first: Places
    last: Places
    rank: Places
    slack: float

    def gap(self) -> Floats:
        """Return the distances `[n_trained, 2]` to the next control below and above, infinite where there is none."""
        return np.asarray(np.abs(self.value[:, None] - self.score[self.at[:, None] + np.arange(2)]))


def snapped(score: Floats) -> Floats:
    """Return the scores with those that differ by rounding only made equal, so that ties are ties.

    Examples
    --------
    >>> import numpy as np
    >>> snapped(np.array([1.0, 0.5, 1.0 + 1e-15, 0.0])).tolist()
    [1.0, 0.5, 1.0, 0.0]
    """
    order = np.argsort(score)
    ordered = score[order]
    new = np.r_[True, np.diff(ordered) > ROUNDING * float(ordered[-1] - ordered[0])]
    found = np.empty_like(score)
    found[order] = ordered[new][np.cumsum(new) - 1]
    return found


def ascending(values: Floats) -> Places:
    """Return the order of values, equal ones in their own order."""
    order = np.argsort(values)
    if (np.diff(values[order]) == 0).any():
        # A stable sort takes several times as long, and is only needed here.
        order = np.argsort(values, kind="stable")
    return np.asarray(order)


def row_of_controls(score: Floats, trained: Bools, strata: NDArray[np.integer[Any]] | None = None) -> Row:
    """Return the controls in a row by stratum (codes 0 … S − 1) and score, equal scores in the order of the units."""
    n = len(score)
    by_score = ascending(score)
    rank = np.empty(n, dtype=np.int64)
    rank[by_score] = np.arange(n)
    codes = np.zeros(n, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    order = by_score if strata is None else by_score[np.argsort(codes[by_score], kind="stable")]
    controls = order[~trained[order]]
    # One sentinel before each stratum and one at the end: stratum s lies between sentinels s and s + 1.
    size = np.bincount(codes[controls], minlength=int(codes.max(initial=0)) + 1)
    sentinels = np.r_[0, np.cumsum(size + 1)]
    place = np.arange(len(controls)) + codes[controls] + 1
    unit, scores = np.full(len(controls) + len(sentinels), -1), np.full(len(controls) + len(sentinels), np.inf)
    unit[place], scores[place] = controls, score[controls]
    # Before a unit stand the controls of earlier strata and of lower rank, and the sentinels of both.
    before = np.empty(n, dtype=np.int64)
    before[order] = np.cumsum(~trained[order])
    own = np.flatnonzero(trained)
    at = before[own] + codes[own]
    return Row(
        unit,
        scores,
        score[own],
        at,
        sentinels[codes[own]],
        sentinels[codes[own] + 1],
        rank,
        ROUNDING * float(np.ptp(score)),
    )


def greedy(row: Row, trained: Bools, order: Places, *, ratio: int = 1, caliper: float = np.inf) -> Links:
    """Return each trained unit's nearest free control, one unit after another, `ratio` times over.

    `order[n_trained]` are places among the trained: who chooses first. A unit that finds nobody at a distance of
    `caliper` at most has finished. Of two controls at the same distance it takes the one that fewer units of any kind
    stand in front of, and the lower score where these are equal.

    Examples
    --------
    >>> import numpy as np
    >>> score, trained = np.array([0.9, 0.8, 0.7, 0.85, 0.1]), np.array([True, True, False, False, False])
    >>> links = greedy(row_of_controls(score, trained), trained, np.array([0, 1]))
    >>> links.trained.tolist(), links.control.tolist()
    ([0, 1], [3, 2])

    Source: nearest neighbour matching as in MatchIt 4.7.1, ties included.
    """
    own = np.flatnonzero(trained)[order]
    # Lists: a loop over numbers of numpy takes several times as long; in the order in which they are read.
    below, above = np.where(row.unit < 0, -np.inf, row.score).tolist(), row.score.tolist()
    down, up = list(range(len(below))), list(range(len(below)))
    rank, low = row.rank[np.maximum(row.unit, 0)], row.rank[own]
    high, value, at = low.copy(), row.value[order], row.at[order]
    limit, slack = min(caliper, np.finfo(float).max), row.slack
    waiting = np.arange(len(order))
    who, whom = [], []
    for _ in range(ratio):
        taken = []
        for one, score, left in zip(waiting.tolist(), value[waiting].tolist(), at[waiting].tolist(), strict=True):
            right = left + 1
            while down[left] != left:
                down[left] = left = down[down[left]]
            while up[right] != right:
                up[right] = right = up[up[right]]
            distance, other = score - below[left], above[right] - score
            nearer = distance - other
            if nearer > slack or (nearer >= -slack and low[one] - rank[left] > rank[right] - high[one]):
                left, distance = right, other
            if distance <= limit:
                down[left], up[left] = left - 1, left + 1
                taken.append(left)
            else:
                taken.append(0)
        found = np.array(taken, dtype=np.int64)
        waiting, found = waiting[found > 0], found[found > 0]
        low[waiting] = np.minimum(low[waiting], rank[found])
        high[waiting] = np.maximum(high[waiting], rank[found])
        who.append(own[waiting])
        whom.append(row.unit[found])
    return in_order(np.concatenate(who), np.concatenate(whom))


def reused(
    row: Row,
    trained: Bools,
    *,
    ratio: int = 1,
    caliper: float = np.inf,
    tied: float | None = None,
) -> Links:
    """Return each trained unit's `ratio` nearest controls at a distance of `caliper` at most; a control serves many.

    With `tied` None there are at most `ratio`, ties as in `greedy`; else all whose squared distance is at most that of
    the last of them plus `tied`, which is in squared units of the score.

    Examples
    --------
    >>> import numpy as np
    >>> score, trained = np.array([0.9, 0.8, 0.7, 0.85, 0.9]), np.array([True, True, False, False, False])
    >>> links = reused(row_of_controls(score, trained), trained)
    >>> links.trained.tolist(), links.control.tolist()
    ([0, 1], [4, 3])
    """
    own = np.flatnonzero(trained)
    window = row.at[:, None] + np.arange(1 - ratio, ratio + 1)
    outside = (window <= row.first[:, None]) | (window >= row.last[:, None])
    window = np.where(outside, row.first[:, None], window)
    distance = np.where(outside, np.inf, np.abs(row.value[:, None] - row.score[window]))
    if tied is not None:
        last = np.sort(distance, axis=1)[:, :ratio]
        last = np.where(np.isfinite(last), last, -1.0).max(axis=1)
        return _within(row, own, last, caliper, tied)
    # Outwards by turns, the lower side first: the turn in which a control is met.
    gap = row.rank[np.maximum(row.unit[window], 0)] - row.rank[own][:, None]
    turn = np.where(gap < 0, -2 * gap - 1, 2 * gap)
    chosen = np.lexsort((turn, _classes(distance, row.slack)), axis=-1)[:, :ratio]
    near = np.take_along_axis(distance, chosen, axis=1) <= min(caliper, np.finfo(float).max)
    return Links(np.repeat(own, near.sum(axis=1)), row.unit[np.take_along_axis(window, chosen, axis=1)[near]])


def _classes(distance: Floats, slack: float) -> Places:
    """Return, for each row, the ranks of its distances; those that differ by `slack` at most share one."""
    order = np.argsort(distance, axis=1)
    with np.errstate(invalid="ignore"):
        new = np.diff(np.take_along_axis(distance, order, axis=1), axis=1) > slack
    found = np.zeros(distance.shape, dtype=np.int64)
    np.put_along_axis(found, order[:, 1:], np.cumsum(new, axis=1), axis=1)
    return found


def _within(row: Row, own: Places, last: Floats, caliper: float, tied: float) -> Links:
    """Return all controls within the distance of the last match and a tie's width."""
    # What rounding leaves between equal distances is no difference.
    radius = np.sqrt(np.where(last >= 0, last, 0.0) ** 2 + tied) + row.slack
    low, high = np.empty(len(own), dtype=np.int64), np.empty(len(own), dtype=np.int64)
    for first in np.unique(row.first):
        mine = row.first == first
        stratum = row.score[first + 1 : row.last[mine][0]]
        low[mine] = first + 1 + np.searchsorted(stratum, (row.value - radius)[mine], side="left")
        high[mine] = first + 1 + np.searchsorted(stratum, (row.value + radius)[mine], side="right")
    count = np.where(last >= 0, high - low, 0)
    which = np.repeat(np.arange(len(own)), count)
    place = np.arange(len(which)) + (low - np.cumsum(count) + count)[which]
    allowed = np.abs(row.value[which] - row.score[place]) <= caliper
    return Links(own[which[allowed]], row.unit[place[allowed]])


def in_order(trained: Places, control: Places) -> Links:
    """Return the links by trained unit, each unit's in the order in which they were found."""
    order = np.argsort(trained, kind="stable")
    return Links(trained[order], control[order])
