"""How an estimator weighs the cohorts and periods of a plan: read from the estimator itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.estimate import Estimate
from attribution.core.panel import NEVER, Columns, Observations, Panel, PanelCounts, Units
from attribution.core.periods import Periods
from attribution.diagnostics.baseline import ROLLOUTS
from attribution.errors import MethodError
from attribution.planning.records import Plan, PlannedCohort
from attribution.registry import ESTIMATORS, load, options

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

BY_WINDOWS = ("did", "lagged", "adjusted")
"""Estimators that compare the same two arms on the same two windows."""

OF_THE_DATA = ("baseline", "followup", "variance", "covariates", "estimand", "target", "by_arm", "as_assigned")
"""Options that a plan has elsewhere, or that a panel without covariates cannot follow."""

OF_ONE_TERM = ("aggregate", "satterthwaite")
"""Options that leave the overall effect as it is."""

ARMS = ("trained", "control")


@dataclass(frozen=True, slots=True, eq=False)
class PathWeights:
    """The effect as Σ over cohorts and periods of a weight times the mean KPI of that cohort in that period.

    `weights[n_cohorts, span]` in the order of the plan; a cohort that plays no part has 0. `stratum[n_cohorts]` is the
    stratum of each cohort's variance, −1 for none, `names` what the strata are called.
    """

    weights: Floats
    stratum: Codes
    names: tuple[str, ...]


def path_weights(plan: Plan) -> PathWeights:
    """Return the weights of a method that is linear in the KPI, from its own influence.

    Each cohort gets one unit for every period that has a KPI of 1 there and of 0 elsewhere, and one that has 0
    throughout: how far the former's influence is from the latter's is the weight of that period. Since all cohorts
    have the same mean path, nothing that a method estimates of the cohorts' sizes enters. `lagged`, and `adjusted` on
    levels, compare the arms of `did`, whose weights these are: their slope comes from the noise. Raises `MethodError`
    as the method does, for a plan that it cannot use.
    """
    if not all(one.units > 0 for one in plan.cohorts):
        raise MethodError("a cohort of the plan has no units", where="plan", remedy="leave it out")
    if plan.method == "adjusted" and not plan.baseline:
        weights = _levels(plan)
        return PathWeights(weights, np.array([0 if one.start is not None else 1 for one in plan.cohorts]), ARMS)
    estimate = _on_indicators(plan)
    weights = _read(plan, estimate)
    if plan.method in ROLLOUTS:
        return PathWeights(weights, *_adoption_strata(plan, weights))
    column = estimate.clusters.reshape(weights.shape[0], -1)[:, 0]
    used = (column >= 0) & weights.any(axis=1)
    return PathWeights(weights, np.where(used, estimate.strata[column], -1).astype(np.int64), estimate.stratum_names)


def without_one(plan: Plan, cohort: int, size: float) -> Floats:
    """Return the weights `[n_cohorts, span]` of a rollout when a cluster of that size is gone from a cohort."""
    sizes = plan.cohorts[cohort].sizes
    left = np.delete(sizes, int(np.flatnonzero(sizes == size)[0]))
    others = [place for place in range(len(plan.cohorts)) if place != cohort or len(left)]
    cohorts = [PlannedCohort(one.start, left) if place == cohort else one for place, one in enumerate(plan.cohorts)]
    smaller = replace(plan, cohorts=tuple(cohorts[place] for place in others))
    found = np.zeros((len(plan.cohorts), plan.span))
    found[others] = _read(smaller, _on_indicators(smaller))
    return found


def _on_indicators(plan: Plan) -> Estimate:
    linear = plan
    if plan.method in BY_WINDOWS:
        whom = {name: value for name, value in plan.options.items() if name in ("controls", "washout", "anticipation")}
        linear = replace(plan, method="did", options=whom)
    return apply_method(linear, _indicators(plan), variance="CR0")


def _read(plan: Plan, estimate: Estimate) -> Floats:
    """Return the weights of cohorts and periods from the influence of the units of `_indicators`."""
    at = estimate.terms.index(estimate.main)
    moved = estimate.influence[:, at].reshape(len(plan.cohorts), plan.span + 1)
    weights = (moved[:, :-1] - moved[:, -1:]) * (plan.span + 1)
    weights[np.abs(weights) < 1e-12 * np.abs(weights).max()] = 0.0
    return np.asarray(weights)


def apply_method(
    plan: Plan,
    panel: Panel,
    *,
    variance: str = "default",
    baseline: Sequence[Any] | None = None,
    followup: Sequence[Any] | None = None,
) -> Estimate:
    """Return the plan's own estimator on a panel, with the plan's options that need no covariates.

    The windows are places in the plan's periods unless labels of the panel's are given.
    """
    method = load(ESTIMATORS, plan.method, kind="method")
    filled: dict[str, Any] = {
        "baseline": list(plan.baseline if baseline is None else baseline),
        "followup": list(plan.followup if followup is None else followup),
        "variance": variance,
    }
    named = {option.name for option in options(method)}
    keywords = {name: value for name, value in (filled | own_options(plan.options)).items() if name in named}
    estimate: Estimate = method(panel, **keywords)
    return estimate


def own_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that say whom a method compares when, and leave the effect's weights to it."""
    # Without covariates, only a comparison of levels adjusts: for the KPI's own baseline.
    gone = (*OF_THE_DATA, *OF_ONE_TERM, *(() if given.get("outcome") == "level" else ("adjust",)))
    return {name: value for name, value in given.items() if name not in gone}


def plain_panel(
    adopted: NDArray[np.int32],
    cluster: NDArray[np.int32],
    weight: Floats,
    outcome: Floats,
    n_clusters: int,
) -> Panel:
    """Return a complete panel of `outcome[n_units, span]`, whose periods are 0 to span − 1, without a data frame."""
    n_units, span = outcome.shape
    units = Units(
        label=pd.RangeIndex(n_units),
        adopted=adopted,
        cluster=cluster,
        cluster_labels=pd.RangeIndex(n_clusters),
        weight=weight,
    )
    observations = Observations(
        unit=np.repeat(np.arange(n_units, dtype=np.int32), span),
        period=np.tile(np.arange(span, dtype=np.int16), n_units),
        outcome=np.ascontiguousarray(outcome, dtype=float).ravel(),
    )
    return Panel(
        units=units,
        observations=observations,
        periods=Periods(pd.Index(np.arange(span, dtype=np.int64)), "integer"),
        columns=Columns(unit="unit", period="period", outcome="KPI", adopted="start", cluster="cluster"),
        kind="panel",
        direction="higher",
        scale="linear",
        counts=PanelCounts(n_units * span, n_units, 0, 0, 0),
    )


def code_of(cohort: PlannedCohort) -> int:
    """Return the adoption code of a cohort in a panel of the plan's periods."""
    return NEVER if cohort.start is None else max(cohort.start, 0)


def _indicators(plan: Plan) -> Panel:
    width = plan.span + 1
    outcome = np.tile(np.eye(width, plan.span), (len(plan.cohorts), 1))
    adopted = np.repeat([code_of(one) for one in plan.cohorts], width).astype(np.int32)
    weight = np.repeat([one.units / width for one in plan.cohorts], width)
    own = np.arange(len(outcome), dtype=np.int32)
    return plain_panel(adopted, own, weight, outcome, len(own))


def _levels(plan: Plan) -> Floats:
    """Return the weights of two arms compared once, after the training."""
    total = {arm: sum(one.units for one in plan.cohorts if (one.start is not None) == arm) for arm in (True, False)}
    if not all(total.values()):
        raise MethodError("an arm has no clusters", where="plan", remedy="give the clusters of both arms")
    weights = np.zeros((len(plan.cohorts), plan.span))
    for place, one in enumerate(plan.cohorts):
        arm = one.start is not None
        weights[place, list(plan.followup)] = (1.0 if arm else -1.0) * one.units / total[arm] / len(plan.followup)
    return weights


def _adoption_strata(plan: Plan, weights: Floats) -> tuple[Codes, tuple[str, ...]]:
    """Return the strata of a rollout: its adoption cohorts, or ever and never where one of them is a single cluster.

    A cohort counts as trained where the effect speaks for it: it weighs more from its start on than as a comparison.
    """
    adoption = np.array([code_of(one) for one in plan.cohorts])
    used = weights.any(axis=1)
    codes = np.unique(adoption[used])
    clusters = [sum(one.clusters for one, code in zip(plan.cohorts, adoption, strict=True) if code == c) for c in codes]
    stratum = np.where(used, np.searchsorted(codes, adoption), -1).astype(np.int64)
    names = tuple("never" if code == NEVER else f"from {code}" for code in codes)
    if min(clusters) > 1 or len(codes) < 3:
        return stratum, names
    ever = [
        one.start is not None and row[max(one.start, 0) :].sum() > 0
        for one, row in zip(plan.cohorts, weights, strict=True)
    ]
    return np.where(used, np.where(ever, 0, 1), -1).astype(np.int64), ("ever trained", "never trained")
