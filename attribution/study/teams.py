"""The teams of a rollout: from the history or from a file, those that start together as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import Panel
from attribution.errors import DataError, MethodError
from attribution.planning.sizes import sizes_of


@dataclass(frozen=True, slots=True)
class Team:
    """A unit of assignment: one team, or several that start together; `baseline` is its KPI so far, NaN if unknown."""

    name: str
    units: float
    stratum: str
    baseline: float
    members: tuple[str, ...]


def teams_of(panel: Panel, end: int, level: NDArray[np.float64], by: str | None) -> list[Team]:
    """Return the clusters of a panel in which nobody is trained before a period, with their KPI `level[n_clusters]`.

    Raises `MethodError` for a column that is no group, or that has several values within a team.
    """
    units = panel.units
    count = len(units.cluster_labels)
    early = np.bincount(units.cluster, weights=units.adopted < end, minlength=count) > 0
    sizes = sizes_of(panel, units.cluster, count)
    strata = _strata(panel, by)
    labels = [str(label) for label in units.cluster_labels]
    found = [
        Team(name, float(size), stratum, float(kpi), (name,))
        for name, size, stratum, kpi, gone in zip(labels, sizes, strata, level, early, strict=True)
        if size > 0 and not gone
    ]
    if len(found) < 2:
        raise DataError(
            f"{len(found)} of {count} teams are not trained yet, too few to draw among",
            where=f"column {panel.columns.cluster or panel.columns.unit!r}",
            remedy="give the history of the teams that are to be trained",
        )
    return found


def _strata(panel: Panel, by: str | None) -> list[str]:
    units = panel.units
    if by is None:
        return [""] * len(units.cluster_labels)
    if by not in units.groups:
        raise MethodError(
            f"{by!r} is no column of groups",
            where="by",
            remedy=f"add it to groups in [columns]; known: {', '.join(units.groups) or 'none'}",
        )
    found = []
    for code, label in enumerate(units.cluster_labels):
        values = sorted({str(value) for value in units.groups[by][units.cluster == code]})
        if len(values) > 1:
            raise MethodError(
                f"{by} has {len(values)} values within team {label}: {', '.join(values[:3])}",
                where="by",
                remedy="name a column that is the same for all of a team",
            )
        found.append(values[0] if values else "")
    return found


def teams_of_file(path: Path) -> list[Team]:
    """Return the teams of a CSV file: columns `team` and `units`, and where wanted `stratum` and `baseline`.

    Raises `DataError` for a file that cannot be read, a column that is missing, a team that stands twice, and a number
    that is none.
    """
    import pandas as pd

    try:
        frame = pd.read_csv(path, dtype={"team": "str", "stratum": "str"}, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"not a readable CSV file: {error}", where=str(path), remedy="save it as UTF-8 text") from error
    missing = [name for name in ("team", "units") if name not in frame]
    if missing:
        raise DataError(
            f"missing column {missing[0]!r}", where=str(path), remedy="give the columns team and units, a row a team"
        )
    twice = frame["team"][frame["team"].duplicated()]
    if len(twice):
        raise DataError(
            f"teams that stand twice: {len(twice)}, for example {twice.iloc[0]!r}",
            where=f"{path}, team",
            remedy="give a row a team",
        )
    numbers = {name: pd.to_numeric(frame[name], errors="coerce") for name in ("units", "baseline") if name in frame}
    bad = frame["team"].isna() | ~(numbers["units"] > 0) | ~np.isfinite(numbers["units"])
    if bad.any():
        raise DataError(
            f"rows without a team or a number of units above 0: {int(bad.sum())}, first row {int(bad.argmax()) + 2}",
            where=f"{path}, units",
            remedy="give the number of people of each team",
        )
    strata = frame["stratum"].fillna("") if "stratum" in frame else pd.Series([""] * len(frame))
    level = numbers.get("baseline", pd.Series(np.full(len(frame), np.nan)))
    return [
        Team(name, float(size), stratum, float(kpi), (name,))
        for name, size, stratum, kpi in zip(frame["team"], numbers["units"], strata, level, strict=True)
    ]


def merged(teams: Sequence[Team], together: Sequence[Sequence[str]]) -> list[Team]:
    """Return the units of assignment: groups of teams as one each, the others by themselves.

    A group has the units of all, their mean KPI by units, and the stratum of the first. Raises `MethodError` for a name
    that is no team to be drawn, or is in two groups.
    """
    known = {one.name: one for one in teams}
    of_group = [name for group in together for name in group]
    for name in of_group:
        if name not in known or of_group.count(name) > 1:
            raise MethodError(
                f"{name!r} is {'in two groups' if name in known else 'no team to be drawn'}",
                where="together",
                remedy="name each team that is to be drawn at most once",
            )
    found = [one for one in teams if one.name not in of_group]
    for group in together:
        members = [known[name] for name in sorted(group)]
        units = np.array([one.units for one in members])
        level = float(np.average([one.baseline for one in members], weights=units))
        names = tuple(one.name for one in members)
        found.append(Team("+".join(names), float(units.sum()), members[0].stratum, level, names))
    return sorted(found, key=lambda one: one.name)
