"""What `results.json` says of the cohort of the headline analysis, from what is known of it."""

from __future__ import annotations

from dataclasses import asdict

from attribution.diagnostics.balance import Balance
from attribution.diagnostics.overlap import Overlap
from attribution.diagnostics.weights import ArmWeights
from attribution.numerics.balance import Contrast
from attribution.report.cohort_records import (
    AlikeRecord,
    ContrastRecord,
    DroppedRecord,
    LostRecord,
    LostRowRecord,
    MadeRecord,
    OverlapRecord,
    PropensitiesRecord,
    WeighedRecord,
)
from attribution.report.made import Made
from attribution.report.record import record_from


def made_record(made: Made | None) -> MadeRecord | None:
    """Return the record of a cohort; None without one. Nobody is named in it: units are counted."""
    if made is None:
        return None
    return MadeRecord(
        id=made.id,
        method=made.cohort.method,
        estimand=made.cohort.estimand,
        notes=made.cohort.notes,
        denominator=made.balance.denominator,
        balance=_balance(made.balance),
        arms=tuple(_weighed(one) for one in (made.balance.trained, made.balance.control)),
        dropped=tuple(record_from(DroppedRecord, asdict(part)) for part in made.cohort.dropped),
        lost=LostRecord(
            kept=made.lost.kept,
            lost=made.lost.lost,
            rows=tuple(record_from(LostRowRecord, asdict(row)) for row in made.lost),
        ),
        overlap=_overlap(made.overlap),
        no_overlap=made.no_overlap,
    )


def _balance(found: Balance) -> tuple[AlikeRecord, ...]:
    return tuple(
        record_from(
            AlikeRecord,
            {
                "variable": row.variable,
                "kind": row.kind,
                "deviation": row.deviation,
                "before": _contrast(row.before),
                "after": _contrast(row.after),
                "missing": row.missing,
            },
        )
        for row in found
    )


def _contrast(one: Contrast) -> ContrastRecord:
    return record_from(ContrastRecord, asdict(one))


def _weighed(one: ArmWeights) -> WeighedRecord:
    return record_from(
        WeighedRecord,
        {
            "arm": one.arm,
            "units": one.units,
            "weighted": one.weighted,
            "effective": one.effective,
            "largest_share": one.heaviest[0][1],
        },
    )


def _overlap(found: Overlap | None) -> OverlapRecord | None:
    if found is None:
        return None
    rows = found.tidy().to_dict("records")
    return OverlapRecord(
        own=found.own,
        low=found.common[0],
        high=found.common[1],
        arms=tuple(record_from(PropensitiesRecord, {str(name): value for name, value in row.items()}) for row in rows),
    )
