"""Cohorts of strata: many trained and many controls who are alike, weighted by what each arm has in each stratum."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.cohorts.subjects import Subjects, cohort_of
from attribution.core.cohort import Cohort, Matches, Propensity
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.numerics.strata import stratum_weights, with_both_arms

Codes = NDArray[np.int64]
OfStrata = Literal["ATT", "ATE"]
"""Whom strata can speak for: the trained, or everybody in them."""

NAMED = 4
"""Covariates that a reason names."""


def strata_cohort(
    panel: Panel,
    found: Subjects,
    codes: Codes,
    *,
    method: str,
    estimand: OfStrata,
    alike: str,
    remedy: str,
    propensity: Propensity | None = None,
    notes: Sequence[str] = (),
) -> Cohort:
    """Return the cohort of the strata `codes[n]` over the subjects, −1 for a unit of none; one-armed strata drop out.

    `alike` ends the sentence "no control …", such as "with the same site". Weights are those of `stratum_weights`.
    Raises `MethodError` with the remedy where no stratum holds both arms.
    """
    sets = with_both_arms(codes, found.trained)
    if not (sets >= 0).any():
        arms = f"{int(found.trained.sum()):,} trained and {int((~found.trained).sum()):,} controls"
        raise MethodError(
            f"no trained unit has a control {alike}: {arms} in {len(np.unique(codes)):,} strata",
            where=method,
            remedy=remedy,
        )
    reasons = np.full(len(codes), "", dtype=object)
    reasons[(sets < 0) & found.trained] = f"no control {alike}"
    reasons[(sets < 0) & ~found.trained] = f"no trained unit {alike}"
    return cohort_of(
        panel,
        found,
        method=method,
        estimand=estimand,
        weights=stratum_weights(sets, found.trained, found.weight, estimand),
        reasons=reasons,
        matches=set_matches(panel, found, sets),
        propensity=propensity,
        notes=(f"{int(sets.max()) + 1:,} strata with both arms", *lost_note(found, sets), *notes),
    )


def set_matches(panel: Panel, found: Subjects, sets: Codes) -> Matches:
    """Return matched sets of many units, without links between them."""
    everyone = np.full(len(panel.units), -1, dtype=np.int32)
    everyone[found.inside] = sets
    none = np.zeros(0, dtype=np.int64)
    return Matches(replacement=False, sets=everyone, trained=none, control=none, share=np.zeros(0))


def lost_note(found: Subjects, sets: Codes) -> tuple[str, ...]:
    """Return, where trained units are in no set, whose effect is left."""
    lost, total = int((found.trained & (sets < 0)).sum()), int(found.trained.sum())
    if not lost:
        return ()
    return (
        f"{lost:,} of {total:,} trained have no counterpart: the effect is that of the other {total - lost:,}, "
        "not of all trained",
    )


def refuse_products(panel: Panel, covariates: Sequence[str], method: str) -> None:
    """Raise `MethodError` for an interaction: strata are made of the covariates themselves."""
    known = panel.units.covariates
    products = [name for name in covariates if name not in known and ":" in name]
    if products:
        raise MethodError(
            f"{products[0]!r} is a product of covariates, which makes no strata of its own",
            where=method,
            remedy=f"name its parts: {', '.join(map(repr, products[0].split(':')))}; strata cross them anyway",
        )


def is_number(value: object) -> bool:
    """Return whether an option is one number, Python's or numpy's."""
    return isinstance(value, Real) and not isinstance(value, bool)


def require_whole(name: str, value: Any, lowest: int) -> None:
    """Raise `MethodError` unless an option is a whole number from `lowest` on."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < lowest:
        raise MethodError(f"{name} is {value!r}", where=name, remedy=f"give a whole number from {lowest} on")


def listed(names: Sequence[str]) -> str:
    """Return the names for a reason, the first few of many."""
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown
