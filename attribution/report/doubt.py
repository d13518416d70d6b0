"""What a page says of what was not measured: sentences, tables, and the record of `results.json`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from attribution.checks.evidence import Evidence
from attribution.checks.unmeasured import doubted, hidden_bias
from attribution.finance.robustness import RoiRobustness, roi_robustness
from attribution.inference.rosenbaum import RosenbaumBounds
from attribution.inference.unmeasured import Robustness
from attribution.report.cells import Cell, Columns, Table, decimals_of, fixed, headings, numeric
from attribution.report.cohort_tables import shown_name
from attribution.report.compared import Sentence
from attribution.report.doubt_records import (
    BenchmarkRecord,
    BoundRecord,
    DoubtRecord,
    HiddenBiasRecord,
    PairsRecord,
)
from attribution.report.format import level_text, number, percent
from attribution.report.record import or_null, record_from
from attribution.study.result import StudyResult
from attribution.study.verdict import primary_kpi

BASE = "unmeasured"

MOST = 6
"""Covariates in the table; all of them are in `results.json`."""


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """How robust the headline effect is to what was not measured; `money` and `pairs` where there are any."""

    robustness: Robustness
    money: RoiRobustness | None
    pairs: RosenbaumBounds | None

    @property
    def told(self) -> bool:
        """Say whether the effect is told from 0 as it stands, so that there is something to undo."""
        return self.robustness.effect != 0 and 0.0 not in self.robustness.interval


def doubt(result: StudyResult) -> Doubt | str:
    """Return what it would take to undo the headline effect, or why that is no question."""
    name = result.primary[0]
    evidence = Evidence(
        design=result.design,
        panel=result.panel,
        cohort=result.linked.cohorts.get(name),
        estimate=result.estimate,
    )
    found = doubted(evidence)
    if isinstance(found, str):
        return found
    headline = result.design.analysis_of(name)
    priced = result.roi is not None and result.design.valuation[0].kpi == headline.kpi
    money = roi_robustness(result.roi, found) if priced and result.roi is not None else None
    return Doubt(found, money, hidden_bias(evidence))


def doubt_told(result: StudyResult, found: Doubt) -> tuple[Sentence, ...]:
    """Return sentences on how strong something unmeasured would have to be, for the effect and for the money."""
    kpi, one = primary_kpi(result).label, found.robustness
    level = level_text(one.level)
    lines: list[Sentence] = []
    value = Cell(percent(one.value), f"{BASE}.robustness_value")
    sentence: tuple[str | Cell, ...] = (
        "Something that nobody measured would have to explain ",
        value,
        f" of what is left of both who was trained and {kpi} to undo the effect",
    )
    if math.isfinite(one.value_of_interval):
        held = Cell(percent(one.value_of_interval), f"{BASE}.robustness_value_of_interval")
        sentence += (", ", held, f" for its {level} interval to hold 0")
    lines.append((*sentence, "."))
    strongest = one.strongest
    if strongest is None:
        lines.append(("No covariate is adjusted for that would say how likely that is.",))
    else:
        name = shown_name(result, strongest.covariate)
        lines.append(_as_strong(one.times(), f"{BASE}.benchmarks.0.times", name, "undo the effect"))
        if found.money is not None and not found.money.reason:
            lines.append(_as_strong(found.money.times, f"{BASE}.benchmarks.0.roi_times", name, "take the ROI to zero"))
    if found.money is not None and found.money.reason:
        lines.append(("The ROI is not above zero as it stands.",))
    if found.pairs is not None and 1 < found.pairs.critical < math.inf:
        critical = Cell(number(found.pairs.critical), f"{BASE}.pairs.critical")
        lines.append(
            (
                "The matched pairs tell the effect from 0 unless something unmeasured multiplies the odds of being "
                "trained by ",
                critical,
                " between two people matched as alike.",
            )
        )
    lines.append(("That there is nothing so strong, no number here shows.",))
    return tuple(lines)


def _as_strong(times: float, source: str, name: str, what: str) -> Sentence:
    if not math.isfinite(times):
        return (f"No multiple of {name}, the strongest measured covariate, would {what}.",)
    multiple = Cell(number(times, 2), source)
    return ("Something ", multiple, f" times as strong as {name}, the strongest measured covariate, would {what}.")


def bounds_table(result: StudyResult, found: Doubt) -> Table | None:
    """Return what something as strong as each covariate, or more, would leave; None without a covariate."""
    one = found.robustness
    if not one.benchmarks:
        return None
    frame = one.bounds()
    shown = frame[["effect", "low", "high"]].to_numpy(dtype=float)
    decimals, rows = decimals_of([one.effect, *shown[: len(one.multiples)].ravel().tolist()]), []
    for place, benchmark in enumerate(one.benchmarks[:MOST]):
        for index, times in enumerate(one.multiples if place == 0 else one.multiples[:1]):
            row = frame.iloc[place * len(one.multiples) + index]
            base = f"{BASE}.benchmarks.{place}.bounds.{index}"
            cells = [
                _share(float(row["strength_trained"]), f"{base}.strength_trained"),
                _share(float(row["strength_outcome"]), f"{base}.strength_outcome"),
                numeric(fixed(float(row["effect"]), decimals), f"{base}.effect"),
            ]
            if row["strength_outcome"] < 1:
                cells.append(numeric(fixed(float(row["low"]), decimals), f"{base}.conf_low"))
                cells.append(numeric(fixed(float(row["high"]), decimals), f"{base}.conf_high"))
            else:
                # What explains all that is left of the KPI leaves nothing to chance.
                cells += [Cell("–"), Cell("–")]
            rows.append((Cell(f"{times:g} × {shown_name(result, benchmark.covariate)}", kind="head"), *cells))
    names = ("as strong as", "of training", "of the KPI", "effect", "from", "to")
    caption = f"What something unmeasured would leave of the effect, with its {level_text(one.level)} interval"
    return Table(caption, headings(names, first="words"), tuple(rows))


def values_table(found: Doubt) -> Table:
    """Return the robustness value, the E-value and the bias that pairs stand, for the effect and for its interval."""
    one, e_value = found.robustness, found.robustness.e_value
    rows = [
        (
            Cell("robustness value: share of what is left of training and of the KPI", kind="head"),
            _share(one.value, f"{BASE}.robustness_value"),
            _share(one.value_of_interval, f"{BASE}.robustness_value_of_interval"),
        ),
        (
            Cell("E-value: how many times as likely it makes training and a good result", kind="head"),
            _times(e_value.point, f"{BASE}.e_value"),
            _times(e_value.limit, f"{BASE}.e_value_of_interval"),
        ),
    ]
    if found.money is not None:
        value = _share(found.money.value, f"{BASE}.roi_value")
        rows.append((Cell("robustness value of the ROI", kind="head"), value, Cell("")))
    if found.pairs is not None:
        critical = _times(found.pairs.critical, f"{BASE}.pairs.critical")
        rows.append((Cell("hidden bias that the matched pairs stand", kind="head"), Cell(""), critical))
    columns: Columns = headings(("what it would take", "effect gone", "interval holds 0"), first="words")
    return Table("How strong something unmeasured would have to be", columns, tuple(rows))


def doubt_record(result: StudyResult) -> DoubtRecord:
    """Return the record of what was not measured, or of why that is no question."""
    found = doubt(result)
    if isinstance(found, str):
        return DoubtRecord(reason=found)
    one, e_value = found.robustness, found.robustness.e_value
    return record_from(
        DoubtRecord,
        {
            "robustness_value": one.value,
            "robustness_value_of_interval": one.value_of_interval,
            "extreme_robustness_value": one.extreme_value,
            "e_value": e_value.point,
            "e_value_of_interval": e_value.limit,
            "roi_value": None if found.money is None else found.money.value,
            "benchmarks": _benchmarks(found),
            "pairs": None if found.pairs is None else _pairs(found.pairs),
        },
    )


def _benchmarks(found: Doubt) -> tuple[BenchmarkRecord, ...]:
    one = found.robustness
    rows = [
        record_from(
            BoundRecord,
            {
                "times": float(row["times"]),
                **{name: float(row[name]) for name in ("strength_trained", "strength_outcome", "effect", "std_error")},
                "conf_low": float(row["low"]),
                "conf_high": float(row["high"]),
            },
        )
        for row in one.bounds().to_dict("records")
    ]
    by_covariate = None if found.money is None else found.money.tidy()["times"]
    each = len(one.multiples)
    return tuple(
        BenchmarkRecord(
            covariate=benchmark.covariate,
            columns=benchmark.columns,
            strength_trained=benchmark.strength_trained,
            strength_outcome=benchmark.strength_outcome,
            times=or_null(one.times(0.0, benchmark.covariate)),
            times_of_interval=or_null(one.times_of_interval(benchmark.covariate)),
            roi_times=None if by_covariate is None else or_null(float(by_covariate.iloc[place])),
            bounds=tuple(rows[place * each : (place + 1) * each]),
        )
        for place, benchmark in enumerate(one.benchmarks)
    )


def _pairs(pairs: RosenbaumBounds) -> PairsRecord:
    rows = pairs.tidy().to_dict("records")
    return PairsRecord(
        pairs=pairs.pairs,
        estimate=pairs.estimate,
        critical=or_null(pairs.critical),
        bounds=tuple(record_from(HiddenBiasRecord, {str(key): value for key, value in row.items()}) for row in rows),
    )


def _share(value: float, source: str) -> Cell:
    return numeric(percent(value) if math.isfinite(value) else "undefined", source)


def _times(value: float, source: str) -> Cell:
    return numeric(number(value) if math.isfinite(value) else "no limit", source)
