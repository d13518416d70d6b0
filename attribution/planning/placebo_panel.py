"""Panels of what was before a launch: periods cut out, clusters taken, what they were like before a date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Observations, Panel, Units
from attribution.core.periods import Periods
from attribution.diagnostics.kpi_table import cluster_totals

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def cut_periods(panel: Panel, first: int, stop: int) -> Panel:
    """Return the panel's periods from code `first` to before `stop`, with the units that have a row in them.

    Codes of periods, adoption among them, count from `first` on.
    """
    observations, n_units = panel.observations, len(panel.units)
    rows = (observations.period >= first) & (observations.period < stop)
    present = np.bincount(observations.unit[rows], minlength=n_units) > 0
    place = np.cumsum(present) - 1
    moved = np.where(panel.units.adopted > panel.periods.labels.size, panel.units.adopted, panel.units.adopted - first)
    units = replace(panel.units, adopted=np.maximum(moved, 0).astype(np.int32))
    return _counted(
        panel,
        units if present.all() else _units(units, np.flatnonzero(present)),
        Observations(
            place[observations.unit[rows]].astype(np.int32),
            (observations.period[rows] - first).astype(np.int16),
            observations.outcome[rows],
        ),
        Periods(panel.periods.labels[first:stop], panel.periods.kind),
    )


def take_units(panel: Panel, keep: NDArray[np.bool_]) -> Panel:
    """Return the panel of some of its units, with all of their rows."""
    if keep.all():
        return panel
    observations, place = panel.observations, np.cumsum(keep) - 1
    rows = keep[observations.unit]
    kept = Observations(
        place[observations.unit[rows]].astype(np.int32), observations.period[rows], observations.outcome[rows]
    )
    return _counted(panel, _units(panel.units, np.flatnonzero(keep)), kept, panel.periods)


def take_clusters(panel: Panel, picks: Places) -> tuple[Panel, Places]:
    """Return the panel of some clusters, and for each of its units the place of its cluster in `picks`.

    A cluster that is picked twice is there twice, as two clusters of other units.
    """
    units, observations = panel.units, panel.observations
    order = np.argsort(units.cluster, kind="stable")
    many = np.bincount(units.cluster, minlength=len(units.cluster_labels))
    inside = many[picks]
    chosen = order[_ranges(np.cumsum(many)[picks] - inside, inside)]
    whose = np.repeat(np.arange(len(picks)), inside)
    length = np.bincount(observations.unit, minlength=len(units))
    rows = _ranges(np.cumsum(length)[chosen] - length[chosen], length[chosen])
    taken = replace(_units(units, chosen), cluster=whose.astype(np.int32), cluster_labels=units.cluster_labels[picks])
    seen = Observations(
        np.repeat(np.arange(len(chosen)), length[chosen]).astype(np.int32),
        observations.period[rows],
        observations.outcome[rows],
    )
    return _counted(panel, taken, seen, panel.periods), whose


def before_of(panel: Panel, codes: Sequence[int]) -> tuple[Floats, Floats]:
    """Return each cluster's mean KPI over some periods and its slope over them; NaN where it has no value.

    The slope is per period of the data, by least squares on the cluster's period means; 0 with fewer than two.
    """
    total, size = cluster_totals(panel, np.asarray(codes, dtype=np.intp), panel.units.weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = total.sum(axis=1) / size.sum(axis=1)
        mean = total / size
    seen = size > 0
    time = np.where(seen, np.asarray(codes, dtype=float), np.nan)
    count = np.maximum(seen.sum(axis=1), 1)
    from_mean = time - (np.where(seen, time, 0.0).sum(axis=1) / count)[:, None]
    spread = np.where(seen, from_mean, 0.0)
    below = (spread**2).sum(axis=1)
    slope = (spread * np.where(seen, mean, 0.0)).sum(axis=1) / np.where(below > 0, below, 1.0)
    return np.asarray(level), np.where(np.isnan(level), np.nan, slope)


def _ranges(start: Places, length: Places) -> Places:
    """Return start, start + 1, … of so many each, one after the other."""
    ends = np.cumsum(length)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) - np.repeat(ends - length, length) + np.repeat(start, length))


def _units(units: Units, chosen: Places) -> Units:
    """Return some rows of the units, with the clusters that are left."""
    codes, cluster = np.unique(units.cluster[chosen], return_inverse=True)

    def rows(columns: Any) -> dict[str, Any]:
        return {name: values[chosen] for name, values in columns.items()}

    return Units(
        label=units.label[chosen],
        adopted=units.adopted[chosen],
        cluster=cluster.astype(np.int32),
        cluster_labels=units.cluster_labels[codes],
        weight=units.weight[chosen],
        assigned=None if units.assigned is None else units.assigned[chosen],
        groups=rows(units.groups),
        covariates=rows(units.covariates),
    )


def _counted(panel: Panel, units: Units, observations: Observations, periods: Periods) -> Panel:
    """Return the panel of these units and rows, counted anew, without a cohort."""
    missing = np.isnan(observations.outcome)
    valued = np.bincount(observations.unit[~missing], minlength=len(units)) > 0
    whole = len(units) * len(periods)
    counts = replace(
        panel.counts,
        rows=len(observations),
        units=len(units),
        rows_missing_outcome=int(missing.sum()),
        units_without_outcome=int((~valued).sum()),
        rows_absent=whole - len(observations) if panel.kind == "panel" else 0,
    )
    return replace(panel, units=units, observations=observations, periods=periods, counts=counts, cohort=None)
