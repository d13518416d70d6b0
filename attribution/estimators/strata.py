"""Strata of a staggered study: the adoption cohorts, or ever and never trained where a cohort is a single cluster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.estimators.windows.variances import Strata

Floats = NDArray[np.float64]

EVER_NEVER = ("ever trained", "never trained")


def ever_never_strata(size: Floats, names: tuple[str, ...], ever: NDArray[np.bool_]) -> Strata:
    """Return each cluster's stratum: its adoption cohort, or ever and never trained where a cohort is one cluster.

    `size[n_clusters, n_cohorts]` is the summed unit weight of each cohort in each cluster; `names` and `ever` say what
    a cohort is called and whether it counts as trained (one that is only compared, as not yet trained, does
    not). A cluster of several strata is in `mixed`; as in `arm_strata`, a lone mixed cluster joins the stratum of a
    single cluster or else the one of most of its weight, and a single cluster joins several mixed ones. Every
    cluster must have weight.

    Examples
    --------
    >>> size = np.array([[1.0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    >>> found = ever_never_strata(size, ("2004", "2006", "never"), np.array([True, True, False]))
    >>> found.names, found.code.tolist()
    (('ever trained', 'never trained'), [0, 0, 0, 1, 1])

    Source: strata of assignment; MacKinnon, Nielsen & Webb (2023), Cluster-robust inference, on the jackknife in each.
    """
    pure = (size > 0).sum(axis=1) == 1
    single = [name for name, column in zip(names, size.T, strict=True) if (column[pure] > 0).sum() == 1]
    if not single:
        return _group(size, names, ())
    grouped = np.stack([size[:, ever].sum(axis=1), size[:, ~ever].sum(axis=1)], axis=1)
    # With two cohorts, one on either side, the cohorts are already ever and never trained.
    if size.shape[1] == 2 and int(ever.sum()) == 1:
        return _group(size, names, ())
    which = f"cohort{'s' if len(single) > 1 else ''} {', '.join(single)} of a single cluster"
    return _group(grouped, EVER_NEVER, (f"{which}: the strata are ever and never trained, not the cohorts",))


def has_lone_arm(size: Floats, ever: NDArray[np.bool_]) -> bool:
    """Say whether the trained or the others are a single cluster: such an arm has no variance, whatever its stratum.

    Without anybody but trained units there is no second arm.
    """
    counts = [int((size[:, arm].sum(axis=1) > 0).sum()) for arm in (ever, ~ever)]
    return 1 in counts


def _group(size: Floats, names: tuple[str, ...], notes: tuple[str, ...]) -> Strata:
    """Return strata from the groups' summed weights per cluster, lone mixed and single clusters joined."""
    n_groups = size.shape[1]
    code = np.argmax(size, axis=1).astype(np.int32)
    mixed = (size > 0).sum(axis=1) > 1
    single = [index for index in range(n_groups) if (code[~mixed] == index).sum() == 1]
    used = names
    if mixed.sum() == 1:
        if len(single) == 1:
            code[mixed] = single[0]
        name = names[int(code[np.argmax(mixed)])]
        notes += (f"one cluster holds several strata; it is counted with {name!r}",)
    elif mixed.any():
        notes += (f"{int(mixed.sum())} clusters hold several strata and are a stratum of their own",)
        for index in single:
            notes += (f"the only cluster that is all {names[index]!r} is counted with those that hold several",)
        code[mixed | np.isin(code, single)] = n_groups
        used = (*names, "mixed")
    present, dense = np.unique(code, return_inverse=True)
    return Strata(dense.astype(np.int32), tuple(used[index] for index in present), size.sum(axis=1), notes)
