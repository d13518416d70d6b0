"""Coarsened exact matching: trained and controls who agree in every category and in the bin of every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from attribution.cohorts.strata import OfStrata, refuse_products, strata_cohort
from attribution.cohorts.subjects import Kpi, Missing, Subjects, subjects
from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.errors import MethodError, require_known
from attribution.numerics.strata import Codes, Rule, cut_points, equal_rows

Cut = Sequence[float] | int | Rule | Literal["exact"]
"""How one number is coarsened: cut points, a number of bins (1: not compared), a rule for it, or not at all."""


def coarsened(
    panel: Panel,
    *,
    covariates: Sequence[str] = (),
    bins: Rule | int = "sturges",
    cutpoints: Mapping[str, Cut] | None = None,
    estimand: Literal["ATT", "ATE"] = "ATT",
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
) -> Cohort:
    """Compare trained and controls who are in the same bin of every number and the same level of every category.

    Numbers fall into bins of equal width between the smallest and the largest value of both arms; `bins` is their
    number or a rule for it. `cutpoints` says otherwise for one covariate: borders (a value at a border is in the bin
    above), a number of bins (1: not compared, still adjusted for), a rule, or `"exact"`. Each combination is a stratum,
    with the weights of `exact`. A unit whose stratum lacks the other arm is left out with the reason, so that the
    estimand is the effect on the trained who have a counterpart. What differs within a bin is left to the estimator,
    which adjusts for it unless told not to. Raises `MethodError` where nobody has a counterpart or a cut makes no
    sense.

    `kpi` is `"none"`, `"mean"` or `"path"`: what of the KPI before the training, in the windows, is among the columns.
    `missing` is `"error"`, `"complete"` (left out, counted) or `"indicator"` (filled, with a column that says so).

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"sales": [5.0, 4.0, 3.0, 9.0, 8.0, 7.0], "trained": [1, 0, 0, 1, 0, 1],
    ...     "age": [21, 24, 29, 43, 47, 66], "rep": range(6)})
    >>> panel = at.Panel.from_frame(frame, unit="rep", outcome="sales", trained="trained", covariates=["age"],
    ...     kind="cross_section")
    >>> cohort = coarsened(panel, covariates=["age"], cutpoints={"age": [30, 50]})
    >>> cohort, cohort.weights.tolist()
    (Cohort('coarsened', ATT: 2 trained, 3 control; 1 trained left out), [1.0, 0.5, 0.5, 1.0, 1.0, 0.0])

    Source: Iacus, King & Porro (2012); bins as `cem` of MatchIt 4.7.1.
    """
    require_known(estimand=(estimand, OfStrata))
    refuse_products(panel, covariates, "coarsened")
    _require_bins(bins, "bins")
    found = subjects(
        panel,
        covariates=covariates,
        baseline=baseline,
        followup=followup,
        kpi=kpi,
        missing=missing,
        independent=False,
    )
    cuts = dict(cutpoints or {})
    numbers = [name for name in found.covariates if name in found.labels]
    for name, cut in cuts.items():
        _require_cut(name, cut, numbers, found)
    coded, counts = [], []
    for name, column in zip(found.labels, found.columns.T, strict=True):
        cut = cuts.get(name, bins) if name in numbers else "exact"
        own = equal_rows(column[:, None]) if cut == "exact" else _binned(column, cut)
        coded.append(own)
        if name in numbers:
            counts.append(f"{name} {len(np.unique(own)):,}")
    return strata_cohort(
        panel,
        found,
        equal_rows(np.column_stack(coded)),
        method="coarsened",
        estimand=estimand,
        alike="in the same stratum",
        remedy="use fewer or wider bins, or fewer covariates",
        notes=(f"bins that hold anyone: {', '.join(counts)}",) if counts else (),
    )


def _binned(column: Any, cut: Any) -> Codes:
    return np.asarray(np.searchsorted(cut_points(column, cut), column, side="right"), dtype=np.int64)


def _require_bins(bins: Any, where: str) -> None:
    whole = isinstance(bins, (int, np.integer)) and not isinstance(bins, bool)
    if (whole and bins >= 1) or (isinstance(bins, str) and bins in ("sturges", "fd", "scott")):
        return
    raise MethodError(
        f"{where} is {bins!r}", where=where, remedy="give 'sturges', 'fd', 'scott', or a number of bins from 1 on"
    )


def _require_cut(name: str, cut: Any, numbers: Sequence[str], found: Subjects) -> None:
    where = f"cutpoints.{name}"
    if name not in numbers:
        known = name in found.covariates
        raise MethodError(
            f"{name!r} is {'a category, which is compared as it is' if known else 'not among the covariates'}",
            where=where,
            remedy=f"give cut points for {', '.join(numbers)}" if numbers else "leave cutpoints out",
        )
    if isinstance(cut, str) and cut == "exact":
        return
    if isinstance(cut, (str, int, np.integer)):
        _require_bins(cut, where)
        return
    borders = np.asarray(cut, dtype=float)
    if borders.ndim != 1 or not len(borders) or not np.isfinite(borders).all():
        raise MethodError(
            f"the cut points are {cut!r}", where=where, remedy="give a list of at least one finite number"
        )
