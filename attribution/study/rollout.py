"""A rollout planned before it starts: the calendar that sees the smallest effect, and which team starts when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.core.panel import Panel
from attribution.design.schema import Kpi, StudyDesign
from attribution.errors import DataError, MethodError, require_counts, require_type
from attribution.planning.assign import assign
from attribution.planning.mde import analytic_mde
from attribution.planning.placebo_panel import before_of
from attribution.planning.records import Mde, Plan, PlannedCohort
from attribution.planning.rollout import Calendar, calendars
from attribution.study.link import link
from attribution.study.planned import planned
from attribution.study.power import noise_over
from attribution.study.sources import read_if_there
from attribution.study.teams import Team, merged, teams_of, teams_of_file

if TYPE_CHECKING:
    import pandas as pd

TRIES = 1_000
"""Draws until teams that start together fit into the capacity of every period."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """One team's place: `wave` counts from 1, 0 is held back; `start` is the period as the design writes it, or ""."""

    team: str
    units: float
    stratum: str
    wave: int
    start: str
    randomised: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rollout:
    """The calendars that were judged, the one that was chosen, and which team starts when.

    `drawn` is the MDE of the teams as drawn, with their own sizes, in KPI units. `notes` say what was taken for given.
    """

    study: str
    kpi: Kpi
    calendars: tuple[Calendar, ...] = field(repr=False)
    drawn: Mde
    labels: tuple[str, ...]
    teams: tuple[Assigned, ...] = field(repr=False)
    baselines: tuple[float, ...]
    seed: int
    tries: int
    notes: tuple[str, ...]

    @property
    def chosen(self) -> Calendar:
        """The calendar that the teams were drawn for: the first of `calendars`."""
        return self.calendars[0]

    def tidy(self) -> pd.DataFrame:
        """Return one row per calendar: `calendar, starts, teams, held_back, mde, periods_until_done, caveats`."""
        import pandas as pd

        rows = [
            (
                one.name,
                ", ".join(self.labels[start] for start in one.starts),
                ", ".join(map(str, one.counts)),
                one.holdback,
                one.mde.mde,
                one.done,
                one.mde.reason or "; ".join(one.mde.caveats),
            )
            for one in self.calendars
        ]
        return pd.DataFrame(
            rows, columns=["calendar", "starts", "teams", "held_back", "mde", "periods_until_done", "caveats"]
        )

    def assignment(self) -> pd.DataFrame:
        """Return one row per team: `team, units, stratum, wave, start, randomised`."""
        import pandas as pd

        return pd.DataFrame(
            [(one.team, one.units, one.stratum, one.wave, one.start, one.randomised) for one in self.teams],
            columns=["team", "units", "stratum", "wave", "start", "randomised"],
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        caption = f"{self.study}: {self.chosen.name}, MDE {self.drawn.mde:.4g} {self.kpi.unit} as drawn"
        return table_html(self.tidy(), caption=caption) + table_html(self.assignment())


def plan_rollout(
    design: StudyDesign,
    *,
    capacity: int,
    periods: int | None = None,
    first: Sequence[str] = (),
    together: Sequence[Sequence[str]] = (),
    holdback: int = 0,
    by: str | None = None,
    teams: Path | None = None,
    seed: int | None = None,
) -> Rollout:
    """Return the calendar of a rollout that sees the smallest effect, and a stratified random draw of the teams for it.

    Teams are the clusters of the design's data, as far as nobody in them is trained yet, or those of a file. Calendars
    are waitlists and waves of even size under the capacity; each is judged by its MDE on the KPI's own history.

    Parameters
    ----------
    capacity
        How many teams can start in one period.
    periods
        In how many periods from the launch on teams may start, by default all of the follow-up.
    first
        Teams that must go first. They start before the draw, are in no comparison, and the MDE does not count them.
    together
        Groups of teams that would contaminate each other: each is drawn, and compared, as one.
    holdback
        How many of the drawn teams are not trained at all.
    by
        A column of `groups`, such as the site, within whose values the draw is balanced.
    teams
        A CSV file with a row a team: `team`, `units`, and where wanted `stratum` and `baseline`, its KPI so far.
    seed
        That of the draw, by default the design's.

    Raises
    ------
    MethodError
        Numbers or constraints that conflict, with their names.
    DataError
        No teams, or nothing that says how the KPI varies.

    Examples
    --------
    >>> import attribution as at
    >>> found = at.plan_rollout(at.load_design("designs/support-rollout.toml"), capacity=5)
    >>> found.chosen.holdback, sum(found.chosen.counts) == len(found.teams)
    (0, True)

    Source: Hussey & Hughes (2007), Contemporary Clinical Trials 28 (waves as a design); Kernan et al. (1999) (strata).
    """
    require_type(design, StudyDesign, name="design", remedy="load the file first: at.load_design(path)")
    seeded = design.inference.seed if seed is None else seed
    require_counts(seed=(seeded, 0))
    analysis = design.primary[0]
    source = read_if_there(design)
    linked = None if source is None else link(design, source, None)
    who = planned(design, analysis, linked, source)
    panel = None if linked is None else linked.panels[analysis.kpi]
    baseline = [who.places.first + place for place in who.places.baseline]
    everybody = _teams(panel, who.end, baseline, by, teams)
    leading = _known(first, everybody, "first")
    drawn = merged([one for one in everybody if one.name not in leading], together)
    lead = -(-len(leading) // capacity) if capacity > 0 else 0
    length = who.places.last - who.places.launch + 1
    open_periods = (length if periods is None else min(periods, length)) - lead
    if open_periods < 1:
        raise MethodError(
            f"{len(leading)} teams that go first fill all of the {open_periods + lead} periods",
            where="first, capacity, periods",
            remedy="let fewer teams go first, or allow more periods",
        )
    before = len(who.places.baseline) + lead
    sizes = np.array([one.units for one in drawn])
    noise = noise_over(design, analysis, linked, end=who.end, alone=bool((sizes == 1).all()))(before + length - lead)
    found = calendars(
        sizes,
        noise,
        capacity=capacity,
        periods=open_periods,
        followup=length - lead,
        baseline=before,
        holdback=holdback,
        washout=design.timing.washout,
        level=design.inference.level,
        power=design.power.power,
    )
    labels = who.places.labels[who.places.launch + lead :]
    wave, tries = _draw(drawn, found[0], capacity, seeded)
    return Rollout(
        study=design.study.id,
        kpi=design.kpi_of(analysis),
        calendars=found,
        drawn=_as_drawn(found[0], drawn, wave, noise, design),
        labels=labels,
        teams=_assigned(
            everybody, leading, drawn, wave, found[0], labels, who.places.labels[who.places.launch :], capacity
        ),
        baselines=tuple(
            float(np.mean([one.baseline for one, at in zip(drawn, wave, strict=True) if at == number]))
            for number in range(len(found[0].counts) + (holdback > 0))
        ),
        seed=seeded,
        tries=tries,
        notes=_notes(leading, together, lead, tries, noise.source, noise.assumed),
    )


def _teams(panel: Panel | None, end: int, baseline: Sequence[int], by: str | None, file: Path | None) -> list[Team]:
    if file is not None:
        return teams_of_file(file)
    if panel is None:
        raise DataError(
            "there are no data yet that hold the teams",
            where="teams",
            remedy="name them in a CSV file with the columns team and units: --teams FILE",
        )
    level, _ = before_of(panel, baseline)
    return teams_of(panel, end, level, by)


def _known(names: Sequence[str], teams: Sequence[Team], where: str) -> set[str]:
    known = {one.name for one in teams}
    strange = [name for name in names if name not in known]
    if strange:
        raise MethodError(
            f"there is no team {strange[0]!r}" + (f", nor {len(strange) - 1} more" if len(strange) > 1 else ""),
            where=where,
            remedy=f"choose among {', '.join(sorted(known)[:10])}{' …' if len(known) > 10 else ''}",
        )
    return set(names)


def _draw(drawn: Sequence[Team], calendar: Calendar, capacity: int, seed: int) -> tuple[np.ndarray[Any, Any], int]:
    """Return the arm of each team, drawn anew while teams that are one exceed the capacity of a period; and the tries.

    Every draw has its own child of the seed, so that the first that fits is the same on every machine.
    """
    counts = [*calendar.counts, *([calendar.holdback] if calendar.holdback else [])]
    heads = np.array([len(one.members) for one in drawn])
    values = np.array([one.baseline for one in drawn])
    level = np.where(np.isfinite(values), values, np.nanmean(values) if np.isfinite(values).any() else 0.0)
    for number, child in enumerate(np.random.SeedSequence(seed).generate_state(TRIES), start=1):
        arm = assign([one.name for one in drawn], level, [one.stratum for one in drawn], counts, seed=int(child))
        full = np.bincount(arm, weights=heads, minlength=len(counts))[: len(calendar.counts)]
        if (full <= capacity).all():
            return arm, number
    raise MethodError(
        f"teams that start together do not fit: no draw of {TRIES:,} keeps to a capacity of {capacity} in every period",
        where="together, capacity",
        remedy="train more teams in a period, or split the groups",
    )


def _as_drawn(
    calendar: Calendar, drawn: Sequence[Team], wave: np.ndarray[Any, Any], noise: Any, design: StudyDesign
) -> Mde:
    """Return the MDE of a calendar with the teams' own sizes."""
    sizes, plan = np.array([one.units for one in drawn]), calendar.plan
    before = len(plan.baseline)
    inside = [k for k, start in enumerate(calendar.starts) if before + start < plan.span]
    cohorts = [PlannedCohort(before + calendar.starts[k], sizes[wave == k]) for k in inside]
    rest = sizes[~np.isin(wave, inside)]
    if len(rest):
        cohorts.append(PlannedCohort(None, rest))
    own = Plan(plan.method, plan.options, tuple(cohorts), plan.baseline, plan.followup, plan.labels, "the draw")
    return analytic_mde(own, noise, level=design.inference.level, power=design.power.power)


def _assigned(
    everybody: Sequence[Team],
    leading: set[str],
    drawn: Sequence[Team],
    wave: np.ndarray[Any, Any],
    calendar: Calendar,
    labels: Sequence[str],
    launch: Sequence[str],
    capacity: int,
) -> tuple[Assigned, ...]:
    place = {member: int(at) for one, at in zip(drawn, wave, strict=True) for member in one.members}
    ahead = sorted(leading)
    found = []
    for one in sorted(everybody, key=lambda team: team.name):
        if one.name in leading:
            start = launch[ahead.index(one.name) // capacity]
            found.append(Assigned(one.name, one.units, one.stratum, 0, start, False))
            continue
        at = place[one.name]
        held = at >= len(calendar.starts)
        start = "" if held else labels[calendar.starts[at]]
        found.append(Assigned(one.name, one.units, one.stratum, 0 if held else at + 1, start, True))
    return tuple(found)


def _notes(
    leading: set[str], together: Sequence[Sequence[str]], lead: int, tries: int, source: str, assumed: Sequence[str]
) -> tuple[str, ...]:
    notes = [f"how the KPI varies: {source}", *assumed]
    if leading:
        notes.append(
            f"{len(leading)} of the teams go first by choice: they fill the first "
            f"{'period' if lead == 1 else 'periods'}, were not drawn, and are to be left out of the comparison"
        )
    if any(len(group) > 1 for group in together):
        notes.append(
            "teams that start together are one unit of assignment: name as cluster a column in which they are one"
        )
    if tries > 1:
        notes.append(f"the draw was repeated until it kept to the capacity: {tries} draws")
    return tuple(notes)
