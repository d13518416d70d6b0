"""Go or no-go, at each threshold: the plan's own MDE and break-even effect, and effects just on either side of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attribution.checks.evidence import Evidence
from attribution.planning.records import DesignPower, Plan, PlannedCohort
from attribution.study.ledger import ledger_of
from attribution.study.power import powers_of
from tests.contract.evidence import design_of, evidence_of
from tests.studies import sales_of

PLAN = {"trained_clusters": 24, "control_clusters": 36, "sd": 3.0, "autocorrelation": 0.5}
FREE = {"study.frame": "outcomes", "valuation": None, "cost": None, "finance": None}
SILENT = {"kpi.0.expected_effect": None, "kpi.0.effect_source": "a pilot"}
HAIR = 1e-9


def _planned(changes: Mapping[str, Any] | None = None, **power: Any) -> Evidence:
    """Return the design alone, with what its plan could see: 24 people trained and 36 not, 3 months before, 4 after."""
    design = design_of({"power": PLAN | power} | SILENT | dict(changes or {}))
    found = powers_of(design, None, fixes=True)["primary"]
    return Evidence(design=design, ledger=ledger_of(design), power=found, analysis=design.analysis[0])


def _known(changes: Mapping[str, Any] | None = None, **power: Any) -> DesignPower:
    found = _planned(changes, **power).power
    assert found is not None
    return found


def _expecting(effect: float, changes: Mapping[str, Any] | None = None, **power: Any) -> Evidence:
    return _planned(dict(changes or {}) | {"kpi.0.expected_effect": effect}, **power)


def _pays_from() -> float:
    found = _known().break_even
    assert found is not None
    return found


def _followed(changes: Mapping[str, Any]) -> Evidence:
    """Return the study with its follow-up: the MDE is that of the estimate's own standard error."""
    found = evidence_of(sales_of(), SILENT | dict(changes))
    assert found.design is not None
    power = powers_of(found.design, None)["primary"]
    return Evidence(found.design, found.panel, estimate=found.estimate, estimates=found.estimates, power=power)


def _judged(evidence: Evidence, **changes: Any) -> Evidence:
    """Return the evidence with a plan whose break-even effect is out of the way."""
    assert evidence.power is not None
    return replace(evidence, power=replace(evidence.power, **changes))


def _in_waves(each: int) -> Plan:
    cohorts = [PlannedCohort(start, np.ones(count)) for start, count in ((3, 9), (4, each), (5, each), (None, 36))]
    return Plan("staggered", {}, tuple(cohorts), (0, 1, 2), (3, 4, 5, 6))


CASES = {
    "effect_declared": {
        "pass: expected": lambda: _expecting(2.0),
        "pass: worthwhile": lambda: _planned({"kpi.0.minimum_worthwhile_effect": 2.0}),
        "warn: expected below worthwhile": lambda: _expecting(1.9, {"kpi.0.minimum_worthwhile_effect": 2.0}),
        "warn: neither, and the data are in": lambda: _followed({}),
        "fail: neither": _planned,
    },
    "power": {
        "pass: as much as expected": lambda: _expecting(_known().best.mde + HAIR, FREE),
        "pass: the break-even effect alone": lambda: _planned(sd=0.01),
        "pass: at most what is worthwhile": lambda: _planned(
            FREE | {"kpi.0.minimum_worthwhile_effect": _known().best.mde + HAIR}
        ),
        "pass: ten clusters": lambda: _expecting(50.0, FREE, trained_clusters=10, control_clusters=10),
        "pass: by the standard error that came out": lambda: _followed(FREE | {"kpi.0.expected_effect": 2.0}),
        "warn: it may miss what is worthwhile": lambda: _expecting(
            50.0, FREE | {"kpi.0.minimum_worthwhile_effect": _known().best.mde - HAIR}
        ),
        "warn: it may miss what just pays": lambda: _judged(_expecting(50.0), break_even=_known().best.mde - HAIR),
        "warn: nine clusters by formula": lambda: _expecting(50.0, FREE, trained_clusters=9),
        "pass: waves of five clusters": lambda: _judged(_expecting(50.0, FREE), plan=_in_waves(5)),
        "warn: waves of four clusters by formula": lambda: _judged(_expecting(50.0, FREE), plan=_in_waves(4)),
        "warn: nobody says how the KPI varies": lambda: _planned({"power": {"trained_clusters": 24}}),
        "warn: nobody says who is trained": lambda: _planned({"power": {"sd": 3.0}}),
        "fail: less than expected": lambda: _expecting(_known().best.mde - HAIR, FREE),
        "fail: less than what is worthwhile": lambda: _planned(
            FREE | {"kpi.0.minimum_worthwhile_effect": _known().best.mde - HAIR}
        ),
        "fail: four clusters": lambda: _expecting(50.0, FREE, trained_clusters=4),
        "fail: by the standard error that came out": lambda: _followed(FREE | {"kpi.0.expected_effect": 0.01}),
        "skipped: nothing to see is declared": lambda: _planned(FREE),
    },
    "pays": {
        "pass: as much as it costs": lambda: _expecting(_pays_from() + HAIR),
        "pass: as much as is worthwhile": lambda: _planned({"kpi.0.minimum_worthwhile_effect": _pays_from() + HAIR}),
        "warn: the data are in": lambda: _judged(
            _followed({"kpi.0.expected_effect": 2.0}), break_even=2.0 + HAIR, expected=2.0
        ),
        "fail: less than it costs": lambda: _expecting(_pays_from() - HAIR),
        "fail: no effect is worth so much": lambda: _expecting(
            -0.5,
            {
                "kpi.0.direction": "lower",
                "kpi.0.scale": "log",
                "valuation": [{"value_of_untrained_level": 30, "source": "a", "approver": "b"}],
            },
        ),
        "skipped: no money": lambda: _planned(FREE),
        "skipped: nothing is expected": _planned,
    },
}
