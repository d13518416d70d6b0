"""A panel reduced to a table of sites by periods: whole sites are trained, and sites are what gets a weight."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, Arms, Controls, Window, two_window_arms
from attribution.core.flow import ArmCount, Coverage, Flow, LeftOut, left_out_by_reason
from attribution.core.panel import NEVER, Panel
from attribution.errors import DataError, MethodError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Sites with a KPI value in every period of the windows, the trained first.

    `table[n_sites, n_periods]` holds weighted means of the units observed, baseline first, less `center`; `own` the
    same means of these units' own levels over the windows, which move only where units come and go; `mass` is the
    weight behind each cell. `weight[n_sites]` is the summed weight of the units that enter, `cluster[n_sites]` the code
    of their cluster, `column[n_units]` their site (−1: left out) and `kpi[n_units, n_periods]` the unit's value (NaN:
    none). `adoption` is the code of the period in which all trained sites began.
    """

    table: Floats
    own: Floats
    mass: Floats
    n_trained: int
    n_pre: int
    adoption: int
    weight: Floats
    cluster: NDArray[np.int32]
    column: NDArray[np.int32]
    unit_weight: Floats = field(repr=False)
    kpi: Floats = field(repr=False)
    center: float
    outcome_range: tuple[float, float]
    codes: NDArray[np.int16]
    flow: Flow

    @property
    def share(self) -> Floats:
        """The trained sites' shares of the trained mean, by weight."""
        trained = self.weight[: self.n_trained]
        return np.asarray(trained / trained.sum())

    @property
    def several(self) -> bool:
        """Say whether a site holds more than one unit, so that its values are means."""
        return int((self.column >= 0).sum()) > len(self.table)

    @property
    def complete(self) -> bool:
        """Say whether every unit that enters has a KPI value in every period of the windows."""
        return not bool(np.isnan(self.kpi[self.column >= 0]).any())


def site_table(panel: Panel, before: Window, after: Window, controls: Controls) -> Sites:
    """Reduce a panel to its sites: the clusters, or the units themselves where there is no cluster.

    A donor site without a value in some period is left out, its units counted. Raises `MethodError` for sites that
    hold both arms, trained sites that began at several dates or after the follow-up did, and an empty arm; `DataError`
    for a trained site that lacks a period.
    """
    units, observations = panel.units, panel.observations
    arms = two_window_arms(panel, before, after, controls)
    weight, n_units, n_clusters = panel.weights, len(panel.units), len(panel.units.cluster_labels)
    codes = np.concatenate([before.codes, after.codes])
    place = np.full(len(panel.periods), -1, dtype=np.intp)
    place[codes] = np.arange(len(codes))
    _require_whole_sites(panel, arms, weight > 0)
    member = (arms.code != LEFT_OUT) & (weight > 0)
    rows = ~np.isnan(observations.outcome) & (place[observations.period] >= 0) & member[observations.unit]
    unit, at, outcome = observations.unit[rows], place[observations.period[rows]], observations.outcome[rows]
    center = float(outcome.mean()) if len(outcome) else 0.0
    kpi = np.full((n_units, len(codes)), np.nan)
    kpi[unit, at] = outcome - center
    seen = ~np.isnan(kpi)
    level = np.where(seen, kpi, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    cell = units.cluster[unit].astype(np.intp) * len(codes) + at
    shape = (n_clusters, len(codes))
    factors = (weight[unit], weight[unit] * kpi[unit, at], weight[unit] * level[unit])
    mass, sums, own = (_cell_sums(cell, one, shape) for one in factors)
    whole: Mask = np.asarray((mass > 0).all(axis=1))
    arm = np.full(n_clusters, LEFT_OUT, dtype=np.int8)
    arm[units.cluster[member]] = arms.code[member]
    _require_measured(panel, arm, mass, codes)
    _require_one_start(panel, arms.code == TRAINED, weight > 0, after)
    chosen = np.concatenate([np.flatnonzero((arm == TRAINED) & whole), np.flatnonzero((arm == CONTROL) & whole)])
    n_trained = int(((arm == TRAINED) & whole).sum())
    site = np.full(n_clusters, -1, dtype=np.int32)
    site[chosen] = np.arange(len(chosen))
    column = np.where(member & seen.any(axis=1), site[units.cluster], -1).astype(np.int32)
    entering = column >= 0
    flow = _flow(panel, arms, before, after, column, n_trained, place, whole[units.cluster])
    _require_arms(flow, n_trained, len(chosen))
    used = kpi[entering]
    first = int(np.flatnonzero(entering & (arms.code == TRAINED))[0])
    return Sites(
        table=sums[chosen] / mass[chosen],
        own=own[chosen] / mass[chosen],
        mass=mass[chosen],
        n_trained=n_trained,
        n_pre=len(before.codes),
        adoption=int(units.adopted[first]),
        weight=np.bincount(column[entering], weights=weight[entering], minlength=len(chosen)).astype(np.float64),
        cluster=chosen.astype(np.int32),
        column=column,
        unit_weight=weight,
        kpi=kpi,
        center=center,
        outcome_range=(float(np.nanmin(used)) + center, float(np.nanmax(used)) + center),
        codes=codes,
        flow=flow,
    )


def site_name(panel: Panel) -> str:
    """Return what the data call a site: the cluster's column, else the unit's."""
    return panel.columns.cluster or panel.columns.unit or "unit"


def _cell_sums(cell: NDArray[np.intp], factor: Floats, shape: tuple[int, int]) -> Floats:
    return np.bincount(cell, weights=factor, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def _require_whole_sites(panel: Panel, arms: Arms, weighted: Mask) -> None:
    """Raise `MethodError` where the units of a site are of several arms: half a site can be given no weight."""
    cluster = panel.units.cluster
    low = np.full(len(panel.units.cluster_labels), np.iinfo(np.int8).max, dtype=np.int8)
    high = np.full(len(low), np.iinfo(np.int8).min, dtype=np.int8)
    np.minimum.at(low, cluster[weighted], arms.code[weighted])
    np.maximum.at(high, cluster[weighted], arms.code[weighted])
    mixed = np.flatnonzero(high > low)
    if len(mixed):
        inside = weighted & (cluster == mixed[0])
        kinds = ", ".join(
            f"{int((arms.labels[inside] == one).sum())} {one}" for one in sorted(set(arms.labels[inside]))
        )
        raise MethodError(
            f"{len(mixed)} of the {site_name(panel)} clusters hold units of several arms; for example, "
            f"{panel.units.cluster_labels[mixed[0]]} holds {kinds}",
            where="synthetic",
            remedy="a site is trained as a whole or not at all: use 'did', or leave the others of these sites out of "
            "the data",
        )


def _require_measured(panel: Panel, arm: NDArray[np.int8], mass: Floats, codes: NDArray[np.int16]) -> None:
    trained = np.flatnonzero(arm == TRAINED)
    gaps = trained[(mass[trained] == 0).any(axis=1)]
    if len(gaps):
        missing = [panel.periods.text(int(code)) for code in codes[mass[gaps[0]] == 0]]
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        raise DataError(
            f"{len(gaps)} of {len(trained)} trained sites lack a KPI value in a period of the windows; for example, "
            f"{panel.units.cluster_labels[gaps[0]]} in {shown}",
            where=f"column {panel.columns.outcome!r}, by {site_name(panel)}",
            remedy="fill the value, shorten the windows to periods in which every trained site is measured, or leave "
            "the site out of the data",
        )


def _require_one_start(panel: Panel, trained: Mask, weighted: Mask, after: Window) -> None:
    starts = np.unique(panel.units.adopted[trained & weighted])
    if len(starts) > 1:
        shown = ", ".join(panel.periods.text(int(code)) for code in starts[:5])
        raise MethodError(
            f"the trained sites began at {len(starts)} dates ({shown}); a synthetic site needs one",
            where="synthetic",
            remedy="use 'staggered', or run one analysis for each date with the other trained sites left out",
        )
    if len(starts) and starts[0] > after.codes[0]:
        raise MethodError(
            f"the follow-up starts in {panel.periods.text(int(after.codes[0]))}, before training began in "
            f"{panel.periods.text(int(starts[0]))}",
            where="followup",
            remedy="begin the follow-up when training began, or later; earlier periods belong to the baseline",
        )


def _require_arms(flow: Flow, n_trained: int, n_sites: int) -> None:
    for name, count in (("trained", n_trained), ("untrained", n_sites - n_trained)):
        if not count:
            parts = [f"{part.units} {part.arm}: {part.reason}" for part in flow.left_out if part.units]
            why = "left out were " + "; ".join(parts) if parts else "the data hold no such site"
            raise MethodError(
                f"no {name} site has a KPI value in every period of both windows",
                where=f"baseline {', '.join(flow.baseline)}, follow-up {', '.join(flow.followup)}",
                remedy=f"{why}; choose other windows or add {name} sites",
            )


def _flow(
    panel: Panel,
    arms: Arms,
    before: Window,
    after: Window,
    column: NDArray[np.int32],
    n_trained: int,
    place: NDArray[np.intp],
    whole: Mask,
) -> Flow:
    """Count every unit and row once: what entered, and by arm and reason what did not."""
    entering, observations, adopted = column >= 0, panel.observations, panel.units.adopted
    codes = np.flatnonzero(place >= 0)
    valued = ~np.isnan(observations.outcome)
    inside = place[observations.period] >= 0
    used = entering[observations.unit] & valued & inside
    counts = []
    for index, name in ((0, "trained"), (1, "control")):
        mine = entering & ((column >= n_trained) == bool(index))
        rows = int((used & mine[observations.unit]).sum())
        counts.append((name, mine, ArmCount(int(mine.sum()), len(np.unique(column[mine])), rows, _sum(panel, mine))))
    later = adopted[counts[1][1] & (adopted != NEVER)]
    labels = [panel.periods.text(int(code)) if code < len(panel.periods) else "after the last period" for code in later]
    return Flow(
        trained=counts[0][2],
        control=counts[1][2],
        left_out=(*_units_left_out(panel, arms, entering, whole), *_rows_left_out(panel, counts, valued, inside)),
        baseline=tuple(panel.periods.text(int(code)) for code in before.codes),
        followup=tuple(panel.periods.text(int(code)) for code in after.codes),
        trained_in_window=int((arms.code == TRAINED).sum()),
        coverage=_coverage(panel, arms, valued, codes),
        later=tuple((label, labels.count(label)) for label in dict.fromkeys(labels)),
        unit=panel.columns.unit,
    )


def _sum(panel: Panel, mask: Mask) -> float:
    return float(panel.weights[mask].sum())


def _units_left_out(panel: Panel, arms: Arms, entering: Mask, whole: Mask) -> list[LeftOut]:
    gone = ~entering
    rows = np.bincount(panel.observations.unit, minlength=len(gone))
    silent = "outside the windows" if panel.kind == "repeated_cross_sections" else "no KPI value in either window"
    reasons: list[tuple[str, Mask]] = [
        ("adopted in or before the baseline", (arms.code == LEFT_OUT) & (arms.labels == "trained before follow-up")),
        ("adopted after the follow-up, not a control here", arms.code == LEFT_OUT),
        ("weight 0", panel.weights == 0),
        ("the site has no KPI value in some period of the windows", ~whole),
        (silent, np.ones(len(gone), dtype=bool)),
    ]
    return left_out_by_reason(gone, reasons, arms.labels, rows)


def _rows_left_out(panel: Panel, counts: list[tuple[str, Mask, ArmCount]], valued: Mask, inside: Mask) -> list[LeftOut]:
    found = []
    for reason, mask in (("rows outside the windows", ~inside), ("rows without a KPI value", inside & ~valued)):
        for name, mine, _ in counts:
            rows = int((mask & mine[panel.observations.unit]).sum())
            if rows:
                found.append(LeftOut(name, reason, 0, rows))
    return found


def _coverage(panel: Panel, arms: Arms, valued: Mask, codes: NDArray[np.intp]) -> Coverage:
    """Return the share of all units of each arm with a KPI value in each period; NaN where each unit is met once."""
    shares = []
    for code in (TRAINED, CONTROL):
        members = (arms.code == code) & (panel.weights > 0)
        rows = members[panel.observations.unit] & valued
        counts = np.bincount(panel.observations.period[rows], minlength=len(panel.periods))[codes]
        once = panel.kind == "repeated_cross_sections"
        shares.append(np.full(len(codes), np.nan) if once else counts / max(int(members.sum()), 1))
    return Coverage(tuple(panel.periods.text(int(code)) for code in codes), shares[0], shares[1])
