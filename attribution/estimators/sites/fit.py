"""The fit behind a synthetic site: whole sites, the weights of donors and periods, and donors taken as trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import Controls, windows
from attribution.core.panel import Panel
from attribution.errors import MethodError, require_counts
from attribution.estimators.options import require_att, require_given_weights, require_known, require_periods
from attribution.estimators.sites.sites import Sites, site_table
from attribution.numerics.synthetic import (
    CURVE,
    EFFECT,
    Fit,
    Kind,
    error_ratio,
    fit_error,
    fit_weights,
    placebo_sets,
    placebo_values,
)

Floats = NDArray[np.float64]

FEWEST_BASELINE = 3
"""Baseline periods below which there is no path that a mix of donors could be fitted to."""
FEWEST_PLACEBOS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A panel's sites, the weights fitted to them, and the vector of `Fit.values`; the weights record shares it."""

    sites: Sites
    kind: Kind
    fit: Fit
    values: Floats

    @property
    def trained(self) -> Floats:
        return self.sites.table[: self.sites.n_trained]

    @property
    def donors(self) -> Floats:
        return self.sites.table[self.sites.n_trained :]

    @property
    def path(self) -> Floats:
        """The trained sites' mean in each period, less the center."""
        return np.asarray(self.sites.share @ self.trained)

    @property
    def curve(self) -> Floats:
        """The effect of each period, baseline first."""
        return self.values[CURVE:]

    @property
    def spread(self) -> float:
        """How much donors differ in a baseline period (SD): in where they are, for `did` in where they moved."""
        before = self.donors[:, : self.sites.n_pre]
        if self.kind == "did":
            before = before - before.mean(axis=1, keepdims=True)
        return float(np.sqrt(np.mean(np.var(before, axis=0, ddof=1)))) if len(before) > 1 else float("nan")

    @property
    def error(self) -> float:
        """The root mean squared gap in the baseline, free of its mean where the fit has an intercept."""
        return fit_error(self.curve, self.sites.n_pre, intercept=self.kind == "did")


def fit_sites(
    panel: Panel, *, baseline: Sequence[Any], followup: Sequence[Any], kind: Kind, controls: Controls
) -> Fitted:
    """Return the sites and their fitted weights; raises as `synthetic` does."""
    require_known(kind=(kind, Kind), controls=(controls, Controls))
    require_periods(panel, "synthetic")
    if panel.kind == "series":
        raise MethodError(
            "the panel is one series, without any other site to mix",
            where="synthetic",
            remedy="use 'trend', or give the series of other sites too",
        )
    require_att(panel, "synthetic")
    require_given_weights(panel, "synthetic")
    before, after = windows(panel, baseline, followup)
    if len(before.codes) < FEWEST_BASELINE:
        raise MethodError(
            f"the baseline is of {len(before.codes)}, which is no path that weights could be fitted to",
            where="baseline",
            remedy=f"give at least {FEWEST_BASELINE} periods before training, better a dozen, or use 'did'",
        )
    sites = site_table(panel, before, after, controls)
    path, donors = sites.share @ sites.table[: sites.n_trained], sites.table[sites.n_trained :]
    try:
        fit = fit_weights(path, donors, sites.n_pre, sites.n_trained, kind)
    except RuntimeError as error:
        raise MethodError(
            f"the weights of {len(donors)} donors did not come to rest ({error})",
            where="synthetic",
            remedy="look for donors with KPI values of another order of magnitude, and leave them out",
        ) from error
    return Fitted(sites, kind, fit, fit.values(path, donors))


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """Sets of donors taken as trained, `sets[n_sets, n_trained]`, and `Fit.values` of each, `[n_sets, 2 + n_periods]`.

    `statistic[n_sets]` and `own` are what they are ranked by: for `control` the error after training over that before,
    for `did` the size of the effect. `drawn` says that there are more sets than these.
    """

    sets: NDArray[np.intp]
    values: Floats
    statistic: Floats
    own: float
    drawn: bool

    def errors(self, fitted: Fitted) -> Floats:
        """Return the root mean squared gap in the baseline of each set, as `Fitted.error` is of the trained."""
        curves, n_pre = self.values[:, CURVE:], fitted.sites.n_pre
        return np.array([fit_error(curve, n_pre, intercept=fitted.kind == "did") for curve in curves])

    @property
    def rank(self) -> int:
        """The rank of the trained among the placebos and themselves, 1 for the most extreme."""
        return 1 + int((self.statistic >= self.own).sum())

    @property
    def p_value(self) -> float:
        """The share of placebos, the trained among them, at least as extreme as the trained."""
        return self.rank / (len(self.statistic) + 1)


def placebo_replicates(fitted: Fitted, *, placebos: int, seed: int) -> Replicates:
    """Take donors as trained, as many sites at a time as were; all sets where there are at most `placebos`.

    Raises `MethodError` for a number or seed out of range, or where no donor would be left.
    """
    require_counts(placebos=(placebos, FEWEST_PLACEBOS), seed=(seed, 0))
    sites, donors = fitted.sites, fitted.donors
    if len(donors) <= sites.n_trained:
        raise MethodError(
            f"{len(donors)} donors cannot stand in for {sites.n_trained} trained sites: none would be left to mix",
            where="placebos",
            remedy="add untrained sites, or use 'did', which needs no mix of donors",
        )
    # Sites of unequal weight are not exchangeable: who stands for whom then matters.
    ordered = bool(np.ptp(sites.share) > 1e-12)
    rng = np.random.default_rng(seed)
    sets, drawn = placebo_sets(len(donors), sites.n_trained, placebos, ordered=ordered, rng=rng)
    values = placebo_values(donors, sets, sites.share, sites.n_pre, fitted.kind)
    every = np.concatenate([values, fitted.values[None]])
    if fitted.kind == "control":
        statistic = error_ratio(every[:, CURVE:], sites.n_pre)
    else:
        statistic = np.abs(every[:, EFFECT])
    return Replicates(sets, values, statistic[:-1], float(statistic[-1]), drawn)
