"""The costs of a design as a ledger."""

from __future__ import annotations

from attribution.design.schema import StudyDesign
from attribution.finance.costs import CostLedger, CostLine, cost_ledger


def ledger_of(design: StudyDesign) -> CostLedger | None:
    """Return the design's cost ledger, None where it asks for no money."""
    if not design.cost or design.finance is None:
        return None
    lines = [
        CostLine(
            one.category,
            one.amount,
            one.low,
            one.high,
            source=one.source or "",
            reason=one.reason or "",
            illustrative=one.illustrative,
        )
        for one in design.cost
    ]
    return cost_ledger(lines, currency=design.finance.currency)
