"""The KPI as a table of units and periods, and the sums and means that are taken of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel

Floats = NDArray[np.float64]


def outcome_table(panel: Panel, codes: NDArray[Any]) -> Floats:
    """Return the KPI as `[n_units, n_codes]`, NaN where it is not known."""
    place = places_of(panel, codes)
    inside = place >= 0
    table = np.full((len(panel.units), len(codes)), np.nan)
    table[panel.observations.unit[inside], place[inside]] = panel.observations.outcome[inside]
    return table


def places_of(panel: Panel, codes: NDArray[Any]) -> NDArray[np.intp]:
    """Return the place of each row's period in `codes`, −1 for none."""
    column = np.full(len(panel.periods), -1, dtype=np.intp)
    column[codes] = np.arange(len(codes))
    return column[panel.observations.period]


def cluster_totals(panel: Panel, codes: NDArray[Any], weight: Floats) -> tuple[Floats, Floats]:
    """Return the sum of `weight[n_units]` times the KPI of each cluster in each period, and that of the weight.

    Both are `[n_clusters, n_codes]`, over the rows whose KPI is known.
    """
    units, observations = panel.units, panel.observations
    place = places_of(panel, codes)
    rows = (place >= 0) & ~np.isnan(observations.outcome)
    unit = observations.unit[rows]
    shape = len(units.cluster_labels), len(codes)
    cell = units.cluster[unit].astype(np.intp) * shape[1] + place[rows]
    own = weight[unit]
    total = np.bincount(cell, weights=own * observations.outcome[rows], minlength=shape[0] * shape[1])
    size = np.bincount(cell, weights=own, minlength=shape[0] * shape[1])
    return total.reshape(shape).astype(float), size.reshape(shape).astype(float)


def path_of(table: Floats, weight: Floats) -> Floats:
    """Return the mean of each column of `table[n_units, n]` by `weight[n_units]`, NaN where nobody has a value."""
    known = weight[:, None] * ~np.isnan(table)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((known * np.nan_to_num(table)).sum(axis=0) / known.sum(axis=0))


def row_means(table: Floats) -> Floats:
    """Return the mean of each row over its known values, NaN where there is none."""
    known = ~np.isnan(table)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, table, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
