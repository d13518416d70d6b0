"""Washout and anticipation: declared, be it as 0, or silently taken as 0."""

from __future__ import annotations

from attribution.checks.evidence import Evidence
from tests.contract.evidence import design_of

BOTH = {"timing.washout": 0, "timing.anticipation": 0}

CASES = {
    "timing_declared": {
        "pass": lambda: Evidence(design=design_of(BOTH)),
        "pass: in the analysis": lambda: Evidence(
            design=design_of({"timing.washout": 0, "analysis.0.anticipation": 0}),
        ),
        "warn": lambda: Evidence(design=design_of({"timing.washout": 0})),
        "warn: neither": lambda: Evidence(design=design_of()),
    },
}

NEVER = {
    "timing_declared": {"fail": "a calendar that says nothing of them is read as 0, which may well be right"},
}
