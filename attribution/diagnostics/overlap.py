"""Overlap: whether for every trained unit there are untrained ones that could as well have been trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from attribution.core.arms import CONTROL, TRAINED
from attribution.core.cohort import Cohort
from attribution.core.covariates import covariate_matrix
from attribution.core.panel import Panel
from attribution.diagnostics.comparison import Comparison, comparison
from attribution.errors import MethodError
from attribution.numerics.logit import FitError, fit_index, orthonormal

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

ALMOST_CERTAIN = 0.9
"""A propensity above which hardly anybody is left to compare a trained unit with."""

CRUMP = (0.1, 0.9)
"""Propensities within which the effect on all units can be told (Crump, Hotz, Imbens & Mitnik 2009)."""


@dataclass(frozen=True, slots=True)
class Outside:
    """A unit of the cohort that has nobody like it in the other arm, and why that is said."""

    unit: str
    arm: str
    propensity: float
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """The propensities of both arms, and who of the cohort lies where the other arm is not.

    `probability[n_units]` is NaN for who could not take part; `trained` and `control` are masks of who could,
    `weights` those of the cohort, 1 for every candidate without one. `common` is the range that both arms reach. `own`
    is whether the propensity is the cohort's; otherwise it is a logit of its covariates, fitted to look at them.
    """

    method: str
    estimand: str
    own: bool
    common: tuple[float, float]
    outside: tuple[Outside, ...]
    probability: Floats = field(repr=False)
    trained: NDArray[np.bool_] = field(repr=False)
    control: NDArray[np.bool_] = field(repr=False)
    weights: Floats = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """Return one row per arm: `arm, units, lowest, quarter, median, three_quarters, highest, weighted, outside`.

        The quantiles are those of all that could take part; `weighted` have a weight in the cohort, `outside` of them
        have nobody like them in the other arm.
        """
        import pandas as pd

        rows = []
        for arm, mask in (("trained", self.trained), ("control", self.control)):
            low, quarter, median, three, high = np.quantile(self.probability[mask], (0, 0.25, 0.5, 0.75, 1))
            rows.append(
                {
                    "arm": arm,
                    "units": int(mask.sum()),
                    "lowest": low,
                    "quarter": quarter,
                    "median": median,
                    "three_quarters": three,
                    "highest": high,
                    "weighted": int((mask & (self.weights > 0)).sum()),
                    "outside": sum(one.arm == arm for one in self.outside),
                }
            )
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        low, high = self.common
        where = f"common range {low:.3f} to {high:.3f}" if low <= high else "no common range"
        return f"Overlap({self.method or 'no cohort'!r}, {self.estimand}: {where}; {len(self.outside)} units outside)"

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        whose = "the cohort’s propensity" if self.own else "a logit of the covariates"
        return table_html(self.tidy(), caption=f"{self.method or 'no cohort'}, {self.estimand}; {whose}")


def overlap(panel: Panel, cohort: Cohort | None = None, *, covariates: Sequence[str] | None = None) -> Overlap:
    """Compare the propensities of the arms and name who has nobody like them in the other arm.

    `cohort` is by default the panel's. Where it has no propensity, or where `covariates` are named, a logit of being
    trained on them is fitted to look at. For the effect on the trained (ATT), outside are the trained of the cohort
    with a propensity above .9 or beyond those of the controls; for the effect on all (ATE), units of either arm outside
    .1 to .9; under overlap weights (ATO), nobody: they fade out who has no counterpart. Raises `MethodError` where
    covariates tell the arms apart, so that nobody overlaps, or are not named.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"id": range(8), "y": 1.0, "treat": [1, 1, 1, 1, 0, 0, 0, 0],
    ...     "age": [30, 40, 50, 60, 20, 30, 40, 52]})
    >>> panel = at.Panel.from_frame(frame, unit="id", outcome="y", trained="treat", covariates=["age"],
    ...     kind="cross_section")
    >>> at.overlap(panel, covariates=["age"])
    Overlap('no cohort', ATT: common range 0.333 to 0.689; 1 units outside)

    Source: Crump, Hotz, Imbens & Mitnik (2009), Biometrika 96, for .1 to .9.
    """
    arms = comparison(panel, cohort)
    found = arms.cohort
    score = None if found is None or covariates is not None else found.propensity
    if score is None:
        probability = _fitted(arms, covariates)
    else:
        probability = np.where(arms.candidates, score.probability, np.nan)
    known = ~np.isnan(probability)
    trained, control = arms.arm(TRAINED) & known, arms.arm(CONTROL) & known
    ends = [(float(probability[arm].min()), float(probability[arm].max())) for arm in (trained, control)]
    return Overlap(
        method="" if found is None else found.method,
        estimand=arms.estimand,
        own=score is not None,
        common=(max(low for low, _ in ends), min(high for _, high in ends)),
        outside=_outside(arms, probability, trained, control),
        probability=probability,
        trained=trained,
        control=control,
        weights=arms.after,
    )


def _fitted(arms: Comparison, covariates: Sequence[str] | None) -> Floats:
    """Return each candidate's probability of being trained by a logit of the covariates, NaN for all others."""
    cohort = arms.cohort
    if covariates is not None:
        design = covariate_matrix(arms.panel, covariates, arms.candidates)[0][arms.candidates]
    elif cohort is not None and cohort.columns is not None and cohort.labels:
        rows = cohort.columns[arms.candidates]
        design = np.column_stack([np.ones(len(rows)), rows])
    else:
        raise MethodError(
            "nothing says which covariates to compare the arms by",
            where="overlap",
            remedy="name them: at.overlap(panel, covariates=[…])",
        )
    trained, weights = arms.code[arms.candidates] == TRAINED, arms.before[arms.candidates]
    try:
        basis = orthonormal(design, weights)
        index = fit_index(basis, trained, weights, "logit").index
    except FitError as error:
        raise MethodError(
            f"a logit of being trained on the covariates does not exist ({error.reason})",
            where="overlap",
            remedy="look for covariates that only one arm has: those units have nobody to be compared with",
        ) from error
    found = np.full(len(arms.code), np.nan)
    found[arms.candidates] = expit(index)
    return found


def _outside(
    arms: Comparison, probability: Floats, trained: NDArray[np.bool_], control: NDArray[np.bool_]
) -> tuple[Outside, ...]:
    """Return who of those with a weight has nobody like them, the furthest out first."""
    used = arms.after > 0
    reasons: dict[int, str] = {}
    if arms.estimand == "ATE":
        for code in np.flatnonzero(used & (trained | control)):
            if not CRUMP[0] <= probability[code] <= CRUMP[1]:
                reasons[int(code)] = f"outside {CRUMP[0]:g} to {CRUMP[1]:g}"
    elif arms.estimand != "ATO":
        low, high = probability[control].min(), probability[control].max()
        for code in np.flatnonzero(used & trained):
            if probability[code] > high:
                reasons[int(code)] = "above every control"
            elif probability[code] < low:
                reasons[int(code)] = "below every control"
            elif probability[code] > ALMOST_CERTAIN:
                reasons[int(code)] = f"above {ALMOST_CERTAIN:g}"
    order = sorted(reasons, key=lambda code: -abs(probability[code] - 0.5))
    labels = arms.panel.units.label
    return tuple(
        Outside(str(labels[code]), "trained" if trained[code] else "control", float(probability[code]), reasons[code])
        for code in order
    )
