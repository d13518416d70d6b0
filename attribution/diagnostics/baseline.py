"""Balance at baseline: how far apart the arms were before the training, in standard deviations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, TRAINED, adoption_arms, assigned_arms, two_window_arms, windows
from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.diagnostics.comparison import kpi_mean

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

ROLLOUTS = ("staggered", "event_study", "twfe")
"""Methods whose trained begin at several dates."""

ALONE = ("prepost", "trend")
"""Methods that may look at the trained alone."""

MIXED = ("synthetic",)
"""Methods that compare with a mix fitted to the trained: the arms as they are say nothing of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Who of a panel an estimate compares, as masks over units, and the codes of the periods before any training."""

    trained: NDArray[np.bool_]
    control: NDArray[np.bool_]
    before: NDArray[np.int16]


def compared_arms(panel: Panel, estimate: Estimate) -> Compared | None:
    """Return the two arms that an estimate compares unit by unit; None where it compares no units.

    Two windows: trained between them, against who was not; by assignment where the effect is that of being assigned. A
    rollout: every cohort that the effect speaks for, against those never trained or trained too late to count, in the
    periods before the first cohort began, which all of them share. A cross-section has no period before. A trend and a
    mix of donors compare no units.
    """
    if estimate.rows != "units" or not estimate.n.control.units or estimate.method in MIXED:
        return None
    entered, adopted = estimate.clusters >= 0, panel.units.adopted
    if panel.kind == "cross_section":
        code = adoption_arms(panel)
        return Compared(entered & (code == TRAINED), entered & (code == CONTROL), np.array([], dtype=np.int16))
    before = np.array(panel.periods.codes(estimate.n.baseline, where="baseline"), dtype=np.int16)
    if estimate.method in ROLLOUTS:
        later = {period for period, _ in estimate.n.later}
        inside = (adopted > 0) & (adopted < len(panel.periods))
        counted = [code for code in np.unique(adopted[inside]) if panel.periods.text(int(code)) not in later]
        trained = np.isin(adopted, counted)
        return Compared(entered & trained, entered & ~trained, before)
    if estimate.estimand == "ITT":
        code = assigned_arms(panel).code
    else:
        code = two_window_arms(panel, *windows(panel, estimate.n.baseline, estimate.n.followup), "not_yet").code
    return Compared(entered & (code == TRAINED), entered & (code == CONTROL), before)


def baseline_balance(panel: Panel, estimate: Estimate) -> pd.DataFrame:
    """Return the arms' standardised difference at baseline for the KPI and each numeric covariate.

    One row per variable: `variable, trained, control, difference, g, missing`, over the units that entered the
    estimate, by their weights; none where it compares no units (see `compared_arms`). In repeated cross-sections the
    units are the rows of the baseline. `g` is Hedges' g with the small-sample factor 1 − 3/(4N − 9); for a
    variable of 0 and 1 it is the Cox index, the log odds ratio / 1.65, with the same factor. Infinite where each arm
    has one value and these differ, NaN where it does not exist. Covariates of text are left to their indicator columns.

    Source: What Works Clearinghouse (2022), Procedures and Standards Handbook 5.0, appendix E.
    """
    import pandas as pd

    columns = ["variable", "trained", "control", "difference", "g", "missing"]
    arms = compared_arms(panel, estimate)
    if arms is None:
        return pd.DataFrame(columns=columns)
    masks = [arms.trained, arms.control]
    level = kpi_mean(panel, arms.before)
    if panel.kind == "repeated_cross_sections":
        masks = [mask & np.isin(panel.observations.period, arms.before) for mask in masks]
    # A cross-section has no KPI of before.
    variables = {estimate.outcome: level} if len(arms.before) else {}
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
    return pd.DataFrame(rows, columns=columns)


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
