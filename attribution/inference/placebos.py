"""Placebos: launches that did not happen, and training that nobody had. What is found there is not an effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from attribution.core.cohort import Cohort
from attribution.core.estimate import Estimate
from attribution.core.panel import NEVER, Observations, Panel
from attribution.diagnostics.kpi_table import outcome_table, path_of, row_means
from attribution.errors import DataError, MethodError
from attribution.numerics.power import root_of
from attribution.numerics.variance import welch_df
from attribution.registry import ESTIMATORS, load

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_DATES = 6
"""Fake launches that are tried, at most, evenly spread over the baseline."""

DRAWS = 4_000
"""Draws of how strong the strongest of several related tests is by chance."""

LARGEST = 400_000
"""Draws times clusters of fake arms, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class PlaceboLaunches:
    """What the analysis finds at launches inside the baseline, when nobody was trained.

    `dates` are the periods of the fake launches, `values` and `p_values` what was found there, in KPI units. `chance`
    is how likely the strongest of them is as strong where nothing happened: they share data, and are counted as so
    many tests as that leaves.
    """

    dates: tuple[str, ...]
    values: Floats
    p_values: Floats
    level: float
    chance: float = field(repr=False)

    @property
    def rejected(self) -> Bools:
        """Which dates show an effect that is told from 0."""
        return np.asarray(self.p_values < 1 - self.level)

    @property
    def largest(self) -> float:
        """The largest effect that is told from 0, without its sign; 0 where there is none."""
        return float(np.abs(self.values[self.rejected]).max()) if self.rejected.any() else 0.0


def placebo_launches(
    panel: Panel,
    *,
    trained: Bools,
    control: Bools,
    baseline: NDArray[np.int16],
    method: str = "did",
    options: Mapping[str, Any] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> PlaceboLaunches | None:
    """Return what an analysis finds at fake launches inside the baseline, trained and controls as they are.

    At each date the periods before it are the fake baseline and those from it on the fake follow-up. None with fewer
    than two periods, or where no date gives a standard error. `method` compares two windows. A date
    without an estimate is left out; raises what the method raises where no date has one.

    Source: Bertrand, Duflo & Mullainathan (2004), How much should we trust differences-in-differences estimates?, QJE
    119; that the dates are related is counted by draws of their joint distribution.
    """
    places = np.arange(1, len(baseline))
    if not len(places):
        return None
    if len(places) > MOST_DATES:
        places = places[np.unique(np.linspace(0, len(places) - 1, MOST_DATES).round().astype(int))]
    estimator = load(ESTIMATORS, method, kind="method")
    found: list[tuple[str, Estimate]] = []
    failed: DataError | MethodError | None = None
    inside = np.isin(panel.observations.period, baseline)
    past = replace(panel, observations=_rows(panel.observations, inside))
    for place in places:
        fake = as_if(past, trained=trained, control=control, start=int(baseline[place]))
        windows = [[panel.periods.labels[code] for code in part] for part in (baseline[:place], baseline[place:])]
        try:
            estimate = estimator(fake, baseline=windows[0], followup=windows[1], **(options or {}))
        except (DataError, MethodError) as error:
            failed = error
            continue
        term = "effect" if "effect" in estimate.terms else "change"
        estimate = estimate.combine({"effect": {term: 1.0}})
        if np.isfinite(estimate.std_error("effect")):
            found.append((panel.periods.text(int(baseline[place])), estimate))
    if not found:
        if failed is not None:
            raise failed
        return None
    contrasts = [estimate.contrast({"effect": 1.0}) for _, estimate in found]
    values = np.array([one.value for one in contrasts])
    p_values = np.array([2 * float(stdtr(one.df, -abs(one.value / one.std_error))) for one in contrasts])
    influence = np.stack([_by_cluster(panel, estimate) for _, estimate in found], axis=1)
    chance = _chance(influence, float(p_values.min()), seed)
    return PlaceboLaunches(tuple(date for date, _ in found), values, p_values, level, chance)


def _rows(observations: Observations, inside: Bools) -> Observations:
    return Observations(observations.unit[inside], observations.period[inside], observations.outcome[inside])


def _by_cluster(panel: Panel, estimate: Estimate) -> Floats:
    """Return the influence on the effect summed within the panel's clusters."""
    column = estimate.influence[:, 0]
    return np.bincount(panel.units.cluster, weights=column, minlength=len(panel.units.cluster_labels)).astype(float)


def _chance(influence: Floats, smallest: float, seed: int) -> float:
    """Return how likely the smallest of related p values is that small by chance: 1 − (1 − p)^k where they are not."""
    tests = influence.shape[1]
    if tests == 1:
        return smallest
    spread = np.sqrt((influence**2).sum(axis=0))
    scaled = influence / spread
    normal = np.random.default_rng(seed).standard_normal((DRAWS, tests)) @ root_of(scaled.T @ scaled).T
    return float((np.abs(normal).max(axis=1) >= -ndtri(smallest / 2)).mean())


def as_if(panel: Panel, *, trained: Bools, control: Bools, start: int) -> Panel:
    """Return the panel as if the trained had started in the period of code `start`, the controls never.

    Everybody else is left out. A cohort's weights are taken as they are.
    """
    if (trained & control).any():
        raise MethodError("a unit is in both arms", where="as_if", remedy="give each unit one arm")
    adopted = np.where(trained, start, np.where(control, NEVER, 0)).astype(np.int32)
    units = replace(panel.units, adopted=adopted)
    cohort = panel.cohort
    if cohort is not None:
        cohort = Cohort("given", "ATT", np.where(trained | control, cohort.weights, 0.0))
    return replace(panel, units=units, cohort=cohort)


@dataclass(frozen=True, slots=True, eq=False)
class PlaceboTrained:
    """How often the test finds an effect when some of the never-trained clusters are taken for trained.

    `rejected` is the share of `draws` in which it does at `level`; `clusters` are how many were taken for trained, and
    how many for their comparison.
    """

    rejected: float
    draws: int
    clusters: tuple[int, int]
    level: float

    @property
    def error(self) -> float:
        """The standard error of the share, by the number of draws, where the test keeps its level."""
        return float(np.sqrt(self.level * (1 - self.level) / self.draws))


FEWEST_CLUSTERS = 10
"""Clusters of the never trained below which a share of them is not taken for trained."""


def placebo_trained(
    panel: Panel,
    *,
    control: Bools,
    share: float,
    before: Sequence[int] | NDArray[np.int16],
    after: Sequence[int] | NDArray[np.int16],
    level: float = 0.95,
    seed: int = 0,
) -> PlaceboTrained | None:
    """Return how often `did` with its default variance finds an effect among those never trained, at random.

    A `share` of the clusters in `control` is taken for trained, again and again; `before` and `after` are codes of
    periods. Without covariates; missing months are freed of the mean of all. None with fewer than 10 clusters.

    Source: Bertrand, Duflo & Mullainathan (2004), QJE 119, section III.
    """
    change = window_change(panel, control, np.asarray(before), np.asarray(after))
    inside = control & (panel.weights > 0) & ~np.isnan(change)
    codes, place = np.unique(panel.units.cluster[inside], return_inverse=True)
    size = len(codes)
    if size < FEWEST_CLUSTERS:
        return None
    weight = np.bincount(place, weights=panel.weights[inside]).astype(float)
    total = np.bincount(place, weights=panel.weights[inside] * change[inside]).astype(float)
    many = min(max(round(share * size), 2), size - 2)
    draws = int(np.clip(LARGEST // size, 100, 1_000))
    order = np.argsort(np.random.default_rng(seed).random((draws, size)), axis=1)
    fake = np.zeros((draws, size), dtype=bool)
    np.put_along_axis(fake, order[:, :many], True, axis=1)
    statistic, df = _welch(fake, weight, total)
    p_values = 2 * stdtr(df, -np.abs(statistic))
    return PlaceboTrained(float((p_values < 1 - level).mean()), draws, (many, size - many), level)


def _welch(fake: Bools, weight: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Return the t statistic of each draw and its degrees of freedom: the cluster jackknife of two ratios of sums."""
    means, layers, df = [], [], []
    for arm in (fake, ~fake):
        count = arm.sum(axis=1)
        own, sums = arm @ weight, arm @ total
        mean = sums / own
        # What is left without each cluster of the arm, by the arm's own number of clusters.
        with np.errstate(divide="ignore", invalid="ignore"):
            left = (sums[:, None] - total) / (own[:, None] - weight)
        moved = np.where(arm, left - mean[:, None], 0.0)
        means.append(mean)
        layers.append((count - 1) / count * (moved**2).sum(axis=1))
        df.append(np.maximum(own**2 / (arm @ weight**2) - 1.0, 1.0))
    variance = np.stack(layers, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (means[0] - means[1]) / np.sqrt(variance.sum(axis=-1))
    return np.nan_to_num(statistic), np.nan_to_num(welch_df(variance, np.stack(df, axis=-1)), nan=1.0)


def window_change(panel: Panel, inside: Bools, before: NDArray[Any], after: NDArray[Any]) -> Floats:
    """Return each unit's mean over `after` less that over `before`, NaN where it has no KPI in either.

    In a window with missing months each is first freed of how the mean of `inside` deviates in it.
    """
    weight = np.where(inside & (panel.weights > 0), panel.weights, 0.0)
    means = []
    for codes in (before, after):
        table = outcome_table(panel, codes)
        path = path_of(table, weight)
        known = path[~np.isnan(path)]
        freed = table - path + (known.mean() if len(known) else np.nan)
        means.append(np.where(weight > 0, row_means(freed), np.nan))
    return np.asarray(means[1] - means[0])
