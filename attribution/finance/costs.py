"""The cost ledger: what a program cost, by category, with a range where the cost is not known exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.errors import MethodError
from attribution.inference.draws import COSTS, stream

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES: Mapping[str, str] = {
    "license": "platform license",
    "implementation": "implementation",
    "content": "content authoring",
    "integration": "integration",
    "manager_time": "manager time",
    "learner_time": "learner time",
    "ai_usage": "AI usage fees",
    "evaluation": "evaluation",
}
"""The eight categories of a training program's cost; one that is left out must be declared zero with a reason."""


@dataclass(frozen=True, slots=True)
class CostLine:
    """One cost: its amount, a range if it is uncertain, and its source; a zero says its reason instead."""

    category: str
    amount: float
    low: float | None = None
    high: float | None = None
    source: str = ""
    reason: str = ""
    illustrative: bool = False

    @property
    def ends(self) -> tuple[float, float]:
        """The range, the amount twice where it is certain."""
        return (
            self.amount if self.low is None else self.low,
            self.amount if self.high is None else self.high,
        )


@dataclass(frozen=True, slots=True, eq=False)
class CostLedger:
    """All costs of a program in one currency, for all trained units, measured or not. Build it with `cost_ledger`."""

    lines: tuple[CostLine, ...]
    currency: str

    @property
    def total(self) -> float:
        """The sum of the amounts."""
        return sum(line.amount for line in self.lines)

    @property
    def ends(self) -> tuple[float, float]:
        """The sums of the lower and of the upper ends."""
        return sum(line.ends[0] for line in self.lines), sum(line.ends[1] for line in self.lines)

    @property
    def undeclared(self) -> tuple[str, ...]:
        """Categories without a line, not even a zero with its reason."""
        declared = {line.category for line in self.lines}
        return tuple(category for category in CATEGORIES if category not in declared)

    def draws(self, count: int, seed: int) -> NDArray[np.float64]:
        """Draw the total cost: its median is the sum of the amounts, its ends the sums of the lower and upper ends.

        Half of the draws lie evenly below the amount and half above. All lines move together: what makes one cost
        more than planned (a longer program, more people) makes the others so, and the total is not falsely certain.
        """
        low, high = self.ends
        rank = stream(seed, COSTS).random(count)
        below = low + (self.total - low) * 2 * rank
        above = self.total + (high - self.total) * (2 * rank - 1)
        return np.where(rank < 0.5, below, above)

    def tidy(self) -> pd.DataFrame:
        """Return one row per line: `category, amount, low, high, source, reason, illustrative`."""
        import pandas as pd

        rows = [
            (CATEGORIES[line.category], line.amount, *line.ends, line.source, line.reason, line.illustrative)
            for line in self.lines
        ]
        columns = ["category", "amount", "low", "high", "source", "reason", "illustrative"]
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        low, high = self.ends
        return f"CostLedger({self.total:,.0f} {self.currency}, {low:,.0f} to {high:,.0f}, {len(self.lines)} lines)"

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return table_html(self.tidy(), caption=f"Costs, {self.currency}")


def cost_ledger(lines: Sequence[CostLine] | Mapping[str, float], *, currency: str) -> CostLedger:
    """Return a ledger from cost lines, or from amounts by category.

    Raises `MethodError` for an unknown category, an amount that is negative or not finite, a range that does not
    hold the amount, and a total of 0, to which nothing can be returned.

    Examples
    --------
    >>> import attribution as at
    >>> at.cost_ledger({"license": 30_000, "learner_time": 20_000}, currency="USD").total
    50000
    """
    if isinstance(lines, Mapping):
        lines = [CostLine(category, amount) for category, amount in lines.items()]
    for number, line in enumerate(lines):
        where = f"cost {number} ({line.category})"
        if line.category not in CATEGORIES:
            raise MethodError("there is no such category", where=where, remedy=f"choose one of {', '.join(CATEGORIES)}")
        low, high = line.ends
        amounts: tuple[object, ...] = (low, line.amount, high)
        if not all(isinstance(one, (int, float, np.number)) and np.isfinite(one) and one >= 0 for one in amounts):
            raise MethodError(
                f"amount {line.amount}, low {low}, high {high}",
                where=where,
                remedy="give finite amounts of at least 0; a range is CostLine(category, amount, low, high)",
            )
        if not low <= line.amount <= high:
            raise MethodError(
                f"the amount {line.amount:,} is not between {low:,} and {high:,}",
                where=where,
                remedy="give low ≤ amount ≤ high",
            )
    ledger = CostLedger(tuple(lines), currency)
    if ledger.total <= 0:
        raise MethodError(
            "the total cost is 0",
            where="costs",
            remedy="declare what the program cost; a return on nothing cannot be computed",
        )
    return ledger
