"""What does the analysis find where there is nothing: before the launch, in other outcomes, among the untrained?"""

from __future__ import annotations

from typing import Any

import numpy as np

from attribution.checks.effects import (
    baseline_of,
    effect_looked_for,
    ends_said,
    is_compared,
    level_of,
    method_of,
    options_of,
    seed_of,
)
from attribution.checks.evidence import Evidence, Rule
from attribution.core.display import signed
from attribution.core.finding import Finding
from attribution.core.panel import NEVER, Panel
from attribution.diagnostics.baseline import MIXED
from attribution.diagnostics.planned import known_arms
from attribution.errors import DataError, MethodError
from attribution.inference.placebos import FEWEST_CLUSTERS, PlaceboLaunches, placebo_launches, placebo_trained

LAUNCHES = Rule(
    "placebo_launch",
    "no fake launch inside the baseline shows an effect, all together at the level of the design; one above half of "
    "the effect looked for fails",
    "Bertrand, Duflo & Mullainathan (2004), Quarterly Journal of Economics 119; the half: house rule",
)

UNTOUCHED = Rule(
    "untouched_outcome",
    "the interval of every KPI that training cannot move holds 0 (all together at the level of the design)",
    "Lipsitch, Tchetgen Tchetgen & Cohen (2010), Negative controls, Epidemiology 21",
)

TRAINED = Rule(
    "placebo_trained",
    "never-trained taken for trained at random show an effect no more than 1.5 times as often as the level says",
    "Bertrand, Duflo & Mullainathan (2004), Quarterly Journal of Economics 119; the 1.5: Bradley (1978), Robustness?",
)

HALF, LIBERAL = 0.5, 1.5

OWN_OPTIONS = {"did": ("controls", "covariates", "adjust"), "lagged": ("controls",), "prepost": ()}
"""Methods on two windows that are tried at fake launches as they are, with which of their options."""


def placebo_launch(evidence: Evidence) -> Finding:
    """Try the analysis at launches inside the baseline: what it finds there is not an effect of training."""
    panel, method = evidence.panel, method_of(evidence)
    if panel is None:
        return LAUNCHES.skipped("no data from before the training")
    if not method:
        return LAUNCHES.skipped("no design or estimate names the analysis")
    if panel.kind != "panel":
        return LAUNCHES.skipped("the data follow no units before their training")
    if method in MIXED or method == "trend":
        return LAUNCHES.skipped(f"{method} is fitted to the whole path before the training")
    arms = known_arms(panel, evidence.estimate, baseline_of(evidence))
    if arms is None:
        return LAUNCHES.skipped("the data do not say who is trained and who is not")
    if len(arms.before) < 2:
        return LAUNCHES.skipped("one baseline period: there is no earlier date to try")
    if _made_alike(evidence, panel):
        return LAUNCHES.skipped(
            "the cohort was made alike in these very periods, so that nothing could be found in them"
        )
    tried = method if method in OWN_OPTIONS else "did"
    try:
        found = placebo_launches(
            panel,
            trained=arms.trained,
            control=arms.control,
            baseline=arms.before,
            method=tried,
            options=_options(evidence, tried),
            level=level_of(evidence),
            seed=seed_of(evidence),
        )
    except (DataError, MethodError) as error:
        return LAUNCHES.skipped(f"at a fake launch there is no estimate: {error.what}")
    if found is None:
        return LAUNCHES.skipped("no fake launch gives a standard error")
    return _tried(evidence, found, tried)


def _options(evidence: Evidence, tried: str) -> dict[str, Any]:
    stated = options_of(evidence)
    return {name: stated[name] for name in OWN_OPTIONS[tried] if name in stated}


def _made_alike(evidence: Evidence, panel: Panel) -> bool:
    """Say whether the cohort was made with the KPI before the training among its columns."""
    cohort = evidence.made_with
    name = panel.columns.outcome
    return cohort is not None and any(label.startswith((f"{name} in ", f"{name} at ")) for label in cohort.labels)


def _tried(evidence: Evidence, found: PlaceboLaunches, tried: str) -> Finding:
    rejected, dates = int(found.rejected.sum()), len(found.dates)
    worst = int(np.argmin(found.p_values))
    observed = (
        f"fake launches that show an effect ({tried}): {rejected} of {dates}; the strongest "
        f"{signed(float(found.values[worst]))}, at {found.dates[worst]} (p = {found.p_values[worst]:.2g}, of all dates "
        f"together {found.chance:.2g})"
    )
    if found.chance > 1 - found.level:
        beyond = " beyond what several dates bring by chance" if rejected else ""
        return LAUNCHES.finding("pass", observed, f"no fake launch shows an effect{beyond}")
    looked = effect_looked_for(evidence)
    message = "the analysis finds effects before anybody was trained: the arms were not on the same path"
    if not is_compared(evidence):
        message = "the analysis finds effects before anybody was trained: the KPI was moving by itself"
    remedy = "find out what moved the arms apart then, choose another comparison, or adjust for what drives it"
    if looked is not None and found.largest > HALF * looked[0]:
        much = f"{found.largest / looked[0]:.0%} of" if found.largest < 10 * looked[0] else "many times"
        return LAUNCHES.finding("fail", f"{observed}; {much} {looked[1]}", message, remedy)
    return LAUNCHES.finding("warn", observed, message, remedy)


def untouched_outcome(evidence: Evidence) -> Finding:
    """Look at the KPIs that training cannot move: an effect on them is a fault of the comparison."""
    design = evidence.design
    if design is None:
        return UNTOUCHED.skipped("no design names a KPI that training cannot move")
    kpis = {kpi.id: kpi for kpi in design.kpi if kpi.role == "untouched"}
    if not kpis:
        return UNTOUCHED.skipped(
            'none declared: add a KPI of role "untouched", which the training cannot move, and an analysis of it'
        )
    analyses = [one for one in design.analysis if one.kpi in kpis]
    if not analyses:
        return UNTOUCHED.skipped(f"no analysis is of {', '.join(kpi.label for kpi in kpis.values())}: add one")
    found = [
        (one, evidence.estimates[one.id])
        for one in analyses
        if one.id in evidence.estimates and "effect" in evidence.estimates[one.id].terms
    ]
    if not found:
        return UNTOUCHED.skipped("the follow-up is not over")
    # Each at so much that all of them together hold the level of the design (Bonferroni).
    level = 1 - (1 - level_of(evidence)) / len(found)
    parts, moved = [], []
    for one, estimate in found:
        ends = estimate.interval(level)
        if ends.kind == "undefined":
            parts.append(f"{kpis[one.kpi].label} without a standard error")
            continue
        parts.append(f"{kpis[one.kpi].label} {ends_said(ends)} ({one.id})")
        if 0.0 not in ends:
            moved.append(kpis[one.kpi].label)
    observed = "; ".join(parts)
    if all(part.endswith("without a standard error") for part in parts):
        return UNTOUCHED.skipped("no analysis of an untouched KPI has a standard error")
    if moved:
        names = " and ".join(dict.fromkeys(moved))
        return UNTOUCHED.finding(
            "warn",
            observed,
            f"the analysis finds an effect on {names}, which training cannot move: something else parted the arms",
            "find out what moved it, and whether that moves the KPI of the training as well",
        )
    return UNTOUCHED.finding("pass", observed, "no effect is found where there can be none")


def trained_at_random(evidence: Evidence) -> Finding:
    """Take never-trained clusters for trained, at random, many times: how often is there an effect?"""
    panel, method = evidence.panel, method_of(evidence)
    if panel is None:
        return TRAINED.skipped("no data from before the training")
    if method not in ("did", "lagged"):
        return TRAINED.skipped(
            f"{method} is not tried on fake arms: that is for did on two windows" if method else "no analysis is named"
        )
    if panel.kind != "panel":
        return TRAINED.skipped("the data follow no units")
    if evidence.made_with is not None:
        return TRAINED.skipped("the cohort was made for those who were trained, not for others")
    estimate, baseline = evidence.estimate, baseline_of(evidence)
    before = np.unique(np.array(panel.periods.codes(list(baseline), where="baseline"), dtype=np.int16))
    if estimate is not None:
        after = np.array(panel.periods.codes(list(estimate.n.followup), where="followup"), dtype=np.int16)
        arms = estimate.n.trained.clusters, estimate.n.control.clusters
    else:
        found_arms = known_arms(panel, None, baseline)
        if found_arms is None or len(before) < 2:
            return TRAINED.skipped("the data do not say who is trained, or have one baseline period")
        before, after = before[: len(before) // 2], before[len(before) // 2 :]
        counted = [len(np.unique(panel.units.cluster[mask])) for mask in (found_arms.trained, found_arms.control)]
        arms = counted[0], counted[1]
    share = arms[0] / sum(arms)
    never = panel.units.adopted == NEVER
    found = placebo_trained(
        panel,
        control=never,
        share=share,
        before=before,
        after=after,
        level=level_of(evidence),
        seed=seed_of(evidence),
    )
    if found is None:
        return TRAINED.skipped(f"fewer than {FEWEST_CLUSTERS} never-trained clusters with a KPI in both windows")
    alpha = 1 - found.level
    observed = (
        f"{found.rejected:.1%} of {found.draws:,} random splits, {found.clusters[0]} clusters taken for trained, "
        f"{found.clusters[1]} for untrained; level {alpha:.0%}"
    )
    # Beyond what the number of draws leaves open.
    if found.rejected > LIBERAL * alpha + 2 * found.error:
        return TRAINED.finding(
            "warn",
            observed,
            f"the test finds an effect in {found.rejected:.0%} of comparisons of untrained with untrained: its "
            "intervals are too narrow for these clusters",
            "add clusters, merge those that are small or unlike the others, or transform the KPI (a few far values)",
        )
    return TRAINED.finding(
        "pass", observed, "among the untrained the test finds an effect no more often than its level allows"
    )
