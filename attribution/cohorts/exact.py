"""Exact matching: trained and controls who agree in every covariate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from attribution.cohorts.strata import OfStrata, listed, refuse_products, strata_cohort
from attribution.cohorts.subjects import Kpi, Missing, subjects
from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.errors import require_known
from attribution.numerics.strata import equal_rows


def exact(
    panel: Panel,
    *,
    covariates: Sequence[str] = (),
    estimand: Literal["ATT", "ATE"] = "ATT",
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    kpi: Kpi = "none",
    missing: Missing = "error",
) -> Cohort:
    """Compare trained and controls who have the same value of every covariate.

    Each combination of values is a stratum. For the ATT the trained count 1 and a control the trained over the controls
    of its stratum, by the units' own weights, so that the controls' weights sum to those of the trained (R's MatchIt
    scales them to their number); for the ATE each arm stands for all of its stratum. A unit whose stratum lacks the
    other arm is left out with the reason: the effect is that of the trained who have a counterpart. Raises
    `MethodError` where nobody has one, and the errors of `subjects`.

    `kpi` is `"none"`, `"mean"` or `"path"`: what of the KPI before the training, in the windows, is among the columns.
    `missing` is `"error"`, `"complete"` (left out, counted) or `"indicator"` (filled, with a column that says so).

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"sales": [5.0, 4.0, 3.0, 9.0, 8.0, 7.0], "trained": [1, 0, 0, 1, 0, 1],
    ...     "site": ["a", "a", "a", "b", "b", "c"], "rep": range(6)})
    >>> panel = at.Panel.from_frame(frame, unit="rep", outcome="sales", trained="trained", covariates=["site"],
    ...     kind="cross_section")
    >>> cohort = exact(panel, covariates=["site"])
    >>> cohort, cohort.weights.tolist()
    (Cohort('exact', ATT: 2 trained, 3 control; 1 trained left out), [1.0, 0.5, 0.5, 1.0, 1.0, 0.0])

    Source: Stuart (2010), section 3.1; the weights of MatchIt 4.7.1 up to their scale.
    """
    refuse_products(panel, covariates, "exact")
    require_known(estimand=(estimand, OfStrata))
    found = subjects(
        panel,
        covariates=covariates,
        baseline=baseline,
        followup=followup,
        kpi=kpi,
        missing=missing,
        independent=False,
    )
    return strata_cohort(
        panel,
        found,
        equal_rows(found.columns),
        method="exact",
        estimand=estimand,
        alike=f"with the same {listed(found.covariates)}",
        remedy="name fewer covariates, or use coarsened for those that are numbers",
    )
