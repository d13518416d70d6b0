"""Did anything else happen to one arm and not to the other?"""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.arms import CONTROL, TRAINED, two_window_arms, windows
from attribution.core.finding import Finding

OTHERS = Rule(
    "other_interventions",
    "no other factor holds for all of one arm and none of the other",
    "What Works Clearinghouse (2022), Handbook 5.0: confounding factors",
)


def other_interventions(evidence: Evidence) -> Finding:
    """Look for a factor that coincides with an arm: a declared intervention, or a single site or manager."""
    design = evidence.design
    if design is None:
        return OTHERS.skipped("no design declares other interventions")
    single = _single_groups(evidence)
    whole = [one.name for one in design.other_intervention if one.arm != "both" and one.share >= 1.0]
    if single or whole:
        factors = "; ".join([*single, *(f"{name} reached all of one arm" for name in whole)])
        return OTHERS.finding(
            "fail",
            factors,
            "its effect cannot be told from the training's",
            "compare with units it reached as well, or leave out the units it coincides with",
        )
    uneven = [f"{one.name} ({one.arm}, {one.share:.0%})" for one in design.other_intervention if one.arm != "both"]
    if uneven:
        return OTHERS.finding(
            "warn",
            "; ".join(uneven),
            "part of the effect may be another intervention's",
            "show the effect without the units it reached, or argue in the limits why it does not touch the KPI",
        )
    count = len(design.other_intervention)
    return OTHERS.finding(
        "pass",
        f"{count} declared, on both arms" if count else "none declared",
        "no other intervention is declared for one arm alone" if count else "the design declares no other intervention",
    )


def _single_groups(evidence: Evidence) -> list[str]:
    """Return the group columns in which one arm has a single value that is not everybody's, in words."""
    panel, estimate = evidence.panel, evidence.estimate
    if panel is None or estimate is None or not estimate.n.control.units:
        return []
    before, after = windows(panel, list(estimate.n.baseline), list(estimate.n.followup))
    arms = two_window_arms(panel, before, after, "not_yet").code
    entered = estimate.clusters >= 0
    found = []
    for name, values in panel.units.groups.items():
        if len({str(value) for value in values[entered]}) == 1:
            continue
        for code, arm in ((TRAINED, "trained"), (CONTROL, "control")):
            known = {str(value) for value in values[entered & (arms == code)] if value is not None}
            if len(known) == 1 and np.sum(entered & (arms == code)) > 1:
                found.append(f"all {arm} units have {name} {known.pop()}")
    return found
