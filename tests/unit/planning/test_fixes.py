"""Changes of a plan: each no larger than needed, priced as declared, the cheapest that is enough first."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest

from attribution.planning.fixes import (
    Costs,
    fixes_of,
    in_waves,
    plural_of,
    with_baseline,
    with_clusters,
    with_followup,
    with_waiting,
)
from attribution.planning.history import declared_noise
from attribution.planning.mde import analytic_mde
from attribution.planning.records import Fix, Noise, Plan, PlannedCohort


def _plan(trained: int = 10, control: int = 14, method: str = "did") -> Plan:
    arms = (PlannedCohort(3, np.full(trained, 6.0)), PlannedCohort(None, np.full(control, 6.0)))
    return Plan(method, {}, arms, (0, 1, 2), (3, 4, 5))


@cache
def _noise(span: int) -> Noise:
    return declared_noise(sd=2.0, icc=0.3, autocorrelation=0.4, span=span)


def _mde(plan: Plan) -> float:
    return analytic_mde(plan, _noise(plan.span)).mde


def _found(plan: Plan, share: float, costs: Costs | None = None, **asked: object) -> dict[str, Fix]:
    fixes = fixes_of(plan, _noise, target=share * _mde(plan), costs=costs, **asked)
    return {fix.name: fix for fix in fixes}


def test_clusters_are_as_few_as_are_enough() -> None:
    plan = _plan()
    target = 0.85 * _mde(plan)
    found = _found(plan, 0.85)
    for name, one in (("more_trained", partial(_more, 1, 0)), ("more_untrained", partial(_more, 0, 1))):
        fix = found[name]
        assert fix.enough
        assert fix.mde.mde == pytest.approx(_mde(fix.plan))
        assert _mde(fix.plan) <= target < _mde(one(fix.plan, -1))
    assert found["more_trained"].words.startswith(
        f"{found['more_trained'].plan.trained_clusters - 10} more trained cluster"
    )


def _more(trained: int, control: int, plan: Plan, step: int) -> Plan:
    """Return the plan with one cluster less in an arm."""
    assert step == -1
    return Plan(
        plan.method,
        plan.options,
        tuple(
            PlannedCohort(one.start, one.sizes[: len(one.sizes) - (control if one.start is None else trained)])
            for one in plan.cohorts
        ),
        plan.baseline,
        plan.followup,
    )


def test_costs_are_what_is_declared_and_no_money_is_invented() -> None:
    found = _found(_plan(), 0.85, Costs(500.0, 20.0, 300.0), cluster="team", period="month")
    more = found["more_untrained"].plan.control_clusters - 14
    assert found["more_untrained"].cost == 20.0 * more
    assert found["more_untrained"].words == f"{more} more untrained teams"
    assert found["more_trained"].cost == 500.0 * (found["more_trained"].plan.trained_clusters - 10)
    both = found["more_of_both"].plan
    assert found["more_of_both"].cost == 500.0 * (both.trained_clusters - 10) + 20.0 * (both.control_clusters - 14)
    silent = _found(_plan(), 0.85)
    assert {silent[name].cost for name in ("more_trained", "more_untrained", "more_of_both", "longer_followup")} == {
        None
    }
    assert "is not declared" in silent["more_untrained"].cost_words


def test_enough_comes_first_and_the_cheapest_of_it_on_top() -> None:
    plan = _plan()
    fixes = fixes_of(plan, _noise, target=0.6 * _mde(plan), costs=Costs(500.0, 20.0, 3.0), by_chance=True)
    enough = [fix for fix in fixes if fix.enough]
    assert enough == list(fixes[: len(enough)])
    known = [fix.cost for fix in enough if fix.cost is not None]
    assert known == sorted(known)
    rest = [fix.mde.mde for fix in fixes[len(enough) :]]
    assert rest
    assert all(one < _mde(plan) for one in rest)


def test_the_kpi_before_is_a_covariate_only_where_chance_decides() -> None:
    assert "adjust" not in _found(_plan(), 0.9)
    fix = _found(_plan(), 0.9, by_chance=True)["adjust"]
    assert (fix.plan.method, fix.cost) == ("lagged", 0.0)
    assert fix.mde.mde == pytest.approx(_mde(fix.plan))


def test_what_facts_known_before_must_explain_is_the_share_of_the_variance_that_is_too_much() -> None:
    # R² = 1 − .8² = .36 takes the MDE to .8 of itself (Bloom 1995).
    fix = _found(_plan(), 0.8)["matching"]
    assert "at least 36%" in fix.words
    assert fix.mde.mde == pytest.approx(0.8 * _mde(_plan()))
    assert "matching" not in _found(_plan(), 0.7)


def test_periods_come_from_the_history_or_from_waiting() -> None:
    held = _found(_plan(), 0.5, history=2)
    assert held["longer_baseline"].words == "2 more periods of baseline, which the data hold"
    assert held["longer_baseline"].cost == 0.0
    assert "later_launch" not in held
    waits = _found(_plan(), 0.5)
    assert "later_launch" in waits
    assert waits["later_launch"].cost is None


def test_half_of_too_many_trained_wait() -> None:
    plan = _plan(trained=20, control=4)
    fix = _found(plan, 0.8)["waitlist"]
    assert fix.plan.trained_clusters + fix.plan.control_clusters == 24
    assert fix.plan.control_clusters > 4
    assert fix.cost == 0.0
    assert "waitlist" not in _found(_plan(10, 14), 0.8)


def test_plans_change_in_one_thing_alone() -> None:
    plan = _plan()
    assert [one.clusters for one in with_clusters(plan, 3, 2).cohorts] == [13, 16]
    assert [one.clusters for one in with_waiting(_plan(20, 4), 5).cohorts] == [15, 9]
    earlier = with_baseline(plan, 2)
    assert (earlier.baseline, earlier.followup, earlier.cohorts[0].start) == ((0, 1, 2, 3, 4), (5, 6, 7), 5)
    assert with_followup(plan, 1).followup == (3, 4, 5, 6)
    rolled = in_waves(plan, 3, 3)
    assert rolled.method == "staggered"
    assert [(one.start, one.clusters) for one in rolled.cohorts] == [(3, 8), (4, 8), (None, 8)]


def test_a_noun_that_is_more_than_a_word_is_a_cluster() -> None:
    assert [plural_of(noun) for noun in ("team", "branch", "bay", "factory")] == [
        "teams",
        "branches",
        "bays",
        "factories",
    ]
    assert plural_of("{{ x }}") == "clusters"


def test_a_trend_has_no_formula_and_so_no_fixes() -> None:
    plan = Plan("trend", {}, _plan().cohorts, (0, 1, 2), (3, 4, 5))
    assert fixes_of(plan, _noise, target=1.0) == ()
