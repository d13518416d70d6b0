"""The flow of repeated cross-sections: every row read is counted once, by arm and reason."""

from __future__ import annotations

import numpy as np

from attribution.core.arms import CONTROL, TRAINED, Arms, Window
from attribution.core.flow import ArmCount, Coverage, Flow, left_out_by_reason
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.windows.cross_sections import CrossReduction
from attribution.estimators.windows.flow import arm_reasons, flow_of, span, why_empty
from attribution.estimators.windows.reduce import ARM_NAMES


def cross_flow(
    panel: Panel,
    reduced: CrossReduction,
    arms: Arms,
    before: Window,
    after: Window,
    *,
    names: tuple[str, str] = ARM_NAMES,
) -> Flow:
    """Count the rows that entered and, by arm and reason, those that did not; raises `MethodError` for an empty cell.

    A unit is a row; the effect speaks for the trained rows of the follow-up, `exposure` by period.
    """
    reasons = [
        *arm_reasons(arms, reduced.n_arms),
        ("weight 0", reduced.weight == 0),
        ("outside the windows", reduced.in_window[panel.observations.period] < 0),
        ("no KPI value", np.ones(len(arms.code), dtype=bool)),
    ]
    left_out = left_out_by_reason(~reduced.entering, reasons, arms.labels, np.ones(len(arms.code), dtype=np.int64))
    windows = [(0, before, "baseline")]
    windows += [(place, after, "follow-up") for place in range(1, reduced.window.shape[1])]
    for index in reversed(range(reduced.n_arms)):
        for place, window, called in windows:
            if not (reduced.window[:, place] & (reduced.arm == index)).any():
                missing = f"{names[index]} rows in {span(panel, window)}"
                raise MethodError(
                    f"no {names[index]} row has a KPI value in {'the' if place < 2 else 'a window of the'} {called}",
                    where=f"baseline {span(panel, before)}, follow-up {span(panel, after)}",
                    remedy=f"{why_empty(left_out)}; choose other windows or add {missing}",
                )
    return flow_of(
        panel,
        reduced.entering,
        arms,
        before,
        after,
        counts=tuple(_arm_count(reduced, index) for index in range(reduced.n_arms)),
        left_out=left_out,
        coverage=_coverage(panel, reduced, arms),
        exposure=tuple(int(count) for count in reduced.observed[0, after.codes]),
    )


def _arm_count(reduced: CrossReduction, index: int) -> ArmCount:
    rows = int((reduced.arm == index).sum())
    return ArmCount(rows, int((reduced.sums[:, index] > 0).sum()), rows, float(reduced.arm_weight[index]))


def _coverage(panel: Panel, reduced: CrossReduction, arms: Arms) -> Coverage:
    """Return the share of the rows of each arm and period that have a KPI value."""
    codes = np.flatnonzero(reduced.in_window >= 0)
    shares = [np.full(len(codes), np.nan), np.full(len(codes), np.nan)]
    observations, n_periods = panel.observations, len(panel.periods)
    for index, code in enumerate((TRAINED, CONTROL)[: reduced.n_arms]):
        members = (arms.code == code) & (reduced.weight > 0)
        valued = members & ~np.isnan(observations.outcome)
        counts = [np.bincount(observations.period[rows], minlength=n_periods)[codes] for rows in (valued, members)]
        shares[index] = counts[0] / np.maximum(counts[1], 1)
    return Coverage(tuple(panel.periods.text(int(code)) for code in codes), shares[0], shares[1])
