"""A finding: what a rule saw, against which threshold, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["pass", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's outcome; a `fail` is a gate that stops the claim, never the arithmetic."""

    id: str
    status: Status
    observed: str
    threshold: str
    source: str
    message: str
    remedy: str

    def _repr_html_(self) -> str:
        from html import escape

        cells = (self.status, self.id, self.observed, self.threshold, self.message, self.remedy, self.source)
        return "<table><tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr></table>"
