"""Placebo launches: the history as if the training had begun on an earlier date, for people who were not trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import NEVER, Panel
from attribution.errors import DataError
from attribution.numerics.logit import FitError, fit_index
from attribution.planning.placebo_panel import Places, before_of, cut_periods, take_clusters, take_units
from attribution.planning.records import Plan, PlannedCohort

Floats = NDArray[np.float64]

BY_KPI = ("performance", "threshold")
"""Mechanisms that pick the clusters whose KPI is worst before the launch."""

BY_CHOICE = ("manager", "voluntary", "first_come")
"""Mechanisms in which somebody chooses, which may go with the KPI before the launch."""

FEWEST_TO_FIT = 10
"""Clusters in each arm below which the odds of being chosen are not fitted: two columns and an intercept."""


@dataclass(frozen=True, slots=True, eq=False)
class Placebos:
    """What placebo launches are drawn from: the history, the plan as it fits into it, and how clusters are chosen.

    `launches` are codes of the history's periods at which the plan's first period can lie. `odds` are the coefficients
    of the log odds of being chosen on a cluster's level and slope before the launch, in standard deviations; None
    where these play no part. `share` is the share that is picked where the KPI decides. `notes` say in words
    what is not as planned.
    """

    history: Panel = field(repr=False)
    plan: Plan
    launches: tuple[int, ...]
    mechanism: str
    share: float
    odds: tuple[float, float] | None
    whole: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Placebo:
    """One launch that never was: the panel as if, the windows as labels of its periods, and how many clusters are in
    each arm."""

    panel: Panel = field(repr=False)
    baseline: tuple[Any, ...]
    followup: tuple[Any, ...]
    launch: str
    trained: int
    control: int


def placebos_of(
    panel: Panel,
    plan: Plan,
    *,
    end: int,
    mechanism: str,
    baseline: Sequence[int],
    share: float | None = None,
    whole: bool = False,
) -> Placebos:
    """Return what placebo launches are drawn from, with everything about it that does not change from one to the next.

    The history is all periods before the code `end`, of units that were not trained in them. `baseline` are the codes
    of the real baseline, on which the odds of being chosen are fitted where the panel knows who is to be trained and
    the mechanism is a choice. `share` is the share that is picked where the KPI decides, by default the planned one.
    With `whole` a placebo keeps all periods before its baseline, for methods that look at these too. Raises `DataError`
    for a history that is too short for one period before and one after, or that holds nobody to compare.
    """
    kept = take_units(panel, panel.units.adopted >= end)
    left_out = len(panel.units) - len(kept.units)
    if not len(kept.units) or not (kept.observations.period < end).any():
        raise DataError(
            "no unit has a row before the launch" + (f"; units trained earlier: {left_out:,}" if left_out else ""),
            where="rehearsal",
            remedy="add the KPI of the periods before the launch",
        )
    history = cut_periods(kept, 0, end)
    fitted, notes = _fitted(plan, len(history.periods))
    clusters, planned = len(history.units.cluster_labels), plan.trained_clusters + plan.control_clusters
    if plan.control_clusters and clusters < 2:
        raise DataError(
            "the history holds one cluster, and the plan compares two arms",
            where="rehearsal",
            remedy="add the history of those who are not to be trained",
        )
    if left_out:
        notes.append(f"units that were trained before the launch, and are left out: {left_out:,}")
    if clusters < planned:
        notes.append(
            f"the history holds {clusters:,} of {planned:,} planned clusters: "
            "as large a share of them is taken for trained"
        )
    picked = share if share is not None else plan.trained_clusters / planned
    odds, said = _odds(kept, mechanism, baseline)
    launches = tuple(range(len(history.periods) - fitted.span + 1))
    return Placebos(history, fitted, launches, mechanism, picked, odds, whole, (*notes, *said, *_said(mechanism, kept)))


def placebo(placebos: Placebos, *, seed: int, number: int) -> Placebo:
    """Return the placebo launch of a number: the dates in turn, the clusters as the mechanism would have drawn them.

    The same seed and number give the same placebo, whatever else is drawn. Where the KPI decides, the clusters
    themselves are first drawn anew, with replacement, because the rule leaves nothing else to chance.
    """
    plan = placebos.plan
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    first = placebos.launches[number % len(placebos.launches)]
    start = 0 if placebos.whole else first
    panel = cut_periods(placebos.history, start, first + plan.span)
    before = [first - start + place for place in plan.baseline]
    level, slope = before_of(panel, before)
    picks, trained = _draw(placebos, panel, level, slope, rng)
    begins = _starts(plan, int(trained.sum()), rng) + (first - start)
    of_pick = np.full(len(picks), NEVER, dtype=np.int64)
    of_pick[trained] = begins
    if len(picks) == len(panel.units.cluster_labels) and (picks == np.arange(len(picks))).all():
        whose: Places = panel.units.cluster.astype(np.intp)
    else:
        panel, whose = take_clusters(panel, picks)
    assigned = None if panel.units.assigned is None else trained[whose].astype(float)
    units = replace(panel.units, adopted=of_pick[whose].astype(np.int32), assigned=assigned)
    labels = panel.periods.labels
    return Placebo(
        panel=replace(panel, units=units),
        baseline=tuple(labels[place] for place in before),
        followup=tuple(labels[first - start + place] for place in plan.followup),
        launch=panel.periods.text(int(begins.min())),
        trained=int(trained.sum()),
        control=int((~trained).sum()),
    )


def with_effect(panel: Panel, effect: float) -> Panel:
    """Return the panel with an effect in KPI units added to every row of a unit from its adoption on."""
    if effect == 0:
        return panel
    observations = panel.observations
    treated = observations.period >= panel.units.adopted[observations.unit]
    return replace(panel, observations=replace(observations, outcome=observations.outcome + effect * treated))


def _draw(
    placebos: Placebos, panel: Panel, level: Floats, slope: Floats, rng: np.random.Generator
) -> tuple[Places, NDArray[np.bool_]]:
    """Return the clusters that take part, as codes, and which of them are taken for trained."""
    plan, known = placebos.plan, np.flatnonzero(~np.isnan(level))
    trained, control = plan.trained_clusters, plan.control_clusters
    if len(known) < (2 if control else 1):
        raise DataError(
            f"too few clusters have a KPI value in the fake baseline: {len(known)}",
            where="rehearsal",
            remedy="add the history of more clusters",
        )
    if placebos.mechanism in BY_KPI and placebos.share < 1:
        size = min(len(known), trained + control) if control else len(known)
        picks = np.sort(rng.choice(known, size=size, replace=True))
        many = int(np.clip(round(placebos.share * size), 1, max(size - 1, 1)))
        worst = level[picks] if panel.direction == "higher" else -level[picks]
        marked = np.zeros(size, dtype=bool)
        marked[np.lexsort((rng.random(size), worst))[:many]] = True
        return picks, marked
    size = min(len(known), trained + control)
    many = trained
    if size < trained + control:
        many = int(np.clip(round(size * trained / (trained + control)), 1, size - (1 if control else 0)))
    # The logit as it is usually told: who is above a threshold with index plus logistic noise, here set so that as many
    # are as planned.
    noise = rng.logistic(size=len(known))
    if placebos.odds is not None:
        noise += sum(weight * _scaled(part[known]) for weight, part in zip(placebos.odds, (level, slope), strict=True))
    first = np.argsort(-noise, kind="stable")
    chosen = first[:many]
    others = rng.permutation(first[many:])[: size - many]
    picks = np.sort(known[np.concatenate([chosen, others])])
    return picks, np.isin(picks, known[chosen])


def _starts(plan: Plan, many: int, rng: np.random.Generator) -> Places:
    """Return the places in which so many clusters start, as the plan spreads them."""
    starts = np.repeat([one.start or 0 for one in plan.trained], [one.clusters for one in plan.trained])
    if (starts == starts[0]).all():
        return np.full(many, starts[0], dtype=np.intp)
    if many <= len(starts):
        return np.asarray(rng.permutation(starts)[:many], dtype=np.intp)
    return np.asarray(rng.choice(starts, size=many), dtype=np.intp)


def _fitted(plan: Plan, periods: int) -> tuple[Plan, list[str]]:
    """Return the plan with windows that fit into so many periods: the longer one is shortened, the gap between kept.

    The baseline loses its earliest periods, the follow-up its latest. Raises `DataError` where not even one period
    before and one after fit.
    """
    before, after = sorted(plan.baseline), sorted(plan.followup)
    while after[-1] - before[0] + 1 > periods and len(before) + len(after) > 2:
        if len(before) >= len(after):
            before = before[1:]
        else:
            after = after[:-1]
    if after[-1] - before[0] + 1 > periods:
        gap = after[0] - before[-1] - 1
        between = f" and the {gap} between them" if gap else ""
        raise DataError(
            f"there {'is 1 period' if periods == 1 else f'are {periods} periods'} before the launch, too few for one "
            f"period before a fake launch, one after it{between}",
            where="rehearsal",
            remedy="add earlier periods of the KPI to the data"
            + (", or shorten washout and anticipation" if gap else ""),
        )
    if (len(before), len(after)) == (len(plan.baseline), len(plan.followup)) and not before[0]:
        return plan, []
    cohorts = []
    for one in plan.cohorts:
        start = None if one.start is None or one.start > after[-1] else one.start - before[0]
        cohorts.append(PlannedCohort(start, one.sizes))
    shortened = replace(
        plan,
        cohorts=tuple(cohorts),
        baseline=tuple(place - before[0] for place in before),
        followup=tuple(place - before[0] for place in after),
        labels=plan.labels[before[0] : after[-1] + 1],
    )
    if not shortened.trained:
        raise DataError(
            "no planned start of training lies within the part of the plan that fits into the history",
            where="rehearsal",
            remedy="add earlier periods of the KPI to the data",
        )
    notes = [
        f"the history of {periods} periods is shorter than the plan: rehearsed are {len(before)} of "
        f"{len(plan.baseline)} baseline and {len(after)} of {len(plan.followup)} follow-up periods"
    ]
    later = plan.trained_clusters - shortened.trained_clusters
    if later:
        notes.append(
            f"clusters that are to start after the shortened follow-up, and are taken for untrained: {later:,}"
        )
    return shortened, notes


def _odds(panel: Panel, mechanism: str, baseline: Sequence[int]) -> tuple[tuple[float, float] | None, list[str]]:
    """Return how the odds of being chosen go with a cluster's level and slope, and in words where they are not known.

    Source: logit by Newton's method (`numerics.logit`), level and slope in standard deviations over clusters.
    """
    if mechanism not in BY_CHOICE:
        return None, []
    units = panel.units
    chosen = np.bincount(units.cluster, weights=units.adopted != NEVER, minlength=len(units.cluster_labels)) > 0
    level, slope = before_of(panel, baseline)
    known = ~np.isnan(level)
    if min(int((chosen & known).sum()), int((~chosen & known).sum())) < FEWEST_TO_FIT:
        return None, [
            f"the data do not know {FEWEST_TO_FIT} clusters of each arm: who is chosen ({mechanism}) is drawn at random"
        ]
    design = np.column_stack([np.ones(int(known.sum())), _scaled(level[known])])
    flat = not np.ptp(slope[known]) > 0
    if not flat:
        design = np.column_stack([design, _scaled(slope[known])])
    try:
        fit = fit_index(design, chosen[known], np.ones(int(known.sum())), "logit")
    except FitError as error:
        return None, [
            f"the odds of being chosen ({mechanism}) cannot be fitted ({error.reason}): they are taken for equal"
        ]
    odds = float(fit.coefficients[1]), 0.0 if flat else float(fit.coefficients[2])
    return odds, [
        f"who is chosen ({mechanism}) is drawn in the odds of the planned trained: one standard deviation of the level "
        f"before multiplies them by {np.exp(odds[0]):.2g}, one of the slope by {np.exp(odds[1]):.2g}"
    ]


def _said(mechanism: str, panel: Panel) -> list[str]:
    if mechanism in BY_KPI:
        return ["the KPI decides who is trained: clusters are drawn with replacement, and the worst of them are taken"]
    if panel.units.assigned is not None:
        return ["everybody is trained as assigned: who does not take an offer up is not rehearsed"]
    return []


def _scaled(values: Floats) -> Floats:
    spread = float(np.std(values))
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))
