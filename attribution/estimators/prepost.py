"""The observed change of the trained, without a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.estimators.windows.assemble import TRAINED_ARM, Piece, estimate_windows
from attribution.estimators.windows.variances import Variance


def prepost(
    panel: Panel, *, baseline: Sequence[Any], followup: Sequence[Any], variance: Variance = "default"
) -> Estimate:
    """Estimate the observed change of the trained, follow-up mean less baseline mean, without a comparison.

    The only term is `change`, in KPI units: everything that happened to the trained, whatever its cause. There is no
    background, hence no effect and no share. With missing periods the trained arm is its own reference. Options
    and errors as in `did`.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"p": [1, 1, 2, 2], "t": [0, 1, 0, 1], "y": [1.0, 3.0, 2.0, 5.0], "start": [1, 1, 1, 1]})
    >>> panel = at.Panel.from_frame(frame, unit="p", period="t", outcome="y", adopted="start")
    >>> float(at.prepost(panel, baseline=[0], followup=[1]).value("change"))
    2.5

    Source: paired t interval, Student (1908).
    """
    return estimate_windows(
        panel,
        method="prepost",
        recipe=change_of,
        baseline=baseline,
        followup=followup,
        controls=None,
        variance=variance,
        covariates=(),
    )


def change_of(window: int, adjusted: bool) -> Mapping[str, Mapping[Piece, float]]:
    """Return the change from the baseline to a window as a sum of levels; nothing is adjusted without a comparison."""
    return {"change": {(TRAINED_ARM, window): 1.0, (TRAINED_ARM, 0): -1.0}}
