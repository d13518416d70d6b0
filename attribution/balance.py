"""Balance at baseline: how far apart the arms were before the training, in standard deviations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, TRAINED, two_window_arms, windows
from attribution.core.estimate import Estimate
from attribution.core.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


def baseline_balance(panel: Panel, estimate: Estimate) -> pd.DataFrame:
    """Return the arms' standardised difference at baseline for the KPI and each numeric covariate.

    One row per variable: `variable, trained, control, difference, g, missing`, over the units that entered the
    estimate, by their weights. `g` is Hedges' g with the small-sample factor 1 − 3/(4N − 9); for a variable of 0 and
    1 it is the Cox index, the log odds ratio / 1.65, with the same factor. Infinite where each arm has one value and
    these differ, NaN where it does not exist. Covariates of text are left to their indicator columns.

    Source: What Works Clearinghouse (2022), Procedures and Standards Handbook 5.0, appendix E.
    """
    import pandas as pd

    before, after = windows(panel, list(estimate.n.baseline), list(estimate.n.followup))
    arms = two_window_arms(panel, before, after, "not_yet")
    entered = estimate.clusters >= 0
    masks = [entered & (arms.code == code) for code in (TRAINED, CONTROL)]
    variables = {estimate.outcome: _baseline_mean(panel, before.codes)}
    for name, values in panel.units.covariates.items():
        if np.issubdtype(values.dtype, np.number):
            variables[name] = values.astype(float)
    weight = panel.weights
    rows = []
    for name, values in variables.items():
        known = ~np.isnan(values)
        trained, control = ((values[mask & known], weight[mask & known]) for mask in masks)
        missing = int(((masks[0] | masks[1]) & ~known).sum())
        means = [float(w @ v / w.sum()) if len(v) else float("nan") for v, w in (trained, control)]
        g = standardised_difference(*trained, *control)
        rows.append((name, means[0], means[1], means[0] - means[1], g, missing))
    return pd.DataFrame(rows, columns=["variable", "trained", "control", "difference", "g", "missing"])


def standardised_difference(first: Floats, first_weight: Floats, second: Floats, second_weight: Floats) -> float:
    """Return Hedges' g of two samples, or the Cox index where all values are 0 or 1.

    Infinite where each sample has one value and these differ; NaN where it does not exist.
    """
    sizes = len(first), len(second)
    if min(sizes) < 2:
        return float("nan")
    # Rounding in the means would leave a trace of a spread to divide by.
    if (first == first[0]).all() and (second == second[0]).all():
        return float("nan") if first[0] == second[0] else float(np.copysign(np.inf, first[0] - second[0]))
    small = 1 - 3 / (4 * sum(sizes) - 9)
    means = [float(w @ v / w.sum()) for v, w in ((first, first_weight), (second, second_weight))]
    with np.errstate(divide="ignore", invalid="ignore"):
        if np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all():
            odds = [np.float64(mean) / (1 - mean) for mean in means]
            index = float(small * (np.log(odds[0]) - np.log(odds[1])) / 1.65)
            return index if np.isfinite(index) else float("nan")
        pooled = 0.0
        for values, weight, mean in ((first, first_weight, means[0]), (second, second_weight, means[1])):
            pooled += len(values) * float(weight @ (values - mean) ** 2 / weight.sum())
        spread = np.sqrt(np.float64(pooled) / (sum(sizes) - 2))
        g = float(small * (means[0] - means[1]) / spread)
    return g if np.isfinite(g) else float("nan")


def _baseline_mean(panel: Panel, codes: NDArray[np.int16]) -> Floats:
    observations, n_units = panel.observations, len(panel.units)
    inside = np.isin(observations.period, codes) & ~np.isnan(observations.outcome)
    unit = observations.unit[inside]
    count = np.bincount(unit, minlength=n_units)
    total = np.bincount(unit, weights=observations.outcome[inside], minlength=n_units)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
