"""The registries: a name stands for "module:function", loaded when it is named.

Adding a method is one new file and one line here. A method's keyword-only, annotated parameters are its keys in a
design file, its JSON schema and its row in the documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any, get_type_hints

from attribution.errors import MethodError

ESTIMATORS: Mapping[str, str] = {
    "adjusted": "attribution.estimators.adjusted:adjusted",
    "did": "attribution.estimators.did:did",
    "event_study": "attribution.estimators.event_study:event_study",
    "lagged": "attribution.estimators.lagged:lagged",
    "prepost": "attribution.estimators.prepost:prepost",
    "staggered": "attribution.estimators.staggered:staggered",
    "synthetic": "attribution.estimators.synthetic:synthetic",
    "trend": "attribution.estimators.trend:trend",
    "twfe": "attribution.estimators.twfe:twfe",
}

COHORTS: Mapping[str, str] = {
    "coarsened": "attribution.cohorts.coarsened:coarsened",
    "entropy": "attribution.cohorts.entropy:entropy",
    "exact": "attribution.cohorts.exact:exact",
    "full": "attribution.cohorts.full:full",
    "nearest": "attribution.cohorts.nearest:nearest",
    "optimal": "attribution.cohorts.optimal:optimal",
    "propensity": "attribution.cohorts.propensity:propensity",
    "subclass": "attribution.cohorts.subclass:subclass",
}

DATASETS: Mapping[str, str] = {
    "jobtraining": "attribution.datasets.jobtraining:jobtraining",
    "nsw": "attribution.datasets.nsw:nsw",
    "nsw_cps": "attribution.datasets.nsw:nsw_cps",
    "nsw_psid": "attribution.datasets.nsw:nsw_psid",
    "rollout": "attribution.datasets.rollout:rollout",
}

CHECKS: Mapping[str, str] = {
    "baseline_equivalence": "attribution.checks.baseline:baseline_equivalence",
    "cohort_balance": "attribution.checks.balance:cohort_balance",
    "overlap": "attribution.checks.overlap:common_support",
    "effective_sample_size": "attribution.checks.overlap:effective_sample_size",
    "trained_dropped": "attribution.checks.balance:trained_dropped",
    "measured_before": "attribution.checks.balance:measured_before",
    "matched_difference": "attribution.checks.matching:matched_difference",
    "pre_periods": "attribution.checks.baseline:pre_periods",
    "pre_trends": "attribution.checks.pretrends:pre_trends",
    "trend_breakdown": "attribution.checks.pretrends:trend_breakdown",
    "launch": "attribution.checks.launch:launch",
    "clusters_per_arm": "attribution.checks.clusters:clusters_per_arm",
    "standard_error": "attribution.checks.clusters:standard_error",
    "effect_declared": "attribution.checks.power:effect_declared",
    "power": "attribution.checks.power:power",
    "pays": "attribution.checks.power:pays",
    "other_interventions": "attribution.checks.confounding:other_interventions",
    "contamination": "attribution.checks.confounding:contamination",
    "unmeasured_confounding": "attribution.checks.unmeasured:unmeasured_confounding",
    "causal_graph": "attribution.checks.causal_graph:causal_graph",
    "placebo_refuter": "attribution.checks.causal_graph:placebo_refuter",
    "random_cause_refuter": "attribution.checks.causal_graph:random_cause_refuter",
    "subset_refuter": "attribution.checks.causal_graph:subset_refuter",
    "two_way_primary": "attribution.checks.two_way:two_way_primary",
    "synthetic_fit": "attribution.checks.synthetic:synthetic_fit",
    "series_length": "attribution.checks.trend:series_length",
    "selection_mechanism": "attribution.checks.selection:selection_mechanism",
    "uncontrolled": "attribution.checks.selection:uncontrolled",
    "regression_to_mean": "attribution.checks.returning:regression_to_mean",
    "dip_before_adoption": "attribution.checks.returning:dip_before_adoption",
    "lagged_bracket": "attribution.checks.selection:lagged_bracket",
    "timing_declared": "attribution.checks.timing:timing_declared",
    "placebo_launch": "attribution.checks.placebos:placebo_launch",
    "untouched_outcome": "attribution.checks.placebos:untouched_outcome",
    "placebo_trained": "attribution.checks.placebos:trained_at_random",
    "attrition": "attribution.checks.attrition:attrition",
    "units_lost": "attribution.checks.losses:units_lost",
    "roster_frozen": "attribution.checks.leavers:roster_frozen",
    "leavers": "attribution.checks.leavers:leavers",
    "observation_gap": "attribution.checks.losses:observation_gap",
    "share_estimable": "attribution.checks.share:share_estimable",
    "draws_failed": "attribution.checks.share:draws_failed",
    "learner_time": "attribution.checks.money:learner_time",
    "cost_categories": "attribution.checks.money:cost_categories",
    "illustrative_money": "attribution.checks.money:illustrative_money",
    "prespecified": "attribution.checks.prespecified:prespecified",
    "focus": "attribution.checks.focus:focus",
    "kpi_owner": "attribution.checks.focus:kpi_owner",
}

ONCE_A_STUDY = (
    "effect_declared",
    "selection_mechanism",
    "timing_declared",
    "untouched_outcome",
    "roster_frozen",
    "learner_time",
    "cost_categories",
    "illustrative_money",
    "prespecified",
    "focus",
    "kpi_owner",
)
"""Checks that look at the money or the design alone: one finding each, however many primary analyses there are."""

WITHOUT_COHORT = ("synthetic", "trend")
"""Analyses that compare no units with each other, so that no cohort can say which are compared."""

FROM_DESIGN = ("baseline", "followup", "washout", "anticipation", "variance")
"""Parameters that a design fills from `[timing]` and `[inference]` unless an analysis states its own."""


@dataclass(frozen=True, slots=True)
class Option:
    """One keyword of a method: its annotation and, unless it is required, its default."""

    name: str
    annotation: Any
    default: Any
    required: bool


def require_name(known: Collection[str], name: str, *, kind: str) -> None:
    """Raise `MethodError` with the nearest known name for one that is not known."""
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise MethodError(
            f"there is no {kind} {name!r}", where=kind, remedy=f"{hint}choose one of {', '.join(sorted(known))}"
        )


def load(registry: Mapping[str, str], name: str, *, kind: str) -> Callable[..., Any]:
    """Return the function a name stands for; raises `MethodError` with the nearest known name."""
    require_name(registry, name, kind=kind)
    module, function = registry[name].split(":")
    loaded: Callable[..., Any] = getattr(import_module(module), function)
    return loaded


def options(method: Callable[..., Any]) -> tuple[Option, ...]:
    """Return a method's keyword-only parameters with their annotations, in order."""
    hints = get_type_hints(method)
    found = []
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            required = parameter.default is inspect.Parameter.empty
            default = None if required else parameter.default
            found.append(Option(parameter.name, hints[parameter.name], default, required))
    return tuple(found)


def summary(method: Callable[..., Any]) -> str:
    """Return the first line of a method's docstring."""
    return (inspect.getdoc(method) or "").split("\n", 1)[0]


def dataset(name: str) -> Any:
    """Return a public data set by name, as a pandas frame; raises `MethodError` for a name that is not there.

    Examples
    --------
    >>> import attribution as at
    >>> at.dataset("jobtraining").shape[0]
    471
    """
    return load(DATASETS, name, kind="dataset")()
