"""The attribution factor: the training's share of the observed change, and its confidence set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from attribution.core.estimate import Estimate
from attribution.core.interval import Draws, Interval
from attribution.core.terms import parse
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
    percentile and BCa. `part` names the part of the terms that the share is of, such as "event=2", and is empty for
    the overall share; `estimate` and `draws`, and so money, are always those of the overall effect.
    """

    share: float
    interval: Interval
    others: tuple[Interval, ...]
    estimate: Estimate = field(repr=False)
    draws: Draws | None = field(repr=False)
    raw_draws: Draws | None = field(repr=False)
    reason: str = ""
    part: str = ""

    @property
    def estimable(self) -> bool:
        """Say whether the share may be quoted: its set is bounded."""
        return self.interval.kind == "bounded"

    @property
    def improvement(self) -> tuple[float, float]:
        """Effect and change signed as improvement: positive is better, whatever the KPI's direction."""
        sign = 1.0 if self.estimate.direction == "higher" else -1.0
        effect, change = (
            self.estimate.value(term) if term in self.estimate.terms else float("nan") for term in _pair(self.part)
        )
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
        of = f" of {self.part}" if self.part else ""
        return f"AttributionFactor(share{of} {self.share:.5g}, {self.interval.method} {self.interval}{reason})"

    def _repr_html_(self) -> str:
        from html import escape

        from attribution.core.display import table_html

        note = f"<p>{escape(self.reason)}</p>" if self.reason else ""
        of = f", {self.part}" if self.part else ""
        return table_html(self.tidy(), caption=f"Share of the change in {self.estimate.outcome}{of}") + note


def attribution_factor(
    estimate: Estimate, *, part: str = "", draws: int = 1999, seed: int = 0, level: float = 0.95, workers: int = 1
) -> AttributionFactor:
    """Return the training's share of the observed change with its Fieller set, and joint draws for money.

    The share is effect/change of one estimate; with `part="event=2"` it is effect[event=2]/change[event=2], while the
    draws for money stay those of the overall effect. The headline set inverts |τ − fΔ| ≤ t(df(f))·SE(τ − fΔ); beside it
    stand the delta, percentile and BCa intervals. An estimate without an effect or a change has no share: NaN, kind
    `undefined`, with the reason. Raises `MethodError` for a level outside (0, 1), a count below 1, or a part that the
    estimate does not have.

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
    _require(estimate, level, "attribution_factor")
    require_draws(draws, seed, workers)
    if part and f"effect[{part}]" not in estimate.terms:
        known = ", ".join(parts_of(estimate))
        raise MethodError(
            f"part is {part!r}",
            where=f"estimate {estimate.method}",
            remedy=f"choose one of {known}" if known else "leave part out: the estimate has no parts",
        )
    raw = None if estimate.replay is None else bootstrap(estimate, draws=draws, seed=seed, workers=workers)
    calibrated = calibrate(estimate, raw, draws=draws, seed=seed)
    share, headline, reason = _headline(estimate, part, level)
    others: list[Interval] = []
    if headline.kind != "undefined":
        others = [_delta_interval(estimate.ratio_problem(*_pair(part), level), level)]
        if raw is not None:
            others += _bootstrap_intervals(estimate, raw, part, level)
    return AttributionFactor(share, headline, tuple(others), estimate, calibrated, raw, reason, part)


def shares(estimate: Estimate, *, level: float = 0.95) -> pd.DataFrame:
    """Return the share of the change by part, the overall one first: a row for each with its Fieller set.

    Columns: `part` ("" overall, then such as "event=2"), `effect`, `change`, `share`, `low`, `high`, `kind`, `level`
    and `reason`, which says why a set is not bounded. The rows are parts that have both an effect and a change. Each
    set holds its own share with the probability `level`, not all of them at once. Raises `MethodError` for a level
    outside (0, 1).

    Examples
    --------
    >>> import attribution as at
    >>> from attribution.inference.factor import shares
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> found = shares(at.did(panel, baseline=[1987], followup=[1988]))
    >>> found[["share", "low", "high"]].round(4).to_numpy().tolist()
    [[0.8466, -0.3346, 1.4482]]

    Source: Fieller (1954), Some problems in interval estimation, J. R. Stat. Soc. B 16.
    """
    import pandas as pd

    _require(estimate, level, "shares")
    rows = []
    for part in ("", *parts_of(estimate)):
        share, found, reason = _headline(estimate, part, level)
        effect, change = (estimate.value(term) if term in estimate.terms else float("nan") for term in _pair(part))
        rows.append((part, effect, change, share, found.low, found.high, found.kind, level, reason))
    columns = ["part", "effect", "change", "share", "low", "high", "kind", "level", "reason"]
    return pd.DataFrame(rows, columns=columns)


def parts_of(estimate: Estimate) -> tuple[str, ...]:
    """Return the parts that have both an effect and a change, as "event=2", in the order of the terms."""
    found = []
    for term in estimate.terms:
        parsed = parse(term)
        if parsed is not None and parsed[0] == "effect":
            label = f"{parsed[1]}={parsed[2]}"
            if f"change[{label}]" in estimate.terms:
                found.append(label)
    return tuple(found)


def _require(estimate: Estimate, level: float, where: str) -> None:
    require_type(estimate, Estimate, name="estimate", remedy="pass what an estimator returns, such as at.did(…)")
    if not 0 < level < 1:
        raise MethodError(f"level is {level!r}", where=where, remedy="give a level between 0 and 1")


def _pair(part: str) -> tuple[str, str]:
    return (f"effect[{part}]", f"change[{part}]") if part else ("effect", "change")


def _headline(estimate: Estimate, part: str, level: float) -> tuple[float, Interval, str]:
    """Return the share, its Fieller set, and why the set is not bounded."""
    effect, change = _pair(part)
    reason = _no_share(estimate, part)
    if reason:
        share = float("nan")
        if {effect, change} <= set(estimate.terms) and estimate.value(change) != 0:
            share = estimate.value(effect) / estimate.value(change)
        return share, Interval.undefined(level=level, method="fieller"), reason
    problem = estimate.ratio_problem(effect, change, level)
    found = fieller(problem)
    if found.kind != "bounded":
        reason = "the observed change is within noise" + (f"; {found.reason}" if "gap" in found.reason else "")
    headline = Interval(found.low, found.high, level, found.kind, "fieller")
    return problem.numerator / problem.denominator, headline, reason


def _no_share(estimate: Estimate, part: str) -> str:
    effect, change = _pair(part)
    if "effect" not in estimate.terms and not estimate.n.control.units:
        return f"{estimate.method} has no comparison: its share would be 1 by construction"
    if change not in estimate.terms and estimate.estimand in ("ATE", "ATO"):
        return f"the effect is the {estimate.estimand}, and not that on the trained, whose change a share is of"
    if change not in estimate.terms and not estimate.n.baseline:
        return f"{estimate.outcome} was measured once: there is no change to take a share of"
    for term in (effect, change):
        if term not in estimate.terms:
            return f"the estimate has no {term}"
    for term in (effect, change):
        if not np.isfinite(estimate.std_error(term)):
            return f"the variance of the {term} is undefined"
    if estimate.value(change) == 0:
        return "the observed change is 0"
    share = estimate.value(effect) / estimate.value(change)
    if not np.isfinite(estimate.contrast({effect: 1.0, change: -share}).std_error):
        # Controls that do not change at all would make a share of 1 look exact.
        return "the variance of the share is undefined"
    return ""


def _delta_interval(problem: RatioProblem, level: float) -> Interval:
    error, df = delta(problem)
    half_width = float(stdtrit(df, (1 + level) / 2)) * error
    return Interval.around(problem.numerator / problem.denominator, half_width, level=level, method="delta")


def _bootstrap_intervals(estimate: Estimate, raw: Draws, part: str, level: float) -> list[Interval]:
    effect, change = _pair(part)
    below = raw.term(change)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.where(below != 0, raw.term(effect) / below, np.nan)
    ends = quantiles(drawn, np.array([(1 - level) / 2, (1 + level) / 2]))
    share = estimate.value(effect) / estimate.value(change)
    influence = estimate.cluster_influence()
    columns = [estimate.terms.index(term) for term in (effect, change)]
    of_share = (influence[:, columns[0]] - share * influence[:, columns[1]]) / estimate.value(change)
    corrected = bca(drawn, share, of_share, level)
    pairs = (("percentile", ends[0], ends[1]), ("bca", corrected.low, corrected.high))
    return [
        Interval(float(low), float(high), level, "bounded", method)
        if np.isfinite(low) and np.isfinite(high)
        else Interval.undefined(level=level, method=method)
        for method, low, high in pairs
    ]
