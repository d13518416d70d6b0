"""The rehearsal: hundreds of placebo launches on the history, the whole pipeline replayed on each."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attribution.design.schema import Analysis, StudyDesign
from attribution.errors import DataError, MethodError, require_counts, require_type
from attribution.planning.placebo import placebos_of
from attribution.planning.simulated import Progress
from attribution.study.link import Linked, compares_windows, link
from attribution.study.manifest import package_version
from attribution.study.planned import NOBODY, WHOM, planned
from attribution.study.power import powers_of
from attribution.study.rehearsal import Rehearsal
from attribution.study.rehearsal_replay import Script, script_design
from attribution.study.rehearsal_rows import Rehearsed, line_of, rows_of
from attribution.study.rehearsal_store import keeping, kept_in
from attribution.study.rehearsal_workers import rehearse_numbers
from attribution.study.run import require_date
from attribution.study.sources import Source, data_path, read_if_there

MOST_DRAWS = 499
"""Draws of each replay unless asked for: the ends of the ROI's interval alone depend on how many there are."""


def rehearse(
    design: StudyDesign,
    *,
    rehearsals: int = 500,
    effects: Sequence[float] | None = None,
    analysis: str | None = None,
    seed: int | None = None,
    draws: int | None = None,
    workers: int = 1,
    as_of: datetime.date | None = None,
    store: Path | None = None,
    progress: Progress | None = None,
) -> Rehearsal:
    """Replay a study on placebo launches in its own history: what would it say where the truth is known?

    A placebo launch is an earlier date, with clusters drawn as the assignment mechanism would draw them, and a known
    effect added to the KPI of those. On each the analysis is run as the design says it: cohort, variance, draws, share,
    money, and the gates that look at data. The history are the periods before the launch, of units not trained in them.

    Parameters
    ----------
    effects
        Improvements in KPI units to inject, beside 0; by default the effect that the design wants to see (worthwhile,
        else expected), else the smallest that it could see.
    analysis
        The id of the analysis, by default the first primary one.
    seed
        By default that of the design.
    draws
        Draws of each replay, by default those of the design, but 499 at most: the interval of the ROI alone depends on
        how many there are, and most of the time goes into them.
    workers
        Processes; the numbers do not depend on it.
    store
        A file that keeps finished rehearsals, and from which an interrupted rehearsal goes on. It is refused where it
        is of another design, other data or options.
    progress
        Called with how many are finished, and of how many, after each.

    Raises
    ------
    DataError
        No data, a history too short for one period before and one after, or nobody planned to be trained.
    MethodError
        An option that is not usable; or every rehearsal failed, with the reason of the first.
    OutputError
        The store cannot be used.

    Examples
    --------
    >>> import attribution as at
    >>> found = at.rehearse(at.load_design("designs/support-rollout.toml"), rehearsals=2, draws=99)
    >>> found.rehearsals
    2

    Source: Bertrand, Duflo & Mullainathan (2004), QJE 119 (placebo laws); Gelman & Carlin (2014), Perspectives on
    Psychological Science 9 (errors of sign and of size).
    """
    require_type(design, StudyDesign, name="design", remedy="load the file first: at.load_design(path)")
    require_date(as_of)
    require_counts(rehearsals=(rehearsals, 1), workers=(workers, 1))
    chosen = _analysis(design, analysis)
    source = read_if_there(design)
    if source is None:
        raise DataError(
            "there are no data to rehearse on",
            where=str(data_path(design)),
            remedy="add the KPI of the periods before the launch",
        )
    linked = link(design, source, as_of)
    panel = linked.panels[chosen.kpi]
    who = planned(design, chosen, linked, source)
    if not who.plan.cohorts:
        raise DataError(NOBODY, where="power.trained_clusters", remedy=WHOM)
    placebos = placebos_of(
        panel,
        who.plan,
        end=who.end,
        mechanism=design.assignment.mechanism,
        baseline=[who.places.first + place for place in who.plan.baseline],
        share=design.assignment.selected_share,
        whole=not compares_windows(chosen.method),
    )
    kpi = design.kpi_of(chosen)
    sizes, said = _effects(design, chosen, linked, source, effects)
    sign = 1.0 if kpi.direction == "higher" else -1.0
    seeded = design.inference.seed if seed is None else seed
    drawn = min(design.inference.draws, MOST_DRAWS) if draws is None else draws
    require_counts(seed=(seeded, 0), draws=(drawn, 1))
    script = Script(
        design=script_design(design, chosen.id, drawn),
        placebos=placebos,
        effects=tuple(sign * size + 0.0 for size in sizes),
        seed=seeded,
    )
    header = {
        "rehearsals": 1,
        "study": design.study.id,
        "analysis": chosen.id,
        "version": package_version(),
        "design": design.source.digest,
        "data": source.digest,
        "effects": list(script.effects),
        "seed": seeded,
        "draws": drawn,
        "as_of": None if as_of is None else as_of.isoformat(),
    }
    rows = _collected(script, rehearsals, workers, store, header, progress)
    _require_some(rows)
    return Rehearsal(
        study=design.study.id,
        analysis=chosen.id,
        method=chosen.method,
        label=kpi.label,
        unit=kpi.unit,
        direction=kpi.direction,
        level=design.inference.level,
        seed=seeded,
        effects=sizes,
        injected_as=said,
        mechanism=design.assignment.mechanism,
        notes=(*placebos.notes, *_fewer(design, drawn)),
        rows=rows,
    )


def _collected(
    script: Script,
    rehearsals: int,
    workers: int,
    store: Path | None,
    header: dict[str, Any],
    progress: Progress | None,
) -> tuple[Rehearsed, ...]:
    """Return the rows of all numbers in order: those that the store keeps, and those that are still to be rehearsed."""
    found = {} if store is None else kept_in(store, header)
    found = {number: rows for number, rows in found.items() if number < rehearsals}
    todo = [number for number in range(rehearsals) if number not in found]
    if progress is not None:
        progress(len(found), rehearsals)
    with keeping(store, header) as keep:

        def done(rows: tuple[Rehearsed, ...]) -> None:
            keep(rows)
            # As the file gives them back, so that nothing depends on whether they were kept.
            found[rows[0].number] = rows_of(line_of(rows))
            if progress is not None:
                progress(len(found), rehearsals)

        rehearse_numbers(script, todo, workers, done)
    return tuple(row for number in sorted(found) for row in found[number])


def _analysis(design: StudyDesign, name: str | None) -> Analysis:
    known = {one.id: one for one in design.analysis}
    if name is None:
        return design.primary[0]
    if name not in known:
        raise MethodError(
            f"there is no analysis {name!r}", where="analysis", remedy=f"choose one of {', '.join(known)}"
        )
    return known[name]


def _effects(
    design: StudyDesign, analysis: Analysis, linked: Linked, source: Source, given: Sequence[float] | None
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Return the effects to inject, as improvements, no effect first, and in words where each comes from."""
    if given is not None:
        bad = [value for value in given if isinstance(value, bool) or not np.isfinite(value)]
        if bad:
            raise MethodError(f"an effect is {bad[0]!r}", where="effects", remedy="give finite numbers, in KPI units")
        sizes = [float(value) for value in dict.fromkeys(given) if value != 0]
        return (0.0, *sizes), ("no effect", *("as asked for" for _ in sizes))
    kpi = design.kpi_of(analysis)
    if kpi.minimum_worthwhile_effect:
        return (0.0, abs(kpi.minimum_worthwhile_effect)), ("no effect", "the smallest worthwhile effect")
    if kpi.expected_effect:
        return (0.0, abs(kpi.expected_effect)), ("no effect", "the expected effect")
    power = powers_of(design, linked, source).get(analysis.id)
    if power is not None and power.best.mde > 0:
        return (0.0, power.best.mde), ("no effect", "the smallest effect that the study could see")
    return (0.0,), ("no effect",)


def _fewer(design: StudyDesign, drawn: int) -> tuple[str, ...]:
    planned_draws = design.inference.draws
    if drawn >= planned_draws or not (design.valuation and design.cost):
        return ()
    return (f"money is drawn {drawn:,} times in each replay, not {planned_draws:,}: nothing else depends on it",)


def _require_some(rows: tuple[Rehearsed, ...]) -> None:
    """Raise `MethodError` where every rehearsal failed."""
    if all(row.problem for row in rows):
        raise MethodError(
            f"each of {len({row.number for row in rows})} rehearsals failed; the first: {rows[0].problem}",
            where="rehearsal",
            remedy="mend what it says; attribution check shows what else the design lacks",
        )
