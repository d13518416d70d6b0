"""Optimal pairs: each trained unit with controls of its own, at the least total distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.cohorts.metric import Distance, groups_of, left_over, metric_of, nobody, too_many
from attribution.cohorts.strata import lost_note, require_whole
from attribution.cohorts.subjects import Kpi, Missing, Subjects, cohort_of, subjects
from attribution.core.cohort import Cohort, Matches
from attribution.core.panel import Panel
from attribution.numerics.assignment import TooManyPairsError, links_within, optimal_pairs, optimal_pairs_among
from attribution.numerics.strata import Codes, stratum_weights

Places = NDArray[np.int64]


def optimal(
    panel: Panel,
    *,
    covariates: Sequence[str] = (),
    distance: Distance = "logit",
    ratio: int = 1,
    caliper: float | None = None,
    exact: Sequence[str] = (),
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
) -> Cohort:
    """Match each trained unit with `ratio` controls, each used once, so that the sum of all distances is the least.

    Estimand: the effect on the trained who are matched. `distance` is the difference of the propensities' logits or of
    the propensities, or the Mahalanobis distance of the covariates; `exact` names covariates that must agree. A
    `caliper`, in standard deviations of the logit (of the propensity where that is the distance) over both arms, forbids
    pairs beyond it: then as many trained as possible are matched, in as many pairs as possible, and of all ways to do
    so the one of least total distance is taken. Of equal totals it is the one of the least squares, then the order of
    the units' labels decides. The trained count 1; the controls of a trained unit together weigh what it does. Raises
    `MethodError` where nobody can be matched, the logit does not exist, or the pairs to weigh are too many.

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
    metric = metric_of(panel, found, distance, caliper, "optimal")
    groups = groups_of(panel, found, exact, "optimal")
    pairs, total = [], 0.0
    for group in np.unique(groups[found.trained]):
        trained, control = (np.flatnonzero((groups == group) & arm) for arm in (found.trained, ~found.trained))
        if not len(control):
            continue
        points, limit = (metric.points[trained], metric.points[control]), metric.caliper(trained, control)
        try:
            if limit is None:
                links = optimal_pairs(*points, ratio)
            else:
                links = optimal_pairs_among(links_within(*points, limit), len(trained), len(control), ratio)
        except TooManyPairsError as error:
            raise too_many(error, "optimal", "nearest") from error
        pairs.append(np.stack([trained[links.trained], control[links.control]]))
        total += links.total
    matched = np.concatenate([np.zeros((2, 0), dtype=np.int64), *pairs], axis=1)
    matched = matched[:, np.argsort(matched[0], kind="stable")]
    sets = np.full(len(found.inside), -1, dtype=np.int64)
    sets[matched[0]] = np.unique(matched[0], return_inverse=True)[1]
    sets[matched[1]] = sets[matched[0]]
    reasons = left_over(found, sets, groups, metric, exact, trained="no control left", control="not matched")
    if not matched.size:
        raise nobody(found, reasons, "optimal")
    weights = stratum_weights(sets, found.trained, found.weight, "ATT")
    return cohort_of(
        panel,
        found,
        method="optimal",
        estimand="ATT",
        weights=weights,
        reasons=reasons,
        matches=_matches(panel, found, sets, matched),
        propensity=metric.propensity,
        notes=(
            f"{matched.shape[1]:,} pairs at a total {distance} distance of {total:.6g}",
            *_fewer(sets, found, ratio),
            *lost_note(found, sets),
        ),
    )


def _matches(panel: Panel, found: Subjects, sets: Codes, matched: Places) -> Matches:
    """Return sets and links among all units; a control's share is its part of the weight of its set's controls."""
    everyone = np.full(len(panel.units), -1, dtype=np.int32)
    everyone[found.inside] = sets
    own = found.weight[matched[1]]
    together = np.bincount(sets[matched[0]], own)
    trained, control = found.inside[matched[0]], found.inside[matched[1]]
    return Matches(
        replacement=False, sets=everyone, trained=trained, control=control, share=own / together[sets[matched[0]]]
    )


def _fewer(sets: Codes, found: Subjects, ratio: int) -> tuple[str, ...]:
    controls = np.bincount(sets[(sets >= 0) & ~found.trained])
    short = int((controls < ratio).sum())
    return (f"{short:,} trained have fewer than {ratio} controls",) if short else ()
