"""The changes of a plan that would let a study see what it must, each with its MDE and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attribution.planning.mde import analytic_mde
from attribution.planning.records import DesignPower, Fix, Mde, Noise, Plan, PlannedCohort

Floats = NDArray[np.float64]
NoiseOver = Callable[[int], Noise]

MOST = 16
"""Clusters, or periods, are added up to so many times those that are planned."""

BY_ADOPTION = ("staggered", "event_study", "twfe")


@dataclass(frozen=True, slots=True)
class Prices:
    """What more would cost, in `currency`; None where nobody says so. `noun` is a cluster in words, `step` a period.

    `average` is the ledger's total for each cluster that is planned to be trained: what stands where the price of one
    more is not stated.
    """

    trained: float | None
    control: float | None
    period: float | None
    average: float | None
    currency: str
    noun: str
    step: str


def fixes_of(found: DesignPower, noise_over: NoiseOver, prices: Prices) -> tuple[Fix, ...]:
    """Return the changes of a plan that lower its MDE, those that are enough first, then the cheapest.

    Enough is an MDE of at most the effect that the study must see. Each change is tried alone, with as few clusters or
    periods as are enough, or, where none are, with `MOST` times as many. Nothing is returned for a plan that sees
    enough, or does not say what it must see.
    """
    must = found.must_see
    if must is None or not found.analytic.mde > must:
        return ()
    tried = [
        *_more_clusters(found, noise_over, prices, must),
        *_more_periods(found, noise_over, prices, must),
        *_other_plans(found, noise_over, prices, must),
    ]
    better = [one for one in tried if one.mde.mde < 0.995 * found.analytic.mde]
    return tuple(sorted(better, key=lambda one: (not one.enough, one.cost is None, one.cost or 0.0, one.mde.mde)))


def _more_clusters(found: DesignPower, noise_over: NoiseOver, prices: Prices, must: float) -> Iterator[Fix]:
    plan = found.plan
    noise, noun = noise_over(plan.span), prices.noun
    each, said = _price_of_trained(prices)
    kinds = [("more_trained", True, False, "trained"), ("more_both", True, True, "trained and as many untrained")]
    if plan.control_clusters:
        kinds.insert(0, ("more_control", False, True, "untrained"))
    else:
        kinds = [("more_control", False, True, "untrained")]
    for name, trained, control, whom in kinds:
        limit = MOST * max(plan.trained_clusters, plan.control_clusters)

        def with_more(count: int, trained: bool = trained, control: bool = control) -> Plan:
            return _grown(plan, count if trained else 0, count if control else 0)

        count, mde = _fewest(with_more, lambda made: _mde(made, noise, found), limit, must)
        parts = [(each, said, count)] if trained else []
        if control:
            parts.append((prices.control, "the design does not say what one more untrained costs", count))
        cost, words = _sum(parts, prices.currency)
        text = f"{count:,} more {noun}{'s' if count > 1 else ''}, {whom}"
        yield Fix(name, text, with_more(count), mde, mde.mde <= must, cost, words)


def _more_periods(found: DesignPower, noise_over: NoiseOver, prices: Prices, must: float) -> Iterator[Fix]:
    plan = found.plan

    def longer(count: int) -> Plan:
        last = max(plan.followup)
        return replace(plan, followup=(*plan.followup, *range(last + 1, last + 1 + count)))

    def earlier(count: int) -> Plan:
        moved = tuple(
            PlannedCohort(None if one.start is None else one.start + count, one.sizes) for one in plan.cohorts
        )
        return replace(
            plan,
            cohorts=moved,
            baseline=(*range(count), *(place + count for place in plan.baseline)),
            followup=tuple(place + count for place in plan.followup),
        )

    limits = {"longer_followup": 2 * len(plan.followup), "longer_baseline": 2 * len(plan.baseline)}
    for name, change, side in (("longer_followup", longer, "follow-up"), ("longer_baseline", earlier, "baseline")):
        count, mde = _fewest(change, lambda made: _mde(made, noise_over(made.span), found), max(limits[name], 2), must)
        price = prices.period if name == "longer_followup" else None
        silent = (
            "the design does not say what one more period costs"
            if name == "longer_followup"
            else "earlier records of the KPI, or a later launch"
        )
        cost, words = _sum([(price, silent, count)], prices.currency)
        text = f"{count:,} more {prices.step}{'s' if count > 1 else ''} of {side}"
        yield Fix(name, text, change(count), mde, mde.mde <= must, cost, words)


def _other_plans(found: DesignPower, noise_over: NoiseOver, prices: Prices, must: float) -> Iterator[Fix]:
    """Yield the same clusters and periods compared in another way: at equal baselines, or with a waiting list."""
    plan = found.plan
    noise = noise_over(plan.span)
    if plan.method == "did" and plan.control_clusters:
        made = replace(plan, method="lagged", options={})
        mde = _mde(made, noise, found)
        words = "compare at equal baselines of the KPI (method lagged)"
        yield Fix("equal_baselines", words, made, mde, mde.mde <= must, 0.0, "no cost: the same data")
    half = plan.trained_clusters // 2
    if half and plan.trained_clusters > plan.control_clusters and plan.method not in BY_ADOPTION:
        wait = min(half, (plan.trained_clusters - plan.control_clusters) // 2 or 1)
        own = np.concatenate([one.sizes for one in plan.trained])
        others = [one.sizes for one in plan.cohorts if one.start is None]
        start = plan.trained[0].start
        arms = (PlannedCohort(start, own[wait:]), PlannedCohort(None, np.concatenate([*others, own[:wait]])))
        made = replace(plan, cohorts=arms)
        mde = _mde(made, noise, found)
        words = f"{wait:,} of the {plan.trained_clusters:,} to be trained wait until after the follow-up"
        yield Fix("waitlist", words, made, mde, mde.mde <= must, 0.0, "no cost but the wait")


def _fewest(change: Callable[[int], Plan], judge: Callable[[Plan], Mde], limit: int, must: float) -> tuple[int, Mde]:
    """Return the smallest count whose plan sees enough, with its MDE; the limit where none does."""
    low, high = 0, 1
    mde = judge(change(high))
    while not mde.mde <= must and high < limit:
        low, high = high, min(2 * high, limit)
        mde = judge(change(high))
    if not mde.mde <= must:
        return high, mde
    while high - low > 1:
        middle = (low + high) // 2
        tried = judge(change(middle))
        if tried.mde <= must:
            high, mde = middle, tried
        else:
            low = middle
    return high, mde


def _grown(plan: Plan, trained: int, control: int) -> Plan:
    """Return the plan with so many more clusters of the mean size, spread evenly over the starts."""
    starts = [place for place, one in enumerate(plan.cohorts) if one.start is not None]
    added = dict(zip(starts, (len(part) for part in np.array_split(np.arange(trained), len(starts))), strict=True))
    rest = [place for place, one in enumerate(plan.cohorts) if one.start is None]
    cohorts = list(plan.cohorts)
    if control and not rest:
        cohorts.append(PlannedCohort(None, np.zeros(0)))
        rest = [len(cohorts) - 1]
    if control:
        added[rest[0]] = control
    mean = max(round(float(np.mean(np.concatenate([one.sizes for one in plan.cohorts])))), 1)
    return replace(
        plan,
        cohorts=tuple(
            PlannedCohort(one.start, np.concatenate([one.sizes, np.full(added.get(place, 0), float(mean))]))
            for place, one in enumerate(cohorts)
        ),
    )


def _mde(plan: Plan, noise: Noise, found: DesignPower) -> Mde:
    return analytic_mde(plan, noise, level=found.analytic.level, power=found.analytic.power)


def _price_of_trained(prices: Prices) -> tuple[float | None, str]:
    if prices.trained is not None:
        return prices.trained, ""
    if prices.average is not None:
        return prices.average, "at the ledger's average"
    return None, "the design does not say what training one more costs"


def _sum(parts: list[tuple[float | None, str, int]], currency: str) -> tuple[float | None, str]:
    silent = [words for price, words, _ in parts if price is None]
    if silent:
        return None, "; ".join(silent)
    total = sum(float(price or 0.0) * count for price, _, count in parts)
    how = "".join(f", {words}" for _, words, _ in parts if words)
    return total, f"{total:,.0f} {currency}{how}" if currency else f"{total:,.0f}{how}"
