"""The ledger: learner time missing or declared, a category silent or declared, a figure with and without a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attribution.checks.evidence import Evidence
from attribution.study.ledger import ledger_of
from tests.contract.evidence import design_of

GUESS = {"category": "learner_time", "amount": 3000, "illustrative": True}


def _money(changes: Mapping[str, Any] | None = None) -> Evidence:
    design = design_of(changes)
    return Evidence(design=design, ledger=ledger_of(design))


CASES = {
    "learner_time": {
        "pass": _money,
        "pass: zero with its reason": lambda: _money(
            {"cost.1": {"category": "learner_time", "amount": 0, "reason": "after hours, unpaid"}}
        ),
        "fail": lambda: _money({"cost.1": None}),
        "skipped": lambda: _money({"study.frame": "outcomes", "valuation": None, "cost": None, "finance": None}),
    },
    "cost_categories": {
        "pass": _money,
        "warn: one of eight is silent": lambda: _money({"cost.2": None}),
    },
    "illustrative_money": {
        "pass": _money,
        "warn: one cost is a guess": lambda: _money({"cost.1": GUESS}),
        "warn: the value is a guess": lambda: _money({"valuation": [{"value_per_unit": 30, "illustrative": True}]}),
    },
}

NEVER = {
    "learner_time": {"warn": "usually the largest cost: without it the return is overstated, so that it is a gate"},
    "cost_categories": {"fail": "a category may be nothing here: the total may be too low, and the money stands"},
    "illustrative_money": {"fail": "illustrations are allowed where they are called so: the page says it"},
}
