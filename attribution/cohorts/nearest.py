"""Nearest matching: each trained unit with the controls that are most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.cohorts.links import exact_strata, link_cohort, why_unmatched
from attribution.cohorts.score import fit_propensity
from attribution.cohorts.strata import require_whole
from attribution.cohorts.subjects import Kpi, Missing, Subjects, subjects
from attribution.core.cohort import Cohort, Propensity
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.numerics.distance import Points, mahalanobis, standardised
from attribution.numerics.nearest import Links, greedy, reused, row_of_controls, snapped
from attribution.numerics.nearest_points import nearest_points

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int64]
Distance = Literal["logit", "propensity", "mahalanobis", "standardised"]
Scale = Literal["logit", "propensity"]
Order = Literal["largest", "smallest", "data"]

LARGEST_LOGIT = 700.0
"""A logit beyond this is a probability of 0 or 1 to double precision."""


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

    `distance` is that of the logit's index, of its probability, of Mahalanobis under the covariance within the arms, or
    of columns each in its own standard deviation. Without `replacement` a control serves one trained unit: these choose
    in the `order` of their propensity (default `"largest"` first) or of the panel's units, one control a round. `caliper`
    is the largest difference allowed of the index or the probability (`caliper_on`; default: that of the distance,
    else the index), in its standard deviations over both arms. Controls agree in every covariate of `exact`. With
    replacement, `ties="all"` takes all controls as near as the last one, or farther by `tolerance` in squared standard
    deviations.

    Estimand: the ATT, of the trained who have a match. Weights: 1 for these, shared by their controls; see `Matches`.
    Without replacement later choosers get what is left, and some get nobody: look at `at.balance`. Raises `MethodError`
    where the propensity does not exist, where nobody has a match, and for options that do not go together.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"sales": [5.0, 4.0, 3.0, 9.0, 8.0, 7.0, 6.0], "trained": [1, 0, 0, 1, 0, 1, 0],
    ...     "age": [31, 28, 30, 43, 47, 26, 39], "rep": range(7)})
    >>> panel = at.Panel.from_frame(frame, unit="rep", outcome="sales", trained="trained", covariates=["age"],
    ...     kind="cross_section")
    >>> cohort = nearest(panel, covariates=["age"], caliper=0.5)
    >>> cohort, cohort.weights.tolist()
    (Cohort('nearest', ATT: 3 trained, 3 control), [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0])

    Source: Rubin (1973); Rosenbaum & Rubin (1985) for the caliper; order, ties and rounds as `nearest` of MatchIt
    4.7.1; all ties and their tolerance as `Match` of Matching 4.10.
    """
    require_whole("ratio", ratio, 1)
    _require(caliper, caliper_on, order, ties, tolerance, replacement)
    found = subjects(panel, covariates=covariates, baseline=baseline, followup=followup, kpi=kpi, missing=missing)
    found, codes = exact_strata(panel, found, exact, missing)
    on_score = distance in ("logit", "propensity")
    propensity = None
    score = spacing = None
    if on_score or caliper is not None or order in ("largest", "smallest"):
        propensity = fit_propensity(found, panel, "nearest")
        scales = _scales(propensity, found)
        score = scales[distance if on_score else caliper_on or "logit"]
        spacing = scales[caliper_on or (distance if distance == "propensity" else "logit")]
    wanted = _Wanted(int(ratio), replacement, caliper, codes, tolerance if ties == "all" else None)
    turn = _order(found, score, order)
    if distance == "mahalanobis":
        points = mahalanobis(_every_level(found), found.trained, found.weight)
    elif distance == "standardised":
        points = standardised(found.columns)
    if on_score and (caliper is None or spacing is score):
        assert score is not None
        links = _along(found, score, turn, wanted)
    elif not on_score and caliper is None and points.at.shape[1] == 1:
        links = _along(found, points.at[:, 0], turn, wanted)
    else:
        if on_score:
            assert score is not None
            points = Points(score[:, None] / score.std(ddof=1), None)
        links = _among(found, points, spacing, turn, wanted)
    within = None if caliper is None or spacing is None else _within(found, spacing, caliper, codes)
    return link_cohort(
        panel,
        found,
        links,
        method="nearest",
        ratio=int(ratio),
        replacement=replacement,
        why=why_unmatched(found, codes, exact, within),
        remedy="widen the caliper, name fewer covariates in exact, or look for controls that are more like the trained",
        propensity=propensity,
        on_propensity=on_score,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """How many controls, from where: a caliper in standard deviations, strata, and the width of a tie (None: first)."""

    ratio: int
    replacement: bool
    caliper: float | None
    codes: Codes = field(repr=False)
    tolerance: float | None

    def radius(self, score: Floats) -> float:
        return np.inf if self.caliper is None else self.caliper * float(score.std(ddof=1))


def _along(found: Subjects, score: Floats, turn: Codes, wanted: _Wanted) -> Links:
    """Return the links by distance of one score."""
    score = snapped(score)
    row = row_of_controls(score, found.trained, wanted.codes if wanted.codes.any() else None)
    radius = wanted.radius(score)
    if not wanted.replacement:
        return greedy(row, found.trained, score, turn, ratio=wanted.ratio, caliper=radius)
    tied = None if wanted.tolerance is None else wanted.tolerance * float(score.var(ddof=1))
    return reused(row, found.trained, score, ratio=wanted.ratio, caliper=radius, tied=tied)


def _among(found: Subjects, points: Points, score: Floats | None, turn: Codes, wanted: _Wanted) -> Links:
    """Return the links by distance in several columns, within a caliper of the score if there is one."""
    return nearest_points(
        points,
        found.trained,
        turn,
        ratio=wanted.ratio,
        replacement=wanted.replacement,
        strata=wanted.codes,
        score=score,
        caliper=np.inf if score is None else wanted.radius(score),
        tied=wanted.tolerance,
    )


def _scales(propensity: Propensity, found: Subjects) -> dict[str, Floats]:
    """Return the subjects' propensity as index of the logit and as probability."""
    index = propensity.design[found.inside] @ propensity.coefficients
    return {"logit": np.clip(index, -LARGEST_LOGIT, LARGEST_LOGIT), "propensity": propensity.probability[found.inside]}


def _order(found: Subjects, score: Floats | None, order: Order | None) -> Codes:
    """Return the places among the trained in the order in which they choose; equal scores in that of the units."""
    if score is None or order == "data":
        return np.arange(int(found.trained.sum()))
    own = snapped(score)[found.trained]
    return np.argsort(own if order == "smallest" else -own, kind="stable")


def _every_level(found: Subjects) -> Floats:
    """Return the columns with one more for the first level of each category, which has none of its own."""
    columns = [found.columns]
    for name in dict.fromkeys(found.covariates):
        own = [
            place for place, label in enumerate(found.labels) if label.startswith(f"{name}[") and label.endswith("]")
        ]
        if len(own) > 1:
            columns.append(1.0 - found.columns[:, own].sum(axis=1, keepdims=True))
    return np.concatenate(columns, axis=1)


def _within(found: Subjects, score: Floats, caliper: float, codes: Codes) -> Bools:
    """Say which trained units have any control of their stratum in the caliper."""
    score = snapped(score)
    row = row_of_controls(score, found.trained, codes if codes.any() else None)
    own = score[found.trained]
    before, after = (np.abs(own - row.score[place]) for place in (row.at, row.at + 1))
    found_any = np.zeros(len(score), dtype=bool)
    found_any[found.trained] = np.minimum(before, after) <= caliper * float(score.std(ddof=1))
    return found_any


def _require(
    caliper: float | None, caliper_on: Scale | None, order: Order | None, ties: str, tolerance: float, replacement: bool
) -> None:
    if caliper is not None and not caliper > 0:
        raise MethodError(
            f"caliper is {caliper!r}",
            where="caliper",
            remedy="give a positive number of standard deviations, such as 0.2, or leave it out",
        )
    if caliper is None and caliper_on is not None:
        raise MethodError(
            "there is no caliper", where="caliper_on", remedy="give a caliper, such as 0.2, or leave caliper_on out"
        )
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
    if not tolerance >= 0 or (tolerance > 0 and ties != "all"):
        raise MethodError(
            f"tolerance is {tolerance!r} with ties={ties!r}",
            where="tolerance",
            remedy="give a number from 0 on together with ties='all', or leave it out",
        )
