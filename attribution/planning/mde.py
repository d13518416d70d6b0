"""The minimum detectable effect of a plan, from how its estimator weighs cohorts and periods and how the KPI varies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attribution.diagnostics.baseline import ROLLOUTS
from attribution.errors import MethodError
from attribution.numerics.power import minimum_detectable, power_at
from attribution.planning.jackknife import expected_df, expected_layer, rollout_layers
from attribution.planning.records import Mde, Noise, Plan
from attribution.planning.skeleton import PathWeights, path_weights

Floats = NDArray[np.float64]

BY_SIMULATION = {
    "trend": "a trend's interval comes from the errors of the fitted series: there is no formula, only simulation",
    "synthetic": "a synthetic control's interval comes from placebos among the donors: there is no formula, only "
    "simulation",
}

FEW, TOO_FEW = 10, 5
"""Clusters in an arm below which the test itself is not to be relied on (METHODS 3), and below which it fails."""

POINTS, REACH = 101, 2.5
"""Points of a power curve, from no effect to so many times the MDE."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedTest:
    """The standard error that a test is expected to have, its degrees of freedom, and the clusters of each stratum."""

    std_error: float
    df: float
    clusters: tuple[int, ...]
    names: tuple[str, ...]


def analytic_mde(plan: Plan, noise: Noise, *, level: float = 0.95, power: float = 0.8) -> Mde:
    """Return the minimum detectable effect of a plan by formula: (t_power + t_(1+level)/2)·SE.

    The effect is Σ a[cohort, period] × mean KPI, with the weights of the plan's own estimator; each stratum adds
    Σ_g (w_g/W)² a'(between + within/n_g)a, the variance that its jackknife expects. Effects that are the same for all
    are assumed. A method without such weights, and an arm of a single cluster, have no MDE: NaN with the `reason`.
    Raises `MethodError` for a plan that the method cannot use, and for a level or power outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from attribution.planning.records import Noise, Plan, PlannedCohort
    >>> arms = (PlannedCohort(1, np.full(20, 1.0)), PlannedCohort(None, np.full(20, 1.0)))
    >>> noise = Noise(np.eye(2), np.zeros((2, 2)), 0.0, "stated")
    >>> found = analytic_mde(Plan("did", {}, arms, (0,), (1,)), noise)
    >>> round(found.std_error**2, 10), round(found.df, 1), round(found.mde, 4)
    (0.2, 37.1, 1.2868)

    Source: Bloom (1995); Burlig, Preonas & Woerman (2020), of which this is the general case; degrees of freedom as in
    the estimators' default variance (Welch–Satterthwaite over strata).
    """
    require_shares(level=level, power=power)
    require_span(plan, noise)
    if plan.method in BY_SIMULATION:
        return no_mde(BY_SIMULATION[plan.method], level, power)
    weights = path_weights(plan)
    test = planned_test(plan, noise, weights)
    lone = [name for name, count in zip(test.names, test.clusters, strict=True) if count < 2]
    if lone:
        reason = f"{' and '.join(lone)}: one cluster, which has no variance; no effect can be tested"
        return no_mde(reason, level, power)
    if np.isnan(test.std_error):
        reason = "without one of the clusters the method has no estimate, so that it has no standard error"
        return no_mde(reason, level, power)
    if not test.std_error > 0:
        return no_mde("the KPI does not vary in what the method compares", level, power)
    return mde_of(
        minimum_detectable(test.std_error, test.df, level, power), test, level, power, _caveats(plan, weights)
    )


def mde_of(mde: float, test: PlannedTest, level: float, power: float, caveats: tuple[str, ...]) -> Mde:
    """Return the record of an MDE by formula with its power curve."""
    effects = np.linspace(0.0, REACH * mde, POINTS)
    return Mde(
        mde=mde,
        std_error=test.std_error,
        df=test.df,
        level=level,
        power=power,
        how="analytic",
        effects=effects,
        powers=power_at(effects, test.std_error, test.df, level),
        caveats=caveats,
    )


def no_mde(reason: str, level: float, power: float, how: Literal["analytic", "simulated"] = "analytic") -> Mde:
    """Return the record that says why there is no MDE."""
    nan, nothing = float("nan"), np.full(1, np.nan)
    return Mde(nan, nan, nan, level, power, how, nothing, nothing, reason=reason)


def planned_test(plan: Plan, noise: Noise, weights: PathWeights) -> PlannedTest:
    """Return what standard error and degrees of freedom the default variance is expected to have under a plan."""
    slope, lost = _slope(plan, noise, weights)
    a = weights.weights.copy()
    if slope is not None:
        a[:, list(plan.baseline)] *= slope
    layers, df, clusters = [], [], []
    for members, sizes in _strata(plan, weights):
        own = np.concatenate([_of_clusters(plan.cohorts[c].sizes, a[c], noise) for c in members])
        # A cohort weighs in its stratum as its units do.
        total = sizes.sum()
        scale = np.concatenate([np.full(plan.cohorts[c].clusters, total / plan.cohorts[c].units) for c in members])
        layers.append(expected_layer(sizes / total, own * scale**2))
        df.append(max(total**2 / np.sum(sizes**2) - 1.0, 1.0))
        clusters.append(len(sizes))
    found = np.array(layers)
    if plan.method in ROLLOUTS:
        refitted = rollout_layers(plan, noise, weights)
        found = found if refitted is None else refitted
    variance = float(found.sum())
    return PlannedTest(
        std_error=float(np.sqrt(variance * (1.0 + lost))),
        df=expected_df(found, np.array(df)),
        clusters=tuple(clusters),
        names=weights.names,
    )


def _of_clusters(sizes: Floats, weights: Floats, noise: Noise) -> Floats:
    """Return the variance of each cluster's weighted path, a'(between + within/n)a."""
    span = len(weights)
    distinct, place = np.unique(sizes, return_inverse=True)
    found = np.array([weights @ noise.of_mean(float(size))[:span, :span] @ weights for size in distinct])
    return np.asarray(np.maximum(found, 0.0)[place])


def _slope(plan: Plan, noise: Noise, weights: PathWeights) -> tuple[float | None, float]:
    """Return what the baseline is multiplied by (None: 1, a plain change), and what estimating it adds to the variance.

    The slope of `lagged` is that of units within arms, Cov(before, after)/Var(before). Its variance counts that units
    of a cluster move together; it matters by how far the arms' baselines are apart by chance.
    """
    outcome, adjust = plan.options.get("outcome", "change"), plan.options.get("adjust", "regression")
    if plan.method == "adjusted" and outcome == "level" and plan.baseline:
        if adjust == "none":
            return 0.0, 0.0
    elif plan.method != "lagged":
        return None, 0.0
    before, after = np.zeros(plan.span), np.zeros(plan.span)
    before[list(plan.baseline)] = 1.0 / len(plan.baseline)
    after[list(plan.followup)] = 1.0 / len(plan.followup)
    arms = [sizes for _, sizes in _strata(plan, weights)]
    between, within = noise.between[: plan.span, : plan.span], noise.within[: plan.span, : plan.span]
    sizes = np.concatenate(arms)
    lost = float(np.mean([np.sum(s**2) / s.sum() ** 2 for s in arms]))
    unit = between * (1.0 - lost) + within
    varies = float(before @ unit @ before)
    if not varies > 0:
        return 0.0, 0.0
    slope = float(after @ unit @ before) / varies
    residual = after - slope * before
    # Var(θ̂) = Σ_g Var(Σ_i b_i e_i)/(Σ b²)², where b and e of a cluster's units share what lies between clusters.
    of_before, of_rest = float(before @ between @ before), float(residual @ between @ residual)
    cross = float(residual @ between @ before)
    shared = max(of_before * of_rest + cross**2, 0.0)
    rest = float(residual @ unit @ residual)
    theta = float(np.sum(sizes * varies * rest + sizes * (sizes - 1.0) * shared)) / (sizes.sum() * varies) ** 2
    apart = sum(_mean_variance(s, before, noise) for s in arms)
    own = sum(_mean_variance(s, residual, noise) for s in arms)
    if not own > 0:
        return slope, 0.0
    # Once in the effect itself, by N/(N − 4) for Gaussian baselines, and once more in what the jackknife makes of it.
    part = theta * apart / own
    return slope, 2.0 * part / max(1.0 - 4.0 * part, 0.2)


def _strata(plan: Plan, weights: PathWeights) -> list[tuple[NDArray[np.intp], Floats]]:
    """Return the places of each stratum's cohorts, and the sizes of their clusters."""
    members = [np.flatnonzero(weights.stratum == one) for one in range(len(weights.names))]
    return [(own, np.concatenate([plan.cohorts[c].sizes for c in own])) for own in members]


def _mean_variance(sizes: Floats, path: Floats, noise: Noise) -> float:
    return float(np.sum((sizes / sizes.sum()) ** 2 * _of_clusters(sizes, path, noise)))


def _caveats(plan: Plan, weights: PathWeights) -> tuple[str, ...]:
    """Return where the number is not to be trusted, the gravest first."""
    found = []
    small, waves = small_waves(plan, weights)
    if small:
        found.append(
            f"waves of fewer than {TOO_FEW} clusters: {small} of {waves}; the formula is optimistic, what it calls a "
            "power of 80% can be 70%; believe the simulation"
        )
    used = weights.stratum >= 0
    for name, trained in (("trained", True), ("not trained", False)):
        parts = zip(plan.cohorts, used, strict=True)
        count = sum(one.clusters for one, uses in parts if uses and (one.start is not None) == trained)
        if 0 < count < TOO_FEW:
            found.append(
                f"{name}: {count} clusters, fewer than {TOO_FEW}; the test itself cannot be relied on, and what the "
                "formula calls a power of 80% can be 75%"
            )
        elif 0 < count < FEW:
            found.append(f"{name}: {count} clusters, fewer than {FEW}; believe the simulation rather than the formula")
    if plan.options.get("covariates") or (plan.method == "did" and plan.options.get("adjust")):
        found.append("what the covariates explain is not counted: with them the effect that can be seen is smaller")
    if plan.options.get("cohort"):
        found.append(
            "the cohort of the design is not counted: matching or weighting can leave fewer units than planned"
        )
    if plan.method == "prepost":
        found.append(
            "what all clusters share in a period is not in this number, though a change without comparison holds it"
        )
    variance = plan.options.get("variance", "default")
    if variance != "default":
        found.append(f"the design names the variance {variance}; this is the MDE of the default one")
    return tuple(found)


def small_waves(plan: Plan, weights: PathWeights | None = None) -> tuple[int, int]:
    """Return how many waves that are a stratum of their own have too few clusters, and how many waves there are.

    The jackknife of such a wave finds too little variance, and of few degrees of freedom: tests/calibration/POWER.md.
    Raises `MethodError` for a plan that the method cannot use.

    Examples
    --------
    >>> from attribution.planning.records import PlannedCohort
    >>> cohorts = [PlannedCohort(start, np.ones(n)) for start, n in ((2, 4), (3, 9), (None, 20))]
    >>> small_waves(Plan("staggered", {}, tuple(cohorts), (0, 1), (2, 3)))
    (1, 2)
    """
    if plan.method not in ROLLOUTS:
        return 0, 0
    stratum = (path_weights(plan) if weights is None else weights).stratum
    trained = np.array([one.clusters if one.start is not None else 0 for one in plan.cohorts])
    used = stratum >= 0
    counts = np.bincount(stratum[used], weights=trained[used])
    waves = counts[counts > 0]
    return (int((waves < TOO_FEW).sum()), len(waves)) if len(waves) > 1 else (0, len(waves))


def require_span(plan: Plan, noise: Noise) -> None:
    """Raise `MethodError` for noise that is known over fewer periods than the plan has."""
    if len(noise.between) < plan.span:
        raise MethodError(
            f"the plan has more periods ({plan.span}) than the noise is known over ({len(noise.between)})",
            where="noise",
            remedy="make the noise with span=plan.span",
        )


def require_shares(**given: float) -> None:
    """Raise `MethodError` for a share that is not strictly between 0 and 1."""
    for name, value in given.items():
        if not 0 < value < 1:
            raise MethodError(f"{name} is {value!r}", where=name, remedy="give a number between 0 and 1")
