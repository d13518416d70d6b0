"""Cohorts of pairs: who was linked with whom becomes weights, matched sets, reasons and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.cohorts.strata import listed
from attribution.cohorts.subjects import Missing, Subjects, cohort_of
from attribution.core.cohort import Cohort, Matches, Propensity
from attribution.core.covariates import require_names
from attribution.core.panel import Panel
from attribution.errors import DataError, MethodError
from attribution.numerics.nearest import Links

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int64]


def exact_strata(panel: Panel, found: Subjects, exact: Sequence[str], missing: Missing) -> tuple[Subjects, Codes]:
    """Return the subjects with a value of every covariate in `exact`, and a code for each combination of values.

    Missing values follow `missing`: an error, units left out, or a value of its own. Raises `MethodError` for a name
    that the panel has no covariate of.
    """
    if not len(exact):
        return found, np.zeros(len(found.inside), dtype=np.int64)
    require_names(panel, exact, option="exact")
    products = [name for name in exact if name not in panel.units.covariates]
    if products:
        raise MethodError(
            f"{products[0]!r} is a product of covariates",
            where="exact",
            remedy=f"name its parts: {', '.join(map(repr, products[0].split(':')))}",
        )
    values = {name: panel.units.covariates[name] for name in exact}
    if missing != "indicator":
        reasons = found.reasons.copy()
        for name, column in values.items():
            absent = np.asarray(pd.isna(column)) & (reasons == "")
            if not absent.any():
                continue
            if missing == "error":
                raise DataError(
                    f"{int(absent.sum()):,} of {len(found.inside):,} units that enter have no value; for example, "
                    f"{panel.columns.unit or 'row'} {panel.units.label[int(np.argmax(absent))]}",
                    where=f"covariate {name!r}",
                    remedy="fill the values, leave the covariate out of exact, or pass missing='complete'",
                )
            reasons[absent] = f"no value of {name}"
        found = _without(found, reasons)
    codes = np.zeros(len(found.inside), dtype=np.int64)
    for column in values.values():
        own = pd.factorize(column[found.inside], sort=True, use_na_sentinel=False)[0]
        codes = np.unique(codes * (int(own.max()) + 1) + own, return_inverse=True)[1].astype(np.int64)
    return found, codes


def _without(found: Subjects, reasons: NDArray[np.object_]) -> Subjects:
    stays = reasons[found.inside] == ""
    if stays.all():
        return found
    for arm, name in ((found.trained, "trained"), (~found.trained, "control")):
        if not (arm & stays).any():
            raise MethodError(
                f"no {name} unit has a value of every covariate in exact",
                where="exact",
                remedy="leave covariates out of exact, or fill their values",
            )
    return replace(
        found,
        inside=found.inside[stays],
        trained=found.trained[stays],
        weight=found.weight[stays],
        columns=found.columns[stays],
        reasons=reasons,
    )


def link_cohort(
    panel: Panel,
    found: Subjects,
    links: Links,
    *,
    method: str,
    ratio: int,
    replacement: bool,
    why: NDArray[np.object_],
    remedy: str,
    propensity: Propensity | None = None,
    on_propensity: bool = False,
    notes: Sequence[str] = (),
) -> Cohort:
    """Return the cohort of links between subjects, by trained unit; `why[n]` says why a trained unit has none.

    A matched trained unit has weight 1. Its controls share it in proportion to their own weights, so that the controls'
    weights sum to those of the matched trained; R's MatchIt scales them to the number of controls used, which changes
    no estimate. Raises `MethodError` with the remedy where nobody is matched.
    """
    n, own = len(found.inside), found.weight
    matched = np.zeros(n, dtype=bool)
    matched[links.trained] = True
    total = np.bincount(links.trained, weights=own[links.control], minlength=n)
    share = own[links.control] / total[links.trained]
    weights = np.where(matched, 1.0, 0.0)
    weights += np.bincount(links.control, weights=share * own[links.trained], minlength=n) / own
    if not len(links.trained):
        reasons, counts = np.unique(why[found.trained].astype(str), return_counts=True)
        said = "; ".join(f"{count:,} {reason}" for reason, count in zip(reasons, counts, strict=True))
        raise MethodError(f"no trained unit has a match: {said}", where=method, remedy=remedy)
    reasons = np.full(n, "", dtype=object)
    reasons[found.trained & ~matched] = why[found.trained & ~matched]
    reasons[~found.trained & (weights == 0)] = "not matched"
    sets = None
    if not replacement:
        sets = np.full(len(panel.units), -1, dtype=np.int32)
        number = np.cumsum(matched) - 1
        sets[found.inside[links.trained]] = number[links.trained]
        sets[found.inside[links.control]] = number[links.trained]
    return cohort_of(
        panel,
        found,
        method=method,
        estimand="ATT",
        weights=weights,
        reasons=reasons,
        matches=Matches(
            replacement=replacement,
            sets=sets,
            trained=found.inside[links.trained],
            control=found.inside[links.control],
            share=share,
            on_propensity=on_propensity,
        ),
        propensity=propensity,
        notes=(*_said(found, links, matched, ratio, replacement), *notes),
    )


def _said(found: Subjects, links: Links, matched: Bools, ratio: int, replacement: bool) -> list[str]:
    lost, total = int((found.trained & ~matched).sum()), int(found.trained.sum())
    notes = []
    if lost:
        notes.append(
            f"{lost:,} of {total:,} trained have no match: the effect is that of the other {total - lost:,}, "
            "not of all trained"
        )
    each = np.bincount(links.trained, minlength=len(matched))[matched]
    fewer = int((each < ratio).sum())
    if fewer:
        notes.append(f"{fewer:,} trained have fewer than {ratio} controls")
    if replacement:
        use = np.bincount(links.control)
        notes.append(
            f"{int((use > 0).sum()):,} controls serve {total - lost:,} trained, one of them {int(use.max()):,}"
        )
    return notes


def why_unmatched(found: Subjects, codes: Codes, exact: Sequence[str], within: Bools | None) -> NDArray[np.object_]:
    """Return, for each trained unit, why it would have no match; `within[n]` says who has a control in the caliper."""
    left = "no control left" if within is None else "no control left within the caliper"
    why = np.empty(len(found.inside), dtype=object)
    why[:] = left  # np.full would make as many texts
    if within is not None:
        why[found.trained & ~within] = "no control within the caliper"
    if len(exact):
        held = np.bincount(codes[~found.trained], minlength=int(codes.max()) + 1) > 0
        why[found.trained & ~held[codes]] = f"no control with the same {listed(exact)}"
    return why
