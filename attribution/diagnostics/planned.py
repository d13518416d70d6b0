"""The arms before there is an estimate: who is to be trained after the baseline, and who never."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attribution.core.estimate import Estimate
from attribution.core.panel import NEVER, Panel
from attribution.diagnostics.baseline import Compared, compared_arms


def known_arms(panel: Panel, estimate: Estimate | None, baseline: Sequence[Any]) -> Compared | None:
    """Return the two arms as far as the data know them; None where they know no trained or nobody else.

    They are those that an estimate compares. Without a comparison, or before a follow-up, they are who is trained after
    the last period of `baseline`, be it after the last period of the data, and who never is, as the column of the
    training says.
    """
    if estimate is not None:
        found = compared_arms(panel, estimate)
        if found is not None:
            return found
    if panel.kind != "panel" or not len(baseline):
        return None
    before = np.unique(np.array(panel.periods.codes(list(baseline), where="baseline"), dtype=np.int16))
    adopted, takes_part = panel.units.adopted, panel.weights > 0
    trained = takes_part & (adopted > before[-1]) & (adopted != NEVER)
    control = takes_part & (adopted == NEVER)
    if not trained.any() or not control.any():
        return None
    return Compared(trained, control, before)
