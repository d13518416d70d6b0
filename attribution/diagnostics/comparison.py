"""Who a cohort compares: both arms, who could take part, with which weight before and after, and their covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, adoption_arms, two_window_arms, windows
from attribution.core.cohort import Cohort
from attribution.core.covariates import require_names
from attribution.core.panel import Panel
from attribution.errors import MethodError, require_type

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PROPENSITY = "propensity"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The two arms: `code[n_units]` 1 for trained, 0 for controls, −1 for neither, `candidates` who could take part.

    `before[n_units]` are the units' own weights, `after` those times the cohort's, 0 for who is not a candidate;
    without a cohort they are the same.
    """

    panel: Panel
    cohort: Cohort | None
    code: NDArray[np.int8]
    candidates: Bools
    before: Floats
    after: Floats

    @property
    def estimand(self) -> str:
        """Whom the comparison speaks for; without a cohort it would be the trained."""
        return "ATT" if self.cohort is None else self.cohort.estimand

    def arm(self, code: int) -> Bools:
        """Return who of an arm could take part."""
        return np.asarray(self.candidates & (self.code == code))


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """One column of a comparison, NaN where a unit's value is not known."""

    name: str
    kind: Literal["number", "binary", "category", "propensity"]
    values: Floats


def comparison(
    panel: Panel, cohort: Cohort | None, *, baseline: Sequence[Any] = (), followup: Sequence[Any] = ()
) -> Comparison:
    """Return who is compared, by a cohort given, by the panel's own, or, without one, by adoption.

    Without a cohort that knows its arms they are those of `did` between the windows, and without windows, who is
    trained after the first period and by the last, against all not trained by then; in a cross-section, who is trained
    and who is not. Raises `MethodError` for a panel that follows no units and for an arm without units, `DataError` for
    a cohort of other units.
    """
    require_type(panel, Panel, name="panel", remedy="build one with at.Panel.from_frame")
    found = panel.cohort if cohort is None else cohort
    if found is not None:
        require_type(found, Cohort, name="cohort", remedy="pass what a cohort method returns, such as at.nearest(…)")
        found.require_units(len(panel.units))
    own = panel.units.weight
    if found is not None and found.arms is not None:
        code = found.arms
    else:
        code = _arms(panel, baseline, followup)
    candidates = (code != LEFT_OUT) & (own > 0)
    if found is not None and found.candidates is not None:
        candidates = candidates & found.candidates
    for arm, name in ((TRAINED, "trained"), (CONTROL, "control")):
        if not (candidates & (code == arm)).any():
            raise MethodError(
                f"there is no {name} unit to compare", where="balance", remedy="choose other windows, or add units"
            )
    before = np.where(candidates, own, 0.0)
    return Comparison(panel, found, code, candidates, before, before if found is None else before * found.weights)


def _arms(panel: Panel, baseline: Sequence[Any], followup: Sequence[Any]) -> NDArray[np.int8]:
    if panel.kind in ("series", "repeated_cross_sections"):
        raise MethodError(
            f"a panel of kind {panel.kind!r} follows no units whose balance could be looked at",
            where="balance",
            remedy="use a panel or a cross-section of units",
        )
    if len(baseline) and len(followup):
        return two_window_arms(panel, *windows(panel, baseline, followup), "not_yet").code
    return adoption_arms(panel)


def variables(arms: Comparison, names: Sequence[str] | None, baseline: Sequence[Any] = ()) -> tuple[Variable, ...]:
    """Return the columns to compare: the propensity, each covariate, each level of a category, the KPI at baseline.

    `names` are covariates of the panel; None takes those of the cohort, without one all of the panel's. Interactions
    have no row. `baseline` adds the KPI's mean over these periods. Raises `MethodError` for unknown names.
    """
    panel, cohort = arms.panel, arms.cohort
    found: dict[str, Variable] = {}
    if cohort is not None and cohort.propensity is not None:
        found[PROPENSITY] = Variable(PROPENSITY, "propensity", cohort.propensity.probability)
    columns = _columns(cohort) if cohort is not None and names is None else {}
    if names is not None:
        require_names(panel, names)
        chosen = tuple(names)
    elif cohort is None or not cohort.covariates:
        chosen = tuple(panel.units.covariates)
    else:
        chosen = cohort.covariates
    for name in chosen:
        values = panel.units.covariates.get(name)
        if values is not None and values.dtype == object:
            found |= {one.name: one for one in _levels(name, values, arms.candidates)}
        elif name in columns and not is_interaction(panel, name):
            # Who could not take part has no column, but may have a value.
            own = columns[name] if values is None else np.where(np.isnan(columns[name]), values, columns[name])
            found[name] = _number(name, own, arms.candidates)
        elif values is not None:
            found[name] = _number(name, values, arms.candidates)
    for label, column in columns.items():
        # Columns that say where a covariate is missing bear its name, and were never the panel's.
        if label.endswith(" missing") and label.removesuffix(" missing") in chosen:
            found[label] = _number(label, column, arms.candidates)
    if len(baseline):
        name = f"{panel.columns.outcome} at baseline"
        codes = np.array(panel.periods.codes(list(baseline), where="baseline"), dtype=np.int16)
        if len(codes) == 1:
            # The mean of one period is that period, which a cohort on the KPI's path has already.
            found.pop(f"{panel.columns.outcome} in {panel.periods.text(int(codes[0]))}", None)
        found[name] = _number(name, kpi_mean(panel, codes), arms.candidates)
    return tuple(found.values())


def is_interaction(panel: Panel, name: str) -> bool:
    """Return whether a name is a product of covariates of the panel, as `"age:site"`."""
    known, parts = panel.units.covariates, name.split(":")
    return name not in known and len(parts) > 1 and all(part in known for part in parts)


def kpi_mean(panel: Panel, codes: NDArray[np.int16]) -> Floats:
    """Return each unit's mean of the KPI over the periods of `codes` in which it is known; NaN for none."""
    observations, n_units = panel.observations, len(panel.units)
    inside = np.isin(observations.period, codes) & ~np.isnan(observations.outcome)
    unit = observations.unit[inside]
    count = np.bincount(unit, minlength=n_units)
    total = np.bincount(unit, weights=observations.outcome[inside], minlength=n_units)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _columns(cohort: Cohort) -> dict[str, Floats]:
    """Return the columns that made a cohort by their names, unknown for who could not take part."""
    if cohort.columns is None:
        return {}
    inside = np.ones(len(cohort.columns), dtype=bool) if cohort.candidates is None else cohort.candidates
    return {
        label: np.where(inside, column, np.nan) for label, column in zip(cohort.labels, cohort.columns.T, strict=True)
    }


def _number(name: str, values: NDArray[Any], candidates: Bools) -> Variable:
    numbers = np.asarray(values, dtype=float)
    known = numbers[candidates & ~np.isnan(numbers)]
    return Variable(name, "binary" if np.isin(known, (0.0, 1.0)).all() else "number", numbers)


def _levels(name: str, values: NDArray[Any], candidates: Bools) -> tuple[Variable, ...]:
    """Return one 0/1 column per level, in sorted order; a missing value is a level of its own where one is missing."""
    missing = np.asarray(pd.isna(values))
    levels = sorted(set(values[candidates & ~missing]), key=lambda level: (type(level).__name__, level))
    found = [Variable(f"{name}[{level}]", "category", (~missing & (values == level)).astype(float)) for level in levels]
    if (missing & candidates).any():
        found.append(Variable(f"{name}[missing]", "category", missing.astype(float)))
    return tuple(found)
