"""The propensity: a logit of being trained, on the units a cohort is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from attribution.cohorts.subjects import Subjects
from attribution.core.cohort import Propensity
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.numerics.logit import FitError, FitReason, IndexFit, fit_index, orthonormal_basis
from attribution.numerics.separation import one_side

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SHOWN = 5
"""Columns that an error names."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """A logit on the subjects: `columns[n, k]` are orthonormal, `fit` is in their terms, `basis` leads to the design.

    `fit` is what refits start from; `record` is what a reader sees.
    """

    columns: Floats = field(repr=False)
    basis: Floats = field(repr=False)
    fit: IndexFit = field(repr=False)
    record: Propensity


def fit_propensity(found: Subjects, panel: Panel, where: str) -> Propensity:
    """Return the logit of being trained on the subjects' columns, weighted by the units' own weights.

    `probability[n_units]`, `design[n_units, k]` and `influence[n_units, k]` are those of all units of the panel: NaN
    and rows of 0 for who does not take part. The influence is in sum form: coefficients − truth is about its
    column sum. `std_error` is that of the inverse information. Raises `MethodError` where the logit does not exist,
    naming the columns that tell the arms apart. `where` names the cohort in errors.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> from attribution.cohorts.subjects import subjects
    >>> frame = pd.DataFrame({"sales": 1.0, "trained": [0, 0, 0, 1, 1, 1], "senior": [0, 0, 1, 0, 1, 1]})
    >>> panel = at.Panel.from_frame(frame, outcome="sales", trained="trained", covariates=["senior"],
    ...     kind="cross_section")
    >>> score = fit_propensity(subjects(panel, covariates=["senior"]), panel, "propensity")
    >>> score.labels, score.probability.round(3).tolist()
    (('intercept', 'senior'), [0.333, 0.333, 0.667, 0.333, 0.667, 0.667])

    Source: Rosenbaum & Rubin (1983); McCullagh & Nelder (1989), chapter 4.
    """
    return fit_score(found, panel, where).record


def fit_score(found: Subjects, panel: Panel, where: str) -> Score:
    """Return the logit with what its refits need; see `fit_propensity`."""
    design = found.design
    try:
        columns, basis = orthonormal_basis(design, found.weight)
        fit = fit_index(columns, found.trained, found.weight, "logit")
    except FitError as error:
        raise _refused(error.reason, found, where) from error
    n_units = len(panel.units)
    probability = np.full(n_units, np.nan)
    probability[found.inside] = expit(fit.index)
    everyone, influence = np.zeros((n_units, design.shape[1])), np.zeros((n_units, design.shape[1]))
    everyone[found.inside] = design
    influence[found.inside] = fit.score @ (fit.inverse_hessian @ basis.T)
    variance = np.einsum("ij,jk,ik->i", basis, fit.inverse_hessian, basis)
    record = Propensity(
        labels=("intercept", *found.labels),
        coefficients=basis @ fit.coefficients,
        std_error=np.sqrt(variance),
        log_likelihood=float(found.weight @ log_expit(np.where(found.trained, fit.index, -fit.index))),
        probability=probability,
        design=everyone,
        influence=influence,
    )
    return Score(columns, basis, fit, record)


def _refused(reason: FitReason, found: Subjects, where: str) -> MethodError:
    """Return the error of a logit that does not exist on these units, with the columns that it is for."""
    arms = f"{int(found.trained.sum()):,} trained and {int((~found.trained).sum()):,} controls"
    if reason == "separated":
        guilty = separating(found.columns, found.labels, found.trained)
        names = ", ".join(map(repr, guilty[:SHOWN]))
        more = f" and {len(guilty) - SHOWN} more" if len(guilty) > SHOWN else ""
        return MethodError(
            f"covariates tell the trained from the controls ({arms}), so that propensities are 0 or 1: {names}{more}",
            where=where,
            remedy="leave out these covariates, merge levels that only one arm has, or leave out the units that have "
            "no counterpart; what separates the arms cannot be adjusted for by weights",
        )
    what, remedy = {
        "empty arm": (f"an arm has no weight ({arms})", "give its units a weight"),
        "no overlap": ("the arms do not overlap", "leave out covariates"),
        "singular": (
            f"columns depend on each other: {', '.join(map(repr, found.labels[:SHOWN]))}",
            "leave out one of those that say the same, or merge levels of a category",
        ),
        "not converged": (
            f"the logit of {len(found.labels)} columns finds no end ({arms}): "
            f"{', '.join(map(repr, found.labels[:SHOWN]))}",
            "leave out covariates, merge rare levels, or bring columns to a like scale",
        ),
    }[reason]
    return MethodError(what, where=where, remedy=remedy)


def separating(columns: Floats, labels: Sequence[str], trained: Bools) -> list[str]:
    """Return the names of the columns that tell the arms apart: those that do so alone, or else a combination of few.

    A column does so alone where the ranges of the arms have at most an end in common, and a category where its first
    level, which has no column, is all in one arm; a combination, where no unit lies on the wrong side of it.
    """
    low = np.stack([columns[arm].min(axis=0) for arm in (trained, ~trained)])
    high = np.stack([columns[arm].max(axis=0) for arm in (trained, ~trained)])
    apart = (high[0] <= low[1]) | (high[1] <= low[0])
    alone = [label for label, one in zip(labels, apart, strict=True) if one]
    for category in dict.fromkeys(label.split("[")[0] for label in labels if label.endswith("]")):
        own = [place for place, label in enumerate(labels) if label.startswith(f"{category}[")]
        first = ~columns[:, own].any(axis=1)
        if first.any() and len(np.unique(trained[first])) == 1:
            alone.append(f"{category}, its first level")
    if alone:
        return alone
    design = np.column_stack([np.ones(len(columns)), columns - columns.mean(axis=0)])
    direction = one_side(np.where(trained, 1.0, -1.0)[:, None] * design, free=1)
    # Without a direction the arms are all but separate: rounding decides.
    return [label for place, label in enumerate(labels) if direction is None or direction[1 + place] != 0]
