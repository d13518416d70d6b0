"""The weights that the two-way fixed effects coefficient gives to the effects of cohorts and periods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel
from attribution.estimators.two_way.regression import TwoWay, reduce_two_way

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

ZERO = 1e-10
"""Weights nearer to 0 than this are 0: rounding gives them a sign."""


@dataclass(frozen=True, slots=True, eq=False)
class TwoWayWeights:
    """Weights, adding up to 1, of the average effects of trained cohort-periods in the coefficient `estimate`.

    `share` is each cohort-period's share of the trained unit-periods: what its weight would be in the average effect
    on the trained. `sd_average_zero` is the smallest standard deviation of effects over cohort-periods for which
    `estimate` is compatible with an average effect on the trained of 0; `sd_opposite` that for which every effect can
    be of the opposite sign (NaN where no weight is negative).
    """

    cohort: tuple[str, ...]
    period: tuple[str, ...]
    share: Floats
    weight: Floats = field(repr=False)
    estimate: float
    sd_average_zero: float
    sd_opposite: float

    @property
    def sum_negative(self) -> float:
        """The sum of the negative weights, 0 or less."""
        return float(self.weight[self.weight < -ZERO].sum())

    @property
    def share_negative(self) -> float:
        """The share of cohort-periods with a negative weight."""
        return float((self.weight < -ZERO).mean())

    @property
    def sentence(self) -> str:
        """What the weights mean, in one sentence."""
        negative = int((self.weight < -ZERO).sum())
        if not negative:
            return f"all {len(self.weight)} cohort-periods have a weight of 0 or more"
        least = int(np.argmin(self.weight))
        return (
            f"{negative} of {len(self.weight)} cohort-periods have a negative weight, {self.sum_negative:.3g} in sum; "
            f"the most negative is cohort {self.cohort[least]} in {self.period[least]} ({self.weight[least]:.3g})"
        )

    def tidy(self) -> pd.DataFrame:
        """Return one row per trained cohort and period: `cohort, period, share, weight`."""
        import pandas as pd

        columns = {"cohort": self.cohort, "period": self.period, "share": self.share, "weight": self.weight}
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        return f"TwoWayWeights(estimate {self.estimate:.5g}: {self.sentence})"

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(self.tidy(), caption=self.sentence)


def twfe_weights(panel: Panel) -> TwoWayWeights:
    """Return the weights of the effects of cohorts and periods in the static two-way fixed effects coefficient.

    Under parallel trends the coefficient's expectation is the sum of weight × average effect over trained cohort-
    periods; weights add up to 1 and may be negative, so that it can have another sign than every effect. Raises
    `MethodError` where `twfe` does.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> rows = [(u, t, float(u + t), (1, 2, 2)[u]) for u in range(3) for t in range(3)]
    >>> frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start"])
    >>> panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    >>> twfe_weights(panel).weight.round(3).tolist()
    [1.0, -0.5, 0.5]

    Source: de Chaisemartin & D'Haultfœuille (2020), Two-way fixed effects estimators with heterogeneous treatment
    effects, Theorem 1 and Corollary 1.
    """
    return weights_of(panel, reduce_two_way(panel, "static", leads=False))


def weights_of(panel: Panel, reduced: TwoWay) -> TwoWayWeights:
    """Return the weights of a panel that is already reduced with one dummy after adoption."""
    fitted = reduced.fitted
    coefficients, pseudo = fitted.at_ones()
    trained = reduced.event == 0
    # The row of the inverse times the dummies is what is left of training after unit and period effects, over its sum
    # of squares.
    left = reduced.rows_of(pseudo[:, fitted.n_periods])[trained]
    unit = reduced.unit[trained]
    weight = reduced.weight[unit]
    # The period of a row is the column of its dummy, and the first period has none.
    code = reduced.periods[reduced.period[trained] + 1]
    cell = panel.units.adopted[unit].astype(np.int64) * len(panel.periods) + code
    cells, place = np.unique(cell, return_inverse=True)
    found = np.bincount(place, weights=weight * left).astype(float)
    share = np.bincount(place, weights=weight) / weight.sum()
    estimate = float(coefficients[fitted.n_periods])
    cohorts, periods = np.divmod(cells, len(panel.periods))
    return TwoWayWeights(
        cohort=tuple(panel.periods.text(int(code)) for code in cohorts),
        period=tuple(panel.periods.text(int(code)) for code in periods),
        share=share,
        weight=found,
        estimate=estimate,
        sd_average_zero=_sd_average_zero(estimate, found, share),
        sd_opposite=_sd_opposite(estimate, found, share),
    )


def _sd_average_zero(estimate: float, weight: Floats, share: Floats) -> float:
    """Return |β|/sd(w), w the weight over the share: by Cauchy–Schwarz no smaller sd of effects averages to 0."""
    spread = float(np.sqrt(share @ (weight / share - 1.0) ** 2))
    return abs(estimate) / spread if spread > ZERO else float("inf")


def _sd_opposite(estimate: float, weight: Floats, share: Floats) -> float:
    """Return the smallest sd of effects that are all of the opposite sign, or 0, and still give the coefficient."""
    if not (weight < -ZERO).any():
        return float("nan")
    order = np.argsort(-weight / share, kind="stable")
    ratio, part = (weight / share)[order], share[order]
    # Sums from each place to the end: of shares, of weights, of shares times squared ratios.
    p, s, t = (np.cumsum(one[::-1])[::-1] for one in (part, weight[order], part * ratio**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(p < 1.0 - 1e-12, ratio < -s / (1.0 - p), False)
    first = int(np.argmax(below))
    return abs(estimate) / float(np.sqrt(t[first] + s[first] ** 2 / (1.0 - p[first])))
