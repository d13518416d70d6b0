"""How strong something that nobody measured would have to be to undo an effect, beside what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import stdtrit

from attribution.core.interval import Interval
from attribution.errors import MethodError
from attribution.inference.compared_rows import Compares
from attribution.numerics.evalue import SLOPE, EValue, e_value
from attribution.numerics.partial_r2 import (
    Regression,
    benchmarked,
    bias_of,
    error_factor,
    extreme_robustness_value,
    robustness_value,
    times_to_reach,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

WHERE = "robustness"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A measured covariate, or a group of them, as a yardstick: its partial R² with training and with the KPI.

    With training given the other covariates; with the KPI given training and the other covariates. `columns` counts
    its columns.
    """

    covariate: str
    strength_trained: float
    strength_outcome: float
    columns: int


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """What an unmeasured influence would have to be to undo an effect.

    Strengths are shares of what is left: of training given the covariates, and of the KPI given training and the
    covariates (partial R²). `benchmarks` are measured covariates, the one whose like would move the effect most first.
    `df` and `std_error` are the estimate's own; `fitted` is the regression that gives the scale of the bias, and
    `spread` the standard deviation of what is compared, in KPI units. `share` is the part of the effect that is to be
    undone.
    """

    outcome: str
    method: str
    compares: Compares
    effect: float
    std_error: float
    df: float
    level: float
    share: float
    fitted: Regression = field(repr=False)
    spread: float
    benchmarks: tuple[Benchmark, ...]
    multiples: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The robustness value: the strength with both training and KPI that undoes the share of the effect."""
        return float(robustness_value(self.share * self._strength))

    @property
    def value_of_interval(self) -> float:
        """The strength with both at which the interval holds what is left; 0 where it does already, NaN without SE."""
        return float(robustness_value(self.share * self._strength, self._critical))

    @property
    def extreme_value(self) -> float:
        """The strength with training alone of something that explains all that is left of the KPI.

        For the whole effect, and a regression's own coefficient, this is the partial R² of training with the KPI.
        """
        return float(extreme_robustness_value(self.share * self._strength))

    @property
    def e_value(self) -> EValue:
        """The E-value of the effect in standard deviations of what is compared, and of the end of its own interval."""
        interval = self.interval
        with np.errstate(over="ignore"):
            ratios = np.exp(SLOPE * np.array([self.effect, interval.low, interval.high]) / self.spread)
        return e_value(*map(float, ratios))

    @property
    def interval(self) -> Interval:
        """The estimate's own t interval."""
        half_width = float(stdtrit(self.df, (1 + self.level) / 2)) * self.std_error
        return Interval.around(self.effect, half_width, level=self.level, method=self.method)

    @property
    def strongest(self) -> Benchmark | None:
        """The measured covariate whose like would move the effect most; None where there is none."""
        return self.benchmarks[0] if self.benchmarks else None

    def adjusted(self, trained: ArrayLike, outcome: ArrayLike) -> tuple[Floats, Floats]:
        """Return effect and standard error with something of these strengths counted, moved towards 0 and beyond.

        The standard error changes as that of the regression would.
        """
        towards = self.effect - np.sign(self.effect) * bias_of(self.fitted.residual_ratio, trained, outcome)
        return np.asarray(towards), self.std_error * error_factor(self.fitted.df, trained, outcome)

    def bounds(self) -> pd.DataFrame:
        """Return one row per benchmark and multiple: what something so many times as strong would leave of the effect.

        Columns: `covariate, times, strength_trained, strength_outcome, effect, std_error, statistic, low, high`. NaN
        where training has no room for something so strong; a strength with the KPI of 1 is all that is left. The
        statistic is that of the effect less what is to be left of it.
        """
        import pandas as pd

        rows = []
        kept = (1 - self.share) * self.effect
        quantile = float(stdtrit(self.df, (1 + self.level) / 2))
        for one in self.benchmarks:
            trained, outcome = benchmarked(one.strength_trained, one.strength_outcome, self.multiples, self.multiples)
            effect, error = self.adjusted(trained, outcome)
            for place, times in enumerate(self.multiples):
                moved, wide = float(effect[place]), float(error[place])
                ends = (moved - quantile * wide, moved + quantile * wide)
                statistic = (moved - kept) / wide if wide > 0 else float("nan")
                rows.append((one.covariate, times, trained[place], outcome[place], moved, wide, statistic, *ends))
        names = ["covariate", "times", "strength_trained", "strength_outcome", "effect", "std_error", "statistic"]
        return pd.DataFrame(rows, columns=[*names, "low", "high"])

    def times(self, target: float = 0.0, covariate: str | None = None) -> float:
        """Return how many times as strong as a covariate, by default the strongest, takes the effect to a target.

        With training and KPI alike, in KPI units. 0 where the effect is there already, infinite where the covariate is
        related to training or KPI not at all. Raises `MethodError` for a covariate that is no benchmark.
        """
        one = self._benchmark(covariate)
        bias = float(np.sign(self.effect)) * (self.effect - target)
        return times_to_reach(bias, self.fitted.residual_ratio, one.strength_trained, one.strength_outcome)

    def times_of_interval(self, covariate: str | None = None) -> float:
        """Return how many times as strong as a covariate makes the interval hold 0; 0 where it does already.

        With the strengths of `bounds`, so that it is the multiple at which the row's interval comes to hold 0.
        """
        one = self._benchmark(covariate)
        if not np.isfinite(self.std_error) or self.fitted.df < 2:
            return float("nan")
        most = self.times(0.0, one.covariate)
        quantile = float(stdtrit(self.df, (1 + self.level) / 2))

        def nearer(times: ArrayLike) -> Floats:
            effect, error = self.adjusted(*benchmarked(one.strength_trained, one.strength_outcome, times, times))
            return np.asarray(np.sign(self.effect) * effect - quantile * error)

        if float(nearer(0.0)) <= 0:
            return 0.0
        if not np.isfinite(most):
            return most
        # The error falls as the KPI is explained, so that the nearer end may turn: the first crossing counts.
        steps = np.linspace(0.0, most, 400)
        crossed = np.flatnonzero(nearer(steps) <= 0)
        if not len(crossed):
            return most
        first = int(crossed[0])
        return float(brentq(lambda times: float(nearer(times)), steps[first - 1], steps[first], xtol=1e-12))

    def value_for(self, target: float) -> float:
        """Return the strength with both training and KPI that takes the effect to a target in KPI units."""
        bias = max(float(np.sign(self.effect)) * (self.effect - target), 0.0)
        return float(robustness_value(bias / self.fitted.residual_ratio))

    def tidy(self) -> pd.DataFrame:
        """Return one row per quantity: `quantity, value`."""
        import pandas as pd

        found = self.e_value
        rows: list[tuple[str, float]] = [
            ("effect", self.effect),
            ("robustness_value", self.value),
            ("robustness_value_of_interval", self.value_of_interval),
            ("extreme_robustness_value", self.extreme_value),
            ("e_value", found.point),
            ("e_value_of_interval", found.limit),
        ]
        if self.strongest is not None:
            rows += [("times_strongest", self.times()), ("times_strongest_of_interval", self.times_of_interval())]
        return pd.DataFrame(rows, columns=["quantity", "value"])

    @property
    def sentence(self) -> str:
        """Say in words what it would take."""
        part = "the effect" if self.share == 1 else f"{self.share:.0%} of the effect"
        text = (
            f"Something unmeasured would have to explain {self.value:.1%} of what is left of both training and "
            f"{self.outcome} to undo {part}"
        )
        if np.isfinite(self.value_of_interval):
            held = "0" if self.share == 1 else "what is left"
            text += f" ({self.value_of_interval:.1%} for the {self.level:.0%} interval to hold {held})"
        one = self.strongest
        if one is None:
            return f"{text}; no measured covariate says how likely that is."
        times = self.times((1 - self.share) * self.effect)
        if not np.isfinite(times):
            return f"{text}; no multiple of {one.covariate} would."
        return f"{text}; {times:.2g} times as strong as {one.covariate}, the strongest measured covariate."

    def __repr__(self) -> str:
        one = self.strongest
        beside = "" if one is None else f"; {self.times():.3g} × {one.covariate}"
        interval = "undefined" if np.isnan(self.value_of_interval) else f"{self.value_of_interval:.1%}"
        return (
            f"Robustness({self.outcome!r}: effect {self.effect:.5g}, value {self.value:.1%}, of the interval "
            f"{interval}, E-value {self.e_value.point:.3g}{beside})"
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        notes = "".join(f"<li>{escape(note)}</li>" for note in (self.sentence, *self.notes))
        tables = table_html(self.tidy(), caption=f"What was not measured: {self.method} on {self.outcome}")
        if self.benchmarks:
            tables += table_html(self.bounds(), caption="With something so many times as strong as a covariate")
        return f"{tables}<ul>{notes}</ul>"

    @property
    def _strength(self) -> float:
        return abs(self.effect) / self.fitted.residual_ratio

    @property
    def _critical(self) -> float:
        """What of the strength the interval takes: in a regression t(df − 1) / √(df − 1)."""
        left = self.fitted.df - 1
        if left < 1:
            return float("nan")
        quantile = float(stdtrit(self.df * left / self.fitted.df, (1 + self.level) / 2))
        return quantile * self.std_error / self.fitted.std_error / float(np.sqrt(left))

    def _benchmark(self, covariate: str | None) -> Benchmark:
        for one in self.benchmarks:
            if covariate is None or one.covariate == covariate:
                return one
        listed = ", ".join(one.covariate for one in self.benchmarks)
        raise MethodError(
            f"there is no benchmark {covariate!r}" if covariate else "there is no measured covariate to compare with",
            where=WHERE,
            remedy=f"choose one of {listed}" if listed else "name covariates: robustness(…, covariates=[…])",
        )
