"""Is the study about few outcomes that matter to the business, each with somebody who answers for it?"""

from __future__ import annotations

import re

from attribution.checks.effects import primary_kpis
from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding
from attribution.design.schema import Kpi

FOCUS = Rule(
    "focus",
    "at most four primary KPIs (two to four are best), and not of engagement or completion alone",
    "Kirkpatrick & Kirkpatrick (2006), Evaluating Training Programs: reaction is no result; the numbers: house rule",
)

OWNER = Rule(
    "kpi_owner",
    "each primary KPI has an owner, and a baseline source that exists before launch",
    "Phillips & Phillips (2016), Handbook of Training Evaluation; house rule",
)

MOST, FEWEST = 4, 2

_OF_LEARNING = re.compile(
    r"\b(?:complet\w*|attend\w*|log-?ins?|satisf\w*|engage\w*|enrol\w*|participa\w*|certif\w*|badges?|quiz\w*|"
    r"courses?|modules?|e-?learning|lessons?|clicks?|page views?|(?:hours|minutes|time) (?:learned|trained|learning)|"
    r"(?:learning|training|study) (?:hours|minutes|time)|smile sheets?)\b"
)
_OF_BUSINESS = re.compile(r"\b(?:customers?|clients?|patients?|guests?|orders?|tickets?|cases?|projects?|sales|work)\b")


def focus(evidence: Evidence) -> Finding:
    """Count the primary KPIs, and tell those of the business from those of the learning platform."""
    design = evidence.design
    if design is None:
        return FOCUS.skipped("no design names the KPIs")
    primary = primary_kpis(design)
    learning = [kpi.label for kpi in primary if of_learning(kpi)]
    observed = f"{len(primary)} primary KPI{'s' if len(primary) > 1 else ''}"
    if len(learning) == len(primary):
        return FOCUS.finding(
            "warn",
            f"{observed}: {', '.join(learning)}",
            "every primary KPI is one of engagement or completion: they say that people were trained, not what came of "
            "it",
            "make a KPI of the work itself primary: output, quality, time, cost or safety",
        )
    if len(primary) > MOST:
        return FOCUS.finding(
            "warn",
            observed,
            f"{len(primary)} primary KPIs: one of them will look good by chance, and nobody will say which one matters",
            f"choose two to {MOST} as primary, and make the others secondary",
        )
    if len(primary) < FEWEST:
        return FOCUS.finding(
            "pass", observed, "one primary KPI carries the claim; a second one would show what it was bought with"
        )
    return FOCUS.finding("pass", observed, "the claim rests on few KPIs")


def of_learning(kpi: Kpi) -> bool:
    """Say whether a KPI's name is one of engagement with the training, or of its completion."""
    names = " ".join([kpi.id, kpi.column, kpi.label]).replace("_", " ").replace("-", " ").lower()
    return _OF_LEARNING.search(names) is not None and _OF_BUSINESS.search(names) is None


def kpi_owner(evidence: Evidence) -> Finding:
    """Name the primary KPIs that nobody answers for, or whose baseline stands nowhere."""
    design = evidence.design
    if design is None:
        return OWNER.skipped("no design names the KPIs")
    primary = primary_kpis(design)
    lacks = {
        "owner": [kpi.label for kpi in primary if not kpi.owner],
        "baseline source": [kpi.label for kpi in primary if not kpi.baseline_source],
    }
    missing = {what: labels for what, labels in lacks.items() if labels}
    if missing:
        why = {
            "owner": "a KPI that nobody owns can be redefined when its figures come in",
            "baseline source": "a baseline without a source cannot be checked",
        }
        return OWNER.finding(
            "warn",
            "; ".join(f"no {what}: {', '.join(labels)}" for what, labels in missing.items()),
            ", and ".join(why[what] for what in missing),
            f"add {' and '.join(what.replace(' ', '_') for what in missing)} to each primary [[kpi]]",
        )
    owners = ", ".join(dict.fromkeys(str(kpi.owner) for kpi in primary))
    return OWNER.finding("pass", f"owned by {owners}", "each primary KPI has an owner and a baseline source")
