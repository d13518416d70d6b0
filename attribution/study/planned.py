"""The plan of an analysis: who is to be compared when, from the data as far as they know, else from [power]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import NEVER, Panel
from attribution.design.cohorts import NO_COHORT
from attribution.design.options import flat
from attribution.design.schema import Analysis, StudyDesign
from attribution.diagnostics.baseline import ALONE, ROLLOUTS
from attribution.planning.placebo import BY_KPI
from attribution.planning.records import Plan, PlannedCohort
from attribution.planning.sizes import sizes_of
from attribution.registry import ESTIMATORS, load, options
from attribution.study.link import Linked
from attribution.study.places import Places, places_of
from attribution.study.sources import Source

Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

NOBODY = "nothing says who is to be trained"
WHOM = "add trained_clusters and control_clusters to [power], or the arms to the column of the training in the data"


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """The plan of one analysis and where its periods are; `reason` says what is missing where there are no cohorts.

    `end` is the code of the first period that is not history any more, because of the launch or its anticipation.
    """

    plan: Plan
    places: Places
    end: int
    notes: tuple[str, ...] = ()
    reason: str = ""


def planned(design: StudyDesign, analysis: Analysis, linked: Linked | None, source: Source | None = None) -> Planned:
    """Return the plan of an analysis, with the arms of the data where these know them, else with those of [power].

    Clusters of the data count those of their units that an analysis can use as far as is known: with a KPI before
    the training and, once a follow-up is there, after it. A part of a cluster that starts at another time, or not at
    all, counts as a cluster of its own.
    """
    baseline, followup = windows_of(analysis, design)
    panel = None if linked is None else linked.panels[analysis.kpi]
    places = places_of(design, baseline, followup, None if panel is None else panel.periods)
    plan = Plan(
        method=analysis.method,
        options=_options(design, analysis),
        cohorts=(),
        baseline=places.baseline,
        followup=places.followup,
        labels=places.labels,
    )
    end = places.first + max(places.launch - design.timing.anticipation, max(places.baseline) + 1)
    empty = Planned(plan, places, max(end, 0) if panel is None else min(max(end, 0), len(panel.periods)))
    if panel is not None and linked is not None:
        found = _from_data(empty, panel, analysis, linked, _written(design, panel, source, places))
        if found is not None:
            return found
    return _from_design(empty, design, panel)


def windows_of(analysis: Analysis, design: StudyDesign) -> tuple[list[Any], list[Any]]:
    """Return the labels of both windows of an analysis: its own where it states them, a list of windows as one."""
    stated = analysis.options
    followup = stated.get("followup") or design.timing.followup
    return list(stated.get("baseline") or design.timing.baseline), list(flat(followup))


def _options(design: StudyDesign, analysis: Analysis) -> Mapping[str, Any]:
    known = {option.name for option in options(load(ESTIMATORS, analysis.method, kind="method"))}
    timing, found = design.timing, dict(analysis.options)
    for name, value in (("washout", timing.washout), ("anticipation", timing.anticipation)):
        if name in known:
            found.setdefault(name, value)
    found.setdefault("variance", design.inference.variance)
    if analysis.cohort not in (None, NO_COHORT):
        found["cohort"] = analysis.cohort
    return found


def _from_design(empty: Planned, design: StudyDesign, panel: Panel | None) -> Planned:
    """Return the plan with as many clusters as [power] says, or as the share that is picked is of those there are."""
    plan, places, power = empty.plan, empty.places, design.power
    sizes = np.zeros(0) if panel is None else _sizes_before(panel, empty.end)
    trained, control = power.trained_clusters, power.control_clusters
    share, source = design.assignment.selected_share, "[power]" + (f": {power.source}" if power.source else "")
    if trained is None and share is not None and design.assignment.mechanism in BY_KPI and len(sizes):
        trained = max(round(share * len(sizes)), 1)
        control = len(sizes) - trained if control is None else control
        source = f"[assignment]: {share:.0%} of {len(sizes):,} clusters are picked"
    if trained is None:
        return replace(empty, reason=f"{NOBODY}: {WHOM}")
    waves = places.waves or (places.launch,)
    late = [wave for wave in waves if wave > places.last]
    notes = []
    if power.cluster_size is None and not len(sizes) and design.columns.cluster not in (None, design.columns.unit):
        notes.append("the size of a cluster is not stated: 1 unit in each is taken, which sees the least")
    if late:
        notes.append(f"{len(late)} of {len(waves)} waves start after the follow-up: theirs count as not trained")
    size = power.cluster_size or (float(sizes.mean()) if len(sizes) else 1.0)
    starts = _spread(trained, waves)
    starts[starts > places.last] = NEVER
    starts = np.concatenate([starts, np.full(control or 0, NEVER)])
    cohorts = _grouped(starts, np.full(len(starts), size))
    return replace(empty, plan=replace(plan, cohorts=cohorts, source=source), notes=tuple(notes))


def _sizes_before(panel: Panel, end: int) -> NDArray[np.float64]:
    """Return the sizes of the clusters as far as nobody was trained in them before a period."""
    units = panel.units
    sizes = sizes_of(panel, np.where(units.adopted >= end, units.cluster, -1), len(units.cluster_labels))
    return np.asarray(sizes[sizes > 0])


def _spread(count: int, waves: Sequence[int]) -> Codes:
    """Return the start of each of `count` clusters, spread evenly over waves, the first ones first."""
    return np.asarray(waves, dtype=np.int64)[np.arange(count) * len(waves) // max(count, 1)]


def _grouped(starts: Codes, sizes: NDArray[np.float64]) -> tuple[PlannedCohort, ...]:
    """Return one cohort for each start, in order, those who are not trained last."""
    return tuple(
        PlannedCohort(None if code == NEVER else int(code), sizes[starts == code]) for code in np.unique(starts)
    )


def _written(design: StudyDesign, panel: Panel, source: Source | None, places: Places) -> Codes | None:
    """Return the place of each unit's start as its column writes it, after the data as well; None where it does not."""
    columns = design.columns
    late = panel.units.adopted == len(panel.periods)
    if source is None or columns.adopted is None or columns.unit is None or panel.kind != "panel" or not late.any():
        return None
    names = source.frame.groupby(columns.unit, sort=False)[columns.adopted].first().reindex(panel.units.label)
    found = np.full(len(late), NEVER, dtype=np.int64)
    for unit in np.flatnonzero(late & names.notna().to_numpy()):
        found[unit] = places.of(names.iloc[unit])
    return found


def _from_data(
    empty: Planned, panel: Panel, analysis: Analysis, linked: Linked, written: Codes | None
) -> Planned | None:
    """Return the plan with the arms that the data know; None where they know no trained, or nobody to compare with."""
    plan, places, units, notes = empty.plan, empty.places, panel.units, []
    start = np.where(units.adopted == NEVER, NEVER, units.adopted.astype(np.int64) - places.first)
    offered = units.assigned
    # By assignment whoever was trained, and where nobody is yet, by assignment as well.
    if offered is not None and (plan.options.get("as_assigned") or (start == NEVER).all()):
        inside = (start > max(places.baseline)) & (start <= places.last)
        start = np.where(offered == 1, np.where(inside, start, places.launch), NEVER)
        if plan.options.get("as_assigned"):
            notes.append("arms are as assigned: who is offered the training and does not take it is not counted")
    else:
        start, said = _of_the_future(start, places, units.cluster, written)
        notes.extend(said)
    taken = _usable(panel, plan, places, linked) & _compared(start, plan, places)
    if analysis.id in linked.cohorts:
        taken &= linked.cohorts[analysis.id].weights > 0
    start = np.where(start > places.last, NEVER, start)
    arms = np.unique(start[taken])
    if not (arms != NEVER).any() or (len(arms) < 2 and plan.method not in ALONE):
        return None
    gone = int((~taken).sum())
    if gone and panel.kind == "panel":
        of = panel.columns.unit or "row"
        notes.append(
            f"units that are not counted, without a KPI to compare or in neither arm of this analysis: {gone:,} of "
            f"{len(units):,} ({of})"
        )
    cells, sizes, mixed = _clusters(panel, start, taken, places)
    if mixed:
        notes.append(
            f"clusters that hold units of several starts or of both arms: {mixed:,}; each part counts as one of its own"
        )
    weight = units.weight[taken]
    if len(weight) and not np.allclose(weight, weight[0]):
        notes.append("the weights of the units are not counted")
    cohorts = _grouped(cells, sizes)
    column = panel.columns.adopted or panel.columns.trained or panel.columns.assigned
    known = replace(plan, cohorts=cohorts, source=f"the data, column {column}")
    return replace(empty, plan=known, notes=tuple(notes))


def _of_the_future(
    start: Codes, places: Places, cluster: NDArray[np.int32], written: Codes | None
) -> tuple[Codes, list[str]]:
    """Return when those start who do so after the last period of the data: as written, else in planned waves."""
    later = start == places.known
    if not later.any() or places.known > places.last:
        return start, []
    if written is not None and (written[later] != NEVER).all():
        return np.where(later, np.maximum(written, places.known), start), []
    waves = [wave for wave in places.waves if wave >= places.known] or [max(places.launch, places.known)]
    names, place = np.unique(cluster[later], return_inverse=True)
    start = start.copy()
    start[later] = _spread(len(names), waves)[place]
    if len(waves) == 1:
        return start, []
    return start, [f"the data do not say which wave is whose: {len(names):,} clusters are spread over {len(waves)}"]


def _compared(start: Codes, plan: Plan, places: Places) -> Mask:
    """Say whose start puts them into one of the arms of the analysis, as the estimators split them."""
    never, last = start == NEVER, places.last
    ahead, wait = int(plan.options.get("anticipation", 0)), int(plan.options.get("washout", 0))
    only_never = plan.options.get("controls", "never" if plan.method == "event_study" else "not_yet") == "never"
    later = (start > last) & ~never
    control = never | (later & (start > last + ahead) & (not only_never))
    if plan.method in ROLLOUTS:
        # Who is trained too late to count stands for those not yet trained.
        trained = (start > 0) & (start <= last)
        return np.asarray(trained | control)
    trained = (start > max(places.baseline) + ahead) & (start <= last)
    if wait:
        trained &= start + wait <= min(places.followup)
    # Those who are not trained are there also where nobody compares with them: people are picked from among all.
    return np.asarray(trained | control)


def _usable(panel: Panel, plan: Plan, places: Places, linked: Linked) -> Mask:
    """Say which units have a KPI value where the analysis needs one, as far as the data go."""
    rows, count = panel.observations, len(panel.units)
    valued = ~np.isnan(rows.outcome)
    place = rows.period.astype(np.int64) - places.first
    if plan.method in ROLLOUTS:
        before = (place >= 0) & (place < panel.units.adopted[rows.unit].astype(np.int64) - places.first)
        after = place >= 0
    else:
        before = np.isin(place, places.baseline)
        after = np.isin(place, places.followup) & (not linked.not_begun)
    has = [np.bincount(rows.unit[valued & part], minlength=count) > 0 for part in (before, after)]
    if panel.kind == "repeated_cross_sections":
        return np.asarray(has[0] | has[1])
    return np.asarray(has[0] & has[1]) if after.any() else has[0]


def _clusters(panel: Panel, start: Codes, taken: Mask, places: Places) -> tuple[Codes, NDArray[np.float64], int]:
    """Return start and size of each cluster, or of each part of one, and how many are in parts.

    Where other people are seen in every period, the size is the mean of a period.
    """
    cluster = panel.units.cluster[taken].astype(np.int64)
    kinds, code = np.unique(start[taken], return_inverse=True)
    cells, cell = np.unique(cluster * len(kinds) + code, return_inverse=True)
    part = np.full(len(panel.units), -1, dtype=np.int64)
    part[taken] = cell
    sizes = sizes_of(panel, part, len(cells))
    parts = np.bincount(np.unique(cells // len(kinds), return_inverse=True)[1])
    return kinds[cells % len(kinds)], sizes, int((parts > 1).sum())
