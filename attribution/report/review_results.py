"""From a review to the record that its JSON file holds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from attribution.checks import power
from attribution.planning.records import DesignPower, Fix, Mde, Plan
from attribution.report.power_figures import in_order, period_names
from attribution.report.record import or_null, record_from
from attribution.report.records import DeclaredRecord
from attribution.report.results import prespecified_record
from attribution.report.review_records import (
    CurveRecord,
    DecisionRecord,
    FixRecord,
    Judged,
    MdeRecord,
    NoiseRecord,
    PlanRecord,
    PowerRecord,
    ReadRecord,
    ReviewRecord,
    StartRecord,
)
from attribution.study.go import GoNoGo
from attribution.study.manifest import package_version
from attribution.study.review import StudyReview

VERSION = 1


def review_results(review: StudyReview, decision: GoNoGo) -> ReviewRecord:
    """Return what a review says as the record that its JSON file holds."""
    design, made = review.design, review.manifest
    return ReviewRecord(
        schema=VERSION,
        study=design.study.id,
        title=design.study.title,
        question=design.study.question,
        stage=review.stage,
        as_of=None if review.as_of is None else review.as_of.isoformat(),
        decision=DecisionRecord(verdict=decision.verdict, sentence=decision.sentence, reasons=decision.reasons),
        powers={name: _power(review, found) for name, found in review.powers.items()},
        findings=review.findings,
        prespecified=prespecified_record(review.prespecified),
        limits=design.limits.text,
        declared=DeclaredRecord(program=design.program, kpi=design.kpi, assignment=design.assignment),
        design="" if design.source.path is None else design.source.path.name,
        design_digest=design.source.digest,
        data=None if made is None else ReadRecord(name=made.data, digest=made.data_digest, rows=made.rows),
        version=package_version(),
    )


def review_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a review's JSON file."""
    return ReviewRecord.model_json_schema(mode="serialization")


def relative(found: DesignPower, improvement: float | None) -> float:
    """Return an improvement relative to the level before: 0.1 is 10%; NaN where either is unknown, or the level 0."""
    if improvement is None:
        return math.nan
    if found.scale == "log":
        return math.expm1(improvement) if found.direction == "higher" else -math.expm1(-improvement)
    level = found.noise.level
    return improvement / abs(level) if math.isfinite(level) and level else math.nan


def chance(mde: Mde, effect: float | None) -> float:
    """Return the chance to see an effect; NaN where there is no such effect or no curve."""
    if effect is None or not math.isfinite(effect) or not math.isfinite(mde.mde) or not len(mde.effects):
        return math.nan
    return mde.power_at(effect)


def measured(review: StudyReview, found: DesignPower) -> Mde | None:
    """Return what the analysis can see by the standard error of its estimate; None where there is none yet."""
    return None if review.result is None else power.measured(found, review.result.estimates.get(found.analysis))


def judged(review: StudyReview, found: DesignPower) -> tuple[Judged, Mde]:
    """Return the MDE that counts, with its key in the file: measured where there is an estimate, or else planned."""
    seen = measured(review, found)
    return (found.best.how, found.best) if seen is None else ("measured", seen)


def _power(review: StudyReview, found: DesignPower) -> PowerRecord:
    noise, since = found.noise, measured(review, found)
    name, best = judged(review, found)
    return record_from(
        PowerRecord,
        {
            "analysis": found.analysis,
            "kpi": found.kpi,
            "unit": found.unit,
            "direction": found.direction,
            "scale": found.scale,
            "plan": _plan(found.plan),
            "noise": NoiseRecord(
                level=or_null(noise.level),
                sd=or_null(noise.sd),
                icc=or_null(noise.icc),
                source=noise.source,
                assumed=noise.assumed,
            ),
            "analytic": _mde(found.analytic, found),
            "simulated": None if found.simulated is None else _mde(found.simulated, found),
            "measured": None if since is None else _mde(since, found),
            "judged": name,
            "expected": found.expected,
            "worthwhile": found.worthwhile,
            "must_see": found.must_see,
            "must_see_percent": relative(found, found.must_see),
            "power": chance(best, found.must_see),
            "break_even": found.break_even,
            "break_even_percent": relative(found, found.break_even),
            "power_at_break_even": chance(best, found.break_even),
            "currency": found.currency,
            "benefit_at_mde": found.benefit_at_mde,
            "total_cost": found.total_cost,
            "fixes": tuple(_fix(one, found) for one in found.fixes),
            "notes": found.notes,
        },
    )


def _mde(mde: Mde, found: DesignPower) -> MdeRecord:
    known = np.isfinite(mde.effects) & np.isfinite(mde.powers)
    return record_from(
        MdeRecord,
        {
            "mde": mde.mde,
            "percent": relative(found, mde.mde),
            "std_error": mde.std_error,
            "df": mde.df,
            "level": mde.level,
            "power": mde.power,
            "how": mde.how,
            "size": mde.size,
            "replications": mde.replications,
            "reason": mde.reason,
            "caveats": mde.caveats,
            "curve": CurveRecord(effects=tuple(mde.effects[known].tolist()), powers=tuple(mde.powers[known].tolist())),
        },
    )


def _plan(plan: Plan) -> PlanRecord:
    periods = period_names(plan)
    return PlanRecord(
        method=plan.method,
        source=plan.source,
        periods=periods,
        baseline=plan.baseline,
        followup=plan.followup,
        trained_clusters=plan.trained_clusters,
        control_clusters=plan.control_clusters,
        starts=tuple(
            StartRecord(
                start=one.start,
                period=None if one.start is None else periods[one.start],
                clusters=one.clusters,
                units=one.units,
            )
            for one in in_order(plan)
        ),
    )


def _fix(fix: Fix, found: DesignPower) -> FixRecord:
    return record_from(
        FixRecord,
        {
            "name": fix.name,
            "change": fix.words,
            "mde": fix.mde.mde,
            "percent": relative(found, fix.mde.mde),
            "power": chance(fix.mde, found.must_see),
            "enough": fix.enough,
            "cost": fix.cost,
            "cost_told": fix.cost_words,
        },
    )
