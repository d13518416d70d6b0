"""Coverage of `adjusted` where covariates drive training, KPI and effect: each rule against its own estimand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.estimators.adjusted import adjusted
from attribution.numerics.effects import Population, Rule

Floats = NDArray[np.float64]

N, REPLICATIONS = 400, 300
NAMES = ["a", "b"]


def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
    """Return covariates, propensities (moderate overlap: .03 to .9), who is trained, and each one's effect."""
    x = rng.normal(size=(n, 2))
    propensity = 1 / (1 + np.exp(0.6 - 0.7 * x[:, 0] + 0.5 * x[:, 1]))
    return x, propensity, rng.random(n) < propensity, 1.0 + 0.5 * x[:, 0]


def truth(population: Population) -> float:
    """Return the mean effect in the population, by two million draws: good to .0005."""
    _, propensity, _, effect = draw(np.random.default_rng(1), 2_000_000)
    weight = {"ATT": propensity, "ATE": np.ones_like(propensity), "ATO": propensity * (1 - propensity)}[population]
    return float(weight @ effect / weight.sum())


@pytest.mark.parametrize(
    ("rule", "population"),
    [("regression", "ATT"), ("ipw", "ATT"), ("ipw", "ATO"), ("doubly_robust", "ATE"), ("doubly_robust", "ATT")],
)
def test_intervals_cover_their_own_estimand(rule: Rule, population: Population) -> None:
    target = truth(population)
    covered, errors, found = 0, [], []
    for replication in range(REPLICATIONS):
        rng = np.random.default_rng([replication, 7])
        x, _, trained, effect = draw(rng, N)
        kpi = x @ [1.0, 0.5] + trained * effect + rng.normal(size=N)
        frame = pd.DataFrame(
            {"person": np.arange(N), "a": x[:, 0], "b": x[:, 1], "trained": trained.astype(int), "kpi": kpi}
        )
        panel = at.Panel.from_frame(
            frame, unit="person", outcome="kpi", trained="trained", covariates=NAMES, kind="cross_section"
        )
        estimate = adjusted(panel, covariates=NAMES, adjust=rule, estimand=population)
        interval = estimate.interval()
        covered += interval.low <= target <= interval.high
        errors.append(estimate.std_error("effect"))
        found.append(estimate.value("effect"))
    # 92 to 97% of 400 people; three Monte Carlo standard errors beyond it.
    slack = 3 * np.sqrt(0.05 * 0.95 / REPLICATIONS)
    assert 0.92 - slack <= covered / REPLICATIONS <= 0.97 + slack
    assert np.mean(found) == pytest.approx(target, abs=4 * np.std(found) / np.sqrt(REPLICATIONS) + 0.01)
    # The standard error is the spread of the estimates.
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.12)
