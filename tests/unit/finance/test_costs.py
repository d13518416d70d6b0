"""The cost ledger: eight categories, ranges, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.finance.costs import CATEGORIES


def ledger(*lines: at.CostLine) -> at.CostLedger:
    return at.cost_ledger(lines, currency="USD")


UNCERTAIN = at.CostLine("license", 100.0, low=80.0, high=150.0, source="quote")
CERTAIN = at.CostLine("learner_time", 50.0, source="payroll")


def test_there_are_eight_categories() -> None:
    assert list(CATEGORIES) == [
        "license", "implementation", "content", "integration", "manager_time", "learner_time", "ai_usage", "evaluation"
    ]  # fmt: skip


def test_totals_and_ends() -> None:
    one = ledger(UNCERTAIN, CERTAIN)
    assert (one.total, one.ends) == (150.0, (130.0, 200.0))
    assert one.currency == "USD"
    assert at.cost_ledger({"license": 100.0, "learner_time": 50.0}, currency="EUR").total == 150.0


def test_a_category_may_have_several_lines() -> None:
    assert ledger(CERTAIN, at.CostLine("learner_time", 25.0)).total == 75.0


def test_a_declared_zero_is_not_undeclared() -> None:
    one = ledger(UNCERTAIN, CERTAIN, at.CostLine("ai_usage", 0.0, reason="no AI in this program"))
    assert one.undeclared == ("implementation", "content", "integration", "manager_time", "evaluation")


def test_tidy_has_a_row_per_line() -> None:
    tidy = ledger(UNCERTAIN, CERTAIN).tidy()
    assert list(tidy.columns) == ["category", "amount", "low", "high", "source", "reason", "illustrative"]
    assert tidy["category"].tolist() == ["platform license", "learner time"]
    assert tidy[["low", "high"]].to_numpy().tolist() == [[80.0, 150.0], [50.0, 50.0]]


def test_draws_stay_in_the_range_with_the_amount_as_median() -> None:
    drawn = ledger(UNCERTAIN, CERTAIN).draws(40_000, seed=3)
    assert drawn.min() >= 130.0
    assert drawn.max() <= 200.0
    # Half lies evenly below the amount, half above: two uniform halves, within 4 Monte Carlo errors.
    assert np.mean(drawn < 150.0) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(40_000))
    assert drawn.mean() == pytest.approx(50 + (90 + 125) / 2, abs=4 * drawn.std() / np.sqrt(40_000))


def test_certain_costs_do_not_vary_and_uncertain_ones_move_together() -> None:
    assert (ledger(CERTAIN).draws(10, seed=1) == 50.0).all()
    second = at.CostLine("content", 100.0, low=80.0, high=150.0)
    one, two = ledger(UNCERTAIN, CERTAIN).draws(5_000, 1) - 50, ledger(CERTAIN, second).draws(5_000, 1) - 50
    assert one == pytest.approx(two)
    assert ledger(UNCERTAIN, second).draws(5_000, 1) == pytest.approx(one + two)


def test_a_skewed_total_lies_inside_its_own_interval() -> None:
    # The sum of many overrun-prone lines: its point must be neither below nor above nearly all of its draws.
    lines = [
        at.CostLine(name, 10.0, low=10.0, high=20.0) for name in ("license", "content", "evaluation", "integration")
    ]
    drawn = ledger(*lines).draws(10_000, seed=2)
    assert np.mean(drawn <= 40.0) == pytest.approx(0.5, abs=0.02)
    assert drawn.max() <= 80.0


def test_the_same_seed_gives_the_same_costs() -> None:
    one = ledger(UNCERTAIN)
    assert (one.draws(20, 4) == one.draws(20, 4)).all()
    assert (one.draws(20, 4) != one.draws(20, 5)).any()


@pytest.mark.parametrize(
    ("line", "what", "remedy"),
    [
        (at.CostLine("licence", 1.0), "there is no such category", "license, implementation"),
        (at.CostLine("license", -1.0), "amount -1.0", "finite amounts of at least 0"),
        (at.CostLine("license", float("nan")), "amount nan", "finite amounts of at least 0"),
        (at.CostLine("license", 5.0, high=float("inf")), "high inf", "finite amounts of at least 0"),
        (at.CostLine("license", 5.0, low=6.0), "the amount 5.0 is not between 6.0 and 5.0", "low ≤ amount ≤ high"),
        (at.CostLine("license", 5.0, high=4.0), "not between 5.0 and 4.0", "low ≤ amount ≤ high"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_its_place(line: at.CostLine, what: str, remedy: str) -> None:
    with pytest.raises(MethodError) as error:
        ledger(CERTAIN, line)
    assert what in error.value.what
    assert error.value.where == f"cost 1 ({line.category})"
    assert remedy in error.value.remedy


@pytest.mark.parametrize("lines", [[], [at.CostLine("license", 0.0, reason="free")], {}])
def test_a_total_of_zero_is_refused(lines: Any) -> None:
    with pytest.raises(MethodError, match="the total cost is 0") as error:
        at.cost_ledger(lines, currency="USD")
    assert "declare what the program cost" in error.value.remedy


def test_it_shows_itself() -> None:
    assert repr(ledger(UNCERTAIN, CERTAIN)) == "CostLedger(150 USD, 130 to 200, 2 lines)"
    page = ledger(at.CostLine("license", 1.0, source="<a>"))._repr_html_()
    assert "&lt;a&gt;" in page
    assert "<caption>Costs, USD</caption>" in page
