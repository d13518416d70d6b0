"""The coefficients of an event study, as an estimate holds them: pre periods, the reference, post periods."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Estimate
from attribution.core.terms import labels, part
from attribution.errors import MethodError, require_type
from attribution.numerics.honest import positive_definite

Floats = NDArray[np.float64]

WHOLE = re.compile(r"-?\d+")


@dataclass(frozen=True, slots=True, eq=False)
class EventPath:
    """Coefficients by event time around `reference`, which is left out: pre periods first, one period apart.

    `beta[n_pre + n_post]` with covariance `sigma`; `pre` and `post` are their event times.
    """

    pre: tuple[int, ...]
    post: tuple[int, ...]
    reference: int
    beta: Floats
    sigma: Floats = field(repr=False)

    @property
    def times(self) -> Floats:
        """Periods from the reference, negative before it."""
        return np.array([*self.pre, *self.post], dtype=np.float64) - self.reference


def event_path(
    estimate: Estimate,
    window: tuple[int, int] | None = None,
    reference: int | None = None,
    *,
    where: str = "event_path",
) -> EventPath:
    """Return the coefficients `effect[event=e]` of an estimate with their covariance, summed over strata.

    Labels that are no whole number, such as a mean over events, are not coefficients. `reference` is, unless given, the
    event whose value is exactly 0 without a variance, or −1 where it is absent. `window` is the first and last event to
    use. Raises `MethodError` where there is no event study, no reference or more than one, no pre or post period, a
    gap, or a covariance that is undefined or not of full rank.
    """
    require_type(estimate, Estimate, name="estimate", remedy="pass what an estimator returns, an event study")
    found = _events(estimate, window, where)
    terms = [estimate.terms.index(part("effect", "event", event)) for event in found]
    values = estimate.values[terms]
    sigma = estimate.covariance[:, terms][:, :, terms].sum(axis=0)
    variances = np.diag(sigma)
    zeros = [event for place, event in enumerate(found) if values[place] == 0 and not variances[place] > 0]
    centre = _reference(found, zeros, reference, where)
    used = [place for place, event in enumerate(found) if event != centre]
    events = [found[place] for place in used]
    pre, post = [event for event in events if event < centre], [event for event in events if event > centre]
    for side, name in ((pre, "pre"), (post, "post")):
        if not side:
            raise MethodError(
                f"there is no {name} period beside the reference {centre}",
                where=where,
                remedy="estimate an event study with periods on both sides of the start",
            )
    gaps = sorted(set(range(events[0], events[-1] + 1)) - {*events, centre})
    if gaps:
        raise MethodError(
            f"no coefficient for event{'s' if len(gaps) > 1 else ''} {', '.join(map(str, gaps[:5]))}",
            where=where,
            remedy="steps from period to period need every period: narrow the window to events without a gap, or take "
            "longer periods",
        )
    path = EventPath(tuple(pre), tuple(post), centre, values[used], sigma[np.ix_(used, used)])
    _require_covariance(path, estimate, where)
    return path


def _events(estimate: Estimate, window: tuple[int, int] | None, where: str) -> list[int]:
    names = labels(estimate.terms, "effect", "event")
    events = sorted(int(name) for name in names if WHOLE.fullmatch(name))
    if not events:
        raise MethodError(
            f"the estimate has no effects by event time, only {', '.join(estimate.terms[:5])}",
            where=where,
            remedy="pass an event study, or a staggered estimate aggregated by event time",
        )
    if window is None:
        return events
    first, last = window
    inside = [event for event in events if first <= event <= last]
    if not first < last or not inside:
        raise MethodError(
            f"no events in the window {first} to {last}: they run from {events[0]} to {events[-1]}",
            where=where,
            remedy="give the first and the last event time to use",
        )
    return inside


def _reference(events: list[int], zeros: list[int], given: int | None, where: str) -> int:
    """Return the event that all others are measured from."""
    candidates = zeros or [event for event in (-1,) if event not in events]
    if len(candidates) > 1:
        raise MethodError(
            f"events {', '.join(map(str, candidates))} are all 0 without a variance: only the reference may be",
            where=where,
            remedy="estimate the event study with one reference period",
        )
    if given is not None and given not in zeros and given in events:
        raise MethodError(
            f"event {given} has a coefficient of its own: it is not what the others are measured from",
            where=where,
            remedy="give the event that is absent, or 0 without a variance",
        )
    if given is None and not candidates:
        raise MethodError(
            "every event up to −1 has a coefficient of its own, so that no reference period is to be seen",
            where=where,
            remedy="estimate with base='universal': with a varying base a pre-period coefficient is a step between "
            "neighbours; where the reference is absent and lies before −1, name it, such as reference=-2",
        )
    return candidates[0] if given is None else given


def _require_covariance(path: EventPath, estimate: Estimate, where: str) -> None:
    events = np.array([*path.pre, *path.post])
    undefined = events[~(np.diag(path.sigma) > 0)]
    if len(undefined) or not np.isfinite(path.sigma).all():
        shown = ", ".join(map(str, undefined[:5])) or "some pairs"
        raise MethodError(
            f"the variance is undefined for event{'s' if len(undefined) != 1 else ''} {shown}",
            where=where,
            remedy="narrow the window to events with at least two clusters in each arm",
        )
    if not positive_definite(path.sigma):
        raise MethodError(
            f"the covariance of the {len(events)} coefficients is singular (from {len(estimate.strata)} clusters)",
            where=where,
            remedy="narrow the window to fewer events, or take longer periods: there must be more clusters than "
            "coefficients",
        )
