"""Inference for matched cohorts: matched sets stay together, whoever was drawn."""

from __future__ import annotations

from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.errors import MethodError


def matched_estimate(panel: Panel, estimate: Estimate, variance: str) -> Estimate:
    """Return an estimate made with every unit as its own cluster, with the inference of the panel's matched cohort."""
    raise MethodError(
        f"{estimate.method} has no variance on a matched cohort yet", where="cohort", remedy="use propensity or entropy"
    )
