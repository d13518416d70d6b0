"""A simulated support organisation that trains its teams wave by wave, with a known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MONTHS = tuple(f"{2024 + month // 12}-{month % 12 + 1:02d}" for month in range(24))
TEAMS, PER_TEAM = 40, 12
SITES = ("North", "South", "East", "West", "Centre")
SHIFTS = ("day", "late", "night")


@dataclass(frozen=True, slots=True)
class Wave:
    """Teams trained from one month on: how many, and by how many minutes a call gets shorter in the long run."""

    start: int
    teams: int
    depth: float
    pace: float

    def effect(self, since: NDArray[np.integer]) -> Floats:
        """Return the effect in minutes, `since` months after the start (0 in its first month, before it none)."""
        grown = 1 - np.exp(-(since + 1) / self.pace)
        return np.asarray(np.where(since >= 0, -self.depth * grown, 0.0))


# Early waves hold the newest people, who gain most and fastest. Nine teams are never trained.
WAVES = (
    Wave(8, 7, 1.40, 3.0),
    Wave(10, 7, 1.15, 3.0),
    Wave(12, 6, 0.95, 4.0),
    Wave(15, 6, 0.80, 4.0),
    Wave(18, 5, 0.70, 5.0),
)

# Minutes a month by which an agent drifts, untrained: learning wears off with tenure, nights slowly get harder.
DRIFT, DRIFT_BY_TENURE = -0.085, 0.0009
DRIFT_BY_SHIFT = {"day": 0.0, "late": 0.005, "night": 0.02}


def rollout(*, seed: int = 1) -> pd.DataFrame:
    """Return a simulated company: 40 support teams, 24 months, training rolled out team by team in five waves.

    One row per agent and month: `agent`, `month` ("2024-01" … "2025-12"), `handle_time` (minutes a call, lower is
    better; a few missing), `training_start` (the team's first month of training, missing where it is never trained),
    `team`, `site`, `tenure` (months in the job in the first month, 0 for those who join later) and `shift`, both fixed
    before any training. Waves go to teams of short tenure first, and the new get faster on their own: without `tenure`
    and `shift` a comparison overstates the effect. Agents are absent in some months, some leave, some join. All months
    share shocks and a season; teams have shocks of their own, so the team is the cluster. The same seed gives
    the same rows. `rollout_truth` says what the training did.

    Examples
    --------
    >>> frame = rollout()
    >>> frame["team"].nunique(), frame["month"].nunique(), sorted(frame["training_start"].dropna().unique())
    (40, 24, ['2024-09', '2024-11', '2025-01', '2025-04', '2025-07'])

    Source: simulated; no person or company is in it.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    n, n_months = TEAMS * PER_TEAM, len(MONTHS)
    team = np.repeat(np.arange(TEAMS), PER_TEAM)
    site = rng.permutation(np.arange(TEAMS) % len(SITES))
    mean_tenure = rng.uniform(14, 58, TEAMS)
    wave = _order(mean_tenure, rng)
    start = np.array([*(one.start for one in WAVES), n_months])[wave]

    joined, left = _stays(start[team], rng)
    tenure = np.where(joined > 0, 0, rng.gamma(3.0, mean_tenure[team] / 3.0).round().clip(1, 180)).astype(int)
    shift = rng.choice(len(SHIFTS), size=n, p=[0.5, 0.3, 0.2])

    month = np.arange(n_months)
    level = 11.5 - 0.02 * np.minimum(tenure, 90) + 0.5 * (shift == 2) + rng.normal(0, 0.5, len(SITES))[site][team]
    level = level + rng.normal(0, 0.6, TEAMS)[team] + rng.normal(0, 1.1, n)
    slope = DRIFT + DRIFT_BY_TENURE * tenure + np.array([DRIFT_BY_SHIFT[name] for name in SHIFTS])[shift]
    common = 0.5 * np.cos(2 * np.pi * month / 12) + rng.normal(0, 0.3, n_months)
    effect = np.stack([*(one.effect(month - one.start) for one in WAVES), np.zeros(n_months)])[wave][team]
    kpi = level[:, None] + slope[:, None] * month + common + _team_shocks(rng)[team] + effect
    kpi = (kpi + rng.normal(0, 0.7, (n, n_months))).round(2)

    present = (month >= joined[:, None]) & (month < left[:, None]) & ~_leave(rng)
    kpi[rng.random((n, n_months)) < 0.004] = np.nan
    rows, at = np.nonzero(present)
    return pd.DataFrame(
        {
            "agent": _names("A", 3, n)[rows],
            "month": np.array(MONTHS)[at],
            "handle_time": kpi[rows, at],
            "training_start": np.array([*MONTHS, None], dtype=object)[start[team]][rows],
            "team": _names("T", 2, TEAMS)[team][rows],
            "site": np.array(SITES)[site][team][rows],
            "tenure": tenure[rows],
            "shift": pd.Categorical(np.array(SHIFTS)[shift][rows], categories=list(SHIFTS)),
        }
    )


def rollout_truth() -> pd.DataFrame:
    """Return what the training did to `rollout`: the true effect in minutes by wave and month.

    One row per wave and month from its start on: `training_start`, `month`, `event` (months since the start),
    `teams` and `effect`, the same for every agent of the wave in that month (negative: calls get shorter).

    Examples
    --------
    >>> rollout_truth().head(2).round(3).to_dict("list")["effect"]
    [-0.397, -0.681]
    """
    import pandas as pd

    rows = []
    for wave in WAVES:
        since = np.arange(len(MONTHS) - wave.start)
        for event, effect in zip(since.tolist(), wave.effect(since).tolist(), strict=True):
            rows.append((MONTHS[wave.start], MONTHS[wave.start + event], event, wave.teams, effect))
    return pd.DataFrame(rows, columns=["training_start", "month", "event", "teams", "effect"])


def _order(mean_tenure: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return each team's wave (the last one: never): short tenure first, with much chance in it."""
    rank = np.argsort(np.argsort(mean_tenure + rng.normal(0, 14, TEAMS)))
    ends = np.cumsum([one.teams for one in WAVES])
    return np.searchsorted(ends, rank, side="right")


def _stays(start: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each agent's first month and the month after the last: some join before the training, some leave."""
    n, n_months = len(start), len(MONTHS)
    # Nobody joins in the last three months before the training: tenure and first months are from before it.
    latest = np.minimum(start, n_months) - 3
    joins = rng.random(n) < 0.06
    joined = np.where(joins, (1 + rng.random(n) * (latest - 1)).astype(np.int64), 0)
    leaves = rng.random(n) < 0.08
    left = np.where(leaves, rng.integers(10, n_months, n), n_months)
    return joined, np.maximum(left, joined + 3)


def _leave(rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which months each agent is away: a leave of one to four months for some, single months for others."""
    n, n_months = TEAMS * PER_TEAM, len(MONTHS)
    month = np.arange(n_months)
    begins, length = rng.integers(0, n_months, n), rng.integers(1, 5, n)
    long = (rng.random(n) < 0.2)[:, None] & (month >= begins[:, None]) & (month < (begins + length)[:, None])
    return long | (rng.random((n, n_months)) < 0.008)


def _team_shocks(rng: np.random.Generator) -> Floats:
    """Return shocks of each team and month, AR(1)."""
    shock = rng.normal(0, 0.2, (TEAMS, len(MONTHS)))
    for month in range(1, len(MONTHS)):
        shock[:, month] = 0.6 * shock[:, month - 1] + 0.8 * shock[:, month]
    return shock


def _names(letter: str, digits: int, count: int) -> NDArray[np.object_]:
    return np.array([f"{letter}{number:0{digits}d}" for number in range(1, count + 1)], dtype=object)
