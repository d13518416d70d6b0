"""Simultaneous bands: intervals of several terms that hold all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from attribution.core.estimate import Estimate
from attribution.core.terms import parse
from attribution.errors import MethodError, require_type
from attribution.inference.draws import BAND, require_choice, require_draws, stream
from attribution.numerics.multipliers import Multiplier, multiplier_sums
from attribution.numerics.resample import blocks
from attribution.numerics.supremum import joint_levels, quartile_errors, supremum_quantile

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
BandMethod = Literal["default", "multiplier"]


def simultaneous(
    estimate: Estimate,
    terms: str | Sequence[str] = "event",
    *,
    level: float = 0.95,
    draws: int = 9999,
    seed: int = 0,
    method: BandMethod = "default",
    multiplier: Multiplier = "rademacher",
) -> pd.DataFrame:
    """Return intervals of several terms that hold all of them at once with probability `level`.

    One row a term in KPI units: `term, estimate, std_error, conf_low, conf_high, critical`; the band is estimate ±
    critical · std_error. A term without a standard error is no part of the maximum and has a NaN band in its row.

    Parameters
    ----------
    terms
        The key of the effect's parts, `"event"`, `"group"`, …, for all of them; or a list of terms by name.
    method
        `"default"`: from the estimate's own covariance and degrees of freedom (multivariate t), never narrower than the
        pointwise intervals; each term its own critical value, at one pointwise level. `"multiplier"`: random multiples
        of the influence summed within cluster, one critical value, standard errors from the quartiles of the
        draws, for large samples and parity with R's `did`.
    multiplier
        The distribution of the multiples; see `bootstrap`. R's `did` takes `"rademacher"`.

    Raises
    ------
    MethodError
        A term or a key that the estimate does not have, no term with a standard error, a level outside (0, 1), an
        option that is not known, multiples where resampling is invalid for the method.

    Examples
    --------
    >>> import attribution as at
    >>> from attribution.inference.bands import simultaneous
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> est = at.did(panel, baseline=[1987], followup=[1988])
    >>> band = simultaneous(est, ["effect", "background"], seed=1)
    >>> band["critical"].round(1).tolist()
    [2.3, 2.3]

    Source: Montiel Olea & Plagborg-Møller (2019), Simultaneous confidence bands, J. Appl. Econometrics 34 (the sup-t
    band); Callaway & Sant'Anna (2021), J. Econometrics 225, algorithm 1 (`"multiplier"`).
    """
    import pandas as pd

    require_type(estimate, Estimate, name="estimate", remedy="pass what an estimator returns, such as at.staggered(…)")
    require_draws(draws, seed, 1)
    require_choice("method", method, get_args(BandMethod))
    require_choice("multiplier", multiplier, get_args(Multiplier))
    if not 0 < level < 1:
        raise MethodError(f"level is {level!r}", where="simultaneous", remedy="give a level between 0 and 1")
    names = _named(estimate, terms)
    values = np.array([estimate.value(name) for name in names])
    found = [estimate.contrast({name: 1.0}) for name in names]
    defined = np.array([bool(np.isfinite(one.std_error)) for one in found])
    if not defined.any():
        raise MethodError(
            f"none of {len(names)} terms has a standard error, for example {names[0]!r}",
            where="simultaneous",
            remedy="name terms of cohorts with at least two clusters",
        )
    errors, critical = np.full(len(names), np.nan), np.full(len(names), np.nan)
    columns = np.array([estimate.terms.index(name) for name in names])[defined]
    if method == "default":
        errors[defined] = np.array([one.std_error for one in found])[defined]
        df = np.array([one.df for one in found])[defined]
        covariance = estimate.covariance.sum(axis=0)[np.ix_(columns, columns)]
        critical[defined] = joint_levels(covariance, df, level, draws, stream(seed, BAND))
    else:
        drawn = _multiples(estimate, columns, draws, seed, multiplier)
        errors[defined] = quartile_errors(drawn)
        critical[defined] = supremum_quantile(drawn, errors[defined], level)
    half_width = critical * errors
    return pd.DataFrame(
        {
            "term": names,
            "estimate": values,
            "std_error": errors,
            "conf_low": values - half_width,
            "conf_high": values + half_width,
            "critical": critical,
        }
    )


def _named(estimate: Estimate, terms: str | Sequence[str]) -> list[str]:
    """Return the terms by name: those of a list, or the parts of the effect under a key."""
    if not isinstance(terms, str):
        names = list(terms)
        unknown = [name for name in names if name not in estimate.terms]
        if unknown or not names:
            raise MethodError(
                f"there is no term {unknown[0]!r}" if unknown else "no term is named",
                where=f"estimate {estimate.method}",
                remedy=f"choose from {', '.join(estimate.terms)}",
            )
        return list(dict.fromkeys(names))
    keys: dict[str, list[str]] = {}
    for name in estimate.terms:
        parsed = parse(name)
        # The mean of the parts, `effect[event=mean]`, is none of them.
        if parsed is not None and parsed[0] == "effect" and parsed[2] != "mean":
            # `effect[group=2004,time=2006]` is a part by group and time, not one by group.
            key = ",".join([parsed[1], *(piece.partition("=")[0] for piece in parsed[2].split(",")[1:])])
            keys.setdefault(key, []).append(name)
    if terms not in keys:
        known = ", ".join(map(repr, keys))
        raise MethodError(
            f"the effect has no parts by {terms!r}",
            where=f"estimate {estimate.method}",
            remedy=f"choose {known}, or give a list of terms" if known else "give a list of terms",
        )
    return keys[terms]


def _multiples(estimate: Estimate, columns: NDArray[np.intp], draws: int, seed: int, multiplier: Multiplier) -> Floats:
    if estimate.replay is None:
        raise MethodError(
            f"{estimate.method} cannot be resampled: {estimate.no_replay}",
            where="simultaneous",
            remedy="use method='default', from the estimate's own variance",
        )
    sums = estimate.cluster_influence()[:, columns]
    drawn, total = np.empty((draws, len(columns))), sums.sum(axis=0)
    for number, start, stop in blocks(draws, len(sums)):
        drawn[start:stop] = multiplier_sums(sums, total, stop - start, multiplier, stream(seed, BAND, number))
    return drawn
