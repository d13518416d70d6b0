"""Were the arms alike before the training, and for how long were they watched?"""

from __future__ import annotations

import numpy as np

from attribution.checks.attrition import attrition
from attribution.checks.evidence import Evidence, Rule
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.diagnostics.baseline import baseline_balance, compared_arms
from attribution.estimators.contrasts.assemble import LEVELS_AS_THEY_ARE

EQUIVALENCE = Rule(
    "baseline_equivalence",
    "|g| ≤ .05 fine; to .25 adjust; above .25 fail (randomised: warn)",
    "What Works Clearinghouse (2022), Handbook 5.0",
)

PRE_PERIODS = Rule(
    "pre_periods",
    "at least 3 baseline periods for any claim about trends",
    "Roth (2022), Pretest with caution, AER: Insights 4(3), on what few pre-periods show; the 3: house rule",
)


ADJUSTS = {
    "did": "difference-in-differences",
    "staggered": "comparison of changes",
    "event_study": "comparison of changes",
    "twfe": "regression with unit effects",
    "lagged": "comparison at equal baselines",
    "adjusted": "comparison of changes (or at equal baselines)",
}
"""Methods that adjust for the KPI's own baseline, and what in them does; `adjusted` may note that it does not."""


def baseline_equivalence(evidence: Evidence) -> Finding:
    """Compare the arms at baseline, KPI and declared covariates, in standard deviations."""
    panel, estimate = evidence.panel, evidence.estimate
    if panel is None or estimate is None:
        return EQUIVALENCE.waits(evidence, "no data to compare the arms at baseline")
    if compared_arms(panel, estimate) is None:
        return EQUIVALENCE.skipped(_no_arms(estimate))
    table = baseline_balance(panel, estimate)
    if not len(table):
        return EQUIVALENCE.skipped("one row per unit, without covariates: nothing is known of before the training")
    sizes = table["g"].abs().to_numpy()
    unknown = np.isnan(sizes)
    observed = "g: " + "; ".join(_shown(name, g) for name, g in zip(table["variable"], table["g"], strict=True))
    # Beyond the boundary of attrition, and by who took the training, a randomised study is judged like any other.
    randomised = (
        evidence.design is not None
        and evidence.design.assignment.mechanism == "random"
        and (estimate.estimand == "ITT" or panel.units.assigned is None)
        and attrition(evidence).status != "warn"
    )
    on_kpi = estimate.method in ADJUSTS and LEVELS_AS_THEY_ARE not in estimate.notes
    adjusted = {*estimate.adjusted, *([estimate.outcome] if on_kpi else [])}
    # A difference that can be measured is judged first: one that cannot must not hide it.
    worst = int(np.argmax(np.where(unknown, -1.0, sizes)))
    name = table["variable"].iloc[worst]
    if sizes[worst] > 0.25:
        far = f"by {sizes[worst]:.2f} standard deviations" if np.isfinite(sizes[worst]) else "wholly"
        return EQUIVALENCE.finding(
            "warn" if randomised else "fail",
            observed,
            f"the arms differed {far} in {name} before the training",
            "compare with units that were alike before: match or weight on the baseline, or choose another comparison",
        )
    if unknown.any():
        names = ", ".join(table.loc[unknown, "variable"])
        return EQUIVALENCE.finding(
            "warn",
            observed,
            f"the baseline difference of {names} has no standard deviation to be measured in",
            "give the baseline of at least two units in each arm, with values that vary",
        )
    open_ones = [str(one) for one, g in zip(table["variable"], sizes, strict=True) if g > 0.05 and one not in adjusted]
    if open_ones:
        return EQUIVALENCE.finding(
            "warn",
            observed,
            f"{', '.join(open_ones)} differed at baseline and nothing adjusts for it",
            "adjust for what differed, or say in the limits why it does not matter",
        )
    if sizes[worst] > 0.05:
        how = f"the {ADJUSTS[estimate.method]}" if name == estimate.outcome else f"the {estimate.method} analysis"
        return EQUIVALENCE.finding(
            "pass", observed, f"{name} differed by {sizes[worst]:.2f} standard deviations; {how} adjusts for it"
        )
    return EQUIVALENCE.finding("pass", observed, "the arms were alike at baseline")


def _no_arms(estimate: Estimate) -> str:
    if not estimate.n.control.units:
        return f"{estimate.method} has no comparison"
    if estimate.rows == "periods":
        return f"{estimate.method} compares a series with its own past, not units with others"
    return f"{estimate.method} fits a mix of the others to the trained; see how well it fits"


def _shown(name: str, g: float) -> str:
    if np.isnan(g):
        return f"{name} not computable"
    # A column's name keeps its letters and its hyphens.
    return f"{name} " + f"{g:+.2f}".replace("-", "−").replace("inf", "∞")


def pre_periods(evidence: Evidence) -> Finding:
    """Count the baseline periods, without which nothing can be said about trends."""
    if evidence.estimate is not None:
        count = len(evidence.estimate.n.baseline)
    elif evidence.design is not None:
        count = len(evidence.design.timing.baseline)
    else:
        return PRE_PERIODS.skipped("neither a design nor an estimate names a baseline")
    observed = f"{count} baseline period{'s' if count != 1 else ''}"
    if count >= 3:
        return PRE_PERIODS.finding("pass", observed, "trends before the training can be looked at")
    compared = evidence.estimate is None or evidence.estimate.n.control.units > 0
    return PRE_PERIODS.finding(
        "warn",
        observed,
        "whether both arms were on the same path before the training cannot be seen"
        if compared
        else "whether the KPI was already moving before the training cannot be seen",
        "add earlier periods to the baseline if they were recorded",
    )
