"""The estimate: values, how they move with every cluster, and what follows from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from attribution.core.flow import Flow
from attribution.core.interval import Interval
from attribution.core.panel import Direction, Scale
from attribution.errors import MethodError
from attribution.numerics.ratio import RatioProblem, fieller
from attribution.numerics.variance import cluster_sums, contrast_variance, welch_df

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

UNTRAINED_LEVEL = "untrained_level"
"""The term that percent effects divide by; it travels with the estimate but is shown on request only."""


class Replay(Protocol):
    """A map of weights: `weights[n_draws, n_clusters]` to `values[n_draws, n_terms]`, every estimated step redone."""

    def __call__(self, weights: Floats) -> Floats: ...


@runtime_checkable
class Standardised(Protocol):
    """A map whose effect speaks for units that have a weight of their own, beside that of the comparison.

    Weights that make an arm stand for all units say nothing of how many units are like one of them.
    `of_target[n_columns, n_terms]` is the part of the derivative by a column's weight that comes from its being spoken
    for.
    """

    @property
    def of_target(self) -> Floats: ...

    def apart(self, weights: Floats, own: Floats) -> Floats:
        """Return the terms for rows of `weights` of the comparison and `own` weights of whom the effect speaks for."""
        ...


class Regroupable(Protocol):
    """What an aggregated estimate was averaged from; it can be averaged in another way without a refit."""

    def aggregate(self, by: str) -> Estimate: ...


@dataclass(frozen=True, slots=True)
class Contrast:
    """A linear combination of terms: value, standard error (NaN where undefined), degrees of freedom."""

    value: float
    std_error: float
    df: float


@dataclass(frozen=True, slots=True)
class Percent:
    """A relative effect: 0.1 is ten percent. `interval` is its own set, `reason` why there is none."""

    estimate: float
    interval: Interval
    reason: str = ""

    def tidy(self) -> pd.DataFrame:
        """Return one row: `estimate`, then the columns of `Interval.tidy` and the `reason`."""
        frame = self.interval.tidy()
        frame.insert(0, "estimate", self.estimate)
        frame["reason"] = self.reason
        return frame

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(self.tidy())


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Values of `terms` with their influence, covariance layers and the map of weights that made them.

    `influence[n_rows, n_terms]` is the derivative at weights 1 in sum form: estimate − truth is about its column
    sum, and a row that does not enter is 0. `rows` says what a row is; `clusters` maps rows to columns of `replay` (−1:
    does not enter), `strata` columns to strata. `covariance[n_strata, n_terms, n_terms]` with `stratum_df` gives
    the standard error and df of any contrast; a variance chosen by name has one layer. Values are in KPI units,
    not signed by `direction`. `outcome_range` is the smallest and largest KPI value that entered, `adjusted` the
    covariates that the estimate adjusts for.
    """

    method: str
    estimand: str
    outcome: str
    terms: tuple[str, ...]
    values: Floats
    influence: Floats = field(repr=False)
    rows: Literal["units", "periods"]
    clusters: NDArray[np.int32] = field(repr=False)
    strata: NDArray[np.int32] = field(repr=False)
    stratum_names: tuple[str, ...]
    covariance: Floats = field(repr=False)
    stratum_df: Floats
    variance: str
    n: Flow = field(repr=False)
    direction: Direction
    scale: Scale
    outcome_range: tuple[float, float]
    replay: Replay | None = field(repr=False)
    no_replay: str = ""
    notes: tuple[str, ...] = ()
    source: Regroupable | None = field(default=None, repr=False)
    adjusted: tuple[str, ...] = ()

    def aggregate(self, by: str) -> Estimate:
        """Return the same group-time effects averaged in another way, without a refit.

        `by` is `simple`, `event`, `group`, `calendar` or `cells`. Raises `MethodError` for an estimate that is not an
        average of group-time effects.
        """
        if self.source is None:
            raise MethodError(
                f"{self.method} has no group-time effects to average",
                where="Estimate.aggregate",
                remedy="aggregate what at.staggered(…) or at.event_study(…) returned, not a combination of its terms",
            )
        return self.source.aggregate(by)

    @property
    def main(self) -> str:
        """The term the estimate is about: `effect`, or the first one where there is no effect."""
        return "effect" if "effect" in self.terms else self.terms[0]

    def value(self, term: str) -> float:
        """Return one term's value; raises `MethodError` for a term the estimate does not have."""
        return float(self.values[self._index(term)])

    def contrast(self, weights: Mapping[str, float]) -> Contrast:
        """Return a linear combination of terms with its standard error and Welch–Satterthwaite df.

        A contrast whose variance is exactly 0 has no standard error: NaN, never 0.
        """
        vector = np.zeros(len(self.terms))
        for term, weight in weights.items():
            vector[self._index(term)] = weight
        # A term outside the contrast may be undefined (a cohort of one cluster) without touching it.
        used = np.flatnonzero(vector)
        value = float(vector[used] @ self.values[used])
        layers = contrast_variance(self.covariance[:, used][:, :, used], vector[None, used])
        variance = float(layers.sum())
        # Where the variance is 0 in exact arithmetic, rounding leaves a trace: about eps² of the KPI's magnitude, and
        # eps of the terms' variances where these cancel.
        size = np.abs(vector)
        magnitude = max(abs(end) for end in self.outcome_range) * float(size.sum())
        total = np.abs(self.covariance).sum(axis=0)[np.ix_(used, used)]
        cancelled = float(size[used] @ total @ size[used])
        if not variance > max((1e-14 * magnitude) ** 2, 1e-14 * cancelled):
            return Contrast(value, np.nan, np.nan)
        return Contrast(value, float(np.sqrt(variance)), float(welch_df(layers, self.stratum_df)[0]))

    def std_error(self, term: str) -> float:
        """Return one term's standard error, NaN where it is undefined."""
        return self.contrast({term: 1.0}).std_error

    def interval(self, level: float = 0.95, *, term: str | None = None) -> Interval:
        """Return the t interval of a term, the effect unless named; `undefined` where its variance is.

        Raises `MethodError` for a level outside (0, 1) or a term the estimate does not have.
        """
        if not 0 < level < 1:
            raise MethodError(f"level is {level!r}", where="Estimate.interval", remedy="give a level between 0 and 1")
        found = self.contrast({term or self.main: 1.0})
        half_width = float(stdtrit(found.df, (1 + level) / 2)) * found.std_error
        return Interval.around(found.value, half_width, level=level, method=self.variance)

    def tidy(self, level: float = 0.95, *, hidden: bool = False) -> pd.DataFrame:
        """Return one row per term: `term, estimate, std_error, statistic, p_value, conf_low, conf_high`.

        `hidden=True` adds the terms that only serve percent effects.
        """
        import pandas as pd

        rows = []
        for term in self.terms if hidden else self.shown_terms:
            found = self.contrast({term: 1.0})
            interval = self.interval(level, term=term)
            statistic = found.value / found.std_error
            p_value = 2 * float(stdtr(found.df, -abs(statistic)))
            rows.append((term, found.value, found.std_error, statistic, p_value, interval.low, interval.high))
        columns = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def shown_terms(self) -> tuple[str, ...]:
        """The terms a reader sees."""
        return tuple(term for term in self.terms if term != UNTRAINED_LEVEL)

    def vcov(self, cluster: NDArray[np.int32] | None = None) -> pd.DataFrame:
        """Return the covariance matrix of the terms.

        With `cluster`, one integer code per row, it is recomputed from the influence, clustered by these
        codes with the factor G/(G−1) (CR1), whatever the estimate's own variance is.
        """
        import pandas as pd

        if cluster is None:
            total = self.covariance.sum(axis=0)
        else:
            codes = np.asarray(cluster)
            if codes.shape != self.clusters.shape:
                raise MethodError(
                    f"cluster has shape {codes.shape} for {len(self.clusters)} {self.rows}",
                    where="Estimate.vcov",
                    remedy="give one cluster code per row of the panel's units, in their order",
                )
            _, dense = np.unique(codes, return_inverse=True)
            dense = np.where(self.clusters >= 0, dense, -1).astype(np.int32)
            used = len(np.unique(dense[dense >= 0]))
            sums = cluster_sums(self.influence, dense, int(dense.max()) + 1)
            total = sums.T @ sums * (used / (used - 1)) if used > 1 else np.full_like(sums.T @ sums, np.nan)
        return pd.DataFrame(total, index=list(self.terms), columns=list(self.terms))

    def combine(self, weights: Mapping[str, Mapping[str, float]]) -> Estimate:
        """Return an estimate of linear combinations, `{"new term": {"term": weight, …}}`, without refitting."""
        matrix = np.zeros((len(self.terms), len(weights)))
        for column, parts in enumerate(weights.values()):
            for term, weight in parts.items():
                matrix[self._index(term), column] = weight
        return replace(
            self,
            terms=tuple(weights),
            values=combined(self.values[None], matrix)[0],
            influence=self.influence @ matrix,
            covariance=np.stack([combined(combined(one, matrix).T, matrix) for one in self.covariance]),
            replay=None if self.replay is None else Combined(self.replay, matrix),
            source=None,
        )

    def percent(self, level: float = 0.95, *, term: str | None = None) -> Percent:
        """Return a term relative to a level of the trained (0.1 is 10%), with its own set.

        On the linear scale the effect is divided by the follow-up level the trained would have had untrained, change
        and background by the trained units' baseline level, each with its Fieller set; on the log scale every term τ is
        exp(τ) − 1 with the transformed ends of its interval. `undefined`, with the reason, where the term has no
        standard error, the level is within noise of 0 or the KPI takes both signs.
        """
        name = term or self.main
        if self.scale == "log":
            inner = self.interval(level, term=name)
            ends = Interval(
                float(np.expm1(inner.low)), float(np.expm1(inner.high)), level, inner.kind, "exp(τ) − 1 of the interval"
            )
            return Percent(float(np.expm1(self.value(name))), ends)
        reason = self._no_percent(name)
        if reason:
            return Percent(float("nan"), Interval.undefined(level=level, method="fieller"), reason)
        parts = {UNTRAINED_LEVEL: 1.0}
        if name != "effect":
            parts |= {"effect": 1.0, "change": -1.0}
        ratio = self.combine({"term": {name: 1.0}, "level": parts})
        if 0.0 in ratio.interval(level, term="level"):
            reason = f"the level of {self.outcome} is within noise of 0"
            return Percent(float("nan"), Interval.undefined(level=level, method="fieller"), reason)
        found = fieller(ratio.ratio_problem("term", "level", level))
        ends = Interval(found.low, found.high, level, found.kind, "fieller")
        return Percent(ratio.value("term") / ratio.value("level"), ends, found.reason)

    def _no_percent(self, name: str) -> str:
        if "[" in name:
            return f"{name} is a part, whose own level is not estimated: percentages are of the overall terms"
        if UNTRAINED_LEVEL not in self.terms and self.estimand in ("ATE", "ATO"):
            return f"the effect is the {self.estimand}, and the level without training is known of the trained"
        if UNTRAINED_LEVEL not in self.terms:
            return f"{self.method} does not estimate the level the trained would have had untrained"
        if not np.isfinite(self.std_error(name)):
            return f"the variance of the {name} is undefined"
        if self.outcome_range[0] < 0 < self.outcome_range[1]:
            return f"{self.outcome} takes both signs, so that a percentage of its level has no meaning"
        return ""

    def ratio_problem(self, numerator: str, denominator: str, level: float) -> RatioProblem:
        """Return numerator and denominator with their joint covariance, ready for a ratio's confidence set."""
        pair = [self._index(numerator), self._index(denominator)]
        return RatioProblem(
            numerator=float(self.values[pair[0]]),
            denominator=float(self.values[pair[1]]),
            covariance=self.covariance[:, pair][:, :, pair],
            df=self.stratum_df,
            level=level,
        )

    def cluster_influence(self) -> Floats:
        """Return the influence summed within cluster, `[n_clusters, n_terms]`, in the order of replay's columns."""
        return cluster_sums(self.influence, self.clusters, len(self.strata))

    def _index(self, term: str) -> int:
        if term not in self.terms:
            raise MethodError(
                f"there is no term {term!r}",
                where=f"estimate {self.method}",
                remedy=f"choose one of {', '.join(self.terms)}",
            )
        return self.terms.index(term)

    def __repr__(self) -> str:
        first = [term for term in self.shown_terms if "[" not in term][:3]
        parts = [f"{term} {self.value(term):.5g} (SE {self.std_error(term):.4g})" for term in first]
        if len(self.shown_terms) > len(first):
            parts.append(f"and {len(self.shown_terms) - len(first)} more terms")
        return f"Estimate({self.method!r}, {self.outcome!r}: {', '.join(parts)}; {self.n})"

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        title = f"{self.method}: {self.estimand} on {self.outcome}, {self.n}; variance {self.variance}"
        return table_html(self.tidy(), caption=title) + (f"<ul>{notes}</ul>" if notes else "")


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """A map of weights followed by a fixed linear combination of its terms."""

    replay: Replay
    matrix: Floats

    def __call__(self, weights: Floats) -> Floats:
        return combined(self.replay(weights), self.matrix)


def combined(values: Floats, matrix: Floats) -> Floats:
    """Return `values @ matrix`, where an undefined value reaches only the combinations that use it."""
    missing = np.isnan(values)
    if not missing.any():
        return np.asarray(values @ matrix)
    touched = missing.astype(float) @ (matrix != 0)
    return np.where(touched > 0, np.nan, np.where(missing, 0.0, values) @ matrix)
