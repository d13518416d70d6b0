"""Nearest matching: each trained unit with the controls that are most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.cohorts.links import exact_strata, link_cohort, why_unmatched
from attribution.cohorts.metric import Metric, Scale, metric_of
from attribution.cohorts.score import fit_propensity
from attribution.cohorts.strata import is_number, require_whole
from attribution.cohorts.subjects import Kpi, Missing, Subjects, subjects
from attribution.core.cohort import Cohort, Propensity
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.numerics.distance import Points, mahalanobis, standardised
from attribution.numerics.nearest import Links, Row, ascending, greedy, reused, row_of_controls, snapped
from attribution.numerics.nearest_points import nearest_points

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Distance = Literal["logit", "propensity", "mahalanobis", "standardised"]
Order = Literal["largest", "smallest", "data"]

ON_PROPENSITY = ("logit", "propensity")
"""Distances that are those of the estimated propensity alone."""


def nearest(
    panel: Panel,
    *,
    covariates: Sequence[str] = (),
    distance: Distance = "logit",
    ratio: int = 1,
    replacement: bool = False,
    caliper: float | None = None,
    caliper_on: Scale | None = None,
    exact: Sequence[str] = (),
    order: Order | None = None,
    ties: Literal["first", "all"] = "first",
    tolerance: float = 0.0,
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
) -> Cohort:
    """Match each trained unit with its `ratio` nearest controls.

    `distance` is that of the propensity's logit, of the propensity itself, of Mahalanobis under the covariance within
    the arms, or of columns each in its own standard deviation. Without `replacement` a control serves one trained unit:
    these choose in the `order` of their propensity (`"largest"` first, the default where there is one) or of the
    panel's units (`"data"`), one control a round. `caliper` is the largest difference allowed of the logit or the
    propensity (`caliper_on`; by default that of the distance, else the logit), in its standard deviations over both
    arms. Controls agree in every covariate of `exact`. With replacement, `ties="all"` takes all controls as near as the
    last one, or farther by `tolerance` in squared standard deviations.

    Estimand: the ATT, of the trained who have a match. Weights: 1 for these, shared by their controls; see `Matches`.
    Without replacement later choosers get what is left, and some get nobody: look at `at.balance`. Raises `MethodError`
    where the propensity does not exist, where nobody has a match, and for options that do not go together.

    `kpi` is `"none"`, `"mean"` or `"path"`: what of the KPI before the training, in the windows, is among the columns.
    `missing` is `"error"`, `"complete"` (left out, counted) or `"indicator"` (filled, with a column that says so).

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"sales": [5.0, 4.0, 3.0, 9.0, 8.0, 7.0, 6.0], "trained": [1, 0, 0, 1, 0, 1, 0],
    ...     "age": [31, 28, 30, 43, 47, 26, 40], "rep": range(7)})
    >>> panel = at.Panel.from_frame(frame, unit="rep", outcome="sales", trained="trained", covariates=["age"],
    ...     kind="cross_section")
    >>> cohort = nearest(panel, covariates=["age"], caliper=0.5)
    >>> cohort, cohort.weights.tolist()
    (Cohort('nearest', ATT: 3 trained, 3 control), [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0])

    Source: Rubin (1973); Rosenbaum & Rubin (1985) for the caliper; order, ties and rounds as `nearest` of MatchIt
    4.7.1; all ties and their tolerance as `Match` of Matching 4.10.
    """
    require_whole("ratio", ratio, 1)
    _require(distance, order, ties, tolerance, replacement)
    found = subjects(panel, covariates=covariates, baseline=baseline, followup=followup, kpi=kpi, missing=missing)
    found, codes = exact_strata(panel, found, exact, missing)
    like = "mahalanobis" if distance == "standardised" else distance
    metric = metric_of(panel, found, like, caliper, caliper_on, "nearest")
    propensity = metric.propensity
    if propensity is None and order in ("largest", "smallest"):
        propensity = fit_propensity(found, panel, "nearest")
    points = _points(found, metric, distance)
    score = metric.score
    if score is None and points.at.shape[1] == 1:
        score = points.at[:, 0] if distance in ON_PROPENSITY else snapped(points.at[:, 0])
    row = None if score is None else row_of_controls(score, found.trained, codes if len(exact) else None)
    wanted = _Wanted(int(ratio), replacement, codes, tolerance if ties == "all" else None)
    links = _links(found, points, metric, row, _turns(found, metric, propensity, order), wanted)
    return link_cohort(
        panel,
        found,
        links,
        method="nearest",
        ratio=int(ratio),
        replacement=replacement,
        why=why_unmatched(found, codes, exact, None if caliper is None else _within(found, metric, row)),
        remedy="widen the caliper, name fewer covariates in exact, or look for controls that are more like the trained",
        propensity=propensity,
        on_propensity=distance in ON_PROPENSITY,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """How many controls for each, whether they may serve again, their strata, and the width of a tie (None: first)."""

    ratio: int
    replacement: bool
    codes: Codes = field(repr=False)
    tolerance: float | None


def _points(found: Subjects, metric: Metric, distance: Distance) -> Points:
    if distance == "mahalanobis":
        return mahalanobis(_every_level(found), found.trained, found.weight)
    if distance == "standardised":
        return standardised(found.columns)
    return Points(metric.points, None)


def _links(found: Subjects, points: Points, metric: Metric, row: Row | None, turns: Codes, wanted: _Wanted) -> Links:
    """Return the links: along the row of controls where its score says all, else among points."""
    trained, tied = found.trained, wanted.tolerance
    if points.at.shape[1] == 1:
        tied = None if tied is None else tied * float(points.at[:, 0].var(ddof=1))
        if row is not None and (metric.score is None or (metric.score == points.at[:, 0]).all()):
            if wanted.replacement:
                return reused(row, trained, ratio=wanted.ratio, caliper=metric.width, tied=tied)
            return greedy(row, trained, turns, ratio=wanted.ratio, caliper=metric.width)
    return nearest_points(
        points,
        trained,
        turns,
        ratio=wanted.ratio,
        replacement=wanted.replacement,
        strata=wanted.codes,
        score=metric.score,
        caliper=metric.width,
        tied=tied,
    )


def _turns(found: Subjects, metric: Metric, propensity: Propensity | None, order: Order | None) -> Codes:
    """Return the places among the trained in the order in which they choose; equal ones in that of the units."""
    if propensity is None or order == "data":
        return np.arange(int(found.trained.sum()))
    # Logit and propensity have one order; whichever there is, equal units are equal in it.
    leading = metric.score if metric.score is not None else snapped(propensity.probability[found.inside])
    own = leading[found.trained]
    return ascending(own if order == "smallest" else -own)


def _within(found: Subjects, metric: Metric, row: Row | None) -> Bools:
    """Say which subjects have any control of their stratum within the caliper."""
    assert row is not None
    within = np.zeros(len(found.inside), dtype=bool)
    within[found.trained] = row.gap().min(axis=1) <= metric.width
    return within


def _every_level(found: Subjects) -> Floats:
    """Return the columns with one more for the first level of each category, which has none of its own."""
    columns = [found.columns]
    for name in found.covariates:
        own = [
            place for place, label in enumerate(found.labels) if label.startswith(f"{name}[") and label.endswith("]")
        ]
        if own:
            columns.append(1.0 - found.columns[:, own].sum(axis=1, keepdims=True))
    return np.concatenate(columns, axis=1)


def _require(distance: str, order: Order | None, ties: str, tolerance: float, replacement: object) -> None:
    if distance not in (*ON_PROPENSITY, "mahalanobis", "standardised"):
        raise MethodError(
            f"distance is {distance!r}",
            where="distance",
            remedy="choose 'logit', 'propensity', 'mahalanobis' or 'standardised'",
        )
    if order not in (None, "largest", "smallest", "data"):
        raise MethodError(f"order is {order!r}", where="order", remedy="choose 'largest', 'smallest' or 'data'")
    if ties not in ("first", "all"):
        raise MethodError(f"ties is {ties!r}", where="ties", remedy="choose 'first' or 'all'")
    if not isinstance(replacement, (bool, np.bool_)):
        raise MethodError(f"replacement is {replacement!r}", where="replacement", remedy="give true or false")
    if replacement and order is not None:
        raise MethodError(
            "with replacement nobody chooses before anybody else",
            where="order",
            remedy="leave order out, or match without replacement",
        )
    if not replacement and ties == "all":
        raise MethodError(
            "a control serves one trained unit, so that ties cannot be shared",
            where="ties",
            remedy="pass replacement=True, or leave ties out",
        )
    if not is_number(tolerance) or not tolerance >= 0 or (tolerance > 0 and ties != "all"):
        raise MethodError(
            f"tolerance is {tolerance!r} with ties={ties!r}",
            where="tolerance",
            remedy="give a number from 0 on together with ties='all', or leave it out",
        )
