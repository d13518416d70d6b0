"""What many rehearsals say together: rates, bias, errors of sign and of size, each with its Monte Carlo error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Direction
from attribution.study.rehearsal_rows import NAN, Rehearsed

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROI_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Measure:
    """One number over rehearsals with its Monte Carlo standard error, over `n` of them; NaN where there are none."""

    name: str
    value: float
    mc_error: float
    n: int
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The rows of one injected effect as arrays, those without an estimate aside; everything signed as improvement."""

    effect: float
    estimate: Floats
    low: Floats
    high: Floats
    share: Floats
    share_low: Floats
    share_high: Floats
    kind: NDArray[np.str_]
    truth: Floats
    works: Bools
    claimed: Bools
    compared: bool
    failed: int


def columns_of(mine: Sequence[Rehearsed], effect: float, direction: Direction, background: dict[str, float]) -> Columns:
    """Return the rows of one injected effect (in KPI units) as arrays.

    `background` is, by launch, the mean change of those who were drawn there when nothing was injected: the true share
    of a launch is δ / (δ + background).
    """
    good = [row for row in mine if not row.problem]
    sign = 1.0 if direction == "higher" else -1.0

    def numbers(name: str) -> Floats:
        return np.array([getattr(row, name) for row in good], dtype=float)

    low, high = sign * numbers("low"), sign * numbers("high")
    whole = effect + np.array([background.get(row.launch, NAN) for row in good], dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        truth = np.where(whole != 0, effect / whole, np.nan)
    return Columns(
        effect=sign * effect + 0.0,
        estimate=sign * numbers("estimate"),
        low=np.minimum(low, high),
        high=np.maximum(low, high),
        share=numbers("share"),
        share_low=numbers("share_low"),
        share_high=numbers("share_high"),
        kind=np.array([row.share_kind for row in good], dtype=np.str_),
        truth=truth,
        works=np.array([row.verdict == "works" for row in good], dtype=bool),
        claimed=np.array([row.verdict == "works" and not row.gates for row in good], dtype=bool),
        compared=all(row.term == "effect" for row in good),
        failed=len(mine) - len(good),
    )


def measures(columns: Columns) -> list[Measure]:
    """Return every measure of one injected effect; those of shares only where the analysis has a share."""
    effect, estimate, some = columns.effect, columns.estimate, columns.effect != 0
    told = (columns.low > 0) | (columns.high < 0)
    what = "effect" if columns.compared else "observed change"
    found = [
        rate("power" if some else "false_claims", told, f"the interval of the {what} leaves out 0"),
        rate("success_claims", columns.low > 0, "it lies on the side of an improvement: success could be claimed"),
        rate("works", columns.works, "the verdict is that it works, before the gates"),
        rate("claimed", columns.claimed, "the report would say that it works, after the gates"),
        mean("bias", estimate - effect, f"{what} less the injected effect, as improvement, in KPI units"),
        _rmse(estimate - effect),
        rate("coverage", (columns.low <= effect) & (effect <= columns.high), "the interval holds the injected effect"),
    ]
    if some:
        seen = estimate[told]
        found += [
            rate("type_s", np.sign(seen) != np.sign(effect), "of those told from 0: the sign is wrong"),
            mean("type_m", np.abs(seen) / abs(effect), "of those told from 0: how many times too large"),
        ]
    if columns.compared:
        found += _of_share(columns)
    found.append(Measure("failed", float(columns.failed), NAN, len(estimate) + columns.failed, "without an estimate"))
    return found


def _of_share(columns: Columns) -> list[Measure]:
    bounded, known = columns.kind == "bounded", ~np.isnan(columns.truth)
    low, high, truth = columns.share_low, columns.share_high, columns.truth
    inside = np.where(columns.kind == "disjoint", (truth <= low) | (truth >= high), (low <= truth) & (truth <= high))
    holds = inside | (columns.kind == "unbounded")
    found = [
        rate("share_not_estimable", ~bounded, "the share is not estimable: its set is not bounded"),
        rate("share_coverage", holds[known], "the set of the share holds the true one"),
        rate("share_coverage_quoted", holds[known & bounded], "the same, of shares that would be quoted"),
        _quantile("share_bias", (columns.share - truth)[known & bounded], 0.5, "median of quoted less true shares"),
    ]
    if columns.effect != 0:
        quoted = known & bounded & ((low > 0) | (high < 0)) & (truth != 0)
        share, true = columns.share[quoted], truth[quoted]
        found += [
            rate("share_type_s", np.sign(share) != np.sign(true), "of quoted shares told from 0: the sign is wrong"),
            _quantile("share_type_m", np.abs(share / true), 0.5, "of these: how many times too large, the median"),
        ]
    return found


def money_measures(rows: Sequence[Rehearsed]) -> list[Measure]:
    """Return the distribution of the ROI that would be reported, over rows that have one."""
    good = [row for row in rows if row.roi == row.roi]
    if not good:
        return []
    reported = np.array([row.roi for row in good])
    low = np.array([row.roi_low for row in good])
    found = [
        _quantile(f"roi_q{round(100 * q):02d}", reported, q, f"{q:.0%} of reported ROIs are below")
        for q in ROI_QUANTILES
    ]
    return [
        *found,
        rate("roi_positive", reported > 0, "the reported ROI is above 0"),
        rate("roi_told_positive", low > 0, "the interval of the ROI lies above 0"),
    ]


def rate(name: str, happened: Bools, words: str) -> Measure:
    """Return how often something happened; its error at (x + 2)/(n + 4), so that never and always have one too.

    Source: Agresti & Coull (1998), The American Statistician 52.
    """
    n = len(happened)
    if not n:
        return Measure(name, NAN, NAN, 0, words)
    near = (float(happened.sum()) + 2) / (n + 4)
    return Measure(name, float(happened.mean()), float(np.sqrt(near * (1 - near) / n)), n, words)


def mean(name: str, values: Floats, words: str) -> Measure:
    """Return a mean with its standard error."""
    values = values[np.isfinite(values)]
    n = len(values)
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else NAN
    return Measure(name, float(values.mean()) if n else NAN, error, n, words)


def _rmse(misses: Floats) -> Measure:
    squares = misses[np.isfinite(misses)] ** 2
    n, words = len(squares), "root mean square of the same"
    if n < 2 or not squares.any():
        return Measure("rmse", float(np.sqrt(squares.mean())) if n else NAN, NAN, n, words)
    value = float(np.sqrt(squares.mean()))
    # By the delta method from the error of the mean square.
    return Measure("rmse", value, float(squares.std(ddof=1) / (2 * value * np.sqrt(n))), n, words)


def _quantile(name: str, values: Floats, q: float, words: str) -> Measure:
    """Return a quantile; its error from the order statistics one binomial error to either side."""
    values = values[~np.isnan(values)]
    n = len(values)
    if not n:
        return Measure(name, NAN, NAN, 0, words)
    step = np.sqrt(q * (1 - q) / n)
    low, at, high = np.quantile(values, [max(q - step, 0), q, min(q + step, 1)], method="inverted_cdf")
    return Measure(name, float(at), float((high - low) / 2) if n > 9 else NAN, n, words)


def by_launch(rows: Sequence[Rehearsed], level: float) -> pd.DataFrame:
    """Return for each date the benchmark that re-drawn assignments make: see `Rehearsal.by_launch`."""
    import pandas as pd
    from scipy.special import stdtrit

    none = [row for row in rows if row.injected == 0 and row.std_error == row.std_error]
    made = []
    for launch in sorted({row.launch for row in none}):
        mine = [row for row in none if row.launch == launch]
        size = np.abs([row.estimate / row.std_error for row in mine])
        nominal = stdtrit(np.array([row.df for row in mine]), (1 + level) / 2)
        n = len(mine)
        # The largest statistics whose rank among the drawn ones gives a p value of at most 1 − level.
        most = int(np.floor((1 - level) * n + 1e-9))
        made.append(
            (
                launch,
                n,
                float(np.quantile(size, level, method="inverted_cdf")),
                float(np.median(nominal)),
                float((size > nominal).mean()),
                most / n,
            )
        )
    names = ["launch", "rehearsals", "critical_permuted", "critical_nominal", "false_claims", "false_claims_permuted"]
    return pd.DataFrame(made, columns=names)
