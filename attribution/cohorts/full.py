"""Optimal full matching: everybody in a set, one trained unit with its controls or one control with its trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from attribution.cohorts.links import exact_strata
from attribution.cohorts.metric import Distance, Scale, metric_of, too_many
from attribution.cohorts.strata import OfStrata, listed, lost_note, set_matches
from attribution.cohorts.subjects import Kpi, Missing, cohort_of, subjects
from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.errors import MethodError, require_known
from attribution.numerics.assignment import TooManyPairsError, full_match, star_sets
from attribution.numerics.strata import stratum_weights


def full(
    panel: Panel,
    *,
    covariates: Sequence[str] = (),
    distance: Distance = "logit",
    caliper: float | None = None,
    caliper_on: Scale | None = None,
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

    `kpi` is `"none"`, `"mean"` or `"path"`: what of the KPI before the training, in the windows, is among the columns.
    `missing` is `"error"`, `"complete"` (left out, counted) or `"indicator"` (filled, with a column that says so).

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
    require_known(estimand=(estimand, OfStrata))
    found = subjects(panel, covariates=covariates, baseline=baseline, followup=followup, kpi=kpi, missing=missing)
    found, codes = exact_strata(panel, found, exact, missing)
    metric = metric_of(panel, found, distance, caliper, caliper_on, "full")
    sets = np.full(len(found.inside), -1, dtype=np.int64)
    reasons = np.full(len(sets), "", dtype=object)
    total, count = 0.0, 0
    for code in np.unique(codes):
        here = codes == code
        trained, control = (np.flatnonzero(here & arm) for arm in (found.trained, ~found.trained))
        if not (len(trained) and len(control)):
            reasons[trained] = f"no control with the same {listed(exact)}"
            reasons[control] = f"no trained unit with the same {listed(exact)}"
            continue
        try:
            links = full_match(metric.points[trained], metric.points[control], metric.caliper(trained, control))
        except TooManyPairsError as error:
            raise too_many(error, "full", "subclass") from error
        own = star_sets(links, len(trained), len(control))
        for places, numbers, other in ((trained, own[0], "control"), (control, own[1], "trained unit")):
            sets[places] = np.where(numbers >= 0, numbers + count, -1)
            reasons[places[numbers < 0]] = f"no {other} within the caliper"
        count = int(sets.max()) + 1
        total += links.total
    if count == 0:
        why, counts = np.unique(reasons[found.trained].astype(str), return_counts=True)
        said = "; ".join(f"{times:,} {reason}" for reason, times in zip(why, counts, strict=True))
        raise MethodError(
            f"no trained unit has a match: {said}",
            where="full",
            remedy="widen the caliper, name fewer covariates in exact, or look for controls that are more like the "
            "trained",
        )
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
