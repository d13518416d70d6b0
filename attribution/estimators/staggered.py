"""Group-time effects of a rollout: each cohort against units that are not (yet) trained, then averaged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from attribution.core.arms import Controls
from attribution.core.covariates import adjustment
from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.counted import with_cohort_counted
from attribution.estimators.options import require_att, require_known, require_periods, require_steps
from attribution.estimators.rollouts.adjusted import adjust_cells
from attribution.estimators.rollouts.aggregation import By
from attribution.estimators.rollouts.assemble import CellModel, RolloutVariance, rollout
from attribution.estimators.rollouts.cells import Base, plan_cells
from attribution.estimators.rollouts.flow import cell_notes, rollout_flow
from attribution.estimators.rollouts.reduction import Unbalanced, prepare
from attribution.numerics.pairs import Adjust


def staggered(
    panel: Panel,
    *,
    controls: Controls = "not_yet",
    covariates: Sequence[str] | None = None,
    adjust: Adjust | None = None,
    aggregate: By = "event",
    base: Base = "varying",
    unbalanced: Unbalanced = "pairs",
    followup: Sequence[Any] | None = None,
    anticipation: int = 0,
    washout: int = 0,
    variance: RolloutVariance = "default",
) -> Estimate:
    """Estimate group-time effects of a rollout and average them, with the observed change in the same weights.

    ATT(g, t) is the change of cohort g from its last period before training to t, less that of units not trained by t.
    `effect` averages ATT(g, t) over every trained unit and period alike; `change` is the trained cohorts' own
    change in the same weights, `background` the difference. An aggregation adds parts, such as `effect[event=2]` and
    `change[event=2]`, and the average of its parts, `effect[event=mean]`; `Estimate.aggregate` averages anew without
    a refit. The estimand is the ATT in KPI units.

    Parameters
    ----------
    controls
        `"not_yet"`: units that are not trained, nor within `anticipation` of it, by the cell's periods; `"never"`.
    covariates, adjust
        Covariates fixed before adoption, and how they are used: `"doubly_robust"` (as R's `did`),
        `"doubly_robust_improved"`, `"regression"`, `"ipw"`, `"ipw_unnormalised"`. Without covariates all are one. On a
        matched cohort they are its own, by regression, unless given.
    aggregate
        `"event"` (time since adoption), `"group"` (cohort), `"calendar"`, `"simple"` (overall alone), `"cells"`.
    base
        What a period before adoption is compared with: the period before it (`"varying"`) or the cohort's own base
        period (`"universal"`).
    unbalanced
        With missing values, a cell takes units observed in both of its periods (`"pairs"`), or every row on its own, as
        R's `allow_unbalanced_panel` does (`"rows"`).
    followup
        The periods that the overall effect counts; all after adoption unless given.
    anticipation, washout
        Periods before adoption in which training may already act, and after it that are not counted yet.
    variance
        `"default"` (cluster jackknife by adoption cohort, Welch–Satterthwaite df), which counts the cohorts' sizes as
        estimated; `"sizes_given"`, the same around each cohort's mean, for those very cohorts; `"CR0"` (R's analytic
        standard errors) and `"CR1"` from the influence.

    Raises
    ------
    MethodError
        No cohort with a base period and a comparison, a comparison without a fit, an option that is not known.
    DataError
        Covariates that are missing for some units, constant or linearly dependent.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> estimate = at.staggered(panel, controls="never", aggregate="group")
    >>> round(estimate.value("effect[group=1988]"), 2)
    -0.42

    Source: Callaway & Sant'Anna (2021), Difference-in-differences with multiple time periods, J. Econometrics 225, eq.
    2.5 to 2.9 and section 3; Sant'Anna & Zhao (2020), Doubly robust difference-in-differences, J. Econometrics 219.
    """
    require_known(controls=(controls, Controls), base=(base, Base))
    if adjust is not None:
        require_known(adjust=(adjust, Adjust))
    require_known(unbalanced=(unbalanced, Unbalanced), variance=(variance, RolloutVariance), aggregate=(aggregate, By))
    require_rollout(panel, "staggered", anticipation=anticipation, washout=washout)
    build = partial(
        _estimate,
        controls=controls,
        covariates=covariates,
        adjust=adjust,
        aggregate=aggregate,
        base=base,
        unbalanced=unbalanced,
        followup=followup,
        anticipation=anticipation,
        washout=washout,
    )
    return with_cohort_counted(panel, variance, build)


def _estimate(
    panel: Panel,
    *,
    controls: Controls,
    covariates: Sequence[str] | None,
    adjust: Adjust | None,
    aggregate: By,
    base: Base,
    unbalanced: Unbalanced,
    followup: Sequence[Any] | None,
    anticipation: int,
    washout: int,
    variance: RolloutVariance,
) -> Estimate:
    cells = plan_cells(
        panel, controls=controls, base=base, anticipation=anticipation, washout=washout, followup=followup
    )
    prepared = prepare(panel, cells, unbalanced=unbalanced)
    cells = prepared.cells
    if not cells.post.any():
        raise MethodError(
            f"no period that counts has KPI values of a cohort and of its comparison, there and in its base period "
            f"({len(cells.lacking)} group-time cells lack them)",
            where="staggered",
            remedy="check the KPI in the follow-up, or give the missing values"
            + ("; unbalanced='rows' compares different units" if prepared.mode == "pairs" else ""),
        )
    model: CellModel = prepared.reduced
    entering = np.zeros(len(panel.units), dtype=bool)
    entering[prepared.reduced.member] = True
    given = adjustment(panel, covariates, entering)
    if given is not None:
        rule: Adjust = adjust or ("regression" if covariates is None else "doubly_robust")
        names = tuple(panel.periods.text(code) for code in range(len(panel.periods)))
        model = adjust_cells(prepared, given.design, rule, period_names=names)
    return rollout(
        panel,
        method="staggered",
        cells=cells,
        model=model,
        variance=variance,
        flow=rollout_flow(panel, cells, prepared.used, single_rows=panel.kind != "panel"),
        outcome_range=prepared.table.outcome_range,
        notes=(*cell_notes(panel, cells, used=prepared.used), *(() if given is None else given.notes)),
        adjusted=() if given is None else given.names,
    ).aggregate(aggregate)


def require_rollout(panel: Panel, method: str, **steps: int) -> None:
    """Raise `MethodError` for a kind of panel, a cohort or a number of periods that a rollout cannot use."""
    require_periods(panel, method)
    if panel.kind not in ("panel", "repeated_cross_sections"):
        raise MethodError(
            f"{method} compares units over time, and the panel is a {panel.kind}",
            where="Panel.kind",
            remedy="use trend for one series, or give one row per unit and period",
        )
    require_att(panel, method)
    require_steps(**steps)
