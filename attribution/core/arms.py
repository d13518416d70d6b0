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

EARLY, LATER, NEVER_TRAINED = "trained before follow-up", "trained later", "never trained"
UNRIPE, WARNED, SOON = "trained too late", "trained too early", "trained soon after"


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A set of period codes, in order."""

    name: str
    codes: NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """`code[n_units]`: 1 trained, 0 control, −1 left out, whatever was measured; `labels` names each unit's arm."""

    code: NDArray[np.int8]
    labels: NDArray[np.object_]


def windows(panel: Panel, baseline: Sequence[Any], followup: Sequence[Any]) -> tuple[Window, Window]:
    """Return the two windows as period codes; raises `MethodError` unless all of baseline precedes follow-up.

    A follow-up that is a list of windows is taken as all of their periods together.
    """
    before, after, _ = all_windows(panel, baseline, followup)
    return before, after


def all_windows(
    panel: Panel, baseline: Sequence[Any], followup: Sequence[Any]
) -> tuple[Window, Window, tuple[Window, ...]]:
    """Return baseline, follow-up, and the windows of a follow-up that is a list of lists (none where it is a list)."""
    inner = _listed("followup", followup, panel)
    nested = [isinstance(one, Collection) and not isinstance(one, str) for one in inner]
    if any(nested) and not all(nested):
        raise MethodError(
            f"followup is {followup!r}, windows beside periods",
            where="followup",
            remedy="give one list of periods, or a list of such lists",
        )
    parts: tuple[Window, ...] = ()
    labels = inner
    if all(nested):
        parts = tuple(_window(panel, "followup", one) for one in inner)
        labels = [label for one in inner for label in one]
        codes, times = np.unique(np.concatenate([part.codes for part in parts]), return_counts=True)
        if times.max() > 1:
            raise MethodError(
                f"{panel.periods.text(int(codes[times.argmax()]))} is in several windows of the follow-up",
                where="followup",
                remedy="put each period into one window",
            )
    before, after = _window(panel, "baseline", baseline), _window(panel, "followup", labels)
    if before.codes[-1] >= after.codes[0]:
        raise MethodError(
            f"the baseline ends in {panel.periods.text(int(before.codes[-1]))}, the follow-up starts in "
            f"{panel.periods.text(int(after.codes[0]))}",
            where="baseline, followup",
            remedy="every baseline period must come before every follow-up period",
        )
    return before, after, parts


def _listed(name: str, labels: Any, panel: Panel) -> list[Any]:
    if isinstance(labels, str) or not isinstance(labels, Collection) or not len(labels):
        raise MethodError(
            f"{name} is {labels!r}",
            where=name,
            remedy=f"give a list of at least one period, e.g. {name}=[{panel.periods.text(0)}]",
        )
    return list(labels)


def _window(panel: Panel, name: str, labels: Any) -> Window:
    codes = panel.periods.codes(_listed(name, labels, panel), where=name)
    return Window(name, np.unique(np.array(codes, dtype=np.int16)))


def two_window_arms(
    panel: Panel, before: Window, after: Window, controls: Controls, *, washout: int = 0, anticipation: int = 0
) -> Arms:
    """Split units by adoption: trained between the windows, not (yet) trained, or neither.

    Trained is adopted after the last baseline period and not after the last follow-up period; the comparison is not
    adopted by the last follow-up period (`not_yet`) or never (`never`). The KPI may move `anticipation` periods before
    adoption: the trained adopt more than that after the baseline, the controls more than that after the
    follow-up. With a `washout` the first periods of training do not count: the trained have had that many
    before the first follow-up period. Distances are counted in periods of the data.
    """
    # NEVER is the largest 32-bit code: sums with it need more.
    adopted = panel.units.adopted.astype(np.int64)
    last_before, first_after, last_after = int(before.codes[-1]), int(after.codes[0]), int(after.codes[-1])
    never = adopted == NEVER
    between = (adopted > last_before) & (adopted <= last_after)
    later = (adopted > last_after) & ~never
    warned = between & (adopted <= last_before + anticipation)
    unripe = between & ~warned & (washout > 0) & (adopted + washout > first_after)
    soon = later & (adopted <= last_after + anticipation)
    code = np.full(len(adopted), LEFT_OUT, dtype=np.int8)
    labels = np.full(len(adopted), EARLY, dtype=object)
    code[between & ~warned & ~unripe] = TRAINED
    code[never] = CONTROL
    labels[between], labels[later], labels[never] = "trained", LATER, NEVER_TRAINED
    labels[warned], labels[unripe], labels[soon] = WARNED, UNRIPE, SOON
    if controls == "not_yet":
        code[later & ~soon] = CONTROL
    else:
        labels[soon] = LATER
    return Arms(code, labels)


def adoption_arms(panel: Panel) -> NDArray[np.int8]:
    """Return each unit's arm where no windows are given: trained by the last period, or not trained by then.

    Who was trained in or before the first period of a panel is in neither; in a cross-section, who is trained and who
    is not.
    """
    adopted = panel.units.adopted
    code = np.where(adopted < len(panel.periods), TRAINED, CONTROL).astype(np.int8)
    if panel.kind == "panel":
        code[adopted == 0] = LEFT_OUT
    return code


def assigned_arms(panel: Panel) -> Arms:
    """Split units by assignment, whoever was trained; raises `MethodError` for a panel without assignments."""
    assigned = panel.units.assigned
    if assigned is None:
        raise MethodError(
            "the panel does not say who was assigned to training",
            where="as_assigned",
            remedy="name the column with 0 and 1: Panel.from_frame(assigned=…), in a design file columns.assigned",
        )
    code = np.where(assigned == 1, TRAINED, CONTROL).astype(np.int8)
    return Arms(code, np.where(assigned == 1, "assigned", "not assigned").astype(object))
