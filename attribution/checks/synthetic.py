"""Is the synthetic site a fair stand-in: does it follow the trained before training, and is it more than one donor?"""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.arms import Controls
from attribution.core.display import number
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.core.panel import Panel
from attribution.estimators.sites.fit import Fitted, fit_sites, placebo_replicates
from attribution.estimators.sites.weights import weights_of
from attribution.numerics.synthetic import EFFECT, Kind

PLACEBOS = 100
"""Sets of donors tried for the median: enough for a ratio that is compared with 5 and 20."""
WARN, FAIL = 5.0, 20.0
"""Abadie, Diamond & Hainmueller leave out placebos whose squared error is 5 or 20 times that of the trained."""
LARGEST = 0.5

FIT = Rule(
    "synthetic_fit",
    "squared error before training at most 5 times the median of donors taken as trained, above 20 times fail; "
    "no donor above 50% of the mix",
    "Abadie, Diamond & Hainmueller (2010), section 3.4 (5 and 20 times); house rule: 50%",
)


def synthetic_fit(evidence: Evidence) -> Finding:
    """Compare the error of the mix before training with that of donors taken as trained; look for a single donor."""
    estimate, panel = evidence.estimate, evidence.panel
    if estimate is None:
        return FIT.waits(evidence, "no data to mix donors from")
    if estimate.method != "synthetic" or "effect" not in estimate.terms:
        return FIT.skipped("no mix of donors stands for the trained here")
    if panel is None:
        return FIT.skipped("no panel to fit the weights to")
    fitted = _same_fit(panel, estimate)
    if fitted is None:
        return FIT.skipped("the panel is not the one that the estimate was made from")
    weights = weights_of(panel, fitted)
    donor, share = weights.largest
    observed = f"error before training {number(fitted.error)}"
    if fitted.spread > 0:
        observed += f", {fitted.error / fitted.spread:.0%} of the donors' spread"
    ratio = float("nan")
    if len(fitted.donors) > fitted.sites.n_trained:
        others = placebo_replicates(fitted, placebos=PLACEBOS, seed=0).errors(fitted)
        median = float(np.median(others))
        ratio = (fitted.error / median) ** 2 if median > 0 else float("inf") if fitted.error > 0 else 1.0
        observed += f"; squared, {ratio:.1f} times the median of donors taken as trained"
    observed += f"; largest weight {donor} {share:.0%}"
    if ratio > WARN:
        return FIT.finding(
            "fail" if ratio > FAIL else "warn",
            observed,
            "before training the mix does not follow the trained as it follows the donors: what differs then differs "
            "afterwards too, and placebos understate the noise",
            'fit on a longer baseline, let the level differ (kind = "did"), or find donors that are more alike',
        )
    if share > LARGEST:
        return FIT.finding(
            "warn",
            observed,
            f"{donor} is {share:.0%} of the mix: whatever happens there alone is read as background",
            f"ask what else happened in {donor}; look at the result without it",
        )
    if np.isnan(ratio):
        return FIT.skipped(f"{len(fitted.donors)} donors cannot stand in for {fitted.sites.n_trained} trained sites")
    return FIT.finding("pass", observed, "the mix follows the trained before training, and no donor rules it")


def _same_fit(panel: Panel, estimate: Estimate) -> Fitted | None:
    """Return the fit behind an estimate: of all kinds and controls, the one whose effect is the estimate's."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    compared: tuple[Controls, ...] = get_args(Controls)
    windows = {"baseline": estimate.n.baseline, "followup": estimate.n.followup}
    rounding = 1e-12 * max(abs(end) for end in estimate.outcome_range)
    for controls, kind in product(compared, kinds):
        fitted = fit_sites(panel, kind=kind, controls=controls, **windows)
        same = abs(float(fitted.values[EFFECT]) - estimate.value("effect")) <= rounding
        if same and len(fitted.donors) == estimate.n.control.clusters:
            return fitted
    return None
