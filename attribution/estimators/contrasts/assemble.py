"""From a panel to the estimate of a contrast: who is compared on what, adjusted how, for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import all_windows, two_window_arms
from attribution.core.covariates import Adjustment, cohort_matrix, covariate_matrix
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate, Replay
from attribution.core.flow import Flow
from attribution.core.panel import Panel
from attribution.core.terms import part
from attribution.errors import MethodError
from attribution.estimators.contrasts.effects import Compared, StandardisedMap, compare, with_baseline
from attribution.estimators.contrasts.once import once_arms, once_flow, reduce_once
from attribution.estimators.contrasts.variances import AdjustedVariance, contrast_layers
from attribution.estimators.windows.adjusted import AdjustedMap
from attribution.estimators.windows.flow import window_flow
from attribution.estimators.windows.reduce import ARM_NAMES, Reduction, reduce_windows
from attribution.estimators.windows.variances import Fitted, arm_strata, window_layers
from attribution.numerics.effects import Population, Rule
from attribution.numerics.variance import cluster_sums

Floats = NDArray[np.float64]
Outcome = Literal["change", "level"]
Target = Literal["population", "sample"]

LEVELS_AS_THEY_ARE = "the levels of the follow-up are compared as they are: nothing takes out where the arms began"
"""The note of an estimate on a panel that neither compares changes nor adjusts for the KPI's baseline."""

NEEDS_COVARIATES = ("ipw", "doubly_robust", "ancova")


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What `adjusted` was asked for."""

    baseline: Sequence[Any]
    followup: Sequence[Any]
    outcome: Outcome
    covariates: Sequence[str] | None
    adjust: Rule
    estimand: Population
    target: Target
    by_arm: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A panel reduced to windows, its flow, and the place and name of each window that has an effect."""

    windows: Reduction
    flow: Flow
    places: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]


def estimate_contrast(panel: Panel, options: Options, *, variance: AdjustedVariance) -> Estimate:
    """Return the estimate that compares the arms' levels or changes; every step is in its map."""
    once = panel.kind == "cross_section"
    found = _reduce_once(panel) if once else _reduce_windows(panel, options)
    reduced = found.windows
    given = _covariates(panel, reduced, options, once)
    change = not once and options.outcome == "change"
    compared, target = None, _target(panel, options)
    if given is not None:
        compared = compare(
            panel,
            reduced,
            given,
            rule=options.adjust,
            population=options.estimand,
            target=target,
            hold=options.target == "sample",
            once=once,
            change=change,
            by_arm=options.by_arm,
        )
    terms, matrix, center = _terms(options, found, once, change, compared is not None)
    pieces = reduced.influence
    if compared is None:
        replay: Replay = reduced.map(matrix, center)
        moved = reduced.composition
    else:
        pieces = np.concatenate([pieces, compared.influence], axis=1)
        levels = reduced.map(np.zeros((reduced.influence.shape[1], 0)), np.zeros(0))
        replay = AdjustedMap(levels, compared.effects, matrix, center)
        if target is not None:
            spoken = cluster_sums(compared.of_target, reduced.clusters, reduced.n_clusters)
            effects = matrix[reduced.influence.shape[1] :]
            replay = StandardisedMap(levels, compared.effects, effects, spoken @ effects)
        moved = np.append(reduced.composition, compared.composition)
    values = replay(np.ones((1, reduced.n_clusters)))[0]
    influence = pieces @ matrix
    strata = arm_strata(reduced, ARM_NAMES)
    notes = [*strata.notes, *found.notes]
    if not once and not change and compared is None:
        notes.append(LEVELS_AS_THEY_ARE)
    if compared is None:
        fitted = Fitted(replay, values, influence, matrix)
        layers = window_layers(variance, panel, reduced, fitted, strata, main=0)
    else:
        layers = contrast_layers(
            variance,
            panel,
            reduced,
            compared,
            replay=replay,
            values=values,
            pieces=pieces,
            matrix=matrix,
            linear=_linear(reduced, compared, matrix) if once else None,
            strata=strata,
        )
        notes += compared.notes
        if np.isnan(layers.covariance).any() and (reduced.means > 0).sum(axis=0).min() > 1:
            notes.append("without one of the clusters the adjusted effect does not exist: its variance is undefined")
    return Estimate(
        method="adjusted",
        estimand=options.estimand,
        outcome=panel.columns.outcome,
        terms=terms,
        values=values,
        influence=influence,
        rows="units",
        clusters=reduced.clusters,
        strata=strata.code,
        stratum_names=strata.names,
        covariance=layers.covariance,
        stratum_df=layers.df,
        variance=variance,
        n=replace(found.flow, composition=float(moved @ matrix[:, 0])),
        direction=panel.direction,
        scale=panel.scale,
        outcome_range=reduced.outcome_range,
        replay=replay,
        notes=tuple(notes),
        adjusted=() if given is None else given.names,
    )


def _reduce_once(panel: Panel) -> Reduced:
    arms = once_arms(panel)
    reduced = reduce_once(panel, arms)
    return Reduced(reduced, once_flow(panel, reduced, arms), ((0, ""),), ())


def _reduce_windows(panel: Panel, options: Options) -> Reduced:
    before, after, parts = all_windows(panel, options.baseline, options.followup)
    arms = two_window_arms(panel, before, after, "not_yet")
    reduced = reduce_windows(panel, before, after, arms, compare=True, parts=parts)
    flow = window_flow(panel, reduced, arms, before, after, parts=parts)
    notes = []
    if flow.later:
        later = ", ".join(f"{count} in {period}" for period, count in flow.later)
        notes.append(f"controls include {sum(count for _, count in flow.later)} units that adopt later ({later})")
    for number, window in enumerate(parts, start=1):
        named = ", ".join(panel.periods.text(int(code)) for code in window.codes)
        notes.append(f"window {number} of the follow-up: {named}")
    if not reduced.complete:
        notes.append("periods are missing: each is freed of the control arm's deviation before window means")
    places = [(1, ""), *((1 + number, str(number)) for number in range(1, 1 + len(parts)))]
    return Reduced(reduced, flow, tuple(places), tuple(notes))


def _covariates(panel: Panel, reduced: Reduction, options: Options, once: bool) -> Adjustment | None:
    if options.adjust == "none":
        return None
    cohort, names = panel.cohort, options.covariates
    given: Adjustment | None = None
    if names is not None and len(names):
        given = Adjustment(*covariate_matrix(panel, names, reduced.entering), tuple(names))
    elif names is None and cohort is not None and cohort.columns is not None:
        design, labels, gone = cohort_matrix(cohort, reduced.entering)
        if len(labels) > 1:
            notes = (f"nothing is left to adjust in {', '.join(gone)}",) if gone else ()
            given = Adjustment(design, labels, cohort.covariates, notes)
    if not once and options.outcome == "level":
        return with_baseline(panel, reduced, given)
    if given is None and options.adjust in NEEDS_COVARIATES:
        raise MethodError(
            f"adjust={options.adjust!r} needs covariates, and none are given",
            where="covariates",
            remedy="name the panel's covariates: covariates=[…], or use adjust='none'",
        )
    return given


def _target(panel: Panel, options: Options) -> Floats | None:
    """Return the weights of whom the effect speaks for, where they are not those of the comparison.

    Weights that make each arm stand for all units are not the weight with which a unit is one of them.
    """
    if panel.cohort is None or options.estimand != "ATE":
        return None
    return np.where(panel.weights > 0, panel.units.weight, 0.0)


def _terms(
    options: Options, found: Reduced, once: bool, change: bool, adjusted: bool
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Return the terms, the matrix from levels (arm by window) and effects to them, and their centre."""
    n_levels = found.windows.influence.shape[1]
    n_windows = n_levels // 2
    n_effects = len(found.places) if adjusted else 0
    made: dict[str, Floats] = {}
    for number, (window, label) in enumerate(found.places):
        unit = np.eye(n_levels + n_effects)
        trained, control, before, control_before = unit[[window, n_windows + window, 0, n_windows]]
        effect = unit[n_levels + number] if adjusted else trained - control
        if change and not adjusted:
            effect = effect - before + control_before
        own = {"effect": effect}
        if options.estimand == "ATT":
            if not once:
                own |= {"change": trained - before, "background": trained - before - effect}
            if not label:
                own[UNTRAINED_LEVEL] = trained - effect
        made |= {part(name, "window", label) if label else name: row for name, row in own.items()}
    terms = tuple(made)
    center = np.array([found.windows.center if term == UNTRAINED_LEVEL else 0.0 for term in terms])
    return terms, np.stack(list(made.values()), axis=1), center


def _linear(reduced: Reduction, compared: Compared, matrix: Floats) -> Floats:
    """Return the weight of each unit's KPI in each term, `[n_units, n_terms]`, of a cross-section."""
    pieces = np.zeros((len(reduced.weight), len(matrix)))
    for index in range(2):
        mine = reduced.arm == index
        pieces[mine, index] = reduced.weight[mine] / reduced.arm_weight[index]
    pieces[compared.inside, 2] = compared.effects.made.weights_of()
    return pieces @ matrix
