"""Is the ledger complete, and do its figures have a source?"""

from __future__ import annotations

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding
from attribution.finance.costs import CATEGORIES

LEARNER = Rule(
    "learner_time",
    "learner time (hours × loaded rate) is in the ledger",
    "Phillips & Phillips (2016), Handbook of Training Evaluation: fully loaded costs",
)

CATEGORY = Rule(
    "cost_categories",
    "each of the eight cost categories has an amount, or a zero with its reason",
    "Phillips & Phillips (2016), Handbook of Training Evaluation: fully loaded costs",
)

ILLUSTRATIVE = Rule("illustrative_money", "every value and cost has a source and an approver", "house rule")


def learner_time(evidence: Evidence) -> Finding:
    """Require the time of the learners among the costs: usually the largest of them."""
    ledger = evidence.ledger
    if ledger is None:
        return LEARNER.skipped("the design asks for no money")
    lines = [line for line in ledger.lines if line.category == "learner_time"]
    if not lines:
        return LEARNER.finding(
            "fail",
            "missing",
            "the hours that people spent learning are not among the costs, so that the return is overstated",
            'add [[cost]] category = "learner_time", hours × loaded hourly rate',
        )
    amount = sum(line.amount for line in lines)
    if amount == 0 and not any(line.reason for line in lines):
        return LEARNER.finding(
            "fail", "0 without a reason", "learner time is declared zero without a reason", "say why, or add its cost"
        )
    return LEARNER.finding("pass", f"{amount:,.0f} {ledger.currency}", "learner time is among the costs")


def cost_categories(evidence: Evidence) -> Finding:
    """Name the cost categories that the ledger is silent about."""
    ledger = evidence.ledger
    if ledger is None:
        return CATEGORY.skipped("the design asks for no money")
    missing = [CATEGORIES[category] for category in ledger.undeclared if category != "learner_time"]
    if missing:
        return CATEGORY.finding(
            "warn",
            f"{len(missing)} of {len(CATEGORIES)} categories without a line",
            f"the cost total may be too low: no line for {', '.join(missing)}",
            "add each with its amount, or as 0 with the reason",
        )
    return CATEGORY.finding("pass", f"{len(ledger.lines)} lines", "every category is declared")


def illustrative_money(evidence: Evidence) -> Finding:
    """Name the money inputs that have no source and stand for illustration."""
    design = evidence.design
    if design is None or not design.valuation:
        return ILLUSTRATIVE.skipped("the design asks for no money")
    values = [f"the value of {one.kpi}" for one in design.valuation if one.illustrative]
    amounts = [one for one in design.cost if one.amount > 0]
    costs = [CATEGORIES[one.category] for one in amounts if one.illustrative]
    if values or costs:
        return ILLUSTRATIVE.finding(
            "warn",
            f"{len(values)} of {len(design.valuation)} values, {len(costs)} of {len(amounts)} costs illustrative",
            "money is an illustration of the method, not a finding: " + ", ".join([*values, *costs]),
            "give each figure a source, and each value an approver in finance",
        )
    return ILLUSTRATIVE.finding("pass", "all sourced", "every value and cost has a source")
