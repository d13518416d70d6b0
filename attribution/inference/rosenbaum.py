"""Rosenbaum's bounds on a cohort of matched pairs: the hidden bias that an effect would survive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, Arms, windows
from attribution.core.panel import Panel
from attribution.errors import MethodError, require_type
from attribution.estimators.windows.reduce import reduce_windows
from attribution.numerics.rosenbaum import critical_gamma, effect_bounds, p_value_bounds

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Alternative = Literal["improvement", "greater", "less"]

FEW_PAIRS = 20
"""Pairs below which the normal approximation of the signed-rank test is rough."""

WHERE = "rosenbaum"


@dataclass(frozen=True, slots=True, eq=False)
class RosenbaumBounds:
    """What a hidden bias Γ could do to the effect on matched pairs.

    Under Γ, two people of a pair, alike in everything that was measured, may differ by a factor of Γ in their odds of
    being trained. `p_low`, `p_high` bound the one-sided p value of the signed-rank test, `estimate_low`,
    `estimate_high` the Hodges–Lehmann estimate, in KPI units, for each of `gammas`. `critical` is the Γ from which on
    the p value may exceed `alpha`, half of what the two-sided interval at `level` leaves out: 1 where it does so
    without any bias.
    """

    outcome: str
    pairs: int
    alternative: str
    level: float
    estimate: float
    gammas: tuple[float, ...]
    p_low: Floats = field(repr=False)
    p_high: Floats = field(repr=False)
    estimate_low: Floats = field(repr=False)
    estimate_high: Floats = field(repr=False)
    critical: float
    notes: tuple[str, ...] = ()

    @property
    def alpha(self) -> float:
        """The one-sided level of the test."""
        return (1 - self.level) / 2

    def tidy(self) -> pd.DataFrame:
        """Return one row per bias: `gamma, p_low, p_high, estimate_low, estimate_high`."""
        import pandas as pd

        return pd.DataFrame(
            {
                "gamma": self.gammas,
                "p_low": self.p_low,
                "p_high": self.p_high,
                "estimate_low": self.estimate_low,
                "estimate_high": self.estimate_high,
            }
        )

    @property
    def sentence(self) -> str:
        """Say in words which bias the effect survives."""
        if np.isnan(self.critical):
            return f"No pair differs in {self.outcome}: there is no effect to undo."
        if self.critical <= 1:
            return f"The effect on {self.outcome} is not told from 0 by its pairs, even without hidden bias."
        if np.isinf(self.critical):
            return f"No hidden bias could make the effect on {self.outcome} one that is not told from 0."
        return (
            f"The effect on {self.outcome} stays told from 0 unless something unmeasured multiplies the odds of being "
            f"trained by {self.critical:.2f} between people who were matched as alike."
        )

    def __repr__(self) -> str:
        return (
            f"RosenbaumBounds({self.outcome!r}: {self.pairs:,} pairs, estimate {self.estimate:.5g}, told from 0 up to "
            f"a bias of {self.critical:.3g})"
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        notes = "".join(f"<li>{escape(note)}</li>" for note in (self.sentence, *self.notes))
        return table_html(self.tidy(), caption=f"{self.pairs:,} pairs: {self.outcome}") + f"<ul>{notes}</ul>"


def rosenbaum(
    panel: Panel,
    *,
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    gammas: Sequence[float] = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0),
    alternative: Alternative = "improvement",
    level: float = 0.95,
    step: float | None = None,
) -> RosenbaumBounds:
    """Return Rosenbaum's bounds for a panel whose cohort is matched pairs, one trained with one control.

    On a cross-section the KPI of a pair is compared, on a panel its change from baseline to follow-up. The p values are
    one-sided, by the normal approximation: for an `"improvement"` (by the panel's direction), for an effect above 0
    (`"greater"`) or below (`"less"`). `step` makes the bounds of the estimate by a walk in such steps, as R's rbounds
    does; without it they are exact.

    Raises `MethodError` for a cohort of no pairs (none, with replacement, several controls a match, strata), for
    training assigned by clusters of several matched units, and for gammas or a level out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import attribution as at
    >>> from attribution.core.cohort import Matches
    >>> frame = pd.DataFrame({"person": range(8), "trained": [1, 1, 1, 1, 0, 0, 0, 0],
    ...     "sales": [15.0, 24.0, 37.0, 43.0, 10.0, 20.0, 30.0, 40.0]})
    >>> panel = at.Panel.from_frame(frame, unit="person", outcome="sales", trained="trained", kind="cross_section")
    >>> links = np.arange(4)
    >>> pairs = Matches(False, np.tile(links, 2).astype("int32"), links, links + 4, np.ones(4))
    >>> matched = panel.with_cohort(at.Cohort("by hand", "ATT", np.ones(8), matches=pairs))
    >>> found = rosenbaum(matched, gammas=[1, 2])
    >>> found.estimate, found.p_high.round(3).tolist()
    (4.75, [0.034, 0.098])

    Source: Rosenbaum (2002), Observational Studies, sections 4.3.3 and 4.3.5.
    """
    require_type(panel, Panel, name="panel", remedy="pass a panel with a cohort: panel.with_cohort(…)")
    sizes = np.array([float(one) for one in gammas])
    if not len(sizes) or not ((sizes >= 1) & np.isfinite(sizes)).all():
        raise MethodError(f"gammas are {list(gammas)!r}", where=WHERE, remedy="give numbers of 1 or above")
    if not 0 < level < 1:
        raise MethodError(f"level is {level!r}", where=WHERE, remedy="give a level between 0 and 1")
    if alternative not in get_args(Alternative):
        listed = ", ".join(map(repr, get_args(Alternative)))
        raise MethodError(f"alternative is {alternative!r}", where=WHERE, remedy=f"choose one of {listed}")
    if step is not None and not step > 0:
        raise MethodError(f"step is {step!r}", where=WHERE, remedy="give a number above 0, or none")
    trained, control = _pairs(panel)
    differences, lost = _differences(panel, trained, control, baseline, followup)
    falls = alternative == "less" or (alternative == "improvement" and panel.direction == "lower")
    low, high = p_value_bounds(-differences if falls else differences, sizes)
    least, most = effect_bounds(differences, sizes, step=step)
    notes = []
    if lost:
        notes.append(f"{lost:,} of {len(trained):,} pairs are left out: one of the two has no KPI value")
    same = int((differences == 0).sum())
    if same:
        notes.append(f"{same:,} pairs do not differ, and say nothing in the test")
    if len(differences) - same < FEW_PAIRS:
        notes.append(f"{len(differences) - same} pairs differ: the normal approximation of the p values is rough")
    return RosenbaumBounds(
        outcome=panel.columns.outcome,
        pairs=len(differences),
        alternative=alternative,
        level=level,
        estimate=float(effect_bounds(differences, [1.0], step=step)[0][0]),
        gammas=tuple(sizes.tolist()),
        p_low=low,
        p_high=high,
        estimate_low=least,
        estimate_high=most,
        critical=critical_gamma(-differences if falls else differences, (1 - level) / 2),
        notes=tuple(notes),
    )


def pairs_of(panel: Panel) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the trained and the control unit of each pair of the panel's cohort; None where it is no pairs."""
    cohort = panel.cohort
    if cohort is None or cohort.matches is None or cohort.matches.replacement:
        return None
    links = cohort.matches
    alone = len(np.unique(links.trained)) == len(links.trained) == len(np.unique(links.control))
    return (links.trained, links.control) if alone and len(links.trained) else None


def _pairs(panel: Panel) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    found = pairs_of(panel)
    if found is None:
        cohort = panel.cohort
        what = "the panel has no cohort" if cohort is None else f"the cohort {cohort.method} is no matched pairs"
        raise MethodError(
            what,
            where=WHERE,
            remedy="match each trained unit with one control, without replacement, and attach it: "
            "panel.with_cohort(cohort)",
        )
    inside = np.concatenate(found)
    clusters = panel.units.cluster[inside]
    if len(np.unique(clusters)) < len(inside):
        raise MethodError(
            f"training was assigned by {panel.columns.cluster}, {len(np.unique(clusters)):,} of them with "
            f"{len(inside):,} matched units: whether one of a pair was trained is not independent of the other pairs",
            where=WHERE,
            remedy=f"make the panel of {panel.columns.cluster}, a row for each, and match these; or use robustness, "
            "whose error is by cluster",
        )
    return found


def _differences(
    panel: Panel,
    trained: NDArray[np.int64],
    control: NDArray[np.int64],
    baseline: Sequence[Any],
    followup: Sequence[Any],
) -> tuple[Floats, int]:
    """Return trained less control for each pair with values, and how many pairs have none."""
    n_units = len(panel.units)
    value = np.full(n_units, np.nan)
    if panel.kind == "cross_section":
        value[panel.observations.unit] = panel.observations.outcome
    else:
        code = np.full(n_units, LEFT_OUT, dtype=np.int8)
        code[trained], code[control] = TRAINED, CONTROL
        arms = Arms(code, np.where(code == TRAINED, "trained", "control").astype(object))
        reduced = reduce_windows(panel, *windows(panel, baseline, followup), arms, compare=True)
        value = np.where(reduced.entering, reduced.value[:, 1] - reduced.value[:, 0], np.nan)
    differences = value[trained] - value[control]
    known = ~np.isnan(differences)
    if not known.any():
        raise MethodError("no pair has KPI values", where=WHERE, remedy="choose other windows, or match again")
    return differences[known], int((~known).sum())
