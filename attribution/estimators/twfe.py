"""Two-way fixed effects: a labelled reference, never a primary analysis where adoption is staggered."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.core.terms import part
from attribution.errors import MethodError
from attribution.estimators.counted import with_cohort_counted
from attribution.estimators.options import require_att, require_known
from attribution.estimators.strata import ever_never_strata, has_lone_arm
from attribution.estimators.two_way.flow import two_way_flow
from attribution.estimators.two_way.regression import Shape, TwoWay, reduce_two_way
from attribution.estimators.two_way.variances import TwoWayVariance, named_layers
from attribution.estimators.two_way.weights import weights_of
from attribution.estimators.windows.variances import Strata
from attribution.numerics.variance import Layers, cluster_sums, stratified

Floats = NDArray[np.float64]


def twfe(
    panel: Panel,
    *,
    shape: Shape = "static",
    leads: bool = False,
    variance: TwoWayVariance = "default",
    satterthwaite: str | None = None,
) -> Estimate:
    """Estimate the coefficient of training in a regression of the KPI on unit and period effects, as a reference.

    With `shape="static"` the term is `effect`, the coefficient of one dummy after adoption, in KPI units. With
    `"event"` there is a dummy for each event time (periods since adoption) e ≥ 0, with `leads=True` for e ≤ −2 too:
    terms `effect[event=e]`, and `effect`, their mean over e ≥ 0 weighted by trained unit-periods. Without leads all
    periods before adoption are the reference, with leads e = −1. Where adoption is staggered and effects differ, the
    coefficients weigh effects negatively or mix event times: they estimate no ATT, and there is no share.

    Parameters
    ----------
    shape, leads
        One dummy or event times; with or without those before adoption.
    variance
        `"default"` (cluster jackknife by adoption cohort, Welch–Satterthwaite df) or a named one for parity with other
        software, see `attribution.estimators.two_way.variances`.
    satterthwaite
        The term whose Satterthwaite df a named cluster variance takes; for CR2 and CR3 `"effect"` unless named.

    Raises
    ------
    MethodError
        Nobody trained, training that cannot be told from period effects, a variance that does not apply.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> rows = [(u, t, u + t + 2.0 * (u < 3 and t > 0), 1 if u < 3 else None) for u in range(6) for t in (0, 1, 2)]
    >>> frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start"])
    >>> panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    >>> round(float(twfe(panel).value("effect")), 12)
    2.0

    Source: Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, ch. 10.5; why it is no primary
    analysis: Goodman-Bacon (2021), de Chaisemartin & D'Haultfœuille (2020), Sun & Abraham (2021).
    """
    require_known(shape=(shape, Shape), variance=(variance, TwoWayVariance))
    require_att(panel, "twfe")
    if leads and shape == "static":
        raise MethodError("leads are event times", where="leads", remedy="set shape='event'")
    build = partial(_estimate, shape=shape, leads=leads, satterthwaite=satterthwaite)
    return with_cohort_counted(panel, variance, build)


def _estimate(
    panel: Panel, *, shape: Shape, leads: bool, satterthwaite: str | None, variance: TwoWayVariance
) -> Estimate:
    reduced = reduce_two_way(panel, shape, leads=leads)
    terms = ("effect", *(part("effect", "event", one) for one in reduced.events))
    if satterthwaite is not None and satterthwaite not in terms:
        raise MethodError(
            f"there is no term {satterthwaite!r}", where="satterthwaite", remedy=f"choose one of {', '.join(terms)}"
        )
    replay, ones = reduced.fitted, np.ones((1, reduced.n_clusters))
    values = replay(ones)[0]
    influence = _influence(reduced, values)
    size, names, ever = _cohorts(panel, reduced)
    strata = ever_never_strata(size, names, ever)
    notes = [*_what_it_is(panel, reduced, shape), *strata.notes]
    lone = has_lone_arm(size, ever)
    if variance != "default":
        place = None if satterthwaite is None else terms.index(satterthwaite)
        layers = named_layers(variance, panel, reduced, _matrix(reduced), place)
        if lone:
            notes.append(
                f"an arm is one cluster: the standard error is what the formula of {variance} gives, and says nothing"
            )
    elif satterthwaite is not None:
        raise MethodError(
            "the default variance has Welch–Satterthwaite df for every contrast",
            where="satterthwaite",
            remedy="leave it out, or name a cluster variance such as 'CR2'",
        )
    else:
        layers = _default(reduced, values, influence, strata, lone)
    return Estimate(
        method="twfe",
        estimand="ATT" if _dates(panel, reduced) < 2 else "ATT if all effects are equal",
        outcome=panel.columns.outcome,
        terms=terms,
        values=values,
        influence=influence,
        rows="units",
        clusters=reduced.clusters,
        strata=strata.code,
        stratum_names=strata.names,
        covariance=layers.covariance,
        stratum_df=layers.df,
        variance=variance,
        n=two_way_flow(panel, reduced),
        direction=panel.direction,
        scale=panel.scale,
        outcome_range=reduced.outcome_range,
        replay=replay,
        notes=tuple(notes),
    )


def _default(reduced: TwoWay, values: Floats, influence: Floats, strata: Strata, lone: bool) -> Layers:
    if lone:
        # An arm of one cluster has no variance, even where that cluster shares its stratum with others.
        return Layers(np.full((1, len(values), len(values)), np.nan), np.ones(1))
    by_cluster = cluster_sums(influence, reduced.clusters, reduced.n_clusters)
    return stratified(reduced.fitted, values, by_cluster, strata.code, strata.cluster_weight)


def _matrix(reduced: TwoWay) -> Floats:
    """Return the matrix from coefficients to terms, the shares of event times taken as they are."""
    fitted = reduced.fitted
    n_training = len(fitted.index) - fitted.n_periods
    training = np.eye(len(fitted.index))[:, fitted.n_periods :]
    if fitted.after is None:
        return training
    mean = np.zeros(len(fitted.index))
    share = fitted.shares(np.ones((1, reduced.n_clusters)))[0]
    mean[fitted.n_periods + n_training - len(share) :] = share
    return np.concatenate([mean[:, None], training], axis=1)


def _influence(reduced: TwoWay, values: Floats) -> Floats:
    """Return each unit's influence on the terms, that on the shares of event times included."""
    fitted = reduced.fitted
    coefficients, pseudo = fitted.at_ones()
    residual = reduced.outcome - reduced.rows_of(coefficients)
    # Residuals add up to 0 within a unit, so that the dummies need not be demeaned.
    found = reduced.weight[:, None] * (reduced.sums_by_unit(residual) @ (pseudo @ _matrix(reduced)))
    if fitted.after is not None:
        first = len(reduced.events) - fitted.after.shape[1]
        mine = reduced.event >= first
        away = np.where(mine, np.append(values[1:], 0.0)[reduced.event] - values[0], 0.0)
        moved = np.bincount(reduced.unit, weights=away, minlength=len(reduced.weight))
        found[:, 0] += reduced.weight * moved / fitted.after.sum()
    return np.where(reduced.entering[:, None], found, 0.0)


def _cohorts(panel: Panel, reduced: TwoWay) -> tuple[Floats, tuple[str, ...], NDArray[np.bool_]]:
    """Return the summed weight of each adoption cohort in each cluster, the cohorts' names, and who is ever trained."""
    n_periods, inside = len(panel.periods), np.flatnonzero(reduced.entering)
    adopted = np.minimum(panel.units.adopted[inside], n_periods)
    codes, cohort = np.unique(adopted, return_inverse=True)
    cell = reduced.clusters[inside].astype(np.int64) * len(codes) + cohort
    size = np.bincount(cell, weights=reduced.weight[inside], minlength=reduced.n_clusters * len(codes))
    names = tuple(panel.periods.text(int(code)) if code < n_periods else "never trained" for code in codes)
    return np.asarray(size, dtype=float).reshape(reduced.n_clusters, len(codes)), names, codes < n_periods


def _dates(panel: Panel, reduced: TwoWay) -> int:
    """Return at how many dates those who entered adopt."""
    return len(np.unique(panel.units.adopted[reduced.entering & (panel.units.adopted < len(panel.periods))]))


def _what_it_is(panel: Panel, reduced: TwoWay, shape: Shape) -> list[str]:
    dates, off = _dates(panel, reduced), panel.counts.switched_off
    notes = [f"{off} units go back to untrained; they count as trained from adoption on"] if off else []
    if dates < 2:
        return ["a reference: use did or staggered for the share", *notes]
    notes.insert(0, f"a reference, never primary: {dates} adoption dates; use staggered for effect and share")
    if shape == "event":
        return [*notes, "where cohorts' effects differ, each event time also weighs effects at other event times"]
    weights = weights_of(panel, reduced)
    return [*notes, weights.sentence] if weights.sum_negative < 0 else notes
