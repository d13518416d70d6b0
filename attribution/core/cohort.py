"""The cohort: who stands for the untrained, with which weight, and how that weight was found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from attribution.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Estimand = Literal["ATT", "ATE", "ATO"]
"""Whom a weighted contrast speaks for: the trained, all units, or those who could as well have been in either arm."""


class WeightModel(Protocol):
    """How estimated weights move: their parameters' influence, their gradient, and the refit under other multipliers.

    `influence[n_units, p]` is the parameters' derivative by each unit's multiplier at 1 (sum form); `gradient[n_units,
    p]` the derivative of each unit's weight by the parameters, the unit's own multiplier aside. A weight may be
    known up to a factor for each arm. Units outside the model have rows of 0.
    """

    @property
    def influence(self) -> Floats: ...

    @property
    def gradient(self) -> Floats: ...

    def reweight(self, multipliers: Floats) -> Floats:
        """Return the cohort weights `[n_draws, n_units]` refitted under `multipliers[n_draws, n_units]`.

        The multipliers multiply the units' own weights. A draw that has no fit is a row of NaN.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Who was matched with whom.

    Link l says that unit `trained[l]` is matched with unit `control[l]`, which is the part `share[l]` of its match:
    shares sum to 1 for each trained unit that is matched. `sets[n_units]` is the matched set of each unit, −1 for
    none; None where a control may serve several trained units (`replacement`). Strata with many of both arms
    (exact, coarsened, subclasses, full) have sets and no links. `on_propensity` says that nearness was that of an
    estimated propensity alone, which the variance of matches with replacement counts.
    """

    replacement: bool
    sets: NDArray[np.int32] | None = field(repr=False)
    trained: NDArray[np.int64] = field(repr=False)
    control: NDArray[np.int64] = field(repr=False)
    share: Floats = field(repr=False)
    on_propensity: bool = False

    @property
    def n_sets(self) -> int:
        """The number of matched sets; with replacement, of trained units that have a match."""
        if self.sets is None:
            return len(np.unique(self.trained))
        return len(np.unique(self.sets[self.sets >= 0]))


@dataclass(frozen=True, slots=True, eq=False)
class Propensity:
    """The logit of being trained that a cohort was made with.

    `probability[n_units]` is NaN for units that were not in it. `design[n_units, k]` has the intercept first, and
    rows of 0 for these; `influence[n_units, k]` is that of the coefficients, in sum form.
    """

    labels: tuple[str, ...]
    coefficients: Floats
    std_error: Floats
    log_likelihood: float
    probability: Floats = field(repr=False)
    design: Floats = field(repr=False)
    influence: Floats = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """Return one row per column of the design: `column, coefficient, std_error, z`."""
        import pandas as pd

        with np.errstate(divide="ignore", invalid="ignore"):
            z = self.coefficients / self.std_error
        return pd.DataFrame(
            {"column": self.labels, "coefficient": self.coefficients, "std_error": self.std_error, "z": z}
        )

    def __repr__(self) -> str:
        inside = self.probability[~np.isnan(self.probability)]
        return (
            f"Propensity({len(inside):,} units, {len(self.labels)} columns: from {inside.min():.3g} to "
            f"{inside.max():.3g}, log-likelihood {self.log_likelihood:.1f})"
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(self.tidy(), caption=f"propensity (logit), log-likelihood {self.log_likelihood:.1f}")


@dataclass(frozen=True, slots=True)
class Dropped:
    """Units of one arm that have no weight for one reason."""

    arm: str
    reason: str
    units: int


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Weights, one per unit of the panel, that make the comparison stand for the trained.

    `estimand` says whom the weighted contrast speaks for. A weight of 0 leaves the unit out; `reasons[n_units]` says
    why, "" where it does not, and `arms[n_units]` is 1 for trained, 0 for controls, −1 for units of neither. Without
    `matches` and `fit` the weights are taken as given: known before the study, not estimated from it. `covariates` are
    the names that make the arms alike, `columns[n_units, k]` their columns, named by `labels` (rows of 0 for who cannot
    take part). `candidates[n_units]` are the units that the method could choose from; None where this is not known.
    """

    method: str
    estimand: str
    weights: Floats
    arms: NDArray[np.int8] | None = field(default=None, repr=False)
    reasons: NDArray[np.object_] | None = field(default=None, repr=False)
    candidates: NDArray[np.bool_] | None = field(default=None, repr=False)
    covariates: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    columns: Floats | None = field(default=None, repr=False)
    matches: Matches | None = field(default=None, repr=False)
    fit: WeightModel | None = field(default=None, repr=False)
    propensity: Propensity | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """Units without weight by arm and reason, the trained first."""
        if self.reasons is None or self.arms is None:
            return ()
        found = []
        for code, arm in ((1, "trained"), (0, "control"), (-1, "neither")):
            reasons = self.reasons[(self.arms == code) & (self.reasons != "")].astype(str)
            for reason, count in zip(*np.unique(reasons, return_counts=True), strict=True):
                found.append(Dropped(arm, str(reason), int(count)))
        return tuple(found)

    def fixed(self) -> Cohort:
        """Return the same cohort with its weights taken as given: no draw estimates them again.

        For comparison with software that takes estimated weights as known, as weighted regressions do.
        """
        if self.fit is None:
            return self
        return replace(self, fit=None, notes=(*self.notes, "the weights are taken as given, not as estimated"))

    def tidy(self) -> pd.DataFrame:
        """Return one row per arm and fate: `arm, fate, units, weight`; those with a weight first."""
        import pandas as pd

        columns = ["arm", "fate", "units", "weight"]
        weights = np.asarray(self.weights)
        used = weights > 0
        if self.arms is None:
            return pd.DataFrame([("all", "in", int(used.sum()), float(weights[used].sum()))], columns=columns)
        rows: list[tuple[str, str, int, float]] = []
        for code, arm in ((1, "trained"), (0, "control")):
            mine = used & (self.arms == code)
            rows.append((arm, "in", int(mine.sum()), float(weights[mine].sum())))
        rows += [(part.arm, part.reason, part.units, 0.0) for part in self.dropped]
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        table = self.tidy()
        inside = table[table["fate"] == "in"]
        counts = ", ".join(f"{units:,} {arm}" for arm, units in zip(inside["arm"], inside["units"], strict=True))
        lost = sum(part.units for part in self.dropped if part.arm == "trained")
        also = f"; {lost:,} trained left out" if lost else ""
        return f"Cohort({self.method!r}, {self.estimand}: {counts}{also})"

    def _repr_html_(self) -> str:
        from html import escape

        from attribution.core.display import table_html

        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        table = table_html(self.tidy(), caption=f"{self.method}, {self.estimand}")
        return table + (f"<ul>{notes}</ul>" if notes else "")

    def require_units(self, n_units: int) -> None:
        """Raise `DataError` unless there is one finite, non-negative weight per unit."""
        weights = np.asarray(self.weights)
        if weights.shape != (n_units,):
            raise DataError(
                f"the cohort has {weights.size:,} weights for {n_units:,} units",
                where=f"cohort {self.method}",
                remedy="build the cohort from the same panel it is attached to",
            )
        bad = ~np.isfinite(weights) | (weights < 0)
        if bad.any():
            raise DataError(
                f"{int(bad.sum())} weights are negative or not finite, the first for unit {int(np.argmax(bad))}",
                where=f"cohort {self.method}",
                remedy="give a non-negative finite weight to every unit, 0 to leave one out",
            )
