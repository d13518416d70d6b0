"""The flow of a rollout: every row and unit read is counted once, by arm and reason."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.core.flow import ArmCount, Coverage, Flow, LeftOut, left_out_by_reason
from attribution.core.panel import NEVER, Panel
from attribution.estimators.rollouts.cells import Cells
from attribution.estimators.windows.flow import cohort_reasons

Mask = NDArray[np.bool_]

TRAINED, OTHER = "trained", "control"


def rollout_flow(panel: Panel, cells: Cells, used: Mask, *, single_rows: bool) -> Flow:
    """Count what entered a rollout and, by arm and reason, what did not.

    `used[n_units, n_periods]` are the values that entered a cell. Trained are the cohorts that the overall effect
    speaks for; everyone else who entered is a comparison. `exposure` counts the trained units of each follow-up period.
    """
    observations, units = panel.observations, panel.units
    entering: Mask = np.asarray(used.any(axis=1))
    trained_cohort = np.append(cells.trained, False)[cells.label]
    trained = entering & trained_cohort
    valued = ~np.isnan(observations.outcome)
    row_used = used[observations.unit, observations.period] & valued
    left_out = [
        *_units_left_out(panel, cells, entering),
        *_rows_left_out(panel, entering, trained_cohort, row_used, valued),
    ]
    first = int(cells.adoption[cells.cohort[cells.post]].min())
    starts = cells.base[cells.post].min()
    before = range(min(int(starts) + 1, first))
    after = np.unique(cells.time[cells.post])
    exposure = tuple(_exposed(cells, trained, used, int(time), single_rows=single_rows) for time in after)
    adopted_inside = (units.adopted < len(panel.periods)) & (units.adopted > 0) & (units.weight > 0)
    return Flow(
        trained=_count(panel, trained, row_used),
        control=_count(panel, entering & ~trained, row_used),
        left_out=tuple(left_out),
        baseline=tuple(panel.periods.text(code) for code in before),
        followup=tuple(panel.periods.text(int(code)) for code in after),
        trained_in_window=int(adopted_inside.sum()),
        coverage=_coverage(panel, cells, trained_cohort, valued, single_rows=single_rows),
        later=_later(panel, cells, entering),
        unit=panel.columns.unit,
        exposure=exposure,
    )


def _exposed(cells: Cells, trained: Mask, used: Mask, time: int, *, single_rows: bool) -> int:
    """Return the trained units of a period: all of their cohorts, or its own rows where every row is a unit."""
    cohorts = np.unique(cells.cohort[cells.post & (cells.time == time)])
    inside = trained & np.isin(cells.label, cohorts)
    return int((inside & used[:, time]).sum() if single_rows else inside.sum())


def cell_notes(panel: Panel, cells: Cells, *, used: Mask) -> tuple[str, ...]:
    """Return what a reader must know of the cells: those without a comparison, and units that only help some cells."""
    notes = []
    if cells.lacking:
        cohort, time = cells.lacking[0]
        example = f"cohort {cells.names[cohort]} in {panel.periods.text(time)}"
        notes.append(
            f"{len(cells.lacking)} group-time cells have no comparison or no values and are left out, such as {example}"
        )
    if panel.counts.adopted_unrecorded:
        notes.append(
            f"{panel.counts.adopted_unrecorded:,} units adopted in a period that the data do not hold, and count from "
            "the next one: their event times are too short, and an anticipation reaches less far back than it says"
        )
    both = cells.trained & cells.pool.any(axis=0)
    if both.any():
        units = int((used.any(axis=1) & np.append(both, False)[cells.label]).sum())
        notes.append(f"{units:,} trained units are also compared with, before their own training")
    return tuple(notes)


def _count(panel: Panel, members: Mask, row_used: Mask) -> ArmCount:
    return ArmCount(
        units=int(members.sum()),
        clusters=len(np.unique(panel.units.cluster[members])),
        rows=int((row_used & members[panel.observations.unit]).sum()),
        weight=float(panel.weights[members].sum()),
    )


def _units_left_out(panel: Panel, cells: Cells, entering: Mask) -> list[LeftOut]:
    gone = ~entering
    if not gone.any():
        return []
    units, n_units = panel.units, len(panel.units)
    rows = np.bincount(panel.observations.unit, minlength=n_units)
    never = units.adopted == NEVER
    after = (units.adopted >= len(panel.periods)) & ~never
    arm = np.where(never, "never trained", np.where(after, "trained later", TRAINED)).astype(object)
    used_cohort = np.append(cells.used, False)[cells.label]
    reasons = [
        *cohort_reasons(panel),
        ("weight 0", panel.weights == 0),
        ("no period to compare with before adoption", (cells.label < 0)),
        ("adopted after the last period, not a control here", after & ~used_cohort),
        ("no period in which their cohort can be compared", ~used_cohort),
        ("no KPI value in both periods of any cell", np.ones(n_units, dtype=bool)),
    ]
    return left_out_by_reason(gone, reasons, arm, rows)


def _rows_left_out(panel: Panel, entering: Mask, trained: Mask, row_used: Mask, valued: Mask) -> list[LeftOut]:
    inside = entering[panel.observations.unit]
    arm = trained[panel.observations.unit]
    found = []
    for reason, mask in (
        ("rows without a KPI value", inside & ~valued),
        ("rows that no cell uses", inside & valued & ~row_used),
    ):
        for name, side in ((TRAINED, arm), (OTHER, ~arm)):
            rows = int((mask & side).sum())
            if rows:
                found.append(LeftOut(name, reason, 0, rows))
    return found


def _coverage(panel: Panel, cells: Cells, trained: Mask, valued: Mask, *, single_rows: bool) -> Coverage:
    """Return the share of each arm's units that have a KPI value in each period; NaN where a unit is one row."""
    names = tuple(panel.periods.text(code) for code in range(len(panel.periods)))
    if single_rows:
        nothing = np.full(len(names), np.nan)
        return Coverage(names, nothing, nothing)
    observations = panel.observations
    shares = []
    for side in (trained, (cells.label >= 0) & ~trained):
        rows = valued & side[observations.unit]
        counts = np.bincount(observations.period[rows], minlength=len(names))
        shares.append(counts / max(int(side.sum()), 1))
    return Coverage(names, shares[0], shares[1])


def _later(panel: Panel, cells: Cells, entering: Mask) -> tuple[tuple[str, int], ...]:
    """Return how many of the comparison adopt later, by period: cohorts without a cell in the overall effect."""
    found = []
    for one in np.flatnonzero(cells.used & ~cells.trained & (cells.adoption != NEVER)):
        found.append((cells.names[int(one)], int((entering & (cells.label == one)).sum())))
    return tuple(found)
