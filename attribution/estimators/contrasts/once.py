"""A cross-section reduced as windows are: one value per unit, sums per cluster, and who is in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, TRAINED, Arms
from attribution.core.flow import ArmCount, Coverage, Flow, left_out_by_reason
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.windows.flow import cohort_reasons, why_empty
from attribution.estimators.windows.reduce import ARM_NAMES, Reduction, arm_levels, cluster_columns, outcome_range

Floats = NDArray[np.float64]


def once_arms(panel: Panel) -> Arms:
    """Return who is trained and who is not in a cross-section."""
    trained = panel.units.adopted < len(panel.periods)
    code = np.where(trained, TRAINED, CONTROL).astype(np.int8)
    return Arms(code, np.where(trained, *ARM_NAMES).astype(object))


def reduce_once(panel: Panel, arms: Arms) -> Reduction:
    """Reduce a cross-section to its one window; a unit enters with a KPI value and a weight above 0."""
    n_units, weight = len(panel.units), panel.weights
    value = np.full(n_units, np.nan)
    value[panel.observations.unit] = panel.observations.outcome
    entering = (weight > 0) & ~np.isnan(value)
    center = float(value[entering].mean()) if entering.any() else 0.0
    value = np.where(entering, value - center, 0.0)[:, None]
    arm = np.where(entering, np.where(arms.code == TRAINED, 0, 1), -1).astype(np.int8)
    arm_weight = np.array([weight[arm == index].sum() for index in range(2)])
    clusters, n_clusters = cluster_columns(panel, entering)
    influence, sums = arm_levels(value, value, weight, arm, arm_weight, clusters, n_clusters, 2)
    return Reduction(
        entering=entering,
        arm=arm,
        weight=weight,
        clusters=clusters,
        value=value,
        influence=influence,
        sums=sums,
        n_arms=2,
        center=center,
        arm_weight=arm_weight,
        used_rows=None,
        in_window=np.ones(1, dtype=np.int8),
        outcome_range=outcome_range(value[entering, 0], center),
        observed=np.array([[(arm == index).sum()] for index in range(2)], dtype=np.int64),
        missing=(None,),
    )


def once_flow(panel: Panel, reduced: Reduction, arms: Arms) -> Flow:
    """Count who entered and, by arm and reason, who did not; raises `MethodError` for an empty arm."""
    n_units = len(panel.units)
    reasons = [
        *cohort_reasons(panel),
        ("weight 0", reduced.weight == 0),
        ("no KPI value", np.ones(n_units, dtype=bool)),
    ]
    rows = np.bincount(panel.observations.unit, minlength=n_units)
    left_out = left_out_by_reason(~reduced.entering, reasons, arms.labels, rows)
    for index in reversed(range(2)):
        if not (reduced.arm == index).any():
            raise MethodError(
                f"no {ARM_NAMES[index]} unit enters",
                where=f"the arms of {panel.columns.outcome}",
                remedy=f"{why_empty(left_out)}; add {ARM_NAMES[index]} units",
            )
    counts = []
    for index in range(2):
        units = int((reduced.arm == index).sum())
        clusters = int((reduced.sums[:, index] > 0).sum())
        counts.append(ArmCount(units, clusters, units, float(reduced.arm_weight[index])))
    shares = []
    for code in (TRAINED, CONTROL):
        members = (arms.code == code) & (reduced.weight > 0)
        shares.append(np.array([(members & reduced.entering).sum() / max(int(members.sum()), 1)]))
    period = panel.periods.text(0)
    return Flow(
        trained=counts[0],
        control=counts[1],
        left_out=tuple(left_out),
        baseline=(),
        followup=(period,),
        trained_in_window=int((arms.code == TRAINED).sum()),
        coverage=Coverage((period,), shares[0], shares[1]),
        unit=panel.columns.unit,
    )
