"""The event study: effects by time since training, from a regression with unit and period effects by cohort."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from attribution.core.estimate import Estimate
from attribution.core.panel import NEVER, Panel
from attribution.errors import MethodError
from attribution.estimators.counted import with_cohort_counted
from attribution.estimators.options import require_known
from attribution.estimators.rollouts.aggregation import By
from attribution.estimators.rollouts.assemble import CellModel, RolloutVariance, rollout
from attribution.estimators.rollouts.cells import keep_cells, plan_cells
from attribution.estimators.rollouts.flow import cell_notes, rollout_flow
from attribution.estimators.rollouts.reduction import prepare
from attribution.estimators.rollouts.within import linked, within_cells
from attribution.estimators.staggered import require_rollout

Reference = Literal["never", "last"]


def event_study(
    panel: Panel,
    *,
    controls: Reference = "never",
    aggregate: By = "event",
    followup: Sequence[Any] | None = None,
    anticipation: int = 0,
    washout: int = 0,
    variance: RolloutVariance = "default",
) -> Estimate:
    """Estimate effects by time since training, interaction-weighted over cohorts.

    The regression has unit effects, period effects, and an indicator for every cohort and period but the cohort's last
    before training; its coefficients, the effects of each cohort, are averaged by the cohorts' weights. Unlike two-way
    fixed effects with event-time dummies, no cohort's effect enters another's. On complete panels a coefficient is the
    difference of differences of means that `staggered` gives with `controls="never"` and `base="universal"`; with
    missing values the period effects are fitted within units, so that who was observed when does not matter. Terms and
    estimand (the ATT) as in `staggered`; the weights of the cohorts are estimated, and count in the standard error.

    Parameters
    ----------
    controls
        Whose period effects stand for the untrained: those never trained, or the last cohort until it is trained.
    aggregate, followup, anticipation, washout, variance
        As in `staggered`.

    Raises
    ------
    MethodError
        Repeated cross-sections, nobody never trained, no cohort with a base period, an option that is not known.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> estimate = at.event_study(panel)
    >>> [term for term in estimate.terms if term.startswith("effect[")]
    ['effect[event=-2]', 'effect[event=0]', 'effect[event=1]', 'effect[event=mean]']

    Source: Sun & Abraham (2021), Estimating dynamic treatment effects in event studies with heterogeneous treatment
    effects, J. Econometrics 225, section 4.
    """
    require_known(controls=(controls, Reference), variance=(variance, RolloutVariance), aggregate=(aggregate, By))
    require_rollout(panel, "event_study", anticipation=anticipation, washout=washout)
    if panel.kind != "panel":
        raise MethodError(
            "unit effects need the same units over time",
            where="Panel.kind",
            remedy="use staggered, which reads repeated cross-sections",
        )
    if controls == "never" and not (panel.units.adopted[panel.weights > 0] == NEVER).any():
        raise MethodError(
            "no unit is never trained", where="controls", remedy="compare with the last cohort: controls='last'"
        )
    build = partial(
        _estimate,
        controls=controls,
        aggregate=aggregate,
        followup=followup,
        anticipation=anticipation,
        washout=washout,
    )
    return with_cohort_counted(panel, variance, build)


def _estimate(
    panel: Panel,
    *,
    controls: Reference,
    aggregate: By,
    followup: Sequence[Any] | None,
    anticipation: int,
    washout: int,
    variance: RolloutVariance,
) -> Estimate:
    cells = plan_cells(
        panel, controls=controls, base="universal", anticipation=anticipation, washout=washout, followup=followup
    )
    prepared = prepare(panel, cells, unbalanced="rows")
    model: CellModel = prepared.reduced
    if prepared.mode != "complete":
        within = within_cells(prepared)
        joined = linked(prepared.cells, within.values)
        if not joined.all():
            prepared = prepare(panel, keep_cells(prepared.cells, joined), unbalanced="rows")
            within = within_cells(prepared)
        model = within
    cells = prepared.cells
    if not cells.post.any():
        raise MethodError(
            "no period after training is linked by units observed both there and before training",
            where="event_study",
            remedy="use staggered with unbalanced='rows', or give the missing values",
        )
    return rollout(
        panel,
        method="event_study",
        cells=cells,
        model=model,
        variance=variance,
        flow=rollout_flow(panel, cells, prepared.used, single_rows=False),
        outcome_range=prepared.table.outcome_range,
        notes=cell_notes(panel, cells, used=prepared.used),
    ).aggregate(aggregate)
