"""What a comparison of two arms regresses on what: one outcome per unit, who is trained, and the columns beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, Arms, windows
from attribution.core.covariates import cohort_matrix, covariate_matrix
from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.diagnostics.baseline import ROLLOUTS, compared_arms
from attribution.errors import MethodError
from attribution.estimators.contrasts.assemble import LEVELS_AS_THEY_ARE
from attribution.estimators.windows.reduce import reduce_windows

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Compares = Literal["change", "level"]

_BRACKETS = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRows:
    """One row for each unit that is compared: `outcome[n]`, `trained[n]`, `weight[n]` and `design[n, k]`.

    The design has an intercept first. `columns` says which of its columns each covariate has. `compares` is what the
    outcome is: the change from baseline to follow-up, or a level.
    """

    outcome: Floats
    trained: Floats
    weight: Floats
    design: Floats
    columns: Mapping[str, tuple[int, ...]]
    compares: Compares

    @property
    def spread(self) -> float:
        """The standard deviation of the outcome, by the weights, with n − 1."""
        n, mean = len(self.outcome), np.average(self.outcome, weights=self.weight)
        if n < 2:
            return float("nan")
        return float(np.sqrt(np.average((self.outcome - mean) ** 2, weights=self.weight) * n / (n - 1)))


def compared_rows(
    panel: Panel,
    estimate: Estimate,
    *,
    covariates: Sequence[str] | None = None,
    compares: Compares | None = None,
    where: str,
) -> ComparedRows:
    """Return the rows that an estimate compares, on a cross-section or on two windows of a panel.

    Covariates are, unless given, those that the estimate adjusts for, or else the columns of the panel's cohort. Where
    the KPI's own baseline is among them beside the cohort's, for `lagged`, and where the estimate notes that levels are
    compared as they are, the level of the follow-up is compared, else the change. By a cohort's weights both arms count
    the same. Raises `MethodError` for an estimate that compares no two arms of units, or not those of this panel.
    """
    trained, control = _arms(panel, estimate, where)
    rows = _rows(panel, estimate, trained, control, covariates, compares)
    if panel.cohort is None or panel.cohort.arms is None:
        return rows
    # Methods scale the weights of an arm in ways of their own, which no contrast sees but this regression would.
    arms = [rows.weight[rows.trained == code].sum() for code in (0.0, 1.0)]
    return replace(rows, weight=np.where(rows.trained == 0.0, rows.weight * (arms[1] / arms[0]), rows.weight))


def rows_before(
    panel: Panel,
    estimate: Estimate,
    *,
    covariates: Sequence[str] | None = None,
    compares: Compares | None = None,
    where: str,
) -> ComparedRows | None:
    """Return the same rows for all whom the panel's cohort could choose from, by the units' own weights.

    A cohort makes the arms alike in its covariates, so that these say nothing of how strongly people were selected by
    them: that is seen before it. None without a cohort that knows its arms and columns.
    """
    _arms(panel, estimate, where)
    cohort = panel.cohort
    if cohort is None or cohort.arms is None or cohort.columns is None:
        return None
    candidates = (cohort.arms != LEFT_OUT) & (panel.units.weight > 0)
    if cohort.candidates is not None:
        candidates &= cohort.candidates
    everyone = panel.with_cohort(replace(cohort, weights=candidates.astype(float)))
    trained, control = (candidates & (cohort.arms == code) for code in (TRAINED, CONTROL))
    return _rows(everyone, estimate, trained, control, covariates, compares)


def _rows(
    panel: Panel,
    estimate: Estimate,
    trained: Bools,
    control: Bools,
    covariates: Sequence[str] | None,
    compares: Compares | None,
) -> ComparedRows:
    own, cohort = f"{panel.columns.outcome} at baseline", panel.cohort
    named = tuple(estimate.adjusted if covariates is None else covariates)
    elsewhere = own in panel.units.covariates or (cohort is not None and own in cohort.covariates)
    on_baseline = panel.kind == "panel" and (estimate.method == "lagged" or (own in named and not elsewhere))
    if compares is None:
        levels = panel.kind == "cross_section" or on_baseline or LEVELS_AS_THEY_ARE in estimate.notes
        compares = "level" if levels else "change"
    if panel.kind == "cross_section":
        value = np.full((len(panel.units), 1), np.nan)
        value[panel.observations.unit, 0] = panel.observations.outcome
        entering = (trained | control) & (panel.weights > 0) & ~np.isnan(value[:, 0])
        outcome, earlier = value[:, 0], None
    else:
        code = np.where(trained, TRAINED, np.where(control, CONTROL, LEFT_OUT)).astype(np.int8)
        arms = Arms(code, np.where(trained, "trained", "control").astype(object))
        before, after = windows(panel, estimate.n.baseline, estimate.n.followup)
        reduced = reduce_windows(panel, before, after, arms, compare=True)
        entering, value = reduced.entering, reduced.value
        outcome = value[:, 1] - value[:, 0] if compares == "change" else value[:, 1]
        earlier = value[:, 0] if on_baseline else None
    names = tuple(name for name in named if not (on_baseline and name == own))
    design, labels = _design(panel, entering, names, covariates is None)
    if earlier is not None:
        design, labels = np.column_stack([design, np.where(entering, earlier, 0.0)]), (*labels, own)
    return ComparedRows(
        outcome=outcome[entering],
        trained=trained[entering].astype(float),
        weight=panel.weights[entering],
        design=design[entering],
        columns=_by_name(labels, named),
        compares=compares,
    )


def _arms(panel: Panel, estimate: Estimate, where: str) -> tuple[Bools, Bools]:
    """Return who is trained and who is control among those that entered."""
    remedy = "use it with did, lagged or adjusted, on two windows or a cross-section"
    if "effect" not in estimate.terms or estimate.rows != "units" or not estimate.n.control.units:
        raise MethodError(f"{estimate.method} compares no units with each other", where=where, remedy=remedy)
    if len(estimate.clusters) != len(panel.units):
        raise MethodError(
            f"the estimate is of {len(estimate.clusters):,} units, the panel has {len(panel.units):,}",
            where=where,
            remedy="pass the panel, with its cohort, that the estimate was made from",
        )
    if panel.kind == "cross_section":
        entered, trained = estimate.clusters >= 0, panel.units.adopted < len(panel.periods)
        return entered & trained, entered & ~trained
    arms = compared_arms(panel, estimate)
    if panel.kind != "panel" or estimate.method in ROLLOUTS or arms is None:
        what = "rows of different people" if panel.kind == "repeated_cross_sections" else "no two arms in two windows"
        raise MethodError(f"{estimate.method} compares {what}", where=where, remedy=remedy)
    return arms.trained, arms.control


def _design(panel: Panel, entering: Bools, names: tuple[str, ...], by_default: bool) -> tuple[Floats, tuple[str, ...]]:
    known, cohort = panel.units.covariates, panel.cohort
    on_panel = all(name in known or all(part in known for part in name.split(":")) for name in names)
    own = not names or not on_panel or (cohort is not None and set(names) <= set(cohort.covariates))
    if by_default and own and cohort is not None and cohort.columns is not None:
        # What a cohort was made with may be no covariate of the panel, as the path of the KPI is, or may have been
        # filled where it was missing.
        design, labels, _ = cohort_matrix(cohort, entering)
        return design, labels
    if not names:
        return np.where(entering, 1.0, 0.0)[:, None], ("intercept",)
    return covariate_matrix(panel, names, entering)


def _by_name(labels: Sequence[str], names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the columns of each covariate: those of a category's levels, or of an interaction, together."""
    found: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        if place:
            bare = _BRACKETS.sub("", label)
            found.setdefault(label if label in names else bare, []).append(place)
    return {name: tuple(places) for name, places in found.items()}
