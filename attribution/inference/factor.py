"""The attribution factor: the training's share of the observed change, and its confidence set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from attribution.core.estimate import Estimate
from attribution.core.interval import Draws, Interval
from attribution.errors import MethodError, require_type
from attribution.inference.draws import bootstrap, calibrate, require_draws
from attribution.numerics.ratio import RatioProblem, delta, fieller
from attribution.numerics.resample import bca, quantiles

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class AttributionFactor:
    """The share τ/Δ with its Fieller set (`interval`), and other intervals of the same share (`others`).

    `share` is never clipped; it is NaN where there is no observed change to divide, with the `reason`. `reason` also
    says why a set is not bounded. `draws` are calibrated joint draws for money; `raw_draws` the bootstrap's, for
    percentile and BCa.
    """

    share: float
    interval: Interval
    others: tuple[Interval, ...]
    estimate: Estimate = field(repr=False)
    draws: Draws | None = field(repr=False)
    raw_draws: Draws | None = field(repr=False)
    reason: str = ""

    @property
    def estimable(self) -> bool:
        """Say whether the share may be quoted: its set is bounded."""
        return self.interval.kind == "bounded"

    @property
    def improvement(self) -> tuple[float, float]:
        """Effect and change signed as improvement: positive is better, whatever the KPI's direction."""
        sign = 1.0 if self.estimate.direction == "higher" else -1.0
        change = self.estimate.value("change") if "change" in self.estimate.terms else float("nan")
        effect = self.estimate.value("effect") if "effect" in self.estimate.terms else float("nan")
        return sign * effect, sign * change

    def tidy(self) -> pd.DataFrame:
        """Return one row per interval, the headline first: `method, share, low, high, kind, level`."""
        import pandas as pd

        rows = [
            (one.method, self.share, one.low, one.high, one.kind, one.level) for one in (self.interval, *self.others)
        ]
        return pd.DataFrame(rows, columns=["method", "share", "low", "high", "kind", "level"])

    def __repr__(self) -> str:
        reason = f"; {self.reason}" if self.reason else ""
        return f"AttributionFactor(share {self.share:.5g}, {self.interval.method} {self.interval}{reason})"

    def _repr_html_(self) -> str:
        from html import escape

        from attribution.core.display import table_html

        note = f"<p>{escape(self.reason)}</p>" if self.reason else ""
        return table_html(self.tidy(), caption=f"Share of the change in {self.estimate.outcome}") + note


def attribution_factor(
    estimate: Estimate, *, draws: int = 1999, seed: int = 0, level: float = 0.95, workers: int = 1
) -> AttributionFactor:
    """Return the training's share of the observed change with its Fieller set, and joint draws for money.

    The share is effect/change of one estimate. The headline set inverts |τ − fΔ| ≤ t(df(f))·SE(τ − fΔ); beside it
    stand the delta, percentile and BCa intervals. An estimate without an effect or a change has no share: NaN, kind
    `undefined`, with the reason. Raises `MethodError` for a level outside (0, 1) or a count below 1.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> factor = at.attribution_factor(at.did(panel, baseline=[1987], followup=[1988]), seed=7)
    >>> round(factor.share, 5), round(factor.interval.low, 5), round(factor.interval.high, 5)
    (0.84663, -0.3346, 1.44825)

    Source: Fieller (1954), Some problems in interval estimation, J. R. Stat. Soc. B 16; BCa: Efron (1987).
    """
    require_type(estimate, Estimate, name="estimate", remedy="pass what an estimator returns, such as at.did(…)")
    require_draws(draws, seed, workers)
    if not 0 < level < 1:
        raise MethodError(f"level is {level!r}", where="attribution_factor", remedy="give a level between 0 and 1")
    raw = None if estimate.replay is None else bootstrap(estimate, draws=draws, seed=seed, workers=workers)
    calibrated = calibrate(estimate, raw, draws=draws, seed=seed)
    reason = _no_share(estimate)
    if reason:
        undefined = Interval.undefined(level=level, method="fieller")
        share = float("nan")
        if {"effect", "change"} <= set(estimate.terms) and estimate.value("change") != 0:
            share = estimate.value("effect") / estimate.value("change")
        return AttributionFactor(share, undefined, (), estimate, calibrated, raw, reason)
    problem = estimate.ratio_problem("effect", "change", level)
    found = fieller(problem)
    headline = Interval(found.low, found.high, level, found.kind, "fieller")
    if headline.kind != "bounded":
        reason = "the observed change is within noise" + (f"; {found.reason}" if "gap" in found.reason else "")
    others = [_delta_interval(problem, level)]
    if raw is not None:
        others += _bootstrap_intervals(estimate, raw, level)
    share = problem.numerator / problem.denominator
    return AttributionFactor(share, headline, tuple(others), estimate, calibrated, raw, reason)


def _no_share(estimate: Estimate) -> str:
    if "effect" not in estimate.terms and not estimate.n.control.units:
        return f"{estimate.method} has no comparison: its share would be 1 by construction"
    for term in ("effect", "change"):
        if term not in estimate.terms:
            return f"the estimate has no {term}"
    for term in ("effect", "change"):
        if not np.isfinite(estimate.std_error(term)):
            return f"the variance of the {term} is undefined"
    if estimate.value("change") == 0:
        return "the observed change is 0"
    share = estimate.value("effect") / estimate.value("change")
    if not np.isfinite(estimate.contrast({"effect": 1.0, "change": -share}).std_error):
        # Controls that do not change at all would make a share of 1 look exact.
        return "the variance of the share is undefined"
    return ""


def _delta_interval(problem: RatioProblem, level: float) -> Interval:
    error, df = delta(problem)
    half_width = float(stdtrit(df, (1 + level) / 2)) * error
    return Interval.around(problem.numerator / problem.denominator, half_width, level=level, method="delta")


def _bootstrap_intervals(estimate: Estimate, raw: Draws, level: float) -> list[Interval]:
    change = raw.term("change")
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(change != 0, raw.term("effect") / change, np.nan)
    ends = quantiles(shares, np.array([(1 - level) / 2, (1 + level) / 2]))
    share = estimate.value("effect") / estimate.value("change")
    influence = estimate.cluster_influence()
    columns = [estimate.terms.index(term) for term in ("effect", "change")]
    of_share = (influence[:, columns[0]] - share * influence[:, columns[1]]) / estimate.value("change")
    corrected = bca(shares, share, of_share, level)
    pairs = (("percentile", ends[0], ends[1]), ("bca", corrected.low, corrected.high))
    return [
        Interval(float(low), float(high), level, "bounded", method)
        if np.isfinite(low) and np.isfinite(high)
        else Interval.undefined(level=level, method=method)
        for method, low, high in pairs
    ]
