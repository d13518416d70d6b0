"""Those who were picked by the KPI: how far they move back by themselves, and whether they had just dipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attribution.checks.effects import (
    baseline_of,
    effect_looked_for,
    is_compared,
    kpi_of,
    level_of,
    method_of,
    options_of,
)
from attribution.checks.evidence import Evidence, Rule
from attribution.checks.selection import BY_KPI
from attribution.core.display import number, signed
from attribution.core.finding import Finding, Status
from attribution.core.panel import Panel
from attribution.core.periods import period_start
from attribution.design.schema import StudyDesign
from attribution.diagnostics.baseline import MIXED, ROLLOUTS, Compared
from attribution.diagnostics.comparison import kpi_mean
from attribution.diagnostics.dip import FEWEST_PERIODS, dip
from attribution.diagnostics.planned import known_arms
from attribution.diagnostics.regression import picked_deviation, reliability, spearman_brown
from attribution.errors import DataError
from attribution.estimators.contrasts.assemble import LEVELS_AS_THEY_ARE

REGRESSION = Rule(
    "regression_to_mean",
    "what selection alone would bring is below a tenth of the effect looked for; above half of it fail",
    "Campbell & Kenny (1999), A Primer on Regression Artifacts; Galton (1886); the tenth and the half: house rule",
)

DIP = Rule(
    "dip_before_adoption",
    "the trained moved like the others in their last periods before adoption (t test at the level of the design)",
    "Ashenfelter (1978), Estimating the effect of training programs on earnings, Rev. Econ. Stat. 60",
)

TENTH, HALF = 0.1, 0.5

DECLARE = "declare reliability and selected_share in [assignment], or give a baseline of at least two periods"
AVOID = (
    "measure a new baseline after the pick, compare at equal baselines (lagged) with those who were nearly picked, or "
    "draw lots among those who qualify"
)


@dataclass(frozen=True, slots=True)
class _Return:
    """What selection alone brings, as an improvement, in KPI units or (`in_sd`) in standard deviations; and from what.

    It is an error of the estimate: positive where it looks like success.
    """

    size: float
    words: str
    in_sd: bool = False


def regression_to_mean(evidence: Evidence) -> Finding:
    """Compute what the trained would move back towards the others without training, beside the effect looked for."""
    design, method = evidence.design, method_of(evidence)
    if design is None:
        return REGRESSION.skipped("no design says how training was assigned")
    mechanism = design.assignment.mechanism
    if mechanism not in BY_KPI:
        return REGRESSION.skipped("people were not picked by the KPI or by managers")
    estimate = evidence.estimate
    if method in MIXED or method == "trend":
        return REGRESSION.skipped(f"{method} looks at the whole path before the training, not at one baseline")
    if estimate is not None and (LEVELS_AS_THEY_ARE in estimate.notes or not estimate.n.baseline):
        return REGRESSION.skipped("levels are compared, not changes since a baseline that people were picked by")
    if method == "lagged":
        return REGRESSION.finding(
            "pass",
            "primary: lagged",
            "follow-ups are compared at equal baselines, which takes out what a pick by the baseline brings",
        )
    if _picked_before(design):
        return REGRESSION.finding(
            "pass",
            f"picked on {design.assignment.date}",
            "people were picked before the first baseline period: the score that they were picked by is not in it",
        )
    found = _from_data(evidence) or _from_design(evidence)
    if found is None and mechanism == "manager":
        return REGRESSION.skipped("nothing says that managers went by the KPI, and there are no data to see it in")
    if found is None:
        return REGRESSION.finding(
            "warn",
            "not known",
            "how far those who were picked would move back towards the mean by themselves cannot be said",
            DECLARE,
        )
    return _judged(evidence, found)


def _judged(evidence: Evidence, found: _Return) -> Finding:
    kpi = kpi_of(evidence)
    unit = "SD" if found.in_sd else ("KPI units" if kpi is None else kpi.unit)
    observed = f"{found.words}; from selection alone {signed(found.size)} {unit} of improvement"
    looked = None if found.in_sd else effect_looked_for(evidence)
    if looked is None:
        return REGRESSION.finding(
            "warn",
            observed,
            "selection alone moves the KPI, and no effect in its units is declared to compare that with",
            "declare expected_effect or minimum_worthwhile_effect, and sd in [power]",
        )
    effect, name = looked
    share = abs(found.size) / effect
    much = f"{share:.0%} of" if share < 10 else "many times"
    observed += f", {much} {name} ({number(effect)})"
    if share <= TENTH:
        return REGRESSION.finding("pass", observed, f"selection alone would bring {much} {name}")
    if found.size < 0:
        return REGRESSION.finding(
            "warn",
            observed,
            f"the trained were picked among the best, who get worse by themselves: that hides {much} {name}",
            AVOID,
        )
    managers = evidence.design is not None and evidence.design.assignment.mechanism == "manager"
    worst: Status = "fail" if share > HALF and not managers else "warn"
    message = f"those picked get better by themselves: without any training that would look like {much} {name}"
    return REGRESSION.finding(worst, observed, message + (", if managers went by the KPI" if managers else ""), AVOID)


def _picked_before(design: StudyDesign) -> bool:
    """Say whether people were picked before the first period of the baseline began."""
    picked = design.assignment.date
    if picked is None:
        return False
    try:
        starts = [period_start(label, design.timing.period) for label in design.timing.baseline]
    except DataError:
        return False  # counters have no place in the calendar
    return picked < min(starts)


def _from_data(evidence: Evidence) -> _Return | None:
    """Return what the periods before the training say; None where they do not say it."""
    panel, design = evidence.panel, evidence.design
    if panel is None or design is None or panel.kind != "panel":
        return None
    arms = known_arms(panel, evidence.estimate, baseline_of(evidence))
    if arms is None or not len(arms.before):
        return None
    # A rollout's effects are changes since the last period before each start.
    single = method_of(evidence) in ROLLOUTS
    lag = max((len(design.timing.baseline) + len(design.timing.followup)) // 2, 1)
    measured = reliability(panel, arms.before, lag, arms.trained | arms.control)
    if measured is not None:
        stays = measured.correlation if single else measured.of_mean
        apart = f"{measured.lag} period{'s' if measured.lag > 1 else ''}"
        words = f"reliability of the baseline {stays:.2f} (periods {apart} apart correlate {measured.correlation:.2f})"
    elif design.assignment.reliability is not None:
        stays, words = design.assignment.reliability, f"reliability {design.assignment.reliability:.2f} declared"
    else:
        return None
    stays = min(max(stays, 0.0), 1.0)
    gap = _gap(panel, arms, alone=not is_compared(evidence))
    if np.isnan(gap):
        return None
    better = gap if panel.direction == "higher" else -gap
    others = "the others" if is_compared(evidence) else "all"
    words = f"the trained began {signed(gap)} from {others}; {words}"
    return _Return(-(1 - stays) * better, words)


def _gap(panel: Panel, arms: Compared, *, alone: bool) -> float:
    """Return the baseline of the trained less that of the comparison, or of everybody where nobody is compared."""
    level, weight = kpi_mean(panel, arms.before), panel.weights
    known = ~np.isnan(level) & (weight > 0)
    means = []
    for mask in (arms.trained, arms.trained | arms.control if alone else arms.control):
        inside = mask & known
        if not inside.any():
            return float("nan")
        means.append(float(weight[inside] @ level[inside] / weight[inside].sum()))
    return means[0] - means[1]


def _from_design(evidence: Evidence) -> _Return | None:
    """Return what a normal score of the declared reliability says, of which the declared share was picked."""
    design = evidence.design
    if design is None or design.assignment.reliability is None or design.assignment.selected_share is None:
        return None
    stays, share = design.assignment.reliability, design.assignment.selected_share
    periods = 1 if method_of(evidence) in ROLLOUTS else len(baseline_of(evidence))
    apart = picked_deviation(share) / (1 - share if is_compared(evidence) else 1.0)
    # Picked by the mean over the baseline, of which the score of one period has an SD of 1.
    back = apart * float(np.sqrt(stays + (1 - stays) / periods)) * (1 - spearman_brown(stays, periods))
    sd = design.power.sd
    if sd is None and evidence.power is not None:
        sd = evidence.power.noise.sd
    beside = "the others" if is_compared(evidence) else "all"
    words = f"the {share:.0%} picked are {apart:.2f} SD from {beside} in the score; reliability {stays:.2f} declared"
    return _Return(back, words, in_sd=True) if sd is None else _Return(back * sd, words)


def dip_before_adoption(evidence: Evidence) -> Finding:
    """Compare the last periods before adoption with the earlier ones, trained against the others (Ashenfelter)."""
    design, panel, estimate = evidence.design, evidence.panel, evidence.estimate
    if panel is None:
        return DIP.skipped("no data from before the training")
    if design is not None and design.assignment.mechanism == "random":
        return DIP.skipped("training was given at random: a dip would be chance")
    if panel.kind != "panel":
        return DIP.skipped("the data follow no units before their training")
    if method_of(evidence) in MIXED or method_of(evidence) == "trend":
        return DIP.skipped(f"{method_of(evidence)} looks at the whole path before the training")
    arms = known_arms(panel, estimate, baseline_of(evidence))
    if arms is None:
        return DIP.skipped("the data do not say who is trained and who is not")
    rollout = method_of(evidence) in ROLLOUTS
    warned = 0 if design is None else options_of(evidence).get("anticipation", design.timing.anticipation)
    found = dip(panel, arms.trained, arms.control, anticipation=warned, before=None if rollout else arms.before)
    if found is None:
        return DIP.skipped(f"fewer than {FEWEST_PERIODS} periods before the training")
    if np.isnan(found.std_error):
        return DIP.skipped("an arm is one cluster, or nothing varies: nothing says what chance alone would do")
    level = level_of(evidence)
    better = found.value if panel.direction == "higher" else -found.value
    observed = (
        f"{signed(found.value)} in the last {found.last} of {found.last + found.earlier} periods before, against the "
        f"others (SE {number(found.std_error)}, p = {found.p_value:.2g})"
    )
    if found.p_value > 1 - level:
        return DIP.finding(
            "pass",
            observed,
            f"no dip is seen; one of {number(found.detectable(level))} would have been missed one time in five",
        )
    moved = "got worse" if better < 0 else "got better"
    then = (
        "who is picked at a low point recovers without training, which would look like an effect"
        if better < 0
        else "what moved them may go on, or the KPI reacted before the training"
    )
    return DIP.finding(
        "warn",
        observed,
        f"the trained {moved} than the others just before they were trained: {then}",
        "leave the last periods out of the baseline (anticipation), compare at equal baselines (lagged) beside did, "
        "and find out what happened then",
    )
