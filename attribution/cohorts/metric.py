"""What makes two units near for a match: points, whose distance counts, and a score that a caliper limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attribution.cohorts.score import fit_propensity
from attribution.cohorts.strata import is_number
from attribution.cohorts.subjects import Subjects
from attribution.core.cohort import Propensity
from attribution.core.panel import Panel
from attribution.errors import MethodError, require_known
from attribution.numerics.assignment import Caliper, TooManyPairsError
from attribution.numerics.distance import mahalanobis
from attribution.numerics.nearest import snapped

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Scale = Literal["logit", "propensity"]
Distance = Literal["logit", "propensity", "mahalanobis"]
"""Difference of the propensities' logits, of the propensities, or the covariates' Mahalanobis distance."""


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """`points[n, k]` of the subjects; pairs are allowed within `width` of `score[n]`, None where all are."""

    points: Floats = field(repr=False)
    score: Floats | None = field(repr=False)
    width: float
    propensity: Propensity | None

    def caliper(self, trained: Places, control: Places) -> Caliper | None:
        """Return the limit on pairs of some trained and control subjects."""
        return None if self.score is None else Caliper(self.score[trained], self.score[control], self.width)


def metric_of(
    panel: Panel, found: Subjects, distance: Distance, caliper: float | None, caliper_on: Scale | None, where: str
) -> Metric:
    """Return the distance between the subjects; a caliper is in standard deviations of its score over both arms.

    That score is the propensity or its logit, the one of the distance unless `caliper_on` says otherwise, the logit for
    a Mahalanobis distance. Raises `MethodError` for options that make no sense and a propensity that has no fit.
    """
    if distance not in ("logit", "propensity", "mahalanobis"):
        raise MethodError(
            f"distance is {distance!r}", where="distance", remedy="choose 'logit', 'propensity' or 'mahalanobis'"
        )
    if caliper is not None and not (is_number(caliper) and 0 < caliper < np.inf):
        raise MethodError(
            f"caliper is {caliper!r}",
            where="caliper",
            remedy="give a positive number of standard deviations, such as 0.2, or leave it out",
        )
    if caliper_on is not None:
        require_known(caliper_on=(caliper_on, Scale))
    if caliper is None and caliper_on is not None:
        raise MethodError(
            "there is no caliper", where="caliper_on", remedy="give a caliper, such as 0.2, or leave caliper_on out"
        )
    if distance == "mahalanobis":
        points = mahalanobis(found.columns, found.trained, found.weight).at
        if caliper is None:
            return Metric(points, None, np.inf, None)
    propensity = fit_propensity(found, panel, where)
    scale: Scale = "propensity" if distance == "propensity" else "logit"
    score = _on(scale, propensity, found)
    if distance != "mahalanobis":
        points = score[:, None]
    if caliper is None:
        return Metric(points, None, np.inf, propensity)
    if caliper_on is not None and caliper_on != scale:
        score = _on(caliper_on, propensity, found)
    return Metric(points, score, float(caliper * score.std(ddof=1)), propensity)


def _on(scale: Scale, propensity: Propensity, found: Subjects) -> Floats:
    """Return the subjects' propensity or its logit, those that differ by rounding only made equal."""
    if scale == "propensity":
        return snapped(propensity.probability[found.inside])
    return snapped(propensity.design[found.inside] @ propensity.coefficients)


def too_many(error: TooManyPairsError, where: str, instead: str) -> MethodError:
    """Return the error of a problem that is too large."""
    return MethodError(
        f"{error.pairs:,} pairs of a trained and a control unit would have to be weighed against each other",
        where=where,
        remedy=f"pass exact covariates or a caliper, or a narrower one, which leave fewer pairs, or use {instead}",
    )
