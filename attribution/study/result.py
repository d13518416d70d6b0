"""What a run leaves behind: estimates, factors, money, findings, manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attribution.core.estimate import Estimate
from attribution.core.finding import Finding, Review
from attribution.core.panel import Panel
from attribution.design.prespecified import Prespecified
from attribution.design.schema import StudyDesign
from attribution.finance.roi import Roi
from attribution.inference.factor import AttributionFactor
from attribution.inference.look_back import LookBack
from attribution.planning.records import DesignPower
from attribution.study.link import Linked
from attribution.study.manifest import Manifest
from attribution.study.prespecified import NOT_FROZEN

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class StudyResult:
    """One study, run: `estimates` and `factors` by analysis id, the money of the first primary KPI, the findings.

    `primary` are the ids of the primary analyses, the first being the headline's. `roi` is None with `roi_reason`.
    `looks_back` says for each primary analysis what the periods before the start show of trends, `powers` what it could
    see as planned, `prespecified` whether the design is as it was frozen.
    """

    design: StudyDesign
    linked: Linked = field(repr=False)
    estimates: Mapping[str, Estimate]
    factors: Mapping[str, AttributionFactor]
    primary: tuple[str, ...]
    roi: Roi | None
    roi_reason: str
    findings: tuple[Finding, ...]
    manifest: Manifest
    looks_back: Mapping[str, LookBack] = field(default_factory=dict, repr=False)
    powers: Mapping[str, DesignPower] = field(default_factory=dict, repr=False)
    prespecified: Prespecified = NOT_FROZEN

    @property
    def estimate(self) -> Estimate:
        """The headline estimate."""
        return self.estimates[self.primary[0]]

    @property
    def panel(self) -> Panel:
        """The panel that the headline estimate was made from."""
        return self.panel_of(self.primary[0])

    def panel_of(self, name: str) -> Panel:
        """Return the panel that an analysis was made from."""
        return self.linked.panel_of(self.design.analysis_of(name))

    def not_over(self, name: str) -> tuple[int, int]:
        """Return the units and rows that an analysis leaves out because their periods are not over."""
        analysis = self.design.analysis_of(name)
        read, used = self.linked.panels[analysis.kpi], self.panel_of(name)
        return len(read.units) - len(used.units), len(read.observations) - len(used.observations)

    @property
    def factor(self) -> AttributionFactor:
        """The headline share."""
        return self.factors[self.primary[0]]

    @property
    def gates_failed(self) -> tuple[Finding, ...]:
        """The findings that stop the claim."""
        return tuple(finding for finding in self.findings if finding.gate_failed)

    def tidy(self) -> pd.DataFrame:
        """Return every term of every analysis: `analysis`, then the columns of `Estimate.tidy`."""
        import pandas as pd

        frames = []
        for name, estimate in self.estimates.items():
            frame = estimate.tidy(self.manifest.level)
            frame.insert(0, "analysis", name)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def __repr__(self) -> str:
        return f"StudyResult({self.design.study.id!r} as of {self.manifest.as_of}: {self.factor!r}; {self.roi!r})"

    def _repr_html_(self) -> str:
        from html import escape

        from attribution.core.display import table_html

        caption = f"{self.design.study.title}, as of {self.manifest.as_of}"
        money = f"<p>{escape(self.roi_reason)}</p>" if self.roi is None else self.roi._repr_html_()
        open_ones = tuple(finding for finding in self.findings if finding.status in ("fail", "warn"))
        reviewed = Review(open_ones)._repr_html_() if open_ones else "<p>No finding failed or warned.</p>"
        return table_html(self.tidy(), caption=caption) + self.factor._repr_html_() + money + reviewed
