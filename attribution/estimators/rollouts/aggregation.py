"""Aggregation of group-time cells: overall, by event time, cohort or calendar period, with estimated weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import UNTRAINED_LEVEL
from attribution.core.terms import part
from attribution.estimators.rollouts.cells import Cells
from attribution.estimators.rollouts.means import CellValues

Floats = NDArray[np.float64]

By = Literal["simple", "event", "group", "calendar", "cells"]

KEYS = {"event": "event", "group": "group", "calendar": "time"}
MEAN = "mean"


class CellMap(Protocol):
    """A map from cluster weights to the terms of every cell."""

    def __call__(self, weights: Floats) -> CellValues: ...


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Which cells make each average: `weights[n_sets, n_cells]`, multiplied by the cohorts' weights.

    The first set is the overall one. `means[n_means, n_sets]` are averages of averages (of event times, of periods).
    `labels` names the sets, then the means; `changes` says which of them also have an observed change.
    """

    weights: Floats
    means: Floats
    labels: tuple[str, ...]
    changes: NDArray[np.bool_]


def sets_of(cells: Cells, by: By, period_names: tuple[str, ...]) -> Sets:
    """Return the averages of an aggregation.

    The overall average weighs every trained unit and period alike. `event`, `group` and `calendar` add a set for each
    event time, cohort or period, and their mean: over event times and over periods unweighted, over cohorts by their
    weight (Callaway & Sant'Anna 2021, eq. 3.4 to 3.11).
    """
    post = cells.post.astype(float)
    weights, labels, changes = [post], [""], [True]
    if by == "event":
        for event in np.unique(cells.event):
            chosen = cells.event == event
            # Steps within the washout are shown, but not counted.
            weights.append(chosen.astype(float) if event < 0 or not cells.post[chosen].any() else chosen * post)
            labels.append(str(int(event)))
            changes.append(event >= 0)
    elif by == "group":
        for one in np.unique(cells.cohort[cells.post]):
            weights.append(((cells.cohort == one) & cells.post).astype(float))
            labels.append(cells.names[int(one)])
            changes.append(True)
    elif by == "calendar":
        for time in np.unique(cells.time[cells.post]):
            weights.append(((cells.time == time) & cells.post).astype(float))
            labels.append(period_names[int(time)])
            changes.append(True)
    elif by == "cells":
        for k in range(len(cells)):
            weights.append((np.arange(len(cells)) == k).astype(float))
            labels.append(f"{cells.names[int(cells.cohort[k])]},time={period_names[int(cells.time[k])]}")
            changes.append(bool(cells.event[k] >= 0))
    means = np.zeros((0, len(weights)))
    if by == "group":
        # Within a cohort all periods weigh the same, and a cohort weighs what its units do.
        counts = np.bincount(cells.cohort, weights=post, minlength=cells.n_cohorts)
        weights.append(post / np.maximum(counts[cells.cohort], 1.0))
        labels.append(MEAN)
        changes.append(True)
        means = np.zeros((0, len(weights)))
    elif by in ("event", "calendar"):
        inside = np.array([False] + [bool((row * post).any()) for row in weights[1:]])
        means = (inside / inside.sum())[None]
        labels.append(MEAN)
        changes.append(True)
    return Sets(np.array(weights), means, tuple(labels), np.array(changes))


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate:
    """The map from cluster weights to aggregated terms: effect, change, background, untrained level, then the parts.

    A cell that a row of weights empties is left out of that row's averages; a row without any cell of the overall
    average is NaN.
    """

    cell_map: CellMap
    cohort: NDArray[np.int64]
    sets: Sets

    def __call__(self, weights: Floats) -> Floats:
        return self.terms(self.cell_map(np.asarray(weights, dtype=float)))

    def terms(self, values: CellValues) -> Floats:
        """Return the aggregated terms of cell values."""
        failed = np.zeros_like(values.change, dtype=bool) if values.failed is None else values.failed
        valid = (np.isfinite(values.effect) | failed) & np.isfinite(values.change)
        fitted = np.where(failed, 0.0, values.effect)
        mass = np.where(valid, values.mass[:, self.cohort], 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            size = mass @ self.sets.weights.T
            # A side that is empty leaves the cell out; a fit that does not exist says nothing of the cell.
            unfit = failed.astype(float) @ self.sets.weights.T > 0

            def average(cells: Floats) -> Floats:
                found = (mass * np.where(valid, cells, 0.0)) @ self.sets.weights.T / size
                return np.concatenate([found, self._means(found)], axis=1) if len(self.sets.means) else found

            change = average(values.change)
            effect = average(fitted)
            level = (mass * np.where(valid, values.level, 0.0)) @ self.sets.weights[0] / size[:, 0]
        effect[:, : unfit.shape[1]][unfit] = np.nan
        if len(self.sets.means):
            effect[:, unfit.shape[1] :][(unfit.astype(float) @ self.sets.means.T) > 0] = np.nan
        plain = np.stack([effect[:, 0], change[:, 0], change[:, 0] - effect[:, 0], level - effect[:, 0]], axis=1)
        parts = np.concatenate([effect[:, 1:], change[:, 1:][:, self.sets.changes[1:]]], axis=1)
        found = np.concatenate([plain, parts], axis=1)
        # Without a cell there is nothing; without a fit there still is the change that everybody saw.
        found[np.isnan(change[:, 0])] = np.nan
        return found

    def _means(self, averages: Floats) -> Floats:
        """Return means of the averages that exist in a row."""
        there = np.isfinite(averages)
        weight = np.where(there, 1.0, 0.0) @ self.sets.means.T
        return np.asarray(np.where(there, averages, 0.0) @ self.sets.means.T / weight)


def term_names(sets: Sets, by: By) -> tuple[str, ...]:
    """Return the names of the aggregated terms, in the order of `Aggregate.terms`."""
    plain = ("effect", "change", "background", UNTRAINED_LEVEL)
    key = KEYS.get(by, "group")
    labels = sets.labels[1:]
    changed = [label for label, has in zip(labels, sets.changes[1:], strict=True) if has]
    return (*plain, *(part("effect", key, one) for one in labels), *(part("change", key, one) for one in changed))


@dataclass(frozen=True, slots=True, eq=False)
class Gradient:
    """The derivative of aggregated terms by the cells: weights of effect, change, level, and cohort mass."""

    effect: Floats
    change: Floats
    level: Floats
    mass: Floats


def gradient(sets: Sets, cells: Cells, values: CellValues) -> Gradient:
    """Return the derivative of the aggregated terms by cell terms and cohort weights, at cluster weights of 1."""
    mass = values.mass[0, cells.cohort]
    weighted = sets.weights * mass
    size = weighted.sum(axis=1)
    share = weighted / size[:, None]
    n_cohorts = values.mass.shape[1]
    by_cohort = np.zeros((len(cells), n_cohorts))
    by_cohort[np.arange(len(cells)), cells.cohort] = 1.0

    def of_mass(terms: Floats) -> Floats:
        average = share @ terms
        spread = sets.weights / size[:, None] * (terms[None] - average[:, None])
        return np.asarray(spread @ by_cohort)

    effect, change, level = (of_mass(one[0]) for one in (values.effect, values.change, values.level))
    if len(sets.means):
        share = np.concatenate([share, sets.means @ share])
        effect = np.concatenate([effect, sets.means @ effect])
        change = np.concatenate([change, sets.means @ change])
    none = np.zeros_like(share[:1])
    kept = sets.changes[1:]
    plain = (share[:1], none, -share[:1], -share[:1])
    return Gradient(
        effect=np.concatenate([*plain, share[1:], np.zeros_like(share[1:][kept])]).T,
        change=np.concatenate([none, share[:1], share[:1], none, np.zeros_like(share[1:]), share[1:][kept]]).T,
        level=np.concatenate([none, none, none, share[:1], np.zeros_like(share[1:]), np.zeros_like(share[1:][kept])]).T,
        mass=np.concatenate(
            [
                effect[:1],
                change[:1],
                change[:1] - effect[:1],
                level[:1] - effect[:1],
                effect[1:],
                change[1:][kept],
            ]
        ).T,
    )
