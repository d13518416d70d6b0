"""One synthetic rollout for every contestant: staggered adoption by team, covariates that matter, rows in random order.

Needs numpy and pandas only, so that each contestant can read it in its own environment.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

MONTHS, TEAM = 24, 10
LAUNCHES = (13, 16, 19, 22)
SHARES = (0.15, 0.15, 0.15, 0.15)
COVARIATES = ["x1", "x2", "x3"]
BEFORE, AFTER = list(range(1, 13)), list(range(13, 25))


def simulate(n_units: int, seed: int = 20261124) -> dict[str, np.ndarray]:
    """Return columns with one row per unit and month; `start` is the month of training, 0 for never.

    40% of the teams are never trained, the others in four cohorts of 15% each; teams with a higher mean of x1 and x2
    are trained more often. The trend depends on the covariates, so that an estimator without them misses the effect,
    which grows with exposure and is larger for earlier cohorts.
    """
    rng = np.random.default_rng(seed)
    n_teams = n_units // TEAM
    team = np.repeat(np.arange(n_teams), TEAM)
    n_units = len(team)
    x1 = rng.normal(0, 0.8, n_units) + rng.normal(0, 0.6, n_teams)[team]
    x2 = rng.normal(0, 1, n_units)
    x3 = (rng.random(n_units) < 0.4).astype(float)

    score = np.bincount(team, 0.8 * x1 + 0.4 * x2, n_teams) / TEAM + rng.logistic(0, 0.6, n_teams)
    adopters = np.argsort(-score)[: round(sum(SHARES) * n_teams)]
    start_of = np.zeros(n_teams, dtype=np.int64)
    start_of[rng.permutation(adopters)] = np.repeat(
        LAUNCHES, np.diff(np.round(np.cumsum([0, *SHARES]) * n_teams)).astype(int)
    )
    start = start_of[team]

    month = np.arange(1, MONTHS + 1)
    exposure = month - start[:, None]
    trained = (start[:, None] > 0) & (exposure >= 0)
    effect = 0.3 + 0.05 * exposure + 0.02 * (LAUNCHES[-1] - start[:, None])
    kpi = (
        10
        + rng.normal(0, 1, n_teams)[team][:, None]
        + rng.normal(0, 1, n_units)[:, None]
        + rng.normal(0, 0.3, MONTHS)
        + rng.normal(0, 0.2, (n_teams, MONTHS))[team]
        + rng.normal(0, 1, (n_units, MONTHS))
        + 0.02 * month * (x1 + 0.5 * x2 - 0.5 * x3)[:, None]
        + np.where(trained, effect, 0)
    )
    rows = rng.permutation(n_units * MONTHS)

    def spread(column: np.ndarray) -> np.ndarray:
        return np.repeat(column, MONTHS)[rows]

    return {
        "person": spread(np.arange(n_units)),
        "month": np.tile(month, n_units)[rows],
        "kpi": kpi.ravel()[rows],
        "start": spread(start),
        "team": spread(team),
        "x1": spread(x1),
        "x2": spread(x2),
        "x3": spread(x3),
    }


def write(path: Path, n_units: int) -> None:
    """Write the columns of `simulate` to an .npz file."""
    np.savez(path, **simulate(n_units))


def read(path: Path) -> pd.DataFrame:
    """Return the rows as a pandas DataFrame, without a second copy in memory."""
    with np.load(path) as columns:
        return pd.DataFrame({name: columns[name] for name in columns.files}, copy=False)


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
