"""What every estimator asks of its options and of the panel's cohort, in the same words."""

from __future__ import annotations

from typing import Any

import numpy as np

from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.errors import require_known as require_known


def require_steps(**given: Any) -> None:
    """Raise `MethodError` for a number of periods that is not a whole number of at least 0."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise MethodError(f"{name} is {value!r}", where=name, remedy="give a whole number of periods, 0 or more")


def require_att(panel: Panel, method: str) -> None:
    """Raise `MethodError` unless the panel's cohort, if it has one, speaks for the effect on the trained."""
    if panel.cohort is not None and panel.cohort.estimand != "ATT":
        raise MethodError(
            f"the cohort speaks for the {panel.cohort.estimand}, {method} for the effect on the trained (ATT)",
            where=f"cohort {panel.cohort.method}",
            remedy="use a cohort whose estimand is the ATT",
        )


def require_periods(panel: Panel, method: str) -> None:
    """Raise `MethodError` for a cross-section, which is measured once: nothing is followed over time."""
    if panel.kind == "cross_section":
        raise MethodError(
            f"{method} follows the KPI over time, and a cross-section has it once",
            where="Panel.kind",
            remedy="use adjusted, which compares levels given covariates or a cohort, or give one row per unit and "
            "period",
        )


def require_given_weights(panel: Panel, method: str) -> None:
    """Raise `MethodError` for a cohort whose weights or matches a method has no way to count."""
    cohort = panel.cohort
    if cohort is not None and (cohort.fit is not None or cohort.matches is not None):
        raise MethodError(
            f"{method} compares no units with each other, and {cohort.method} says which units are compared",
            where=f"cohort {cohort.method}",
            remedy="leave the cohort off this panel, or use did, staggered or adjusted",
        )
