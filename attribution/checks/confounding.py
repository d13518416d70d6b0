"""Did anything else happen to one arm and not to the other, or the training to both?"""

from __future__ import annotations

from attribution.checks.effects import baseline_of
from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding
from attribution.diagnostics.baseline import compared_arms
from attribution.diagnostics.planned import known_arms

OTHERS = Rule(
    "other_interventions",
    "no other factor holds for all of one arm and none of the other",
    "What Works Clearinghouse (2022), Handbook 5.0: confounding factors",
)

CONTAMINATION = Rule(
    "contamination",
    "nobody of the comparison was trained or helped by those who were",
    "Shadish, Cook & Campbell (2002), Experimental and Quasi-Experimental Designs: treatment diffusion",
)

_ARMS = {"trained": "the trained arm", "control": "the comparison"}


def other_interventions(evidence: Evidence) -> Finding:
    """Look for a factor that coincides with an arm: a declared intervention, or a single site or manager."""
    design = evidence.design
    if design is None:
        return OTHERS.skipped("no design declares other interventions")
    single = _single_groups(evidence)
    one_sided = [one for one in design.other_intervention if one.arm != "both"]
    whole = [f"{one.name} reached all of {_ARMS[one.arm]}" for one in one_sided if one.share >= 1.0]
    if single or whole:
        factors = [*single, *whole]
        whose = "its" if len(factors) == 1 else "their"
        return OTHERS.finding(
            "fail",
            "; ".join(factors),
            f"{' and '.join(factors)}: {whose} effect cannot be told from the training's",
            "compare with units it reached as well, or leave out the units it coincides with",
        )
    uneven = [one for one in one_sided if one.share > 0]
    if uneven:
        reached = " and ".join(f"{one.name} reached {one.share:.0%} of {_ARMS[one.arm]}" for one in uneven)
        return OTHERS.finding(
            "warn",
            "; ".join(f"{one.name} ({one.arm}, {one.share:.0%})" for one in uneven),
            f"{reached}, not the other: part of the effect may be {'its' if len(uneven) == 1 else 'theirs'}",
            "show the effect without the units it reached, or argue in the limits why it does not touch the KPI",
        )
    count = len(design.other_intervention)
    return OTHERS.finding(
        "pass",
        f"{count} declared, none on one arm alone" if count else "none declared",
        "no other intervention is declared for one arm alone" if count else "the design declares no other intervention",
    )


def contamination(evidence: Evidence) -> Finding:
    """Report the share of the comparison that was trained or helped all the same: it hides a part of the effect."""
    design, estimate = evidence.design, evidence.estimate
    if design is None:
        return CONTAMINATION.skipped("no design declares contamination")
    share = design.assignment.contamination
    if share is None:
        return CONTAMINATION.skipped("not declared: add contamination = 0, or the share exposed, to [assignment]")
    if estimate is not None and not estimate.n.control.units:
        return CONTAMINATION.skipped(f"{estimate.method} has no comparison")
    observed = f"{100 * share:.3g}% declared"
    if share > 0:
        return CONTAMINATION.finding(
            "warn",
            observed,
            f"{100 * share:.3g}% of the comparison were trained or helped all the same: the effect is diluted",
            "name in the limits who was exposed; compare with units that were not, or show the effect without them",
        )
    return CONTAMINATION.finding("pass", observed, "nobody of the comparison was trained or helped")


def _single_groups(evidence: Evidence) -> list[str]:
    """Return the group columns in which one arm has a single value that is not everybody's, in words."""
    panel, estimate = evidence.panel, evidence.estimate
    if panel is None or evidence.design is None:
        return []
    # Before the follow-up the column of the training may say already who is trained and who is not.
    if estimate is None:
        arms = known_arms(panel, None, baseline_of(evidence))
    else:
        arms = compared_arms(panel, estimate)
    if arms is None:
        return []
    entered = arms.trained | arms.control
    found = []
    for name, values in panel.units.groups.items():
        if len({str(value) for value in values[entered]}) == 1:
            continue
        for mine, arm in ((arms.trained, "trained"), (arms.control, "control")):
            known = {str(value) for value in values[mine] if value is not None}
            if len(known) == 1 and mine.sum() > 1:
                found.append(f"all {arm} units have {name} {known.pop()}")
    return found
