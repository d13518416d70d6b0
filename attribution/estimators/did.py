"""Difference-in-differences on two windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attribution.core.arms import Controls
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.core.panel import Panel
from attribution.estimators.windows.assemble import ADJUSTED, CONTROL_ARM, TRAINED_ARM, Piece, estimate_windows
from attribution.estimators.windows.variances import Variance
from attribution.numerics.pairs import Adjust


def did(
    panel: Panel,
    *,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    controls: Controls = "not_yet",
    covariates: Sequence[str] | None = None,
    adjust: Adjust | None = None,
    washout: int = 0,
    anticipation: int = 0,
    as_assigned: bool = False,
    variance: Variance = "default",
) -> Estimate:
    """Estimate the effect on the trained by difference-in-differences of two window means.

    The estimand is the ATT in KPI units, with the observed change of the same trained units and the background,
    change − effect, from the same units, windows and weights. Trained is adopted after the last baseline
    period and not after the last follow-up period; the comparison is not adopted by the last follow-up period
    (`controls="not_yet"`) or never adopted (`"never"`). On repeated cross-sections the levels are means of rows.

    Parameters
    ----------
    baseline, followup
        Periods of the two windows, e.g. `[1987]` and `[1988]`. A follow-up of several windows, `[[1988], [1989]]`, adds
        `effect[window=1]`, `change[window=1]`, … for each; the plain terms are of all their periods together.
    controls
        Whom the trained are compared with.
    covariates, adjust
        Names of the panel's covariates, `"a:b"` for a product, and the rule that compares changes given them:
        `"doubly_robust"` (right if either its regression or its propensity is), `"regression"`, `"ipw"`,
        `"doubly_robust_improved"` or `"ipw_unnormalised"`. Without covariates `adjust` does nothing. On a matched
        cohort they are its own, by regression, unless given; `covariates=[]` asks for the plain difference.
    washout, anticipation
        Periods after adoption that do not count, and before it in which the KPI may already move. Who is in either
        while the KPI is measured is left out and counted.
    as_assigned
        Compare by assignment, whoever was trained: the effect is that of being assigned (intention to treat), and
        `take_up` is the difference in who was trained by the last follow-up period; see `effect_on_takers`.
    variance
        `"default"` (cluster jackknife by arm, Welch–Satterthwaite df) or a named one for parity with other software.

    Raises
    ------
    MethodError
        An empty arm, windows that overlap, a named variance that does not apply, a rule that does not exist on these
        units (covariates tell the arms apart).
    DataError
        A period that is not in the panel, covariates that are missing, constant or combinations of each other.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> rows = [(u, t, u % 3 + t + 2 * (u < 3) * t, 1 if u < 3 else None) for u in range(6) for t in (0, 1)]
    >>> frame = pd.DataFrame(rows, columns=["person", "month", "sales", "start"])
    >>> panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    >>> float(at.did(panel, baseline=[0], followup=[1]).value("effect"))
    2.0

    Source: Angrist & Pischke (2009), Mostly Harmless Econometrics, eq. 5.2.3; with covariates Sant'Anna & Zhao (2020);
    variance after MacKinnon, Nielsen & Webb (2023) and Bell & McCaffrey (2002).
    """
    return estimate_windows(
        panel,
        method="did",
        recipe=effect_of,
        baseline=baseline,
        followup=followup,
        controls=controls,
        variance=variance,
        covariates=covariates,
        adjust=adjust,
        washout=washout,
        anticipation=anticipation,
        as_assigned=as_assigned,
    )


def effect_of(window: int, adjusted: bool) -> Mapping[str, Mapping[Piece, float]]:
    """Return the terms of a follow-up window as sums of levels and, where covariates adjust it, of the effect.

    The untrained level is the trained units' level less the effect.
    """
    change = {(TRAINED_ARM, window): 1.0, (TRAINED_ARM, 0): -1.0}
    background = {(CONTROL_ARM, window): 1.0, (CONTROL_ARM, 0): -1.0}
    effect = change | {piece: -factor for piece, factor in background.items()}
    if adjusted:
        effect = {(ADJUSTED, window): 1.0}
        background = change | {(ADJUSTED, window): -1.0}
        untrained = {(TRAINED_ARM, window): 1.0, (ADJUSTED, window): -1.0}
    else:
        untrained = {(TRAINED_ARM, 0): 1.0} | background
    return {"effect": effect, "change": change, "background": background, UNTRAINED_LEVEL: untrained}
