"""Is the primary analysis two-way fixed effects although adoption is staggered?"""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding
from attribution.core.panel import Panel
from attribution.design.schema import StudyDesign
from attribution.errors import MethodError
from attribution.estimators.bacon import bacon
from attribution.estimators.two_way.weights import twfe_weights

TWO_WAY = Rule(
    "two_way_primary",
    "no two-way fixed effects as the primary analysis where adoption is staggered",
    "Goodman-Bacon (2021); de Chaisemartin & D'Haultfœuille (2020)",
)

METHOD = "twfe"

ONE_DATE = "adoption is at one date, so that every comparison is with the untrained"
SEVERAL = "units already trained serve as controls, so that the coefficient can have another sign than every effect"
REMEDY = "make staggered the primary analysis, and keep twfe as a reference"


def two_way_primary(evidence: Evidence) -> Finding:
    """Refuse two-way fixed effects as primary under staggered adoption, and say which comparisons it would rest on."""
    design, panel, estimate = evidence.design, evidence.panel, evidence.estimate
    if estimate is not None:
        methods = [estimate.method]
    elif evidence.analysis is not None:
        methods = [evidence.analysis.method]
    elif design is not None:
        methods = sorted({one.method for one in design.primary})
    else:
        return TWO_WAY.skipped("no design names the primary analysis")
    if METHOD not in methods:
        return TWO_WAY.finding("pass", f"primary: {', '.join(methods)}", "the primary analysis is another method")
    dates = 0 if panel is None else _dates(panel)
    if panel is None or not dates:
        return _planned(design)
    if dates == 1:
        return TWO_WAY.finding("pass", "1 adoption date", ONE_DATE)
    return TWO_WAY.finding(
        "fail",
        f"{dates} adoption dates; {_weights(panel)}",
        SEVERAL,
        REMEDY,
    )


def _dates(panel: Panel) -> int:
    """Return at how many dates within the data units are trained."""
    return len(np.unique(panel.units.adopted[(panel.weights > 0) & (panel.units.adopted < len(panel.periods))]))


def _planned(design: StudyDesign | None) -> Finding:
    """Judge a study in which nobody is trained yet by the waves that its design plans."""
    waves = None if design is None else design.power.waves
    if waves is None:
        return TWO_WAY.skipped("nobody is trained in the data yet: [power] waves says in which periods training starts")
    if len(waves) == 1:
        return TWO_WAY.finding("pass", "1 wave planned", ONE_DATE)
    return TWO_WAY.finding("fail", f"{len(waves)} waves planned", SEVERAL, REMEDY)


def _weights(panel: Panel) -> str:
    """Return the sum of negative weights and, on complete panels, the weight of comparisons with the trained."""
    try:
        found = f"negative weights {twfe_weights(panel).sum_negative:.3g}"
    except MethodError as error:
        return error.what
    try:
        return f"{found}, already trained as controls {100 * bacon(panel).already_trained:.3g}%"
    except MethodError:
        # The decomposition is of complete panels; the weights need none.
        return found
