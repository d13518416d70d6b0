"""What a cohort's weights leave of each arm: its effective size, and the units that weigh most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attribution.core.arms import TRAINED
from attribution.diagnostics.comparison import Comparison
from attribution.numerics.balance import effective

HEAVIEST = 5
"""How many of the units that weigh most are kept."""


@dataclass(frozen=True, slots=True)
class ArmWeights:
    """One arm under a cohort's weights.

    `units` could take part, `weighted` of them have a weight; `effective` is Kish's number of equally weighted
    units that would tell as much. `heaviest` are the labels of the units that weigh most, with their share of the
    arm's weight; `even` is whether all that have a weight have the same.
    """

    arm: str
    units: int
    weighted: int
    effective: float
    heaviest: tuple[tuple[str, float], ...]
    even: bool


def arm_weights(arms: Comparison, code: int) -> ArmWeights:
    """Return what the weights leave of an arm.

    Source: Kish (1965), Survey Sampling.
    """
    inside = arms.arm(code)
    weights = arms.after[inside]
    labels = arms.panel.units.label[inside]
    total = float(weights.sum())
    order = np.argsort(-weights, kind="stable")[:HEAVIEST]
    shares = tuple((str(labels[place]), float(weights[place]) / total) for place in order if weights[place] > 0)
    used = weights[weights > 0]
    return ArmWeights(
        arm="trained" if code == TRAINED else "control",
        units=int(inside.sum()),
        weighted=len(used),
        effective=effective(weights),
        heaviest=shares or (("", float("nan")),),
        even=bool(len(used) and np.ptp(used) <= 1e-9 * used.max()),
    )
