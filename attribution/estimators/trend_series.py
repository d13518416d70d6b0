"""From a panel to the series that `trend` looks at: one mean a period, freed of who was absent, everybody counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, Arms, Window, two_window_arms
from attribution.core.flow import ArmCount, Coverage, Flow, LeftOut, left_out_by_reason
from attribution.core.panel import Panel
from attribution.core.periods import Periods, ordinals
from attribution.errors import DataError, MethodError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ARMS = ((TRAINED, "trained"), (CONTROL, "control"))


@dataclass(frozen=True, slots=True, eq=False)
class TrendSeries:
    """The series of the trained and, where asked for, of the never trained, over the periods that enter.

    `codes[n]` are these periods, `time[n]` counts the panel's steps from the first of them, gaps included; `launch` is
    the time of the adoption. `flow` counts every unit and row once.
    """

    codes: NDArray[np.intp]
    time: NDArray[np.int64]
    launch: int
    trained: Floats
    control: Floats | None
    outcome_range: tuple[float, float]
    flow: Flow
    notes: tuple[str, ...]


def trend_series(panel: Panel, before: Window, after: Window, *, compare: bool) -> TrendSeries:
    """Reduce a panel to the weighted mean of the trained units per period, and with `compare` of the never trained.

    A unit enters with a KPI value in both windows; a period, with one of each arm. Where cells are missing, the mean is
    that of period effects fitted within units, so that who is absent in a period does not move the series. Raises
    `MethodError` where the trained adopt in several periods or after the follow-up begins, and for an empty arm;
    `DataError` where the units of an arm are not linked by common periods.
    """
    arms = two_window_arms(panel, before, after, "never")
    cells = _Cells.of(panel, before, after, arms, compare)
    flow = _flow(panel, cells, arms, before, after)
    _require_arms(flow, compare)
    launch = _launch(panel, cells, after)
    codes = np.flatnonzero(cells.usable)
    steps = _steps(panel.periods)
    means, notes = [], []
    for code, name in ARMS[: 1 + compare]:
        rows = cells.rows & (arms.code == code)[panel.observations.unit]
        mean, absent = _period_means(panel, rows, codes, name)
        means.append(mean)
        if absent:
            notes.append(
                f"{absent} values of {name} units are missing: the series is that of period effects fitted within units"
            )
    window = np.concatenate([before.codes, after.codes])
    gone = [panel.periods.text(int(code)) for code in window if not cells.usable[code]]
    if gone:
        notes.append(f"{len(gone)} periods of the windows have no value and are a gap in the series: {', '.join(gone)}")
    used = panel.observations.outcome[cells.rows]
    return TrendSeries(
        codes=codes,
        time=steps[codes] - steps[codes[0]],
        launch=int(steps[launch] - steps[codes[0]]),
        trained=means[0],
        control=means[1] if compare else None,
        outcome_range=(float(used.min()), float(used.max())),
        flow=flow,
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Which units enter, in which periods, with which rows; `window[n_periods]` is 0, 1, or −1 for neither."""

    entering: Mask
    usable: Mask
    rows: Mask
    window: NDArray[np.int8]

    @classmethod
    def of(cls, panel: Panel, before: Window, after: Window, arms: Arms, compare: bool) -> _Cells:
        observations, n_units, n_periods = panel.observations, len(panel.units), len(panel.periods)
        window = np.full(n_periods, -1, dtype=np.int8)
        window[before.codes], window[after.codes] = 0, 1
        member = (arms.code == TRAINED) | ((arms.code == CONTROL) & compare)
        member &= panel.weights > 0
        present = ~np.isnan(observations.outcome) & member[observations.unit]
        usable = window >= 0
        # A period that an arm has no value in leaves both arms, and may take the last value of a unit with it.
        while True:
            rows = present & usable[observations.period]
            entering = member.copy()
            for one in (0, 1):
                inside = rows & (window == one)[observations.period]
                entering &= np.bincount(observations.unit[inside], minlength=n_units) > 0
            rows &= entering[observations.unit]
            found = usable.copy()
            for code, _ in ARMS[: 1 + compare]:
                mine = rows & (arms.code == code)[observations.unit]
                found &= np.bincount(observations.period[mine], minlength=n_periods) > 0
            if (found == usable).all():
                return cls(entering, usable, rows, window)
            usable = found


def _launch(panel: Panel, cells: _Cells, after: Window) -> int:
    """Return the code of the period in which all trained units that enter adopt."""
    adopted = Counter(panel.units.adopted[cells.entering & (panel.units.adopted <= after.codes[-1])].tolist())
    dates = ", ".join(f"{count} in {panel.periods.text(int(code))}" for code, count in sorted(adopted.items()))
    if len(adopted) > 1:
        raise MethodError(
            f"the trained units adopt in {len(adopted)} periods ({dates}), and a trend has one launch",
            where="trend",
            remedy="give the panel of the units that adopted in one period, with the windows around it, or compare "
            "with units not yet trained by a method for staggered adoption",
        )
    (launch,) = adopted
    if launch > after.codes[0]:
        raise MethodError(
            f"the follow-up begins in {panel.periods.text(int(after.codes[0]))}, the training in "
            f"{panel.periods.text(int(launch))}",
            where="followup",
            remedy="begin the follow-up with the launch or later; earlier periods belong to the baseline",
        )
    return int(launch)


def _steps(periods: Periods) -> NDArray[np.int64]:
    """Return each period's place in time, in steps of the finest distance between the panel's periods.

    Dates on one day of the month, or all on its last, are counted in months: these are of unequal length.
    """
    labels = periods.labels
    place = ordinals(labels)
    if isinstance(labels, pd.DatetimeIndex):
        monthly = len(np.unique(labels.day)) == 1 or bool(labels.is_month_end.all())
        place = (labels.year * 12 + labels.month if monthly else labels.to_julian_date()).to_numpy().astype(np.int64)
        if len(np.unique(place)) < len(labels):
            place = ordinals(labels)
    steps = place - place[0]
    return np.asarray(steps // max(int(np.gcd.reduce(steps)), 1))


def _period_means(panel: Panel, rows: Mask, codes: NDArray[np.intp], name: str) -> tuple[Floats, int]:
    """Return the weighted mean of an arm's units in each period, and how many of their values are missing.

    Without a hole it is the plain weighted mean; otherwise m_t plus the mean of a_i, from least squares of
    y_it = a_i + m_t by unit weight.
    """
    observations = panel.observations
    members, unit = np.unique(observations.unit[rows], return_inverse=True)
    period = np.searchsorted(codes, observations.period[rows])
    value, weight = observations.outcome[rows], panel.weights[members]
    shape = (len(members), len(codes))
    holes = shape[0] * shape[1] - len(value)
    if not holes:
        return weight @ value.reshape(shape) / weight.sum(), 0
    there, kpi = np.zeros(shape), np.zeros(shape)
    there[unit, period], kpi[unit, period] = 1.0, value
    share = weight / there.sum(axis=1)
    linked = np.diag(weight @ there) - there.T @ (share[:, None] * there)
    spectrum = np.linalg.eigvalsh(linked)
    if spectrum[1] <= 1e-10 * spectrum[-1]:
        raise DataError(
            f"the {shape[0]} {name} units fall into groups that are observed in no period together",
            where=f"column {panel.columns.outcome!r}",
            remedy="give units that are observed across the periods, or windows in which the same units are observed",
        )
    right = weight @ kpi - there.T @ (share * kpi.sum(axis=1))
    effect = np.linalg.solve(linked + spectrum[-1] / len(codes), right)
    own = (kpi.sum(axis=1) - there @ effect) / there.sum(axis=1)
    return effect + weight @ own / weight.sum(), holes


def _require_arms(flow: Flow, compare: bool) -> None:
    counts = {"never trained": flow.control.units} if compare else {}
    for name, count in (counts | {"trained": flow.trained.units}).items():
        if not count:
            parts = [f"{part.units} {part.arm}: {part.reason}" for part in flow.left_out if part.units]
            why = f"left out were {'; '.join(parts)}" if parts else "the data hold no such unit"
            raise MethodError(
                f"no {name} unit has a KPI value in both windows",
                where=f"baseline {_span(flow.baseline)}, follow-up {_span(flow.followup)}",
                remedy=f"{why}; choose other windows or give {name} units"
                + (", or leave the control out (controls='none')" if name != "trained" else ""),
            )


def _span(labels: tuple[str, ...]) -> str:
    return labels[0] if len(labels) == 1 else f"{labels[0]} to {labels[-1]}"


def _flow(panel: Panel, cells: _Cells, arms: Arms, before: Window, after: Window) -> Flow:
    observations, compare = panel.observations, bool((cells.entering & (arms.code == CONTROL)).any())
    counts = []
    for code, _ in ARMS:
        mine = cells.entering & (arms.code == code)
        clusters = len(np.unique(panel.units.cluster[mine]))
        rows = int((cells.rows & mine[observations.unit]).sum())
        counts.append(ArmCount(int(mine.sum()), clusters, rows, float(panel.weights[mine].sum())))
    codes = np.flatnonzero(cells.window >= 0)
    shares = []
    for code, _ in ARMS:
        members = (arms.code == code) & (panel.weights > 0)
        seen = members[observations.unit] & ~np.isnan(observations.outcome)
        share = np.bincount(observations.period[seen], minlength=len(panel.periods))[codes] / max(members.sum(), 1)
        shares.append(share if code == TRAINED or compare else np.full(len(codes), np.nan))
    text = panel.periods.text
    return Flow(
        trained=counts[0],
        control=counts[1],
        left_out=(*_units_left_out(panel, cells, arms, compare), *_rows_left_out(panel, cells, arms)),
        baseline=tuple(text(int(code)) for code in before.codes),
        followup=tuple(text(int(code)) for code in after.codes),
        trained_in_window=int((arms.code == TRAINED).sum()),
        coverage=Coverage(tuple(text(int(code)) for code in codes), shares[0], shares[1]),
        unit=panel.columns.unit,
    )


def _units_left_out(panel: Panel, cells: _Cells, arms: Arms, compare: bool) -> list[LeftOut]:
    observations, n_units = panel.observations, len(panel.units)
    gone = ~cells.entering
    rows = np.bincount(observations.unit, minlength=n_units)
    valued = ~np.isnan(observations.outcome)
    seen = cells.window[observations.period]
    has = [np.bincount(observations.unit[valued & (seen == one)], minlength=n_units) > 0 for one in (0, 1)]
    reasons: list[tuple[str, Mask]] = [
        ("adopted in or before the baseline", arms.labels == "trained before follow-up"),
        ("adopted after the follow-up, not a control here", (arms.code == LEFT_OUT) & (arms.labels == "trained later")),
        ("never trained, not of the trained arm", (arms.code == CONTROL) & (not compare)),
        ("weight 0", panel.weights == 0),
        ("no KPI value in either window", ~has[0] & ~has[1]),
        ("no KPI value in the baseline", ~has[0]),
        ("no KPI value in the follow-up", ~has[1]),
        ("KPI values only in periods without comparison", np.ones(n_units, dtype=bool)),
    ]
    return left_out_by_reason(gone, reasons, arms.labels, rows)


def _rows_left_out(panel: Panel, cells: _Cells, arms: Arms) -> list[LeftOut]:
    observations = panel.observations
    inside = cells.entering[observations.unit]
    window = cells.window[observations.period] >= 0
    missing = np.isnan(observations.outcome)
    reasons = [
        ("rows outside the windows", inside & ~window),
        ("rows without a KPI value", inside & window & missing),
        ("rows of periods without comparison", inside & window & ~missing & ~cells.rows),
    ]
    found = []
    for reason, mask in reasons:
        for code, name in ARMS:
            rows = int((mask & (arms.code == code)[observations.unit]).sum())
            if rows:
                found.append(LeftOut(name, reason, 0, rows))
    return found
