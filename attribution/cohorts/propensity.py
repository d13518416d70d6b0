"""Propensity weights: the odds, or the chances, of being trained make the arms stand for the same units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.cohorts.score import fit_score
from attribution.cohorts.strata import is_number
from attribution.cohorts.subjects import Kpi, Missing, Subjects, cohort_of, subjects
from attribution.core.cohort import Cohort, Estimand
from attribution.core.covariates import dependence
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.numerics.index_weights import PropensityWeights

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WHERE = "propensity"

WHOM = {
    "ATT": "the effect on the trained",
    "ATE": "the average effect on all units",
    "ATO": "the average effect on units that could as well have been in either arm (overlap weights)",
}


def propensity(
    panel: Panel,
    *,
    covariates: Sequence[str],
    estimand: Estimand = "ATT",
    stabilised: bool = False,
    keep: tuple[float, float] | None = None,
    cap: float | None = None,
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
) -> Cohort:
    """Weight units by their propensity e, a logit of being trained, so that the arms stand for the same units.

    Weights of the trained and of the controls are 1 and e/(1 − e) for the ATT, 1/e and 1/(1 − e) for the ATE, 1 − e and
    e for the overlap (ATO), which no weight exceeds. `stabilised` ATE weights are multiplied by the arms' shares: the
    contrast is the same. `keep` is a range of propensities: units outside are dropped, the logit is fitted again to
    those kept, and the estimand is theirs; who is kept is held fixed in draws. `cap` is a quantile of the weights (of
    the controls' for the ATT) beyond which they are cut to it; the threshold is held fixed in draws. Every draw fits
    the logit again. Raises `MethodError` where the logit does not exist, naming the columns, for options out of
    range, and what `subjects` raises.

    `kpi` is `"none"`, `"mean"` or `"path"`: what of the KPI before the training, in the windows, is among the columns.
    `missing` is `"error"`, `"complete"` (left out, counted) or `"indicator"` (filled, with a column that says so).

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"sales": [3, 4, 4, 5, 6, 6], "trained": [0, 0, 0, 1, 1, 1], "senior": [0, 0, 1, 0, 1, 1]})
    >>> panel = at.Panel.from_frame(frame, outcome="sales", trained="trained", covariates=["senior"],
    ...     kind="cross_section")
    >>> cohort = propensity(panel, covariates=["senior"])
    >>> cohort.weights.round(6).tolist()
    [0.5, 0.5, 2.0, 1.0, 1.0, 1.0]

    Source: Rosenbaum & Rubin (1983); Hirano, Imbens & Ridder (2003) for ATE and ATT; Li, Morgan & Zaslavsky (2018) for
    the overlap; Crump, Hotz, Imbens & Mitnik (2009) for dropping by the propensity; Cole & Hernán (2008) for the cap.
    """
    _require_options(estimand, stabilised, keep, cap)
    found = subjects(panel, covariates=covariates, baseline=baseline, followup=followup, kpi=kpi, missing=missing)
    score = fit_score(found, panel, WHERE)
    said = [f"weighted by the propensity (a logit) given {', '.join(found.labels)}: {WHOM[estimand]}"]
    kept, reasons = found, np.full(len(found.inside), "", dtype=object)
    if keep is not None:
        reasons = _outside(score.record.probability[found.inside], keep)
        kept = _kept(found, reasons == "", keep)
        score = fit_score(kept, panel, WHERE)
        said.append(
            f"the estimand is that of the {len(kept.inside):,} of {len(found.inside):,} units whose propensity is from "
            f"{keep[0]:g} to {keep[1]:g}; their propensity is fitted again, and who they are is held fixed"
        )
    own, trained = kept.weight, kept.trained
    factor = (1.0, 1.0)
    if stabilised:
        factor = (float(own[trained].sum() / own.sum()), float(own[~trained].sum() / own.sum()))
        said.append("stabilised by the arms' shares, which leaves the contrast as it is: weights count within arms")
    model = PropensityWeights(
        rule=estimand,
        n_units=len(panel.units),
        inside=kept.inside,
        trained=trained,
        columns=score.columns,
        weight=own,
        fit=score.fit,
        factor=factor,
    )
    if cap is not None:
        model, cut = _capped(model, cap)
        said.append(cut)
    everyone = np.zeros(len(found.inside))
    everyone[reasons == ""] = model.weights()
    return cohort_of(
        panel,
        found,
        method="propensity",
        estimand=estimand,
        weights=everyone,
        reasons=reasons,
        fit=model,
        propensity=score.record,
        notes=said,
    )


def nearest_order_statistic(values: Floats, share: float) -> float:
    """Return the quantile of `values[n]` that is the order statistic nearest to n·share, the even one of two.

    Examples
    --------
    >>> import numpy as np
    >>> nearest_order_statistic(np.array([1.0, 2.0, 3.0, 4.0]), 0.6)
    2.0

    Source: Hyndman & Fan (1996), Sample quantiles in statistical packages, definition 3.
    """
    place = len(values) * share
    nearest = int(np.round(place))  # numpy rounds half to even
    return float(np.sort(values)[min(max(nearest, 1), len(values)) - 1])


def _require_options(estimand: str, stabilised: bool, keep: Sequence[float] | None, cap: float | None) -> None:
    if estimand not in WHOM:
        raise MethodError(
            f"there is no estimand {estimand!r}", where="estimand", remedy=f"choose one of {', '.join(WHOM)}"
        )
    if stabilised and estimand != "ATE":
        raise MethodError(
            f"stabilised weights are those of the ATE, and the estimand is the {estimand}",
            where="stabilised",
            remedy="leave it out: it changes no contrast within arms",
        )
    if keep is not None and not (np.ndim(keep) == 1 and len(keep) == 2 and 0 <= keep[0] < keep[1] <= 1):
        raise MethodError(
            f"{tuple(keep) if np.ndim(keep) else keep!r} is no range of propensities",
            where="keep",
            remedy="give its two ends, such as keep=(0.1, 0.9)",
        )
    if cap is not None and not (is_number(cap) and 0.5 <= cap < 1):
        raise MethodError(
            f"{cap!r} is no quantile to cut weights at",
            where="cap",
            remedy="give a number from 0.5 and below 1, such as cap=0.95",
        )


def _capped(model: PropensityWeights, cap: float) -> tuple[PropensityWeights, str]:
    """Return the model with its weights cut at a quantile, those of the controls alone for the ATT, and what to say."""
    rows, of = (~model.trained, "controls") if model.rule == "ATT" else (np.ones_like(model.trained), "units")
    weights = model.weights()[rows]
    limit = nearest_order_statistic(weights, cap)
    said = (
        f"the weights of {int((weights > limit).sum()):,} {of} are cut at {limit:.4g}, the {cap:g} quantile, which is "
        "held fixed: they are less variable, and the arms less alike, than the estimand asks"
    )
    return replace(model, cap=limit), said


def _outside(probability: Floats, keep: tuple[float, float]) -> NDArray[np.object_]:
    reasons = np.full(len(probability), "", dtype=object)
    reasons[probability < keep[0]] = f"propensity below {keep[0]:g}"
    reasons[probability > keep[1]] = f"propensity above {keep[1]:g}"
    return reasons


def _kept(found: Subjects, rows: Bools, keep: tuple[float, float]) -> Subjects:
    """Return the subjects of `rows[n]`; raises `MethodError` where an arm or a column ends with that."""
    for arm, name in ((found.trained, "trained unit"), (~found.trained, "control")):
        if not (rows & arm).any():
            raise MethodError(
                f"no {name} has a propensity from {keep[0]:g} to {keep[1]:g}",
                where="keep",
                remedy="widen the range; where the arms hardly overlap, no weights make them alike",
            )
    same = np.ptp(found.columns[rows], axis=0) == 0
    if same.any():
        names = ", ".join(repr(label) for label, one in zip(found.labels, same, strict=True) if one)
        raise MethodError(
            f"among the {int(rows.sum()):,} units with a propensity from {keep[0]:g} to {keep[1]:g} nothing varies in "
            f"{names}",
            where="keep",
            remedy="leave these covariates out, merge levels, or widen the range",
        )
    columns = found.columns[rows]
    follows = dependence(np.column_stack([np.ones(len(columns)), columns]), ("intercept", *found.labels))
    if follows is not None:
        worst, others = follows
        raise MethodError(
            f"among the {len(columns):,} units with a propensity from {keep[0]:g} to {keep[1]:g} {worst!r} follows "
            f"from {', '.join(map(repr, others))}",
            where="keep",
            remedy=f"leave {worst!r} out, or widen the range",
        )
    return replace(
        found,
        inside=found.inside[rows],
        trained=found.trained[rows],
        weight=found.weight[rows],
        columns=found.columns[rows],
    )
