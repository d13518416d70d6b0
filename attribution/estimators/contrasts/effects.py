"""The effect of a contrast given covariates: columns of outcomes, every fit redone in each draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.core.covariates import Adjustment
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.windows.adjusted import refused_fit
from attribution.estimators.windows.reduce import Reduction, WindowMap
from attribution.numerics.common_slope import CommonSlope
from attribution.numerics.effects import Contrast, Population, Rule, contrast
from attribution.numerics.logit import FitError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What is compared, as columns: the raw outcome of each window, then the shares of periods where some are missing.

    An outcome is raw less Σ_p share_p·deviation_p of its window, plus that of the baseline where it is a change.
    `shares` are the columns of the baseline's and of each window's periods, empty where it is complete or no part.
    """

    columns: Floats
    n_outcomes: int
    shares: tuple[slice, ...]

    def combine(self, made: Floats, deviations: Sequence[Floats]) -> Floats:
        """Return effects `[n, n_outcomes]` from what was made of the columns `made[n, m]`."""
        found = made[:, : self.n_outcomes].copy()
        for place, columns in enumerate(self.shares):
            if columns.stop == columns.start:
                continue
            freed = (made[:, columns] * deviations[place]).sum(axis=1)
            if place == 0:
                found += freed[:, None]
            else:
                found[:, place - 1] -= freed
        return found


@dataclass(frozen=True, slots=True, eq=False)
class ContrastEffects:
    """A map of cluster weights to effects, given the deviations of missing periods."""

    made: Contrast | CommonSlope
    outcomes: Outcomes
    clusters: NDArray[np.int32]

    def __call__(self, weights: Floats, deviations: Sequence[Floats], own: Floats | None = None) -> Floats:
        found = self.made.effect(self.outcomes.columns, weights, self.clusters, own)
        return self.outcomes.combine(found, deviations)


@dataclass(frozen=True, slots=True, eq=False)
class StandardisedMap:
    """A map to effects alone, on units that are spoken for with weights other than those they are compared with.

    `of_target[n_clusters, n_terms]` as `core.estimate.Standardised` says.
    """

    levels: WindowMap
    effects: ContrastEffects
    matrix: Floats
    of_target: Floats

    def __call__(self, weights: Floats) -> Floats:
        """Return the terms for each row of weights; NaN where an arm is empty or a fit does not exist."""
        return self.apart(weights, weights)

    def apart(self, weights: Floats, own: Floats) -> Floats:
        """Return the terms for rows of `weights` of the comparison and `own` weights of the target."""
        weights, own = np.asarray(weights, dtype=float), np.asarray(own, dtype=float)
        _, deviations = self.levels.levels(weights)
        values = self.effects(weights, deviations, own) @ self.matrix
        values[np.isnan(values).any(axis=1)] = np.nan
        return np.asarray(values)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Effects given covariates: their map, influence and target's part `[n_units, n_effects]`, and composition."""

    effects: ContrastEffects
    inside: NDArray[np.int64]
    influence: Floats
    of_target: Floats
    composition: Floats
    notes: tuple[str, ...]


def outcomes_of(reduced: Reduction, inside: NDArray[np.int64], *, once: bool, change: bool) -> Outcomes:
    """Return the columns that are compared: of the one window of a cross-section, or of each follow-up window."""
    raw = reduced.value[inside].copy()
    first = 0 if once else 1
    absent, at, shares = [], raw.shape[1] - first, []
    for window, one in enumerate(reduced.missing):
        width = 0
        if one is not None:
            raw[:, window] += one.shift[inside]
            if window or change:
                absent.append(one.shares()[inside])
                width = one.n_periods
        shares.append(slice(at, at + width))
        at += width
    columns = raw[:, first:].copy()
    if change:
        columns -= raw[:, :1]
    return Outcomes(np.concatenate([columns, *absent], axis=1), columns.shape[1], tuple(shares))


def compare(
    panel: Panel,
    reduced: Reduction,
    given: Adjustment,
    *,
    rule: Rule,
    population: Population,
    target: Floats | None,
    hold: bool,
    once: bool,
    change: bool,
    by_arm: Sequence[str] = (),
) -> Compared:
    """Compare the arms given covariates; raises `MethodError` where the rule does not exist on these units."""
    inside = np.flatnonzero(reduced.entering)
    trained, design = reduced.arm[inside] == 0, given.design[inside]
    outcomes = outcomes_of(reduced, inside, once=once, change=change)
    try:
        made = contrast(
            trained,
            design,
            reduced.weight[inside],
            rule=rule,
            population=population,
            target=None if target is None else target[inside],
            hold=hold,
            apart=design[:, _places(given.labels, by_arm)] if by_arm else None,
        )
    except FitError as error:
        raise refused_fit(error.reason, rule, trained, design, given.labels) from error
    values, moved, of_target = made.influence(outcomes.columns)
    deviations = [np.zeros(0) if one is None else one.deviation for one in reduced.missing]
    n_units, n_effects = len(reduced.weight), outcomes.n_outcomes
    influence, targets = np.zeros((n_units, n_effects)), np.zeros((n_units, n_effects))
    influence[inside] = outcomes.combine(moved, deviations)
    targets[inside] = outcomes.combine(of_target, deviations)
    composition = np.zeros(n_effects)
    for place, one in enumerate(reduced.missing):
        columns = outcomes.shares[place]
        if one is None or columns.stop == columns.start:
            continue
        lean, sign = values[columns], 1.0 if place == 0 else -1.0
        of = slice(0, n_effects) if place == 0 else slice(place - 1, place)
        influence[:, of] += sign * one.moved(lean)[:, None]
        composition[of] += sign * ((lean - lean.mean()) @ one.level)
    trimmed = int(made.trimmed.sum())
    notes = [f"adjusted by {rule} for {', '.join(given.labels[1:])}"]
    if trimmed:
        notes.append(
            f"{trimmed} of the controls ({panel.columns.unit}) have a propensity of at least .995 and no weight"
        )
    effects = ContrastEffects(made, outcomes, reduced.clusters[inside])
    return Compared(effects, inside, influence, targets, composition, (*notes, *given.notes))


def _places(labels: tuple[str, ...], names: Sequence[str]) -> list[int]:
    """Return the columns of covariates whose slopes differ by arm; raises `MethodError` for one that is not there."""
    found = []
    for name in names:
        mine = [place for place, label in enumerate(labels) if label == name or label.startswith(f"{name}[")]
        if not mine:
            raise MethodError(
                f"there is no covariate {name!r} to adjust for",
                where="by_arm",
                remedy=f"choose among the covariates: the columns are {', '.join(labels[1:])}",
            )
        found += mine
    return found


def with_baseline(panel: Panel, reduced: Reduction, given: Adjustment | None) -> Adjustment:
    """Return the covariates with the baseline KPI among them: each unit's mean of its observed baseline periods.

    Raises `MethodError` where that is all there is and it does not vary.
    """
    entering, observations = reduced.entering, panel.observations
    rows = (reduced.in_window[observations.period] == 0) & ~np.isnan(observations.outcome)
    unit, n_units = observations.unit[rows], len(panel.units)
    total = np.bincount(unit, weights=observations.outcome[rows] - reduced.center, minlength=n_units)
    own = np.where(entering, total / np.maximum(np.bincount(unit, minlength=n_units), 1), 0.0)
    name = f"{panel.columns.outcome} at baseline"
    design = np.where(entering, 1.0, 0.0)[:, None] if given is None else given.design
    inside = design[entering]
    left = own[entering] - inside @ np.linalg.lstsq(inside, own[entering], rcond=None)[0]
    spread = np.sqrt(np.mean((own[entering] - own[entering].mean()) ** 2))
    varies = spread > 1e-10 * max(1e-300, np.abs(own[entering]).max())
    if varies and np.sqrt(np.mean(left**2)) > 1e-8 * spread:
        so_far = Adjustment(design, ("intercept",), ()) if given is None else given
        return Adjustment(np.column_stack([design, own]), (*so_far.labels, name), (*so_far.names, name), so_far.notes)
    if given is not None:
        return given
    raise MethodError(
        f"the baseline of {panel.columns.outcome} does not vary, and there are no covariates",
        where="outcome 'level'",
        remedy="use outcome='change', name covariates, or use adjust='none'",
    )
