"""The comparisons of two cohorts that a two-way fixed effects coefficient is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.two_way.regression import TwoWay, reduce_two_way

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

NEVER_TRAINED = "trained against never trained"
NOT_YET = "earlier against later, not yet trained"
ALREADY = "later against earlier, already trained"
ALWAYS = "trained against trained from the start"
TYPES = (NEVER_TRAINED, NOT_YET, ALREADY, ALWAYS)


@dataclass(frozen=True, slots=True, eq=False)
class Bacon:
    """The two-by-two comparisons of cohorts: `estimate` is the sum of weight × estimate, the weights add up to 1.

    Each comparison is a difference-in-differences of a cohort that adopts against one that does not change: never
    trained, not yet trained, or already trained (from the start: before the panel begins). `estimate` is
    the two-way fixed effects coefficient that they make.
    """

    kind: tuple[str, ...]
    trained: tuple[str, ...]
    control: tuple[str, ...]
    weights: Floats = field(repr=False)
    estimates: Floats = field(repr=False)
    estimate: float

    def tidy(self) -> pd.DataFrame:
        """Return one row per comparison: `type, trained, control, weight, estimate`."""
        import pandas as pd

        columns = {"type": self.kind, "trained": self.trained, "control": self.control}
        return pd.DataFrame(columns | {"weight": self.weights, "estimate": self.estimates})

    def by_type(self) -> pd.DataFrame:
        """Return one row per type of comparison: `type, weight, estimate`, the estimate averaged by weight."""
        import pandas as pd

        rows = []
        for kind in TYPES:
            mine = np.array([one == kind for one in self.kind])
            if mine.any():
                weight = float(self.weights[mine].sum())
                rows.append((kind, weight, float(self.weights[mine] @ self.estimates[mine]) / weight))
        return pd.DataFrame(rows, columns=["type", "weight", "estimate"])

    @property
    def already_trained(self) -> float:
        """The share of the weight on comparisons with units that are already trained."""
        return float(sum(w for kind, w in zip(self.kind, self.weights, strict=True) if kind in (ALREADY, ALWAYS)))

    @property
    def sentence(self) -> str:
        """What the decomposition says, in one sentence."""
        return (
            f"{100 * self.already_trained:.3g}% of the weight compares units that adopt with units that are already "
            "trained, whose effects, where they change over time, are subtracted"
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(self.by_type(), caption=self.sentence)


def bacon(panel: Panel) -> Bacon:
    """Decompose the static two-way fixed effects coefficient into two-by-two comparisons of cohorts.

    Raises `MethodError` unless every unit that enters has a KPI value in every period, and where `twfe` does.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> rows = [(u, t, float(u * t), (1, 2, None)[u]) for u in range(3) for t in range(3)]
    >>> frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start"])
    >>> panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    >>> bacon(panel).by_type().weight.round(3).tolist()
    [0.667, 0.167, 0.167]

    Source: Goodman-Bacon (2021), Difference-in-differences with variation in treatment timing, Theorem 1 (eq. 7–10).
    """
    reduced = reduce_two_way(panel, "static", leads=False)
    weight, level, start, names = _cohorts(panel, reduced)
    n_periods = len(reduced.periods)
    kinds, trained, control, scores, estimates = [], [], [], [], []
    for one in range(len(start)):
        if not 0 < start[one] < n_periods:
            continue  # never trained, or trained from the start: it does not change
        for other in range(len(start)):
            if other == one:
                continue
            kind, before, after = _windows(int(start[one]), int(start[other]), n_periods)
            change = level[[one, other], after].mean(axis=1) - level[[one, other], before].mean(axis=1)
            kinds.append(kind)
            trained.append(names[one])
            control.append(names[other])
            estimates.append(float(change[0] - change[1]))
            # Squared size times the variance of training within the pair, Goodman-Bacon's (n_k + n_l)² V_kl times T²:
            # n_k n_l × periods before × periods after, as the pair's own windows cut them.
            scores.append(
                float(weight[one] * weight[other]) * (before.stop - before.start) * (after.stop - after.start)
            )
    weights = np.array(scores) / sum(scores)
    coefficients, _ = reduced.fitted.at_ones()
    return Bacon(
        kind=tuple(kinds),
        trained=tuple(trained),
        control=tuple(control),
        weights=weights,
        estimates=np.array(estimates),
        estimate=float(coefficients[-1]),
    )


def _windows(start: int, other: int, n_periods: int) -> tuple[str, slice, slice]:
    """Return the type of a comparison, and its periods before and after the cohort that starts at `start` does."""
    if other >= n_periods:
        return NEVER_TRAINED, slice(0, start), slice(start, n_periods)
    if other == 0:
        return ALWAYS, slice(0, start), slice(start, n_periods)
    if start < other:
        return NOT_YET, slice(0, start), slice(start, other)
    return ALREADY, slice(other, start), slice(start, n_periods)


def _cohorts(panel: Panel, reduced: TwoWay) -> tuple[Floats, Floats, NDArray[np.int64], tuple[str, ...]]:
    """Return each cohort's weight, mean KPI by period, start (a place among the periods used), and name."""
    periods, inside = reduced.periods, np.flatnonzero(reduced.entering)
    if len(reduced.unit) != len(inside) * len(periods):
        short = int((reduced.size[inside] < len(periods)).sum())
        raise MethodError(
            f"{short} of {len(inside)} {panel.columns.unit} lack a KPI value in some of the {len(periods)} periods",
            where=f"bacon on {panel.columns.outcome}",
            remedy="keep the units observed in every period, or use twfe_weights, which needs no complete panel",
        )
    adopted = np.searchsorted(periods, panel.units.adopted[inside])
    start, cohort = np.unique(adopted, return_inverse=True)
    weight = reduced.weight[inside]
    mass = np.bincount(cohort, weights=weight).astype(float)
    table = reduced.outcome.reshape(len(inside), len(periods))
    level = np.stack([np.bincount(cohort, weights=weight * column) for column in table.T], axis=1) / mass[:, None]
    names = tuple(panel.periods.text(int(periods[one])) if one < len(periods) else "never trained" for one in start)
    return mass, level, start.astype(np.int64), names
