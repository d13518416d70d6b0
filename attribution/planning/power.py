"""What a study could see, for the notebook: the history of a KPI, and how many are to be compared for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.panel import NEVER, Panel
from attribution.errors import MethodError, require_counts, require_type
from attribution.planning.history import noise_of
from attribution.planning.mde import analytic_mde
from attribution.planning.records import Plan, PlannedCohort, Seen
from attribution.planning.simulated import simulated_mde
from attribution.planning.sizes import sizes_like, sizes_of
from attribution.planning.skeleton import apply_method

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Power(Seen):
    """What a plan could see of a KPI, by formula and, where asked for, by simulation with the very test.

    Effects are in KPI units and of either sign. `plan` says who is compared when, `noise` how the KPI varies and where
    that comes from.
    """

    outcome: str

    @property
    def mde(self) -> float:
        """The minimum detectable effect in KPI units; NaN with a reason in `best` where there is none."""
        return self.best.mde

    def power_at(self, effect: float) -> float:
        """Return the chance to see an effect of this size in KPI units, whatever its sign."""
        return self.best.power_at(effect)

    def tidy(self) -> pd.DataFrame:
        """Return one row per way: `how, mde, percent_of_baseline, std_error, df, size, replications, reason`."""
        import pandas as pd

        level = abs(self.noise.level) if self.noise.level else float("nan")
        rows = [
            (one.how, one.mde, 100.0 * one.mde / level, one.std_error, one.df, one.size, one.replications, one.reason)
            for one in (self.analytic, self.simulated)
            if one is not None
        ]
        columns = ["how", "mde", "percent_of_baseline", "std_error", "df", "size", "replications", "reason"]
        return pd.DataFrame(rows, columns=columns)

    def curve(self) -> pd.DataFrame:
        """Return the power curve: `effect` in KPI units, `power` the chance to see it."""
        import pandas as pd

        return pd.DataFrame({"effect": self.best.effects, "power": self.best.powers})

    def __repr__(self) -> str:
        plan = self.plan
        return (
            f"Power({plan.method!r} on {self.outcome!r}: MDE {self.mde:.4g} at {self.best.power:.0%}, "
            f"{plan.trained_clusters} clusters trained and {plan.control_clusters} not, periods before and after: "
            f"{len(plan.baseline)} and {len(plan.followup)}; {self.best.how})"
        )

    def _repr_html_(self) -> str:
        from html import escape

        from attribution.core.display import table_html

        said = (f"from {self.noise.source}", *self.noise.assumed, *self.best.caveats)
        notes = "".join(f"<li>{escape(note)}</li>" for note in said)
        return table_html(self.tidy(), caption=repr(self)) + f"<ul>{notes}</ul>"


def power(
    panel: Panel,
    method: str = "did",
    *,
    baseline: int = 6,
    followup: int = 6,
    trained_clusters: int | None = None,
    control_clusters: int | None = None,
    waves: int = 1,
    options: Mapping[str, Any] | None = None,
    level: float = 0.95,
    power: float = 0.8,
    simulate: int = 0,
    seed: int = 0,
    workers: int = 1,
) -> Power:
    """Return the smallest effect that a study would see with a given chance, from the history of the KPI.

    The panel's rows before anybody's training show how the KPI varies between and within clusters, and over time. The
    plan has `baseline` periods, then `followup` periods, at the start of which training begins, everywhere or in
    `waves` of one period each.

    Parameters
    ----------
    panel
        The KPI of the past; its clusters are those that training will be assigned by.
    method, options
        The estimator and its options, such as `{"controls": "never"}`.
    trained_clusters, control_clusters
        How many clusters will be trained and not trained, by default those that the panel says, or half of them each
        where it knows of no training. Their sizes are spread as in the panel.
    level, power
        Of the two-sided test, and the chance to see the effect.
    simulate
        The number of simulated studies that the estimator itself is run on; 0 for the formula alone.

    Raises
    ------
    MethodError
        A number that is no count, an estimator or option that does not exist or cannot be used on the plan.
    DataError
        A history that does not show how clusters differ.

    Examples
    --------
    >>> import attribution as at
    >>> from attribution.planning.power import power
    >>> frame = at.dataset("rollout")
    >>> panel = at.Panel.from_frame(frame, unit="agent", period="month", outcome="handle_time",
    ...     adopted="training_start", cluster="team")
    >>> found = power(panel, baseline=3, followup=4, trained_clusters=20, control_clusters=20)
    >>> round(found.mde, 2), found.analytic.how
    (0.15, 'analytic')

    Source: Burlig, Preonas & Woerman (2020), Panel data and experimental design, J. Development Economics 144.
    """
    require_type(panel, Panel, name="panel", remedy="build it with Panel.from_frame")
    require_counts(baseline=(baseline, 1), followup=(followup, 1), waves=(waves, 1))
    if trained_clusters is not None:
        require_counts(trained_clusters=(trained_clusters, 1))
    if control_clusters is not None:
        require_counts(control_clusters=(control_clusters, 0))
    if waves > followup:
        raise MethodError(
            f"{waves} waves start in {followup} periods of follow-up", where="waves", remedy="give a longer follow-up"
        )
    plan = _plan(panel, method, baseline, followup, trained_clusters, control_clusters, waves, options or {})
    noise = noise_of(panel, span=plan.span)
    analytic = analytic_mde(plan, noise, level=level, power=power)
    simulated = None
    if simulate:
        simulated = simulated_mde(
            plan,
            noise,
            estimate=partial(apply_method, plan),
            level=level,
            power=power,
            replications=simulate,
            seed=seed,
            workers=workers,
        )
    return Power(plan, noise, analytic, simulated, panel.columns.outcome)


def _plan(
    panel: Panel,
    method: str,
    baseline: int,
    followup: int,
    trained: int | None,
    control: int | None,
    waves: int,
    options: Mapping[str, Any],
) -> Plan:
    sizes, marked = _clusters(panel)
    known = bool(marked.any()) and not bool(marked.all())
    source = "the panel's clusters" if trained is None and control is None else "the numbers given"
    if known:
        own, others = sizes[marked], sizes[~marked]
    else:
        half = len(sizes) // 2
        own, others = sizes[:half], sizes[half:]
        if trained is None and control is None:
            source = "half of the panel's clusters in each arm"
    count = len(own) if trained is None else trained
    starts = _spread(count, min(waves, count), baseline)
    mine = sizes_like(own if len(own) == count else sizes, count)
    cohorts = [PlannedCohort(int(start), mine[starts == start]) for start in np.unique(starts)]
    left = len(others) if control is None else control
    if left:
        cohorts.append(PlannedCohort(None, sizes_like(others if len(others) == left else sizes, left)))
    return Plan(
        method=method,
        options=dict(options),
        cohorts=tuple(cohorts),
        baseline=tuple(range(baseline)),
        followup=tuple(range(baseline, baseline + followup)),
        source=source,
    )


def _clusters(panel: Panel) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the units of each cluster, those of one period where they are others each time, and who is trained."""
    units, n_clusters = panel.units, len(panel.units.cluster_labels)
    size = np.rint(sizes_of(panel, units.cluster, n_clusters))
    marked = np.bincount(units.cluster, weights=units.adopted != NEVER, minlength=n_clusters) > 0
    return size, np.asarray(marked)


def _spread(count: int, waves: int, first: int) -> NDArray[np.int64]:
    """Return the start of each of `count` clusters, spread over waves whatever their order."""
    return np.asarray(first + np.arange(count) % waves, dtype=np.int64)
