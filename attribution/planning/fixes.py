"""What would let a plan see what it must: the changes of the plan one by one, each with its MDE and its cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np

from attribution.diagnostics.baseline import ROLLOUTS
from attribution.errors import DataError, MethodError
from attribution.planning.mde import analytic_mde, no_mde
from attribution.planning.records import Fix, Mde, Noise, Plan, PlannedCohort
from attribution.planning.sizes import shared_out

NoiseOf = Callable[[int], Noise]

MOST_TIMES = 10
"""So many times the clusters of an arm are tried at most: a plan that needs more is another plan."""

MOST_PERIODS = 12
"""So many more periods are tried at most."""

LEAST_GAIN = 0.02
"""A change that is not enough and lowers the MDE by less than this share is not worth a line."""

MOST_EXPLAINED = 0.5
"""The share of the variance that facts known before can be hoped to explain, at most."""


@dataclass(frozen=True, slots=True)
class Costs:
    """The money of one more trained or untrained cluster, and of one more period; None where nobody says.

    `said` tells how the cost of a trained cluster was found where it is not declared.
    """

    trained: float | None = None
    control: float | None = None
    period: float | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What every change is tried with; `target` is the MDE that would be enough."""

    plan: Plan
    noise_at: NoiseOf
    target: float
    level: float
    power: float
    costs: Costs
    cluster: str
    period: str

    def mde(self, plan: Plan) -> Mde:
        """Return the MDE of a changed plan; one that its method cannot use, or whose noise is not known, has none."""
        try:
            return analytic_mde(plan, self.noise_at(plan.span), level=self.level, power=self.power)
        except (DataError, MethodError) as error:
            return no_mde(error.what, self.level, self.power)

    def enough(self, mde: Mde) -> bool:
        return isfinite(mde.mde) and mde.mde <= self.target * (1 + 1e-12)

    def least(self, change: Callable[[int], Plan], most: int) -> tuple[int, Plan, Mde]:
        """Return the smallest number from 1 to `most` whose change is enough; `most` where none is."""
        last = change(most)
        found = (most, last, self.mde(last))
        if not self.enough(found[2]):
            return found
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            plan = change(middle)
            mde = self.mde(plan)
            if self.enough(mde):
                high, found = middle, (middle, plan, mde)
            else:
                low = middle
        return found

    def fix(self, name: str, words: str, plan: Plan, mde: Mde, cost: float | None, cost_words: str) -> Fix:
        return Fix(name, words, plan, mde, self.enough(mde), cost, cost_words)


def fixes_of(
    plan: Plan,
    noise_at: NoiseOf,
    *,
    target: float,
    level: float = 0.95,
    power: float = 0.8,
    costs: Costs | None = None,
    cluster: str = "cluster",
    period: str = "period",
    history: int = 0,
    by_chance: bool = False,
) -> tuple[Fix, ...]:
    """Return the changes that would let a plan see an effect of `target`: enough ones first, the cheapest on top.

    Tried are, each alone and no larger than needed: more trained or untrained clusters, or both; clusters that wait;
    training in waves; the KPI before the training as a covariate, where arms differ `by_chance`; facts known before;
    periods that the `history` holds before the baseline; a longer follow-up; a later launch. A cost that nobody
    declared is None. Changes that are not enough come last and are as large as was tried. `noise_at(span)` is the noise
    over so many periods.

    Examples
    --------
    >>> from attribution.planning.history import declared_noise
    >>> arms = (PlannedCohort(1, np.full(10, 1.0)), PlannedCohort(None, np.full(10, 1.0)))
    >>> noise_at = lambda span: declared_noise(sd=1.0, span=span, icc=1.0, autocorrelation=0.5)
    >>> found = fixes_of(Plan("did", {}, arms, (0,), (1,)), noise_at, target=1.0, costs=Costs(500.0, 100.0))
    >>> [(fix.words, round(fix.mde.mde, 2), fix.cost) for fix in found if fix.cost is not None and fix.enough]
    [('7 more clusters trained and 7 more not', 0.99, 4200.0)]
    """
    asked = _Asked(plan, noise_at, target, level, power, costs or Costs(), cluster, period)
    now = asked.mde(plan)
    found = [
        *_clusters(asked),
        *_waiting(asked),
        *_waves(asked),
        *_adjusting(asked, now, by_chance=by_chance),
        *_periods(asked, history),
    ]
    kept = [fix for fix in found if fix.enough or fix.mde.mde < (1 - LEAST_GAIN) * now.mde]
    return tuple(sorted(kept, key=_order))


def _order(fix: Fix) -> tuple[bool, bool, float, float]:
    return (not fix.enough, fix.cost is None, fix.cost if fix.enough and fix.cost is not None else 0.0, fix.mde.mde)


def _clusters(asked: _Asked) -> Iterator[Fix]:
    """Yield more clusters: trained ones, untrained ones, and both in the ratio that the plan has."""
    plan, costs = asked.plan, asked.costs
    own, others = plan.trained_clusters, plan.control_clusters
    noun, price = asked.cluster, costs.trained
    if own:
        count, more, mde = asked.least(lambda n: with_clusters(plan, n, 0), MOST_TIMES * own)
        words = _counted(count, "more trained", noun)
        yield asked.fix("more_trained", words, more, mde, _times(count, price), _each(price, "trained", noun, costs))
    if not others:
        return
    count, more, mde = asked.least(lambda n: with_clusters(plan, 0, n), MOST_TIMES * others)
    words = _counted(count, "more untrained", noun)
    known = _each(costs.control, "untrained", noun, costs)
    yield asked.fix("more_untrained", words, more, mde, _times(count, costs.control), known)
    if own:
        share = max(own, others)

        def both(n: int) -> Plan:
            return with_clusters(plan, -(-n * own // share), -(-n * others // share))

        _, more, mde = asked.least(both, MOST_TIMES * share)
        a, b = more.trained_clusters - own, more.control_clusters - others
        parts = (_times(a, price), _times(b, costs.control))
        cost = None if None in parts else sum(one for one in parts if one is not None)
        words = f"{_counted(a, 'more', noun)} trained and {b} more not"
        said = f"{_each(price, 'trained', noun, costs)}; {known}"
        yield asked.fix("more_of_both", words, more, mde, cost, said)


def _waiting(asked: _Asked) -> Iterator[Fix]:
    """Yield trained clusters that wait until after the follow-up, where more are trained than not."""
    plan, noun = asked.plan, asked.cluster
    most = (plan.trained_clusters - plan.control_clusters) // 2
    if most < 1:
        return
    count, later, mde = asked.least(lambda n: with_waiting(plan, n), most)
    words = f"{_counted(count, '', noun)} of the {plan.trained_clusters} to be trained wait until after the follow-up"
    said = "they are trained later, for the same money"
    yield asked.fix("waitlist", words, later, mde, 0.0, said)


def _waves(asked: _Asked) -> Iterator[Fix]:
    """Yield training for all in waves over the follow-up, the last of them right after it: a comparison until then."""
    plan, costs = asked.plan, asked.costs
    clusters = plan.trained_clusters + plan.control_clusters
    first = min((one.start for one in plan.trained if one.start is not None), default=None)
    if first is None or plan.method in ROLLOUTS:
        return
    room = plan.span - max(first, 1)
    best: tuple[int, Plan, Mde] | None = None
    for waves in (3, 4, 6):
        if clusters // waves < 2 or room < waves - 1:
            continue
        rolled = in_waves(plan, waves, max(first, 1))
        mde = asked.mde(rolled)
        if isfinite(mde.mde) and (best is None or mde.mde < best[2].mde):
            best = (waves, rolled, mde)
    if best is None:
        return
    waves, rolled, mde = best
    more = plan.control_clusters
    words = (
        f"all {clusters} {plural_of(asked.cluster)} in {waves} waves over the follow-up, the last of them after it, "
        "analysed by staggered"
    )
    said = f"{more:,} more trained in the end; {_each(costs.trained, 'trained', asked.cluster, costs)}"
    yield asked.fix("rollout", words, rolled, mde, _times(more, costs.trained), said)


def _adjusting(asked: _Asked, now: Mde, *, by_chance: bool) -> Iterator[Fix]:
    """Yield what needs nobody more: regression on the KPI before, and on whatever else was known before."""
    plan = asked.plan
    if by_chance and plan.method == "did":
        kept = {name: value for name, value in plan.options.items() if name in ("controls", "variance")}
        adjusted = replace(plan, method="lagged", options=kept)
        words = "adjust for the KPI before the training (method lagged) in place of taking it off"
        yield asked.fix("adjust", words, adjusted, asked.mde(adjusted), 0.0, "the same data")
    explained = 1.0 - (asked.target / now.mde) ** 2 if now.mde > 0 else nan
    if 0 < explained <= MOST_EXPLAINED:
        root = float(np.sqrt(1.0 - explained))
        mde = replace(
            now,
            mde=now.mde * root,
            std_error=now.std_error * root,
            effects=now.effects * root,
            caveats=(*now.caveats, f"as far as they explain {explained:.0%}"),
        )
        words = (
            "match, or adjust, on facts known before, if they explain at least "
            f"{np.ceil(round(100 * explained, 6)):.0f}% of how {plural_of(asked.cluster)} differ in what is compared"
        )
        yield asked.fix("matching", words, plan, mde, None, "what is known of them already")


def _periods(asked: _Asked, history: int) -> Iterator[Fix]:
    """Yield longer windows: periods that the data hold before the baseline, a longer follow-up, a later launch."""
    plan, noun = asked.plan, asked.period
    if plan.method not in ROLLOUTS and plan.baseline:
        if history:
            count, longer, mde = asked.least(lambda n: with_baseline(plan, n), min(history, MOST_PERIODS))
            words = f"{_counted(count, 'more', noun)} of baseline, which the data hold"
            yield asked.fix("longer_baseline", words, longer, mde, 0.0, "the same data")
        else:
            count, longer, mde = asked.least(lambda n: with_baseline(plan, n), MOST_PERIODS)
            words = f"a launch {_counted(count, '', noun)} later, with as many more of baseline"
            said = "what waiting costs is not declared"
            yield asked.fix("later_launch", words, longer, mde, None, said)
    price = asked.costs.period
    count, longer, mde = asked.least(lambda n: with_followup(plan, n), MOST_PERIODS)
    said = (
        f"{_priced(price)} per {noun}"
        if price is not None
        else f"what one more {noun} of follow-up costs is not declared"
    )
    words = f"{_counted(count, 'more', noun)} of follow-up"
    yield asked.fix("longer_followup", words, longer, mde, _times(count, price), said)


def with_clusters(plan: Plan, trained: int, control: int) -> Plan:
    """Return the plan with so many more clusters in each arm, of the mean size of the arm, spread over its waves."""
    cohorts, shares = [], iter(shared_out(trained, max(len(plan.trained), 1)))
    for one in plan.cohorts:
        if one.start is None:
            more = control
            control = 0
        else:
            more = next(shares)
        size = np.full(more, max(round(one.units / one.clusters), 1) if one.clusters else 1.0)
        cohorts.append(PlannedCohort(one.start, np.concatenate([one.sizes, size])))
    return replace(plan, cohorts=tuple(cohorts))


def with_waiting(plan: Plan, count: int) -> Plan:
    """Return the plan with so many of the clusters to be trained waiting until after the follow-up.

    The last to start are the first to wait; a cluster of median size goes.
    """
    cohorts, waiting = list(plan.cohorts), []
    order = sorted(range(len(cohorts)), key=lambda place: -(cohorts[place].start or 0))
    for place in order:
        one = cohorts[place]
        if one.start is None or count == 0:
            continue
        gone = min(count, one.clusters)
        middle = np.argsort(one.sizes, kind="stable")
        first = (one.clusters - gone) // 2
        taken = middle[first : first + gone]
        waiting.append(one.sizes[taken])
        cohorts[place] = PlannedCohort(one.start, np.delete(one.sizes, taken))
        count -= gone
    others = [one.sizes for one in cohorts if one.start is None]
    left = [one for one in cohorts if one.start is not None and one.clusters]
    return replace(plan, cohorts=(*left, PlannedCohort(None, np.concatenate([*others, *waiting]))))


def in_waves(plan: Plan, waves: int, first: int) -> Plan:
    """Return the plan with all clusters trained in evenly spaced waves from `first`, the last after the follow-up."""
    sizes = np.sort(np.concatenate([one.sizes for one in plan.cohorts]))
    starts = np.unique(np.round(np.linspace(first, plan.span, waves)).astype(int))
    wave = np.arange(len(sizes)) % len(starts)
    cohorts = [
        PlannedCohort(None if start >= plan.span else int(start), sizes[wave == place])
        for place, start in enumerate(starts)
    ]
    wait = {name: value for name, value in plan.options.items() if name in ("washout", "anticipation", "variance")}
    return replace(plan, method="staggered", options=wait, cohorts=tuple(cohorts))


def with_baseline(plan: Plan, count: int) -> Plan:
    """Return the plan with so many more periods before its first; all others move up."""
    return replace(
        plan,
        cohorts=tuple(
            PlannedCohort(None if one.start is None else one.start + count, one.sizes) for one in plan.cohorts
        ),
        baseline=(*range(count), *(place + count for place in plan.baseline)),
        followup=tuple(place + count for place in plan.followup),
        labels=(),
    )


def with_followup(plan: Plan, count: int) -> Plan:
    """Return the plan with so many more periods after its last."""
    last = max(plan.followup)
    return replace(plan, followup=(*plan.followup, *range(last + 1, last + 1 + count)), labels=())


def plural_of(noun: str) -> str:
    """Return the plural of what is assigned, in a design's word; clusters where it is more than a word.

    Examples
    --------
    >>> plural_of("team"), plural_of("branch"), plural_of("person"), plural_of("team (of a site)")
    ('teams', 'branches', 'people', 'clusters')
    """
    if not noun.isalpha():
        return "clusters"
    if noun == "person":
        return "people"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def _counted(count: int, more: str, noun: str) -> str:
    one = noun if noun.isalpha() else "cluster"
    return " ".join(part for part in (f"{count:,}", more, one if count == 1 else plural_of(noun)) if part)


def _times(count: int, price: float | None) -> float | None:
    return None if price is None else count * price


def _priced(price: float) -> str:
    # A cost per cluster may be a quotient: cents matter only where there is little else.
    return f"{price:,.0f}" if price >= 100 or price == round(price) else f"{price:,.2f}"


def _each(price: float | None, arm: str, noun: str, costs: Costs) -> str:
    one = noun if noun.isalpha() else "cluster"
    if price is None:
        return f"what one more {arm} {one} costs is not declared"
    said = f" ({costs.said})" if arm == "trained" and costs.said else ""
    return f"{_priced(price)} for each {arm} {one}{said}"
