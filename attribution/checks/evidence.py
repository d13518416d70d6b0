"""What a check may look at, and how its finding is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from attribution.core.cohort import Cohort
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding, Review, Status
from attribution.core.panel import Panel
from attribution.design.prespecified import Prespecified
from attribution.design.schema import Analysis, StudyDesign
from attribution.errors import require_type
from attribution.finance.costs import CostLedger
from attribution.inference.factor import AttributionFactor
from attribution.inference.look_back import LookBack
from attribution.planning.records import DesignPower
from attribution.registry import CHECKS, load


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A study as far as it goes: all but the design may be missing; a check then says what it lacks.

    `analysis` is the primary analysis at hand and `estimate` its estimate, `estimates` those of all analyses by their
    id; `power` is what the analysis could see, as planned, `prespecified` whether the design is as it was frozen.
    """

    design: StudyDesign | None = None
    panel: Panel | None = None
    cohort: Cohort | None = None
    estimate: Estimate | None = None
    factor: AttributionFactor | None = None
    ledger: CostLedger | None = None
    look_back: LookBack | None = None
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    power: DesignPower | None = None
    analysis: Analysis | None = None
    prespecified: Prespecified | None = None

    @property
    def primary(self) -> Analysis | None:
        """The primary analysis at hand: the one given, or the only one that the design has."""
        if self.analysis is not None or self.design is None:
            return self.analysis
        known = self.design.primary
        return known[0] if len(known) == 1 else None

    @property
    def made_with(self) -> Cohort | None:
        """The cohort of the analysis: the one given, or the panel's."""
        if self.cohort is not None or self.panel is None:
            return self.cohort
        return self.panel.cohort


Check: TypeAlias = Callable[[Evidence], Finding]


@dataclass(frozen=True, slots=True)
class Rule:
    """What every finding of one check has in common: its id, threshold and source."""

    id: str
    threshold: str
    source: str

    def finding(self, status: Status, observed: str, message: str, remedy: str = "") -> Finding:
        """Return the finding of this rule."""
        return Finding(self.id, status, observed, self.threshold, self.source, message, remedy)

    def skipped(self, reason: str) -> Finding:
        """Return the finding that says why the rule could not be applied."""
        return self.finding("skipped", "", reason)

    def waits(self, evidence: Evidence, reason: str) -> Finding:
        """Return the finding of a rule that needs an estimate: for want of data, with `reason`, or of a follow-up."""
        return self.skipped(reason if evidence.panel is None else "the follow-up is not over")

    def without_cohort(self, evidence: Evidence) -> Finding:
        """Return the finding of a rule about a cohort without one: for want of data, of a follow-up, or at all."""
        declared = evidence.design is not None and len(evidence.design.cohort) > 0
        if evidence.made_with is None and (evidence.estimate is not None or not declared):
            return self.skipped("the analysis is on no cohort")
        return self.waits(evidence, "no data to make the cohort from")

    def with_cohort(self, evidence: Evidence) -> tuple[Panel, Cohort] | Finding:
        """Return the panel and the cohort of the analysis, or the finding that says why there is none to judge."""
        panel, cohort = evidence.panel, evidence.made_with
        if panel is None or cohort is None:
            return self.without_cohort(evidence)
        if panel.kind not in ("panel", "cross_section"):
            return self.skipped("the data follow no units")
        return panel, cohort


def review_evidence(evidence: Evidence, checks: Iterable[str] = tuple(CHECKS)) -> tuple[Finding, ...]:
    """Apply the named checks of the registry, by default every one, in their order."""
    return tuple(load(CHECKS, name, kind="check")(evidence) for name in checks)


def findings(panel: Panel, estimate: Estimate | None = None, *, checks: Iterable[str] = tuple(CHECKS)) -> Review:
    """Return what the rules of the review say of an estimate made by hand, without a design file.

    `panel` is the one that the estimate was made from, with its cohort; without an `estimate` the cohort alone is
    judged. `checks` are names of rules, by default every one; those that need a design or money are `skipped`. Raises
    `MethodError` for a name that is not known.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> found = at.findings(panel, at.did(panel, baseline=[1987], followup=[1988]), checks=["clusters_per_arm"])
    >>> [(one.id, one.status) for one in found]
    [('clusters_per_arm', 'pass')]
    """
    require_type(panel, Panel, name="panel", remedy="pass the panel that the estimate was made from")
    if estimate is not None:
        require_type(estimate, Estimate, name="estimate", remedy="pass what an estimator returns, such as at.did(…)")
    return Review(review_evidence(Evidence(panel=panel, estimate=estimate), checks))
