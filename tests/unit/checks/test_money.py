"""The ledger: learner time, categories, and figures without a source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attribution.checks.evidence import Evidence
from attribution.checks.money import cost_categories, illustrative_money, learner_time
from attribution.design.load import load_design
from attribution.finance.costs import CATEGORIES, CostLine, cost_ledger


def _ledger(*lines: CostLine) -> Evidence:
    return Evidence(ledger=cost_ledger([CostLine("license", 100.0, source="invoice"), *lines], currency="USD"))


@pytest.mark.parametrize(
    ("lines", "status", "observed"),
    [
        ([], "fail", "missing"),
        ([CostLine("learner_time", 0.0)], "fail", "0 without a reason"),
        ([CostLine("learner_time", 0.0, reason="in their own time")], "pass", "0 USD"),
        ([CostLine("learner_time", 1500.0, source="payroll")], "pass", "1,500 USD"),
        ([CostLine("learner_time", 1500.0), CostLine("learner_time", 500.0)], "pass", "2,000 USD"),
    ],
)
def test_learner_time(lines: list[CostLine], status: str, observed: str) -> None:
    found = learner_time(_ledger(*lines))
    assert (found.status, found.observed) == (status, observed)
    assert bool(found.remedy) == (status == "fail")


def test_categories_that_the_ledger_is_silent_about_are_named() -> None:
    found = cost_categories(_ledger(CostLine("content", 5.0)))
    assert found.status == "warn"
    # Learner time has a rule of its own.
    missing = "implementation, integration, manager time, AI usage fees, evaluation"
    assert found.message == f"the cost total may be too low: no line for {missing}"
    assert found.observed == "5 of 8 categories without a line"
    zeros = [CostLine(name, 0.0, reason="none") for name in CATEGORIES if name != "license"]
    assert cost_categories(_ledger(*zeros)).status == "pass"


def test_figures_without_a_source_are_named(make_study: Callable[..., Path]) -> None:
    sourced = illustrative_money(Evidence(design=load_design(make_study(None))))
    assert sourced.status == "pass"
    guesses = {"valuation": [{"value_per_unit": 30, "illustrative": True}], "cost.1.illustrative": True}
    found = illustrative_money(Evidence(design=load_design(make_study(None, guesses))))
    assert found.status == "warn"
    assert found.observed == "1 of 1 values, 1 of 2 costs illustrative"
    assert found.message.endswith("the value of sales, learner time")


def test_a_study_without_money_skips_all_three(make_study: Callable[..., Path]) -> None:
    plain = {"study.frame": "outcomes", "valuation": None, "cost": None, "finance": None}
    evidence = Evidence(design=load_design(make_study(None, plain)))
    for check in (learner_time, cost_categories, illustrative_money):
        assert check(evidence).status == "skipped"
        assert check(Evidence()).message == "the design asks for no money"
