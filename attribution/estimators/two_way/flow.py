"""The flow of two-way fixed effects: every row and unit read is counted once, by arm and reason."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.core.flow import ArmCount, Coverage, Flow, LeftOut, left_out_by_reason
from attribution.core.panel import NEVER, Panel
from attribution.estimators.two_way.regression import TwoWay
from attribution.estimators.windows.flow import cohort_reasons

NAMES = ("trained", "control")


def two_way_flow(panel: Panel, reduced: TwoWay) -> Flow:
    """Count what entered and, by arm and reason, what did not.

    Trained is whoever adopts by the last period; `baseline` are the periods before the first adoption.
    """
    adopted, n_periods = panel.units.adopted, len(panel.periods)
    arm = np.where(adopted < n_periods, 0, 1)
    inside = adopted[reduced.entering & (adopted > 0) & (adopted < n_periods)]
    first = int(inside.min()) if len(inside) else 1
    used = [int(code) for code in reduced.periods]
    exposed = np.array([int((reduced.entering & (adopted <= code)).sum()) for code in used if code >= first])
    later = int((reduced.entering & (adopted >= n_periods) & (adopted != NEVER)).sum())
    return Flow(
        trained=_count(panel, reduced, arm, 0),
        control=_count(panel, reduced, arm, 1),
        left_out=tuple(_left_out(panel, reduced, arm)),
        baseline=tuple(panel.periods.text(code) for code in used if code < first),
        followup=tuple(panel.periods.text(code) for code in used if code >= first),
        trained_in_window=int((arm == 0).sum()),
        coverage=_coverage(panel, reduced, arm),
        later=(("after the last period", later),) if later else (),
        unit=panel.columns.unit,
        exposure=tuple(exposed.tolist()) if len(np.unique(inside)) > 1 else (),
    )


def _count(panel: Panel, reduced: TwoWay, arm: NDArray[np.int64], index: int) -> ArmCount:
    mine = reduced.entering & (arm == index)
    return ArmCount(
        units=int(mine.sum()),
        clusters=len(np.unique(reduced.clusters[mine])),
        rows=int(reduced.size[mine].sum()),
        weight=float(reduced.weight[mine].sum()),
    )


def _left_out(panel: Panel, reduced: TwoWay, arm: NDArray[np.int64]) -> list[LeftOut]:
    observations, n_units = panel.observations, len(panel.units)
    rows = np.bincount(observations.unit, minlength=n_units)
    missing = np.isnan(observations.outcome)
    valued = np.bincount(observations.unit[~missing], minlength=n_units)
    gone = ~reduced.entering
    reasons = [
        *cohort_reasons(panel),
        ("weight 0", reduced.weight == 0),
        ("trained from the first period on, since when is not known", reduced.start_unknown),
        ("no KPI value", valued == 0),
        ("a KPI value in one period alone", np.ones(n_units, dtype=bool)),
    ]
    found = left_out_by_reason(gone, reasons, np.array(NAMES, dtype=object)[arm], rows)
    entered = reduced.entering[observations.unit] & ~reduced.used_rows
    for reason, lost in (
        ("rows without a KPI value", entered & missing),
        ("rows alone in their period", entered & ~missing),
    ):
        for index, name in enumerate(NAMES):
            count = int((lost & (arm[observations.unit] == index)).sum())
            if count:
                found.append(LeftOut(name, reason, 0, count))
    return found


def _coverage(panel: Panel, reduced: TwoWay, arm: NDArray[np.int64]) -> Coverage:
    observations, shares = panel.observations, []
    valued = ~np.isnan(observations.outcome)
    for index in range(len(NAMES)):
        members = (arm == index) & (reduced.weight > 0)
        counts = np.bincount(observations.period[valued & members[observations.unit]], minlength=len(panel.periods))
        with np.errstate(invalid="ignore"):
            shares.append(counts[reduced.periods] / np.float64(members.sum()))
    return Coverage(tuple(panel.periods.text(int(code)) for code in reduced.periods), shares[0], shares[1])
