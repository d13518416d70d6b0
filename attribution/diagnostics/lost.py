"""The trained whom a cohort left out: who they are, and whose effect is told without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import TRAINED
from attribution.core.cohort import Cohort, Dropped
from attribution.core.panel import Panel
from attribution.diagnostics.comparison import Variable, comparison, variables
from attribution.errors import MethodError
from attribution.numerics.balance import is_binary, spread

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LostRow:
    """One variable: its means among the trained who are kept and who are lost, and their difference in SD.

    The standard deviation is that of all trained; `missing` of the lost have no value.
    """

    variable: str
    kept: float
    lost: float
    smd: float
    missing: int


@dataclass(frozen=True, slots=True, eq=False)
class Lost:
    """A profile of the trained units without a weight beside those with one, and the reasons."""

    method: str
    kept: int
    lost: int
    reasons: tuple[Dropped, ...]
    rows: tuple[LostRow, ...]

    def __iter__(self) -> Iterator[LostRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def most(self) -> LostRow | None:
        """The variable in which the lost differ most from those kept; None where nobody is lost."""
        known = [row for row in self.rows if not np.isnan(row.smd)]
        return max(known, key=lambda row: abs(row.smd)) if known else None

    def tidy(self) -> pd.DataFrame:
        """Return one row per variable: `variable, kept, lost, smd, missing`."""
        import pandas as pd

        columns = ["variable", "kept", "lost", "smd", "missing"]
        return pd.DataFrame([(one.variable, one.kept, one.lost, one.smd, one.missing) for one in self], columns=columns)

    def __repr__(self) -> str:
        return f"Lost({self.method!r}: {self.lost:,} of {self.kept + self.lost:,} trained)"

    def _repr_html_(self) -> str:
        from html import escape

        from attribution.core.display import table_html

        reasons = "".join(f"<li>{escape(one.reason)}: {one.units:,}</li>" for one in self.reasons)
        caption = f"{self.lost:,} of {self.kept + self.lost:,} trained left out"
        return table_html(self.tidy(), caption=caption) + (f"<ul>{reasons}</ul>" if reasons else "")


def lost(
    panel: Panel,
    cohort: Cohort | None = None,
    *,
    covariates: Sequence[str] | None = None,
    baseline: Sequence[Any] = (),
) -> Lost:
    """Compare the trained whom a cohort left out with those it kept: whose effect is told?

    All trained count, also those that could not take part for want of a KPI value or a covariate. `covariates` names
    covariates of the panel, None takes the cohort's; `baseline`, periods before the training, adds the mean of the
    KPI over them. Means are by the units' own weights, differences (lost − kept) in standard deviations of all trained.
    Raises `MethodError` without a cohort.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> import attribution as at
    >>> frame = pd.DataFrame({"id": range(6), "y": 1.0, "treat": [1, 1, 1, 0, 0, 0], "age": [30, 40, 65, 34, 36, 50]})
    >>> panel = at.Panel.from_frame(frame, unit="id", outcome="y", trained="treat", covariates=["age"],
    ...     kind="cross_section")
    >>> found = at.lost(panel, at.Cohort("given", "ATT", np.array([1.0, 1.0, 0.0, 1.0, 1.0, 0.0])))
    >>> found
    Lost('given': 1 of 3 trained)
    >>> found.tidy().round(2).to_dict("records")
    [{'variable': 'age', 'kept': 35.0, 'lost': 65.0, 'smd': 1.66, 'missing': 0}]
    """
    arms = comparison(panel, cohort)
    if arms.cohort is None:
        raise MethodError(
            "there is no cohort, so that nobody was left out",
            where="lost",
            remedy="pass a cohort, or a panel with one: panel.with_cohort(cohort)",
        )
    trained = arms.code == TRAINED
    gone = trained & ~(arms.after > 0)
    reasons = tuple(one for one in arms.cohort.dropped if one.arm == "trained")
    rows: tuple[LostRow, ...] = ()
    if gone.any():
        # Those kept first, so that both are one piece of every column.
        order = np.concatenate([np.flatnonzero(trained & ~gone), np.flatnonzero(gone)])
        split, weight = int((trained & ~gone).sum()), panel.units.weight[order]
        found = [_row(one, order, split, weight) for one in variables(arms, covariates, baseline)]
        rows = tuple(found)
    return Lost(arms.cohort.method, int((trained & ~gone).sum()), int(gone.sum()), reasons, rows)


def _row(variable: Variable, order: NDArray[np.intp], split: int, weight: Floats) -> LostRow:
    values = variable.values[order]
    known = ~np.isnan(values)
    kept, lost = (
        _mean(values[part][known[part]], weight[part][known[part]]) for part in (slice(split), slice(split, None))
    )
    everybody, own = values[known], weight[known]
    deviation = float(np.sqrt(spread(everybody, own, binary=is_binary(everybody))))
    smd = (lost - kept) / deviation if deviation > 0 else float("nan")
    return LostRow(variable.name, kept, lost, smd, int(np.count_nonzero(~known[split:])))


def _mean(values: Floats, weight: Floats) -> float:
    total = float(weight.sum())
    return float((weight * values).sum()) / total if total > 0 else float("nan")
