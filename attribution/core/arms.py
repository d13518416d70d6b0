"""Arms: who is trained between two windows, who is compared, who is neither."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import NEVER, Panel
from attribution.errors import MethodError

Controls = Literal["not_yet", "never"]

CONTROL, TRAINED, LEFT_OUT = 0, 1, -1


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A set of period codes, in order."""

    name: str
    codes: NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """`code[n_units]`: 1 trained, 0 control, −1 left out, by adoption alone; `labels` names each unit's arm."""

    code: NDArray[np.int8]
    labels: NDArray[np.object_]


def windows(panel: Panel, baseline: Sequence[Any], followup: Sequence[Any]) -> tuple[Window, Window]:
    """Return the two windows as period codes; raises `MethodError` unless all of baseline precedes follow-up."""
    pair = []
    given: tuple[tuple[str, Any], ...] = (("baseline", baseline), ("followup", followup))
    for name, labels in given:
        if isinstance(labels, str) or not isinstance(labels, Collection) or not len(labels):
            raise MethodError(
                f"{name} is {labels!r}",
                where=name,
                remedy=f"give a list of at least one period, e.g. {name}=[{panel.periods.text(0)}]",
            )
        pair.append(Window(name, np.unique(np.array(panel.periods.codes(labels, where=name), dtype=np.int16))))
    before, after = pair
    if before.codes[-1] >= after.codes[0]:
        raise MethodError(
            f"the baseline ends in {panel.periods.text(int(before.codes[-1]))}, the follow-up starts in "
            f"{panel.periods.text(int(after.codes[0]))}",
            where="baseline, followup",
            remedy="every baseline period must come before every follow-up period",
        )
    return before, after


def two_window_arms(panel: Panel, before: Window, after: Window, controls: Controls) -> Arms:
    """Split units by adoption: trained between the windows, not (yet) trained, or neither.

    Trained is adopted after the last baseline period and not after the last follow-up period; the comparison is not
    adopted by the last follow-up period (`not_yet`) or never (`never`).
    """
    adopted = panel.units.adopted
    last_before, last_after = int(before.codes[-1]), int(after.codes[-1])
    code = np.full(len(adopted), LEFT_OUT, dtype=np.int8)
    labels = np.full(len(adopted), "trained before follow-up", dtype=object)
    trained = (adopted > last_before) & (adopted <= last_after)
    later = (adopted > last_after) & (adopted != NEVER)
    never = adopted == NEVER
    code[trained] = TRAINED
    code[never] = CONTROL
    labels[trained], labels[later], labels[never] = "trained", "trained later", "never trained"
    if controls == "not_yet":
        code[later] = CONTROL
    return Arms(code, labels)
