"""The arms compared given covariates: regression, propensity weights, or both; on a cross-section or on changes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from attribution.core.cohort import Estimand
from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.contrasts.assemble import Options, Outcome, Target, estimate_contrast
from attribution.estimators.contrasts.variances import AdjustedVariance
from attribution.estimators.counted import with_cohort_counted
from attribution.estimators.options import require_known
from attribution.numerics.effects import WITH_PROPENSITY, Rule


def adjusted(
    panel: Panel,
    *,
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
    outcome: Outcome = "change",
    covariates: Sequence[str] | None = None,
    adjust: Rule = "regression",
    estimand: Estimand | None = None,
    target: Target = "population",
    by_arm: Sequence[str] = (),
    variance: AdjustedVariance = "default",
) -> Estimate:
    """Estimate an effect by comparing units alike in covariates, on a cross-section or on changes of a panel.

    The estimand is the effect on the trained (ATT), on all units (ATE) or where the arms overlap (ATO), in KPI units,
    if nothing but the covariates, or a cohort's weights, drives both training and KPI. On a panel the ATT comes with
    the observed change of the same trained units and the background, change − effect; on a cross-section, and for other
    estimands, there is the effect alone, and no share.

    Parameters
    ----------
    baseline, followup
        Periods of the two windows of a panel, as in `did`; none on a cross-section.
    outcome
        On a panel, what is compared: `"change"` from baseline to follow-up, or the follow-up `"level"`, with the
        baseline KPI among the covariates unless `adjust="none"`.
    covariates
        Names of the panel's covariates, `"a:b"` for a product; those of the panel's cohort unless given, `[]` for none.
    adjust
        `"regression"`: each arm's regression read at the target's covariates, weighted by a cohort's weights;
        `"ipw"`, `"doubly_robust"`: weights from a logit of training on the covariates, alone or on top of the
        regressions; `"ancova"`: one regression whose slopes both arms share; `"none"`: the weighted means.
    estimand
        The cohort's unless given, and the ATT without one.
    target
        Whether the covariates of whom the effect speaks for are a `"population"`'s, one sample of which is seen, or
        taken as given, `"sample"`: the standard error then leaves out how they vary. With regressions alone.
    by_arm
        With `"ancova"`, covariates whose slope may differ by arm; the effect is read at their mean in the target.
    variance
        `"default"` (cluster jackknife by arm, Welch–Satterthwaite df) or a named one for parity with other software.

    Raises
    ------
    MethodError
        An empty arm, options that do not go together, a rule that does not exist on these units (covariates tell the
        arms apart), a cohort's weights asked to be weighted twice.
    DataError
        A period that is not in the panel, covariates that are missing, constant or combinations of each other.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> from attribution.estimators.adjusted import adjusted
    >>> frame = pd.DataFrame({"person": range(8), "trained": [1] * 4 + [0] * 4, "tenure": [2, 3, 4, 5, 1, 2, 3, 4]})
    >>> frame["sales"] = 10 + 2 * frame["trained"] + frame["tenure"]
    >>> panel = at.Panel.from_frame(frame, unit="person", outcome="sales", trained="trained", covariates=["tenure"],
    ...     kind="cross_section")
    >>> round(adjusted(panel, covariates=["tenure"]).value("effect"), 9)
    2.0

    Source: Lunceford & Davidian (2004); Sant'Anna & Zhao (2020), eq. 3.1; Li, Morgan & Zaslavsky (2018); variance after
    MacKinnon, Nielsen & Webb (2023).
    """
    require_known(
        outcome=(outcome, Outcome),
        adjust=(adjust, Rule),
        target=(target, Target),
        variance=(variance, AdjustedVariance),
    )
    if estimand is not None:
        require_known(estimand=(estimand, Estimand))
    _require_panel(panel, baseline, followup)
    speaks = _estimand(panel, estimand)
    _require_rule(panel, adjust, speaks, target, by_arm)
    options = Options(baseline, followup, outcome, covariates, adjust, speaks, target, by_arm)
    return with_cohort_counted(panel, variance, partial(estimate_contrast, options=options))


def _require_panel(panel: Panel, baseline: Sequence[Any], followup: Sequence[Any]) -> None:
    if panel.kind not in ("panel", "cross_section"):
        raise MethodError(
            f"the panel is {panel.kind!r}: there are no units whose covariates are compared",
            where="adjusted",
            remedy="use did, which takes covariates of rows too, or trend for one series",
        )
    windows = bool(len(baseline)) + bool(len(followup))
    if panel.kind == "cross_section" and windows:
        raise MethodError(
            "a cross-section has no periods",
            where="baseline, followup",
            remedy="leave them out, and name the KPI's earlier values among the covariates",
        )
    if panel.kind == "panel" and windows < 2:
        raise MethodError(
            "the windows are not both given",
            where="baseline, followup",
            remedy="give lists of periods, e.g. baseline=[1987], followup=[1988]",
        )


def _estimand(panel: Panel, estimand: Estimand | None) -> Estimand:
    cohort = panel.cohort
    if cohort is None:
        return estimand or "ATT"
    if estimand is not None and estimand != cohort.estimand:
        raise MethodError(
            f"estimand is {estimand!r}, and the cohort speaks for the {cohort.estimand}",
            where=f"cohort {cohort.method}",
            remedy="leave estimand out, or make the cohort for the one that is asked for",
        )
    found: Estimand = cohort.estimand  # type: ignore[assignment]
    require_known(estimand=(found, Estimand))
    return found


def _require_rule(panel: Panel, adjust: Rule, estimand: Estimand, target: Target, by_arm: Sequence[str]) -> None:
    if panel.cohort is not None and adjust in WITH_PROPENSITY:
        raise MethodError(
            f"adjust={adjust!r} weights by a propensity, and the cohort {panel.cohort.method} has weights already",
            where="adjust",
            remedy="use 'regression' (the cohort's weights with a regression on top are doubly robust), or leave the "
            "cohort off and name the covariates",
        )
    if isinstance(by_arm, str) or (by_arm and adjust != "ancova"):
        raise MethodError(
            f"by_arm is {by_arm!r} and adjust {adjust!r}",
            where="by_arm",
            remedy="give a list of covariates, with adjust='ancova'; 'regression' lets all slopes differ",
        )
    if target == "sample" and adjust not in ("regression", "ancova"):
        raise MethodError(
            f"target='sample' holds the covariates a regression is read at, and adjust is {adjust!r}",
            where="target",
            remedy="use adjust='regression', or leave target out",
        )
    if panel.cohort is None and estimand == "ATO" and adjust in ("regression", "ancova"):
        raise MethodError(
            "who the arms' overlap consists of is known from a propensity, and a regression has none",
            where="estimand",
            remedy="use adjust='ipw' or 'doubly_robust', or a cohort of overlap weights",
        )
