"""Synthetic difference-in-differences and synthetic control: a handful of trained sites against a mix of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import Controls
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.core.panel import Panel
from attribution.core.terms import part
from attribution.errors import MethodError
from attribution.estimators.sites.fit import Fitted, fit_sites, placebo_replicates
from attribution.estimators.sites.sites import Sites, site_name
from attribution.numerics.synthetic import CHANGE, CURVE, EFFECT, Kind, jackknife_layers, placebo_covariance

Floats = NDArray[np.float64]
SyntheticVariance = Literal["default", "placebo", "jackknife"]

FEWEST_DONORS = 5
"""Donors below which their spread says nothing: no interval, as with fewer than 5 clusters in an arm."""

NO_REPLAY = (
    "the weights of a synthetic site are fitted to these very donors: a resampled donor would be in the mix twice or "
    "not at all, and a single trained site cannot be resampled"
)


def synthetic(
    panel: Panel,
    *,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    kind: Kind = "did",
    controls: Controls = "not_yet",
    variance: SyntheticVariance = "default",
    placebos: int = 500,
    seed: int = 0,
) -> Estimate:
    """Estimate the effect on a handful of trained sites against a weighted mix of untrained ones.

    The estimand is the ATT in KPI units over the follow-up. Sites are the panel's clusters, or its units where there is
    no cluster: units are averaged by weight within site and period first. All trained sites begin at one date; a
    donor site enters with a value in every period of the windows. Terms are effect, change, background and the effect
    of each period (`effect[event=0]` is the first trained one; before it, the gap that the fit left). With `did` effect
    and change are both measured from the same weighted baseline periods, with `control` from their plain mean.
    The record has no map of weights; its variance is that of placebos.

    Parameters
    ----------
    baseline, followup
        Periods of the two windows; the weights are fitted to the baseline's, at least three.
    kind
        `"did"`: donors are to move like the trained, at any level; `"control"`: to be where the trained are.
    controls
        Who may be a donor: `"not_yet"` trained by the end of the follow-up, or `"never"`.
    variance
        `"placebo"` (default): the spread of donors taken as trained; `"jackknife"`: one site left out at a time with
        the weights held fixed, for `did` with at least two trained sites.
    placebos, seed
        How many sets of donors are tried at most, and the seed of those drawn where there are more.

    Raises
    ------
    MethodError
        Trained sites of several dates, sites that hold both arms, an empty arm, a variance that does not apply.
    DataError
        A trained site that lacks a period, or a period that is not in the panel.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> rows = [(s, t, 10 * s + t * (1 + s % 3) + 2 * (s == 1 and t > 3), 4 if s == 1 else None)
    ...         for s in range(9) for t in range(6)]
    >>> frame = pd.DataFrame(rows, columns=["site", "month", "sales", "start"])
    >>> panel = at.Panel.from_frame(frame, unit="site", period="month", outcome="sales", adopted="start")
    >>> est = synthetic(panel, baseline=[0, 1, 2, 3], followup=[4, 5])
    >>> round(est.value("effect"), 3), est.variance
    (2.0, 'placebo')

    Source: Arkhangelsky, Athey, Hirshberg, Imbens & Wager (2021), Synthetic difference-in-differences, Algorithms 1, 3
    and 4; Abadie, Diamond & Hainmueller (2010), Synthetic control methods, without covariates.
    """
    if variance not in get_args(SyntheticVariance):
        known = ", ".join(get_args(SyntheticVariance))
        raise MethodError(f"variance is {variance!r}", where="variance", remedy=f"choose one of {known}")
    fitted = fit_sites(panel, baseline=baseline, followup=followup, kind=kind, controls=controls)
    sites = fitted.sites
    found = _inference(fitted, variance, placebos, seed)
    events = tuple(part("effect", "event", int(code) - sites.adoption) for code in sites.codes)
    level = sites.center + fitted.path[sites.n_pre :].mean()
    effect, change = fitted.values[EFFECT], fitted.values[CHANGE]
    to_terms = _to_terms(len(fitted.values))
    return Estimate(
        method="synthetic",
        estimand="ATT",
        outcome=panel.columns.outcome,
        terms=("effect", "change", "background", UNTRAINED_LEVEL, *events),
        values=np.concatenate([[effect, change, change - effect, level - effect], fitted.curve]),
        influence=_influence(fitted),
        rows="units",
        clusters=sites.column,
        strata=found.strata,
        stratum_names=found.stratum_names,
        covariance=to_terms.T @ found.layers @ to_terms,
        stratum_df=found.df,
        variance=found.name,
        n=replace(sites.flow, composition=_composition(fitted)),
        direction=panel.direction,
        scale=panel.scale,
        outcome_range=sites.outcome_range,
        replay=None,
        no_replay=NO_REPLAY,
        notes=(*_notes(panel, fitted), *found.notes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Inference:
    """Covariance layers of `Fit.values`, one per stratum of sites, with df, name and what is to be said about it."""

    layers: Floats
    df: Floats
    strata: NDArray[np.int32]
    stratum_names: tuple[str, ...]
    name: str
    notes: tuple[str, ...]

    @classmethod
    def of_all(cls, fitted: Fitted, layer: Floats, df: float, name: str, notes: tuple[str, ...]) -> _Inference:
        """Return one layer for all sites: it is not a sum over those that could have been others."""
        strata = np.zeros(len(fitted.sites.table), dtype=np.int32)
        return cls(layer[None], np.array([df]), strata, ("sites",), name, notes)


def _inference(fitted: Fitted, variance: SyntheticVariance, placebos: int, seed: int) -> _Inference:
    n_trained, n_donors = fitted.sites.n_trained, len(fitted.donors)
    if variance == "jackknife":
        return _by_jackknife(fitted)
    if n_donors >= FEWEST_DONORS and n_donors > n_trained:
        return _by_placebos(fitted, placebos, seed)
    reason = f"{n_donors} donors cannot stand in for {n_trained} trained sites"
    if n_donors < FEWEST_DONORS:
        reason = f"the donors are {n_donors}; an interval needs at least {FEWEST_DONORS}"
    if variance == "placebo":
        raise MethodError(
            f"there are too few donors for placebos: {reason}",
            where="variance",
            remedy="add untrained sites, or use 'did', which needs no mix of donors",
        )
    size = len(fitted.values)
    return _Inference.of_all(fitted, np.full((size, size), np.nan), 1.0, "none", (f"no interval: {reason}",))


def _by_placebos(fitted: Fitted, placebos: int, seed: int) -> _Inference:
    found = placebo_replicates(fitted, placebos=placebos, seed=seed)
    n_trained, n_donors, count = fitted.sites.n_trained, len(fitted.donors), len(found.sets)
    layer = placebo_covariance(found.values, fitted.sites.share, n_donors)
    who = "donors" if n_trained == 1 else f"sets of {n_trained} donors"
    drawn = f"{count} {who} drawn with seed {seed}" if found.drawn else f"all {count} {who}"
    notes = [
        f"standard errors are the spread of {drawn}, each taken as trained (df {n_donors - 1}): they hold where the "
        "trained sites are of the same kind as the donors, and as noisy"
    ]
    if n_donors < 3 * n_trained:
        notes.append(f"{n_donors} donors for {n_trained} trained: placebos have few donors left, so intervals are wide")
    if fitted.kind == "control":
        notes.append(
            f"permutation: the error after training over that before ranks {found.rank} of {count + 1}, "
            f"p = {found.p_value:.3g}"
        )
    return _Inference.of_all(fitted, layer, min(n_donors, count) - 1.0, "placebo", tuple(notes))


def _by_jackknife(fitted: Fitted) -> _Inference:
    n_trained, n_donors = fitted.sites.n_trained, len(fitted.donors)
    problem = ""
    if fitted.kind == "control":
        problem = "the jackknife is not valid for a synthetic control: the gap is not free of the sites' levels"
    elif n_trained < 2 or n_donors < 2:
        problem = f"the jackknife leaves out one site at a time, and there are {n_trained} trained, {n_donors} donors"
    if problem:
        raise MethodError(problem, where="variance", remedy="use the default, 'placebo'")
    unit = fitted.fit.unit
    df = np.array([n_trained - 1.0, max(1.0 / float(unit @ unit) - 1.0, 1.0)])
    layers = jackknife_layers(fitted.trained, fitted.sites.share, fitted.donors, fitted.fit)
    note = "standard errors are the jackknife with the weights held fixed, which is too small for the background"
    strata = (np.arange(n_trained + n_donors) >= n_trained).astype(np.int32)
    return _Inference(layers, df, strata, ("trained", "control"), "jackknife", (note,))


def _to_terms(size: int) -> Floats:
    """Return the matrix from deviations of `Fit.values` to those of the terms.

    The level before training is taken as given: the untrained level moves as the background does.
    """
    matrix = np.zeros((size, size + 2))
    matrix[EFFECT, 0] = matrix[CHANGE, 1] = 1.0
    matrix[CHANGE, 2] = matrix[CHANGE, 3] = 1.0
    matrix[EFFECT, 2] = matrix[EFFECT, 3] = -1.0
    matrix[CURVE:, 4:] = np.eye(size - CURVE)
    return matrix


def _influence(fitted: Fitted) -> Floats:
    """Return each unit's influence on the terms with the weights held fixed, `[n_units, n_terms]`.

    A unit moves the mean of its site in each period it is observed in, and its site's share of the mean.
    """
    sites = fitted.sites
    n_periods, n_pre, n_trained = len(sites.codes), sites.n_pre, sites.n_trained
    after = np.where(np.arange(n_periods) >= n_pre, 1.0 / (n_periods - n_pre), 0.0)
    shift = np.append(fitted.fit.shift, np.zeros(n_periods - n_pre))
    since = np.append(fitted.fit.baseline, np.zeros(n_periods - n_pre))
    effect, curve = after - shift, np.eye(n_periods) - shift
    # What each period of a path does to the terms: of the trained mean, and of the mix that is taken from it.
    of_trained = np.vstack([effect, after - since, shift - since, shift, curve])
    of_mix = np.vstack([-effect, np.zeros(n_periods), effect, effect, -curve])
    found = np.zeros((len(sites.column), len(of_mix)))
    arms = ((of_trained, 0, sites.share), (of_mix, n_trained, fitted.fit.unit))
    for terms, start, share in arms:
        table = sites.table[start : start + len(share)]
        inside = np.flatnonzero((sites.column >= start) & (sites.column < start + len(share)))
        site = sites.column[inside]
        weight = sites.unit_weight[inside, None]
        moved = np.nan_to_num(sites.kpi[inside] - sites.table[site], nan=0.0) * weight / sites.mass[site]
        moved += (table - share @ table)[site - start] * weight / sites.weight[site, None]
        found[inside] = moved @ terms.T * share[site - start, None]
    return found


def _composition(fitted: Fitted) -> float:
    """Return how much of the effect comes from units that come and go and differ in level; 0 on complete windows."""
    sites, n_pre = fitted.sites, fitted.sites.n_pre
    if sites.complete or not sites.several:
        return 0.0
    gap = sites.share @ sites.own[: sites.n_trained] - fitted.fit.unit @ sites.own[sites.n_trained :]
    return float(gap[n_pre:].mean() - fitted.fit.baseline @ gap[:n_pre])


def _notes(panel: Panel, fitted: Fitted) -> tuple[str, ...]:
    sites, fit = fitted.sites, fitted.fit
    notes = []
    if sites.several:
        unit = panel.columns.unit or "row"
        notes.append(f"a site is a {site_name(panel)}: the values of its {unit}s are averaged by weight in each period")
        if not sites.complete and panel.kind == "panel":
            notes.append(_absent(sites, unit))
    largest = int(np.argmax(fit.unit))
    label = panel.units.cluster_labels[sites.cluster[sites.n_trained + largest]]
    notes.append(
        f"the mix is of {int((fit.unit > 0).sum())} of {len(fit.unit)} donors, the largest {label} with "
        f"{fit.unit[largest]:.0%}; before training it misses the trained by {fitted.error:.3g} (root mean square)"
    )
    if fitted.kind == "did":
        used = [(weight, code) for weight, code in zip(fit.baseline, sites.codes, strict=False) if weight >= 0.005]
        shown = ", ".join(f"{panel.periods.text(int(code))} {weight:.0%}" for weight, code in used[-6:])
        more = f" and {len(used) - 6} before" if len(used) > 6 else ""
        notes.append(f"effect and change are measured from the weighted baseline: {shown}{more}")
    if sites.flow.later:
        later = ", ".join(f"{count} in {period}" for period, count in sites.flow.later)
        notes.append(f"donors include {sum(count for _, count in sites.flow.later)} units that adopt later ({later})")
    return tuple(notes)


def _absent(sites: Sites, unit: str) -> str:
    inside = sites.column >= 0
    absent = int(np.isnan(sites.kpi[inside]).any(axis=1).sum())
    return (
        f"{absent} of {int(inside.sum())} {unit}s lack a value in some period: a site's mean is over who was observed"
    )
