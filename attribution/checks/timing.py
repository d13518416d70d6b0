"""Does the design say when training begins to count, and when people may have reacted to its announcement?"""

from __future__ import annotations

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding
from attribution.design.schema import StudyDesign

TIMING = Rule(
    "timing_declared",
    "washout and anticipation are written down, be it as 0",
    "Callaway & Sant'Anna (2021), J. Econometrics 225: limited anticipation; the washout: house rule",
)

KEYS = {
    "washout": "how long training takes to work",
    "anticipation": "whether the KPI could react before the training",
}


def timing_declared(evidence: Evidence) -> Finding:
    """Ask for washout and anticipation in words of the design: a silent 0 is no decision."""
    design = evidence.design
    if design is None:
        return TIMING.skipped("no design states a calendar")
    primary = design.primary
    stated = design.timing.model_fields_set
    silent = [key for key in KEYS if key not in stated and not all(key in one.options for one in primary)]
    observed = ", ".join(f"{key} {'not declared' if key in silent else _said(design, key)}" for key in KEYS)
    if not silent:
        return TIMING.finding("pass", observed, "the design says when training begins to count")
    return TIMING.finding(
        "warn",
        observed,
        f"the design does not say {' or '.join(KEYS[key] for key in silent)}: 0 periods are taken",
        f"add {' and '.join(f'{key} = 0' for key in silent)} to [timing], or the number of periods",
    )


def _said(design: StudyDesign, key: str) -> str:
    """Return how many periods are taken: of each primary analysis its own, where it states them."""
    each = dict.fromkeys(str(one.options.get(key, getattr(design.timing, key))) for one in design.primary)
    return " or ".join(each)
