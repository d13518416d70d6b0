"""Could the study see the effect that it looks for, and would that effect pay?"""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding
from attribution.numerics.power import power_at
from attribution.planning.records import DesignPower

DECLARED = Rule(
    "effect_declared",
    "each primary KPI declares expected_effect with its source, or minimum_worthwhile_effect",
    "METHODS 4.6, house rule: without an effect to look for, no sample is large enough or too small",
)

POWER = Rule(
    "power",
    "the minimum detectable effect is at most the expected (or else the worthwhile) effect, and the break-even effect",
    "Bloom (1995), Minimum detectable effects; Burlig, Preonas & Woerman (2020) for serially correlated panels",
)

PAYS = Rule(
    "pays",
    "the effect at which the benefit covers the costs is at most the expected one",
    "Phillips & Phillips (2016), Handbook of Training Evaluation: forecast ROI before launch",
)

LISTED = 3
"""Changes of the plan that a remedy names."""


def effect_declared(evidence: Evidence) -> Finding:
    """Require that every primary KPI says which effect is expected or worth having."""
    design = evidence.design
    if design is None:
        return DECLARED.skipped("no design declares an effect")
    primary = [one for one in design.kpi if one.role == "primary"]
    silent = [one for one in primary if one.expected_effect is None and one.minimum_worthwhile_effect is None]
    observed = (
        f"{len(primary) - len(silent)} of {len(primary)} primary KPI{'s' if len(primary) > 1 else ''} declare one"
    )
    if not silent:
        return DECLARED.finding("pass", observed, "the effect that the study looks for was written down")
    begun = evidence.estimate is not None or bool(evidence.estimates)
    names = ", ".join(one.label for one in silent)
    return DECLARED.finding(
        "warn" if begun else "fail",
        observed,
        f"nobody wrote down which effect on {names} is expected or worth having: "
        + (
            "whether the study could have seen it cannot be judged"
            if begun
            else "the study has no size to be judged by"
        ),
        "say in the limits that none was declared"
        if begun
        else "add expected_effect with effect_source, or minimum_worthwhile_effect, to [[kpi]]",
    )


def power(evidence: Evidence) -> Finding:
    """Compare the smallest effect that the planned study can see with the one that it looks for."""
    found = evidence.power
    if found is None:
        return POWER.skipped("no design plans a comparison")
    mde = found.best.mde
    begun = evidence.estimate is not None
    if np.isnan(mde):
        if begun:
            return POWER.skipped(f"what the study could see is not known: {found.best.reason}")
        return POWER.finding(
            "warn",
            "not known",
            f"what the study can see is not known: {found.best.reason}",
            "state what is planned and how much the KPI varies in [power], or add the data before the launch",
        )
    looked_for = found.must_see if found.expected is None else found.expected
    observed = f"MDE {mde:.3g} {found.unit}"
    if looked_for is not None:
        name = "worthwhile" if found.expected is None else "expected"
        observed += f"; {name} {looked_for:.3g}, seen with a chance of {found.best.power_at(looked_for):.0%}"
    if found.break_even is not None:
        observed += f"; break-even {found.break_even:.3g}"
    few = "".join(f"; {one}" for one in found.best.caveats)
    if looked_for is None:
        return POWER.finding(
            "warn",
            observed,
            f"the study can see effects from {mde:.3g} {found.unit} on, and no effect is declared to compare that with",
            "add expected_effect with effect_source, or minimum_worthwhile_effect, to [[kpi]]",
        )
    if mde > looked_for:
        return POWER.finding(
            "fail",
            observed,
            f"an effect of {looked_for:.3g} {found.unit} would be missed more often than planned: the study sees "
            f"effects from {mde:.3g} on{few}",
            _remedy(found),
        )
    for threshold, name in ((found.worthwhile, "smallest worthwhile"), (found.break_even, "break-even")):
        if threshold is not None and mde > threshold:
            return POWER.finding(
                "warn",
                observed,
                f"the study sees effects from {mde:.3g} {found.unit} on; the {name} one, {threshold:.3g}, it would "
                f"miss more often than planned{few}",
                _remedy(found),
            )
    return POWER.finding(
        "pass", observed, f"the study sees the effect that it looks for with a chance of {found.best.power:.0%}{few}"
    )


def pays(evidence: Evidence) -> Finding:
    """Compare the effect that would cover the costs with the one that is expected."""
    found = evidence.power
    if found is None or found.total_cost is None:
        return PAYS.skipped("the design asks for no money")
    if found.break_even is None:
        return PAYS.finding(
            "fail",
            "no break-even",
            f"no effect can be worth the costs of {found.total_cost:,.0f} {found.currency}",
            "cut the costs, or price what the KPI is worth anew",
        )
    observed = f"break-even {found.break_even:.3g} {found.unit}"
    if found.expected is None:
        return PAYS.skipped(f"no expected effect is declared; {observed}")
    observed += f"; expected {found.expected:.3g}"
    if found.break_even > found.expected:
        begun = evidence.estimate is not None
        return PAYS.finding(
            "warn" if begun else "fail",
            observed,
            "the program would not have paid if it had worked as expected"
            if begun
            else "the program does not pay even if it works as expected",
            "judge it by the measured effect"
            if begun
            else "cut the costs, count a longer benefit where that is right, or train those for whom more can be expected",
        )
    best = found.best
    if np.isfinite(best.std_error):
        beyond = float(power_at(found.expected - found.break_even, best.std_error, best.df, best.level))
        observed += f"; chance to show that it pays {beyond:.0%}"
    return PAYS.finding("pass", observed, "the expected effect would pay for the program")


def _remedy(found: DesignPower) -> str:
    enough = [one for one in found.fixes if one.enough][:LISTED]
    if enough:
        named = "; or ".join(f"{one.words} (MDE {one.mde.mde:.3g}; {one.cost_words})" for one in enough)
        return f"{named}"
    if found.fixes:
        best = min(found.fixes, key=lambda one: one.mde.mde)
        nearest = f"{best.words} comes nearest (MDE {best.mde.mde:.3g})"
        return f"no single change is enough: {nearest}; combine several, or do not start"
    return "compare more clusters, follow them for longer, or look for a larger effect"
