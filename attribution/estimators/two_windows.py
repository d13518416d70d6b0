"""What the estimators on two windows share: select, reduce, count, and assemble the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import Controls, two_window_arms, windows
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.flow import window_flow
from attribution.estimators.variances import Variance, arm_strata, window_layers
from attribution.estimators.windows import ARM_NAMES, reduce_windows


def estimate_windows(
    panel: Panel,
    *,
    method: str,
    terms: tuple[str, ...],
    matrix: NDArray[np.float64],
    baseline: Sequence[Any],
    followup: Sequence[Any],
    controls: Controls | None,
    variance: Variance,
) -> Estimate:
    """Return the estimate whose terms are `matrix` applied to the arms' window levels.

    `controls=None` means that the trained arm stands alone.
    """
    _require_option("variance", variance, get_args(Variance))
    if controls is not None:
        _require_option("controls", controls, get_args(Controls))
    if panel.cohort is not None and panel.cohort.estimand != "ATT":
        raise MethodError(
            f"the cohort speaks for the {panel.cohort.estimand}, {method} for the effect on the trained (ATT)",
            where=f"cohort {panel.cohort.method}",
            remedy="use a cohort whose estimand is the ATT",
        )
    before, after = windows(panel, baseline, followup)
    arms = two_window_arms(panel, before, after, controls or "not_yet")
    reduced = reduce_windows(panel, before, after, arms, compare=controls is not None)
    flow = window_flow(panel, reduced, arms, before, after)
    center = np.zeros(len(terms))
    if UNTRAINED_LEVEL in terms:
        center[terms.index(UNTRAINED_LEVEL)] = reduced.center
    replay = reduced.map(matrix, center)
    values = replay(np.ones((1, reduced.n_clusters)))[0]
    strata = arm_strata(reduced, ARM_NAMES)
    layers = window_layers(variance, panel, reduced, replay, values, strata, main=0)
    notes = list(strata.notes)
    if flow.later:
        later = ", ".join(f"{count} in {period}" for period, count in flow.later)
        notes.append(f"controls include {sum(count for _, count in flow.later)} units that adopt later ({later})")
    flow = replace(flow, composition=float(reduced.composition @ matrix[:, 0]))
    if not reduced.complete:
        reference = ARM_NAMES[1] if controls is not None else ARM_NAMES[0]
        notes.append(f"periods are missing: each is freed of the {reference} arm's deviation before window means")
    return Estimate(
        method=method,
        estimand="ATT",
        outcome=panel.columns.outcome,
        terms=terms,
        values=values,
        influence=reduced.influence @ matrix,
        rows="units",
        clusters=reduced.clusters,
        strata=strata.code,
        stratum_names=strata.names,
        covariance=layers.covariance,
        stratum_df=layers.df,
        variance=variance,
        n=flow,
        direction=panel.direction,
        scale=panel.scale,
        outcome_range=reduced.outcome_range,
        replay=replay,
        notes=tuple(notes),
    )


def _require_option(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise MethodError(f"{name} is {value!r}", where=name, remedy=f"choose one of {', '.join(known)}")
