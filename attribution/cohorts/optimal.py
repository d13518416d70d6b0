"""Optimal pairs: each trained unit with controls of its own, at the least total distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attribution.cohorts.links import exact_strata, link_cohort, why_unmatched
from attribution.cohorts.metric import Distance, Scale, metric_of, too_many
from attribution.cohorts.strata import require_whole
from attribution.cohorts.subjects import Kpi, Missing, subjects
from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.numerics.assignment import TooManyPairsError, in_step, links_within, optimal_pairs, optimal_pairs_among
from attribution.numerics.nearest import in_order


def optimal(
    panel: Panel,
    *,
    covariates: Sequence[str] = (),
    distance: Distance = "logit",
    ratio: int = 1,
    caliper: float | None = None,
    caliper_on: Scale | None = None,
    exact: Sequence[str] = (),
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
) -> Cohort:
    """Match each trained unit with `ratio` controls, each used once, so that the sum of all distances is the least.

    Estimand: the effect on the trained who are matched. `distance` is the difference of the propensities' logits or
    of the propensities, or the Mahalanobis distance of the covariates under their covariance within the arms; `exact`
    names covariates that must agree. A `caliper` forbids pairs beyond it, in standard deviations over both arms of
    the logit or the propensity (`caliper_on`; default: that of the distance, else the logit): then as many trained as
    possible are matched, in as many pairs as possible, and of all ways to do so the one of least total distance is
    taken. Of equal totals it is the one of the least squares, then the order of the units' labels decides. The
    trained count 1; the controls of a trained unit together weigh what it does. Raises `MethodError` where nobody can
    be matched, the logit does not exist, or the pairs to weigh are too many.

    `kpi` is `"none"`, `"mean"` or `"path"`: what of the KPI before the training, in the windows, is among the columns.
    `missing` is `"error"`, `"complete"` (left out, counted) or `"indicator"` (filled, with a column that says so).

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"sales": [5.0, 4.0, 3.0, 9.0, 8.0], "trained": [1, 1, 0, 0, 0],
    ...     "age": [30, 32, 31, 36, 20], "rep": ["t1", "t2", "c1", "c2", "c3"]})
    >>> panel = at.Panel.from_frame(frame, unit="rep", outcome="sales", trained="trained", covariates=["age"],
    ...     kind="cross_section")
    >>> cohort = optimal(panel, covariates=["age"], distance="mahalanobis")
    >>> pairs = cohort.matches
    >>> cohort, list(zip(panel.units.label[pairs.trained], panel.units.label[pairs.control]))
    (Cohort('optimal', ATT: 2 trained, 2 control), [('t1', 'c1'), ('t2', 'c2')])

    Source: Rosenbaum (1989); `optimal` of MatchIt 4.7.1, which has no caliper.
    """
    require_whole("ratio", ratio, 1)
    found = subjects(panel, covariates=covariates, baseline=baseline, followup=followup, kpi=kpi, missing=missing)
    found, codes = exact_strata(panel, found, exact, missing)
    metric = metric_of(panel, found, distance, caliper, caliper_on, "optimal")
    near = np.zeros(len(found.inside), dtype=bool)
    pairs, total = [], 0.0
    for code in np.unique(codes[found.trained]):
        trained, control = (np.flatnonzero((codes == code) & arm) for arm in (found.trained, ~found.trained))
        if not len(control):
            continue
        points, limit = (metric.points[trained], metric.points[control]), metric.caliper(trained, control)
        try:
            if limit is None:
                links = optimal_pairs(*points, ratio)
            else:
                allowed = links_within(*points, limit)
                near[trained[allowed.trained]] = True
                links = optimal_pairs_among(allowed, len(trained), len(control), ratio)
                if ratio == 1 and distance != "mahalanobis":
                    links = in_step(links, *points)
        except TooManyPairsError as error:
            raise too_many(error, "optimal", "nearest") from error
        pairs.append(np.stack([trained[links.trained], control[links.control]]))
        total += links.total
    matched = np.concatenate([np.zeros((2, 0), dtype=np.int64), *pairs], axis=1)
    return link_cohort(
        panel,
        found,
        in_order(matched[0], matched[1]),
        method="optimal",
        ratio=int(ratio),
        replacement=False,
        why=why_unmatched(found, codes, exact, None if caliper is None else near),
        remedy="widen the caliper, name fewer covariates in exact, or look for controls that are more like the trained",
        propensity=metric.propensity,
        on_propensity=distance != "mahalanobis",
        notes=(f"{matched.shape[1]:,} pairs at a total {distance} distance of {total:.6g}",),
    )
