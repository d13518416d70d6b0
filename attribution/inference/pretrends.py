"""What the periods before the start say about trends, and how large a trend they could have missed."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import fdtrc, ndtri, stdtrit

from attribution.core.estimate import Estimate
from attribution.core.terms import part
from attribution.errors import MethodError
from attribution.inference.event_path import EventPath, event_path
from attribution.numerics.honest_power import Detectable, detectable
from attribution.numerics.variance import wishart_df

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 3
"""Pre-periods, the reference among them, that a claim about trends needs at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Pretrends:
    """The pre-period estimates, their joint test, and the slope that they would have shown with the stated power.

    `slope` with `slope_error` is the straight line through the reference that fits the pre-periods best;
    `detectable.slope` the one, up or down, under which some pre-period is significant with probability `power`.
    `statistic` is the Wald statistic over its count, shrunk for the covariance that is itself estimated: F with `df`
    degrees of freedom where trends are parallel. The test is undefined (NaN) where there are too few clusters for it.
    """

    outcome: str
    level: float
    power: float
    path: EventPath
    std_errors: tuple[float, ...]
    dfs: tuple[float, ...]
    statistic: float
    df: tuple[float, float]
    p_value: float
    slope: float
    slope_error: float
    detectable: Detectable
    notes: tuple[str, ...] = ()

    @property
    def average_bias(self) -> float:
        """What the detectable slope would add to the average effect of all periods from the start on."""
        return float(self.detectable.bias[np.array(self.path.post) >= 0].mean())

    def tidy(self) -> pd.DataFrame:
        """Return one row per event, the reference included.

        Columns: `event, window` (pre, reference, post), `estimate, std_error, conf_low, conf_high` (t intervals),
        `detectable_trend` (the detectable slope at that event) and `after_pretest` (post periods: what it would add
        on average where no pre-period is significant).
        """
        import pandas as pd

        path = self.path
        rows = [(path.reference, "reference", 0.0, np.nan, np.nan, np.nan, 0.0, np.nan)]
        events = (*path.pre, *path.post)
        after = [np.nan] * len(path.pre) + list(self.detectable.bias_after)
        for place, event in enumerate(events):
            value, error = float(path.beta[place]), self.std_errors[place]
            half = float(stdtrit(self.dfs[place], (1 + self.level) / 2)) * error
            trend = self.detectable.slope * (event - path.reference)
            window = "pre" if event < path.reference else "post"
            rows.append((event, window, value, error, value - half, value + half, trend, after[place]))
        columns = [
            "event",
            "window",
            "estimate",
            "std_error",
            "conf_low",
            "conf_high",
            "detectable_trend",
            "after_pretest",
        ]
        return pd.DataFrame(sorted(rows), columns=columns)

    @property
    def sentence(self) -> str:
        """Say what the pre-periods could have shown, and what the joint test is as a number."""
        joint = f"F({self.df[0]:.0f}, {self.df[1]:.3g}) = {self.statistic:.3g}, p = {self.p_value:.3g}"
        if not self.df[1] > 0:
            joint = "none, for want of clusters"
        return (
            f"The pre-periods could have shown a slope of at least {self.detectable.slope:.3g} per period with "
            f"probability {self.power:.0%}; a slope of that size would move the average effect by "
            f"{self.average_bias:.3g}. Joint test of the pre-periods: {joint}."
        )

    def __repr__(self) -> str:
        return (
            f"Pretrends({self.outcome!r}: slope {self.slope:.4g} (SE {self.slope_error:.3g}), detectable "
            f"{self.detectable.slope:.4g} at power {self.power:g}, joint p = {self.p_value:.3g})"
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        notes = "".join(f"<li>{escape(note)}</li>" for note in (self.sentence, *self.notes))
        return table_html(self.tidy(), caption=f"Before the start: {self.outcome}") + f"<ul>{notes}</ul>"


def pretrends(
    estimate: Estimate,
    *,
    power: float = 0.8,
    level: float = 0.95,
    window: tuple[int, int] | None = None,
    reference: int | None = None,
) -> Pretrends:
    """Return the pre-period estimates, their joint test and the slope that they would have shown with this power.

    `estimate` is an event study: terms `effect[event=e]` around one reference period; `window` is the first and last
    event used. A slope is shown when some pre-period coefficient is beyond ± z·SE, z of the two-sided `level`. The
    joint test and the slope's standard error count that the covariance of the coefficients is estimated, from few
    clusters for many of them: Hotelling's F with multivariate Welch–Satterthwaite df.

    Raises `MethodError` where there is no pre period, a gap or no reference among the events, a covariance that is
    undefined or singular, and for a power that is reached without any slope.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> found = pretrends(at.event_study(panel))
    >>> round(found.slope, 3), round(found.detectable.slope, 3), round(found.p_value, 3)
    (-0.217, 0.416, 0.154)

    Source: Roth (2022), Pretest with caution: event-study estimates after testing for parallel trends, AER: Insights 4;
    the joint test: Krishnamoorthy & Yu (2004); the slope's error: Rao (1967), Least squares theory using an estimated
    dispersion matrix, 5th Berkeley Symposium.
    """
    where = "pretrends"
    for name, value in (("level", level), ("power", power)):
        if not 0 < value < 1:
            raise MethodError(f"{name} is {value!r}", where=where, remedy=f"give a {name} between 0 and 1")
    path = event_path(estimate, window, reference, where=where)
    count = len(path.pre)
    found = [estimate.contrast({part("effect", "event", event): 1.0}) for event in (*path.pre, *path.post)]
    beta, sigma, times = path.beta[:count], path.sigma[:count, :count], path.times[:count]
    terms = [estimate.terms.index(part("effect", "event", event)) for event in path.pre]
    wishart = wishart_df(estimate.covariance[:, terms][:, :, terms], estimate.stratum_df)
    df = (float(count), wishart - count + 1.0)
    statistic = float(beta @ np.linalg.solve(sigma, beta)) / count * (df[1] / wishart if df[1] > 0 else np.nan)
    precision = float(times @ np.linalg.solve(sigma, times))
    # The smallest variance over estimated weights looks smaller than it is, and the weights miss the best ones.
    flattered = np.nan
    if wishart > count:
        flattered = 1.0 if count == 1 else wishart / df[1] * (wishart - 1.0) / (wishart - count)
    notes = []
    if count + 1 < ENOUGH:
        notes.append(f"{count + 1} periods before the start: too few for any claim about trends, {ENOUGH} at least")
    if not df[1] > 0:
        notes.append(
            f"there is no joint test: {count} coefficients are too many for {wishart:.3g} degrees of freedom; narrow "
            "the window to fewer events"
        )
    least = min(one.df for one in found[:count])
    if least < 30:
        z, t = float(ndtri((1 + level) / 2)), float(stdtrit(least, (1 + level) / 2))
        notes.append(
            f"the detectable slope takes z = {z:.3g} for significance; with {least:.3g} degrees of freedom it is "
            f"t = {t:.3g}, and the slope that would be shown is larger"
        )
    return Pretrends(
        outcome=estimate.outcome,
        level=level,
        power=power,
        path=path,
        std_errors=tuple(one.std_error for one in found),
        dfs=tuple(one.df for one in found),
        statistic=statistic,
        df=df,
        p_value=float(fdtrc(*df, statistic)) if df[1] > 0 else np.nan,
        slope=float(times @ np.linalg.solve(sigma, beta)) / precision,
        slope_error=(flattered / precision) ** 0.5,
        detectable=detectable(path.sigma, times, path.times[count:], power=power, level=level),
        notes=tuple(notes),
    )
