"""Can the share of the change be estimated, and did the draws succeed?"""

from __future__ import annotations

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding

ESTIMABLE = Rule(
    "share_estimable",
    "the observed change is distinguishable from 0, so that the share's set is bounded",
    "Fieller (1954), Some problems in interval estimation",
)

FAILED = Rule("draws_failed", "at most 5% of the bootstrap draws fail", "house rule")


def share_estimable(evidence: Evidence) -> Finding:
    """Say whether the share has a bounded confidence set."""
    factor = evidence.factor
    if factor is None:
        return ESTIMABLE.waits(evidence, "no data to estimate a share from")
    if "effect" not in factor.estimate.terms:
        return ESTIMABLE.skipped(factor.reason)
    if factor.estimable:
        return ESTIMABLE.finding(
            "pass",
            f"set {factor.interval}",
            "the share can be quoted with its set",
        )
    return ESTIMABLE.finding(
        "warn",
        f"kind {factor.interval.kind}",
        f"share not estimable: {factor.reason}",
        "go on with the effect alone; a longer follow-up or more units may separate the change from noise",
    )


def draws_failed(evidence: Evidence) -> Finding:
    """Count bootstrap draws without an effect or a change; one that only empties a cohort has not failed."""
    if evidence.factor is None:
        return FAILED.waits(evidence, "no data to draw from")
    if evidence.factor.raw_draws is None:
        return FAILED.skipped("there are no bootstrap draws")
    draws = evidence.factor.raw_draws
    share = draws.failed / len(draws)
    observed = f"{draws.failed} of {len(draws):,}"
    if share > 0.05:
        return FAILED.finding(
            "fail",
            observed,
            f"{100 * share:.0f}% of the bootstrap's resamples empty an arm or a period: too many to trust its draws",
            "add clusters to the smaller arm, or leave out periods that few were observed in",
        )
    return FAILED.finding("pass", observed, "the draws succeeded")
