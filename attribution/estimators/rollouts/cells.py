"""Group-time cells: which cohorts, periods, base periods and comparisons a rollout is cut into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import NEVER, Panel
from attribution.core.periods import ordinals
from attribution.errors import MethodError

Base = Literal["varying", "universal"]
Against = Literal["not_yet", "never", "last"]

Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The group-time cells of a rollout, ordered by cohort and period.

    Cohorts are the distinct adoption periods of units with a weight, never trained last: `adoption[n_cohorts]` period
    codes, `names` as a reader writes them, `label[n_units]` each unit's cohort, −1 for none. A cell k compares cohort
    `cohort[k]` between period `base[k]` and period `time[k]` with the cohorts `pool[k]`; `event[k]` counts the steps
    from adoption, and `post[k]` says whether the cell enters the overall effect. `clock[n_periods]` are the steps since
    the first period. `lacking` are cells of trained cohorts without a comparison, as (cohort, time).
    """

    adoption: NDArray[np.int32]
    names: tuple[str, ...]
    label: NDArray[np.int32]
    cohort: Codes
    time: Codes
    base: Codes
    pool: Mask
    event: Codes
    post: Mask
    clock: Codes
    lacking: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.cohort)

    @property
    def n_cohorts(self) -> int:
        return len(self.adoption)

    @property
    def trained(self) -> Mask:
        """Say of each cohort whether the overall effect speaks for it."""
        found = np.zeros(self.n_cohorts, dtype=bool)
        found[self.cohort[self.post]] = True
        return found

    @property
    def used(self) -> Mask:
        """Say of each cohort whether any cell uses it, as trained or as a comparison."""
        found: Mask = np.asarray(self.pool.any(axis=0))
        found[self.cohort] = True
        return found


def clock_of(panel: Panel) -> Codes:
    """Return the steps of each period since the first, a step being the largest that fits all gaps.

    Years, quarters and months that are missing from the data still count; dates count by their order.
    """
    periods = panel.periods
    if periods.kind == "date" or len(periods) == 1:
        return np.arange(len(periods))
    since = ordinals(periods.labels)
    since = since - since[0]
    return np.asarray(since // np.gcd.reduce(np.diff(since)))


def plan_cells(
    panel: Panel,
    *,
    controls: Against,
    base: Base,
    anticipation: int,
    washout: int,
    followup: Sequence[Any] | None = None,
) -> Cells:
    """Return the cells that a panel's adoption periods allow.

    A cell after adoption has the base period before it, `anticipation` steps earlier; a cell before adoption the period
    before its own (`varying`) or the same base (`universal`). The comparison is never trained (`never`), or not trained
    nor within `anticipation` steps of it in any period of the cell (`not_yet`), or the last cohort while it is not
    (`last`). Cells enter the overall effect from
    `washout` steps after adoption, in the periods of `followup` if given. Raises `MethodError` where no cell is left.
    """
    clock, n_periods = clock_of(panel), len(panel.periods)
    weighted = panel.weights > 0
    adoption = np.unique(panel.units.adopted[weighted])
    label = np.where(weighted, np.searchsorted(adoption, panel.units.adopted), -1).astype(np.int32)
    names = tuple(_name(panel, int(code)) for code in adoption)
    # The steps of adoption after the last period are not known: one is the least they can be.
    after = clock[-1] + 1
    since = np.array([clock[code] if code < n_periods else after for code in adoption])
    never = adoption == NEVER
    counted = np.ones(n_periods, dtype=bool)
    if followup is not None:
        counted[:] = False
        counted[panel.periods.codes(followup, where="followup")] = True
    rows: list[tuple[int, int, int, int, bool]] = []
    pools: list[Mask] = []
    lacking = []
    # A unit without any base period is in nobody's comparison: nothing is known of it untrained.
    has_base = np.array([bool((clock + anticipation < one).any()) for one in since]) | never
    ever = np.flatnonzero(has_base & ~never)
    last = np.isin(np.arange(len(adoption)), ever[-1:])
    for cohort in np.flatnonzero(has_base & ~never & (adoption < n_periods)):
        own = int(since[cohort])
        fixed = int(np.flatnonzero(clock + anticipation < own)[-1])
        for time in range(n_periods):
            event = int(clock[time]) - own
            start = time - 1 if base == "varying" and event < 0 else fixed
            if start < 0 or start == time:
                continue
            waiting = has_base & (since > clock[max(time, start)] + anticipation) & (np.arange(len(since)) != cohort)
            pool = {"never": never, "not_yet": never | waiting, "last": waiting & last}[controls]
            if not pool.any():
                lacking.append((int(cohort), time))
                continue
            rows.append((int(cohort), time, start, event, event >= washout and event >= 0 and bool(counted[time])))
            pools.append(pool)
    if not any(row[4] for row in rows):
        raise _nothing(panel, adoption, names, controls, has_base)
    table = np.array([row[:4] for row in rows], dtype=np.int64)
    return Cells(
        adoption=adoption,
        names=names,
        label=np.where((label >= 0) & has_base[label], label, -1).astype(np.int32),
        cohort=table[:, 0],
        time=table[:, 1],
        base=table[:, 2],
        pool=np.array(pools),
        event=table[:, 3],
        post=np.array([row[4] for row in rows]),
        clock=clock,
        lacking=tuple(lacking),
    )


def keep_cells(cells: Cells, keep: Mask) -> Cells:
    """Return the plan with some of its cells."""
    return replace(
        cells,
        cohort=cells.cohort[keep],
        time=cells.time[keep],
        base=cells.base[keep],
        pool=cells.pool[keep],
        event=cells.event[keep],
        post=cells.post[keep],
        lacking=(*cells.lacking, *zip(cells.cohort[~keep].tolist(), cells.time[~keep].tolist(), strict=True)),
    )


def _name(panel: Panel, code: int) -> str:
    if code == NEVER:
        return "never"
    return panel.periods.text(code) if code < len(panel.periods) else "after the last period"


def _nothing(
    panel: Panel, adoption: NDArray[np.int32], names: tuple[str, ...], controls: Against, has_base: Mask
) -> MethodError:
    """Return the error that says why no cell after adoption has a base period and a comparison."""
    inside = (adoption != NEVER) & (adoption < len(panel.periods))
    listed = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
    where = f"adoption in {panel.periods.text(0)} to {panel.periods.text(len(panel.periods) - 1)}"
    if not inside.any():
        return MethodError(
            f"no unit is trained within the periods of the data (adoption: {listed})",
            where=where,
            remedy="give data that reach beyond the first training, or check the column of adoption",
        )
    if not (inside & has_base).any():
        return MethodError(
            f"every trained unit adopted before there is a period to compare with (adoption: {listed})",
            where=where,
            remedy="add earlier periods, or shorten the anticipation",
        )
    if controls == "never" and NEVER not in adoption:
        return MethodError(
            "no unit is never trained",
            where="controls",
            remedy="compare with units that are not yet trained: controls='not_yet'",
        )
    return MethodError(
        f"no period after adoption counts and has units that are not yet trained (adoption: {listed})",
        where=where,
        remedy="all were trained at once, or washout and follow-up leave no period: without somebody untrained to "
        "compare with there is no effect; prepost gives the observed change",
    )
