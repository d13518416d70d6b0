"""Intervals and draws: what every method of inference hands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError

if TYPE_CHECKING:
    import pandas as pd

IntervalKind = Literal["bounded", "unbounded", "disjoint", "undefined"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence set on the line.

    `bounded` is [low, high]; `disjoint` is (−∞, low] ∪ [high, ∞); `unbounded` is the whole line and
    `undefined` no set at all, both with NaN ends. `level` is the nominal coverage, `method` how it was made.
    """

    low: float
    high: float
    level: float
    kind: IntervalKind
    method: str

    def __contains__(self, value: float) -> bool:
        if self.kind == "bounded":
            return self.low <= value <= self.high
        if self.kind == "disjoint":
            return value <= self.low or value >= self.high
        return self.kind == "unbounded"

    def tidy(self) -> pd.DataFrame:
        """Return one row: `method, low, high, kind, level`."""
        import pandas as pd

        columns = ["method", "low", "high", "kind", "level"]
        return pd.DataFrame([(self.method, self.low, self.high, self.kind, self.level)], columns=columns)

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(self.tidy())

    def __str__(self) -> str:
        if self.kind == "bounded":
            return f"[{self.low:.5g}, {self.high:.5g}]"
        if self.kind == "disjoint":
            return f"(−∞, {self.low:.5g}] ∪ [{self.high:.5g}, ∞)"
        return "(−∞, ∞)" if self.kind == "unbounded" else "undefined"

    @classmethod
    def around(cls, value: float, half_width: float, *, level: float, method: str) -> Interval:
        """Return value ± half_width, `undefined` where either is not finite."""
        if not (np.isfinite(value) and np.isfinite(half_width)):
            return cls.undefined(level=level, method=method)
        return cls(value - half_width, value + half_width, level, "bounded", method)

    @classmethod
    def undefined(cls, *, level: float, method: str) -> Interval:
        """Return the interval that says nothing can be said."""
        return cls(float("nan"), float("nan"), level, "undefined", method)


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Joint draws of an estimate's terms, `values[n_draws, n_terms]`.

    A draw that could not be computed is a row of NaN, counted in `failed`. The same seed gives the same bits
    for any number of workers.
    """

    terms: tuple[str, ...]
    values: NDArray[np.float64]
    method: str
    seed: int
    failed: int

    def __len__(self) -> int:
        return len(self.values)

    def term(self, name: str) -> NDArray[np.float64]:
        """Return the draws of one term, failed ones as NaN; raises `MethodError` for a term that was not drawn."""
        if name not in self.terms:
            raise MethodError(
                f"there are no draws of {name!r}",
                where=f"draws by {self.method}",
                remedy=f"choose one of {', '.join(self.terms)}",
            )
        return np.asarray(self.values[:, self.terms.index(name)])

    def tidy(self) -> pd.DataFrame:
        """Return one row per draw: `draw`, then a column for each term."""
        import pandas as pd

        frame = pd.DataFrame(self.values, columns=list(self.terms))
        frame.insert(0, "draw", np.arange(1, len(self) + 1))
        return frame

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        quantiles = self.tidy().drop(columns="draw").quantile([0.025, 0.25, 0.5, 0.75, 0.975])
        return table_html(quantiles.rename_axis("quantile").reset_index(), caption=repr(self))

    def __repr__(self) -> str:
        return f"Draws({self.method!r}, {len(self)} draws of {', '.join(self.terms)}, {self.failed} failed)"
