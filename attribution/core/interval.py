"""Intervals and draws: what every method of inference hands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError

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

    def __repr__(self) -> str:
        return f"Draws({self.method!r}, {len(self)} draws of {', '.join(self.terms)}, {self.failed} failed)"
