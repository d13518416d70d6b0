"""What the estimators on two windows share: select, reduce, count, and assemble the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import TRAINED, Arms, Controls, Window, all_windows, assigned_arms, two_window_arms
from attribution.core.covariates import Adjustment, adjustment
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate, Replay
from attribution.core.flow import Flow
from attribution.core.panel import Panel
from attribution.core.terms import part
from attribution.errors import MethodError
from attribution.estimators.counted import with_cohort_counted
from attribution.estimators.options import require_att, require_known, require_periods, require_steps
from attribution.estimators.windows.adjusted import Adjusted, AdjustedMap, adjust_cross_sections, adjust_panel
from attribution.estimators.windows.cross_flow import cross_flow
from attribution.estimators.windows.cross_sections import CrossReduction, reduce_cross_sections
from attribution.estimators.windows.flow import window_flow
from attribution.estimators.windows.reduce import ARM_NAMES, reduce_windows
from attribution.estimators.windows.variances import Fitted, Reduced, Variance, arm_strata, window_layers
from attribution.numerics.pairs import Adjust

Floats = NDArray[np.float64]

TRAINED_ARM, CONTROL_ARM, ADJUSTED = 0, 1, -1
"""What a term is made of: the level of an arm, or the effect adjusted for covariates."""

Piece: TypeAlias = tuple[int, int]
"""Arm (or `ADJUSTED`) and window: 0 the baseline, 1 the follow-up, 2 … its own windows."""

Recipe: TypeAlias = Callable[[int, bool], Mapping[str, Mapping[Piece, float]]]
"""From a follow-up window, and whether the effect is adjusted, to terms as sums of pieces."""

ASSIGNED = ("assigned", "not assigned")
TAKE_UP = "take_up"


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Who is compared when, before anything is estimated."""

    before: Window
    after: Window
    parts: tuple[Window, ...]
    arms: Arms
    names: tuple[str, str]
    compare: bool
    as_assigned: bool


def estimate_windows(
    panel: Panel,
    *,
    method: str,
    recipe: Recipe,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    controls: Controls | None,
    variance: Variance,
    covariates: Sequence[str] | None = None,
    adjust: Adjust | None = None,
    washout: int = 0,
    anticipation: int = 0,
    as_assigned: bool = False,
) -> Estimate:
    """Return the estimate whose terms are sums of the arms' window levels, or of effects adjusted for covariates.

    `controls=None` means that the trained arm stands alone.
    """
    _require_options(panel, method, controls, variance, adjust, washout, anticipation, as_assigned)
    build = partial(
        _estimate,
        method=method,
        recipe=recipe,
        baseline=baseline,
        followup=followup,
        controls=controls,
        covariates=covariates,
        adjust=adjust,
        washout=washout,
        anticipation=anticipation,
        as_assigned=as_assigned,
    )
    return with_cohort_counted(panel, variance, build)


def _estimate(
    panel: Panel,
    *,
    method: str,
    recipe: Recipe,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    controls: Controls | None,
    covariates: Sequence[str] | None,
    adjust: Adjust | None,
    washout: int,
    anticipation: int,
    as_assigned: bool,
    variance: Variance,
) -> Estimate:
    chosen = _select(panel, baseline, followup, controls, washout, anticipation, as_assigned)
    reduced, flow = _reduce(panel, chosen)
    given = adjustment(panel, covariates, reduced.entering)
    rule: Adjust = adjust or ("regression" if covariates is None else "doubly_robust")
    adjusted = None if given is None else _adjust(panel, reduced, given, rule, as_assigned)
    terms, matrix, center = _terms(recipe, reduced, len(chosen.parts), adjusted, as_assigned)
    pieces = reduced.influence
    if adjusted is None:
        replay: Replay = reduced.map(matrix, center)
    else:
        pieces = np.concatenate([pieces, adjusted.influence], axis=1)
        levels = reduced.map(np.zeros((reduced.influence.shape[1], 0)), np.zeros(0))
        replay = AdjustedMap(levels, adjusted.effects, matrix, center)
    values = replay(np.ones((1, reduced.n_clusters)))[0]
    influence = pieces @ matrix
    strata = arm_strata(reduced, chosen.names)
    fitted = Fitted(replay, values, influence, matrix if adjusted is None else None)
    layers = window_layers(variance, panel, reduced, fitted, strata, main=0)
    moved = reduced.composition if adjusted is None else np.append(reduced.composition, adjusted.composition)
    notes = [*strata.notes, *_notes(panel, reduced, flow, chosen)]
    if given is not None and adjusted is not None:
        notes += [*adjusted.notes, *given.notes]
        if np.isnan(layers.covariance).any() and (reduced.means > 0).sum(axis=0).min() > 1:
            notes.append("without one of the clusters the adjusted effect does not exist: its variance is undefined")
    return Estimate(
        method=method,
        estimand="ITT" if as_assigned else "ATT",
        outcome=panel.columns.outcome,
        terms=terms,
        values=values,
        influence=influence,
        rows="units",
        clusters=reduced.clusters,
        strata=strata.code,
        stratum_names=strata.names,
        covariance=layers.covariance,
        stratum_df=layers.df,
        variance=variance,
        n=replace(flow, composition=float(moved @ matrix[:, 0])),
        direction=panel.direction,
        scale=panel.scale,
        outcome_range=reduced.outcome_range,
        replay=replay,
        notes=tuple(notes),
        adjusted=() if given is None else given.names,
    )


def _select(
    panel: Panel,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    controls: Controls | None,
    washout: int,
    anticipation: int,
    as_assigned: bool,
) -> Selection:
    before, after, parts = all_windows(panel, baseline, followup)
    if as_assigned:
        arms = assigned_arms(panel)
        _require_same_arms(panel, arms.code)
        return Selection(before, after, parts, arms, ASSIGNED, True, True)
    rule = controls or "not_yet"
    arms = two_window_arms(panel, before, after, rule, washout=washout, anticipation=anticipation)
    return Selection(before, after, parts, arms, ARM_NAMES, controls is not None, False)


def _require_same_arms(panel: Panel, assigned: NDArray[np.int8]) -> None:
    """Raise `MethodError` for a cohort that makes the untrained like the trained, where assignment counts."""
    cohort = panel.cohort
    if cohort is None or cohort.arms is None:
        return
    other = (panel.weights > 0) & (cohort.arms != assigned)
    if other.any():
        raise MethodError(
            f"the cohort weighs the untrained to be like the trained, and {int(other.sum()):,} of its units were "
            "assigned otherwise than trained",
            where=f"cohort {cohort.method}",
            remedy="leave the cohort off, and name covariates; or compare as trained, without as_assigned",
        )


def _reduce(panel: Panel, chosen: Selection) -> tuple[Reduced, Flow]:
    extra = None
    if chosen.as_assigned:
        extra = (panel.units.adopted <= chosen.after.codes[-1]).astype(float)[:, None]
    before, after, arms = chosen.before, chosen.after, chosen.arms
    if panel.kind == "repeated_cross_sections":
        rows = reduce_cross_sections(
            panel, before, after, arms, compare=chosen.compare, parts=chosen.parts, extra=extra
        )
        return rows, cross_flow(panel, rows, arms, before, after, names=chosen.names)
    reduced = reduce_windows(panel, before, after, arms, compare=chosen.compare, parts=chosen.parts, extra=extra)
    return reduced, window_flow(panel, reduced, arms, before, after, parts=chosen.parts, names=chosen.names)


def _adjust(panel: Panel, reduced: Reduced, given: Adjustment, adjust: Adjust, as_assigned: bool) -> Adjusted:
    if isinstance(reduced, CrossReduction):
        return adjust_cross_sections(panel, reduced, given, adjust, n_extra=int(as_assigned))
    return adjust_panel(panel, reduced, given, adjust, n_extra=int(as_assigned))


def _terms(
    recipe: Recipe, reduced: Reduced, n_parts: int, adjusted: Adjusted | None, as_assigned: bool
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Return the terms, the matrix from pieces to them, and what each is off by because the KPI was centred."""
    made: dict[str, Mapping[Piece, float]] = dict(recipe(1, adjusted is not None))
    for number in range(1, 1 + n_parts):
        own = recipe(1 + number, adjusted is not None)
        made |= {part(name, "window", number): sums for name, sums in own.items() if name != UNTRAINED_LEVEL}
    n_levels = reduced.influence.shape[1]
    n_windows = n_levels // reduced.n_arms
    n_effects = 0 if adjusted is None else adjusted.influence.shape[1]
    if as_assigned:
        # The last window is no window but who was trained by the end of the follow-up.
        made[TAKE_UP] = {(TRAINED_ARM, n_windows - 1): 1.0, (CONTROL_ARM, n_windows - 1): -1.0}
        if n_effects == n_windows - 1:
            made[TAKE_UP] = {(ADJUSTED, n_windows - 1): 1.0}
    matrix = np.zeros((n_levels + n_effects, len(made)))
    for column, sums in enumerate(made.values()):
        for (arm, window), factor in sums.items():
            row = n_levels + window - 1 if arm == ADJUSTED else arm * n_windows + window
            matrix[row, column] += factor
    terms = tuple(made)
    center = np.array([reduced.center if term == UNTRAINED_LEVEL else 0.0 for term in terms])
    return terms, matrix, center


def _notes(panel: Panel, reduced: Reduced, flow: Flow, chosen: Selection) -> list[str]:
    notes = []
    if flow.later:
        later = ", ".join(f"{count} in {period}" for period, count in flow.later)
        what = "rows of groups" if isinstance(reduced, CrossReduction) else "units"
        notes.append(f"controls include {sum(count for _, count in flow.later)} {what} that adopt later ({later})")
    for number, window in enumerate(chosen.parts, start=1):
        named = ", ".join(panel.periods.text(int(code)) for code in window.codes)
        waiting = reduced.entering & (chosen.arms.code == TRAINED) & (panel.units.adopted > window.codes[-1])
        still = f"; {int(waiting.sum()):,} of the trained adopt only later" if waiting.any() else ""
        notes.append(f"window {number} of the follow-up: {named}{'' if chosen.as_assigned else still}")
    if not chosen.parts and not chosen.as_assigned:
        late = reduced.entering & (chosen.arms.code == TRAINED) & (panel.units.adopted > chosen.after.codes[0])
        if late.any():
            notes.append(
                f"{int(late.sum()):,} of the trained adopt after the follow-up has begun: the effect is averaged over "
                "periods before their own training too"
            )
    if chosen.as_assigned:
        trained = panel.units.adopted <= chosen.after.codes[-1]
        early = panel.units.adopted <= chosen.before.codes[-1]
        counts = []
        for index, name in enumerate(chosen.names):
            mine = reduced.entering & (reduced.arm == index)
            counts.append(f"{int((mine & trained).sum()):,} of {int(mine.sum()):,} {name} were trained")
        notes.append(f"by the last follow-up period {' and '.join(counts)}")
        if (reduced.entering & early).any():
            before = [int((reduced.entering & early & (reduced.arm == index)).sum()) for index in range(2)]
            notes.append(
                f"{before[0]:,} {chosen.names[0]} and {before[1]:,} {chosen.names[1]} were trained in or before the "
                "baseline: their change does not hold the training's effect, and unless the arms are alike in them, "
                "effect / take-up is not the effect on takers"
            )
    if not reduced.complete:
        reference = chosen.names[1 if chosen.compare else 0]
        notes.append(f"periods are missing: each is freed of the {reference} arm's deviation before window means")
    return notes


def _require_options(
    panel: Panel,
    method: str,
    controls: Controls | None,
    variance: str,
    adjust: str | None,
    washout: int,
    anticipation: int,
    as_assigned: bool,
) -> None:
    require_known(variance=(variance, Variance))
    if adjust is not None:
        require_known(adjust=(adjust, Adjust))
    if controls is not None:
        require_known(controls=(controls, Controls))
    require_steps(washout=washout, anticipation=anticipation)
    if as_assigned and controls == "never":
        raise MethodError(
            "as_assigned compares with all who were not assigned, controls='never' with those never trained",
            where="controls",
            remedy="leave controls out, or as_assigned",
        )
    require_periods(panel, method)
    if panel.kind not in ("panel", "repeated_cross_sections"):
        raise MethodError(
            f"the panel is a {panel.kind}: there are no units to compare",
            where=method,
            remedy="use trend for one series, or read the data by unit",
        )
    require_att(panel, method)
