"""Difference-in-differences on two windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attribution.core.arms import Controls
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.core.panel import Panel
from attribution.estimators.two_windows import estimate_windows
from attribution.estimators.variances import Variance

TERMS = ("effect", "change", "background", UNTRAINED_LEVEL)

# Rows: levels of the trained (baseline, follow-up), then of the controls. The untrained level is follow-up less effect.
LEVELS_TO_TERMS = np.array(
    [
        [-1.0, -1.0, 0.0, 1.0],
        [1.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, -1.0, -1.0],
        [-1.0, 0.0, 1.0, 1.0],
    ]
)


def did(
    panel: Panel,
    *,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    controls: Controls = "not_yet",
    variance: Variance = "default",
) -> Estimate:
    """Estimate the effect on the trained by difference-in-differences of two window means.

    The estimand is the ATT in KPI units, with the observed change of the same trained units and the background,
    change − effect, from the same units, windows and weights. Trained is adopted after the last baseline
    period and not after the last follow-up period; the comparison is not adopted by the last follow-up period
    (`controls="not_yet"`) or never adopted (`"never"`).

    Parameters
    ----------
    baseline, followup
        Periods of the two windows, e.g. `[1987]` and `[1988]`.
    controls
        Whom the trained are compared with.
    variance
        `"default"` (cluster jackknife by arm, Welch–Satterthwaite df) or a named one for parity with other software.

    Raises
    ------
    MethodError
        An empty arm, windows that overlap, a named variance that does not apply.
    DataError
        A period that is not in the panel.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> rows = [(u, t, u % 3 + t + 2 * (u < 3) * t, 1 if u < 3 else None) for u in range(6) for t in (0, 1)]
    >>> frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start"])
    >>> panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    >>> float(at.did(panel, baseline=[0], followup=[1]).value("effect"))
    2.0

    Source: Angrist & Pischke (2009), Mostly Harmless Econometrics, eq. 5.2.3; variance after MacKinnon, Nielsen & Webb
    (2023) and Bell & McCaffrey (2002).
    """
    return estimate_windows(
        panel,
        method="did",
        terms=TERMS,
        matrix=LEVELS_TO_TERMS,
        baseline=baseline,
        followup=followup,
        controls=controls,
        variance=variance,
    )
