"""Calendars of a rollout under a capacity, judged by what each lets the study see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError, require_counts
from attribution.planning.mde import analytic_mde, no_mde, require_span, small_waves
from attribution.planning.records import Mde, Noise, Plan, PlannedCohort
from attribution.planning.sizes import shared_out, sizes_like

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """One way to roll out: how many teams start when, and what it lets the study see.

    `starts[k]` are periods from the launch, 0, and `counts[k]` the teams that start then; `holdback` teams never do.
    `plan` holds the periods that are compared: waves after its last one stand for those not yet trained.
    """

    name: str
    starts: tuple[int, ...]
    counts: tuple[int, ...]
    holdback: int
    plan: Plan
    mde: Mde

    @property
    def done(self) -> int:
        """The number of periods until everybody who is to be trained has started."""
        return self.starts[-1] + 1

    @property
    def trained_by_followup(self) -> int:
        """The number of teams that are trained by the end of what is compared."""
        return self.plan.trained_clusters


def calendars(
    sizes: Floats,
    noise: Noise,
    *,
    capacity: int,
    periods: int,
    followup: int,
    baseline: int,
    holdback: int = 0,
    washout: int = 0,
    level: float = 0.95,
    power: float = 0.8,
) -> tuple[Calendar, ...]:
    """Return the calendars that a capacity allows, the smallest MDE first; of equal ones the one that is done first.

    Calendars whose waves have too few teams for the formula stand after the others.

    `sizes[n_teams]` are the units of the teams that are assigned at random. At most `capacity` teams start in one
    period, all but `holdback` within `periods` periods from the launch; the KPI is known for `baseline` periods before
    the launch and `followup` from there on, and the first `washout` periods after a start do not count. Candidates are
    one wave against the held back, waitlists (one wave against those who start later), and waves of even size at even
    distances. Which team is in which wave is not known yet: sizes are spread alike. Raises `MethodError` for numbers
    that conflict, naming them, and where no calendar has an MDE.

    Examples
    --------
    >>> import numpy as np
    >>> from attribution.planning.history import declared_noise
    >>> noise = declared_noise(sd=1.0, icc=0.2, autocorrelation=0.5, span=10)
    >>> best = calendars(np.full(20, 10.0), noise, capacity=10, periods=6, followup=6, baseline=4)[0]
    >>> best.name, sum(best.counts) + best.holdback
    ('waitlist', 20)

    Source: Hussey & Hughes (2007), Contemporary Clinical Trials 28, for waves as a design; the MDE is `analytic_mde`'s.
    """
    _require_feasible(len(sizes), capacity, periods, followup, baseline, holdback)
    require_counts(washout=(washout, 0))
    found = []
    for name, starts, counts, stop in _candidates(len(sizes) - holdback, capacity, periods, followup, holdback):
        if stop <= washout:
            continue  # all that is compared would be washout
        plan = _plan(sizes, starts, counts, baseline, stop, washout)
        require_span(plan, noise)
        try:
            mde = analytic_mde(plan, noise, level=level, power=power)
        except MethodError as error:
            # A calendar that the estimator cannot use stays in the table with what is wrong.
            mde = no_mde(f"{error.what}: {error.remedy}", level, power)
        found.append(Calendar(name, starts, counts, holdback, plan, mde))
    seen = [one for one in found if np.isfinite(one.mde.mde)]
    if not seen:
        reasons = "; ".join(dict.fromkeys(one.mde.reason for one in found)) or "there is nobody to compare with"
        raise MethodError(
            f"none of {len(found)} calendars can see an effect: {reasons}",
            where="calendars",
            remedy="hold teams back, or allow more periods between the first start and the last",
        )
    return tuple(sorted(found, key=_order))


def _order(one: Calendar) -> tuple[bool, float, int, int]:
    # Of waves of a few teams the formula promises too much: they stand after the others.
    few = np.isfinite(one.mde.mde) and small_waves(one.plan)[0] > 0
    # Rounded: equal calendars differ in the last bits.
    mde = float(f"{one.mde.mde:.9g}") if np.isfinite(one.mde.mde) else np.inf
    return few or not np.isfinite(mde), mde, one.done, len(one.starts)


def _require_feasible(teams: int, capacity: int, periods: int, followup: int, baseline: int, holdback: int) -> None:
    require_counts(
        capacity=(capacity, 1),
        periods=(periods, 1),
        followup=(followup, 1),
        baseline=(baseline, 1),
        holdback=(holdback, 0),
    )
    if teams - holdback < 1:
        raise MethodError(
            f"holdback is {holdback} of {teams} teams", where="holdback", remedy="hold back fewer teams than there are"
        )
    if capacity * periods < teams - holdback:
        raise MethodError(
            f"capacity {capacity} × {periods} periods = {capacity * periods} < {teams - holdback} teams to train",
            where="capacity, periods, holdback",
            remedy="train more teams in a period, allow more periods, or hold more teams back",
        )


def _candidates(
    train: int, capacity: int, periods: int, followup: int, holdback: int
) -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...], int]]:
    """Yield name, starts, counts, and the period in which the comparison stops, all from the launch."""
    if holdback and train <= capacity:
        yield "one wave", (0,), (train,), followup
    first = min(capacity, (train + holdback + 1) // 2)
    rest = train - first
    later = -(-rest // capacity)
    for second in range(1, min(periods - later, followup) + 1):
        if rest:
            yield "waitlist", (0, *range(second, second + later)), (first, *shared_out(rest, later)), second
    for waves in range(2 if holdback else 3, min(periods, train) + 1):
        if -(-train // waves) > capacity:
            continue
        for step in range(1, (periods - 1) // (waves - 1) + 1):
            starts = tuple(step * wave for wave in range(waves))
            # Once the last wave starts nobody is left to compare with, unless teams are held back.
            stop = followup if holdback else min(followup, starts[-1])
            if sum(start < stop for start in starts) > 1:
                yield f"{waves} waves", starts, shared_out(train, waves), stop


def _plan(
    sizes: Floats, starts: tuple[int, ...], counts: tuple[int, ...], baseline: int, stop: int, washout: int
) -> Plan:
    inside = [(start, count) for start, count in zip(starts, counts, strict=True) if start < stop]
    untrained = len(sizes) - sum(count for _, count in inside)
    cohorts = [PlannedCohort(baseline + start, sizes_like(sizes, count)) for start, count in inside]
    if untrained:
        cohorts.append(PlannedCohort(None, sizes_like(sizes, untrained)))
    single = len(inside) == 1
    # Two windows leave the washout out of the second; in a rollout each wave has its own.
    return Plan(
        method="did" if single else "staggered",
        options={} if single or not washout else {"washout": washout},
        cohorts=tuple(cohorts),
        baseline=tuple(range(baseline)),
        followup=tuple(range(baseline + washout * single, baseline + stop)),
        source="the rollout's calendar",
    )
