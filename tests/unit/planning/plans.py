"""Plans that several tests look at: two arms, a rollout, and a panel of cluster means for either."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel
from attribution.planning.records import Plan, PlannedCohort
from attribution.planning.skeleton import code_of, plain_panel

Floats = NDArray[np.float64]

ROLLOUT = (
    PlannedCohort(3, np.array([4.0, 4, 4, 2, 2])),
    PlannedCohort(5, np.full(4, 2.0)),
    PlannedCohort(7, np.full(2, 9.0)),
    PlannedCohort(None, np.full(7, 3.0)),
)


def clusters_of(plan: Plan, means: Floats) -> Panel:
    """Return a panel of one unit for each cluster, which weighs as its size."""
    adopted = np.concatenate([np.full(one.clusters, code_of(one)) for one in plan.cohorts]).astype(np.int32)
    own = np.arange(len(adopted), dtype=np.int32)
    return plain_panel(adopted, own, np.concatenate([one.sizes for one in plan.cohorts]), means, len(own))


def equal(start: int | None, count: int, size: float = 4.0) -> PlannedCohort:
    return PlannedCohort(start, np.full(count, size))


TWO = (equal(4, 12, 10), equal(None, 15, 10))
BEFORE, AFTER = (0, 1, 2, 3), (4, 5, 6, 7)


def plan_of(method: str, cohorts: tuple[PlannedCohort, ...] = TWO, **options: object) -> Plan:
    return Plan(method, options, cohorts, BEFORE, AFTER)
