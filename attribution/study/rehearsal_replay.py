"""One rehearsal: a placebo launch, a known effect, and the pipeline of the study as it is frozen."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from attribution.core.interval import Interval
from attribution.design.schema import Kpi, StudyDesign
from attribution.errors import AttributionError
from attribution.inference.factor import AttributionFactor, attribution_factor
from attribution.planning.placebo import Placebo, Placebos, placebo, with_effect
from attribution.study.cohorts import with_cohorts
from attribution.study.findings import findings_of
from attribution.study.ledger import ledger_of
from attribution.study.link import FIRST_CLAIM_DAY, Linked
from attribution.study.rehearsal_rows import NAN, Rehearsed
from attribution.study.run import estimate_of, money_of
from attribution.study.verdict import verdict_on

GATES = (
    "baseline_equivalence",
    "cohort_balance",
    "clusters_per_arm",
    "standard_error",
    "other_interventions",
    "two_way_primary",
    "synthetic_fit",
    "series_length",
    "uncontrolled",
    "regression_to_mean",
    "draws_failed",
    "learner_time",
)
"""The rules that are replayed: those that can fail, but not power, which is the design's, and not those that refit the
analysis many times (fake launches, fake trained, refuters): a rehearsal is that very thing."""


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """What does not change from one rehearsal to the next; it travels to the worker processes.

    `design` holds the rehearsed analysis alone, without windows of its own. `effects` are in KPI units.
    """

    design: StudyDesign
    placebos: Placebos
    effects: tuple[float, ...]
    seed: int

    @property
    def kpi(self) -> Kpi:
        """The KPI of the analysis."""
        return self.design.kpi_of(self.design.analysis[0])


def rehearse_number(script: Script, number: int) -> tuple[Rehearsed, ...]:
    """Return the rows of one number, one for each injected effect; a rehearsal that raises has its reason instead."""
    try:
        fake = placebo(script.placebos, seed=script.seed, number=number)
    except AttributionError as error:
        return tuple(Rehearsed(number, "", effect, problem=_said(error)) for effect in script.effects)
    return tuple(_rehearsed(script, fake, number, effect) for effect in script.effects)


def _rehearsed(script: Script, fake: Placebo, number: int, effect: float) -> Rehearsed:
    try:
        return _replayed(script, fake, number, effect)
    except AttributionError as error:
        return Rehearsed(number, fake.launch, effect, fake.trained, fake.control, problem=_said(error))


def _said(error: AttributionError) -> str:
    return f"{error.where}: {error.what}" if error.where else error.what


def _replayed(script: Script, fake: Placebo, number: int, effect: float) -> Rehearsed:
    design = _as_if(script.design, fake)
    (analysis,), inference = design.analysis, design.inference
    linked = with_cohorts(design, _linked(design, fake, effect))
    estimate = estimate_of(analysis, design, linked)
    factor = attribution_factor(estimate, draws=inference.draws, seed=inference.seed, level=inference.level)
    money, _ = money_of(design, linked, {analysis.id: factor}, ledger_of(design))
    found = findings_of(design, linked, {analysis.id: estimate}, {analysis.id: factor}, {}, {}, GATES)
    main = estimate.contrast({estimate.main: 1.0})
    ends = estimate.interval(inference.level)
    kind, low, high = _share(factor)
    return Rehearsed(
        number=number,
        launch=fake.launch,
        injected=effect,
        trained=fake.trained,
        control=fake.control,
        term=estimate.main,
        estimate=main.value,
        std_error=main.std_error,
        df=main.df,
        low=ends.low,
        high=ends.high,
        change=estimate.value("change") if "change" in estimate.terms else NAN,
        share=factor.share,
        share_low=low,
        share_high=high,
        share_kind=kind,
        roi=NAN if money is None else money.roi.estimate,
        roi_low=NAN if money is None else money.roi.low,
        roi_high=NAN if money is None else money.roi.high,
        verdict=verdict_on(estimate, script.kpi, inference.level),
        gates=tuple(one.id for one in found if one.status == "fail"),
    )


def _share(factor: AttributionFactor) -> tuple[str, float, float]:
    interval: Interval = factor.interval
    return interval.kind, interval.low, interval.high


def script_design(design: StudyDesign, analysis: str, draws: int) -> StudyDesign:
    """Return the design with one analysis alone, without windows of its own, and so many draws."""
    found = design.analysis_of(analysis)
    stated = {name: value for name, value in found.options.items() if name not in ("baseline", "followup")}
    alone = found.model_copy(update={"options": stated, "role": "primary"})
    inference = design.inference.model_copy(update={"draws": draws})
    return design.model_copy(update={"analysis": (alone,), "inference": inference})


def _as_if(design: StudyDesign, fake: Placebo) -> StudyDesign:
    """Return the design with the calendar of a placebo launch."""
    timing = {"baseline": fake.baseline, "followup": fake.followup, "launch": fake.launch}
    return design.model_copy(update={"timing": design.timing.model_copy(update=timing)})


def _linked(design: StudyDesign, fake: Placebo, effect: float) -> Linked:
    (analysis,) = design.analysis
    return Linked(
        panels={analysis.kpi: with_effect(fake.panel, effect)},
        current={},
        rows_waiting=0,
        period=design.timing.period,
        baseline=fake.baseline,
        followup=fake.followup,
        waiting=(),
        as_of=datetime.date.max,
        days_since_launch=FIRST_CLAIM_DAY,
    )
