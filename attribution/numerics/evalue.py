"""The E-value: how strongly something unmeasured must go with both training and outcome to make an observed ratio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SLOPE = 0.91
"""What takes a difference in standard deviations to a log risk ratio (Chinn 2000; Hasselblad & Hedges 1995)."""

SLOPE_OF_ERROR = 1.78
"""What its standard error is multiplied by for a 95% limit: .91 × 1.96."""


@dataclass(frozen=True, slots=True)
class EValue:
    """The E-value of a risk ratio and of the end of its interval that is nearer to `null`; 1 where it holds that.

    Something unmeasured that makes training, and the outcome, `point` times as likely, each beside all that was
    measured, could account for the whole ratio; anything weaker could not. `limit` is NaN without an interval.
    """

    ratio: float
    low: float
    high: float
    point: float
    limit: float
    null: float = 1.0


def e_value(ratio: float, low: float = float("nan"), high: float = float("nan"), *, null: float = 1.0) -> EValue:
    """Return the E-value of a risk ratio; `null` is the ratio that the unmeasured is to take it to.

    Examples
    --------
    >>> found = e_value(3.9, 1.8, 8.7)
    >>> round(found.point, 2), round(found.limit, 2)
    (7.26, 3.0)

    Source: VanderWeele & Ding (2017), Sensitivity analysis in observational research: introducing the E-value, Annals
    of Internal Medicine 167(4): RR + √(RR(RR − 1)).
    """
    near = low if ratio > null else high
    if ratio == null or (ratio > null and low < null) or (ratio < null and high > null):
        limit = 1.0
    else:
        limit = _of(near, null)
    if np.isnan(low) and np.isnan(high):
        limit = float("nan")
    return EValue(ratio, low, high, _of(ratio, null), limit, null)


def e_value_of_difference(difference: float, std_error: float = float("nan"), *, null: float = 0.0) -> EValue:
    """Return the E-value of a difference in standard deviations, by its approximate risk ratio exp(.91 d).

    The 95% interval is exp(.91 d ± 1.78 SE). Divide a difference in units of the outcome, and its standard error, by
    the outcome's standard deviation first.

    Examples
    --------
    >>> found = e_value_of_difference(0.5, 0.25)
    >>> round(found.point, 4), round(found.limit, 4)
    (2.5291, 1.1108)

    Source: VanderWeele & Ding (2017), table 2; Chinn (2000).
    """
    middle, wide = SLOPE * difference, SLOPE_OF_ERROR * std_error
    low, high = float(np.exp(middle - wide)), float(np.exp(middle + wide))
    return e_value(float(np.exp(middle)), low, high, null=float(np.exp(SLOPE * null)))


def ratio_of_odds(odds_ratio: float, *, rare: bool) -> float:
    """Return the risk ratio of an odds ratio: itself where the outcome is rare (under 15%), else its square root."""
    return float(odds_ratio if rare else np.sqrt(odds_ratio))


def ratio_of_hazards(hazard_ratio: float, *, rare: bool) -> float:
    """Return the risk ratio of a hazard ratio: itself where the outcome is rare, else (1 − ½^√HR)/(1 − ½^√(1/HR))."""
    if rare:
        return float(hazard_ratio)
    return float((1 - 0.5 ** np.sqrt(hazard_ratio)) / (1 - 0.5 ** np.sqrt(1 / hazard_ratio)))


def _of(ratio: float, null: float) -> float:
    away = max(ratio / null, null / ratio) if ratio > 0 else float("inf")
    return float(away + np.sqrt(away * (away - 1))) if not np.isnan(ratio) else float("nan")
