"""The figure of a rehearsal: what the analysis would have estimated where the truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attribution.core.display import text
from attribution.errors import MethodError, require_type
from attribution.report import drawing
from attribution.report.drawing import BACKGROUND, EDGE, INK, MUTED, TRAINING
from attribution.report.format import percent
from attribution.study.rehearsal import Rehearsal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BINS = 40


def rehearsal_effects(rehearsal: Rehearsal, *, ax: Axes | None = None, effect: float | None = None) -> Axes:
    """Draw what the analysis estimated over the placebo launches: grey without an effect, blue with one injected.

    `effect` is one of the injected ones, as an improvement in KPI units, by default the first beside 0. Upright lines
    are the truths. Estimates are signed as improvement. Raises `MethodError` for what is not a rehearsal, and for an
    effect that was not injected.

    Examples
    --------
    >>> import attribution as at
    >>> from attribution.report.rehearsal_figures import rehearsal_effects
    >>> found = at.rehearse(at.load_design("designs/support-rollout.toml"), rehearsals=2, draws=99, effects=[0.5])
    >>> axes = rehearsal_effects(found)
    """
    require_type(rehearsal, Rehearsal, name="rehearsal", remedy="pass what at.rehearse(…) returns")
    if effect is not None and effect not in rehearsal.effects:
        known = ", ".join(f"{one:g}" for one in rehearsal.effects)
        raise MethodError(f"no effect of {effect!r} was injected", where="effect", remedy=f"choose one of {known}")
    wanted = effect or next((one for one in rehearsal.effects if one), None)
    drawn = [0.0] if wanted is None else [0.0, wanted]
    sign = 1.0 if rehearsal.direction == "higher" else -1.0
    values = [
        np.array([sign * row.estimate for row in rehearsal.rows if sign * row.injected == one and not row.problem])
        for one in drawn
    ]
    ax = drawing.axes(ax, 3.6)
    pooled = np.concatenate(values)
    low, high = float(min(pooled.min(), *drawn)), float(max(pooled.max(), *drawn))
    room = 0.04 * (high - low) or 1.0
    # Room for the words beside a line that lies at the edge.
    low -= 0.16 * (high - low) if low in drawn else 0.0
    high += 0.16 * (high - low) if high in drawn else 0.0
    count = int(np.clip(2 * np.sqrt(len(values[0])), 8, MOST_BINS))
    edges = np.linspace(low - room, high + room, count + 1).tolist()
    looks = ((BACKGROUND, EDGE, 1.0), (TRAINING, TRAINING, 0.45))
    for place, (mine, (face, edge, alpha)) in enumerate(zip(values, looks, strict=False)):
        ax.hist(mine, bins=edges, color=face, alpha=alpha, zorder=2 + place)
        ax.hist(mine, bins=edges, histtype="step", color=edge, linewidth=1, zorder=2.5 + place)
    ax.margins(y=0.16)
    drawing.quiet(ax, grid="x")
    ax.set_yticks([])
    ax.set_xlim(edges[0], edges[-1])
    top = ax.get_ylim()[1]
    side = 1 if wanted is None or wanted > 0 else -1
    for truth, words, way in zip(drawn, ("no effect", f"{text(wanted or 0.0)} injected"), (-side, side), strict=False):
        ax.axvline(truth, color=INK, linewidth=1, zorder=4)
        ax.annotate(
            words,
            (truth, top),
            (4 * way, -3),
            textcoords="offset points",
            ha="left" if way > 0 else "right",
            va="top",
            color=MUTED,
            fontsize=12,
        )
    what = "estimated effect" if rehearsal.compared else "observed change"
    drawing.axis_label(ax, f"{what} as improvement, {rehearsal.unit}, over placebo launches")
    return drawing.titled(ax, _story(rehearsal, wanted))


def _story(rehearsal: Rehearsal, effect: float | None) -> str:
    claimed = rehearsal.measure("success_claims" if not rehearsal.compared else "false_claims")
    found = "success could be claimed" if not rehearsal.compared else "an effect is found"
    said = f"Without an effect, {found} in {percent(claimed.value)} of {claimed.n} placebo launches"
    if effect is None:
        return said
    name = "success_claims" if not rehearsal.compared else "power"
    return f"{said}; with {text(effect)} {rehearsal.unit}, in {percent(rehearsal.measure(name, effect).value)}"
