"""Optimal full matching: everybody in a set, one trained unit with its controls or one control with its trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from attribution.cohorts.metric import Distance, groups_of, left_over, metric_of, nobody, too_many
from attribution.cohorts.strata import lost_note, set_matches
from attribution.cohorts.subjects import Kpi, Missing, cohort_of, subjects
from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.numerics.assignment import TooManyPairsError, full_match, star_sets
from attribution.numerics.strata import stratum_weights


def full(
    panel: Panel,
    *,
    covariates: Sequence[str] = (),
    distance: Distance = "logit",
    caliper: float | None = None,
    exact: Sequence[str] = (),
    estimand: Literal["ATT", "ATE"] = "ATT",
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
) -> Cohort:
    """Put every unit into a set with the units it is nearest to, so that the sum of all distances is the least.

    Every set has one trained unit and its controls, or one control and its trained; nobody is dropped unless `exact` or
    a `caliper` (both as in `optimal`) leaves it without a counterpart. The distance counts between the unit in the
    middle of a set and each of the others. Of equal totals the one of the least squares is taken, then the order of the
    units' labels decides. Weights are those of exact matching: a control weighs the trained over the controls of its
    set. Raises `MethodError` as `optimal` does.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"sales": [5.0, 4.0, 3.0, 9.0, 8.0], "trained": [1, 1, 1, 0, 0],
    ...     "age": [30, 32, 50, 31, 49], "rep": ["t1", "t2", "t3", "c1", "c2"]})
    >>> panel = at.Panel.from_frame(frame, unit="rep", outcome="sales", trained="trained", covariates=["age"],
    ...     kind="cross_section")
    >>> cohort = full(panel, covariates=["age"], distance="mahalanobis")
    >>> dict(zip(panel.units.label, cohort.weights.tolist()))
    {'c1': 2.0, 'c2': 1.0, 't1': 1.0, 't2': 1.0, 't3': 1.0}

    Source: Rosenbaum (1991); Hansen (2004); Hansen & Klopfer (2006).
    """
    found = subjects(panel, covariates=covariates, baseline=baseline, followup=followup, kpi=kpi, missing=missing)
    metric = metric_of(panel, found, distance, caliper, "full")
    groups = groups_of(panel, found, exact, "full")
    sets = np.full(len(found.inside), -1, dtype=np.int64)
    total, count = 0.0, 0
    for group in np.unique(groups[found.trained]):
        trained, control = (np.flatnonzero((groups == group) & arm) for arm in (found.trained, ~found.trained))
        if not len(control):
            continue
        try:
            links = full_match(metric.points[trained], metric.points[control], metric.caliper(trained, control))
        except TooManyPairsError as error:
            raise too_many(error, "full", "subclass") from error
        for places, own in zip((trained, control), star_sets(links, len(trained), len(control)), strict=True):
            sets[places] = np.where(own >= 0, own + count, -1)
        count = int(sets.max()) + 1
        total += links.total
    reasons = left_over(found, sets, groups, metric, exact, trained="no control left", control="no trained unit left")
    if count == 0:
        raise nobody(found, reasons, "full")
    return cohort_of(
        panel,
        found,
        method="full",
        estimand=estimand,
        weights=stratum_weights(sets, found.trained, found.weight, estimand),
        reasons=reasons,
        matches=set_matches(panel, found, sets),
        propensity=metric.propensity,
        notes=(f"{count:,} sets at a total {distance} distance of {total:.6g}", *lost_note(found, sets)),
    )
