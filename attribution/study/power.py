"""What each primary analysis of a design could see, from the design alone or with the history that is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from math import isfinite

import numpy as np

from attribution.design.schema import Analysis, Kpi, StudyDesign
from attribution.diagnostics.baseline import ROLLOUTS
from attribution.errors import DataError, MethodError
from attribution.finance.benefits import PRICED, BenefitPlan
from attribution.finance.planned import break_even, planned_benefits, worth
from attribution.planning.fixes import Costs, NoiseOf, fixes_of
from attribution.planning.history import History, declared_noise, history_of
from attribution.planning.mde import analytic_mde, no_mde
from attribution.planning.records import DesignPower, Fix, Mde, Noise, Plan
from attribution.planning.simulated import Progress, simulated_mde
from attribution.planning.skeleton import apply_method
from attribution.study.ledger import ledger_of
from attribution.study.link import Linked
from attribution.study.planned import Planned, planned
from attribution.study.sources import Source

NO_NOISE = (
    "nothing says how much the KPI varies: add sd, icc and autocorrelation to [power], or the data of the periods "
    "before the launch"
)

RANDOM = ("random", "waitlist")
"""Mechanisms under which the arms differ by chance, so that adjusting for the KPI before costs nothing."""


@dataclass(frozen=True, slots=True)
class _Money:
    """What the planned training costs and is worth."""

    benefits: BenefitPlan
    total: float
    currency: str


def powers_of(
    design: StudyDesign,
    linked: Linked | None,
    source: Source | None = None,
    *,
    replications: int = 0,
    fixes: bool = False,
    seed: int | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Mapping[str, DesignPower]:
    """Return what each primary analysis could see, by its id; without data (`linked` None) from [power] alone.

    `source` is what was read: there stand planned starts that are later than the data. With `replications` the MDE is
    found by simulation as well, with the very estimator and variance of the analysis; with `fixes` the changes are
    tried that would mend too little power. What is not known is said: an MDE that is NaN has its reason.
    """
    seed = design.inference.seed if seed is None else seed
    found = {}
    for analysis in design.primary:
        own = _Asked(design, analysis, linked, source)
        found[analysis.id] = own.power(replications, seed, workers, progress, fixes=fixes)
    return found


def noise_over(design: StudyDesign, analysis: Analysis, linked: Linked | None, *, end: int, alone: bool) -> NoiseOf:
    """Return the noise of an analysis's KPI by how many periods it is asked for: from the history, else from [power].

    The history ends before the period code `end`; `alone` says that each cluster is one unit. Raises `DataError` where
    neither says how the KPI varies.
    """
    power = design.power

    @cache
    def history() -> History | None:
        if linked is None:
            return None
        try:
            return history_of(linked.panels[analysis.kpi], end)
        except (DataError, MethodError):
            if power.sd is None:
                raise
            return None

    @cache
    def find(span: int) -> Noise:
        past = history()
        if past is not None:
            return past.noise(span, power.autocorrelation)
        if power.sd is None:
            raise DataError(NO_NOISE, where="power.sd", remedy="add it to [power]")
        return declared_noise(
            sd=power.sd,
            span=span,
            icc=1.0 if alone and power.icc is None else power.icc,
            autocorrelation=power.autocorrelation,
            level=float("nan") if power.baseline_level is None else power.baseline_level,
            same_units=design.data.kind == "panel",
            source="[power]" + (f": {power.source}" if power.source else ""),
        )

    return find


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One primary analysis of which the power is asked."""

    design: StudyDesign
    analysis: Analysis
    linked: Linked | None
    source: Source | None

    def power(
        self, replications: int, seed: int, workers: int, progress: Progress | None, *, fixes: bool
    ) -> DesignPower:
        """Return what the analysis could see."""
        design, kpi = self.design, self.design.kpi_of(self.analysis)
        who = planned(design, self.analysis, self.linked, self.source)
        level, share = design.inference.level, design.power.power
        # A person who is a cluster alone shares nothing with anybody: all of the variance is between clusters.
        alone = all((one.sizes == 1).all() for one in who.plan.cohorts)
        noise_at = noise_over(design, self.analysis, self.linked, end=who.end, alone=alone)
        noise, reason = self._noise(noise_at, who)
        analytic = self._analytic(who, noise, reason)
        simulated = None
        if replications and isfinite(noise.sd) and who.plan.cohorts:
            simulated = self._simulated(who.plan, noise, replications, seed, workers, progress)
        money = self._money(who, kpi)
        found = DesignPower(
            analysis=self.analysis.id,
            kpi=kpi.id,
            unit=kpi.unit,
            direction=kpi.direction,
            scale=kpi.scale,
            plan=who.plan,
            noise=noise,
            analytic=analytic,
            simulated=simulated,
            expected=None if kpi.expected_effect is None else abs(kpi.expected_effect),
            worthwhile=None if kpi.minimum_worthwhile_effect is None else abs(kpi.minimum_worthwhile_effect),
            break_even=None if money is None else break_even(money.benefits, money.total),
            currency="" if design.finance is None else design.finance.currency,
            benefit_at_mde=None,
            total_cost=self._total(kpi),
            notes=who.notes,
        )
        mde, target = found.best.mde, _to_mend(found)
        if money is not None and isfinite(mde):
            found = replace(found, benefit_at_mde=worth(money.benefits, mde))
        if not fixes or target is None or not isfinite(analytic.mde):
            return found
        # By formula: what the simulated test needs more than the formula says, it needs of every change as well.
        return replace(found, fixes=self._fixes(who, noise_at, target * analytic.mde / mde, level, share, money))

    def _noise(self, noise_at: NoiseOf, who: Planned) -> tuple[Noise, str]:
        try:
            return noise_at(who.plan.span), ""
        except (DataError, MethodError) as error:
            reason = error.what if error.what == NO_NOISE else f"{error.what}: {error.remedy}"
            nothing = np.full((1, 1), np.nan)
            return Noise(nothing, nothing, float("nan"), ""), reason

    def _analytic(self, who: Planned, noise: Noise, reason: str) -> Mde:
        level, share = self.design.inference.level, self.design.power.power
        missing = [one for one in (who.reason, reason) if one]
        if missing:
            return no_mde("; ".join(missing), level, share)
        try:
            return analytic_mde(who.plan, noise, level=level, power=share)
        except MethodError as error:
            return no_mde(f"{error.what}: {error.remedy}", level, share)

    def _simulated(
        self, plan: Plan, noise: Noise, replications: int, seed: int, workers: int, progress: Progress | None
    ) -> Mde:
        level, share = self.design.inference.level, self.design.power.power
        variance = str(plan.options.get("variance", "default"))
        try:
            return simulated_mde(
                plan,
                noise,
                estimate=partial(apply_method, plan, variance=variance),
                level=level,
                power=share,
                replications=replications,
                seed=seed,
                workers=workers,
                progress=progress,
            )
        except MethodError as error:
            return no_mde(f"{error.what}: {error.remedy}", level, share, "simulated")

    def _total(self, kpi: Kpi) -> float | None:
        ledger = ledger_of(self.design)
        return None if ledger is None or all(one.kpi != kpi.id for one in self.design.valuation) else ledger.total

    def _money(self, who: Planned, kpi: Kpi) -> _Money | None:
        """Return what the plan is worth, as the run will price it; None where there is no money, or nobody planned."""
        design, plan, ledger = self.design, who.plan, ledger_of(self.design)
        valued = [one for one in design.valuation if one.kpi == kpi.id]
        cohorts = {one.id: one.options for one in design.cohort}
        stated = {**cohorts.get(self.analysis.cohort or "", {}), **self.analysis.options}
        one_date = plan.method != "twfe" or len(plan.trained) == 1
        priced = stated.get("estimand", PRICED[0]) in PRICED and plan.method != "prepost" and one_date
        if ledger is None or design.finance is None or not valued or not priced or not plan.trained:
            return None
        value = valued[0].value_per_unit or valued[0].value_of_untrained_level or 0.0
        benefits = planned_benefits(
            [(one.start or 0, one.units) for one in plan.trained],
            followup=plan.followup,
            value=value,
            log=kpi.scale == "log",
            direction=kpi.direction,
            rolls_out=plan.method in ROLLOUTS,
            washout=int(plan.options.get("washout", 0)),
            horizon=design.finance.horizon,
        )
        return _Money(benefits, ledger.total, ledger.currency)

    def _fixes(
        self, who: Planned, noise_at: NoiseOf, target: float, level: float, share: float, money: _Money | None
    ) -> tuple[Fix, ...]:
        design, power = self.design, self.design.power
        each, said = power.cost_per_trained_cluster, ""
        if each is None and money is not None and who.plan.trained_clusters:
            each = money.total / who.plan.trained_clusters
            said = "all costs by the planned trained clusters"
        return fixes_of(
            who.plan,
            noise_at,
            target=target,
            level=level,
            power=share,
            costs=Costs(each, power.cost_per_control_cluster, power.cost_per_period, said),
            cluster=design.assignment.level,
            period=design.timing.period,
            history=who.places.first if self.linked is not None else 0,
            by_chance=design.assignment.mechanism in RANDOM,
        )


def _to_mend(found: DesignPower) -> float | None:
    """Return the gravest effect that goes unseen: what it must see, else the worthwhile one, or one that just pays."""
    for effect in (found.must_see, found.worthwhile, found.break_even):
        if effect is not None and found.best.mde > effect:
            return effect
    return None
