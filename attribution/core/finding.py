"""A finding: what a rule saw, against which threshold, and what to do; and the review that all of them make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["pass", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's outcome; a `fail` is a gate that stops the claim, never the arithmetic.

    `waived` says by whom, why and until when a gate that fails is accepted all the same; empty where it is not.
    """

    id: str
    status: Status
    observed: str
    threshold: str
    source: str
    message: str
    remedy: str
    waived: str = ""

    @property
    def rule(self) -> str:
        """The rule's id alone: with several primary analyses `id` names the analysis in brackets after it."""
        return self.id.partition("[")[0]

    @property
    def analysis(self) -> str:
        """The analysis that `id` names in brackets; empty with one primary analysis, and for what holds for all."""
        return self.id.partition("[")[2].removesuffix("]")

    @property
    def gate_failed(self) -> bool:
        """Say whether the finding stops the claim: it fails and nobody has waived it."""
        return self.status == "fail" and not self.waived

    def _repr_html_(self) -> str:
        return Review((self,))._repr_html_()


@dataclass(frozen=True, slots=True, eq=False)
class Review:
    """The findings of a study, in the order of the rules: iterate over them, count them, take one by its place."""

    findings: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @overload
    def __getitem__(self, place: int) -> Finding: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, place: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[place]

    @property
    def gates_failed(self) -> tuple[Finding, ...]:
        """The findings that stop the claim."""
        return tuple(finding for finding in self.findings if finding.gate_failed)

    def tidy(self) -> pd.DataFrame:
        """Return one row per finding: `id, status, observed, threshold, source, message, remedy, waived`."""
        import pandas as pd

        names = [field.name for field in fields(Finding)]
        return pd.DataFrame([astuple(finding) for finding in self.findings], columns=names)

    def __repr__(self) -> str:
        counts = [(status, sum(one.status == status for one in self.findings)) for status in _STATUSES]
        return f"Review({', '.join(f'{count} {status}' for status, count in counts if count)})"

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        order = ["status", "id", "message", "observed", "threshold", "remedy", "source"]
        waived = ["waived"] * any(one.waived for one in self.findings)
        return table_html(self.tidy()[[*order[:3], *waived, *order[3:]]])


_STATUSES = ("fail", "warn", "pass", "skipped")
