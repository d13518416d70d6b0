"""Who of a matched cohort entered an estimate, and whole sets: nobody's match stays without its other side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.cohort import Cohort, Matches
from attribution.core.estimate import Estimate
from attribution.core.flow import Flow
from attribution.core.panel import Panel
from attribution.estimators.matches.sets import dense

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LOST = "its match does not enter"


@dataclass(frozen=True, slots=True, eq=False)
class Entered:
    """The units that enter, in the order of the unit map's columns: places, clusters, sets, arms, and weights."""

    n_units: int
    units: NDArray[np.int64] = field(repr=False)
    clusters: NDArray[np.int32] = field(repr=False)
    sets: NDArray[np.int32] = field(repr=False)
    trained: Bools = field(repr=False)
    weight: Floats = field(repr=False)

    @property
    def n_clusters(self) -> int:
        return int(self.clusters.max(initial=-1)) + 1

    @property
    def coarse(self) -> bool:
        """Say whether training was assigned above the unit."""
        return self.n_clusters < len(self.units)

    def lone(self, code: NDArray[np.int32]) -> bool:
        """Say whether one arm is in a single group: it has no variance."""
        counts = [len(np.unique(code[self.trained == arm])) for arm in (True, False)]
        return 1 in counts

    def spread(self, rows: Floats) -> Floats:
        """Return rows of all units of the panel, 0 for those that do not enter."""
        found = np.zeros((self.n_units, rows.shape[1]))
        found[self.units] = rows
        return found

    def spread_codes(self, code: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return codes of all units of the panel, −1 for those that do not enter."""
        found = np.full(self.n_units, -1, dtype=np.int32)
        found[self.units] = code
        return found


def entered(panel: Panel, cohort: Cohort, estimate: Estimate) -> Entered:
    """Return the units that entered an estimate made with every unit as its own cluster."""
    assert cohort.arms is not None
    assert cohort.matches is not None
    inside = estimate.clusters >= 0
    units = np.empty(int(inside.sum()), dtype=np.int64)
    units[estimate.clusters[inside]] = np.flatnonzero(inside)
    sets = cohort.matches.sets
    return Entered(
        n_units=len(inside),
        units=units,
        clusters=dense(panel.units.cluster[units]),
        sets=np.full(len(units), -1, dtype=np.int32) if sets is None else sets[units].astype(np.int32),
        trained=cohort.arms[units] == 1,
        weight=panel.weights[units],
    )


def held(flow: Flow, code: NDArray[np.integer[Any]], trained: Bools) -> Flow:
    """Return the flow with the groups that hold each arm counted as its clusters."""
    counts = [len(np.unique(code[trained == arm])) for arm in (True, False)]
    return replace(
        flow,
        trained=replace(flow.trained, clusters=counts[0]),
        control=replace(flow.control, clusters=counts[1]) if flow.control.units else flow.control,
    )


def settled(panel: Panel, build: Callable[[Panel], Estimate]) -> tuple[Panel, Estimate]:
    """Return a panel whose matched sets entered whole, and the estimate that `build` makes of it.

    `build` is run again as long as units do not enter whose match does: these leave with it, or share its weight.
    """
    estimate = build(panel)
    while True:
        whole = whole_sets(panel, estimate)
        if whole is panel:
            return panel, estimate
        panel, estimate = whole, build(whole)


def whole_sets(panel: Panel, estimate: Estimate) -> Panel:
    """Return the panel without sets that lost all units of an arm, the weights of others' controls set anew.

    A set enters with some of each arm or not at all: a trained unit whose matches have no KPI value has nobody to be
    compared with, a control nobody to stand for. Who is left out so is said so in the cohort's reasons. The panel
    itself where nothing is to be done: all sets are whole, or only one arm enters at all.
    """
    cohort = panel.cohort
    if cohort is None or cohort.matches is None or cohort.arms is None:
        return panel
    took = panel.weights > 0
    stays = took & (estimate.clusters >= 0)
    trained = cohort.arms == 1
    if (stays == took).all() or not (stays & trained).any() or not (stays & ~trained).any():
        return panel
    matches = cohort.matches
    after = _linked(matches, panel, stays) if matches.sets is None else _whole(cohort, matches.sets, panel, took, stays)
    if (after == cohort.weights)[stays].all():
        return panel
    reasons = np.full(len(took), "", dtype=object) if cohort.reasons is None else cohort.reasons.copy()
    reasons[stays & (after == 0)] = LOST
    weights = np.where(stays, after, cohort.weights)
    if matches.sets is None:
        kept = stays[matches.trained] & stays[matches.control]
        share = matches.share[kept]
        total = np.bincount(matches.trained[kept], weights=share, minlength=len(took))
        links = matches.trained[kept]
        matches = replace(matches, trained=links, control=matches.control[kept], share=share / total[links])
    return panel.with_cohort(replace(cohort, weights=weights, reasons=reasons, matches=matches))


def _whole(cohort: Cohort, sets: NDArray[np.int32], panel: Panel, took: Bools, stays: Bools) -> Floats:
    """Return weights by which every set has what it had of controls for each weight of its trained."""
    n_sets = int(sets.max(initial=-1)) + 1
    trained = cohort.arms == 1
    totals = []
    for who in (took, stays):
        for arm in (trained, ~trained):
            mine = who & arm & (sets >= 0)
            totals.append(np.bincount(sets[mine], weights=panel.weights[mine], minlength=n_sets))
    had_trained, had_control, has_trained, has_control = totals
    complete = (has_trained > 0) & (has_control > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if cohort.estimand == "ATT":
            up, down = np.ones(n_sets), (has_trained / had_trained) * (had_control / has_control)
        else:
            up, down = had_trained / has_trained, had_control / has_control
    factor = np.where(trained, np.where(complete, up, 0.0)[sets], np.where(complete, down, 0.0)[sets])
    factor[np.isclose(factor, 1.0, rtol=1e-12, atol=0.0)] = 1.0
    return np.where(sets >= 0, cohort.weights * factor, cohort.weights)


def _linked(matches: Matches, panel: Panel, stays: Bools) -> Floats:
    """Return weights by which each trained unit's remaining controls share it."""
    cohort = panel.cohort
    assert cohort is not None
    own, n_units = panel.units.weight, len(stays)
    kept = stays[matches.trained] & stays[matches.control]
    total = np.bincount(matches.trained[kept], weights=matches.share[kept], minlength=n_units)
    flow = matches.share * own[matches.trained]
    with np.errstate(divide="ignore", invalid="ignore"):
        again = np.where(kept, flow / total[matches.trained], 0.0)
        had = np.bincount(matches.control, weights=flow, minlength=n_units)
        has = np.bincount(matches.control, weights=again, minlength=n_units)
        factor = np.where(had > 0, has / had, 1.0)
    factor[np.isclose(factor, 1.0, rtol=1e-12, atol=0.0)] = 1.0
    assert cohort.arms is not None
    return np.where(cohort.arms == 1, np.where(total > 0, cohort.weights, 0.0), cohort.weights * factor)
