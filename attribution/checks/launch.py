"""Was anybody trained before the training was launched?"""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding
from attribution.design.windows import launch_code

LAUNCH = Rule(
    "launch",
    "no unit starts between the baseline and the launch",
    "house rule: what counts as trained is read from the data, the launch from the design",
)


def launch(evidence: Evidence) -> Finding:
    """Count the units that the data have trained after the baseline, but before the launch that the design states."""
    design, panel, estimate = evidence.design, evidence.panel, evidence.estimate
    if design is None or panel is None:
        return LAUNCH.skipped("no data to compare the launch with")
    code = launch_code(design.timing, panel.periods)
    if code is None:
        return LAUNCH.skipped("the periods are counters and the launch is a date: they do not compare")
    baseline = design.timing.baseline if estimate is None else estimate.n.baseline
    last = max(panel.periods.codes(baseline, where="timing.baseline"))
    adopted = panel.units.adopted[panel.weights > 0]
    early = adopted[(adopted > last) & (adopted < code)]
    stated = f"launch {design.timing.launch}"
    if not len(early):
        return LAUNCH.finding("pass", f"none; {stated}", "nobody starts between the baseline and the launch")
    first = panel.periods.text(int(np.min(early)))
    return LAUNCH.finding(
        "warn",
        f"{len(early)} from {first} on; {stated}",
        f"{len(early)} unit{'s start' if len(early) > 1 else ' starts'} before the launch, from {first} on, and "
        f"count{'' if len(early) > 1 else 's'} as trained: the launch or the column of the training is wrong",
        "mend [timing] launch or the column, or say in the limits who started early",
    )
