"""Entropy balancing: weights as near to equal as can be that make the arms alike in every named column, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.cohorts.subjects import Kpi, Missing, Subjects, cohort_of, subjects
from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.numerics.balancing import fit_balance
from attribution.numerics.index_weights import BalancingWeights, Side
from attribution.numerics.logit import FitError, FitReason, orthonormal_basis
from attribution.numerics.separation import one_side

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WHERE = "entropy"

SHOWN = 5
"""Columns that an error names."""


def entropy(
    panel: Panel,
    *,
    covariates: Sequence[str],
    moments: Literal[1, 2] = 1,
    estimand: Literal["ATT", "ATE"] = "ATT",
    target: Literal["population", "sample"] = "population",
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
) -> Cohort:
    """Weight units so that the arms have exactly the same means of the covariates, with weights as equal as can be.

    For the ATT the controls get the trained units' means and the trained count 1; for the ATE both arms get the means
    of all. `moments=2` balances the variances of columns that are not 0/1 too. Weights have a mean of 1 in each arm and
    multiply the units' own. Every draw balances again: to its own means, so that the effect is that on a population
    of which the target is a sample, or with `target="sample"` to the means of these data, which then add no variance.
    Raises `MethodError` where no weights reach the means, naming the columns in which they lie beyond the arm, and what
    `subjects` raises.

    `kpi` is `"none"`, `"mean"` or `"path"`: what of the KPI before the training, in the windows, is among the columns.
    `missing` is `"error"`, `"complete"` (left out, counted) or `"indicator"` (filled, with a column that says so).

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"sales": [3, 4, 4, 5, 6, 6], "trained": [0, 0, 0, 1, 1, 1], "years": [1, 2, 6, 2, 5, 5]})
    >>> panel = at.Panel.from_frame(frame, outcome="sales", trained="trained", covariates=["years"],
    ...     kind="cross_section")
    >>> cohort = entropy(panel, covariates=["years"])
    >>> controls = cohort.arms == 0
    >>> weights, years = cohort.weights[controls], cohort.columns[controls, 0]
    >>> round(float(weights @ years / weights.sum()), 9), round(float(weights.sum()), 9)
    (4.0, 3.0)

    Source: Hainmueller (2012), Entropy balancing for causal effects, Political Analysis 20(1); Zhao & Percival (2017)
    for what it estimates; Källberg & Waernbaum (2023) for the ATE.
    """
    if estimand not in ("ATT", "ATE"):
        raise MethodError(
            f"there is no estimand {estimand!r} of entropy balancing",
            where="estimand",
            remedy="choose ATT or ATE; for overlap weights use propensity",
        )
    if moments not in (1, 2):
        raise MethodError(
            f"moments is {moments!r}", where="moments", remedy="give 1 for means, or 2 for means and variances"
        )
    if target not in ("population", "sample"):
        raise MethodError(f"target is {target!r}", where="target", remedy="give 'population' or 'sample'")
    found = subjects(panel, covariates=covariates, baseline=baseline, followup=followup, kpi=kpi, missing=missing)
    of = found.trained if estimand == "ATT" else np.ones(len(found.trained), dtype=bool)
    columns, labels = _moments(found, of, moments)
    arms = [("controls", ~found.trained)] + ([("trained", found.trained)] if estimand == "ATE" else [])
    for name, rows in arms:
        _require_reach(columns, labels, found.weight, of, rows, name)
    design, sides = _design(columns, labels, found.weight), []
    totals = np.where(of, found.weight, 0.0) @ design
    for name, rows in arms:
        try:
            coefficients, inverse = fit_balance(design[rows], found.weight[rows], totals)
        except FitError as error:
            raise _refused(error.reason, columns, labels, found.weight, of, rows, name) from error
        # The target's sum of weights, in every draw its own, becomes that of the arm with multipliers of 1.
        factor = float(found.weight[rows].sum() / found.weight[of].sum())
        sides.append(Side(np.flatnonzero(rows), coefficients, inverse, factor))
    model = BalancingWeights(
        len(panel.units), found.inside, of, design, found.weight, tuple(sides), held=target == "sample"
    )
    whom = "the controls to the trained" if estimand == "ATT" else "both arms to all units"
    what = "means" if moments == 1 else "means and variances"
    return cohort_of(
        panel,
        found,
        method="entropy",
        estimand=estimand,
        weights=model.weights(),
        fit=model,
        notes=[
            f"entropy balancing of {whom}, {what} of {', '.join(found.labels)}",
            *(["the means balanced to are those of these data, taken as given"] if target == "sample" else []),
        ],
    )


def _moments(found: Subjects, target: Bools, moments: int) -> tuple[Floats, tuple[str, ...]]:
    """Return the columns whose means are balanced: those of the subjects, and squares about the target's means."""
    columns, labels = found.columns, found.labels
    if moments == 1:
        return columns, labels
    about = np.average(columns[target], axis=0, weights=found.weight[target])
    more = [place for place, column in enumerate(columns.T) if len(np.unique(column)) > 2]
    squares = (columns[:, more] - about[more]) ** 2
    return np.column_stack([columns, squares]), (*labels, *(f"variance of {labels[place]}" for place in more))


def _design(columns: Floats, labels: tuple[str, ...], weight: Floats) -> Floats:
    """Return orthonormal columns, the constant first, that span those that are balanced."""
    try:
        return orthonormal_basis(np.column_stack([np.ones(len(columns)), columns]), weight)[0]
    except FitError as error:
        raise MethodError(
            f"the columns to balance depend on each other: {', '.join(map(repr, labels[:SHOWN]))}",
            where=WHERE,
            remedy="leave out one of those that say the same, or balance the means alone",
        ) from error


def _mean(column: Floats, weight: Floats, rows: Bools) -> float:
    return float(np.average(column[rows], weights=weight[rows]))


def _require_reach(
    columns: Floats, labels: tuple[str, ...], weight: Floats, target: Bools, rows: Bools, name: str
) -> None:
    """Raise `MethodError` for columns whose target mean lies beyond, or at the end of, what an arm has."""
    beyond = []
    for column, label in zip(columns.T, labels, strict=True):
        low, high, mean = float(column[rows].min()), float(column[rows].max()), _mean(column, weight, target)
        if low < mean < high:
            continue
        beyond.append(f"{label!r} has a mean of {mean:.5g}, and the {name} go from {low:.5g} to {high:.5g}")
    if beyond:
        more = f" and {len(beyond) - SHOWN} more" if len(beyond) > SHOWN else ""
        raise MethodError(
            f"no weights of the {name} reach the means: {'; '.join(beyond[:SHOWN])}{more}",
            where=WHERE,
            remedy="leave out these columns, merge levels that only one arm has, or leave out the units that have no "
            "counterpart",
        )


def _refused(
    reason: FitReason,
    columns: Floats,
    labels: tuple[str, ...],
    weight: Floats,
    target: Bools,
    rows: Bools,
    name: str,
) -> MethodError:
    """Return the error of an arm that cannot be balanced, with the columns that it is for."""
    if reason == "no overlap":
        means = np.array([_mean(column, weight, target) for column in columns.T])
        direction = one_side(means - columns[rows])
        guilty = [label for place, label in enumerate(labels) if direction is None or direction[place] != 0]
        names = ", ".join(map(repr, guilty[:SHOWN]))
        more = f" and {len(guilty) - SHOWN} more" if len(guilty) > SHOWN else ""
        return MethodError(
            f"no weights of the {int(rows.sum()):,} {name} reach the means of these columns together: {names}{more}",
            where=WHERE,
            remedy="leave out one of them, balance the means alone, or use propensity, which asks for less",
        )
    what, remedy = {
        "empty arm": (f"the {name} have no weight", "give them a weight"),
        "separated": (f"the {name} do not overlap with the target", "leave out covariates"),
        "singular": (
            f"among the {name} the columns depend on each other: {', '.join(map(repr, labels[:SHOWN]))}",
            "leave out one of those that say the same, or merge levels of a category",
        ),
        "not converged": (
            f"balancing {len(labels)} columns finds no end among the {int(rows.sum()):,} {name}",
            "leave out covariates, or merge rare levels",
        ),
    }[reason]
    return MethodError(what, where=WHERE, remedy=remedy)
