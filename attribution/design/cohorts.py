"""The rules on cohorts: every name is known, every cohort is used, and no analysis is on one that does not suit it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attribution import registry
from attribution.design.draft import Draft
from attribution.design.messages import echo, not_known
from attribution.design.options import options_of
from attribution.design.schema import Analysis, CohortTable, Data
from attribution.errors import Problem

NO_COHORT = "none"
"""What an analysis says that is on no cohort."""

NOT_OF_THE_TRAINED = ("ATE", "ATO")


def cohort_problems(draft: Draft) -> Iterator[Problem]:
    """Yield the faults of cohorts' ids and of the analyses on them."""
    rows = draft.all_rows(CohortTable, "id")
    if rows is None:
        return
    cohorts = {cohort.id: cohort for _, cohort in rows}
    for key, cohort in rows:
        if cohort.id == NO_COHORT:
            what = f"found {NO_COHORT!r}, which says that an analysis is on no cohort; expected another id"
            yield Problem(f"{key}.id", what, "rename the cohort")
    kinds = [data.kind for _, data in draft.rows(Data, "kind")]
    for key, analysis in draft.rows(Analysis, "cohort"):
        if analysis.cohort is None or analysis.cohort == NO_COHORT:
            continue
        if analysis.cohort not in cohorts:
            yield not_known(f"{key}.cohort", analysis.cohort, [*cohorts, NO_COHORT])
        else:
            yield from _unsuited(f"{key}.cohort", analysis, cohorts[analysis.cohort], kinds)
    yield from _unused(rows, draft)


def _unused(rows: list[tuple[str, CohortTable]], draft: Draft) -> Iterator[Problem]:
    """Yield a problem for each cohort that no analysis is on: one would think that its people are compared."""
    analyses = draft.all_rows(Analysis, "cohort")
    known = {cohort.id for _, cohort in rows} | {None, NO_COHORT}
    named = {analysis.cohort for _, analysis in analyses or ()}
    # A name that is not known may be meant for any of them, and is a problem of its own.
    if analyses is None or named - known:
        return
    for key, cohort in rows:
        if cohort.id not in named | {NO_COHORT}:
            what = f"found the cohort {echo(cohort.id)}, which no analysis is on"
            yield Problem(key, what, f"write cohort = {cohort.id!r} in the analyses that it is for, or take it out")


def _unsuited(key: str, analysis: Analysis, cohort: CohortTable, kinds: Sequence[str]) -> Iterator[Problem]:
    found = f"found the cohort {echo(cohort.id)}"
    leave = f"write cohort = {NO_COHORT!r}"
    if kinds and kinds[0] != "panel":
        what = f"{found}, which is made of units, and {kinds[0].replace('_', ' ')} follow none"
        yield Problem(key, what, f"{leave}; did takes covariates of such data by itself")
        return
    method: str = getattr(analysis, "method", "")
    if method in registry.WITHOUT_COHORT:
        what = f"{found}, which says which units are compared, and {method} compares no units with each other"
        yield Problem(key, what, f"{leave}, or use did, staggered or adjusted")
        return
    estimand = _estimand(cohort)  # one that does not exist is a problem of its own
    if method not in registry.ESTIMATORS or estimand not in NOT_OF_THE_TRAINED:
        return
    known = options_of(registry.load(registry.ESTIMATORS, method, kind="method"))
    if "estimand" not in known:
        what = f"{found}, which speaks for the {estimand}, and {method} for the effect on the trained (ATT)"
        yield Problem(key, what, f"{leave}, name a cohort whose estimand is the ATT, or use adjusted")


def _estimand(cohort: CohortTable) -> Any:
    """Return whom a cohort speaks for: what it states, or what its method does where nothing is stated."""
    stated = cohort.options
    if "estimand" in stated or getattr(cohort, "method", None) not in registry.COHORTS:
        return stated.get("estimand")
    known = options_of(registry.load(registry.COHORTS, cohort.method, kind="method"))
    return known["estimand"].default if "estimand" in known else "ATT"
