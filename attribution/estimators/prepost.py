"""The observed change of the trained, without a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.estimators.two_windows import estimate_windows
from attribution.estimators.variances import Variance

TERMS = ("change",)

LEVELS_TO_TERMS = np.array([[-1.0], [1.0]])


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
        terms=TERMS,
        matrix=LEVELS_TO_TERMS,
        baseline=baseline,
        followup=followup,
        controls=None,
        variance=variance,
    )
