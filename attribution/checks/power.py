"""Go or no-go: is it said what the study must see, can it see that, and would it pay?"""

from __future__ import annotations

from math import isfinite

from attribution.checks.effects import primary_kpis
from attribution.checks.evidence import Evidence, Rule
from attribution.core.display import number
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.design.schema import Kpi
from attribution.numerics.power import minimum_detectable
from attribution.planning.mde import BY_SIMULATION, FEW, TOO_FEW, PlannedTest, mde_of, small_waves
from attribution.planning.records import DesignPower, Fix, Mde

DECLARED = Rule(
    "effect_declared",
    "each primary KPI has an expected effect with its source, or a smallest worthwhile one",
    "Bloom (1995), Minimum detectable effects, Evaluation Review 19; house rule",
)

POWER = Rule(
    "power",
    "the MDE is at most the expected effect, or else the worthwhile one, with 5 clusters or more in each planned arm; "
    "above the worthwhile or the break-even effect, or by formula with fewer than 10 clusters in an arm or 5 in a "
    "wave: warn",
    "Bloom (1995), Evaluation Review 19; Burlig, Preonas & Woerman (2020), J. Development Economics 144; 5 and 10 "
    "clusters: house rule",
)

PAYS = Rule(
    "pays",
    "the effect whose benefit is the cost is at most the expected effect, or else the worthwhile one",
    "Phillips & Phillips (2016), Handbook of Training Evaluation: break-even; house rule",
)

NAMED = 3
"""So many of the cheapest fixes are named."""


def effect_declared(evidence: Evidence) -> Finding:
    """Require what the study is to see: without it nobody can say whether the study is large enough."""
    design = evidence.design
    if design is None:
        return DECLARED.skipped("no design declares an effect")
    primary = primary_kpis(design)
    silent = [one for one in primary if one.expected_effect is None and one.minimum_worthwhile_effect is None]
    observed = f"{len(primary) - len(silent)} of {len(primary)} primary KPI{'s' if len(primary) > 1 else ''}"
    names = ", ".join(one.label for one in silent)
    if silent and evidence.estimate is None and not evidence.estimates:
        return DECLARED.finding(
            "fail",
            observed,
            f"the design says of {names} neither which effect is expected nor which is worth having: nobody can say "
            "whether the study is large enough",
            "add minimum_worthwhile_effect, or expected_effect with effect_source, to [[kpi]]",
        )
    if silent:
        return DECLARED.finding(
            "warn",
            observed,
            f"the design says of {names} neither which effect is expected nor which is worth having: whether the study "
            "could have seen it cannot be judged any more without knowing the answer",
            "say in the limits that none was declared, and read the interval for itself",
        )
    low = [one.label for one in primary if _expects_too_little(one)]
    if low:
        return DECLARED.finding(
            "warn",
            observed,
            f"the effect that is expected on {', '.join(low)} is below the smallest that is worth having",
            "ask whether the training is worth it as it is planned, or mend the one that is wrong",
        )
    return DECLARED.finding("pass", observed, "what the study is to see is declared")


def _expects_too_little(kpi: Kpi) -> bool:
    expected, worthwhile = kpi.expected_effect, kpi.minimum_worthwhile_effect
    return expected is not None and worthwhile is not None and abs(expected) < abs(worthwhile)


def power(evidence: Evidence) -> Finding:
    """Require that the study can see the effect that it must, and say what would let it; see METHODS 4, rule 6."""
    found = evidence.power
    if found is None:
        return POWER.skipped("no design says what the study must see")
    achieved = measured(found, evidence.estimate)
    mde = (achieved or found.best).mde
    if not isfinite(mde):
        return _unknown(evidence, found)
    if evidence.estimate is None and (few := _few(found)) is not None:
        return few
    # Decision 38: it must see what is expected; that it may miss what is worth having, or just pays, is a warning.
    target = found.must_see if found.expected is None else found.expected
    beneath = [
        (name, value)
        for name, value in (("is worth having", found.worthwhile), ("just pays", found.break_even))
        if value is not None and mde > value
    ]
    if target is None and found.break_even is None:
        return POWER.skipped(f"the design declares no effect to see; the smallest that is seen is {_said(mde, found)}")
    chance = f"with {found.best.power:.0%} chance"
    observed = _observed(found, achieved)
    if target is not None and mde > target:
        name = "worthwhile" if found.expected is None else "expected"
        return POWER.finding(
            "fail",
            observed,
            f"{chance} the study sees {_said(mde, found)} or more; the {name} effect is {_said(target, found)}",
            _remedy(evidence, found),
        )
    if beneath:
        missed = " and ".join(f"one that {name} ({_said(value, found)})" for name, value in beneath)
        return POWER.finding(
            "warn",
            observed,
            f"an effect can go unseen although it counts: {missed}; {chance} the study sees {_said(mde, found)}",
            _remedy(evidence, found),
        )
    if evidence.estimate is None and found.best.how == "analytic" and _least(found) < FEW:
        return POWER.finding(
            "warn",
            observed,
            f"it can see what it must by formula, which with {_least(found)} clusters in an arm is a guide only",
            "simulate it with the very test, attribution check --simulate 500, or add clusters to the smaller arm",
        )
    small, waves = (0, 0)
    if evidence.estimate is None and found.best.how == "analytic":
        small, waves = small_waves(found.plan)
    if small:
        return POWER.finding(
            "warn",
            observed,
            "it can see what it must by formula, which is optimistic where waves are small: "
            f"{small} of {waves} have fewer than {TOO_FEW} clusters",
            "simulate it with the very test, attribution check --simulate 500, or train in fewer and larger waves",
        )
    if target is None:
        return POWER.finding("pass", observed, "the study sees an effect that pays for the costs; none is declared")
    return POWER.finding("pass", observed, "the study sees what is declared")


def pays(evidence: Evidence) -> Finding:
    """Require that the training can pay: the expected effect is worth its costs at least."""
    found = evidence.power
    if found is None:
        return PAYS.skipped("no design says what is expected")
    if found.total_cost is None:
        return PAYS.skipped("the design prices no effect of this KPI")
    if found.break_even is None:
        return PAYS.skipped(
            "the costs are there, but not how many are to be trained: add trained_clusters to [power]"
            if not found.plan.trained
            else "the analysis estimates no effect on the trained that could be priced"
        )
    wanted, name = (found.expected, "expected") if found.expected is not None else (found.worthwhile, "worthwhile")
    if wanted is None:
        return PAYS.skipped("the design declares no effect that could pay")
    worth = f"break-even {_number(found.break_even)} {found.unit}, {name} {_number(wanted)}"
    if wanted < found.break_even:
        none = "no effect is worth the costs" if not isfinite(found.break_even) else "it would cost more than it brings"
        known = evidence.estimate is not None
        return PAYS.finding(
            "warn" if known else "fail",
            worth,
            f"the training would not have paid if it had worked as {name}: {none}"
            if known
            else f"the training cannot pay even if it works as {name}: {none}",
            "judge it by the return on the effect that was measured"
            if known
            else "cut the costs, train those of whom more can be expected, follow up for longer, or say what else it "
            "is for",
        )
    best = measured(found, evidence.estimate) or found.best
    chance = best.power_at(wanted - found.break_even) if isfinite(best.mde) else float("nan")
    if isfinite(chance):
        worth += f"; the study shows that it pays with {chance:.0%} chance"
    return PAYS.finding("pass", worth, f"the training pays if it works as {name}")


def measured(found: DesignPower, estimate: Estimate | None) -> Mde | None:
    """Return what an analysis sees by the standard error of its estimate; None where there is none.

    That counts what no plan can: covariates, losses.
    """
    if estimate is None or "effect" not in estimate.terms:
        return None
    test, level, chance = estimate.contrast({"effect": 1.0}), found.best.level, found.best.power
    if not test.std_error > 0:
        return None
    smallest = minimum_detectable(test.std_error, test.df, level, chance)
    return mde_of(smallest, PlannedTest(test.std_error, test.df, (), ()), level, chance, ())


def _unknown(evidence: Evidence, found: DesignPower) -> Finding:
    """Return what there is to say where the MDE is not known: before the launch it is to be mended."""
    reason = found.best.reason or "the MDE is not known"
    if evidence.estimate is not None:
        return POWER.skipped(reason)
    remedy = "add to [power] who is planned and how the KPI varies: trained_clusters, control_clusters, sd, icc"
    if found.plan.method in BY_SIMULATION:
        remedy = "simulate or rehearse it: attribution check --simulate 500, attribution rehearse"
    elif found.plan.cohorts:
        remedy = "mend what is said, in [power] or in the data before the launch"
    return POWER.finding("warn", "MDE not known", f"nobody can say what the study could see: {reason}", remedy)


def _few(found: DesignPower) -> Finding | None:
    """Return the finding of planned arms that are too small for any test; None where they are not."""
    if found.plan.method in BY_SIMULATION or _least(found) >= TOO_FEW:
        return None
    counts = f"{found.plan.trained_clusters} clusters trained, {found.plan.control_clusters} not"
    return POWER.finding(
        "fail",
        counts,
        f"fewer than {TOO_FEW} clusters are planned in an arm: no test can be relied on, whatever effect it seems to "
        "see",
        _fixes(found) or "add clusters to the smaller arm before the launch",
    )


def _least(found: DesignPower) -> int:
    """Return the clusters of the smaller planned arm; those of the trained where nobody is compared."""
    plan = found.plan
    arms = [plan.trained_clusters]
    # In a rollout who is trained later is compared until then.
    if plan.method != "prepost" and len(plan.trained) < 2:
        arms.append(plan.control_clusters)
    return min(arms)


def _observed(found: DesignPower, achieved: Mde | None) -> str:
    how = _how(found.best) if achieved is None else "by the standard error of the estimate"
    parts = [f"MDE {_said((achieved or found.best).mde, found)} {how}"]
    for name, value in (
        ("expected", found.expected),
        ("worthwhile", found.worthwhile),
        ("break-even", found.break_even),
    ):
        if value is not None:
            parts.append(f"{name} {_number(value)}")
    return ", ".join(parts)


def _how(mde: Mde) -> str:
    return "by formula" if mde.how == "analytic" else f"in {mde.replications:,} simulated studies"


def _remedy(evidence: Evidence, found: DesignPower) -> str:
    if evidence.estimate is not None:
        return "read a null result as no answer, follow up for longer, and plan the next study larger"
    return _fixes(found) or (
        "no single change that was tried is enough: look for a larger effect, more clusters, or another KPI"
    )


def _fixes(found: DesignPower) -> str:
    """Return the cheapest changes in words; those that are not enough only where none is."""
    enough = [fix for fix in found.fixes if fix.enough][:NAMED]
    if enough:
        return "enough would be: " + "; or ".join(fix_words(fix, found) for fix in enough)
    if not found.fixes:
        return ""
    return "no single change is enough; the furthest goes " + fix_words(found.fixes[0], found)


def fix_words(fix: Fix, found: DesignPower) -> str:
    """Return one change with its MDE and cost: 12 more untrained teams (MDE 0.31 → 0.24; 6,000 USD)."""
    cost = "cost not declared" if fix.cost is None else f"{fix.cost:,.0f} {found.currency}".strip()
    cost = "no cost" if fix.cost == 0 else cost
    return f"{fix.words} (MDE {_number(found.analytic.mde)} → {_number(fix.mde.mde)}; {cost})"


def _said(effect: float, found: DesignPower) -> str:
    return f"{_number(effect)} {found.unit}"


def _number(value: float) -> str:
    return number(value) if isfinite(value) else "none"
