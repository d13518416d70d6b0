"""What could the periods before the start have shown, and how far may trends part before the effect is gone?"""

from __future__ import annotations

from attribution.checks.evidence import Evidence, Rule
from attribution.core.display import number, signed
from attribution.core.finding import Finding
from attribution.inference.look_back import LookBack, look_back

PRE_TRENDS = Rule(
    "pre_trends",
    "a slope that the pre-periods show with power .8 is worth at most half of the effect, and their joint "
    "test is above .05",
    "Roth (2022), Pretest with caution, AER: Insights 4(3); the half: house rule",
)

BREAKDOWN = Rule(
    "trend_breakdown",
    "the interval excludes 0 as long as trends part by no more than they did before the start (breakdown value 1)",
    "Rambachan & Roth (2023), A more credible approach to parallel trends, Rev. Econ. Stud. 90",
)

ADD = "add an analysis with effects before the start: event_study, or staggered with base = 'universal'"


def pre_trends(evidence: Evidence) -> Finding:
    """Say which slope the pre-periods could have shown; that trends are parallel nothing shows."""
    looked = _looked(evidence)
    if isinstance(looked, Finding):
        return looked
    shown = looked.pretrends
    if shown is None or looked.estimate is None:
        return PRE_TRENDS.skipped(f"{looked.reason}: {ADD}")
    path, found = shown.path, shown.detectable.slope
    joint = f"joint p = {shown.p_value:.2g}" if shown.df[1] > 0 else "too few clusters for a joint test"
    observed = (
        f"slope {signed(shown.slope)} a period (SE {number(shown.slope_error)}), detectable {number(found)} with "
        f"probability {shown.power:.0%}, {joint}; events {_minus(path.pre[0])} to {_minus(path.post[-1])}"
        + (f" of {looked.name}" if looked.name else "")
    )
    effect = abs(float(path.beta[len(path.pre) :][[event >= 0 for event in path.post]].mean()))
    share = abs(shown.average_bias) / effect if effect else float("inf")
    if shown.p_value < 1 - shown.level:
        return PRE_TRENDS.finding(
            "warn",
            observed,
            f"the arms did not move alike before the start (p = {shown.p_value:.2g}): what parted them then may go on",
            "adjust for what drives the difference, choose another comparison, or say in the limits why it has ended",
        )
    if share > 0.5:
        much = f"{share:.0%} of the effect" if share < 10 else "many times the effect"
        return PRE_TRENDS.finding(
            "warn",
            observed,
            f"a difference in trends that these pre-periods miss one time in five would be worth {much}",
            "add earlier periods or clusters; read the effect together with its breakdown value",
        )
    return PRE_TRENDS.finding(
        "pass",
        observed,
        f"a difference in trends that these pre-periods miss one time in five is worth {share:.0%} of the effect; that "
        "trends are parallel they cannot show",
    )


def trend_breakdown(evidence: Evidence) -> Finding:
    """Say how far trends may part, measured by how far they did before the start, until the effect is gone."""
    looked = _looked(evidence, BREAKDOWN)
    if isinstance(looked, Finding):
        return looked
    tested = looked.sensitivity
    if tested is None:
        return BREAKDOWN.skipped(f"{looked.reason}: {ADD}")
    size = tested.breakdown
    observed = f"breakdown value {size:.2g}, {tested.target}" + (f" of {looked.name}" if looked.name else "")
    if size == 0:
        return BREAKDOWN.finding(
            "warn",
            observed,
            "the effect is not told from 0 even if trends are exactly parallel",
            "more clusters or periods would make the estimate sharper",
        )
    if size < 1:
        return BREAKDOWN.finding(
            "warn",
            observed,
            f"if trends part after the start by {size:.2g} times what they did from one period to the next before it, "
            "the effect is no longer told from 0",
            "add periods before the start, or a comparison that is more alike, so that less is left to trends",
        )
    return BREAKDOWN.finding(
        "pass",
        observed,
        f"the effect is told from 0 until trends part by {size:.2g} times the largest step between periods before the "
        "start",
    )


def _looked(evidence: Evidence, rule: Rule = PRE_TRENDS) -> LookBack | Finding:
    estimate = evidence.estimate
    if estimate is None:
        return rule.waits(evidence, "no data to look back in")
    if "effect" not in estimate.terms:
        return rule.skipped("there is no effect to doubt")
    if evidence.look_back is not None:
        return evidence.look_back
    return look_back({"": estimate})


def _minus(event: int) -> str:
    return str(event).replace("-", "−")
