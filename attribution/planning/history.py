"""How the KPI varies without training: from the periods before the launch, or from what a design states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import NEVER, Panel
from attribution.errors import DataError, MethodError
from attribution.numerics.power import of_several, path_covariance, pooled_covariance
from attribution.planning.extension import LagModel, least_favourable, over_span
from attribution.planning.records import Noise

Floats = NDArray[np.float64]

LIKELY_ICC = 0.2
"""The share between clusters where nobody states one: Hedges & Hedberg (2007) find .22 between schools on average."""

FEW_CLUSTERS = 30
"""Clusters below which the history says so little of how clusters differ that the error is stated."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What the periods before the launch say of how a KPI varies, whatever span is asked of them.

    `total[n, n]` is the covariance of cluster means over the periods and `within[n, n]` that of units around them,
    `pairs` and `around` what each rests on; `inverse[n, n]` is what a cluster's units bring into the covariance of its
    means. `same_units` says whether the periods see the same units, `clusters` how many of them there are.
    """

    total: Floats
    pairs: Floats
    within: Floats
    around: Floats
    inverse: Floats
    same_units: bool
    clusters: int
    level: float
    source: str

    def noise(self, span: int, autocorrelation: float | None = None) -> Noise:
        """Return how the KPI varied over `span` periods, see `noise_of`."""
        total, pairs, within, around = self.total, self.pairs, self.within, self.around
        whole, model, longest = over_span(total, pairs, span, autocorrelation)
        unit = over_span(within, around, span, autocorrelation)[0]
        if not self.same_units and len(within) < span:
            unit = np.eye(span) * float(np.mean(np.diag(within)))
        if model is None and len(total) >= span:
            part = over_span(np.nan_to_num(within * self.inverse), np.where(around > 0, pairs, 0.0), span)[0]
        else:
            part = unit * float(np.nanmean(np.diag(self.inverse)))
        return Noise(
            between=whole - part,
            within=unit,
            level=self.level,
            source=self.source,
            assumed=_assumed(self.clusters, span, model, longest, autocorrelation),
        )


def noise_of(panel: Panel, *, span: int, until: int | None = None, autocorrelation: float | None = None) -> Noise:
    """Return how the KPI varied over `span` periods, from rows before the period code `until` and before training.

    Cluster means, and units around them, are taken around what their arm (to be trained, or not) shares in a period;
    covariances have unbiased denominators, and a pair of periods takes the clusters, or units, that have both. With
    `span` periods of history or more they are averaged over all windows of `span` periods: on clusters of equal size
    the variance of a before-after comparison is then that of Burlig, Preonas & Woerman. A shorter history gives the
    covariances of its lags; longer lags come from a fitted part that lasts and one that fades, and `assumed` says so.
    `autocorrelation` stands where one period says nothing of the next.

    `between` is an unbiased difference: where clusters differ by no more than their units explain it can have negative
    eigenvalues. What `Noise.of_mean` gives has none. Raises `DataError` for a history with fewer than 2 clusters in an
    arm, `MethodError` for a panel of one series or of one measurement.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> noise = noise_of(panel, span=2, until=2)
    >>> round(noise.sd, 3), noise.source
    (1.566, '54 units (fcode) over 2 periods, 1987 to 1988')

    Source: Burlig, Preonas & Woerman (2020), appendix D.1; analysis of variance for the parts between and within.
    """
    return history_of(panel, until).noise(span, autocorrelation)


def history_of(panel: Panel, until: int | None = None) -> History:
    """Return what rows before the period code `until` and before training say of the noise over any span.

    Raises as `noise_of` does.
    """
    if panel.kind not in ("panel", "repeated_cross_sections"):
        raise MethodError(
            f"the panel is a {panel.kind}, which does not show how units differ over time",
            where="history",
            remedy="state sd, icc and autocorrelation in [power], or give one row per unit and period",
        )
    stop = len(panel.periods) if until is None else min(until, len(panel.periods))
    rows = _rows_of(panel, stop)
    means, counts = rows.by_cluster()
    arm = rows.arm_of_cluster()
    known = counts.any(axis=1)
    total, pairs = pooled_covariance(means[known], arm[known])
    if not (np.diag(pairs) > 0).any():
        raise DataError(
            f"clusters of which the periods before the launch hold a KPI value: {int(known.sum())}, too few to see how "
            "clusters differ",
            where="history",
            remedy="give the history of more clusters, or state sd, icc and autocorrelation in [power]",
        )
    if panel.kind == "panel":
        table = rows.by_unit()
        within, around = pooled_covariance(table, panel.units.cluster)
        inverse = _inverse_sizes(~np.isnan(table), panel.units.cluster)
    else:
        within, around = rows.apart()
        inverse = np.diag([_mean_inverse(column) for column in counts.T])
        if not (pairs - np.diag(np.diag(pairs)) > 0).any():
            # Other clusters in every period: nothing of them lasts either.
            total, pairs = np.diag(np.diag(total)), np.broadcast_to(np.diag(pairs), pairs.shape).copy()
    if not (np.diag(around) > 0).any():
        within, around = np.zeros_like(total), pairs
    return History(
        total=total,
        pairs=pairs,
        within=within,
        around=around,
        inverse=inverse,
        same_units=panel.kind == "panel",
        clusters=int(known.sum()),
        level=rows.level(),
        source=_source(panel, rows, int(known.sum()), np.asarray(counts.any(axis=0))),
    )


def declared_noise(
    *,
    sd: float,
    span: int,
    icc: float | None = None,
    autocorrelation: float | None = None,
    level: float = float("nan"),
    same_units: bool = True,
    source: str = "stated in [power]",
) -> Noise:
    """Return how the KPI varies from what a design states: SD between units, share between clusters, correlation.

    What a cluster's units share, and each unit around it, both follow an AR(1) with `autocorrelation` from one period
    to the next: nothing lasts for good, which a before-after comparison would profit from. Where it is not stated it
    is the one at which such a comparison varies the most. Without `icc` a likely one is assumed. Other people in every
    period (`same_units=False`) share nothing but their cluster.

    Examples
    --------
    >>> noise = declared_noise(sd=2.0, icc=0.25, autocorrelation=0.5, span=2)
    >>> noise.between.tolist(), noise.within.tolist()
    ([[1.0, 0.5], [0.5, 1.0]], [[3.0, 1.5], [1.5, 3.0]])
    >>> noise.assumed
    ('the correlation with the next period is 0.5, and falls by that factor with each further period',)

    Source: Donner & Klar (2000) for the share between clusters; Hedges & Hedberg (2007), Educational Evaluation and
    Policy Analysis 29, for a likely one.
    """
    if not (np.isfinite(sd) and sd > 0):
        raise MethodError(f"sd is {sd!r}", where="sd", remedy="give a positive standard deviation between units")
    for name, value, top in (("icc", icc, 1.0), ("autocorrelation", autocorrelation, 0.999999)):
        if value is not None and not 0 <= value <= top:
            raise MethodError(f"{name} is {value!r}", where=name, remedy="give a number from 0 to 1")
    share = LIKELY_ICC if icc is None else icc
    keeps = least_favourable(span) if autocorrelation is None else autocorrelation
    assumed = []
    if icc is None:
        assumed.append(f"the share of the variance between clusters is not stated: {share:g}, as between schools")
    if autocorrelation is None and span > 1:
        assumed.append(
            f"the correlation from one period to the next is not stated: {keeps:.2g}, at which a before-after "
            f"comparison over {span} periods varies the most"
        )
    elif span > 1:
        assumed.append(
            f"the correlation with the next period is {keeps:g}, and falls by that factor with each further period"
        )
    shape = path_covariance(1.0, keeps, span)
    return Noise(
        between=share * sd**2 * shape,
        within=(1.0 - share) * sd**2 * (shape if same_units else np.eye(span)),
        level=level,
        source=source,
        assumed=tuple(assumed),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """KPI values before the training: `unit`, `period` and `value` of each, and of each unit its cluster and arm."""

    unit: NDArray[np.int32]
    period: NDArray[np.int16]
    value: Floats
    cluster: NDArray[np.int32]
    trained: NDArray[np.bool_]
    n_clusters: int
    n_periods: int

    def by_cluster(self) -> tuple[Floats, Floats]:
        """Return the mean `[n_clusters, n_periods]` of each cluster in each period, and the rows that it is of."""
        cell = self.cluster[self.unit].astype(np.int64) * self.n_periods + self.period
        size = self.n_clusters * self.n_periods
        count = np.bincount(cell, minlength=size).astype(float)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(cell, weights=self.value, minlength=size) / count
        shape = (self.n_clusters, self.n_periods)
        return mean.reshape(shape), count.reshape(shape)

    def by_unit(self) -> Floats:
        """Return the values `[n_units, n_periods]`, NaN where there is none."""
        table = np.full((len(self.cluster), self.n_periods), np.nan)
        table[self.unit, self.period] = self.value
        return table

    def arm_of_cluster(self) -> NDArray[np.int64]:
        """Return 1 for clusters of which somebody is to be trained, 0 for the others."""
        return (np.bincount(self.cluster, weights=self.trained, minlength=self.n_clusters) > 0).astype(np.int64)

    def apart(self) -> tuple[Floats, Floats]:
        """Return the variance of rows around their cluster's mean, by period; of another period there is no row."""
        mean, count = self.by_cluster()
        away = self.value - mean[self.cluster[self.unit], self.period]
        squares = np.bincount(self.period, weights=away**2, minlength=self.n_periods)
        left = (count - (count > 0)).sum(axis=0)
        with np.errstate(invalid="ignore"):
            variance = np.where(left > 0, squares / np.maximum(left, 1.0), float(squares.sum() / max(left.sum(), 1.0)))
        return np.diag(variance), np.broadcast_to(np.maximum(left, min(left.sum(), 1.0)), (self.n_periods,) * 2).copy()

    def level(self) -> float:
        """Return the mean KPI of those to be trained, of all where nobody is known to be."""
        own = self.trained[self.unit]
        return float(np.mean(self.value[own] if own.any() else self.value))


def _rows_of(panel: Panel, stop: int) -> _Rows:
    observations, units = panel.observations, panel.units
    before = (observations.period < stop) & (observations.period < units.adopted[observations.unit])
    kept = before & ~np.isnan(observations.outcome)
    if not kept.any():
        raise DataError(
            "no row before the launch has a KPI value of somebody who was not trained yet",
            where="history",
            remedy="give the KPI of the periods before the launch, or state sd, icc and autocorrelation in [power]",
        )
    return _Rows(
        unit=observations.unit[kept],
        period=observations.period[kept],
        value=observations.outcome[kept],
        cluster=units.cluster,
        trained=units.adopted != NEVER,
        n_clusters=len(units.cluster_labels),
        n_periods=max(stop, 1),
    )


def _inverse_sizes(seen: NDArray[np.bool_], cluster: NDArray[np.int32]) -> Floats:
    """Return, for each two periods, the mean over clusters that have both of n_both/(n_one·n_other)."""
    shape = (seen.shape[1],) * 2
    total, count = np.zeros(shape), np.zeros(shape)
    alone = seen[np.bincount(cluster)[cluster] == 1].astype(float)
    total += alone.T @ alone
    count += alone.T @ alone
    for own in of_several(cluster):
        mine = seen[own].astype(float)
        size = mine.sum(axis=0)
        both = np.outer(size, size)
        total += np.where(both > 0, mine.T @ mine / np.maximum(both, 1.0), 0.0)
        count += both > 0
    return total / np.maximum(count, 1.0)


def _mean_inverse(sizes: Floats) -> float:
    return float(np.mean(1.0 / sizes[sizes > 0])) if (sizes > 0).any() else 0.0


def _source(panel: Panel, rows: _Rows, clusters: int, held: NDArray[np.bool_]) -> str:
    names, periods = panel.columns, np.flatnonzero(held)
    unit = f" ({names.unit})" if names.unit else ""
    # Columns are named, not counted: their names have no plural.
    if names.cluster in (None, names.unit):
        who = f"{clusters:,} units{unit}"
    else:
        who = f"{clusters:,} clusters ({names.cluster})"
    units = len(np.unique(rows.unit))
    if units > clusters:
        who += f" of {units:,} units{unit}" if unit else f" of {units:,} rows"
    first, last = panel.periods.text(int(periods[0])), panel.periods.text(int(periods[-1]))
    if len(periods) == 1:
        return f"{who} in 1 period, {first}"
    return f"{who} over {len(periods)} periods, {first} to {last}"


def _assumed(
    clusters: int, span: int, model: LagModel | None, longest: int, autocorrelation: float | None
) -> tuple[str, ...]:
    found = []
    if model is not None and longest == 0:
        given = "as stated" if autocorrelation is not None else "at which a before-after comparison varies the most"
        found.append(
            f"one period of history says nothing of the next: a correlation of {model.keeps:.2g}, {given}, is assumed"
        )
    elif model is not None:
        share = model.lasting / (model.lasting + model.fading) if model.lasting + model.fading > 0 else 0.0
        found.append(
            f"the history shows how periods up to {longest} apart go together, and the plan has {span}: beyond, "
            f"{share:.0%} of the variance is taken to last, the rest to keep {model.keeps:.2g} of itself per period"
        )
    if clusters < FEW_CLUSTERS:
        error = 1.96 / np.sqrt(2.0 * (clusters - 1))
        found.append(
            f"how clusters differ is known from {clusters} of them: what can be seen is itself uncertain by about "
            f"±{error:.0%}"
        )
    return tuple(found)
