"""Four primary KPIs and five, outcomes of the business and of the learning platform, KPIs with and without an owner."""

from __future__ import annotations

from typing import Any

from attribution.checks.evidence import Evidence
from tests.contract.evidence import design_of

KPI: dict[str, Any] = {"unit": "points", "direction": "higher", "owner": "head of sales", "baseline_source": "the CRM"}


def _of(*labels: str, without: str = "") -> Evidence:
    """Return a design of so many primary KPIs, the last of them without one key."""
    kpis = [KPI | {"id": f"k{place}", "column": f"k{place}", "label": label} for place, label in enumerate(labels)]
    if without:
        del kpis[-1][without]
    analyses = [
        {"id": f"a{place}", "kpi": f"k{place}", "method": "did", "role": "primary"} for place in range(len(labels))
    ]
    changes = {"kpi": kpis, "analysis": analyses, "valuation": [], "cost": [], "finance": None}
    return Evidence(design=design_of(changes | {"study.frame": "outcomes"}))


BUSINESS = ("Orders", "Error rate", "Handle time", "Sick days", "Scrap")

CASES = {
    "focus": {
        "pass": lambda: _of(*BUSINESS[:4]),
        "pass: one": lambda: _of("Orders"),
        "warn": lambda: _of(*BUSINESS),
        "warn: engagement and completion alone": lambda: _of("Course completion", "Logins a week"),
        "pass: one of them is of the work": lambda: _of("Course completion", "Orders"),
        "pass: customers are not learners": lambda: _of("Customer satisfaction"),
    },
    "kpi_owner": {
        "pass": lambda: _of("Orders", "Scrap"),
        "warn": lambda: _of("Orders", "Scrap", without="owner"),
        "warn: no baseline source": lambda: _of("Orders", "Scrap", without="baseline_source"),
    },
}

NEVER = {
    "focus": {"fail": "many KPIs, or those of the platform, are a weak question and not a wrong answer"},
    "kpi_owner": {"fail": "who answers for a KPI changes who can be asked, not what the data say"},
}
