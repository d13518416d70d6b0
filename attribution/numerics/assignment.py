"""Optimal matching: pairs of least total distance, and full matching, both as assignment problems.

Points are rows `[n, k]`, and their distance is Euclidean: a score is one column, a Mahalanobis distance whitened
columns. On a line many matchings have the same total (two pairs may be crossed or not); of these the one with the least
squares is taken. Points at the same place are told apart by their order alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]

CELLS = 4_000_000
"""Distances in one block: 32 MB."""

LARGEST = 30_000_000
"""Distances that a problem may hold: 240 MB dense, about thrice that sparse."""

SQUARES = 1e-9
"""Weight of the squared distance beside the distance, relative to the reach of all points: it breaks ties."""

FINER = 1e-11
"""What a set more is worth in full matching, relative to the largest gain, so that points at one place form pairs."""


class TooManyPairsError(Exception):
    """The pairs that would have to be weighed are too many; `pairs` is their number, at least."""

    def __init__(self, pairs: int) -> None:
        super().__init__(pairs)
        self.pairs = pairs


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Pairs of a trained and a control point, `trained[l]` with `control[l]` at `distance[l]`."""

    trained: Places
    control: Places
    distance: Floats = field(repr=False)

    @property
    def total(self) -> float:
        """The sum of distances."""
        return float(self.distance.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Caliper:
    """Pairs are allowed whose scores `trained[n_t]` and `control[n_c]` differ by at most `width`."""

    trained: Floats = field(repr=False)
    control: Floats = field(repr=False)
    width: float


def distances(trained: Floats, control: Floats) -> Floats:
    """Return the Euclidean distances `[n_t, n_c]` of points `[n_t, k]` from `[n_c, k]`."""
    if trained.shape[1] == 1:
        return np.asarray(np.abs(trained - control.T))
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(trained, control))


def _apart(trained: Floats, control: Floats) -> Floats:
    """Return the distance of each point from the one beside it."""
    return np.asarray(np.sqrt(((trained - control) ** 2).sum(axis=1)))


def _told_apart(distance: Floats, reach: float) -> Floats:
    """Return distances that grow a little with their squares; their order is the same."""
    return distance + (SQUARES / reach) * distance**2


def _reach(trained: Floats, control: Floats) -> float:
    """Return an upper bound of all distances; 1 where all points are one."""
    points = np.concatenate([trained, control])
    return float(np.sqrt((np.ptp(points, axis=0) ** 2).sum())) or 1.0


def links_within(trained: Floats, control: Floats, caliper: Caliper) -> Links:
    """Return all allowed pairs with the distances of the points `[n_t, k]`, `[n_c, k]`, by trained, then control.

    Raises `TooManyPairsError` beyond `LARGEST`.
    """
    order = np.argsort(caliper.control, kind="stable")
    first = np.searchsorted(caliper.control[order], caliper.trained - caliper.width, side="left")
    last = np.searchsorted(caliper.control[order], caliper.trained + caliper.width, side="right")
    counts = np.maximum(last - first, 0)
    if counts.sum() > LARGEST:
        raise TooManyPairsError(int(counts.sum()))
    rows = np.repeat(np.arange(len(trained)), counts)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    columns = order[np.repeat(first, counts) + offsets]
    return _links(rows, columns, _apart(trained[rows], control[columns]))


def optimal_pairs(trained: Floats, control: Floats, ratio: int = 1) -> Links:
    """Return `ratio` controls for each trained point, each control once, with the least total distance.

    Where controls are too few, all of them are used, and a trained point takes its next one only when nobody could take
    it as an earlier one. Raises `TooManyPairsError` beyond `LARGEST` distances.

    Examples
    --------
    >>> import numpy as np
    >>> links = optimal_pairs(np.array([[0.0], [1.0]]), np.array([[0.9], [3.0], [-2.0]]))
    >>> links.control.tolist(), round(links.total, 12)
    ([2, 0], 2.1)

    Source: Rosenbaum (1989); the solver is SciPy's, after Crouse (2016).
    """
    from scipy.optimize import linear_sum_assignment

    if len(trained) * len(control) * ratio > LARGEST:
        raise TooManyPairsError(len(trained) * len(control) * ratio)
    cost = distances(trained, control)
    copies = np.tile(_told_apart(cost, _reach(trained, control)), (ratio, 1))
    if ratio > 1 and len(control) < ratio * len(trained):
        # A later copy costs more than all distances together.
        later = (float(copies.max()) or 1.0) * (len(control) + 1)
        copies += np.repeat(np.arange(ratio) * later, len(trained))[:, None]
    rows, columns = linear_sum_assignment(copies)
    links = _links(rows % max(len(trained), 1), columns, cost[rows % max(len(trained), 1), columns])
    return in_step(links, trained, control) if ratio == 1 and trained.shape[1] == 1 else links


def in_step(links: Links, trained: Floats, control: Floats) -> Links:
    """Return pairs of points on a line in step: the lowest trained with the lowest control of those chosen, and so on.

    Of all pairings of the same points this has the least total, the least squares and the least largest distance, so
    that no caliper forbids it; solvers differ in which of equal totals they find. Of points at one place, those that
    come first are chosen.

    Examples
    --------
    >>> import numpy as np
    >>> crossed = Links(np.array([0, 1]), np.array([1, 0]), np.array([2.0, 0.0]))
    >>> in_step(crossed, np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])).control.tolist()
    [0, 1]
    """
    rows, columns = _first_of_place(links.trained, trained[:, 0]), _first_of_place(links.control, control[:, 0])
    return _links(rows, columns, _apart(trained[rows], control[columns]))


def _first_of_place(chosen: Places, points: Floats) -> Places:
    """Return as many places as were chosen at each point, the first ones there, ordered by point, then place."""
    order = np.argsort(points, kind="stable")
    values, start = np.unique(points[order], return_index=True)
    at = np.searchsorted(values, np.sort(points[chosen]))
    within = np.arange(len(at)) - np.searchsorted(at, at, side="left")
    return np.asarray(order[start[at] + within], dtype=np.int64)


def optimal_pairs_among(allowed: Links, n_trained: int, n_control: int, ratio: int = 1) -> Links:
    """Return up to `ratio` controls for each trained point out of the `allowed` pairs, each control once.

    First as many trained points as possible have a control; then the pairs are as many as possible; then their total
    distance is the least.

    Examples
    --------
    >>> import numpy as np
    >>> allowed = Links(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([0.2, 0.1, 0.4]))
    >>> optimal_pairs_among(allowed, 2, 2).control.tolist()
    [0, 1]

    Source: Rosenbaum (1989); the solver is SciPy's, after Jonker & Volgenant (1987).
    """
    if not len(allowed.trained):
        return allowed
    scale = float(allowed.distance.max()) or 1.0
    cost = np.tile(_told_apart(allowed.distance / scale, 1.0), ratio)
    rows = np.concatenate([allowed.trained + copy * n_trained for copy in range(ratio)])
    columns = np.tile(allowed.control, ratio)
    # A pair less costs more than all distances together, a trained point less more than all pairs.
    pairs = min(ratio * n_trained, n_control) + 2.0
    alone = np.full(ratio * n_trained, pairs)
    if ratio > 1:
        alone[:n_trained] = pairs * pairs
    chosen = _least_cost(rows, columns, cost, alone, n_control)
    chosen %= len(allowed.trained)
    return _links(allowed.trained[chosen], allowed.control[chosen], allowed.distance[chosen])


def full_match(trained: Floats, control: Floats, caliper: Caliper | None = None) -> Links:
    """Return the links of a full matching: each point is linked, and the total distance is the least there is.

    Every set is a star: one trained point with its controls, or one control with its trained. Points at one place form
    as many sets as they can, and who is equally near to several joins the one with the fewest links. A point that has
    nobody within the caliper stays alone. Raises `TooManyPairsError` beyond `LARGEST` pairs to weigh.

    Examples
    --------
    >>> import numpy as np
    >>> links = full_match(np.array([[0.0], [5.0], [5.2]]), np.array([[0.1], [0.3], [5.1]]))
    >>> list(zip(links.trained.tolist(), links.control.tolist()))
    [(0, 0), (0, 1), (1, 2), (2, 2)]

    A minimum-weight edge cover: every point goes to its nearest, save pairs that serve each other, whose gain is the
    sum of both nearest distances less their own; the pairs are an assignment of the largest gain.
    Source: Hansen & Klopfer (2006) for the problem; Schrijver (2003), section 19.3, for the reduction.
    """
    nearest_control = np.full(len(trained), np.inf)
    nearest_trained = np.full(len(control), np.inf)
    for start, block in _blocks(trained, control, caliper):
        nearest_control[start : start + len(block)] = block.min(axis=1, initial=np.inf)
        nearest_trained = np.minimum(nearest_trained, block.min(axis=0, initial=np.inf))
    rows, columns, gains, held = [], [], [], 0
    for start, block in _blocks(trained, control, caliper):
        with np.errstate(invalid="ignore"):
            gain = nearest_control[start : start + len(block), None] + nearest_trained - block
        places = np.nonzero((gain >= 0) & np.isfinite(block))
        held += len(places[0])
        if held > LARGEST:
            raise TooManyPairsError(held)
        rows.append(places[0] + start)
        columns.append(places[1])
        gains.append(gain[places])
    row, column, gain = (np.concatenate(parts) for parts in (rows, columns, gains))
    if not len(row):
        return _links(row, column, gain)
    scale = float(gain.max()) or 1.0
    cost = 1.0 - (gain / scale + FINER)
    chosen = _least_cost(row, column, cost, np.ones(len(trained)), len(control))
    return _stars(trained, control, caliper, row[chosen], column[chosen])


def _blocks(trained: Floats, control: Floats, caliper: Caliper | None) -> Iterator[tuple[int, Floats]]:
    """Yield the distances of some trained points at a time from all controls; infinite where a pair is not allowed."""
    step, reach = max(1, CELLS // max(1, len(control))), _reach(trained, control)
    for start in range(0, len(trained), step):
        block = _told_apart(distances(trained[start : start + step], control), reach)
        if caliper is not None:
            gaps = np.abs(caliper.trained[start : start + step, None] - caliper.control)
            block = np.where(gaps <= caliper.width, block, np.inf)
        yield start, block


def _least_cost(rows: Places, columns: Places, cost: Floats, alone: Floats, n_columns: int) -> Places:
    """Return which entries are chosen: at most one a row and a column, at the least cost; a row may be left `alone`."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    n_rows = len(alone)
    # Every row has a column of its own for being alone, so that all rows are assigned. Costs grow by one constant,
    # because a stored 0 would be no entry.
    lift = 1.0 - min(0.0, float(cost.min()))
    row = np.concatenate([rows, np.arange(n_rows)])
    column = np.concatenate([columns, n_columns + np.arange(n_rows)])
    graph = csr_array((np.concatenate([cost, alone]) + lift, (row, column)), shape=(n_rows, n_columns + n_rows))
    assigned = np.full(n_rows, -1)
    found_row, found_column = min_weight_full_bipartite_matching(graph)
    assigned[found_row] = found_column
    return np.flatnonzero(assigned[rows] == columns)


def _stars(trained: Floats, control: Floats, caliper: Caliper | None, rows: Places, columns: Places) -> Links:
    """Return the pairs with every other point linked to its nearest, and without links that neither end needs."""
    edges = set(zip(rows.tolist(), columns.tolist(), strict=True))
    degree = [np.bincount(rows, minlength=len(trained)), np.bincount(columns, minlength=len(control))]
    turned = None if caliper is None else Caliper(caliper.control, caliper.trained, caliper.width)
    for mine, points, others, limit in ((0, trained, control, caliper), (1, control, trained, turned)):
        for place in np.flatnonzero(degree[mine] == 0).tolist():
            away = distances(points[place : place + 1], others)[0]
            if limit is not None:
                away = np.where(np.abs(limit.trained[place] - limit.control) <= limit.width, away, np.inf)
            near = np.flatnonzero((away == away.min()) & np.isfinite(away))
            if len(near):
                other = int(near[np.argmin(degree[1 - mine][near])])
                edges.add((place, other) if mine == 0 else (other, place))
                degree[mine][place] += 1
                degree[1 - mine][other] += 1
    kept = []
    for row, column in sorted(edges):
        if degree[0][row] > 1 and degree[1][column] > 1:
            degree[0][row] -= 1
            degree[1][column] -= 1
        else:
            kept.append((row, column))
    left, right = np.array(kept, dtype=np.int64).T
    return Links(left, right, _apart(trained[left], control[right]))


def star_sets(links: Links, n_trained: int, n_control: int) -> tuple[Places, Places]:
    """Return the set of each trained and each control point; −1 for a point without links.

    Sets are numbered by their first trained point. The links are stars, as those of `full_match` and of pairs.
    """
    degree = np.bincount(links.control, minlength=n_control)
    # A star's centre is its control where that has several trained, else its trained.
    centre = np.where(degree[links.control] > 1, n_trained + links.control, links.trained)
    first = np.full(n_trained + n_control, n_trained)
    np.minimum.at(first, centre, links.trained)
    numbers = np.unique(first[centre], return_inverse=True)[1]
    sets = np.full(n_trained, -1), np.full(n_control, -1)
    sets[0][links.trained] = numbers
    sets[1][links.control] = numbers
    return sets


def _links(rows: Places, columns: Places, distance: Floats) -> Links:
    order = np.lexsort((columns, rows))
    return Links(rows[order].astype(np.int64), columns[order].astype(np.int64), distance[order])
