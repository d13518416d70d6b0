"""The flow of an estimate on two windows: every row and unit read is counted once, by arm and reason."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import (
    CONTROL,
    EARLY,
    LATER,
    LEFT_OUT,
    NEVER_TRAINED,
    SOON,
    TRAINED,
    UNRIPE,
    WARNED,
    Arms,
    Window,
)
from attribution.core.flow import ArmCount, Coverage, Flow, LeftOut, left_out_by_reason
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.windows.reduce import ARM_NAMES, Reduction

Mask = NDArray[np.bool_]

WHY_NOT = {
    EARLY: "adopted in or before the baseline",
    WARNED: "adopted within the anticipation after the baseline",
    UNRIPE: "adopted too late for the washout before the follow-up",
    SOON: "adopted within the anticipation after the follow-up",
    LATER: "adopted after the follow-up, not a control here",
    NEVER_TRAINED: "never trained, not of the trained arm",
}
"""Why a unit that its adoption leaves out of both arms is left out."""


def window_flow(
    panel: Panel,
    reduced: Reduction,
    arms: Arms,
    before: Window,
    after: Window,
    *,
    parts: Sequence[Window] = (),
    names: tuple[str, str] = ARM_NAMES,
) -> Flow:
    """Count what entered and, by arm and reason, what did not; raises `MethodError` for an empty arm."""
    left_out = [*_units_left_out(panel, reduced, arms, parts), *_rows_left_out(panel, reduced, names)]
    # The controls first: without them the trained have no comparison in any period, and are left out too.
    for index in reversed(range(reduced.n_arms)):
        name = names[index]
        if not (reduced.arm == index).any():
            raise MethodError(
                f"no {name} unit has a KPI value in {'both' if len(parts) < 2 else 'all'} windows",
                where=f"baseline {span(panel, before)}, follow-up {span(panel, after)}",
                remedy=f"{why_empty(left_out)}; choose other windows or add {name} units",
            )
    counts = tuple(_arm_count(reduced, index) for index in range(reduced.n_arms))
    coverage = _coverage(panel, reduced, arms)
    return flow_of(panel, reduced.entering, arms, before, after, counts=counts, left_out=left_out, coverage=coverage)


def flow_of(
    panel: Panel,
    entering: Mask,
    arms: Arms,
    before: Window,
    after: Window,
    *,
    counts: tuple[ArmCount, ...],
    left_out: list[LeftOut],
    coverage: Coverage,
    exposure: tuple[int, ...] = (),
) -> Flow:
    """Return the flow of two windows; `counts` are those of the trained and, where there is a comparison, of it."""
    return Flow(
        trained=counts[0],
        control=counts[1] if len(counts) > 1 else ArmCount(0, 0, 0, 0.0),
        left_out=tuple(left_out),
        baseline=tuple(panel.periods.text(int(code)) for code in before.codes),
        followup=tuple(panel.periods.text(int(code)) for code in after.codes),
        trained_in_window=adopted_between(panel, before, after),
        coverage=coverage,
        later=later_adopters(panel, entering, arms),
        unit=panel.columns.unit,
        exposure=exposure,
    )


def adopted_between(panel: Panel, before: Window, after: Window) -> int:
    """Return how many units adopt after the baseline and by the end of the follow-up: all who cost in it."""
    adopted = panel.units.adopted
    return int(((adopted > before.codes[-1]) & (adopted <= after.codes[-1])).sum())


def later_adopters(panel: Panel, entering: Mask, arms: Arms) -> tuple[tuple[str, int], ...]:
    """Return how many controls adopt after the follow-up, by period."""
    later = panel.units.adopted[entering & (arms.code == CONTROL) & np.isin(arms.labels, (LATER, SOON))]
    codes, counts = np.unique(later, return_counts=True)
    return tuple((_period_text(panel, int(code)), int(count)) for code, count in zip(codes, counts, strict=True))


def _period_text(panel: Panel, code: int) -> str:
    return panel.periods.text(code) if code < len(panel.periods) else "after the last period"


def span(panel: Panel, window: Window) -> str:
    """Return a window's first and last period, as text."""
    first, last = panel.periods.text(int(window.codes[0])), panel.periods.text(int(window.codes[-1]))
    return first if first == last else f"{first} to {last}"


def why_empty(left_out: list[LeftOut]) -> str:
    """Say why nobody entered, as the beginning of a remedy."""
    parts = [f"{part.units} {part.arm}: {part.reason}" for part in left_out if part.units]
    return "left out were " + "; ".join(parts) if parts else "the data hold no such unit"


def _arm_count(reduced: Reduction, index: int) -> ArmCount:
    return ArmCount(
        units=int((reduced.arm == index).sum()),
        clusters=int((reduced.sums[:, index] > 0).sum()),
        rows=int(reduced.observed[index, reduced.in_window >= 0].sum()),
        weight=float(reduced.arm_weight[index]),
    )


def _coverage(panel: Panel, reduced: Reduction, arms: Arms) -> Coverage:
    """Return the share of all units of each arm, measured or not, that have a KPI value in each period."""
    codes = np.flatnonzero(reduced.in_window >= 0)
    observations, weighted = panel.observations, reduced.weight > 0
    shares = [np.full(len(codes), np.nan), np.full(len(codes), np.nan)]
    for index, code in enumerate((TRAINED, CONTROL)[: reduced.n_arms]):
        members = (arms.code == code) & weighted
        if reduced.used_rows is None:
            shares[index] = np.ones(len(codes))
            continue
        rows = members[observations.unit] & ~np.isnan(observations.outcome)
        counts = np.bincount(observations.period[rows], minlength=len(panel.periods))
        shares[index] = counts[codes] / max(int(members.sum()), 1)
    return Coverage(tuple(panel.periods.text(int(code)) for code in codes), shares[0], shares[1])


def _units_left_out(panel: Panel, reduced: Reduction, arms: Arms, parts: Sequence[Window]) -> list[LeftOut]:
    gone = ~reduced.entering
    if not gone.any():
        return []
    observations, n_units = panel.observations, len(panel.units)
    rows = np.bincount(observations.unit, minlength=n_units)
    window = reduced.in_window[observations.period]
    valued = ~np.isnan(observations.outcome)
    has = [np.bincount(observations.unit[valued & (window == w)], minlength=n_units) > 0 for w in (0, 1)]
    partial = np.zeros(n_units, dtype=bool)
    for part in parts:
        inside = np.isin(observations.period, part.codes)
        partial |= np.bincount(observations.unit[valued & inside], minlength=n_units) == 0
    reasons: list[tuple[str, Mask]] = [
        *arm_reasons(arms, reduced.n_arms),
        *cohort_reasons(panel),
        ("weight 0", reduced.weight == 0),
        ("no KPI value in either window", ~has[0] & ~has[1]),
        ("no KPI value in the baseline", ~has[0]),
        ("no KPI value in the follow-up", ~has[1]),
        ("no KPI value in one of the follow-up's windows", partial),
        ("KPI values only in periods without comparison", np.ones(n_units, dtype=bool)),
    ]
    return left_out_by_reason(gone, reasons, arms.labels, rows)


def arm_reasons(arms: Arms, n_arms: int) -> list[tuple[str, Mask]]:
    """Return the reasons that adoption gives for leaving a unit out, each with its units."""
    left_out = arms.code == LEFT_OUT
    reasons = [(reason, left_out & (arms.labels == label)) for label, reason in WHY_NOT.items()]
    return [*reasons, ("not of the trained arm", (arms.code == CONTROL) & (n_arms == 1))]


def cohort_reasons(panel: Panel) -> list[tuple[str, Mask]]:
    """Return the reasons for which a panel's cohort gives no weight, each with its units."""
    cohort = panel.cohort
    if cohort is None or cohort.reasons is None:
        return []
    known = np.unique(cohort.reasons[cohort.reasons != ""].astype(str))
    return [(f"not in the cohort: {reason}", cohort.reasons == reason) for reason in known]


def _rows_left_out(panel: Panel, reduced: Reduction, names: tuple[str, str]) -> list[LeftOut]:
    arms = list(enumerate(names[: reduced.n_arms]))
    if reduced.used_rows is None:
        # Without a hole every unit has one row in each period.
        outside = int((reduced.in_window < 0).sum())
        counts = [(name, outside * int((reduced.arm == index).sum())) for index, name in arms]
        return [LeftOut(name, "rows outside the windows", 0, rows) for name, rows in counts if rows]
    observations = panel.observations
    inside = reduced.entering[observations.unit]
    window = reduced.in_window[observations.period] >= 0
    missing = np.isnan(observations.outcome)
    arm = reduced.arm[observations.unit]
    reasons = [
        ("rows outside the windows", inside & ~window),
        ("rows without a KPI value", inside & window & missing),
        ("rows of periods without comparison", inside & window & ~missing & ~reduced.used_rows),
    ]
    found = []
    for reason, mask in reasons:
        for index, name in arms:
            rows = int((mask & (arm == index)).sum())
            if rows:
                found.append(LeftOut(name, reason, 0, rows))
    return found
