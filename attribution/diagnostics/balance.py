"""Balance: how alike the arms are before and after a cohort was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import CONTROL, TRAINED
from attribution.core.cohort import Cohort
from attribution.core.panel import Panel
from attribution.diagnostics.comparison import Comparison, Variable, comparison, is_interaction, variables
from attribution.diagnostics.weights import ArmWeights, arm_weights
from attribution.errors import MethodError
from attribution.numerics.balance import Contrast, Denominator, contrasts

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

CLOSE, FAR = 0.1, 0.25
"""Standardised differences that are small (Austin 2009), and too large for any adjustment (Stuart 2010)."""

DENOMINATORS: dict[str, Denominator] = {"ATE": "pooled", "ATO": "weighted"}
"""Whose standard deviation a difference is measured in, by estimand; all others: that of the trained."""

NUMBERS = ("trained", "control", "smd", "variance_ratio", "cox", "ks", "ecdf")


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One variable before and after: the same standard deviation `deviation` measures both; `missing` units lack it."""

    variable: str
    kind: str
    deviation: float
    before: Contrast
    after: Contrast
    missing: int


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """How alike the arms are, variable by variable, before and after a cohort.

    `denominator` says whose standard deviation the differences are measured in. Without a cohort (`method` "") after is
    as before. `trained` and `control` say how much each arm's weights leave of it. `unshown` are interactions that
    the cohort used: they have no row.
    """

    method: str
    estimand: str
    denominator: Denominator
    rows: tuple[BalanceRow, ...]
    trained: ArmWeights
    control: ArmWeights
    unshown: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[BalanceRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, variable: str) -> BalanceRow:
        for row in self.rows:
            if row.variable == variable:
                return row
        raise MethodError(
            f"there is no row {variable!r}",
            where="balance",
            remedy=f"choose from {', '.join(row.variable for row in self.rows)}",
        )

    @property
    def worst(self) -> BalanceRow:
        """The row of the largest standardised difference after."""
        return max(self.rows, key=lambda row: -1.0 if np.isnan(row.after.smd) else abs(row.after.smd))

    def beyond(self, threshold: float = CLOSE) -> tuple[str, ...]:
        """Return the variables whose standardised difference after is larger than `threshold`."""
        return tuple(row.variable for row in self.rows if abs(row.after.smd) > threshold)

    def tidy(self) -> pd.DataFrame:
        """Return one row per variable: its kind, the deviation, each number before and after, and who lacks it.

        The numbers are `trained, control, smd, variance_ratio, cox, ks, ecdf`, each with `_before` and `_after`.
        """
        import pandas as pd

        rows = [
            {
                "variable": row.variable,
                "kind": row.kind,
                "deviation": row.deviation,
                **{f"{name}_before": getattr(row.before, name) for name in NUMBERS},
                **{f"{name}_after": getattr(row.after, name) for name in NUMBERS},
                "missing": row.missing,
            }
            for row in self.rows
        ]
        return pd.DataFrame(rows)

    def weights(self) -> pd.DataFrame:
        """Return one row per arm: `arm, units, weighted, effective, heaviest, share`.

        `units` could take part, `weighted` have a weight, `effective` is Kish's number; `heaviest` is the unit with
        the largest share of its arm's weight.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "arm": one.arm,
                "units": one.units,
                "weighted": one.weighted,
                "effective": one.effective,
                "heaviest": one.heaviest[0][0],
                "share": one.heaviest[0][1],
            }
            for one in (self.trained, self.control)
        )

    def __repr__(self) -> str:
        name = self.method or "no cohort"
        if not self.rows:
            return f"Balance({name!r}, {self.estimand}: no variables)"
        worst = self.worst
        return (
            f"Balance({name!r}, {self.estimand}: {len(self.rows)} variables, {len(self.beyond())} of them more than "
            f"{CLOSE:g} SD apart; most, {worst.variable}, {worst.after.smd:+.3f})"
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        shown = ["variable", "trained_before", "control_before", "smd_before"]
        if self.method:
            shown += ["trained_after", "control_after", "smd_after", "variance_ratio_after", "ks_after"]
        else:
            shown += ["variance_ratio_before", "ks_before"]
        caption = f"{self.method or 'no cohort'}, {self.estimand}; differences in SD of {_SAID[self.denominator]}"
        tables = table_html(self.tidy()[shown], caption=caption) if self.rows else ""
        return tables + table_html(self.weights(), caption="what the weights leave of each arm")


_SAID = {"trained": "the trained, before", "pooled": "both arms, pooled, before", "weighted": "all, as weighted"}


def balance(
    panel: Panel,
    cohort: Cohort | None = None,
    *,
    covariates: Sequence[str] | None = None,
    baseline: Sequence[Any] = (),
    followup: Sequence[Any] = (),
) -> Balance:
    """Compare the arms before and after a cohort, variable by variable.

    One row for the propensity where the cohort has one, for each covariate, for each level of a category, and with
    `baseline`, periods before the training, for the mean of the KPI over them. `covariates` names covariates of the
    panel, also ones that the cohort did not use; None takes the cohort's, without a cohort all. `cohort` is by default
    the panel's; without any the arms are compared as they are (`followup` and `baseline` then say who is trained
    between them). Before are all units that could take part, with their own weights; after, these times the cohort's.
    Differences are in standard deviations, the same before and after: of the trained before (ATT), pooled as
    √((s₁² + s₀²)/2) (ATE), of all units as weighted (ATO). Balance is judged by size, not tested. Raises
    `MethodError` for unknown covariates, a panel that follows no units, and an arm without units, `DataError` for a
    cohort of other units.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"id": range(6), "y": 1.0, "treat": [1, 1, 0, 0, 0, 0], "age": [30, 40, 34, 36, 50, 60]})
    >>> panel = at.Panel.from_frame(frame, unit="id", outcome="y", trained="treat", covariates=["age"],
    ...     kind="cross_section")
    >>> cohort = at.Cohort("given", "ATT", np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]))
    >>> found = at.balance(panel, cohort)
    >>> found
    Balance('given', ATT: 1 variables, 0 of them more than 0.1 SD apart; most, age, +0.000)
    >>> round(found["age"].before.smd, 3), found.control.effective
    (-1.414, 2.0)

    Source: Austin (2009), Statistics in Medicine 28; Stuart (2010), Statistical Science 25; the definitions are those
    of cobalt 4.6.2 `bal.tab` (`binary = "std"`), eCDF those of MatchIt 4.7.1 `summary`.
    """
    arms = comparison(panel, cohort, baseline=baseline, followup=followup)
    shown = variables(arms, covariates, baseline)
    which = DENOMINATORS.get(arms.estimand, "trained") if arms.cohort is not None else "trained"
    # The trained first, so that each arm is one piece of every column.
    order = np.concatenate([np.flatnonzero(arms.arm(code)) for code in (TRAINED, CONTROL)])
    used = () if arms.cohort is None or covariates is not None else arms.cohort.covariates
    return Balance(
        method="" if arms.cohort is None else arms.cohort.method,
        estimand=arms.estimand,
        denominator=which,
        rows=tuple(_row(arms, order, one, which) for one in shown),
        trained=arm_weights(arms, TRAINED),
        control=arm_weights(arms, CONTROL),
        unshown=tuple(name for name in used if is_interaction(panel, name)),
    )


def _row(arms: Comparison, order: NDArray[np.intp], variable: Variable, which: Denominator) -> BalanceRow:
    values = variable.values[order]
    known = ~np.isnan(values)
    missing = len(known) - int(np.count_nonzero(known))
    if missing:
        order, values = order[known], values[known]
    split = int(np.count_nonzero(arms.code[order] == TRAINED))
    deviation, before, after = contrasts(values, split, arms.before[order], arms.after[order], which)
    return BalanceRow(variable.name, variable.kind, deviation, before, after, missing)
