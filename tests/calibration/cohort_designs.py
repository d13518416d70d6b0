"""The samples of the study of cohorts, and the methods that are tried on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from attribution.cohorts.coarsened import coarsened
from attribution.cohorts.entropy import entropy
from attribution.cohorts.full import full
from attribution.cohorts.nearest import nearest
from attribution.cohorts.optimal import optimal
from attribution.cohorts.propensity import propensity
from attribution.cohorts.subclass import subclass
from attribution.core.cohort import Cohort
from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.estimators.adjusted import adjusted
from attribution.estimators.did import did

Floats = NDArray[np.float64]
Speaks = Literal["ATT", "ATE", "ATO", "kept"]
"""Whom an estimate speaks for; `kept`: the trained that its cohort left in."""

COVARIATES = ["skill", "drive", "tenure", "senior"]
LEAN = (0.6, 0.4, -0.3, 0.4)
"""By how much the logit of being trained rises with each covariate, where a population leans once."""
START, SENIOR = -0.8, 0.4
EFFECT = (1.0, 0.4, 0.3)
"""The effect of somebody average, and its slopes by skill and by being senior."""
DRAWN_TOGETHER = 20
"""People of a site."""
SITE_SKILL = 0.5
"""By how much sites differ in the skill of their people, a standard deviation."""


@dataclass(frozen=True, slots=True)
class Population:
    """People of whom some are trained.

    `lean` multiplies the slopes of the logit. `curve` is the size of the squares and products in the KPI, `hidden` that
    of a square in the logit; no method is told of either. In `sites` people share a shock of the KPI, and sites differ
    in take-up by a normal with standard deviation `pull` in the logit; with `pull` = None whole sites are trained.
    """

    name: str
    people: int
    methods: tuple[Method, ...]
    lean: float = 1.0
    curve: float = 0.1
    hidden: float = 0.0
    windows: bool = False
    sites: int = 0
    pull: float | None = 0.0
    shock: float = 0.5


@dataclass(frozen=True, slots=True)
class Method:
    """A cohort, or none, and the estimate on it; bounds of its coverage, None where it is shown for contrast."""

    name: str
    cohort: Callable[[Panel], Cohort] | None
    estimate: Callable[[Panel], Estimate]
    speaks: Speaks = "ATT"
    bounds: tuple[float, float] | None = None


def draw(population: Population, rng: np.random.Generator) -> tuple[Panel, Floats]:
    """Return a sample, and everybody's own effect of the training, in the order of the panel's units."""
    n, sites = population.people, population.sites
    site = np.arange(n) // DRAWN_TOGETHER if sites else np.arange(n)
    numbers = rng.normal(0, 1, (n, 3))
    if sites:
        numbers[:, 0] += rng.normal(0, SITE_SKILL, sites)[site]
    senior = (rng.random(n) < SENIOR).astype(float)
    index = logit_of(population, numbers, senior)
    if population.pull is None:
        trained = np.isin(site, rng.permutation(sites)[: 2 * sites // 5])
    else:
        if sites:
            index = index + rng.normal(0, population.pull, sites)[site]
        trained = rng.random(n) < expit(index)
    skill, drive, tenure = numbers.T
    effect = effect_of(skill, senior)
    kpi = skill + 0.6 * drive - 0.4 * tenure + 0.5 * senior + population.curve * (skill**2 + skill * drive)
    kpi = kpi + effect * trained + rng.normal(0, 1, n)
    if sites:
        kpi = kpi + rng.normal(0, population.shock, sites)[site]
    names = dict(zip(COVARIATES, (skill, drive, tenure, senior), strict=True))
    frame = pd.DataFrame({"person": np.arange(n), "site": site, **names, "kpi": kpi, "trained": trained.astype(int)})
    if not population.windows:
        made = Panel.from_frame(
            frame, unit="person", outcome="kpi", trained="trained", covariates=COVARIATES, kind="cross_section"
        )
        return made, effect
    before = frame.assign(month=0, trained=0, kpi=10 + skill + rng.normal(0, 1, n))
    after = frame.assign(month=1, kpi=before["kpi"] + frame["kpi"])
    made = Panel.from_frame(
        pd.concat([before, after]),
        unit="person",
        period="month",
        outcome="kpi",
        trained="trained",
        covariates=COVARIATES,
        cluster="site" if sites else None,
    )
    return made, effect


def logit_of(population: Population, numbers: Floats, senior: Floats) -> Floats:
    """Return the logit of being trained for rows of skill, drive and tenure, the site aside."""
    straight = numbers @ np.array(LEAN[:3]) + LEAN[3] * (senior - SENIOR)
    return np.asarray(START + population.lean * straight + population.hidden * (numbers[:, 0] ** 2 - 1))


def effect_of(skill: Floats, senior: Floats) -> Floats:
    """Return everybody's own effect of the training."""
    return EFFECT[0] + EFFECT[1] * skill + EFFECT[2] * (senior - SENIOR)


@cache
def truths(population: Population) -> dict[str, float]:
    """Return the average effect on the trained, on all and on the overlap, by Gauss–Hermite integration.

    Of a population without sites; 40 nodes for each normal are exact to many more digits than are printed.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    numbers = np.stack([axis.ravel() for axis in np.meshgrid(nodes, nodes, nodes, indexing="ij")], axis=1)
    mass = np.einsum("i,j,k->ijk", weights, weights, weights).ravel()
    sums = {"ATT": np.zeros(2), "ATE": np.zeros(2), "ATO": np.zeros(2)}
    for level, share in ((1.0, SENIOR), (0.0, 1 - SENIOR)):
        senior = np.full(len(mass), level)
        chance = expit(logit_of(population, numbers, senior))
        effect = effect_of(numbers[:, 0], senior)
        for estimand, weight in (("ATT", chance), ("ATE", np.ones(len(mass))), ("ATO", chance * (1 - chance))):
            sums[estimand] += share * np.array([(mass * weight) @ effect, (mass * weight).sum()])
    return {estimand: float(total / size) for estimand, (total, size) in sums.items()}


def by(method: Callable[..., Cohort], *, fixed: bool = False, **options: Any) -> Callable[[Panel], Cohort]:
    """Return a function that makes a cohort of a panel; of one with periods, by its windows."""

    def made(panel: Panel) -> Cohort:
        windows = {} if panel.kind == "cross_section" else {"baseline": [0], "followup": [1]}
        found = method(panel, covariates=COVARIATES, **windows, **options)
        return found.fixed() if fixed else found

    return made


def compared(**options: Any) -> Callable[[Panel], Estimate]:
    """Return a function that estimates by `adjusted`, on levels or on changes."""

    def estimated(panel: Panel) -> Estimate:
        windows = {} if panel.kind == "cross_section" else {"baseline": [0], "followup": [1]}
        return adjusted(panel, **windows, **options)

    return estimated


def changes(**options: Any) -> Callable[[Panel], Estimate]:
    """Return a function that estimates by `did`."""
    return lambda panel: did(panel, baseline=[0], followup=[1], **options)


def without(what: Literal["sites", "pairs"], estimate: Callable[[Panel], Estimate]) -> Callable[[Panel], Estimate]:
    """Return the estimate with people as if they were independent of their site, or of their match."""

    def estimated(panel: Panel) -> Estimate:
        if what == "sites":
            units = panel.units
            own = np.arange(len(units), dtype=np.int32)
            return estimate(replace(panel, units=replace(units, cluster=own, cluster_labels=units.label)))
        assert panel.cohort is not None
        return estimate(panel.with_cohort(replace(panel.cohort, matches=None)))

    return estimated


PLAIN, REGRESSION, NAMED = compared(adjust="none"), compared(), {"covariates": COVARIATES}
IPW = {estimand: by(propensity, estimand=estimand) for estimand in ("ATT", "ATE", "ATO")}
ENTROPY, PAIRS, CALIPER = by(entropy), by(nearest), by(nearest, caliper=0.2)
REUSED, NEAR = by(nearest, replacement=True), by(nearest, replacement=True, distance="mahalanobis")
OPTIMAL, FULL, CLASSES, BINS = by(optimal, caliper=0.2), by(full), by(subclass), by(coarsened)


def _cross_section(low: float, high: float) -> tuple[Method, ...]:
    judged = (low, high)
    dr = {one: compared(adjust="doubly_robust", estimand=one, **NAMED) for one in ("ATT", "ATE")}
    return (
        Method("propensity weights", IPW["ATT"], PLAIN, "ATT", judged),
        Method("propensity weights", IPW["ATE"], PLAIN, "ATE", judged),
        Method("propensity weights", IPW["ATO"], PLAIN, "ATO", judged),
        Method("doubly robust (AIPW)", None, dr["ATT"], "ATT", judged),
        Method("doubly robust (AIPW)", None, dr["ATE"], "ATE", judged),
        Method("propensity weights, regression", IPW["ATT"], REGRESSION, "ATT", judged),
        Method("propensity weights, regression", IPW["ATE"], REGRESSION, "ATE", judged),
        Method("entropy balancing", ENTROPY, PLAIN, "ATT", judged),
        Method("nearest with replacement, regression", REUSED, REGRESSION, "ATT", judged),
        Method("nearest with replacement, plain", REUSED, PLAIN, "ATT", judged),
        Method("Mahalanobis with replacement, regression", NEAR, REGRESSION, "ATT", judged),
        Method("1:1 within a caliper, regression", CALIPER, REGRESSION, "kept", judged),
        Method("optimal pairs within a caliper, regression", OPTIMAL, REGRESSION, "kept", judged),
        Method("full matching, regression", FULL, REGRESSION, "ATT", judged),
        Method("6 subclasses, regression", CLASSES, REGRESSION, "ATT", judged),
        Method("coarsened exact, regression", BINS, REGRESSION, "kept", judged),
        Method("no cohort, plain", None, PLAIN, "ATT"),
        Method("no cohort, regression", None, compared(**NAMED), "ATT"),
        Method("1:1, regression", PAIRS, REGRESSION, "ATT"),
        Method("1:1, plain", PAIRS, PLAIN, "ATT"),
        Method("1:1 within a caliper, plain", CALIPER, PLAIN, "kept"),
        Method("Mahalanobis with replacement, plain", NEAR, PLAIN, "ATT"),
        Method("6 subclasses, plain", CLASSES, PLAIN, "ATT"),
        Method("coarsened exact, plain", BINS, PLAIN, "kept"),
        Method("propensity weights taken as fixed", by(propensity, fixed=True), PLAIN, "ATT"),
        Method("entropy weights taken as fixed", by(entropy, fixed=True), PLAIN, "ATT"),
    )


def _curved() -> tuple[Method, ...]:
    shown = (
        "propensity weights",
        "doubly robust (AIPW)",
        "propensity weights, regression",
        "entropy balancing",
        "nearest with replacement, regression",
        "Mahalanobis with replacement, regression",
        "1:1 within a caliper, regression",
        "6 subclasses, regression",
        "no cohort, regression",
        "1:1, plain",
    )
    found = [one for one in _cross_section(0.0, 1.0) if one.name in shown and one.speaks in ("ATT", "kept")]
    return tuple(replace(one, bounds=None) for one in found)


def _poor() -> tuple[Method, ...]:
    inner = by(propensity, keep=(0.1, 0.9))
    return (
        Method("propensity weights", IPW["ATT"], PLAIN, "ATT"),
        Method("propensity weights", IPW["ATE"], PLAIN, "ATE"),
        Method("doubly robust (AIPW)", None, compared(adjust="doubly_robust", estimand="ATE", **NAMED), "ATE"),
        Method("entropy balancing", ENTROPY, PLAIN, "ATT"),
        Method("nearest with replacement, regression", REUSED, REGRESSION, "ATT"),
        Method("1:1, plain", PAIRS, PLAIN, "ATT"),
        Method("1:1, regression", PAIRS, REGRESSION, "ATT"),
        Method("6 subclasses, plain", CLASSES, PLAIN, "ATT"),
        Method("remedy: propensity weights for the overlap", IPW["ATO"], PLAIN, "ATO"),
        Method("remedy: propensity weights within .1 to .9", inner, PLAIN, "kept"),
        Method("remedy: 1:1 within a caliper, regression", CALIPER, REGRESSION, "kept"),
    )


def _changes(low: float, high: float) -> tuple[Method, ...]:
    judged = (low, high)
    return (
        Method("DiD, propensity weights", IPW["ATT"], changes(covariates=[]), "ATT", judged),
        Method("DiD, entropy balancing", ENTROPY, changes(covariates=[]), "ATT", judged),
        Method("DiD, 1:1 within a caliper, regression", CALIPER, changes(), "kept", judged),
        Method("DiD, doubly robust, no cohort", None, changes(adjust="doubly_robust", **NAMED), "ATT", judged),
        Method("plain DiD", None, changes(), "ATT"),
        Method("DiD, 1:1, plain", PAIRS, changes(covariates=[]), "ATT"),
    )


def _by_site() -> tuple[Method, ...]:
    judged = (0.92, 0.98)
    pairs, weighted = changes(adjust="regression", **NAMED), changes(covariates=[])
    return (
        Method("DiD, 1:1 within a caliper, regression", CALIPER, changes(), "kept", judged),
        Method("DiD, 1:1 within a caliper, plain", CALIPER, weighted, "kept"),
        Method("DiD, propensity weights", IPW["ATT"], weighted, "ATT", judged),
        Method("DiD, entropy balancing", ENTROPY, weighted, "ATT", judged),
        Method("DiD, 1:1 …, regression, pairs alone", CALIPER, without("sites", pairs), "kept"),
        Method("DiD, 1:1 …, regression, sites alone", CALIPER, without("pairs", pairs), "kept"),
        Method("DiD, propensity weights, people alone", IPW["ATT"], without("sites", weighted), "ATT"),
    )


POPULATIONS = (
    Population("400 people", 400, _cross_section(0.92, 0.97)),
    Population("2,000 people", 2_000, _cross_section(0.93, 0.975)),
    Population("2,000 people, a KPI that is strongly curved", 2_000, _curved(), curve=0.6),
    Population("2,000 people, KPI and training curved", 2_000, _curved(), curve=0.6, hidden=0.4),
    Population("1,000 people, poor overlap", 1_000, _poor(), lean=3.0),
    Population("400 people, changes", 400, _changes(0.92, 0.97), windows=True),
    Population("2,000 people, changes", 2_000, _changes(0.93, 0.975), windows=True),
    Population("30 sites of 20 that differ in take-up", 600, _by_site(), windows=True, sites=30, pull=1.5),
    Population("30 sites of 20, trained or not as a whole", 600, _by_site(), windows=True, sites=30, pull=None),
)
