"""Is the primary analysis two-way fixed effects although adoption is staggered?"""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.bacon import bacon
from attribution.estimators.two_way.weights import twfe_weights

TWO_WAY = Rule(
    "two_way_primary",
    "no two-way fixed effects as the primary analysis where adoption is staggered",
    "Goodman-Bacon (2021); de Chaisemartin & D'Haultfœuille (2020)",
)

METHOD = "twfe"


def two_way_primary(evidence: Evidence) -> Finding:
    """Refuse two-way fixed effects as primary under staggered adoption, and say which comparisons it would rest on."""
    design, panel, estimate = evidence.design, evidence.panel, evidence.estimate
    if estimate is not None:
        methods = [estimate.method]
    elif design is not None:
        methods = sorted({one.method for one in design.analysis if one.role == "primary"})
    else:
        return TWO_WAY.skipped("no design names the primary analysis")
    if METHOD not in methods:
        return TWO_WAY.finding("pass", f"primary: {', '.join(methods)}", "the primary analysis is another method")
    if panel is None:
        return TWO_WAY.skipped("adoption dates are not known before there are data")
    adopted = panel.units.adopted[(panel.weights > 0) & (panel.units.adopted < len(panel.periods))]
    dates = len(np.unique(adopted))
    if dates <= 1:
        return TWO_WAY.finding(
            "pass", f"{dates} adoption date", "adoption is at one date, so that every comparison is with the untrained"
        )
    return TWO_WAY.finding(
        "fail",
        f"{dates} adoption dates; {_weights(panel)}",
        "units already trained serve as controls, so that the coefficient can have another sign than every effect",
        "make staggered the primary analysis, and keep twfe as a reference",
    )


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
