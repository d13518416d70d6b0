"""What makes two units near for a match: points, whose distance counts, and a score that a caliper limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from attribution.cohorts.score import fit_propensity
from attribution.cohorts.strata import listed
from attribution.cohorts.subjects import Subjects
from attribution.core.cohort import Propensity
from attribution.core.covariates import require_names
from attribution.core.panel import Panel
from attribution.errors import DataError, MethodError
from attribution.numerics.assignment import Caliper, TooManyPairsError
from attribution.numerics.distance import mahalanobis
from attribution.numerics.strata import Codes, equal_rows

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
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


def metric_of(panel: Panel, found: Subjects, distance: Distance, caliper: float | None, where: str) -> Metric:
    """Return the distance between the subjects; a caliper is in standard deviations of the score over both arms.

    The score is the propensity for `distance="propensity"`, else its logit. Raises `MethodError` for a caliper that is
    not positive and where a propensity is needed and has no fit.
    """
    if caliper is not None and not (np.isfinite(caliper) and caliper > 0):
        raise MethodError(f"the caliper is {caliper!r}", where="caliper", remedy="give a positive number, or None")
    if distance not in ("logit", "propensity", "mahalanobis"):
        raise MethodError(
            f"distance is {distance!r}", where="distance", remedy="choose 'logit', 'propensity' or 'mahalanobis'"
        )
    propensity, score = None, None
    if distance != "mahalanobis" or caliper is not None:
        propensity = fit_propensity(found, panel, where)
        probability = propensity.probability[found.inside]
        score = probability if distance == "propensity" else np.asarray(logit(probability))
    if distance == "mahalanobis":
        points = mahalanobis(found.columns, found.trained, found.weight).at
    else:
        assert score is not None
        points = score[:, None]
    if caliper is None or score is None:
        return Metric(points, None, np.inf, propensity)
    return Metric(points, score, float(caliper * score.std(ddof=1)), propensity)


def groups_of(panel: Panel, found: Subjects, exact: Sequence[str], where: str) -> Codes:
    """Return a code per subject: only subjects of one code may be matched, who agree in every covariate of `exact`."""
    if not len(exact):
        return np.zeros(len(found.inside), dtype=np.int64)
    require_names(panel, exact)
    coded = []
    for name in exact:
        if name not in panel.units.covariates:
            raise MethodError(f"{name!r} is a product", where=where, remedy="name its parts in exact")
        values = panel.units.covariates[name][found.inside]
        missing = np.asarray(pd.isna(values))
        if missing.any():
            first = panel.units.label[found.inside[int(np.argmax(missing))]]
            raise DataError(
                f"{int(missing.sum()):,} of {len(values):,} units that enter have no value; for example, {first}",
                where=f"covariate {name!r}",
                remedy="fill the values, or leave it out of exact",
            )
        coded.append(pd.factorize(values, sort=False)[0])
    return equal_rows(np.column_stack(coded))


def left_over(
    found: Subjects, sets: Codes, groups: Codes, metric: Metric, exact: Sequence[str], *, trained: str, control: str
) -> NDArray[np.object_]:
    """Return why each subject is in no set, "" where it is in one; `trained` and `control` are the last reasons."""
    reasons = np.full(len(sets), "", dtype=object)
    for arm, other, word, last in (
        (found.trained, ~found.trained, "control", trained),
        (~found.trained, found.trained, "trained unit", control),
    ):
        mine = arm & (sets < 0)
        reasons[mine] = last
        if metric.score is not None:
            # Infinities end every search.
            for group in np.unique(groups[mine]):
                here = np.flatnonzero(mine & (groups == group))
                scores = np.r_[-np.inf, np.sort(metric.score[other & (groups == group)]), np.inf]
                above = np.searchsorted(scores, metric.score[here])
                gap = np.minimum(scores[above] - metric.score[here], metric.score[here] - scores[above - 1])
                reasons[here[gap > metric.width]] = f"no {word} within the caliper"
        reasons[mine & ~np.isin(groups, groups[other])] = f"no {word} with the same {listed(exact)}"
    return reasons


def nobody(found: Subjects, reasons: NDArray[np.object_], where: str) -> MethodError:
    """Return the error of a match without a pair, with what each trained unit lacks."""
    why, counts = np.unique(reasons[found.trained].astype(str), return_counts=True)
    listed_why = "; ".join(f"{count:,} {reason}" for reason, count in zip(why, counts, strict=True))
    return MethodError(
        f"no trained unit has a match: {listed_why}",
        where=where,
        remedy="widen the caliper, leave covariates out of exact, or look for controls who are more like the trained",
    )


def too_many(error: TooManyPairsError, where: str, instead: str) -> MethodError:
    """Return the error of a problem that is too large."""
    return MethodError(
        f"{error.pairs:,} pairs of a trained and a control unit would have to be weighed against each other",
        where=where,
        remedy=f"pass a caliper or exact covariates, which leave fewer pairs, or use {instead}",
    )
