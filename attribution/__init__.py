"""Say how much of a KPI's change a training program caused, how sure we are, and what that is worth."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attribution.checks.evidence import findings as findings
    from attribution.cohorts.coarsened import coarsened as coarsened
    from attribution.cohorts.entropy import entropy as entropy
    from attribution.cohorts.exact import exact as exact
    from attribution.cohorts.full import full as full
    from attribution.cohorts.nearest import nearest as nearest
    from attribution.cohorts.optimal import optimal as optimal
    from attribution.cohorts.propensity import propensity as propensity
    from attribution.cohorts.subclass import subclass as subclass
    from attribution.core.cohort import Cohort as Cohort
    from attribution.core.estimate import Estimate as Estimate
    from attribution.core.finding import Finding as Finding
    from attribution.core.finding import Review as Review
    from attribution.core.interval import Draws as Draws
    from attribution.core.interval import Interval as Interval
    from attribution.core.panel import Panel as Panel
    from attribution.design.load import load_design as load_design
    from attribution.design.prespecified import Prespecified as Prespecified
    from attribution.diagnostics.balance import balance as balance
    from attribution.diagnostics.lost import lost as lost
    from attribution.diagnostics.overlap import overlap as overlap
    from attribution.errors import AttributionError as AttributionError
    from attribution.estimators.adjusted import adjusted as adjusted
    from attribution.estimators.bacon import bacon as bacon
    from attribution.estimators.bracket import bracket as bracket
    from attribution.estimators.did import did as did
    from attribution.estimators.event_study import event_study as event_study
    from attribution.estimators.lagged import lagged as lagged
    from attribution.estimators.prepost import prepost as prepost
    from attribution.estimators.sites.weights import synthetic_placebos as synthetic_placebos
    from attribution.estimators.sites.weights import synthetic_weights as synthetic_weights
    from attribution.estimators.staggered import staggered as staggered
    from attribution.estimators.synthetic import synthetic as synthetic
    from attribution.estimators.trend import trend as trend
    from attribution.estimators.twfe import twfe as twfe
    from attribution.estimators.two_way.weights import twfe_weights as twfe_weights
    from attribution.finance.costs import CostLedger as CostLedger
    from attribution.finance.costs import CostLine as CostLine
    from attribution.finance.costs import cost_ledger as cost_ledger
    from attribution.finance.robustness import roi_robustness as roi_robustness
    from attribution.finance.roi import Roi as Roi
    from attribution.finance.roi import roi as roi
    from attribution.inference.bands import simultaneous as simultaneous
    from attribution.inference.draws import bootstrap as bootstrap
    from attribution.inference.factor import AttributionFactor as AttributionFactor
    from attribution.inference.factor import attribution_factor as attribution_factor
    from attribution.inference.factor import shares as shares
    from attribution.inference.pretrends import pretrends as pretrends
    from attribution.inference.robustness import robustness as robustness
    from attribution.inference.rosenbaum import rosenbaum as rosenbaum
    from attribution.inference.sensitivity import trend_sensitivity as trend_sensitivity
    from attribution.inference.takers import effect_on_takers as effect_on_takers
    from attribution.numerics.evalue import e_value as e_value
    from attribution.numerics.evalue import e_value_of_difference as e_value_of_difference
    from attribution.planning.power import Power as Power
    from attribution.planning.power import power as power
    from attribution.registry import dataset as dataset
    from attribution.report import figures as figures
    from attribution.report.review_write import write_review as write_review
    from attribution.report.write import write as write
    from attribution.study.amend import amend as amend
    from attribution.study.differences import differences as differences
    from attribution.study.freeze import freeze as freeze
    from attribution.study.rehearsal import Rehearsal as Rehearsal
    from attribution.study.rehearse import rehearse as rehearse
    from attribution.study.result import StudyResult as StudyResult
    from attribution.study.review import StudyReview as StudyReview
    from attribution.study.review import review as review
    from attribution.study.rollout import Rollout as Rollout
    from attribution.study.rollout import plan_rollout as plan_rollout
    from attribution.study.run import run as run

_PUBLIC = {
    "AttributionError": "errors",
    "AttributionFactor": "inference.factor",
    "Cohort": "core.cohort",
    "CostLedger": "finance.costs",
    "CostLine": "finance.costs",
    "Draws": "core.interval",
    "Estimate": "core.estimate",
    "Finding": "core.finding",
    "Interval": "core.interval",
    "Panel": "core.panel",
    "Power": "planning.power",
    "Prespecified": "design.prespecified",
    "Rehearsal": "study.rehearsal",
    "Review": "core.finding",
    "Roi": "finance.roi",
    "Rollout": "study.rollout",
    "StudyResult": "study.result",
    "StudyReview": "study.review",
    "adjusted": "estimators.adjusted",
    "amend": "study.amend",
    "attribution_factor": "inference.factor",
    "bacon": "estimators.bacon",
    "balance": "diagnostics.balance",
    "bootstrap": "inference.draws",
    "bracket": "estimators.bracket",
    "coarsened": "cohorts.coarsened",
    "cost_ledger": "finance.costs",
    "dataset": "registry",
    "did": "estimators.did",
    "differences": "study.differences",
    "e_value": "numerics.evalue",
    "e_value_of_difference": "numerics.evalue",
    "effect_on_takers": "inference.takers",
    "entropy": "cohorts.entropy",
    "event_study": "estimators.event_study",
    "exact": "cohorts.exact",
    "figures": "report",
    "findings": "checks.evidence",
    "freeze": "study.freeze",
    "full": "cohorts.full",
    "lagged": "estimators.lagged",
    "load_design": "design.load",
    "lost": "diagnostics.lost",
    "nearest": "cohorts.nearest",
    "optimal": "cohorts.optimal",
    "overlap": "diagnostics.overlap",
    "plan_rollout": "study.rollout",
    "power": "planning.power",
    "prepost": "estimators.prepost",
    "pretrends": "inference.pretrends",
    "propensity": "cohorts.propensity",
    "rehearse": "study.rehearse",
    "review": "study.review",
    "robustness": "inference.robustness",
    "roi": "finance.roi",
    "roi_robustness": "finance.robustness",
    "rosenbaum": "inference.rosenbaum",
    "run": "study.run",
    "shares": "inference.factor",
    "simultaneous": "inference.bands",
    "staggered": "estimators.staggered",
    "subclass": "cohorts.subclass",
    "synthetic": "estimators.synthetic",
    "synthetic_placebos": "estimators.sites.weights",
    "synthetic_weights": "estimators.sites.weights",
    "trend": "estimators.trend",
    "trend_sensitivity": "inference.sensitivity",
    "twfe": "estimators.twfe",
    "twfe_weights": "estimators.two_way.weights",
    "write": "report.write",
    "write_review": "report.review_write",
}

__all__ = list(_PUBLIC)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return import_module("attribution.study.manifest").package_version()
        if name not in _PUBLIC:
            raise AttributeError(f"module 'attribution' has no attribute {name!r}")
        if name == "figures":
            value: Any = import_module("attribution.report.figures")
        else:
            value = getattr(import_module(f"attribution.{_PUBLIC[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
