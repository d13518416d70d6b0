"""Which team starts when: a stratified random draw for a calendar, from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def assign(
    labels: Sequence[str], baseline: Floats, strata: Sequence[str], counts: Sequence[int], *, seed: int
) -> Codes:
    """Return the arm of each team, `[n_teams]`: arm k gets exactly `counts[k]` of them, by a stratified random draw.

    Teams are sorted by stratum, then by `baseline[n_teams]`, their KPI before the launch; each block of as many teams
    as there are arms gets its places in random order. Every team has the same chance of arm k, counts[k]/n. The order
    in which teams are given does not matter. Raises `MethodError` for labels that stand twice, a baseline that is not
    known, and counts that do not add up to the teams.

    Examples
    --------
    >>> import numpy as np
    >>> arms = assign(list("abcdef"), np.arange(6.0), ["x"] * 6, [2, 4], seed=1)
    >>> np.bincount(arms).tolist()
    [2, 4]

    Source: Kernan et al. (1999), Journal of Clinical Epidemiology 52, on blocks within strata; a rotation of places
    that are spread evenly by a uniform offset keeps every team's chance at counts/n (systematic sampling).
    """
    teams = len(labels)
    twice = sorted(label for label, times in Counter(labels).items() if times > 1)
    if twice:
        raise MethodError(
            f"teams that stand twice: {len(twice)}, for example {twice[0]!r}",
            where="teams",
            remedy="name each team once",
        )
    unknown = int((~np.isfinite(baseline)).sum())
    if unknown:
        raise MethodError(
            f"teams without a KPI before the launch: {unknown} of {teams}",
            where="teams",
            remedy="give their KPI, or the same number for all teams to leave it out",
        )
    if sum(counts) != teams or min(counts, default=0) < 0:
        raise MethodError(
            f"arms of {', '.join(map(str, counts))} do not add up to {teams} teams",
            where="counts",
            remedy="take the counts and the holdback of a calendar of these teams",
        )
    rng = np.random.default_rng(seed)
    order = sorted(range(teams), key=lambda team: (strata[team], baseline[team], labels[team]))
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts if count])
    arms = np.repeat(np.arange(len(counts)), counts)[np.argsort(places, kind="stable")]
    arms = np.roll(arms, int(rng.integers(teams)))
    found = np.empty(teams, dtype=np.int64)
    start = 0
    while start < teams:
        stop = start + 1
        while stop < teams and stop - start < len(counts) and strata[order[stop]] == strata[order[start]]:
            stop += 1
        found[order[start:stop]] = rng.permutation(arms[start:stop])
        start = stop
    return found
