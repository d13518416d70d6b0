"""Who a cohort is made from: the two arms, what makes their units alike, and who cannot take part, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, Window, adoption_arms, two_window_arms, windows
from attribution.core.cohort import Cohort, Estimand, Matches, Propensity, WeightModel
from attribution.core.covariates import covariate_matrix, require_names
from attribution.core.panel import Panel
from attribution.errors import DataError, MethodError, require_known

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Kpi = Literal["none", "mean", "path"]
"""What of the KPI before the training makes units alike: nothing, its baseline mean, or each baseline period."""

Missing = Literal["error", "complete", "indicator"]
"""Units without a value of a covariate: refused, left out, or kept with the mean and a column that says so."""


@dataclass(frozen=True, slots=True, eq=False)
class Subjects:
    """The units a cohort is made from, and all others with the reason why not.

    `inside[n]` are their places among the panel's units, in order; `trained[n]` their arm, `weight[n]` their own
    weights, `columns[n, k]` the covariates without an intercept, named by `labels`. `arms` and `reasons` are
    those of all units of the panel.
    """

    inside: NDArray[np.int64]
    trained: Bools
    weight: Floats
    columns: Floats
    labels: tuple[str, ...]
    arms: NDArray[np.int8]
    reasons: NDArray[np.object_]
    covariates: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def design(self) -> Floats:
        """The columns with an intercept first."""
        return np.column_stack([np.ones(len(self.inside)), self.columns])


def subjects(
    panel: Panel,
    *,
    covariates: Sequence[str],
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
    independent: bool = True,
) -> Subjects:
    """Return the units that a cohort is made from.

    With windows the arms are those of `did` (trained between them, not trained by the end of the follow-up), and a unit
    needs a KPI value in each. Without, the trained are those trained after the first period and by the last one, the
    controls all who are not trained by then; in a cross-section, who is trained and who is not. Columns need not be
    `independent` for a method that fits nothing. Raises `MethodError` for options that do not go together or an arm
    without units, `DataError` for unusable covariates.
    """
    require_known(kpi=(kpi, Kpi), missing=(missing, Missing))
    _require_options(panel, covariates, baseline, followup, kpi)
    require_names(panel, covariates)
    before, arms, reasons = _arms(panel, baseline, followup)
    weightless = (reasons == "") & (panel.units.weight == 0)
    reasons[weightless] = "unit weight 0"
    grown, notes = panel, []
    own: tuple[str, ...] = ()
    if kpi != "none":
        assert before is not None
        grown, own = _with_kpi(panel, before, kpi)
    names = (*covariates, *own)
    lacking = _lacking(grown, names)
    gone = (reasons == "") & np.logical_or.reduce([*lacking.values(), np.zeros(len(panel.units), dtype=bool)])
    if missing == "error" and gone.any():
        raise _refused(grown, lacking, reasons == "")
    if missing == "complete" and gone.any():
        for name, absent in lacking.items():
            reasons[(reasons == "") & absent] = f"no value of {name}"
    elif missing == "indicator" and gone.any():
        grown, added = _indicated(grown, lacking, reasons == "")
        names = (*names, *added)
        listed = ", ".join(f"{name} of {int((lacking[name] & (reasons == '')).sum()):,} units" for name in lacking)
        notes.append(f"missing covariates are filled, with a column that says so: {listed}")
    inside = reasons == ""
    for code, arm in ((TRAINED, "trained"), (CONTROL, "control")):
        if not (inside & (arms == code)).any():
            raise MethodError(
                f"no {arm} unit can take part: {_why(arms, reasons, code)}",
                where="cohort",
                remedy=f"choose other windows or covariates, or add {arm} units",
            )
    design, labels = covariate_matrix(grown, names, inside, independent=independent)
    places = np.flatnonzero(inside)
    return Subjects(
        inside=places,
        trained=arms[places] == TRAINED,
        weight=panel.units.weight[places],
        columns=design[places, 1:],
        labels=labels[1:],
        arms=arms,
        reasons=reasons,
        covariates=(*covariates, *own),
        notes=tuple(notes),
    )


def cohort_of(
    panel: Panel,
    found: Subjects,
    *,
    method: str,
    estimand: Estimand,
    weights: Floats,
    reasons: NDArray[np.object_] | None = None,
    matches: Matches | None = None,
    fit: WeightModel | None = None,
    propensity: Propensity | None = None,
    notes: Sequence[str] = (),
) -> Cohort:
    """Return the cohort of `weights[n]` over the subjects; `reasons[n]` says why a weight is 0, "" where it is not."""
    everyone = np.zeros(len(panel.units))
    everyone[found.inside] = weights
    columns = np.zeros((len(panel.units), len(found.labels)))
    columns[found.inside] = found.columns
    candidates = np.zeros(len(panel.units), dtype=bool)
    candidates[found.inside] = True
    why = found.reasons.copy()
    if reasons is not None:
        why[found.inside] = reasons
    return Cohort(
        method=method,
        estimand=estimand,
        weights=everyone,
        arms=found.arms,
        reasons=why,
        candidates=candidates,
        covariates=found.covariates,
        labels=found.labels,
        columns=columns,
        matches=matches,
        fit=fit,
        propensity=propensity,
        notes=(*found.notes, *notes),
    )


def _require_options(
    panel: Panel, covariates: Sequence[str], baseline: Sequence[Any], followup: Sequence[Any], kpi: str
) -> None:
    if panel.kind in ("series", "repeated_cross_sections"):
        raise MethodError(
            f"a cohort is made of units, and a panel of kind {panel.kind!r} does not follow any",
            where="cohort",
            remedy="use a panel or a cross-section of units; with repeated cross-sections give did covariates",
        )
    if panel.kind == "cross_section" and (len(baseline) or len(followup) or kpi != "none"):
        raise MethodError(
            "a cross-section has no periods",
            where="baseline, followup, kpi",
            remedy="leave them out, and name the KPI's earlier values among the covariates",
        )
    if bool(len(baseline)) != bool(len(followup)) or (kpi != "none" and not len(baseline)):
        raise MethodError(
            "the windows are not both given" if kpi == "none" else f"kpi={kpi!r} needs both windows",
            where="baseline, followup",
            remedy="give both, as to the estimator, so that the arms are the same",
        )
    if not len(covariates) and kpi == "none":
        raise MethodError(
            "nothing is named that would make the arms alike",
            where="covariates",
            remedy="name covariates, or pass kpi='path' with windows to use the KPI before the training",
        )


def _arms(
    panel: Panel, baseline: Sequence[Any], followup: Sequence[Any]
) -> tuple[Window | None, NDArray[np.int8], NDArray[np.object_]]:
    adopted, n_units = panel.units.adopted, len(panel.units)
    reasons = np.full(n_units, "", dtype=object)
    if len(baseline):
        before, after = windows(panel, baseline, followup)
        code = two_window_arms(panel, before, after, "not_yet").code
        reasons[code == LEFT_OUT] = "trained before the windows"
        for window in (before, after):
            seen = np.zeros(n_units, dtype=bool)
            observations = panel.observations
            rows = np.isin(observations.period, window.codes) & ~np.isnan(observations.outcome)
            seen[observations.unit[rows]] = True
            reasons[(reasons == "") & ~seen] = f"no KPI value in the {'follow-up' if window is after else 'baseline'}"
        return before, code, reasons
    code = adoption_arms(panel)
    if panel.kind == "panel":
        reasons[adopted == 0] = "trained in or before the first period"
    else:
        known = np.zeros(n_units, dtype=bool)
        known[panel.observations.unit[~np.isnan(panel.observations.outcome)]] = True
        reasons[~known] = "no KPI value"
    return None, code, reasons


def _with_kpi(panel: Panel, before: Window, kpi: Kpi) -> tuple[Panel, tuple[str, ...]]:
    """Return the panel with the KPI before the training among its covariates, and their names."""
    from dataclasses import replace

    observations, n_units, outcome = panel.observations, len(panel.units), panel.columns.outcome
    path = np.full((n_units, len(before.codes)), np.nan)
    rows = np.isin(observations.period, before.codes)
    path[observations.unit[rows], np.searchsorted(before.codes, observations.period[rows])] = observations.outcome[rows]
    added: dict[str, Floats] = {}
    if kpi == "path":
        for place, code in enumerate(before.codes):
            added[f"{outcome} in {panel.periods.text(int(code))}"] = path[:, place]
    else:
        counts = (~np.isnan(path)).sum(axis=1)
        mean = np.where(counts > 0, np.nansum(path, axis=1) / np.maximum(counts, 1), np.nan)
        added[f"{outcome} at baseline"] = mean
    covariates = {**panel.units.covariates, **added}
    return replace(panel, units=replace(panel.units, covariates=covariates)), tuple(added)


def _lacking(panel: Panel, names: Sequence[str]) -> dict[str, Bools]:
    """Return, for each covariate that lacks values, which units lack one."""
    known = panel.units.covariates
    parts = dict.fromkeys(part for name in names for part in ([name] if name in known else name.split(":")))
    found = {part: np.asarray(pd.isna(known[part])) for part in parts}
    return {part: absent for part, absent in found.items() if absent.any()}


def _refused(panel: Panel, lacking: dict[str, Bools], inside: Bools) -> DataError:
    """Return the error of a covariate that units of an arm lack: the first one, and what can be asked for."""
    name = next(one for one, absent in lacking.items() if (absent & inside).any())
    absent = lacking[name] & inside
    also = [one for one, gaps in lacking.items() if one != name and (gaps & inside).any()]
    return DataError(
        f"{int(absent.sum()):,} of {int(inside.sum()):,} units that could take part have no value before adoption; for "
        f"example, {panel.columns.unit or 'row'} {panel.units.label[int(np.argmax(absent))]}"
        + (f"; some lack {', '.join(also)}" if also else ""),
        where=f"covariate {name!r}",
        remedy="missing = 'complete' leaves them out, counted; missing = 'indicator' fills the values and adds a "
        "column that says where; or leave the covariate out",
    )


def _indicated(panel: Panel, lacking: dict[str, Bools], inside: Bools) -> tuple[Panel, tuple[str, ...]]:
    """Return the panel with missing values filled, and columns that say where; a category gets a level `missing`."""
    from dataclasses import replace

    covariates = dict(panel.units.covariates)
    added: dict[str, Any] = {}
    for name, absent in lacking.items():
        if not (absent & inside).any():
            continue
        values = covariates[name].copy()
        if values.dtype == object:
            values[absent] = "missing"
        else:
            known = inside & ~absent
            if not known.any():
                raise DataError(
                    "no unit that takes part has a value",
                    where=f"covariate {name!r}",
                    remedy="leave the covariate out",
                )
            values[absent] = values[known].mean()
            added[f"{name} missing"] = absent.astype(float)
        covariates[name] = values
    grown = replace(panel, units=replace(panel.units, covariates={**covariates, **added}))
    return grown, tuple(added)


def _why(arms: NDArray[np.int8], reasons: NDArray[np.object_], code: int) -> str:
    mine = reasons[arms == code].astype(str)
    if not len(mine):
        return "the data hold none"
    return "; ".join(f"{count:,} {reason}" for reason, count in zip(*np.unique(mine, return_counts=True), strict=True))
