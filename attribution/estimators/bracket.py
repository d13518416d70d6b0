"""The bracket: difference-in-differences and the lagged outcome, and between which of them the truth lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.core.arms import Controls
from attribution.core.estimate import Estimate
from attribution.core.interval import Interval
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.did import did
from attribution.estimators.lagged import LaggedMap, lagged

if TYPE_CHECKING:
    import pandas as pd

PARALLEL = "both arms would have changed alike without training"
IGNORABLE = "training depended on the baseline KPI alone"


@dataclass(frozen=True, slots=True, eq=False)
class Bracket:
    """Two estimates of one effect under two assumptions, of which no data can choose one.

    `slope` is that of the follow-up on the baseline within arms, `gap` the trained arm's baseline less the controls'.
    did − lagged = −(1 − slope) × gap. With a slope below 1 the effect lies between the two if either assumption
    holds: `holds` says so.
    """

    did: Estimate = field(repr=False)
    lagged: Estimate = field(repr=False)
    slope: float
    gap: float

    @property
    def holds(self) -> bool:
        """Say whether the slope is below 1, so that the two estimates are the ends of a bracket."""
        return self.slope < 1.0

    @property
    def ends(self) -> tuple[float, float]:
        """The smaller and the larger of the two effects."""
        pair = sorted((self.did.value("effect"), self.lagged.value("effect")))
        return pair[0], pair[1]

    def interval(self, level: float = 0.95) -> Interval:
        """Return the union of both intervals of the effect: it covers the effect if either assumption holds."""
        one, other = self.did.interval(level), self.lagged.interval(level)
        low, high = min(one.low, other.low), max(one.high, other.high)
        if np.isnan([one.low, one.high, other.low, other.high]).any():
            return Interval.undefined(level=level, method="bracket")
        return Interval(low, high, level, "bounded", "bracket")

    @property
    def sentence(self) -> str:
        """Which side the truth lies on, under which assumption."""
        first, second = self.did.value("effect"), self.lagged.value("effect")
        text = f"If {PARALLEL}, the effect is {first:.4g} (did); if {IGNORABLE}, it is {second:.4g} (lagged)"
        if not self.holds:
            return f"{text}; the slope of the follow-up on the baseline, {self.slope:.3g}, is not below 1: no bracket"
        if first == second:
            return f"{text}; the arms start alike, so that both agree"
        below = self.gap < 0
        return (
            f"{text}; the trained started {'lower' if below else 'higher'} than the controls and the slope, "
            f"{self.slope:.3g}, is below 1: if either holds, the effect is between {self.ends[0]:.4g} and "
            f"{self.ends[1]:.4g}, did {'too high' if below else 'too low'} where lagged is right, and lagged "
            f"{'too low' if below else 'too high'} where did is right"
        )

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Return one row per estimate: `method, assumption, estimate, std_error, conf_low, conf_high`."""
        import pandas as pd

        rows = []
        for estimate, assumption in ((self.did, PARALLEL), (self.lagged, IGNORABLE)):
            found, ends = estimate.contrast({"effect": 1.0}), estimate.interval(level)
            rows.append((estimate.method, assumption, found.value, found.std_error, ends.low, ends.high))
        columns = ["method", "assumption", "estimate", "std_error", "conf_low", "conf_high"]
        return pd.DataFrame(rows, columns=columns)

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(self.tidy(), caption=self.sentence)


def bracket(
    panel: Panel, *, baseline: Sequence[Any], followup: Sequence[Any], controls: Controls = "not_yet"
) -> Bracket:
    """Return difference-in-differences and the lagged outcome, which bracket the effect if either is right.

    Both take the same units, windows and weights. Raises what `did` and `lagged` raise, and
    `MethodError` for a cohort of matches.

    Examples
    --------
    >>> import attribution as at
    >>> panel = at.Panel.from_frame(at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap",
    ...     trained="grant", direction="lower", scale="log")
    >>> found = bracket(panel, baseline=[1987], followup=[1988])
    >>> found.tidy()[["method", "estimate"]].round(4).to_numpy().tolist()
    [['did', -0.3171], ['lagged', -0.254]]

    Source: Ding & Li (2019), A bracketing relationship between difference-in-differences and lagged-dependent-variable
    adjustment, Political Analysis 27; Angrist & Pischke (2009), section 5.4.
    """
    cohort = panel.cohort
    if cohort is not None and cohort.matches is not None:
        raise MethodError(
            "on matches did adds a regression on what the cohort was made with, and lagged does not, so that they "
            "differ by more than the baseline",
            where=f"cohort {cohort.method}",
            remedy="look at did and lagged beside each other, or use a propensity or entropy cohort",
        )
    parallel = did(panel, baseline=baseline, followup=followup, controls=controls)
    ignorable = lagged(panel, baseline=baseline, followup=followup, controls=controls)
    # A cohort's refits are around the map: slope and gap are those at its weights as they are.
    plain = panel if cohort is None else panel.with_cohort(cohort.fixed())
    at_one = lagged(plain, baseline=baseline, followup=followup, controls=controls)
    assert isinstance(at_one.replay, LaggedMap)
    levels, slope = at_one.replay.fit(np.ones((1, len(at_one.strata))))
    return Bracket(parallel, ignorable, float(slope[0]), float(levels[0, 0] - levels[0, 2]))
