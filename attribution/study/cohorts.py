"""The cohorts of a study: who stands for the untrained in each analysis, made once for the windows that it compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attribution.core.cohort import Cohort
from attribution.design.cohorts import NO_COHORT
from attribution.design.schema import CohortTable, StudyDesign
from attribution.errors import DataError, MethodError
from attribution.registry import COHORTS, load, options
from attribution.study.link import Linked, compares_windows, own_windows


def with_cohorts(design: StudyDesign, linked: Linked) -> Linked:
    """Return the linked study with the cohort of every analysis that is on one.

    A cohort is made from the panel of the analysis and for its windows: the arms are those that the analysis compares.
    Analyses of the same panel and windows share it. Raises as the cohort method, naming the cohort.
    """
    tables = {table.id: table for table in design.cohort}
    made: dict[tuple[Any, ...], Cohort] = {}
    found: dict[str, Cohort] = {}
    for analysis in design.analysis:
        if analysis.cohort is None or analysis.cohort == NO_COHORT:
            continue
        table = tables[analysis.cohort]
        windows = own_windows(analysis, linked) if compares_windows(analysis.method) else {}
        key = (table.id, analysis.kpi, compares_windows(analysis.method), repr(windows))
        if key not in made:
            made[key] = _made(table, linked.panel_of(analysis), windows)
        found[analysis.id] = made[key]
    return replace(linked, cohorts=found)


def _made(table: CohortTable, panel: Any, windows: Mapping[str, Any]) -> Cohort:
    method = load(COHORTS, table.method, kind="cohort method")
    known = {option.name for option in options(method)}
    keywords = {name: value for name, value in windows.items() if name in known} | dict(table.options)
    try:
        cohort: Cohort = method(panel, **keywords)
    except (DataError, MethodError) as error:
        raise type(error)(error.what, where=f"cohort {table.id!r}, {error.where}", remedy=error.remedy) from error
    return cohort
