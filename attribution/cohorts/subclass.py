"""Subclassification: trained and controls in classes of their propensity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from attribution.cohorts.score import fit_propensity
from attribution.cohorts.strata import OfStrata, require_whole, strata_cohort
from attribution.cohorts.subjects import Kpi, Missing, subjects
from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.errors import MethodError, require_known
from attribution.numerics.strata import fill_classes, quantile_classes


def subclass(
    panel: Panel,
    *,
    covariates: Sequence[str] = (),
    subclasses: int = 6,
    least: int = 1,
    estimand: Literal["ATT", "ATE"] = "ATT",
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
) -> Cohort:
    """Compare trained and controls within classes of their propensity, a logit of being trained on the covariates.

    The classes lie between equally spaced quantiles of the propensity, of the trained for the ATT and of all units for
    the ATE, each unit counted once; who lies outside is in the first or last class. A class with fewer than `least`
    units of an arm takes the nearest of its neighbours; with 0 a class that lacks an arm is left out. Weights are those
    of `exact`. The arms of a class differ within it: the estimator adjusts for that unless told not to.
    Raises `MethodError` where the logit does not exist or an arm has too few units for the classes.

    `kpi` is `"none"`, `"mean"` or `"path"`: what of the KPI before the training, in the windows, is among the columns.
    `missing` is `"error"`, `"complete"` (left out, counted) or `"indicator"` (filled, with a column that says so).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import attribution as at
    >>> rng = np.random.default_rng(1)
    >>> age = rng.normal(40, 8, 200)
    >>> frame = pd.DataFrame({"sales": age, "age": age, "rep": range(200),
    ...     "trained": (age + rng.normal(0, 8, 200) > 42).astype(int)})
    >>> panel = at.Panel.from_frame(frame, unit="rep", outcome="sales", trained="trained", covariates=["age"],
    ...     kind="cross_section")
    >>> cohort = subclass(panel, covariates=["age"], subclasses=5)
    >>> cohort, cohort.matches.n_sets
    (Cohort('subclass', ATT: 66 trained, 134 control), 5)

    Source: Rosenbaum & Rubin (1984); quantiles and filling as `subclass` of MatchIt 4.7.1.
    """
    require_known(estimand=(estimand, OfStrata))
    require_whole("subclasses", subclasses, 1)
    require_whole("least", least, 0)
    found = subjects(panel, covariates=covariates, baseline=baseline, followup=followup, kpi=kpi, missing=missing)
    propensity = fit_propensity(found, panel, "subclass")
    score, trained = propensity.probability[found.inside], found.trained
    base = trained if estimand == "ATT" else np.ones(len(trained), dtype=bool)
    codes = quantile_classes(score, base, int(subclasses))
    classes, notes = int(codes.max()) + 1, []
    if classes < subclasses:
        notes.append(f"{subclasses} classes were asked for; equal propensities leave {classes}")
    if least:
        smallest = min(int(trained.sum()), int((~trained).sum()))
        if smallest < classes * least:
            arm = "trained" if trained.sum() == smallest else "control"
            raise MethodError(
                f"{classes} classes need {classes * least:,} units of each arm; there are {smallest:,} {arm} units",
                where="subclasses",
                remedy=f"ask for {max(1, smallest // least)} classes at most, or pass least=0, which leaves out "
                "classes of one arm",
            )
        filled = fill_classes(codes, trained, score, int(least))
        moved = int((filled != codes).sum())
        if moved:
            notes.append(f"{moved:,} units moved to a neighbouring class that lacked units of their arm")
        codes = filled
    return strata_cohort(
        panel,
        found,
        codes,
        method="subclass",
        estimand=estimand,
        alike="in the same class of propensity",
        remedy="ask for fewer classes",
        propensity=propensity,
        notes=notes,
    )
